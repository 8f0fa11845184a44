#!/bin/sh
# laplace: same
# timeout(1): what ends in time, what does not, what ignores the signal, what is left in the background, in pipelines, nested.
exec 2>/dev/null # sh tells there whom it has seen being killed, in time
timeout 5 true; echo "ends: $?"
timeout 5 sh -c 'exit 7'; echo "fails: $?"
timeout 5 sleep 0.1; echo "sleeps: $?"
timeout 0.2 sleep 100; echo "too long: $?"
timeout -s KILL 0.2 sleep 100; echo "killed: $?"
timeout -s INT 0.2 sh -c 'trap "echo interrupted; exit 3" INT; while :; do sleep 0.01; done'; echo "trapped: $?"
timeout --preserve-status 0.2 sh -c 'trap "exit 4" TERM; while :; do sleep 0.01; done'; echo "its own status: $?"
timeout -k 0.2 0.2 sh -c 'trap "" TERM; while :; do sleep 0.01; done'; echo "ignores it: $?"
timeout 5 timeout 0.2 sleep 100; echo "inner: $?"
timeout 0.2 timeout 50 sleep 100; echo "outer: $?"
timeout --foreground 0.2 sleep 100; echo "foreground: $?"
(sleep 0.1; echo late) | timeout 5 cat
sleep 0.5 | timeout 0.2 cat; echo "reads: $?"
timeout 5 sh -c 'echo one; sleep 0.1; echo two' | while read -r line; do echo "got $line"; done
timeout 0 true; echo "no limit: $?"
timeout 5 /nonexistent 2>/dev/null; echo "absent: $?"
