#!/bin/sh
# laplace: pinned refused=open,get_mempolicy,shmget
# procps and util-linux show the box and nothing of the host: its processes, a machine that is always the same.
sleep 1000 & sleep=$!
ps; ps aux; ps -ef; ps -eLf
ps -eo pid,ppid,pgid,sid,tty,stat,time,etime,lstart,rss,vsz,pcpu,pmem,ni,psr,wchan,comm,args
pgrep -a .; pgrep -P $$ sleep; pidof sleep
kill $sleep; wait $sleep; ps -o stat,comm
top -bn1 | head -n 20; free; free -h -w; uptime; uptime -s; w; vmstat; vmstat -s
nproc; lscpu -e; df; mount; findmnt; mountpoint /proc
id; who; hostname; hostname -f; locale; locale -a | head -n 3
prlimit; taskset -p $$; chrt -p $$; ionice; pmap $$; pwdx $$
if [ "$LAPLACE_TEST_BOXED" ]; then
	[ "$(ps -e --no-headers | wc -l)" = 4 ] || { echo "FAIL: processes"; ps -e; exit 1; } # sh, $(sh), ps, wc
	[ "$(nproc)" = 4 ] || { echo FAIL: nproc; exit 1; }
	[ "$(free -g | awk '/^Mem/ {print $2}')" = 8 ] || { echo FAIL: free; exit 1; }
	[ "$(who | wc -l)" = 0 ] || { echo FAIL: who; exit 1; }
fi
exit 0
