#!/bin/bash
# laplace: same
# bash: wait -n returns for whichever job ends next; wait -p names it; jobs released in turn through FIFOs.
mkfifo go1 go2 go3
for i in 1 2 3; do
	(read -r code <go$i; sleep 0.2; exit "$code") &
	pid[i]=$!
done
for i in 2 3 1; do
	echo $((i * 10)) >go$i
	wait -n -p which
	echo "status $?, job $([ "$which" = "${pid[i]}" ] && echo $i)"
done
wait -n; echo "none left: $?"

# Some of them only: the others may end meanwhile.
(exit 4) & a=$!
(sleep 0.05; exit 5) & b=$!
wait -n "$b"; echo "named: $?"
wait "$a"; echo "kept for later: $?"

# Jobs with different sleeps, told apart by their status, sum only.
sum=0
for i in 1 2 3 4 5 6; do (sleep 0.$((i % 3 + 2)); exit $i) & done
while wait -n; code=$?; [ $code -ne 127 ]; do sum=$((sum + code)); done
echo "sum $sum"
rm go1 go2 go3
