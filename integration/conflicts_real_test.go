package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRealMissing builds projects of which a dependency is missing, with four jobs, in many
// schedules: ordered, as is the default, all come to what the canonical run does.
func TestRealMissing(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building projects in twenty schedules takes minutes: set %s=1, or run make test-real", realVariable)
	}
	setups, err := filepath.Glob("testdata/missing/*.setup.sh")
	if err != nil || len(setups) == 0 {
		t.Fatalf("no projects: %v", err)
	}
	for _, setup := range setups {
		name := strings.TrimSuffix(filepath.Base(setup), ".setup.sh")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testMissing(t, name, setup)
		})
	}
}

func testMissing(t *testing.T, name, setup string) {
	dir := filepath.Join(base, "missing-"+name)
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(setup)
	if err != nil {
		t.Fatal(err)
	}
	if err := runSetup(project, string(script)); err != nil {
		t.Fatal(err)
	}
	build := func(home string, flags ...string) (result, report) {
		home = filepath.Join(dir, home) // what is remembered lies there
		file := filepath.Join(dir, "report.json")
		argv := slices.Concat([]string{laplace(t), "do", "--no-commit", "--report", file}, flags, []string{"--", "make", "-j4"})
		r := run(t, plainCaller(home), project, nil, argv...)
		rep, err := readReport(file)
		if err != nil || r.Exit != 0 || rep.Verdict != "deterministic" {
			t.Fatalf("%q: exit status %d, report: %v, %s %+v\n%s%s", flags, r.Exit, err, rep.Verdict, rep.Taints, r.Stdout, r.Stderr)
		}
		return r, rep
	}
	first, canonical := build("canonical", "--canonical")
	found := 0
	for seed := range conflictSeeds {
		// Half of them remember what the others have had to order.
		r, rep := build([]string{"remembers", "home-" + strconv.Itoa(seed)}[seed%2], "--jitter", strconv.Itoa(seed))
		what := fmt.Sprintf("schedule %d and the canonical run", seed)
		if r.Stdout != first.Stdout {
			t.Errorf("%s: stdout\n%s\nwant\n%s", what, r.Stdout, first.Stdout)
		}
		diffEnds(t, what, canonical, rep)
		found += len(rep.Conflicts)
	}
	if found == 0 {
		t.Error("no conflicts")
	}
}

// TestRealConflicts builds packages with four jobs, and finds the conflicts of their makefiles.
func TestRealConflicts(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building five packages takes minutes: set %s=1, or run make test-real", realVariable)
	}
	for _, b := range jobBuilds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			project, who := b.prepare(t, filepath.Join(base, "races-"+b.name))
			file := filepath.Join(filepath.Dir(project), "report.json")
			argv := []string{laplace(t), "do", "--no-commit", "--jitter", "1", "--on-conflict=taint", "--report", file, "--", "make", "-j4"}
			if r := run(t, who, project, nil, append(argv, b.make...)...); r.Exit != 0 {
				t.Fatalf("exit status %d\n%s%s", r.Exit, clip(r.Stdout), clip(r.Stderr))
			}
			rep, err := readReport(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := range rep.Conflicts {
				t.Errorf("%+v", rep.Conflicts[i])
			}
		})
	}
}
