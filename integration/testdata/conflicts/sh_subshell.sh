#!/bin/sh
# conflicts: none
# a subshell in which nothing goes on beside
(echo a > x; cat x > y) && cat y
