#!/bin/sh
# conflicts: content x
# a job that is not waited for, and a builtin
echo old > x
echo new > x &
read line < x
wait
