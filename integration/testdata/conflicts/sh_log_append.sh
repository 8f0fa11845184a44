#!/bin/sh
# conflicts: append log
# jobs that append to a log that each opens
: > log
echo a >> log &
echo b >> log &
wait
