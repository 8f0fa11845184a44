#!/bin/sh
# laplace: same refused=ioctl
# lua 5.4: make, and a program for what was made.
set -e
make -j1 linux
make install INSTALL_TOP="$PWD/root" >/dev/null
root/bin/lua -v
root/bin/lua -e 'local t = {} for i = 1, 100 do t[#t + 1] = i * i end print(#t, table.concat(t, " ", 98))'
echo 'print(string.format("%5.2f %s", math.pi, ("x"):rep(3)))' >p.lua
root/bin/luac -o p.luac p.lua
root/bin/lua p.luac
sha256sum src/liblua.a root/bin/lua root/bin/luac p.luac
