#!/bin/bash
# laplace: same
# flock(1) around critical sections, from many background jobs.
echo 0 >counter
for i in 1 2 3 4 5; do
	(for j in 1 2 3 4 5; do flock lock sh -c 'n=$(cat counter); echo $((n + 1)) >counter'; done) &
done
wait; cat counter
exec 9>lock
flock -n 9 && echo taken
flock -n lock true || echo "refused $?"
flock -u 9; flock -n lock echo "free again"
(flock -s 9; flock -s -n lock echo "shared twice"; flock -x -n lock true || echo "not exclusive")
flock -u 9
# A waiter gets it when the holder lets go.
mkfifo held
(flock 9; echo held >held; sleep 0.05; echo "holder done") 9>lock & read -r x <held; echo "$x"; flock lock echo "waiter runs"
wait; rm held
