#!/bin/sh
# laplace: pinned
# make -j1, -j4 and -j8 of a recursive project, whose sub-makes, three deep, share the tokens of one jobserver: a pipe,
# and where make is 4.4 or later also a FIFO. However many jobs there are, they make the same files.
set -e
mkdir -p lib/deep/deeper app gen
cat >Makefile <<'end'
all: app/app sum
DIRS = lib gen
$(DIRS): ; +@$(MAKE) -C $@
app/app: $(DIRS) ; @$(MAKE) -C app
# Recipes of several lines, each of which waits for a token of its own.
sum: $(DIRS)
	@echo sum begins
	@cat lib/*.o lib/deep/*.o lib/deep/deeper/*.o | cksum >$@
	@cat gen/out* | cksum >>$@
	@echo sum ends
.PHONY: all $(DIRS)
end
cat >Objects.mk <<'end'
$(LIB): $(OBJS) $(SUB)
	$(AR) rcD $@ $(OBJS)
%.o: %.c
	$(CC) -O1 -c -o $@ $<
$(SUB): ; $(MAKE) -C $@
.PHONY: $(SUB)
end
objects() { # directory, path of Objects.mk, sub-directory, letters
	dir=$1 mk=$2 sub=$3; shift 3
	printf 'LIB = lib.a\nSUB = %s\nOBJS = %s\ninclude %s\n' "$sub" "$(printf '%s.o ' "$@")" "$mk" >$dir/Makefile
	for f; do printf 'int %s(void) { return %d; }\n' $f "$(printf %d "'$f")" >$dir/$f.c; done
}
objects lib ../Objects.mk deep a b c d e
objects lib/deep ../../Objects.mk deeper f g h
objects lib/deep/deeper ../../../Objects.mk '' i j k l
cat >app/Makefile <<'end'
LIBS = ../lib/lib.a ../lib/deep/lib.a ../lib/deep/deeper/lib.a
app: main.o $(LIBS) ; $(CC) -o $@ $^
main.o: main.c ; $(CC) -O1 -c -o $@ $<
end
{
	for f in a b c d e f g h i j k l; do echo "int $f(void);"; done
	echo '#include <stdio.h>'
	printf '%s\n' 'int main(void) { printf("%d\n", a() + b() + c() + d() + e() + f() + g() + h() + i() + j() + k() + l()); return 0; }'
} >app/main.c
# Short jobs, long ones, some that sleep, and one that takes and returns a token itself, as compilers that run jobs do.
cat >gen/Makefile <<'end'
N := $(shell seq 1 20)
all: $(N:%=out%) tokens more
out%: ; @sleep 0.00$$(($* % 4)); i=0; while [ $$i -lt $$(($* * 9)) ]; do i=$$((i + 1)); done; echo $* $$i >$@; echo out $*
tokens: ; +@sh ./take
more: ; +@for i in 1 2 3; do $(MAKE) -s -f More.mk T=$$i & done; wait
end
printf 'all: $(T)x $(T)y $(T)z\n%%: ; @sleep 0.001; echo more $@\n' >gen/More.mk
cat >gen/take <<'end'
auth=$(printf '%s\n' $MAKEFLAGS | sed -n 's/^--jobserver-auth=//p' | tail -n 1)
case $auth in
'') echo "no jobserver"; exit 0 ;;
fifo:*) exec 8<>"${auth#fifo:}"; r=8 w=8 ;;
*) r=${auth%,*} w=${auth#*,} ;;
esac
eval "exec 6<&$r 7>&$w"
for i in 1 2 3 4 5; do
	token=$(dd bs=1 count=1 2>/dev/null <&6)
	echo "has a token"
	printf %s "$token" >&7
done
end
clean() { rm -f sum app/app app/*.o gen/out*; find lib -name '*.[oa]' -delete; }
styles=--print-directory # which says nothing of styles
make --help | grep -q -e --jobserver-style && styles='--jobserver-style=pipe --jobserver-style=fifo'
make -s >log1 2>&1
./app/app
# Dates differ: what was made does not.
find . -name log\* -prune -o -type f -print | sort | xargs sha256sum >files1
for style in $styles; do
	for j in 4 8; do
		clean
		echo "--- -j$j $style"
		make -j$j $style
		./app/app
		find . -name log\* -prune -o -name files\* -prune -o -type f -print | sort | xargs sha256sum >files$j
		grep -v files files1 | cmp - files$j || { echo "FAIL -j$j made other files"; exit 1; }
		make -q -C lib/deep/deeper || { echo "FAIL not up to date"; exit 1; }
	done
done
# Output kept together by target, and by sub-make; a job that fails while others run; and going on nevertheless.
clean; make -j4 -Otarget
clean; make -j8 -Orecurse >log8 2>&1; sort log8 | grep -c .
printf 'all: a b c d e\n%%: ; @sleep 0.0$(words $(filter $@,c c)); echo $@; [ $@ != b ]\n' >Fail.mk
make -j4 -f Fail.mk 2>&1 || echo "status $?"
make -j4 -k -f Fail.mk 2>&1 || echo "status $?"
# More jobs than tokens, and a load that nobody knows.
make -j2 -l 1000 -C gen >log2 2>&1; sort log2 | cksum
rm log*
