#!/bin/bash
# laplace: same
# One stream to several readers at once, some of which are slow, leave early, or read nothing; and process substitutions
# that run side by side. Each writes a file of its own, and says so through a FIFO when it is done.
mkfifo done
exec 9<>done
rm done
ended() { for ((k = 0; k < $1; k++)); do read -r <&9; done; }

seq 1 20000 | tee >(md5sum >a; echo >&9) >(sleep 0.01; md5sum >b; echo >&9) >(wc -c >c; echo >&9) >(tail -n 1 >d; echo >&9) | sort -rn | head -n 1
ended 4
head a b c d

# -p goes on when one of them leaves; without it tee ends by SIGPIPE, as would everybody who then reads nothing.
seq 1 100000 | tee -p >(head -n 1 >a; echo >&9) >(sed 5q >b; echo >&9) >(md5sum >c; echo >&9) | tail -n 1
ended 3
head a b c
{ yes | tee -p >(head -n 3 >a; echo >&9) | head -c 300000 | md5sum; } 2>/dev/null
ended 1
cat a

# tee behind tee, and one that nobody reads from until all has been written.
seq 1 5000 | tee >(tee >(tee >(md5sum >a; echo >&9) | md5sum >b; echo >&9) | md5sum >c; echo >&9) | md5sum
ended 3
cat a b c
seq 1 3000 | tee >(sleep 0.03; md5sum >a; echo >&9) | (sleep 0.05; md5sum)
ended 1
cat a

# Several to read from at once: in step, one after the other, and all the same.
paste -d' ' <(seq 1 10) <(sleep 0.02; seq 11 20) <(seq 21 30 | tac) <(yes | head) | tail -n 3
cat <(seq 1 30000) <(seq 1 30000) <(seq 1 30000) | md5sum
diff <(seq 1 10000) <(seq 1 10000 | cat | cat) && echo "no difference"
sort -m <(seq -f %05g 1 3 5000) <(seq -f %05g 2 3 5000) <(seq -f %05g 3 3 5000) | md5sum
join <(seq -f 'k%04g a' 1 500) <(seq -f 'k%04g b' 1 2 500) | tail -n 2
while read -r a <&3 && read -r b <&4; do s="$s$a$b "; done 3< <(printf '%s\n' a b c) 4< <(printf '%s\n' 1 2 3); echo "$s"
exec 9>&-
rm a b c d
