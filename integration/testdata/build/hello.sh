#!/bin/sh
# laplace: same
# GNU hello 2.10: ./configure && make && make install, in the directory of its unpacked sources.
set -e
./configure --prefix=/usr
make
./hello
make install DESTDIR="$PWD/root" >/dev/null
root/usr/bin/hello --greeting=installed
sha256sum config.h hello lib/libhello.a root/usr/bin/hello
rm config.log # the host's name, times and pids
