#!/bin/sh
# laplace: pinned refused=ioctl
# coreutils where their output depends on the host or the moment.
mkdir d
touch d/z d/y d/x
ls -la; ls -lai --time-style=full-iso d; ls -U d; ls -f d; ls -lut d; vdir d
stat . d d/x; stat -f . | head -n 2
df .; df -h /tmp; du -a
date; date -Ins; date +%N
uname -a; hostname; hostid; arch; nproc; nproc --all; uptime
id; whoami; who; users; groups; tty
pwd; printenv | sort
mktemp; mktemp -d; mktemp -p . -t x.XXXX
shuf -i 1-50 | tr '\n' ' '; shuf -n 3 -e a b c d e f; sort -R d/../prog | head -n 3
head -c 32 /dev/urandom | sha256sum; head -c 32 /dev/random | sha256sum
dd if=/dev/urandom bs=1k count=64 | sha256sum
dd if=/dev/zero of=/dev/null bs=1k count=64
time sleep 1.5
sh -c 'echo $$'
echo secret >shred.me; shred -u shred.me
touch now; stat -c '%X %Y %Z %W' now; ls -l --full-time now
sha256sum </proc/self/stat; sha256sum </proc/self/status; sha256sum </proc/self/maps
cat /proc/uptime /proc/loadavg; sha256sum </proc/meminfo; sha256sum </proc/cpuinfo
ls -l /proc/self/fd
cp -a /etc/passwd copied; ls -l copied; install -m 600 /etc/passwd inst; ls -i
