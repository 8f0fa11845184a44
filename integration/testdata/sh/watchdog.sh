#!/bin/bash
# laplace: same
# Loops that watch the time, and waits with one: date, SECONDS, read -t, a watchdog in the background, sleep that a trap interrupts.
end=$(( $(date +%s) + 1 )); while [ "$(date +%s)" -lt $end ]; do :; done; echo "date"
SECONDS=0; while [ $SECONDS -lt 1 ]; do sleep 0.05; done; echo "SECONDS"
mkfifo never; exec 3<>never
read -t 0.2 -r line <&3; echo "read: $(($? > 128))"
rm never
sleep 100 & job=$!
(sleep 0.3; kill $job) & dog=$!
wait $job; echo "job: $?"
wait $dog; echo "dog: $?"
trap 'echo alarm' USR1
(sleep 0.2; kill -USR1 $$) &
sleep 100 & job=$!
wait $job; echo "wait: $(($? > 128))"
kill $job; wait $job; echo "then: $?"
wait
(
	trap 'echo timed out; exit 5' ALRM
	me=$BASHPID; (sleep 0.2; kill -ALRM $me) &
	while :; do sleep 0.01; done
)
echo "loop: $?"
