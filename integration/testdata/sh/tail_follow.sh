#!/bin/sh
# laplace: same
# tail -f follows a file by inotify, and ends with the process that writes it.
: > log
{ for i in 1 2 3 4 5; do sleep 0.2; echo line $i; done; } >> log &
tail -f -n +1 --pid=$! log
wait
