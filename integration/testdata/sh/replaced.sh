#!/bin/sh
# laplace: pinned refused=ioctl
# make sees that a file was replaced by a rename, though nobody slept since its target was made. (Natively it may not:
# two changes within one tick of the kernel's coarse clock have one time.)
printf 'out: in\n\tcp in out\n' > Makefile
check() {
	make -s
	[ -z "$LAPLACE_TEST_BOXED" ] || [ "$(cat out)" = "$1" ] || { echo "FAIL out holds $(cat out), want $1"; exit 1; }
	[ -z "$LAPLACE_TEST_BOXED" ] || make -q || { echo "FAIL made again, though nothing changed"; exit 1; }
}
echo one > in
check one
sed -i s/one/two/ in
check two
echo three > in.new
mv in.new in
check three
echo four > in.new
rm in
mv in.new in
check four
stat -c '%n %.Y' in out
