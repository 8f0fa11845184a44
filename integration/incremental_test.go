package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// incremental is a package that is built in its project again and again.
type incremental struct {
	name    string
	unpack  func(project string) error
	build   string // shell commands, which build only what is not up to date
	check   string // one that tests what is built, if not empty
	passed  string // what that says when all is well
	edited  string // a source, and what is appended to it
	text    string
	removed string   // an output
	made    []string // some files that are made
	// Varying are prefixes of paths that tell of what was done, and not of the result.
	varying []string
	// Whole says that the package builds all of it each time.
	whole bool
}

const (
	configured = "[ -e Makefile ] || ./configure >/dev/null || exit\n"
	comment    = "\n/* edited */ int laplace_edited;\n"
)

var incrementals = []incremental{
	{
		name: "hello", unpack: sources.Hello.Unpack,
		build:  "export OMP_NUM_THREADS=1\n[ -e config.status ] || ./configure >/dev/null || exit\nmake -j4 CFLAGS=-O0",
		edited: "src/hello.c", text: comment, removed: "hello", made: []string{"hello", "lib/libhello.a"},
	},
	{
		name: "lua", unpack: sources.Lua.Unpack,
		build:  "make -j4 linux MYCFLAGS=-O0",
		edited: "src/lapi.c", text: comment, removed: "src/lapi.o", made: []string{"src/lua", "src/liblua.a"},
	},
	{
		name: "zlib", unpack: sources.Zlib.Unpack,
		build:  "[ -e configure.log ] || CFLAGS=-O0 ./configure --static >/dev/null || exit\nmake -j4",
		edited: "inflate.c", text: comment, removed: "libz.a", made: []string{"libz.a", "example"},
	},
	{
		name: "bzip2", unpack: sources.Bzip2.Unpack,
		build:  "make -j4 CFLAGS='-O0 -D_FILE_OFFSET_BITS=64'",
		edited: "compress.c", text: comment, removed: "bzip2", made: []string{"libbz2.a", "bzip2"}, whole: true, // it tests
	},
	{
		name: "sqlite", unpack: sources.SQLite.Unpack,
		build: "[ -e config.status ] || CFLAGS=-O0 ./configure --disable-shared --disable-tcl --disable-readline --disable-amalgamation >/dev/null || exit\n" +
			"make -j4 libsqlite3.la",
		// Another source changes the ID of all of them, which make does not notice.
		edited: "src/sqlite.h.in", text: comment, removed: "parse.c", made: []string{".libs/libsqlite3.a", "parse.c"},
	},
	{
		name: "xz", unpack: sources.XZ.Unpack,
		build: "[ -e config.status ] || CFLAGS=-O0 ./configure --disable-threads --disable-shared >/dev/null || exit\nmake -j4",
		check: "make check -j4", passed: "# FAIL:  0",
		edited: "src/liblzma/common/common.c", text: comment, removed: "src/xz/xz", made: []string{"src/xz/xz", "src/liblzma/.libs/liblzma.a"},
	},
	{
		name: "gzip", unpack: sources.Gzip.Unpack,
		build: "[ -e config.status ] || CFLAGS=-O0 ./configure >/dev/null || exit\nmake -j4",
		check: "make check -j4", passed: "# FAIL:  0",
		edited: "zip.c", text: comment, removed: "lib/libgzip.a", made: []string{"gzip"},
	},
	{
		name: "json-c", unpack: sources.JSONC.Unpack,
		build:  "[ -e build/build.ninja ] || cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Debug >/dev/null || exit\ncmake --build build",
		edited: "arraylist.c", text: comment, removed: "build/libjson-c.a", made: []string{"build/libjson-c.a", "build/libjson-c.so.5.2.0"},
		varying: []string{"build/.ninja_log", "build/.ninja_deps"},
	},
	{
		name: "wheel", unpack: unpackWheel,
		build:  "python3 -m compileall -q greet\npython3 -c 'import setuptools.build_meta as b; b.build_wheel(\"dist\")'",
		edited: "greet/more.py", text: "\nedited = True\n", removed: "dist/greet-1.0-py3-none-any.whl",
		made: []string{"dist/greet-1.0-py3-none-any.whl"}, whole: true,
	},
}

// unpackWheel makes a Python package.
func unpackWheel(project string) error {
	return runSetup(project, `mkdir -p greet
cat >pyproject.toml <<'end'
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "greet"
version = "1.0"
end
echo 'from . import more' >greet/__init__.py
echo 'def hello(): return "hello"' >greet/more.py
`)
}

