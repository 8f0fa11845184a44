#!/bin/sh
# conflicts: none
# one reads by a descriptor what another gives another name
echo old > f
exec 3< f
sh -c 'for i in 1 2 3 4 5; do [ -e none ]; done; read line <&3' &
mv f g
wait
