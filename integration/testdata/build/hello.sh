#!/bin/sh
# laplace: same refused=ioctl
# GNU hello 2.10: ./configure && make && make install, in the directory of its unpacked sources.
set -e
export OMP_NUM_THREADS=1 # msgmerge, which configure tries out, wants threads and gives up without
./configure --prefix=/usr
make
./hello
make install DESTDIR="$PWD/root" >/dev/null
root/usr/bin/hello --greeting=installed
sha256sum config.h hello lib/libhello.a root/usr/bin/hello
rm config.log # the host's name, times and pids
