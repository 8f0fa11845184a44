#!/bin/sh
# conflicts: none
# what one end of a pipeline writes is read after it
echo a | tee x > y
cat x y
