#!/bin/bash
# laplace: same
# Jobs that stop: by SIGTSTP, SIGTTIN and SIGSTOP, gone on with by fg, bg and SIGCONT, their states in jobs; a whole pipeline, and one that sleeps with a timer.
set -m
exec 2>/dev/null
(trap 'echo "asked to stop"; kill -STOP $BASHPID' TSTP; sleep 0.1; for i in 1 2 3; do sleep 0.02; done; exit 3) & a=$!
sleep 0.05; kill -TSTP $a; sleep 0.5
jobs -s %1 | sed 's/  */ /g;s/(.*//;q'
fg %1 >/dev/null; echo "fg: $?"
sh -c 'kill -TSTP $$; exit 4' & b=$!
while [ -z "$(jobs -s)" ]; do sleep 0.01; done
jobs | sed 's/  */ /g;s/(.*//'
bg %% >/dev/null; wait $b; echo "bg: $?"
sleep 0.3 & c=$!
kill -STOP $c; sleep 0.05; kill -CONT $c; wait $c; code=$?
while [ $code -gt 128 ]; do wait $c; code=$?; done; echo "sleep: $code"
{ sh -c 'kill -STOP 0; echo through'; } | cat & d=$!
while [ -z "$(jobs -s)" ]; do sleep 0.01; done
fg >/dev/null; echo "pipeline: $?"
timeout 0.5 sh -c 'kill -STOP $$; exit 9' & e=$!
wait $e; code=$?; while [ $code -gt 128 ]; do wait $e; code=$?; done
echo "stopped for too long: $code"
kill -0 $e || echo "gone"
exit 0
