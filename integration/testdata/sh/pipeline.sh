#!/bin/sh
# laplace: same
# Pipelines: order of data, status of the last command, negation, groups and loops as members, data larger than a pipe.
printf 'c\na\nb\n' | sort | sed 's/^/line /'
printf '3\n1\n2\n' | sort -n | while read n; do echo "got $n"; done
true | false; echo "status $?"
false | true; echo "status $?"
! true | false; echo "negated $?"
{ echo one; echo two; } | (read a; read b; echo "$b $a")
x=outer; echo inner | { read x; echo "in the pipe: $x"; }; echo "after it: $x"
seq 1 100000 | grep 7 | tail -n 1
seq 1 100000 | cat | cat | cat | cat | cat | cat | cat | cat | md5sum
head -c 3000000 /dev/zero | tr '\0' x | wc -c
for i in 1 2 3; do echo $i; done | for j in a b c; do read i; echo $i$j; done
echo first | cat; echo second | cat | cat; echo third
(echo to stdout; echo to stderr >&2) 2>&1 | sort
exit 3 | exit 4; echo "status $?"
: | cat | :
sh -c 'cat | sh -c "cat | sh -c cat"' <<end
through three shells
end
