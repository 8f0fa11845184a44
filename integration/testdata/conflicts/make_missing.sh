#!/bin/sh
# conflicts: name gen; maybe content gen; maybe metadata gen
# make -j, and a rule that needs what another makes, without saying so
cat > Makefile <<'END'
all: out gen
out: ; @cat gen > out 2> /dev/null || echo none > out
gen: ; @echo gen > gen
END
make -s -j2
