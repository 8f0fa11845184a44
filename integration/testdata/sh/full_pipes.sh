#!/bin/bash
# laplace: same
# Full pipes both ways, and rings and trees of them: each process writes more than a pipe holds before anybody reads.
mkfifo there back
# The filter may only go on when its output is read, and its input is written, at the same time.
cat there | tr a-z A-Z >back &
yes abcdefg | head -c 1000000 >there &
md5sum <back
wait

# Two coprocesses of the same kind, one behind the other, fed in the background.
coproc ONE { exec sed 's/$/ one/'; }
exec {w}>&"${ONE[1]}" {r}<&"${ONE[0]}"
eval "exec ${ONE[1]}>&- ${ONE[0]}<&-"
seq 1 40000 >&$w & feeder=$!
exec {w}>&-
sed 's/$/ two/' <&$r | tail -n 1
wait $feeder; echo "fed $?"
exec {r}<&-

# A ring: what comes round goes round again, until it is long enough.
exec 3<>there 4<>back
(while read -r n <&3; do echo $((n + 1)) >&4; [ "$n" -ge 300 ] && break; done) &
(while read -r n <&4; do [ "$n" -ge 300 ] && { echo "$n" >&3; echo "round the ring: $n"; break; }; echo $((n + 1)) >&3; done) &
echo 1 >&3
wait
exec 3>&- 4>&-

# Two streams at once, each with its reader and its writer in the background.
cat there | md5sum >sum1 & a=$!
cat back | md5sum >sum2 & b=$!
seq 1 50000 >there &
seq 50000 99999 >back &
wait $a $b
cat sum1 sum2
wait

# One source, several filters, one sink. The filters say when they have ended: nobody waits for them otherwise.
exec 3<>there
seq 1 30000 | tee >(sed -n 's/$/ a/p' >a.out; echo >&3) >(sed -n 's/$/ b/p' >b.out; echo >&3) >(wc -l >c.out; echo >&3) |
	(sleep 0.02; tail -n 1)
for i in 1 2 3; do read -r <&3; done
exec 3>&-
md5sum a.out b.out; cat c.out
rm ?.out sum1 sum2 there back
