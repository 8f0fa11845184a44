#!/bin/bash
# laplace: pinned
# Two looks at the clock around a sleep: at least as far apart as the sleep, and in a box at most 10 ms more.
[ -n "$LAPLACE_TEST_BOXED" ] && list='0.2 1 5 3600' || list='0.1'
for s in $list; do
	a=$(date +%s%N); sleep $s; b=$(date +%s%N)
	ms=$(((b - a) / 1000000)) want=$(awk "BEGIN { print int($s * 1000) }")
	[ $ms -ge $want ] || { echo "FAIL sleep $s took $ms ms"; exit 1; }
	if [ -n "$LAPLACE_TEST_BOXED" ] && [ $ms -gt $((want + 10)) ]; then echo "FAIL sleep $s took $ms ms"; exit 1; fi
	echo "$s $((b - a))"
done
# Time moves on for whoever sees it: bytes carry it.
last=0
for i in 1 2 3 4 5; do
	now=$(date +%s%N)
	[ $now -gt $last ] || { echo "FAIL clock stands: $last, then $now"; exit 1; }
	date +%s%N >stamp$i; read -r last <stamp$i
	[ $last -gt $now ] || { echo "FAIL clock stands: $now, then $last"; exit 1; }
done
# Parallel sleeps take as long as the longest.
a=$(date +%s%N); for i in 1 2 3 4; do sleep 0.$i & done; wait; b=$(date +%s%N)
ms=$(((b - a) / 1000000)); [ $ms -ge 400 ] || { echo "FAIL parallel sleeps took $ms ms"; exit 1; }
[ -z "$LAPLACE_TEST_BOXED" ] || [ $ms -lt 440 ] || { echo "FAIL parallel sleeps took $ms ms"; exit 1; }
