#!/bin/sh
# conflicts: none
# make -j, and a rule that says what it needs
cat > Makefile <<'END'
all: out gen
out: gen ; @cat gen > out 2> /dev/null || echo none > out
gen: ; @echo gen > gen
END
make -s -j2
cat out
