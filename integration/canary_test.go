package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A canary is a program that notices one disturbance of laplace check, if the pin that
// hides it is off.
type canary struct {
	pin       string
	disturbed string   // what check disturbs, as it says where it cannot
	program   string   // of testdata/c, to be ./prog
	argv      []string // of the command
}

var canaries = []canary{
	{pin: "time", disturbed: "start time", argv: []string{"date", "+%s.%N"}},
	{pin: "cpu", disturbed: "CPU", program: "ident_cpu.c", argv: []string{"./prog"}},
	{pin: "cpus", disturbed: "number of CPUs", argv: []string{"nproc"}},
	{pin: "umask", disturbed: "umask", argv: []string{"sh", "-c", "umask; mkdir made; ls -ld made"}},
	{pin: "env", disturbed: "time zone and locale", argv: []string{"sh", "-c", "echo $TZ $LANG $LC_ALL"}},
	{pin: "hostname", disturbed: "host name", argv: []string{"uname", "-n"}},
	{pin: "user", disturbed: "host user", argv: []string{"id", "-u"}},
	{pin: "pids", disturbed: "process ids in the box", argv: []string{"sh", "-c", "sh -c 'echo $$ $PPID'; echo $$"}},
	{pin: "inodes", disturbed: "inode numbers", argv: []string{"sh", "-c", "touch a b c d e f g h; ls -i; stat -c %i a"}},
	{pin: "order", disturbed: "order of directories", argv: []string{"sh", "-c", "touch a b c d e f g h; ls -U"}},
	{pin: "schedule", disturbed: "schedule", program: "wait_any_order.c", argv: []string{"./prog"}},
	{pin: "aslr", disturbed: "address space", program: "rand_aslr.c", argv: []string{"./prog"}},
}

// TestCanaries shows that check finds what is not pinned: each canary gives the same
// result on all disturbed hosts, and another one as soon as its pin is off.
func TestCanaries(t *testing.T) {
	binary := laplace(t)
	for _, c := range canaries {
		t.Run(c.pin, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(base, "canary-"+c.pin)
			project := filepath.Join(dir, "project")
			if err := os.MkdirAll(project, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.program != "" {
				prog, err := compile(filepath.Join("testdata/c", c.program), nil)
				if err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(prog)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(project, "prog"), data, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			check := func(flags ...string) result {
				argv := slices.Concat([]string{binary, "check"}, flags, []string{"--"}, c.argv)
				return run(t, plainCaller(filepath.Join(dir, "home")), project, nil, argv...)
			}
			r := check()
			if r.Exit != 0 || !strings.Contains(r.Stderr, "3 runs are the same; deterministic") {
				t.Errorf("with all pins: exit status %d, want 0\n%s", r.Exit, r.Stderr)
			}
			want := 1
			if impossible(c.disturbed, r.Stderr) {
				t.Logf("this host cannot be disturbed in: %s", c.disturbed)
				want = 0
			}
			r = check("--unpin", c.pin)
			if r.Exit != want || strings.Contains(r.Stderr, "run 1 and run 2 differ: stdout at byte") != (want == 1) {
				t.Errorf("without the pin %s: exit status %d, want %d\n%s", c.pin, r.Exit, want, r.Stderr)
			}
		})
	}
}

// impossible tells whether check says that it cannot disturb something.
func impossible(what, stderr string) bool {
	for line := range strings.Lines(stderr) {
		if _, list, ok := strings.Cut(line, "not disturbed here: "); ok {
			return strings.HasPrefix(list, what+" (") || strings.Contains(list, ", "+what+" (")
		}
	}
	return false
}

// TestCanaryForEachPin shows that no pin has been forgotten.
func TestCanaryForEachPin(t *testing.T) {
	r := run(t, plainCaller(t.TempDir()), "/", nil, laplace(t), "do", "--unpin", "?", "--", "true")
	m := regexp.MustCompile(`not one of ([a-z,]+)`).FindStringSubmatch(r.Stderr)
	if m == nil {
		t.Fatalf("no list of pins in %q", r.Stderr)
	}
	for _, pin := range strings.Split(m[1], ",") {
		if !slices.ContainsFunc(canaries, func(c canary) bool { return c.pin == pin }) {
			t.Errorf("the pin %s has no canary", pin)
		}
	}
}
