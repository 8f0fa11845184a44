#!/bin/bash
# laplace: pinned
# Jobs at once that write through one inherited description, without O_APPEND: the order of their lines is a race
# natively and one order in a box, and nothing is overwritten.
lines() { # file, number of lines that it must have, all different
	[ "$(wc -l <"$1")" -eq "$2" ] && [ "$(sort -u "$1" | wc -l)" -eq "$2" ] || { echo "FAIL $1 lost lines"; exit 1; }
	echo "$1: $(paste -sd' ' "$1")"
}
work() { for k in 1 2 3 4 5; do echo "$1$k"; done; }

( work a & work b & wait ) >two
lines two 10

# More of them, some of which execute other programs and some of which have children.
(
	work a &
	sh -c 'for k in 1 2 3 4 5; do echo "b$k"; done' &
	(work c & work d & wait) &
	seq -f 'e%g' 1 5 &
	printf 'f%s\n' 1 2 3 4 5 &
	wait
) >many
lines many 30

# Whole blocks: each write is in one piece. (cat writes what it reads at once.)
for w in 1 2 3 4; do yes "$w" | head -n 3000 >block$w; done
( for w in 1 2 3 4; do cat block$w & done; wait ) >blocks
uniq -c blocks | tr -s ' ' | paste -sd,
rm block?

# A description that is shared by name with nobody, but with what a parent writes meanwhile, before and after.
exec 3>mixed
echo first >&3
work a >&3 &
echo second >&3
work b >&3 &
echo third >&3
wait
echo last >&3
exec 3>&-
lines mixed 14

# Standard output and standard error of several at once, first to one pipe, then to the two of the box.
{ for i in 1 2 3 4; do { echo "out $i"; echo "err $i" >&2; echo "out again $i"; } & done; wait; } 2>&1 | cat
for i in 1 2 3 4; do { echo "out $i"; echo "err $i" >&2; echo "out again $i"; } & done; wait

# Readers that share an offset: each line goes to one of them, whole, and none twice. (dd reads as many bytes as it says.)
seq 1000 1059 >numbers
( for i in 1 2 3; do (for k in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	dd bs=5 count=1 2>/dev/null | sed "s/^/$i:/"
done) & done; wait ) <numbers | sed 's/.*://' >taken
lines taken 60
cmp <(sort taken) numbers || { echo "FAIL numbers were lost"; exit 1; }
exit 0
