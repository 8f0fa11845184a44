#!/bin/sh
# laplace: pinned
# What a subshell writes to the file that it shares with others does not change what its program draws.
exec 3> out
for i in 1 2 3; do
	(echo "$i" >&3; exec mktemp -u)
done
