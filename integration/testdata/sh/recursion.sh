#!/bin/sh
# laplace: same
# Shells within shells: sh -c that runs itself, functions, substitutions, and a script that calls itself.
if [ $# -gt 0 ]; then
	[ "$1" -eq 0 ] && { echo "bottom, level $SHLVL_TEST"; exit 11; }
	SHLVL_TEST=$((SHLVL_TEST + 1)); export SHLVL_TEST
	./prog $(($1 - 1)); code=$?
	exit $((code + 1))
fi
SHLVL_TEST=0 ./prog 20; echo "status $?"
f='[ $0 -eq 0 ] && echo done || { sh -c "$f" $(($0 - 1)); echo $0; }'
export f
sh -c "$f" 15 | tr '\n' ' '; echo
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 12
fib() { if [ $1 -lt 2 ]; then return $1; fi; (fib $(($1 - 1))); a=$?; (fib $(($1 - 2))); return $((a + $?)); }
fib 8; echo "fib $?"
(((((echo "five subshells")))))
sh -c 'sh -c "sh -c \"sh -c \\\"echo quoted deep; exit 3\\\"\"; exit \$((\$? + 1))"'; echo "status $?"
tree() { [ $1 -eq 0 ] && { echo leaf; return; }; tree $(($1 - 1)) & tree $(($1 - 1)) & wait; }
tree 5 | sort | uniq -c | tr -s ' '
