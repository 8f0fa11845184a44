#!/bin/sh
# laplace: pinned refused=*
# Programs with threads, beside each other and others: python3, xz, sort. What they do at random, or by who comes first, is the same every time.
cat >work.py <<'end'
import random, subprocess, threading, time, uuid
out, lock = [], threading.Lock()
def work(n):
    for i in range(20):
        with lock:
            out.append((n, random.random()))
        if i % 5 == n % 5:
            time.sleep(0.001 * n)
    p = subprocess.run(["sh", "-c", "echo $$; mktemp -u"], capture_output=True, text=True)
    with lock:
        out.append(p.stdout)
threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
for t in threads: t.start()
for t in threads: t.join()
print(hash(tuple(map(str, out))), len(out), uuid.uuid4())
end
python3 work.py >out &
xz -T3 -k -c work.py | md5sum &
sort --parallel=4 work.py | md5sum &
wait
cat out
