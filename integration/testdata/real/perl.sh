#!/usr/bin/perl
# laplace: same
# perl: processes, pipes, signals, sorting, text, packing; what is random is in perl_pinned.sh.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Find;
use File::Path qw(make_path);
use IPC::Open2;
use IPC::Open3;
use List::Util qw(sum max shuffle);
use POSIX qw(:sys_wait_h strftime);
$| = 1;

my %h = map { $_ => length } qw(pear fig banana kiwi apple);
print join(',', map { "$_=$h{$_}" } sort keys %h), "\n";

my $pid = fork // die;
if (!$pid) { print "child\n"; exit 3 }
waitpid $pid, 0;
print "status ", $? >> 8, "\n";
pipe my $r, my $w;
if (!fork) { close $r; print $w "line $_\n" for 1 .. 3; exit }
close $w;
print while <$r>;
wait;
print "reaped $?\n";
$pid = open2(my $out, my $in, 'sort', '-n');
print $in "$_\n" for 3, 1, 2;
close $in;
print map { "sorted $_" } <$out>;
waitpid $pid, 0;
$pid = open3(my $in3, my $out3, undef, 'sh', '-c', 'echo out; echo err >&2; exit 4');
close $in3;
print sort <$out3>;
waitpid $pid, 0;
print "open3 ", $? >> 8, "\n";
print "backtick ", `echo hi | tr a-z A-Z`;
system 'exit 5';
print "system ", $? >> 8, "\n";
system 'kill -9 $$';
print "signal ", $? & 127, "\n";

local $SIG{USR1} = sub { print "USR1\n" };
kill USR1 => $$;
my $left = 3;
local $SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) { $left-- } };
for my $n (1 .. 3) { fork // die or do { select undef, undef, undef, $n / 50; exit } }
select undef, undef, undef, 0.05 while $left;
$SIG{CHLD} = 'DEFAULT';
print "all reaped\n";

make_path 'f/g/h';
for my $n (qw(f/1 f/g/2 f/g/h/3)) { open my $f, '>', $n or die; print $f "$n\n" x 10 }
my @found;
find({ wanted => sub { push @found, $File::Find::name if -f }, no_chdir => 1 }, 'f');
print join(' ', sort @found), "\n";
open my $fh, '+<', 'f/1' or die;
seek $fh, -4, 2;
print <$fh>;
truncate $fh, 5;
print -s 'f/1', "\n";
flock $fh, 2 or die;
rename 'f/1', 'f/one';
symlink 'one', 'f/link';
print readlink 'f/link', ' ', (stat 'f/link')[7], "\n";
opendir my $d, 'f';
print join(' ', sort grep { !/^\./ } readdir $d), "\n";

print strftime('%F %T', gmtime 1e9), ' ', sha256_hex('abc'), "\n";
print join(' ', unpack 'N n C a3', pack 'N n C a3', 1, 2, 3, 'abc'), sprintf(' %.3f %s', atan2(1, 1) * 4, 2**60), "\n";
my $text = join ' ', map { chr(97 + $_ % 26) x ($_ % 5 + 1) } 0 .. 200;
my %n;
$n{$_}++ for $text =~ /\b(\w)\w*/g;
print join('', map { "$_$n{$_}" } sort keys %n), "\n";
srand 42;
print join(' ', map { int rand 100 } 1 .. 10), "\n";
print join(' ', sort { $a <=> $b } shuffle 1 .. 10), ' ', sum(1 .. 100), ' ', max(3, 9, 4), "\n";
my $v = eval { die { code => 9 } } || $@->{code};
print "$v\n";
exec 'echo', 'the', 'end';
