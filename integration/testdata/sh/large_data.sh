#!/bin/sh
# laplace: same
# Megabytes through pipes, here and there, with tools that read and write in different sizes.
dd if=/dev/zero bs=64k count=48 2>/dev/null | wc -c
dd if=/dev/zero bs=1000 count=3000 2>/dev/null | dd bs=7777 2>/dev/null | wc -c
head -c 5000000 /dev/zero | tr '\0' 'a' | fold -w 100 | wc -l
seq 1 50000 | sort -r | sort -n | md5sum
seq 1 50000 | gzip -n | gzip -d | md5sum
seq 1 50000 >numbers; cat numbers numbers | sort -n | uniq | cmp - numbers && echo same
(seq 1 20000; seq 1 20000) | awk '!seen[$0]++' | wc -l
cat numbers | (head -n 1; cat >/dev/null)
tac numbers | head -n 1; rev numbers | sort -n | tail -n 1
base64 -w 0 numbers | base64 -d | cmp - numbers && echo decoded
od -An -tx1 numbers | md5sum; xargs -n 1000 <numbers | wc -l
dd if=numbers of=copy bs=4k iflag=fullblock 2>/dev/null; cmp copy numbers && rm numbers copy
