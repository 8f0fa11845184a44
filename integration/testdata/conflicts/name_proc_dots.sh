#!/bin/sh
# conflicts: name g; maybe metadata g
# one looks for a file by a path that leaves /proc again, another makes it
[ -e /proc/self/../self/./cwd/g ] &
[ -e "/proc/..$PWD/g" ] &
: > g &
wait
