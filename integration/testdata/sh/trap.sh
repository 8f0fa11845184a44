#!/bin/sh
# laplace: same
# Traps: EXIT, signals sent by the shell itself and by children, subshells, ignored signals, status within a trap.
trap 'echo "USR1 taken"' USR1
kill -USR1 $$; echo "after it"
(trap 'echo "exit of a subshell: $?"' EXIT; exit 3); echo "status $?"
sh -c 'trap "echo bye" EXIT; echo work'
sh -c 'trap "echo interrupted; exit 5" INT; kill -INT $$; echo never'; echo "status $?"
sh -c 'trap "" TERM; kill -TERM $$; echo survived'; echo "status $?"
# An ignored signal stays ignored in what is executed; a trapped one does not.
sh -c 'trap "" TERM; sh -c "kill -TERM \$\$; echo inherited"'
sh -c 'trap "echo no" TERM; sh -c "kill -TERM \$\$; echo never" 2>/dev/null'; echo "status $?"
sh -c 'trap "echo one" USR1; trap "echo two" USR1; kill -USR1 $$; trap - USR1; (trap) | wc -l | tr -d " "'
# A trap runs when the foreground command has ended, not before.
sh -c 'trap "echo trapped" USR1; sh -c "kill -USR1 $$; sleep 0.05; echo foreground ends"; echo next'
# wait is interrupted by a trapped signal and tells so by its status.
sh -c 'trap "taken=1" USR1; (while kill -USR1 $$; do sleep 0.02; done) & child=$!
wait $child; [ $? -gt 128 ] && echo "interrupted, trap taken: $taken"
kill -KILL $child; trap "" USR1; wait $child; echo "child: $?"' 2>/dev/null
sh -c 'trap "echo cleanup; rm -f temp" EXIT HUP; : >temp; kill -HUP $$; ls temp 2>/dev/null; exit 0'
ls temp 2>/dev/null; echo "gone $?"
sh -c 'trap "exit 9" EXIT; exit 1'; echo "status $?"
sh -c 'trap "echo last words" EXIT; kill -KILL $$' 2>/dev/null; echo "no last words: $?"
trap 'echo "the end: $?"' EXIT
exit 0
