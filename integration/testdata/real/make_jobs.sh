#!/bin/sh
# laplace: pinned
# make -j: the jobserver's pipe, output in whatever order natively, in one order in a box.
cat >Makefile <<'end'
N = $(shell seq 1 12)
all: $(N:%=o%) sub
o%: ; @sleep 0.0$$(($* % 4)); echo job $*; date +%s.%N > $@
sub: ; +@$(MAKE) -f Sub.mk
end
printf 'all: p q r\n%%: ; @echo sub $@; sleep 0.01\n' >Sub.mk
make -j4
make -j2 -O -B
cat o*
