#!/usr/bin/perl
# laplace: pinned
# perl: hash order, rand, time, pids, temporary names, addresses.
use strict;
use warnings;
use File::Temp qw(tempfile tempdir);
use List::Util 'shuffle';
use Sys::Hostname;
use Time::HiRes qw(time sleep clock_gettime CLOCK_MONOTONIC);
$| = 1;

my %h = map { $_ => 1 } 'a' .. 'z';
print join('', keys %h), "\n";
print rand, ' ', int rand 1e9, "\n";
print join(' ', shuffle 1 .. 20), "\n";
print time, ' ', clock_gettime(CLOCK_MONOTONIC), ' ', scalar(localtime), " $^T\n";
print "$$ ", getppid, ' ', hostname, " $< $(\n";
my ($f, $name) = tempfile();
print "$name\n", tempdir(CLEANUP => 1), "\n";
print join(' ', times), "\n";
my $t = time;
sleep 2.5;
my $e = time - $t;
if ($e < 2.5) { print "FAIL slept $e\n"; exit 1 }
print "$e\n";
mkdir 'd';
for ('q' .. 'z') { open my $x, '>', "d/$_" }
opendir my $d, 'd';
print join(' ', readdir $d), "\n", join(' ', stat 'd/q'), "\n";
print \%h, ' ', \$f, "\n";
for (1 .. 3) { fork // die or do { print "child $$ ", rand, "\n"; exit } }
1 while wait > 0;
print map { "$_=$ENV{$_}\n" } sort keys %ENV;
unlink $name;
