#!/bin/sh
# laplace: same
# Subshells that append to one file: in turn, all at once through one descriptor, and each with its own.
for i in 1 2 3; do (echo "turn $i" >>log); done
{ (echo a); (echo b); (echo c); } >>log
cat log

(
	for i in 1 2 3 4 5 6 7 8; do
		(for j in 1 2 3 4 5 6 7 8 9; do echo "$i$j"; done) &
	done
	wait
) >shared
sort shared | md5sum; wc -l <shared

for i in 1 2 3 4 5 6 7 8; do
	(for j in 1 2 3 4 5 6 7 8 9; do echo "$i$j" >>own; done) &
done
wait
sort own | cmp - shared >/dev/null; sort own | md5sum
sort -o own own; sort -o shared shared
cmp own shared && echo equal

# One offset for all who share the description: nothing is overwritten.
exec 3>offset
echo one >&3; (echo two >&3); sh -c 'echo three >&3'; echo four >&3
exec 3>&-
cat offset
# Without append, separate descriptors overwrite each other.
exec 3>apart 4>apart
echo 11111 >&3; echo 22 >&4; echo 33333 >&3
exec 3>&- 4>&-
cat apart
