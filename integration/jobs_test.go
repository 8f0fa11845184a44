package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// jobs are the numbers of jobs that make gets.
var jobs = []int{1, 4, 8}

// jobBuild is a package whose make runs with several numbers of jobs.
type jobBuild struct {
	name      string
	source    sources.Source
	configure string   // shell commands that prepare the sources, once
	make      []string // arguments of make besides -j
	made      []string // some files that it makes
	runs      int      // disturbed runs of laplace check, besides the canonical one
}

// jobBuilds are the packages. All together need some four minutes, half of that if two
// processors are free: each compiles without much optimisation, and the largest, with
// two hundred compilations of 15 s in a box, is disturbed only once.
var jobBuilds = []jobBuild{
	{
		name: "hello", source: sources.Hello,
		configure: "OMP_NUM_THREADS=1 ./configure", // msgmerge wants threads, and gives up without
		make:      []string{"CFLAGS=-O0"}, made: []string{"hello", "lib/libhello.a"}, runs: 4,
	},
	{
		name: "lua", source: sources.Lua,
		make: []string{"linux", "MYCFLAGS=-O0"}, made: []string{"src/lua", "src/luac", "src/liblua.a"}, runs: 4,
	},
	{
		name: "zlib", source: sources.Zlib,
		configure: "CFLAGS=-O0 ./configure --static",
		made:      []string{"libz.a", "example", "minigzip"}, runs: 4,
	},
	{
		name: "bzip2", source: sources.Bzip2,
		make: []string{"CFLAGS=-O0 -D_FILE_OFFSET_BITS=64"}, made: []string{"libbz2.a", "bzip2", "sample3.rb2"}, runs: 4,
	},
	{
		// Not the amalgamation: that is one file.
		name: "sqlite", source: sources.SQLite,
		configure: "CFLAGS=-O0 ./configure --disable-shared --disable-tcl --disable-readline --disable-amalgamation",
		make:      []string{"libsqlite3.la"}, made: []string{".libs/libsqlite3.a", "sqlite3.h", "parse.c"}, runs: 1,
	},
}

// TestRealJobs builds packages with make -j1, -j4 and -j8 under laplace check. All runs
// with one number of jobs are the same in everything; runs with different numbers make
// the same files, whatever they print.
func TestRealJobs(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building five packages with several numbers of jobs takes minutes: set %s=1, or run make test-real", realVariable)
	}
	for _, b := range jobBuilds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t)
		})
	}
}

// prepare makes the project in a directory that is removed when the test ends.
func (b jobBuild) prepare(t *testing.T, dir string) (project string, who caller) {
	project, home := filepath.Join(dir, "project"), filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.source.Unpack(project); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) }) // they are large
	who = plainCaller(home)
	if b.configure != "" {
		r := run(t, who, project, nil, laplace(t), "do", "--", "sh", "-c", b.configure)
		if r.Exit != 0 {
			t.Fatalf("%s: exit status %d\n%s%s", b.configure, r.Exit, clip(r.Stdout), clip(r.Stderr))
		}
	}
	return project, who
}

func (b jobBuild) test(t *testing.T) {
	dir := filepath.Join(base, "jobs-"+b.name)
	project, who := b.prepare(t, dir)
	var first tree
	for _, j := range jobs {
		what := fmt.Sprintf("make -j%d", j)
		saved := filepath.Join(dir, fmt.Sprintf("j%d", j))
		argv := []string{laplace(t), "check", "--runs", fmt.Sprint(b.runs), "--save", saved, "--", "make", fmt.Sprintf("-j%d", j)}
		r := run(t, who, project, nil, append(argv, b.make...)...)
		if same := fmt.Sprintf("check: %d runs are the same", b.runs+1); r.Exit != 0 || !strings.Contains(r.Stderr, same) {
			t.Fatalf("%s under laplace check: exit status %d, want 0 and %q\n%s%s", what, r.Exit, same, clip(r.Stdout), clip(r.Stderr))
		}
		made, err := readTree(filepath.Join(saved, "canonical", "tree"), false)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = made
			for _, name := range b.made {
				if made[name].Size == 0 {
					t.Errorf("%s did not make %s", what, name)
				}
			}
		}
		diffTrees(t, fmt.Sprintf("make -j%d and %s", jobs[0], what), first, made)
		removeAll(saved)
	}
}
