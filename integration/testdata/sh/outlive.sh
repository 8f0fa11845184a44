#!/bin/bash
# laplace: same
# Background jobs that outlive their parent: their pipe ends when the last of them does.
sh -c '(sleep 0.05; echo late) & echo early' | cat
sh -c '(sleep 0.02; (sleep 0.02; (sleep 0.02; echo third) & echo second) & echo first) & exit 3' | cat; echo "${PIPESTATUS[@]}"
x=$(sh -c 'for i in 1 2 3 4; do (sleep 0.$i; echo $i) & done; echo started'); echo $x

# They write to a file that nobody else has open: whoever waits for the end of the pipe comes after them.
sh -c 'for i in 1 2 3; do (echo "job $i" >left$i; sleep 0.$i) & done' | cat
cat left1 left2 left3

# A tree of them, each ending before its children.
tree() { [ "$1" -eq 0 ] && { sleep 0.03; echo leaf; return; }; (tree $(($1 - 1))) & (tree $(($1 - 1))) & }
(tree 5) | sort | uniq -c | tr -s ' '

# A service that goes on after whoever started it: it ends with its input.
mkfifo in out end
sh -c '(while read -r q; do echo "answer to $q"; done <in >out; echo "service ends" >end) &'
exec 4>in 5<out
for q in a b c; do echo $q >&4; read -r a <&5; echo "$a"; done
exec 4>&-
read -r a <&5 || echo "its end"
exec 5<&-
cat end
rm in out end left?
