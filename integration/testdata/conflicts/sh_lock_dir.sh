#!/bin/sh
# conflicts: name|benign lock; maybe metadata lock
# a directory as lock
mkdir lock 2> /dev/null &
mkdir lock 2> /dev/null &
wait
