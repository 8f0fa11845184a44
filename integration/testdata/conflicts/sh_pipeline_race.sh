#!/bin/sh
# conflicts: content x
# the two ends of a pipeline, with a file besides
echo old > x
{ echo new > x; } | { read line < x; cat > y; }
