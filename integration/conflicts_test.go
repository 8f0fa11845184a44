package integration

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// conflictSeeds is how many schedules each program of testdata/conflicts runs in.
const conflictSeeds = 20

// wanted is a kind of conflict that the first lines of a program of testdata/conflicts name.
type wanted struct {
	classes, names []string // any of them
	maybe          bool     // not in every schedule
	ordered        string   // "true" or "false"; "" for either
}

// matches tells whether a conflict is of the kind.
func (w *wanted) matches(c *conflict) bool {
	name := path.Base(c.Path)
	if c.Path != "" && !path.IsAbs(c.Path) {
		name = "-" // a file that has none
	}
	return slices.Contains(w.classes, c.Class) && slices.Contains(w.names, name) &&
		(w.ordered == "" || w.ordered == strconv.FormatBool(c.Ordered))
}

// parseWanted parses what follows "conflicts: ".
func parseWanted(text string) ([]wanted, error) {
	if text == "none" {
		return nil, nil
	}
	var all []wanted
	for item := range strings.SplitSeq(text, "; ") {
		w := wanted{ordered: "false"}
		words := strings.Fields(item)
		for ; len(words) > 2; words = words[1:] {
			switch words[0] {
			case "maybe":
				w.maybe = true
			case "ordered":
				w.ordered = "true"
			case "either":
				w.ordered = ""
			default:
				return nil, fmt.Errorf("%q is no kind of conflict", item)
			}
		}
		if len(words) != 2 {
			return nil, fmt.Errorf("%q is no kind of conflict", item)
		}
		w.classes, w.names = strings.Split(words[0], "|"), strings.Split(words[1], "|")
		all = append(all, w)
	}
	return all, nil
}

// conflictProgram is a program of testdata/conflicts.
type conflictProgram struct {
	source, dir, project string
	args                 []string
	want                 []wanted
}

func newConflictProgram(source, dir string, args ...string) *conflictProgram {
	dir = filepath.Join(base, dir)
	return &conflictProgram{source: source, dir: dir, project: filepath.Join(dir, "project"), args: args}
}

func loadConflictProgram(source string) (*conflictProgram, error) {
	f, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, mark := bufio.NewScanner(f), "// conflicts: "
	if strings.HasSuffix(source, ".sh") {
		lines.Scan()
		mark = "# conflicts: "
	}
	lines.Scan()
	text, ok := strings.CutPrefix(lines.Text(), mark)
	if !ok {
		return nil, fmt.Errorf("%s: no %q line", source, mark)
	}
	p := newConflictProgram(source, "conflicts-"+filepath.Base(source))
	if p.want, err = parseWanted(text); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return p, nil
}

