#!/bin/sh
# laplace: pinned
# A program that starts after one forked before it has gone its own way writes where it would have without that.
for i in 1 2 3; do
	(for j in 1 2 3 4 5 6 7 8; do read x < /dev/null; echo "$i forked $j"; done) &
	/bin/echo "$i started" &
done
wait
(kill -CONT $$; exec mktemp -u)
