#!/bin/bash
# laplace: pinned
# xargs -P: several children at once, with one output, their statuses, signals that change how many, and slots.
list() { seq 1 16; }
square='echo "$0 $(($0 * $0))"'
list | xargs -n 1 -P 4 sh -c "$square" >out
[ "$(sort -n out | md5sum)" = "$(list | xargs -n 1 sh -c "$square" | md5sum)" ] || { echo "FAIL lines were lost"; exit 1; }
paste -sd, out
list | xargs -n 3 -P 8 echo
list | xargs -I{} -P 2 sh -c 'echo "begin {}"; true; echo "end {}"'
# One process a name, each with files of its own.
list | xargs -n 1 -P 4 sh -c 'seq 1 "$0" >"n$0"; sort -r "n$0" >"r$0"; cmp -s "n$0" "r$0" || echo "$0 differs"'
cat n* r* | md5sum; rm n* r*
# Unequal work: who has ended makes room for the next one.
list | xargs -n 1 -P 3 sh -c 'i=0; while [ $i -lt $(($0 * 7 % 11 * 10)) ]; do i=$((i + 1)); [ -e /dev/null ]; done; echo "$0 after $i"'
list | xargs -n 1 -P 4 --process-slot-var=SLOT sh -c 'echo "$0 in slot $SLOT"'
list | xargs -n 1 -P 0 sh -c 'sleep 0.0$(($0 % 4)); echo "$0 slept"'
# Statuses: 123 if one fails, 124 if one ends with 255, which also stops it, 125 for signals.
list | xargs -n 1 -P 4 sh -c '[ $0 -ne 5 ]'; echo "123: $?"
list | xargs -n 1 -P 4 sh -c 'echo "ran $0"; [ $0 -ne 6 ] || exit 255' 2>&1; echo "124: $?"
list | xargs -n 1 -P 4 sh -c '[ $0 -ne 7 ] || kill -TERM $$' 2>/dev/null; echo "125: $?"
# Within one another: each of four has four.
seq 1 4 | xargs -P 4 -I{} sh -c 'seq 1 4 | xargs -n 1 -P 4 echo {}'
# From find, without a shell.
mkdir -p d; for i in $(list); do echo "$i" >d/$i; done
find d -type f -print0 | sort -z | xargs -0 -n 1 -P 4 cat
find d -type f -print0 | sort -z | xargs -0 -n 2 -P 4 wc -c
rm -r d out