// build makes the project, which holds nothing but the program.
func (p *conflictProgram) build(t *testing.T) {
	binary := p.source
	if strings.HasSuffix(p.source, ".c") {
		var err error
		if binary, err = compile(p.source, nil); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"project", "home"} {
		if err := os.MkdirAll(filepath.Join(p.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.project, "prog"), data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// runNative runs the program natively, where it must work.
func (p *conflictProgram) runNative(t *testing.T) {
	uid := nativeUID()
	dir := filepath.Join(p.dir, "native")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(dir, p.project, copyOptions{Owner: uid}); err != nil {
		t.Fatal(err)
	}
	if uid >= 0 {
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(t, nativeCaller(dir, uid), dir, nil, append([]string{"./prog"}, p.args...)...); r.Exit != 0 {
		t.Fatalf("natively: exit status %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

// runBoxed runs the program in a box that leaves nothing behind.
func (p *conflictProgram) runBoxed(t *testing.T, flags ...string) (result, report) {
	t.Helper()
	home := filepath.Join(p.dir, "home")
	file := filepath.Join(home, "report.json")
	argv := []string{laplace(t), "do", "--no-commit", "--on-conflict=taint", "--report", file, "--env", "LAPLACE_TEST_BOXED=1"}
	r := run(t, plainCaller(home), p.project, nil, slices.Concat(argv, flags, []string{"--", "./prog"}, p.args)...)
	if r.Exit != 0 {
		t.Fatalf("%q: exit status %d\n%s%s", flags, r.Exit, r.Stdout, r.Stderr)
	}
	rep, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	return r, rep
}

// judge returns what is wrong with the conflicts of a run.
func (p *conflictProgram) judge(got []conflict) (wrong []string) {
	for i := range p.want {
		w := &p.want[i]
		if !w.maybe && !slices.ContainsFunc(got, func(c conflict) bool { return w.matches(&c) }) {
			wrong = append(wrong, fmt.Sprintf("no conflict like %+v", *w))
		}
	}
	for i := range got {
		c := &got[i]
		if !slices.ContainsFunc(p.want, func(w wanted) bool { return w.matches(c) }) {
			wrong = append(wrong, fmt.Sprintf("a conflict: %s %s, ordered %v: %s of task %s, %s of task %s", c.Class, c.Path, c.Ordered,
				c.First.Call, c.First.Task, c.Second.Call, c.Second.Task))
		}
	}
	return wrong
}

// test runs the program once in canonical order, and then in one schedule after the other.
// Each must have exactly the conflicts that the program has, and without one that is left to
// chance, or where they are ordered, the result of the canonical run.
func (p *conflictProgram) test(t *testing.T) {
	p.build(t)
	p.runNative(t)
	first, canonical := p.runBoxed(t, "--canonical")
	for seed := range conflictSeeds {
		r, rep := p.runBoxed(t, "--jitter", strconv.Itoa(seed))
		for _, wrong := range p.judge(rep.Conflicts) {
			t.Errorf("schedule %d: %s", seed, wrong)
		}
		if chance(rep.Conflicts) != rep.tainted("conflict") {
			t.Errorf("schedule %d: conflicts %+v, but taints %+v", seed, rep.Conflicts, rep.Taints)
		}
		if !chance(rep.Conflicts) {
			diffResults(t, fmt.Sprintf("schedule %d and the canonical run", seed), first, r)
			diffEnds(t, fmt.Sprintf("schedule %d and the canonical run", seed), canonical, rep)
		}
		if t.Failed() {
			return
		}
	}
	for seed := range 2 {
		p.testOrdered(t, seed, first, canonical)
	}
}

// testOrdered runs the program in a schedule, and again in order if it must be: then the
// result is the canonical run's.
func (p *conflictProgram) testOrdered(t *testing.T, seed int, first result, canonical report) {
	t.Helper()
	what := fmt.Sprintf("schedule %d, in order, and the canonical run", seed)
	r, rep := p.runBoxed(t, "--jitter", strconv.Itoa(seed), "--on-conflict=order")
	diffResults(t, what, first, r)
	diffEnds(t, what, canonical, rep)
	if rep.Verdict != "deterministic" {
		t.Errorf("%s: %s, %+v", what, rep.Verdict, rep.Taints)
	}
}

// chance tells whether there are conflicts that are left to chance.
func chance(all []conflict) bool {
	return slices.ContainsFunc(all, func(c conflict) bool { return !c.Ordered })
}

// tainted tells whether there is a taint of a kind.
func (r report) tainted(kind string) bool {
	return slices.ContainsFunc(r.Taints, func(t taint) bool { return t.Kind == kind })
}

// diffEnds fails the test if two boxes left different files, made different calls, or observed
// something else.
func diffEnds(t *testing.T, what string, want, got report) {
	t.Helper()
	if want.Tree != got.Tree || want.Ticks != got.Ticks {
		t.Errorf("%s differ: tree %s after %d ticks, and %s after %d", what, want.Tree, want.Ticks, got.Tree, got.Ticks)
	}
	if len(want.Conflicts) == 0 && len(got.Conflicts) == 0 && want.Record.Digest != got.Record.Digest {
		t.Errorf("%s differ in their records: %s and %s", what, want.Record.Digest, got.Record.Digest)
	}
}

// TestConflicts runs each program of testdata/conflicts in many schedules.
func TestConflicts(t *testing.T) {
	for _, pattern := range []string{"testdata/conflicts/*.c", "testdata/conflicts/*.sh"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			t.Run(strings.TrimSuffix(filepath.Base(source), filepath.Ext(source)), func(t *testing.T) {
				t.Parallel()
				p, err := loadConflictProgram(source)
				if err != nil {
					t.Fatal(err)
				}
				p.test(t)
			})
		}
	}
}
