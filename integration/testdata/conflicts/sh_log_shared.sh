#!/bin/sh
# conflicts: none
# jobs that write to an output that they share
{ echo a & echo b & wait; } > log
cat log
