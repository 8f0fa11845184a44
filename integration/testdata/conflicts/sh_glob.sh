#!/bin/sh
# conflicts: listing d
# a pattern beside a job that makes what it matches
mkdir d
: > d/a
: > d/b &
echo d/* > /dev/null
wait
