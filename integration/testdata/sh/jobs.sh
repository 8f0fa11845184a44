#!/bin/bash
# laplace: same
# Jobs in a shell without job control, and with set -m but no terminal.
sleep 0.2 & sleep 0.2 & wait %1; echo "%1 $?"; wait; echo "all $?"
(sleep 0.2; exit 3) & wait %%; echo "%% $?"
fg 2>/dev/null; echo "no job control: $?"
sleep 1000 & { kill %% && wait %%; } 2>/dev/null; echo "kill %%: $?"
sleep 1000 & disown; kill $! && echo "disowned"
[ -z "$(jobs -r -p)" ] && echo "nothing runs"
(
	set -m
	sh -c 'exit 5' & wait $!; echo "set -m: $?"
	# Each job has a group of its own, named by its pid.
	sh -c 'while :; do sleep 1; done' & p=$!
	{ kill -TERM -- -$p; wait $p; } 2>/dev/null; echo "its group: $?"
	sh -c 'kill -STOP $$; exit 6' & p=$!
	until [ "$(cut -d' ' -f3 /proc/$p/stat)" = T ]; do sleep 0.01; done
	echo "stopped"
	kill -CONT $p; { wait $p; } 2>/dev/null; code=$?
	while [ $code -gt 128 ]; do { wait $p; } 2>/dev/null; code=$?; done
	echo "continued: $code"
) 2>/dev/null
