#!/bin/sh
# laplace: same
# Named pipes between background jobs: both orders of opening, a service, synchronisation, a token ring.
mkfifo f g
echo "writer first" >f & cat f; wait
cat f & echo "reader first" >f; wait
(for i in 1 2 3; do echo $i; done >f) & while read x; do echo "line $x"; done <f; wait
# Several writers, one reader that keeps the FIFO open.
exec 3<>f
for i in 1 2 3 4 5; do echo "writer $i" >f & done; wait
for i in 1 2 3 4 5; do read -r x <&3; echo "$x"; done | sort
exec 3>&-
# Question and answer.
(while read -r q; do [ "$q" = quit ] && break; echo "answer to $q" >g; done <f) & server=$!
exec 4>f 5<>g
for q in who what why; do echo $q >&4; read -r a <&5; echo "$a"; done
echo quit >&4; wait $server; echo "served $?"; exec 4>&- 5>&-
# A barrier: nobody passes before all are there.
mkfifo in out
for i in 1 2 3 4; do (echo >in; read x <out; echo "passed $i" >p$i) & done
exec 5<>in 6<>out
for i in 1 2 3 4; do read x <&5; done; ls p1 p2 p3 p4 2>/dev/null; echo "none passed"
printf '\n\n\n\n' >&6; wait; cat p1 p2 p3 p4
exec 5>&- 6>&-
# The standard trick for two readers of one output.
seq 1 1000 >f & sort -n <f | tail -n 1; wait
[ -p f ] && rm f g in out && echo removed
