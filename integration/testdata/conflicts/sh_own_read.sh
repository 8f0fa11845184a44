#!/bin/sh
# conflicts: none
# what an exec reads of what it has written itself, while others read it
echo old > f
cat f > /dev/null &
for i in 1 2 3 4 5 6 7 8 9; do [ -e none ]; done
read line < f
wait
