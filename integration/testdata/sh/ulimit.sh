#!/bin/bash
# laplace: same
# ulimit: lowering, soft and hard, inheritance, and what happens at the limit.
(ulimit -n 64; ulimit -n; ulimit -Hn; sh -c 'ulimit -n')
(ulimit -Sn 32; ulimit -Sn; ulimit -Sn 64; ulimit -Sn)
(ulimit -Hn 100 2>/dev/null || ulimit -n 100; ulimit -n 101 2>/dev/null || echo "not above the hard limit")
(ulimit -c 0; ulimit -c)
(ulimit -s 1024; ulimit -s; sh -c 'ulimit -s')
(ulimit -f 4; trap '' XFSZ; dd if=/dev/zero of=big bs=1024 count=100 2>/dev/null; echo "ignored $?"; stat -c %s big)
{ (ulimit -f 4; sh -c 'exec head -c 100000 /dev/zero >big2'; echo "SIGXFSZ $?"; stat -c %s big2); } 2>/dev/null
(ulimit -v 200000; ulimit -v)
ulimit -n 50; sh -c 'sh -c "ulimit -n"'
