#!/bin/sh
# laplace: same
# make: a recursive project, built, built again, touched, edited, cleaned.
set -e
mkdir -p lib app
cat >Makefile <<'end'
SUBDIRS = lib app
all: $(SUBDIRS) stamp
$(SUBDIRS):
	$(MAKE) -C $@
app: lib
stamp: $(wildcard lib/*.c)
	@echo stamping
	cat $^ | cksum > $@
clean:
	for d in $(SUBDIRS); do $(MAKE) -C $$d clean; done
	rm -f stamp
.PHONY: all clean $(SUBDIRS)
end
cat >lib/Makefile <<'end'
OBJS = a.o b.o c.o
libx.a: $(OBJS)
	$(AR) rc $@ $^
%.o: %.c x.h
	$(CC) -O1 -c -o $@ $<
clean:
	rm -f *.o *.a
end
cat >app/Makefile <<'end'
app: main.c ../lib/libx.a ../lib/x.h
	$(CC) -O1 -I../lib -o $@ main.c ../lib/libx.a
clean:
	rm -f app
end
echo 'int a(void); int b(void); int c(void);' >lib/x.h
for f in a b c; do
	printf '#include "x.h"\nint %s(void) { return %d; }\n' $f "$(printf %d "'$f")" >lib/$f.c
done
cat >app/main.c <<'end'
#include <stdio.h>
#include "x.h"
int main(void)
{
	printf("%d\n", a() + b() + c());
	return 0;
}
end
make; ./app/app
echo "--- again"; make
sleep 0.1; touch lib/b.c; echo "--- b touched"; make
sleep 0.1; echo '/* more */' >>lib/x.h; echo "--- x.h edited"; make
sleep 0.1; sed -i 's/return 97/return 100/' lib/a.c; echo "--- a edited"; make -s; ./app/app
make -n
printf 'fail: ; @echo before; false\nkeep: ; -false\nall: fail\n' >Bad.mk
make -f Bad.mk all 2>&1 || echo "make failed: $?"
make -f Bad.mk keep 2>&1
cat >Functions.mk <<'end'
x := $(shell echo from the shell)
y = $(wildcard *.mk)
all: ; @echo $(x) $(y) $(MAKELEVEL) $(words a b c) $(sort q c a)
end
make -f Functions.mk
make clean; make -s; ./app/app
