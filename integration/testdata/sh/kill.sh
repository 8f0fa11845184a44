#!/bin/sh
# laplace: same
# kill from scripts: the default signal, others by name and number, statuses, stopping and continuing, groups.
sleep 1000 & kill $!; wait $! 2>/dev/null; echo "TERM $?"
sleep 1000 & kill -9 $!; wait $! 2>/dev/null; echo "KILL $?"
sh -c ': >ignores; exec sleep 1000' & while [ ! -e ignores ]; do sleep 0.01; done
kill -s INT $!; kill -s HUP $!; wait $! 2>/dev/null; echo "HUP, because INT is ignored in the background: $?"
sleep 1000 & p=$!
kill -0 $p && echo "alive"
kill -STOP $p; kill -0 $p && echo "stopped, alive"; kill -TERM $p; kill -CONT $p
wait $p 2>/dev/null; echo "TERM after CONT $?"
kill -0 $p 2>/dev/null; echo "gone $?"
kill -0 999999999 2>/dev/null; echo "no such process $?"
kill -l 143 && kill -l 9
(trap 'echo took TERM; exit 4' TERM; : >ready; while :; do sleep 0.01; done) & p=$!
while [ ! -e ready ]; do sleep 0.01; done
kill $p; wait $p; echo "trapped $?"
sh -c 'kill -USR2 $$' 2>/dev/null; echo "itself $?"
sh -c 'exit 200'; echo "not a signal $?"
# The parent of whoever asks.
sh -c 'trap "echo parent was told" USR1; sh -c "kill -USR1 \$PPID"; :'
# Three of them, killed in the opposite order.
sleep 1000 & a=$!; sleep 1000 & b=$!; sleep 1000 & c=$!
kill $c; wait $c 2>/dev/null; kill -HUP $b; wait $b 2>/dev/null; x=$?; kill -KILL $a; wait $a 2>/dev/null; echo "$x $?"
# A whole group, through a session of its own.
setsid sh -c 'sleep 1000 & sleep 1000 & : >grouped; wait; echo never' & p=$!
while [ ! -e grouped ]; do sleep 0.01; done
kill -TERM -$p; wait $p 2>/dev/null; echo "group $?"