// TestRealIncremental builds packages as people do: from clean; after nothing but touch,
// after an edit, after an output is gone, after git checkout of something else and back.
// Each time there are the same files as a clean build gives.
func TestRealIncremental(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building ten packages several times takes minutes: set %s=1, or run make test-real", realVariable)
	}
	for _, b := range incrementals {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t)
		})
	}
}

// checkout is the project of an incremental under test.
type checkout struct {
	t       *testing.T
	b       incremental
	who     caller
	dir     string // of all
	project string
	tracked map[string]bool
}

func (c *checkout) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.autocrlf=false"}, args...)...)
	cmd.Dir = c.project
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// build builds in a box.
func (c *checkout) build(flags ...string) {
	c.t.Helper()
	argv := append([]string{laplace(c.t), "do"}, flags...)
	r := run(c.t, c.who, c.project, nil, append(argv, "--", "sh", "-c", c.b.build)...)
	if r.Exit != 0 {
		c.t.Fatalf("exit status %d\n%s%s", r.Exit, clip(r.Stdout), clip(r.Stderr))
	}
}

// outputs are the files in a directory that git does not track.
func (c *checkout) outputs(dir string, mtimes bool) tree {
	c.t.Helper()
	all, err := readTree(dir, mtimes)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, e := range all {
		drop := c.tracked[name] || e.Mode.IsDir() || strings.HasPrefix(name, ".git/")
		for _, prefix := range c.b.varying {
			drop = drop || strings.HasPrefix(name, prefix)
		}
		if drop {
			delete(all, name)
		}
	}
	return all
}

// clean builds what git has, and returns what is made.
func (c *checkout) clean(name string) tree {
	c.t.Helper()
	out := filepath.Join(c.dir, name)
	c.build("--fresh", "--out", out)
	made := c.outputs(out, false)
	for _, name := range c.b.made {
		if made[name].Size == 0 && made[name].Target == "" {
			c.t.Errorf("a clean build does not make %s", name)
		}
	}
	removeAll(out)
	return made
}

// again builds once more, and compares.
func (c *checkout) again(what string, want tree) {
	c.t.Helper()
	c.build()
	diffTrees(c.t, what+": a clean build and this one", want, c.outputs(c.project, false))
	if c.t.Failed() {
		c.t.FailNow()
	}
}

func (b incremental) test(t *testing.T) {
	dir := filepath.Join(base, "incremental-"+b.name)
	c := &checkout{t: t, b: b, dir: dir, project: filepath.Join(dir, "project"), tracked: map[string]bool{}}
	home := filepath.Join(dir, "home")
	for _, d := range []string{home, c.project} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeAll(dir) })
	c.who = plainCaller(home)
	if err := b.unpack(c.project); err != nil {
		t.Fatal(err)
	}
	c.git("init", "-q", "-b", "main")
	c.git("add", "-f", ".")
	c.git("commit", "-qm", "first")
	for name := range strings.SplitSeq(c.git("ls-files", "-z"), "\x00") {
		c.tracked[name] = true
	}
	first := c.clean("first")
	c.again("from clean", first)

	if b.check != "" {
		r := run(t, c.who, c.project, nil, laplace(t), "do", "--no-commit", "--", "sh", "-c", b.check)
		if r.Exit != 0 || !strings.Contains(r.Stdout, b.passed) {
			t.Errorf("%s: exit status %d, want %q\n%s%s", b.check, r.Exit, b.passed, clip(r.Stdout), clip(r.Stderr))
		}
	}

	before := c.outputs(c.project, true)
	for name := range c.tracked {
		if name != "" {
			touch(t, filepath.Join(c.project, name))
		}
	}
	c.again("after touch", first)
	if !b.whole {
		diffTrees(t, "nothing is built after touch", before, c.outputs(c.project, true))
	}

	c.git("checkout", "-qb", "other")
	appendTo(t, filepath.Join(c.project, b.edited), b.text)
	c.git("commit", "-qm", "edited", "--", b.edited)
	edited := c.clean("edited")
	if reflect.DeepEqual(first, edited) {
		t.Error("the edit changes nothing that is made")
	}
	c.again("after an edit", edited)

	if err := os.Remove(filepath.Join(c.project, b.removed)); err != nil {
		t.Fatal(err)
	}
	c.again("after an output was deleted", edited)

	c.git("checkout", "-q", "main")
	c.again("after git checkout and back", first)
}

func touch(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("touch", "-h", path).CombinedOutput(); err != nil {
		t.Fatalf("touch: %v\n%s", err, out)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
