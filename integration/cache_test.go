package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cached is a project with a cache: what runs in it is compared with what runs without one.
type cached struct {
	t       *testing.T
	project string
	state   string
	aside   string // a directory that the box has for reading, outside of the project
	flags   []string
}

// newCached makes a project and an empty cache. The project is at /p in the box, the directory
// aside at /aside.
func newCached(t *testing.T, setup string) *cached {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { removeAll(dir) })
	c := &cached{t: t, project: filepath.Join(dir, "p"), state: filepath.Join(dir, "state"), aside: filepath.Join(dir, "aside")}
	for _, d := range []string{c.project, c.state, c.aside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.native(setup)
	return c
}

// native runs a script in the project without a box.
func (c *cached) native(script string) {
	c.t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = c.project
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// ran is what came of a run.
type ran struct {
	Stdout, Stderr string
	Report         struct {
		Exit    int
		Verdict string
		Taints  []struct{ Kind, Detail string }
		Ticks   uint64
		Tree    string
		Execs   struct{ Total, Run, Skipped uint64 }
		Refused []struct {
			Syscall string
			Count   uint64
		}
		Unmasked []string
	}
}

// same is what must be the same with a cache as without one.
func (r *ran) same() string {
	p := &r.Report
	return fmt.Sprintf("exit %d, %s %v, %d execs, %d ticks\nrefused %v, unmasked %v\ntree %s\nstdout %q\nstderr %q\n",
		p.Exit, p.Verdict, p.Taints, p.Execs.Total, p.Ticks, p.Refused, p.Unmasked, p.Tree, r.Stdout, r.Stderr)
}

// do runs a command in the box; stdin may be nil.
func (c *cached) do(stdin *os.File, flags []string, argv ...string) ran {
	c.t.Helper()
	report := filepath.Join(c.state, "report")
	args := append([]string{"do", "--at", "/p", "--ro", c.aside, "--report", report}, append(append([]string{}, c.flags...), flags...)...)
	cmd := exec.CommandContext(c.t.Context(), laplace(c.t), append(append(args, "--"), argv...)...)
	cmd.Dir, cmd.Env = c.project, append(os.Environ(), "XDG_STATE_HOME="+c.state)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var r ran
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	os.Remove(report)
	err := cmd.Run()
	r.Stdout, r.Stderr = stdout.String(), stderr.String()
	text, rerr := os.ReadFile(report)
	if rerr != nil {
		c.t.Fatalf("%q: %v, %v\n%s%s", argv, err, rerr, r.Stdout, r.Stderr)
	}
	if err := json.Unmarshal(text, &r.Report); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// explain is what laplace explain says of the last run.
func (c *cached) explain() string {
	c.t.Helper()
	cmd := exec.Command(laplace(c.t), "explain", "--all")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+c.state)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("explain: %v\n%s", err, out)
	}
	return string(out)
}

// Outcomes of the second run of a cacheCase.
const (
	hit  = "hit"  // skipped as a whole
	part = "part" // not as a whole, but programs of it are
	miss = "miss" // nothing is
)

// cacheCase is a command that is run, and after an edit once more.
type cacheCase struct {
	name  string
	setup string
	run   string // by sh
	again string // in place of run, the second time
	edit  string // between the two, without a box
	// before is run, and committed, before all, and box between the two.
	before, box string
	flags       []string
	// second are flags of the second run.
	second []string
	stdin  string
	want   string
	why    string // a part of what laplace explain says of the second run
	// fresh says that it needs no look at the same case below a program that runs anew.
	whole bool
}

// test runs the case.
func (cc *cacheCase) test(t *testing.T, below bool) {
	c := newCached(t, "printf 'one\\n' > f; printf 'two\\n' > g; mkdir d; echo x > d/x; "+cc.setup)
	nonce := filepath.Join(c.aside, "nonce")
	input := filepath.Join(c.aside, "input")
	step := func(n, script string, flags ...string) ran {
		t.Helper()
		argv := []string{"sh", "-c", script}
		if below {
			// The outermost program has seen something else each time.
			if err := os.WriteFile(nonce, []byte(n), 0o644); err != nil {
				t.Fatal(err)
			}
			argv = []string{"sh", "-c", "read x < " + nonce + `; sh -c "$1"; e=$?; [ $e -ge 0 ]; exit $e`, "sh", script}
		}
		var stdin *os.File
		if cc.stdin != "" {
			if err := os.WriteFile(input, []byte(cc.stdin), 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(input)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			stdin = f
		}
		return c.do(stdin, append(append([]string{"--no-commit"}, cc.flags...), flags...), argv...)
	}
	if cc.before != "" {
		c.do(nil, nil, "sh", "-c", cc.before)
	}
	first := step("1", cc.run, "--cache")
	if cc.edit != "" {
		c.native(cc.edit)
	}
	if cc.box != "" {
		c.do(nil, nil, "sh", "-c", cc.box)
	}
	script := cc.run
	if cc.again != "" {
		script = cc.again
	}
	second := step("2", script, append([]string{"--cache"}, cc.second...)...)
	explained := c.explain()
	fresh := step("2", script, cc.second...)
	if d := cmp.Diff(fresh.same(), second.same()); d != "" {
		t.Errorf("with the cache it is another result:\n%s\n%s", d, explained)
	}
	if cc.edit == "" && cc.box == "" && len(cc.second) == 0 && cc.again == "" {
		if d := cmp.Diff(fresh.same(), first.same()); d != "" {
			t.Errorf("what fills the cache has another result:\n%s", d)
		}
	}
	third := step("2", script, append([]string{"--cache"}, cc.second...)...)
	if d := cmp.Diff(fresh.same(), third.same()); d != "" {
		t.Errorf("again with the cache it is another result:\n%s\n%s", d, c.explain())
	}
	if x := third.Report.Execs; cc.want == part && x.Run > 0 {
		t.Errorf("what was kept of a run some of which was skipped does not hold again: %s", c.explain())
	}
	x := second.Report.Execs
	if below && x.Run > 0 {
		x.Run-- // the outermost
	}
	got := part
	switch {
	case x.Run == 0:
		got = hit
	case x.Skipped == 0:
		got = miss
	}
	if got != cc.want || !strings.Contains(explained, cc.why) {
		t.Errorf("%s (%d run, %d skipped), want %s because %q:\n%s", got, x.Run, x.Skipped, cc.want, cc.why, explained)
	}
}

// TestCache is the list of what a cache must get right; the numbers are those of that list.
func TestCache(t *testing.T) {
	t.Parallel()
	for i := range cacheCases {
		cc := &cacheCases[i]
		t.Run(strings.ReplaceAll(cc.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			t.Run("whole", func(t *testing.T) { cc.test(t, false) })
			if cc.want == hit && !cc.whole {
				t.Run("below", func(t *testing.T) { cc.test(t, true) })
			}
		})
	}
}
