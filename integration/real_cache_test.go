package integration

import (
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// A cachedBuild is a package that is built with a cache.
type cachedBuild struct {
	name   string
	unpack func(project string) error
	build  string
	edits  []cachedEdit
}

// A cachedEdit is a change after which a package is built again.
type cachedEdit struct {
	what, edit string
	atMost     uint64 // programs that run anew
}

var cachedBuilds = []cachedBuild{
	{
		name: "lua", unpack: sources.Lua.Unpack, build: "make -j2 linux MYCFLAGS=-O0",
		edits: []cachedEdit{
			{what: "a comment", edit: "echo '/* edited */' >> src/lapi.c", atMost: 9},
			{what: "a source", edit: "echo 'int edited;' >> src/lapi.c", atMost: 20},
			{what: "a header", edit: "echo 'extern int edited;' >> src/lzio.h", atMost: 90},
		},
	},
	{
		name: "zlib", unpack: sources.Zlib.Unpack, build: "[ -e configure.log ] || CFLAGS=-O0 ./configure --static >/dev/null || exit\nmake -j2",
		edits: []cachedEdit{
			{what: "a comment", edit: "echo '/* edited */' >> inflate.c", atMost: 6},
			{what: "a header", edit: "echo 'extern int edited;' >> deflate.h", atMost: 20},
		},
	},
	{
		name: "hello", unpack: sources.Hello.Unpack, build: "[ -e config.status ] || ./configure >/dev/null || exit\nmake CFLAGS=-O0",
		edits: []cachedEdit{{what: "a comment", edit: "echo '/* edited */' >> src/hello.c", atMost: 12}},
	},
	{
		// With threads, and no telemetry, for which all of Go's tools write to one file. They read clocks, so that
		// what is compiled after what has changed is compiled, too: that is last.
		name: "go", unpack: unpackGo, build: "PATH=" + filepath.Join(goruntime.GOROOT(), "bin") + ":$PATH; go telemetry off && go build -trimpath -buildvcs=false -o prog .",
		edits: []cachedEdit{
			{what: "a comment", edit: "echo '// edited' >> main.go", atMost: 8},
			{what: "a source", edit: "echo 'var Edited = 1' >> main.go", atMost: 8},
		},
	},
	{
		name: "python", unpack: unpackWheel, build: "python3 -m compileall -q --invalidation-mode checked-hash greet",
		edits: []cachedEdit{{what: "a source", edit: "echo 'edited = True' >> greet/more.py", atMost: 2}},
	},
}

// unpackGo makes a program of three packages that imports no other.
func unpackGo(project string) error {
	return runSetup(project, `mkdir a b
printf 'module example\n\ngo 1.20\n' >go.mod
printf 'package a\n\nfunc A() string { return "a" }\n' >a/a.go
printf 'package b\n\nfunc B() string { return "b" }\n' >b/b.go
printf 'package main\n\nimport (\n\t"example/a"\n\t"example/b"\n)\n\nfunc main() { println(a.A(), b.B()) }\n' >main.go
`)
}

// TestRealCache builds packages with a cache: cold, again, after edits, and as it was before them. Each time what comes
// of it is what comes of it without a cache.
func TestRealCache(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building five packages several times takes minutes: set %s=1, or run make test-real", realVariable)
	}
	for _, b := range cachedBuilds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t)
		})
	}
}

func (b *cachedBuild) test(t *testing.T) {
	c := newCached(t, "true")
	if err := b.unpack(c.project); err != nil {
		t.Fatal(err)
	}
	c.native("git init -q . && git add -A && git -c user.name=x -c user.email=x@y commit -qm first && git branch -M main && git tag first")
	build := []string{"sh", "-c", b.build}
	// both builds with a cache and without, from the same files.
	both := func(what string) ran {
		t.Helper()
		cached, fresh := c.do(nil, []string{"--cache", "--no-commit"}, build...), c.do(nil, []string{"--no-commit"}, build...)
		if cached.same() != fresh.same() || fresh.Report.Exit != 0 || fresh.Report.Verdict != "deterministic" {
			t.Fatalf("%s: with a cache\n%s\nwithout\n%s", what, cached.same(), fresh.same())
		}
		return cached
	}
	// skips builds once more, which nothing is run for.
	skips := func(what string, flags ...string) {
		t.Helper()
		if r := c.do(nil, append([]string{"--cache"}, flags...), build...); r.Report.Execs.Run != 0 || r.Report.Exit != 0 {
			t.Errorf("%s: %d programs ran: %s", what, r.Report.Execs.Run, clip(c.explain()))
		}
	}
	cold := both("cold").Report.Execs
	if cold.Skipped > cold.Total/2 { // configure does some things twice
		t.Errorf("%d of %d programs are skipped by the first build", cold.Skipped, cold.Total)
	}
	skips("again", "--no-commit")
	for i := range b.edits {
		e := &b.edits[i]
		c.native(e.edit)
		x := both(e.what).Report.Execs
		t.Logf("%s: %s: %d run, %d skipped of %d", b.name, e.what, x.Run, x.Skipped, cold.Total)
		if x.Run > e.atMost {
			t.Errorf("%s: %d programs ran, and %d were skipped; at most %d should", e.what, x.Run, x.Skipped, e.atMost)
		}
		skips(e.what+", again", "--no-commit")
		c.native("git checkout -qf main")
		skips("as it was", "--no-commit")
	}
	// Now with what was built before, as people do.
	skips("again, with a commit")
	c.native("git add -Af . && git -c user.name=x -c user.email=x@y commit -qm built")
	c.native(b.edits[0].edit)
	both(b.edits[0].what + ", with what was built before")
}
