#!/bin/bash
# laplace: pinned flags="--at /work"
# Two hundred processes at once, all started before the first may go on, with one pipe back.
mkfifo go
exec 3<>go
rm go
{
	for ((i = 0; i < 200; i++)); do
		sh -c 'token=$(dd bs=5 count=1 <&3 2>/dev/null); echo "$0 $token"; exit $(($0 % 7))' $i &
		pids[i]=$!
	done
	for ((i = 0; i < 200; i++)); do printf 't%03d\n' $i; done >&3
	sum=0
	for ((i = 0; i < 200; i++)); do
		wait "${pids[i]}"; code=$?
		[ $code -eq $((i % 7)) ] || echo "FAIL $i ended with $code"
		sum=$((sum + code))
	done
	echo "sum $sum"
} | {
	n=0 last=
	while read -r who token; do
		case $who in
		FAIL) echo "FAIL $token"; exit 1 ;;
		sum) last=$token ;;
		*) n=$((n + 1)); all="$all $who/$token"; tokens="$tokens$token
" ;;
		esac
	done
	[ $n -eq 200 ] || { echo "FAIL $n answers"; exit 1; }
	[ "$(echo -n "$tokens" | sort -u | wc -l)" -eq 200 ] || { echo "FAIL a token was taken twice"; exit 1; }
	echo "$n answers, sum $last:$all"
} || exit 1

# As many that nobody holds back, each a child of the one before.
chain() { [ "$1" -eq 0 ] && { echo bottom; return; }; (chain $(($1 - 1)); echo -n "$1 ") & wait; }
chain 60; echo

# A pipeline of sixty.
line='seq 1 2000'
for ((i = 0; i < 60; i++)); do line="$line | cat"; done
eval "$line" | md5sum
