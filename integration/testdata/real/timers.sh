#!/bin/bash
# laplace: same
# Programs that use timers: timeout, python's signal.alarm, setitimer, sigtimedwait and threading.Timer, perl's alarm, bash's wait -n and read -t with a watchdog.
cat >work.py <<'end'
import select, signal, threading, time

class Late(Exception): pass
def late(signum, frame): raise Late

signal.signal(signal.SIGALRM, late)
signal.alarm(1)
try:
    time.sleep(30)
except Late:
    print("alarm")
print(signal.alarm(0))

ticks = []
signal.signal(signal.SIGALRM, lambda s, f: ticks.append(s))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.01)
while len(ticks) < 5:
    signal.pause()
left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
print("ticks", interval)
signal.setitimer(signal.ITIMER_REAL, 0.05)
begin = time.monotonic()
time.sleep(0.2) # goes on after the handler: PEP 475
print(time.monotonic() - begin >= 0.2, len(ticks) >= 6)

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, 0.05)
print(signal.sigtimedwait([signal.SIGALRM], 10).si_signo == signal.SIGALRM, signal.sigtimedwait([signal.SIGALRM], 0.05))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])

order = []
timers = [threading.Timer(0.1 * n, order.append, [n]) for n in (3, 1, 2)]
for t in timers: t.start()
never = threading.Timer(0.2, order.append, ["never"]); never.start(); never.cancel()
for t in timers: t.join()
print(sorted(order))

# The main thread waits for a lock, a worker computes: the handler runs in the main thread.
done = threading.Event()
signal.signal(signal.SIGALRM, lambda s, f: (order.append(threading.current_thread() is threading.main_thread()), done.set()))
signal.setitimer(signal.ITIMER_REAL, 0.05)
print(done.wait(20), order[-1])
print(select.select([], [], [], 0.01))
end
python3 work.py
perl -e '$SIG{ALRM} = sub { die "late\n" }; eval { alarm 1; sleep 30 }; print $@; $SIG{ALRM} = sub { print "tick\n" };
	use Time::HiRes qw(ualarm setitimer ITIMER_REAL); setitimer(ITIMER_REAL, 0.05, 0.05); select(undef, undef, undef, 10) for 1 .. 3; setitimer(ITIMER_REAL, 0); print "left ", alarm(0), "\n"'
timeout 1 python3 -c 'import time
while True: time.sleep(0.1)'; echo "timeout: $?"
timeout -s INT 0.5 python3 -c 'import time
try:
    time.sleep(100)
except KeyboardInterrupt:
    print("interrupted")'; echo "timeout: $?"
timeout 20 make -s -f - all <<'end'; echo "make: $?"
all: a b
a b: ; @sleep 0.1; echo $@
end
for n in 3 1 2; do (timeout 60 sleep 0.0$n; exit $n) & done
sum=0; while wait -n; code=$?; [ $code -ne 127 ]; do sum=$((sum + code)); done; echo "jobs: $sum"
seq 4 | xargs -P4 -I{} timeout 60 sh -c 'sleep 0.0{}; echo {}' | sort
mkfifo pipe; timeout 0.5 cat pipe; echo "fifo: $?"
exec 3<>pipe; read -t 0.1 -r -u 3; echo "read: $(($? > 128))"
rm pipe work.py
