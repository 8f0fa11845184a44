#!/bin/bash
# laplace: pinned
# bash: which of several jobs `wait -n` returns is a race natively and one order in a box: after equal work, after unequal
# work, after sleeps, with traps, and with new jobs started all the time.
order() {
	local got=
	while wait -n; code=$?; [ $code -ne 127 ]; do got="$got $code"; done
	echo "$1:$got"
	n=$(wc -w <<<"$got"); [ "$n" -eq "$2" ] || { echo "FAIL $n jobs"; exit 1; }
}
for i in 1 2 3 4 5 6; do (exit $i) & done; order "equal work" 6
for i in 6 5 4 3 2 1; do (for ((k = 0; k < i * 20; k++)); do [ -e /dev/null ]; done; exit $i) & done; order "calls" 6
for i in 6 5 4 3 2 1; do (for ((k = 0; k < i * 500; k++)); do :; done; exit $i) & done; order "no calls" 6
for i in 3 1 2; do (sleep 0.0$i; exit $i) & done; order "sleeps" 3
for i in 1 2 3 4; do (true | true; sh -c "exit $i") & done; order "with children" 4
for i in 1 2 3 4; do { true; exit $i; } | (exit $i) & done; order "pipelines" 4

# A pool: never more than three at once, a new one whenever one has ended.
running=0 got=
for i in {1..15}; do
	if ((running == 3)); then wait -n -p who; got="$got $?/$([ "$who" = "${pid[$?]}" ] && echo its-pid)"; ((running--)); fi
	(for ((k = 0; k < (i * 7 % 5) * 30; k++)); do [ -e /dev/null ]; done; exit "$i") & pid[i]=$!
	((running++))
done
while wait -n; code=$?; [ $code -ne 127 ]; do got="$got $code"; done
echo "pool:$got"

# The trap on SIGCHLD runs once for each of them.
trap 'ended=$((ended + 1))' CHLD
ended=0
for i in 1 2 3 4 5; do (exit $i) & done
wait; wait
trap - CHLD
echo "trapped $ended"

# Some of them, by their pids.
for i in 1 2 3 4; do (exit $i) & p[i]=$!; done
wait -n "${p[2]}" "${p[4]}"; a=$?
wait -n "${p[1]}" "${p[3]}"; b=$?
echo "of two and four: $a, of one and three: $b"
wait
exit 0
