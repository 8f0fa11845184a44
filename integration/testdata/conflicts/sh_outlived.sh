#!/bin/sh
# conflicts: none
# the command ends before programs that it has started have, or have begun
perl -e '-e "n$_" for 1..300' &
(for n in 1 2 3 4 5 6 7 8 9; do [ -e none ]; /bin/true; done) &
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); [ -e none ]; done
exit 0
