#!/bin/bash
# laplace: same
# bash: process substitution, for reading and for writing.
diff <(printf 'a\nb\n') <(printf 'a\nc\n')
paste <(seq 1 3) <(seq 4 6) <(seq 7 9)
cat <(echo one) <(echo two) <(cat <(echo three))
while read -r x; do echo "read $x"; done < <(printf '%s\n' p q r)
total=0; while read -r n; do total=$((total + n)); done < <(seq 1 1000); echo "$total"
comm -12 <(seq 1 20) <(seq 10 2 30 | sort) 2>/dev/null | head -n 2
wc -c < <(head -c 500000 /dev/zero)
# Not read to the end.
head -n 1 <(seq 1 1000000)
# For writing: wait for its process, or what it wrote might come later.
echo written > >(sed 's/^/through sed: /'); wait $!
mkfifo done; exec 7<>done
seq 1 10 | tee >(awk '{ s += $1 } END { print s }' >sum; echo >done) >(sort -r >reversed; echo >done) >plain
read -r <&7; read -r <&7
cat sum; head -n 2 reversed; tail -n 1 plain
exec 7<&-; rm done
exec 3< <(echo via three); read -r x <&3; echo "$x"; exec 3<&-
[[ <(:) == /dev/fd/* ]] && echo "named /dev/fd"
f() { cat "$1" "$2"; }; f <(echo arg1) <(echo arg2)
