#!/bin/sh
# laplace: same refused=clone3
# find and sort on larger input; sort may want threads, and does without.
set -e
for a in 1 2 3 4 5 6 7 8; do
	mkdir -p t/$a
	(cd t/$a; seq 1 40 | xargs touch)
done
touch -d 1991-01-01 t/3/*
touch -d 1995-01-01 t/5/7
find t | wc -l
find t -type f -newermt 1993-01-01 ! -newermt 1997-01-01
find t -path 't/3/1*' | sort | tr '\n' ' '
find t -maxdepth 1 -mindepth 1 -name '[1-3]' | sort
find t -name 7 -printf '%f %d %y %h\n' | sort
find t -empty -type f | wc -l
find t -regex '.*/[12]/3.?' | sort | head -n 3
find t -perm -200 -type d | wc -l
find t -prune
find t -type f -name 4 -delete; find t -type f | wc -l
find t -mindepth 2 -name '1*' -exec echo {} + | wc -w
find t \( -name 1 -o -name 2 \) -a ! -path '*/5/*' | sort | wc -l
find t missing -name none 2>/dev/null || echo "find $?"

awk 'BEGIN { for (i = 0; i < 250000; i++) { x = (x * 69069 + 12345) % 2147483647; print x, i } }' >d
sort d | md5sum
sort -n d | md5sum
sort -n -r -k2 d | head -n 1
sort -u -k1,1n d | wc -l
sort -s -k1.1,1.2 d | md5sum
sort --parallel=4 -S 2M d | md5sum
sort -c d 2>/dev/null || echo unsorted
sort -V -k1 d | tail -n 1
rm d
printf 'b\nA\na\nB\n' | sort -f | tr '\n' ' '
printf '10 x\n9 y\n' | sort -t' ' -k1,1n -o o; cat o; sort -m o o | wc -l
printf 'JAN\nDEC\nFEB\n' | sort -M | tr '\n' ' '
