#!/bin/sh
# laplace: pinned refused=ioctl
# ninja: a graph of commands in parallel, restat, depfiles, pools, a console, failures, and nothing to do afterwards.
set -e
mkdir src
cat >build.ninja <<'end'
ninja_required_version = 1.3
pool two
  depth = 2
rule cc
  command = gcc -O1 -MMD -MF $out.d -c -o $out $in
  depfile = $out.d
  deps = gcc
rule ld
  command = gcc -o $out $in
rule ar
  command = ar rcD $out $in
rule gen
  command = sh ./gen $n >$out
rule slow
  command = sleep 0.0$n && echo $n >$out
  pool = two
rule same
  command = cmp -s $in $out || cp $in $out
  restat = 1
rule show
  command = cat $in && touch $out
  pool = console
end
{
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo "build src/f$n.c: gen gen"; echo "  n = $n"
		echo "build f$n.o: cc src/f$n.c"
	done
	for n in 1 2 3 4 5; do echo "build slow$n: slow"; echo "  n = $n"; done
	echo 'build copy: same slow1'
	echo 'build shown: show copy slow2 slow3'
	echo 'build lib.a: ar f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o f9.o f10.o f11.o f12.o'
	echo 'build main.o: cc src/main.c'
	echo 'build app: ld main.o lib.a'
	echo 'build all: phony app shown slow4 slow5'
	echo 'default all'
} >>build.ninja
cat >gen <<'end'
echo '#include "x.h"'
echo "int f$1(void) { return X + $1; }"
end
echo '#define X 100' >src/x.h
{
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "int f$n(void);"; done
	echo '#include <stdio.h>'
	printf '%s\n' 'int main(void) { printf("%d\n", f1() + f2() + f3() + f4() + f5() + f6() + f7() + f8() + f9() + f10() + f11() + f12()); return 0; }'
} >src/main.c
made() { sha256sum *.o lib.a app slow? copy src/*.c; }
ninja -j1 >/dev/null; ./app; made >one
for j in 4 8; do
	ninja -t clean >/dev/null
	ninja -j$j; ./app
	made | cmp - one || { echo "FAIL -j$j made other files"; exit 1; }
	ninja -j$j
done
ninja -j4 -v -d explain -n
sleep 0.05; echo '#define X 200' >src/x.h
ninja -j4; ./app
ninja -t deps f1.o; ninja -t query app; ninja -t graph | wc -l
# Failures: others that run are waited for; -k goes on.
cat >fail.ninja <<'end'
rule r
  command = sleep 0.0$n; echo ran $n; exit $n
build a: r
  n = 0
build b: r
  n = 1
build c: r
  n = 2
build d: r
  n = 0
build e: r d
  n = 0
end
for how in '-j4' '-j2 -k 0'; do
	{ ninja -f fail.ninja $how || echo "status $?"; } | sed 's/^FAILED/broken/'
done
rm .ninja_log .ninja_deps one # real times
