#!/bin/sh
# laplace: same
# Background jobs: wait for all, for one, for several; statuses; standard input is /dev/null; nested shells.
(exit 3) & wait $!; echo "status $?"
(exit 4) & a=$!
(exit 5) & b=$!
wait $b; echo "second $?"
wait $a; echo "first $?"
wait $a; echo "again $?" >/dev/null
for i in 1 2 3 4 5; do (sleep 0.0$i; echo $i >job$i) & done
wait; echo "all: $?"
cat job1 job2 job3 job4 job5
wait 999999999; echo "not a child: $?"
cat & wait $!; echo "stdin of a background job is empty: $?"
{ echo group; exit 6; } & wait $!; echo "group $?"
sleep 0.1 | cat & wait $!; echo "pipeline $?"
false & wait; echo "wait without operands: $?"
f() { return 9; }
f & wait $!; echo "function $?"
(sleep 0.05 & wait; echo inner waited) & wait; echo outer waited
(cd / && exec sh -c 'exit 8') & wait $!; echo "exec $?"
i=0
while [ $i -lt 50 ]; do (exit $i) & pids="$pids $!"; i=$((i + 1)); done
sum=0
for p in $pids; do wait $p; sum=$((sum + $?)); done
echo "sum $sum"
