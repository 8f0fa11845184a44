#!/usr/bin/python3
# laplace: pinned
# python3: hash(), random, time, os.listdir, tempfile, uuid, ids, addresses, compiled files and archives with times.
import compileall, datetime, hashlib, importlib, os, pathlib, platform, random, secrets, shutil, subprocess, sys
import tempfile, time, uuid, zipfile

sys.stdout.reconfigure(line_buffering=True)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


print(hash("text"), hash(b"bytes"), hash((1, "a")), {"one", "two", "three", "four"}, set("abcdefghij"))
print(random.random(), random.randint(0, 10**12), random.sample(range(1000), 5), random.SystemRandom().random())
print(secrets.token_hex(8), os.urandom(8).hex(), os.getrandom(8).hex(), uuid.uuid4(), uuid.uuid1())
print(time.time(), time.time_ns(), time.monotonic(), time.perf_counter(), time.process_time(), time.thread_time())
print(datetime.datetime.now(), time.localtime(), time.clock_gettime(time.CLOCK_BOOTTIME))
a = time.monotonic()
time.sleep(3)
b = time.monotonic() - a
if b < 3:
    sys.exit(f"FAIL slept {b}")
print(b)
print(os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0), os.times(), os.cpu_count(), os.sched_getaffinity(0))
print(os.uname(), platform.platform(), os.getloadavg(), os.getuid(), os.environ)
print(tempfile.mkstemp()[1], tempfile.mkdtemp(), tempfile.NamedTemporaryFile().name, tempfile.mkstemp(dir=".")[1])
print(object(), id(object()), open)

os.mkdir("d")
for c in "qwertyuiop":
    pathlib.Path("d", c).touch()
print(os.listdir("d"), [e.inode() for e in os.scandir("d")], os.stat("d"), os.stat("d/q"))
print(shutil.disk_usage("."), os.statvfs("."))
pathlib.Path("m.py").write_text("X = frozenset(['a', 'b', 'c', 'd'])\n")
compileall.compile_dir(".", quiet=1)
print([digest(p) for p in sorted(pathlib.Path("__pycache__").iterdir())])
sys.path.insert(0, ".")
print(importlib.import_module("m").X)
with zipfile.ZipFile("z.zip", "w") as z:
    for c in os.listdir("d"):
        z.write("d/" + c)
shutil.make_archive("x", "gztar", "d")
print(digest("z.zip"), digest("x.tar.gz"))

probe = "import os, random, uuid; print(hash('x'), random.random(), uuid.uuid4(), os.getpid())"
for _ in range(3):
    print(subprocess.check_output([sys.executable, "-c", probe]).decode().strip())
racer = "import random, time; time.sleep(random.random() / 10); print('child', random.random(), flush=True)"
print([p.wait() for p in [subprocess.Popen([sys.executable, "-c", racer]) for _ in range(4)]])
for name in "maps", "stat", "status", "limits", "mountinfo", "cmdline":
    print(name, digest("/proc/self/" + name))
