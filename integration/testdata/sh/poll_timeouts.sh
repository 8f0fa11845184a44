#!/bin/bash
# laplace: pinned
# Reading with timeouts while children write at different times: whether a line or the timeout comes first is decided by
# clocks. The times are far enough apart for a busy machine only in a box.
try() { # timeout, then the times at which a child writes
	local t=$1 got= line; shift
	while :; do
		if read -r -t "$t" line; then got="$got $line"; elif [ $? -gt 128 ]; then got="$got timeout"; else break; fi
	done < <(for s in "$@"; do sleep "$s"; echo "$s"; done)
	echo "read -t $t:$got"
}
try 0.08 0.01 0.02 0.03
try 0.02 0.01 0.05 0.01 0.03
try 0.01 0.03 0.03

# Several children, one pipe, and a reader that gives up now and then.
{ for i in 3 1 2 5 4; do (for k in 1 2 3; do sleep 0.0$i; echo "$i.$k"; done) & done; wait; } | {
	n=0
	while :; do
		if read -r -t 0.005 line; then got="$got $line"; n=$((n + 1)); elif [ $? -gt 128 ]; then got="$got ."; else break; fi
	done
	echo "$got"
	[ $n -eq 15 ] || { echo "FAIL $n lines"; exit 1; }
} || exit 1

# Is there something to read? Asked again and again.
{ sleep 0.03; echo ready; } | {
	n=0
	until read -r -t 0; do n=$((n + 1)); sleep 0.01; done
	read -r line; echo "$line"
	[ -z "$LAPLACE_TEST_BOXED" ] || echo "asked $n times"
}
# Sleepers of one length end in one order.
for i in 1 2 3 4 5; do (sleep 0.02; echo "woke $i") & done; wait
exit 0
