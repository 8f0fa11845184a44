#!/bin/bash
# laplace: same
# Endless writers that end when their reader has had enough.
yes | head -n 1; echo "${PIPESTATUS[@]}"
yes n | head -c 100000 | wc -c; echo "${PIPESTATUS[@]}"
cat /dev/zero | head -c 10 | wc -c; echo "${PIPESTATUS[@]}"
(while :; do echo loop || exit 3; done) 2>/dev/null | head -n 2; echo "${PIPESTATUS[@]}"
(trap '' PIPE; while echo ignored; do :; done; exit 4) 2>/dev/null | head -n 1; echo "${PIPESTATUS[@]}"
seq 1 1000000000 | sed 3q; echo "${PIPESTATUS[@]}"
yes | sed -n '1000{p;q}'
yes a | cat | cat | cat | head -n 1; echo "${PIPESTATUS[@]}"
{ echo 1; echo 2; echo 3; } | { read -r x; echo "$x"; }
