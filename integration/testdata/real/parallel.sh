#!/bin/bash
# laplace: pinned
# GNU parallel: jobs in parallel with grouped output, in order and as they come, from arguments, a pipe and a table.
export PARALLEL_HOME=$PWD/conf
mkdir conf; : >conf/will-cite
parallel -j4 'sleep 0.0{}; echo {}' ::: 3 1 2 0
parallel -j4 -k 'sleep 0.0{}; echo {}' ::: 3 1 2 0
seq 1 12 | parallel -j8 -k 'echo {} $(({} * {}))' | tee squares | paste -sd,
[ "$(wc -l <squares)" -eq 12 ] || { echo "FAIL squares"; exit 1; }
parallel -j3 --line-buffer 'for i in 1 2 3; do echo {}$i; done' ::: a b c
parallel -j4 -k --tag echo '{1}-{2}' ::: x y ::: 1 2 3
parallel -j2 --joblog log 'exit {}' ::: 0 1 2; echo "failed: $?"; tail -n +2 log | cut -f 7 | sort | paste -sd' '
parallel -j4 --halt now,fail=1 'sleep 0.0{}; [ {} -ne 2 ]' ::: 5 1 2 4 2>/dev/null; echo "halted: $?"
seq 1 20000 | parallel -j4 -k --pipe -N 5000 'sort -rn | head -n 1'
for f in a b c d; do seq 1 ${#f}00 >$f.txt; done
parallel -j4 'gzip -n {}; gunzip -c {}.gz | md5sum >{.}.sum' ::: *.txt; cat *.sum
parallel -j2 --timeout 1 --joblog times 'sleep {}; echo slept {}' ::: 0 30; echo "timed out: $?"
tail -n +2 times | cut -f 7,8 | sort
rm -r conf log times squares *.gz *.sum
