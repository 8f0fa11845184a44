#!/bin/sh
# laplace: same
# sort with a small buffer: temporary files in $TMPDIR, merged in passes, nothing left behind.
mkdir tmp; TMPDIR=$PWD/tmp; export TMPDIR
awk 'BEGIN { for (i = 0; i < 60000; i++) { x = (x * 69069 + 12345) % 2147483647; print x } }' >data
sort -n -S 64k --parallel=1 data >sorted; sort -n -c sorted && echo ordered; md5sum <sorted
sort -n -S 64k --parallel=1 --compress-program=gzip data | cmp - sorted && echo compressed
sort -m sorted sorted -n | wc -l
ls -A tmp; rm -r tmp data sorted
