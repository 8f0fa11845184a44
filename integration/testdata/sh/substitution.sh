#!/bin/sh
# laplace: same
# Command substitution: newlines, nesting, status, stderr, large output, and descriptors.
a=$(printf 'x\n\n\n'); echo "[$a]"
a=$(printf 'x\ny\n'); echo "[$a]"
echo $(echo $(echo $(echo $(echo deep))))
echo `echo \`echo back\`` quotes
a=$(exit 7); echo "status $?"
a=$(echo out; echo err >&2) 2>/dev/null; echo "$a"
a=$(seq 1 50000); echo "${#a} characters"
a=$(head -c 200000 /dev/zero | tr '\0' z); echo "${#a} characters"
echo "$(cat <<end
here-document inside $(echo substitution)
end
)"
a=$(false; echo "goes on"); echo "$a"
set -- $(echo one two three); echo "$# $2"
x=1; y=$(x=2; echo $x); echo "$x $y"
a=$( (echo sub; exit 3) ); echo "$a $?"
cd / && b=$(cd /bin && pwd -L); pwd; echo "$b"
# A substitution ends when the last writer does, not when its command does.
a=$( (sleep 0.05; echo late) & echo early ); echo $a
# A background process with no hold on the pipe does not delay it.
start=$(sleep 0.2 >/dev/null 2>&1 & echo "$!"); [ -n "$start" ] && echo started
i=0; s=; while [ $i -lt 100 ]; do s=$s$(echo $i,); i=$((i + 1)); done; echo "$s"
