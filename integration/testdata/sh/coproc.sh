#!/bin/bash
# laplace: same
# bash: coprocesses, as a filter, as a calculator, and ended by closing or killing.
coproc UPPER { while read -r line; do echo "${line^^}"; done; echo "at the end" ; }
exec 5>&"${UPPER[1]}" 6<&"${UPPER[0]}"
eval "exec ${UPPER[1]}>&-"
for word in alpha beta gamma; do
	echo $word >&5
	read -r answer <&6
	echo "$word $answer"
done
pid=$UPPER_PID
exec 5>&-
read -r answer <&6; echo "$answer"
read -r answer <&6; echo "end of file: $?"
wait "$pid"; echo "status $?"
exec 6<&-

coproc CALC { while read -r a op b; do echo $((a $op b)); done; exit 7; }
for e in '1 + 2' '6 * 7' '2 - 10'; do
	echo "$e" >&"${CALC[1]}"
	read -r r <&"${CALC[0]}"
	echo "$e = $r"
done
calc=$CALC_PID in=${CALC[1]}
eval "exec $in>&-"
wait "$calc"; echo "status $?"

coproc SLEEPER { exec sleep 1000; }
sleeper=$SLEEPER_PID
{ kill -KILL "$sleeper"; wait "$sleeper"; } 2>/dev/null; echo "killed: $?"
