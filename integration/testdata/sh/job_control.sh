#!/bin/bash
# laplace: pinned
# Job control without a terminal, several jobs at once: groups, stops and continues, jobs by their numbers.
set -m
exec 2>/dev/null # bash tells of jobs there, with their pids
{ yes | cat >/dev/null; } & a=$!
(trap 'echo "asked to end"; exit 3' TERM; while :; do sleep 0.01; done) & b=$!
sleep 1000 & c=$!
jobs | sed 's/ *&$//'
kill -STOP %1 %3
sleep 0.05
jobs -s | sed 's/  */ /g'
jobs -r | wc -l
kill -TERM -- -$b; wait $b; echo "second: $?"
kill -KILL %1; wait $a; echo "first: $?"
kill -CONT %3; kill %3; wait $c; echo "third: $?"
jobs
# Stopped by themselves, continued in another order; wait -n sees who ends, fg waits for one.
for i in 1 2 3; do (kill -STOP $BASHPID; echo "continued $i"; exit 1$i) & p[i]=$!; done
while [ "$(jobs -s | wc -l)" -lt 3 ]; do sleep 0.01; done
for i in 3 1 2; do kill -CONT ${p[i]}; wait ${p[i]}; code=$?; while [ $code -gt 128 ]; do wait ${p[i]}; code=$?; done; echo "job $i: $code"; done
sh -c 'exit 6' & fg >/dev/null; echo "fg: $?"
(sleep 0.02; exit 7) | (cat; exit 8) & fg >/dev/null; echo "fg of a pipeline: $?"
for i in 1 2 3 4; do (sleep 0.0$((5 - i)); echo "job $i ends"; exit $i) & done
got=; while wait -n; code=$?; [ $code -ne 127 ]; do got="$got $code"; done; echo "ended:$got"
# A job's members are one group, another job's are not.
(cut -d' ' -f5 /proc/self/stat) | sed 's/$/ one group/' >group & wait $!
[ "$(cut -d' ' -f1 group)" = $! ] && echo "no group of its own" # a pipeline's group is its first member's pid, $! is its last's
read -r group text <group; [ "$group" != "$(cut -d' ' -f5 /proc/$$/stat)" ] && echo "$text" || { echo "FAIL groups"; exit 1; }
rm group
set +m
(sleep 0.02 | sleep 0.02) & kill $!; wait $!; echo "not a group: $?"
exit 0
