#!/bin/sh
# laplace: same stdin="one\ntwo words\n spaces  \nback\\\\slash\nfive\nsix\nno newline"
# read: line by line from a pipe that several commands share, IFS, raw mode, descriptors, the last line.
read a; echo "[$a]"
read a b; echo "[$a] [$b]"
IFS= read -r c; echo "[$c]"
read -r d; echo "[$d]"
# A child takes the next line, not more.
sh -c 'read x; echo "child [$x]"'
(read x; echo "subshell [$x]")
read e; echo "[$e] $?"
read f; echo "[$f] $?"
n=0
while IFS=: read -r user rest; do n=$((n + 1)); echo "$n $user ($rest)"; done <<end
root:x:0
nobody:x:65534
end
printf 'a b\nc d\n' >file
exec 3<file
read x <&3; echo "$x"
read x <&3; echo "$x"
read x <&3; echo "end $?"
exec 3<&-
while read -r line && read -r other <&4; do echo "$line|$other"; done <file 4<<end
first
second
end
i=0; seq 1 500 | while read n; do i=$((i + n)); [ $n -eq 500 ] && echo "sum $i"; done
printf 'x\0y\0' | tr '\0' '\n' | while read v; do echo "v=$v"; done
printf 'joined \\\nlines\n' | { read l; echo "$l"; }
