#!/bin/bash
# laplace: pinned
# FIFOs with several writers and several readers that nothing orders: whose line comes first is a race natively.
mkfifo f g
cat f >got & reader=$!
exec 3>f # as long as this is open the reader does not find the end
for i in 1 2 3 4 5 6; do
	(for k in 1 2 3 4; do echo "$i.$k"; done >f) &
	w="$w $!"
done
wait $w; exec 3>&-; wait $reader
[ "$(sort got | md5sum)" = "$(for i in 1 2 3 4 5 6; do for k in 1 2 3 4; do echo "$i.$k"; done; done | md5sum)" ] ||
	{ echo "FAIL lines were lost"; exit 1; }
paste -sd' ' got

# Writers that open it for each line.
cat f >got & reader=$!
exec 3>f
w=
for i in 1 2 3 4; do (for k in 1 2 3 4 5; do echo "$i.$k" >f; done) & w="$w $!"; done
wait $w; exec 3>&-; wait $reader
paste -sd' ' got; [ "$(wc -l <got)" -eq 20 ] || { echo "FAIL lines were lost"; exit 1; }

# A queue of work: several workers read lines from one FIFO, and answer through another. (read takes byte by byte: what
# two of them read at once they would mix, so one at a time has the baton.)
mkfifo baton
exec 3<>f 4<>g 5<>baton
echo >&5
for i in 1 2 3 4; do
	(
		while read -r <&5; read -r job <&3; echo >&5; [ "$job" != end ]; do echo "worker $i: $job squared is $((job * job))"; done >&4
		echo "worker $i ends" >&4
	) &
done
for job in 1 2 3 4 5 6 7 8 9 10 11 12 end end end end; do echo $job; done >&3
for k in {1..16}; do read -r line <&4; echo "$line"; done
wait

exec 3>&- 4>&- 5>&-

# All the writers wait for one reader.
for i in 1 2 3 4 5; do echo "waited $i" >f & done
exec 3<>f
for i in 1 2 3 4 5; do read -r line <&3; echo "$line"; done
wait
exec 3>&-
rm f g baton got
exit 0
