#!/bin/bash
# laplace: pinned
# Queues of flock: which of several waiting jobs gets the lock next is a race natively. What is written to a file is
# written under the lock, so that the lock alone orders it.
count() { for ((k = 0; k < $1; k++)); do [ -e /dev/null ]; done; }
: >lock; : >log
for i in 1 2 3 4 5 6; do
	(
		exec 9<lock
		for k in 1 2 3 4; do
			flock 9
			echo "$i.$k" >>log
			flock -u 9
			count $((i * 5))
		done
	) &
done
wait
paste -sd' ' log; [ "$(sort -u log | wc -l)" -eq 24 ] || { echo "FAIL log lost lines"; exit 1; }

# A counter, by flock(1) as a command, and all at once behind a holder.
echo 0 >counter
exec 9<lock; flock 9
for i in 1 2 3 4 5 6 7 8; do
	flock lock sh -c 'read n <counter; echo $((n + 1)) >counter; echo "'$i' made it $((n + 1))"' 9>&- &
done
count 50
flock -u 9; exec 9>&-
wait; cat counter; [ "$(cat counter)" = 8 ] || { echo "FAIL counter"; exit 1; }

# Readers together, writers alone.
echo 0 >value
for i in 1 2 3 4; do
	(exec 9<lock; for k in 1 2 3; do flock -s 9; read -r v <value; echo "reader $i sees $v"; flock -u 9; count 7; done) &
	(exec 9<lock; for k in 1 2 3; do flock -x 9; read -r v <value; echo $((v + 1)) >value; flock -u 9; count 11; done) &
done
wait; cat value; [ "$(cat value)" = 12 ] || { echo "FAIL value"; exit 1; }

# Without waiting: how often it is refused; and with a description that is inherited, which is one owner.
for i in 1 2 3; do
	(exec 9<lock; n=0; until flock -n 9; do n=$((n + 1)); count 3; done; count 40; echo "job $i after $n refusals") &
done
wait
exec 9<lock; flock 9
for i in 1 2 3; do (flock -n 9 && echo "job $i shares it") & done; wait
# The holder is killed: the next one has it.
exec 9>&-
mkfifo held
(exec 9<lock; flock 9; echo >held; exec sleep 1000) & p=$!
read -r <held
for i in 1 2 3; do flock lock echo "job $i after the holder's death" & w="$w $!"; done
count 30; kill $p; wait $w; wait $p 2>/dev/null
rm held lock log counter value
exit 0
