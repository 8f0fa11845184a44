#!/bin/bash
# laplace: pinned
# Jobs that take a token from a FIFO, which each opens by its name, and give it back, as those of make 4.4 do. Which job has
# which token, and who is done first, is a race natively; that there are never more jobs than tokens is not.
mkfifo tokens
exec 3<>tokens
printf abc >&3
for i in 1 2 3 4 5 6 7 8 9 10; do
	(
		exec 4<>tokens
		read -r -N1 token <&4
		mkdir "running-$token" || echo "FAIL $token is taken"
		for ((k = 0; k < i * 40; k++)); do :; done
		echo "job $i had $token"
		rmdir "running-$token"
		printf %s "$token" >&4
	) &
done
wait
read -r -N3 all <&3
[ "$(grep -o . <<<"$all" | sort | tr -d '\n')" = abc ] || { echo "FAIL the tokens are $all"; exit 1; }
