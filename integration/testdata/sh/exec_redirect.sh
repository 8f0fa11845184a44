#!/bin/sh
# laplace: same
# exec with redirections only, duplicated and swapped descriptors, noclobber, and exec of a command.
exec 3>out
echo to three >&3
(echo from a subshell >&3)
exec 3>&-
cat out
(echo closed >&3) 2>/dev/null; echo "status $?"
exec 4<out; read x <&4; exec 5<&4; read y <&5; exec 4<&- 5<&-; echo "$x / $y"
(exec 3>&1 1>&2 2>&3; echo out; echo err >&2) 2>file1 >file2; cat file1; echo --; cat file2
{ echo a; echo b >&2; } >both 2>&1; cat both
{ echo a; echo b >&2; } 2>&1 >half | sed 's/^/piped /'; cat half
set -C; (echo x >out) 2>/dev/null; echo "noclobber $?"; echo x >|out; cat out; set +C
exec 6<>updown; echo written >&6; exec 6<&-; cat updown
: >trunc; echo old >trunc; echo new >>trunc; >trunc; wc -c <trunc
cat <missing 2>/dev/null; echo "missing $?"
echo x >none/file 2>/dev/null; echo "no directory $?"
sh -c 'exec sh -c "echo executed \$0 \$1; exit 5" zero one; echo never'; echo "status $?"
(exec ./missing) 2>/dev/null; echo "not found $?"
(exec /) 2>/dev/null; echo "not executable $?"
exec >all 2>&1
echo everything
echo goes there >&2
exec >&- 2>&-
exec sh -c 'exec >last; cat all; echo end'
