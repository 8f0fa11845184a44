#!/bin/bash
# laplace: pinned
# Several background filters at once, each with a pair of pipes: asked in turn, asked all at once, and read from in the
# order in which they answer.
for i in 0 1 2 3; do
	mkfifo q$i a$i
	(while read -r n; do for ((k = 0; k < n * i * 10; k++)); do [ -e /dev/null ]; done; echo "filter $i: $((n * i))"; done <q$i >a$i; echo "filter $i ends" >&3) 3>&1 &
	exec {q[i]}>q$i {a[i]}<a$i
	rm q$i a$i
done
for n in 5 6 7; do for i in 2 0 3 1; do echo $n >&"${q[i]}"; read -r line <&"${a[i]}"; echo "$line"; done; done
# All at once; then whoever has an answer, asked without waiting.
for i in 0 1 2 3; do echo $((40 - 10 * i)) >&"${q[i]}"; done
left=4 asked=0
while [ $left -gt 0 ]; do
	for i in 0 1 2 3; do
		if read -r -t 0 <&"${a[i]}"; then read -r line <&"${a[i]}"; echo "$line"; left=$((left - 1)); fi
	done
	asked=$((asked + 1))
	sleep 0.001
done
[ -z "$LAPLACE_TEST_BOXED" ] || echo "asked $asked times"
for i in 3 2 1 0; do exec {q[i]}>&-; done
wait

# A coprocess, and jobs that write to its input at once: each line whole.
coproc ALL { while read -r line; do echo "<$line>"; done; }
exec {in}>&"${ALL[1]}" {out}<&"${ALL[0]}"
eval "exec ${ALL[1]}>&- ${ALL[0]}<&-"
for i in 1 2 3 4; do (for k in 1 2 3; do echo "job $i line $k"; done) >&$in & w="$w $!"; done
for k in {1..12}; do read -r line <&$out; echo "$line"; done
wait $w
exec {in}>&-
read -r line <&$out; echo "end $?"
exit 0
