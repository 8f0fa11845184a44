#!/bin/bash
# laplace: same
# bash: a longer program in its own language.
set -u
shopt -s extglob nullglob globstar

declare -A ages=([anna]=31 [bob]=27 [carl]=55 [dora]=8)
for k in "${!ages[@]}"; do echo "$k ${ages[$k]}"; done
mapfile -t sorted < <(for k in "${!ages[@]}"; do echo "${ages[$k]} $k"; done | sort -n)
printf '%s;' "${sorted[@]}"; echo

hanoi() {
	local n=$1
	((n == 0)) && return
	hanoi $((n - 1)) "$2" "$4" "$3"
	moves=$((moves + 1))
	hanoi $((n - 1)) "$4" "$3" "$2"
}
moves=0; hanoi 8 a b c; echo "moves $moves"

sieve() {
	local -a c
	local i j
	for ((i = 2; i <= $1; i++)); do
		[[ ${c[i]:-} ]] && continue
		printf '%d ' "$i"
		for ((j = i * i; j <= $1; j += i)); do c[j]=1; done
	done
	echo
}
sieve 200

bubble() {
	local -a v=("$@")
	local i j t
	for ((i = 0; i < ${#v[@]}; i++)); do
		for ((j = 1; j < ${#v[@]} - i; j++)); do
			((v[j - 1] > v[j])) && t=${v[j]} v[j]=${v[j - 1]} v[j - 1]=$t
		done
	done
	echo "${v[*]}"
}
bubble 5 3 9 1 7 2 8

s="The Quick Brown Fox"
echo "${s,,} ${s^^} ${s//o/0} ${s:4:5} ${s%% *} ${#s}"
[[ $s =~ ([A-Z][a-z]+)\ ([A-Z][a-z]+)$ ]] && echo "${BASH_REMATCH[2]} ${BASH_REMATCH[1]}"
printf -v padded '%-10s|%5.1f|%q' name 2.55 'a b'; echo "$padded"
printf '%(%F)T\n' 0
while IFS=, read -r a b c; do echo "$c-$b-$a"; done <<<$'1,2,3\nx,y,z'

f() { :; }
trap 'echo "return from $FUNCNAME"' RETURN; f; trap - RETURN
mkdir -p g/h/i; : >g/a.c >g/h/b.c >g/h/i/c.h
echo g/**/*.c; echo g/**/!(*.c|i|h); echo none*.x
for w in {a..e}{1..2}; do printf '%s ' "$w"; done; echo
echo $((0x1F + 017 + 2#101)) $((7 ** 13 % 11))

out=$(for i in {1..20}; do (echo $((i * i))) & done | sort -n | paste -sd+ | tee sums)
echo "$out = $((out))"
exec {fd}<sums; read -r line <&$fd; exec {fd}<&-
[[ $line == "$out" ]] && echo matched

declare -n ref=moves; ref=9; echo "$moves"
type -t sieve; compgen -A function | sort | tr '\n' ' '; echo
coproc BC { while read -r e; do echo $((e)); done; }
echo '6*7' >&"${BC[1]}"; read -r r <&"${BC[0]}"; echo "$r"
getopts ab: o -a -b x && echo "$o"
let 'x = 5' 'y = x * 2'; echo "$y ${PIPESTATUS[0]}"
bash -c 'echo "$0 $1 $# $BASH_SUBSHELL"' zero one two
bash -n <<<'if' 2>/dev/null || echo "syntax error: $?"
