#!/bin/bash
# laplace: same
# Subshells: variables, directory, options, exit, pids; groups; command lookup.
x=1; (x=2; echo "$x"); echo "$x"
(cd /; pwd); [ -e ./prog ] && echo "still here"
(set -e; false; echo never); echo "status $?"
(exit 9); echo "status $?"
{ x=3; }; echo "$x"
[ "$(echo $$)" = $$ ] && echo "one \$\$ for all"
(: & wait; [ $BASHPID != $$ ] && echo "a pid of its own")
bash -c '[ $PPID = '$$' ]' && echo "parent known"
a=$(bash -c 'echo $BASHPID; echo $$' | uniq | wc -l); echo "$a"
f() ( x=9; exit 4 ); f; echo "$? $x"
no_such_command_here 2>/dev/null; echo "not found $?"
./missing 2>/dev/null; echo "missing $?"
: >noexec; ./noexec 2>/dev/null; echo "not executable $?"
printf '#!/bin/missing\n' >bad; chmod +x bad; ./bad 2>/dev/null; echo "bad interpreter $?"
printf 'echo no hash bang $1\n' >plain; chmod +x plain; ./plain arg
mkdir bin; printf '#!/bin/sh\necho mine\n' >bin/ls; chmod +x bin/ls; (PATH=$PWD/bin:$PATH; ls); (PATH=bin; ls)
hash -r; command -v printf; type -t cd
env -i X=1 /usr/bin/env
(unset PATH; /bin/echo absolute)
