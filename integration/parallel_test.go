package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// parallelBuild is a build whose jobs have nothing to do with each other.
type parallelBuild struct {
	name    string
	prepare func(dir string) error
	argv    []string
	real    bool // it needs minutes
}

var parallelBuilds = []parallelBuild{
	{name: "make", prepare: sixteenFiles, argv: []string{"make", "-j4"}},
	{name: "ninja", prepare: sixteenFiles, argv: []string{"ninja", "-j4"}},
	{name: "xargs", prepare: sixteenFiles, argv: []string{"sh", "-c", "ls *.c | xargs -P4 -n1 gcc -O1 -c"}},
	{name: "fifo", prepare: fifoJobserver, argv: []string{"sh", "./build"}},
	{name: "lua", prepare: sources.Lua.Unpack, argv: []string{"make", "-j4", "linux", "MYCFLAGS=-O1"}, real: true},
}

// TestParallel shows that order is not had by running one process after the other: of the
// times that a process of a build with four jobs goes on while another one has something to
// do, another one does it in most. That counts calls and not time, so that neither the
// machine's speed nor its CPUs matter. Nor is the whole box ordered, nor a program run twice.
func TestParallel(t *testing.T) {
	testParallel(t, false)
}

// TestRealParallel is TestParallel of what takes minutes.
func TestRealParallel(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("a build with four jobs, twice: set %s=1, or run make test-real", realVariable)
	}
	testParallel(t, true)
}

func testParallel(t *testing.T, real bool) {
	for _, b := range parallelBuilds {
		if b.real != real {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t)
		})
	}
}

func (b parallelBuild) test(t *testing.T) {
	dir := filepath.Join(base, "parallel-"+b.name)
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.prepare(project); err != nil {
		t.Fatal(err)
	}
	execs := func(flags ...string) (int64, string) {
		file := filepath.Join(dir, "report.json")
		argv := slices.Concat([]string{laplace(t), "do", "-vv", "--no-commit", "--report", file}, flags, []string{"--"}, b.argv)
		r := run(t, plainCaller(filepath.Join(dir, "home")), project, nil, argv...)
		report, err := readReport(file)
		if err != nil || r.Exit != 0 {
			t.Fatalf("exit status %d, report: %v\n%s%s", r.Exit, err, clip(r.Stdout), clip(r.Stderr))
		}
		return report.Execs.Total, r.Stderr
	}
	total, log := execs()
	m := regexp.MustCompile(`msg="processes side by side" resumes=(\d+) crowded=(\d+) beside=(\d+) held=(\d+) serial=(\w+)`).FindStringSubmatch(log)
	if m == nil {
		t.Fatalf("no counts in %s", clip(log))
	}
	crowded, _ := strconv.Atoi(m[2])
	beside, _ := strconv.Atoi(m[3])
	held, _ := strconv.Atoi(m[4])
	t.Logf("%s calls, %d of which waited for their turn; %d while another process had something to do, %d while it did it", m[1], held, crowded, beside)
	if crowded < 1000 || beside < crowded*3/4 {
		t.Errorf("of %d calls while another process had something to do only %d were made while it did it", crowded, beside)
	}
	if held > crowded/10 {
		t.Errorf("%d of %d calls waited for their turn", held, crowded)
	}
	if m[5] != "false" {
		t.Error("the box went on one call at a time")
	}
	if want, _ := execs("--canonical"); total != want {
		t.Errorf("%d programs were run, %d in the canonical run", total, want)
	}
}

// sixteenFiles makes sixteen C files, and what builds them.
func sixteenFiles(dir string) error {
	var makefile, ninja strings.Builder
	makefile.WriteString("all: $(patsubst %,f%.o,$(shell seq 16))\n%.o: %.c ; gcc -O1 -c -o $@ $<\n")
	ninja.WriteString("rule cc\n  command = gcc -O1 -c -o $out $in\n")
	for i := range 16 {
		c := fmt.Sprintf("#include <stdio.h>\n#include <stdlib.h>\nint f%d(int n)\n{\n\tprintf(\"%%d\\n\", n * %d);\n\treturn abs(n) %% %d;\n}\n", i+1, i, i+2)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d.c", i+1)), []byte(c), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&ninja, "build f%[1]d.o: cc f%[1]d.c\n", i+1)
	}
	for name, text := range map[string]string{"Makefile": makefile.String(), "build.ninja": ninja.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fifoJobserver makes a build of the same files whose jobs take tokens from a FIFO and give
// them back, as those of make 4.4 do: each job opens it by its name.
func fifoJobserver(dir string) error {
	const build = `mkfifo tokens
exec 3<>tokens
printf ++++ >&3
for i in $(seq 16); do
	(
		exec 4<>tokens
		token=$(dd bs=1 count=1 2>/dev/null <&4)
		gcc -O1 -c -o f$i.o f$i.c
		printf %s "$token" >&4
	) &
done
wait
exec 3>&-
rm tokens
`
	if err := os.WriteFile(filepath.Join(dir, "build"), []byte(build), 0o644); err != nil {
		return err
	}
	return sixteenFiles(dir)
}
