#!/bin/sh
# laplace: pinned
# Who appends first when nothing orders the writers is a race natively, and one order in a box.
for i in 1 2 3 4 5; do
	(for j in 1 2 3 4 5; do echo "$i.$j" >>log; done) &
done
wait
cat log
for i in 1 2 3 4 5; do (echo "stdout $i"; echo "stderr $i" >&2) & done
wait
(for i in 1 2 3; do echo a$i; done & for i in 1 2 3; do echo b$i; done; wait) | cat
ls | xargs -n 1 -P 4 sh -c 'echo "$0" | tr a-z A-Z'
