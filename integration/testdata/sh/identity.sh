#!/bin/bash
# laplace: pinned refused=get_mempolicy,open
# What scripts take for names of temporary files and seeds: pids, dates, RANDOM, mktemp, uuids, the host.
echo $$ $PPID $BASHPID; (echo $BASHPID); sleep 0 & echo $!; wait
echo $RANDOM $RANDOM $RANDOM; (echo $RANDOM); echo $SRANDOM
date; date +%s.%N; date +%N; date -d tomorrow +%F
echo $EPOCHSECONDS $EPOCHREALTIME $SECONDS
mktemp -u; mktemp -p .; f=$(mktemp); echo $f; rm -f $f
cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id; cat /proc/sys/kernel/random/uuid
uname -a; hostname; nproc; id; whoami; echo $HOSTNAME $UID
head -c 16 /dev/urandom | od -An -tx1; head -c 16 /dev/random | od -An -tx1
shuf -i 1-20 | tr '\n' ' '; seq 1 10 | sort -R | tr '\n' ' '; echo
ls -la; ls -i; stat prog
ps -ef 2>/dev/null | head -n 3
cat /proc/uptime /proc/loadavg; free 2>/dev/null; df . ; ulimit -a
env | sort
time sleep 0.3
