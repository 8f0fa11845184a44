#!/bin/sh
# conflicts: none
# a job that is waited for
echo old > x
echo new > x &
wait
cat x
