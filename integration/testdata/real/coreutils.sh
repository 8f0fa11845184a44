#!/bin/sh
# laplace: same refused=ioctl
# coreutils: files, text, checksums, numbers. What depends on the host or the moment is in coreutils_pinned.sh.
set -e

# Files.
mkdir -p d/e/f
echo content >d/a
cp -a d d2
mv d2/a d2/b
ln d/a d/hard
ln -s a d/soft
diff -r d/e d2/e
cp -r --preserve=mode,links d d3
cmp d/a d3/hard
readlink d3/soft
realpath --relative-to=d d3/soft
install -D -m 750 d/a inst/bin/a
stat -c '%A %a %s %F %N' inst/bin/a d/soft
rm -rf d2
rmdir d/e/f
truncate -s 10000 sparse
dd if=/dev/zero of=holes bs=4k seek=10 count=1 conv=notrunc 2>/dev/null
stat -c %s sparse holes
cp --sparse=always holes dense
cmp holes dense
chmod u=rw,go= dense
stat -c %a dense
touch -d '2001-02-03 04:05:06' dense
stat -c %y dense
touch -r dense m
[ m -nt dense ] || echo same age
ls; ls -R inst

# Text.
seq 1 1000 >n
head -n 3 n; tail -n 2 n; tail -n +998 n; tac n | head -n 1
wc n; nl n | sed -n 500p; od -c n | sed -n 2p
split -n l/4 n s.
cat s.* | cmp - n
csplit -s n 100 500
wc -l xx*
cut -c1 n | sort | uniq -c
paste -d, n n | tail -n 1
join n n 2>/dev/null | tail -n 1
sort -n -r n | head -n 1
sort -k1,1 n | head -n 3
tr 0-9 a-j <n | tail -n 1
fold -w 7 n | tail -n 1
fmt -w 40 n | head -n 1
pr -3 -t n | sed -n 2p
expand n | unexpand | cmp - n
ptx -w 40 n | head -n 1
printf 'a b\nb c\n' | tsort
shuf --random-source=/dev/zero -i 1-9 | tr '\n' ' '
seq 1 300000 | sort -R --random-source=/dev/zero | sort -n | md5sum
yes 1234567890 | head -n 200000 | sort -u
mkfifo p
tee q <p >/dev/null & echo through >p; wait
cat q

# Checksums, numbers, dates, environment.
md5sum n; sha1sum n; sha512sum n; b2sum n; cksum n; sum n
sha256sum n | tee sum
sha256sum -c sum
base64 n | base64 -d | cmp - n
basenc --base16 sum | head -n 1
factor 1234567890; expr 6 \* 7; numfmt --to=iec 123456789
printf '%05.2f %x %s\n' 3.14159 255 end
date -u -d @1000000000; date -u -d '2001-02-03 +1 month' +%F
basename /a/b.c .c; dirname /a/b.c
env -i A=1 env; env A=2 sh -c 'echo $A'
nice -n 5 nice; stdbuf -oL echo buffered; nohup true </dev/null
sleep 0.1; sync; du -b --apparent-size n | cut -f1
tty || logname 2>/dev/null || echo no terminal, no login
rm p
