#!/bin/bash
# laplace: same
# Pipelines, one member of which is killed or leaves: the others find the end, or SIGPIPE, and all of it ends.
{
	set -m # a job is a group
	yes | cat | cat >/dev/null & kill -- -$!; wait $!; echo "group: $?"
	sleep 1000 | sleep 1000 | sleep 1000 & kill -KILL -- -$!; wait $!; echo "sleepers: $?"
	set +m
} 2>/dev/null

# The writer is killed: its reader finds the end after what was written.
mkfifo at
(echo one; echo two; echo $BASHPID >at; exec sleep 1000) | { cat; echo "end of file"; } >got &
job=$!
read -r writer <at
kill "$writer"
wait $job; cat got

# The reader is killed: its writers get SIGPIPE, or EPIPE where they ignore that.
{
	(trap '' PIPE; while echo x; do :; done; echo "EPIPE" >told) | (read -r x; kill -KILL $BASHPID)
	echo "${PIPESTATUS[@]}"; cat told
	(yes; echo never) | (read -r x; kill -KILL $BASHPID)
	echo "${PIPESTATUS[@]}"
} 2>/dev/null

# One of two writers is killed: the other one's data come, then the end.
(
	exec sleep 1000 &
	p=$!
	(echo from the other; kill $p; wait; echo after the kill) &
	wait $p 2>/dev/null; echo "killed $?" >status
	wait
) | cat
cat status

# One of two readers leaves: the other one goes on.
seq 1 20000 | { (read -r x; echo "took $x"); cat >/dev/null; echo "rest read"; }

# The middle is killed: before it SIGPIPE, behind it the end.
{
	yes | (read -r x; echo "$x"; kill -TERM $BASHPID) | { cat; echo "behind"; }
	echo "${PIPESTATUS[@]}"
} 2>/dev/null
rm -f at got told status
