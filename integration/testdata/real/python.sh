#!/usr/bin/python3
# laplace: same
# python3: processes, files, archives, a database, text; what is random is in python_pinned.sh.
import collections, compileall, fcntl, functools, hashlib, itertools, json, os, pathlib, pickle, py_compile, random, re
import select, shutil, signal, sqlite3, struct, subprocess, sys, tarfile, tempfile, textwrap, zipfile, zlib

sys.stdout.reconfigure(line_buffering=True)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


# Processes.
r = subprocess.run(["sort", "-n"], input="3\n1\n2\n", capture_output=True, text=True)
print(r.stdout.split(), r.returncode)
print(subprocess.run("echo out; echo err >&2; exit 3", shell=True, capture_output=True, text=True))
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(len(p.communicate(b"x" * 500000)[0]), p.returncode)
a = subprocess.Popen(["seq", "1", "1000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["tail", "-n", "1"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close()
print(b.communicate()[0], a.wait())
try:
    subprocess.run(["./missing"])
except FileNotFoundError as e:
    print("errno", e.errno)
try:
    subprocess.run(["sleep", "1000"], timeout=0.2)
except subprocess.TimeoutExpired:
    print("timed out")
pid = os.fork()
if pid == 0:
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
signal.signal(signal.SIGUSR1, lambda *_: print("USR1"))
os.kill(os.getpid(), signal.SIGUSR1)
rd, wr = os.pipe()
print(select.select([rd], [wr], [], 0.01)[1] == [wr])
os.write(wr, b"abc")
print(os.read(rd, 10), os.popen("echo popen").read().strip(), os.system("exit 4") >> 8)
print(subprocess.check_output([sys.executable, "-c", "import sys; print(sys.argv)", "x"]))

# Files and archives.
tree = pathlib.Path("tree")
for i, j in itertools.product(range(3), range(4)):
    (tree / str(i)).mkdir(parents=True, exist_ok=True)
    (tree / str(i) / f"f{j}.txt").write_text(f"{i}{j}\n" * 50)
texts = sorted(tree.rglob("*.txt"))
print([str(x) for x in texts[:4]], sum(len(f) for _, _, f in os.walk(tree)))
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for f in texts:
        z.writestr(zipfile.ZipInfo(str(f), (2001, 2, 3, 4, 5, 6)), f.read_bytes())
print(digest("a.zip"), zipfile.ZipFile("a.zip").testzip(), len(zipfile.ZipFile("a.zip").namelist()))


def plain(t):
    t.mtime = t.uid = t.gid = 0
    t.uname = t.gname = ""
    return t


with tarfile.open("a.tar", "w", format=tarfile.PAX_FORMAT) as t:
    for f in texts:
        t.add(f, filter=plain)
print(digest("a.tar"))
shutil.copytree(tree, "copy")
shutil.rmtree("copy/1")
print(sorted(os.listdir("copy")), shutil.which("sh") is not None)
with tempfile.TemporaryDirectory() as d:
    pathlib.Path(d, "x").write_text("1")
    print(os.listdir(d))
pathlib.Path("pkg").mkdir()
pathlib.Path("pkg/__init__.py").write_text("from . import m\n")
pathlib.Path("pkg/m.py").write_text("VALUE = ('a', 'b', 'c')\ndef f(x): return x + 1\n")
mode = py_compile.PycInvalidationMode.CHECKED_HASH
print(compileall.compile_dir("pkg", quiet=1, invalidation_mode=mode))
sys.path.insert(0, ".")
import pkg

print(pkg.m.f(41), [digest(x)[:8] for x in sorted(pathlib.Path("pkg").rglob("*.pyc"))])
c = sqlite3.connect("db.sqlite")
c.execute("create table t(a, b)")
c.executemany("insert into t values(?, ?)", [(i, i * i) for i in range(100)])
c.commit()
print(c.execute("select sum(b), count(*) from t where a % 2").fetchone(), c.execute("pragma integrity_check").fetchone())
c.close()
with open("lock", "w") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    fcntl.lockf(f, fcntl.LOCK_EX)

# Values.
print(sorted({"b", "a", "c"}), json.dumps({"z": 1, "a": [1.5, None, True]}), zlib.crc32(b"abc"), struct.pack(">IHb", 1, 2, 3))
print(collections.Counter("mississippi").most_common(2), list(itertools.permutations("ab")), functools.reduce(lambda a, b: a * b, range(1, 30)))
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"), textwrap.shorten("a long line of words", 12), 0.1 + 0.2, 2**200 % 1000007)
random.seed(42)
print(random.randint(0, 10**9), random.sample(range(100), 5), pickle.loads(pickle.dumps({"k": [1, 2]})))
print(sys.stdin.isatty(), sys.stdout.isatty())
