package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is one test program and what its runs need and leave.
type program struct {
	name   string // as in README.md, without its suffix
	source string
	directive

	dir     string // holds the following; everything of this program
	project string // the working directory of every run
	build   func() error
	native  func(*testing.T) nativeRun
	boxed   func(*testing.T) boxedRun
}

// nativeRun is what a native run did.
type nativeRun struct {
	result
	after tree // without times
}

// boxedRun is what a run with --out did.
type boxedRun struct {
	result
	report report
	out    tree // with times
	ended  time.Time
}

// loadPrograms finds the programs below testdata.
func loadPrograms(t *testing.T) []*program {
	t.Helper()
	var all []*program
	for _, pattern := range []string{"testdata/c/*.c", "testdata/sh/*.sh"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, ".setup.sh") {
				continue
			}
			p, err := loadProgram(path)
			if err != nil {
				t.Error(err)
				continue
			}
			all = append(all, p)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return all
}

func loadProgram(path string) (*program, error) {
	d, err := readDirective(path)
	if err != nil {
		return nil, err
	}
	p := &program{source: path, directive: d}
	p.name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	p.dir = filepath.Join(base, strings.TrimPrefix(filepath.Ext(path), ".")+"-"+p.name)
	p.project = filepath.Join(p.dir, "project")
	p.build = sync.OnceValue(p.prepare)
	p.native = once(p.runNative)
	p.boxed = once(p.runBoxed)
	return p, nil
}

// once makes f run for the first test that asks for its result; later ones
// get the same result, or fail if there is none.
func once[T any](f func(*testing.T) T) func(*testing.T) T {
	var (
		o      sync.Once
		done   bool
		result T
	)
	return func(t *testing.T) T {
		t.Helper()
		o.Do(func() { result, done = f(t), true })
		if !done {
			t.Fatal("this run failed in another test")
		}
		return result
	}
}

// prepare makes the template directory: the program and what its setup script
// makes.
func (p *program) prepare() error {
	template := p.template()
	if err := os.MkdirAll(template, 0o755); err != nil {
		return err
	}
	setup := strings.TrimSuffix(p.source, filepath.Ext(p.source)) + ".setup.sh"
	script, err := os.ReadFile(setup)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := runSetup(template, string(script)); err != nil {
		return fmt.Errorf("%s: %w", setup, err)
	}
	binary := p.source
	if strings.HasSuffix(p.source, ".c") {
		if binary, err = compile(p.source, p.CFlags); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(template, "prog"), data, 0o755)
}

func (p *program) template() string { return filepath.Join(p.dir, "template") }

// compile compiles a C file, or finds the result of an earlier run in the
// user's cache: its key is everything that the result depends on.
func compile(source string, flags []string) (string, error) {
	headers, err := filepath.Glob(filepath.Join(filepath.Dir(source), "*.h"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	version, err := exec.Command("gcc", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("gcc --version: %w", err)
	}
	fmt.Fprintf(h, "%s\n%q\n", version, flags)
	for _, path := range append([]string{source}, headers...) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d\n%s", len(data), data)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = base
	}
	cache = filepath.Join(cache, "laplace-integration")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	binary := filepath.Join(cache, fmt.Sprintf("%x", h.Sum(nil)))
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	slots <- struct{}{}
	defer func() { <-slots }()
	temp := fmt.Sprintf("%s.%d", binary, os.Getpid())
	defer os.Remove(temp)
	args := append([]string{"-O1", "-Wall", "-o", temp, source}, flags...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil || len(out) > 0 {
		return "", fmt.Errorf("gcc %q: %v, want no warning\n%s", args, err, out)
	}
	return binary, os.Rename(temp, binary)
}

// fill empties the project directory and fills it from the template. Only its
// content is replaced by this: the path stays.
func (p *program) fill(t *testing.T, o copyOptions) {
	t.Helper()
	if err := p.build(); err != nil {
		t.Fatal(err)
	}
	removeAll(p.project)
	if err := os.Mkdir(p.project, 0o755); err != nil {
		t.Fatal(err)
	}
	if o.Owner >= 0 {
		if err := os.Chown(p.project, o.Owner, o.Owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyTree(p.project, p.template(), o); err != nil {
		t.Fatal(err)
	}
}

// scratch makes a directory beside the project that belongs to uid.
func (p *program) scratch(t *testing.T, name string, uid int) string {
	t.Helper()
	dir := filepath.Join(p.dir, name)
	removeAll(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if uid >= 0 {
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree reads a tree, with or without times.
func (p *program) tree(t *testing.T, dir string, mtimes bool) tree {
	t.Helper()
	all, err := readTree(dir, mtimes)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantExit fails the test unless a run ended as the directive says.
func (p *program) wantExit(t *testing.T, what string, r result) {
	t.Helper()
	if r.Exit != p.Exit {
		t.Fatalf("%s: exit status %d, want %d\nstdout:\n%s\nstderr:\n%s", what, r.Exit, p.Exit, clip(r.Stdout), clip(r.Stderr))
	}
}

// clip shortens an output for a message. Its end, where a FAIL is, stays.
func clip(s string) string {
	const limit = 8 << 10
	if len(s) > limit {
		return s[:limit/4] + "\n…\n" + s[len(s)-limit*3/4:]
	}
	return s
}

// runNative runs the program natively.
func (p *program) runNative(t *testing.T) nativeRun {
	if err := p.build(); err != nil {
		t.Fatal(err)
	}
	uid := nativeUID()
	c := nativeCaller(p.scratch(t, "home", uid), uid)
	p.fill(t, copyOptions{Owner: uid})
	r := run(t, c, p.project, p.Stdin, append([]string{"./prog"}, p.Args...)...)
	return nativeRun{r, p.tree(t, p.project, false)}
}

// do runs the program in a box, and checks its exit status and its report.
func (p *program) do(t *testing.T, what string, c caller, home string, flags ...string) (result, report) {
	t.Helper()
	file := filepath.Join(home, "report.json")
	argv := []string{laplace(t), "do", "--report", file, "--env", "LAPLACE_TEST_BOXED=1"}
	argv = append(append(append(argv, p.Flags...), flags...), "--", "./prog")
	r := run(t, c, p.project, p.Stdin, append(argv, p.Args...)...)
	p.wantExit(t, what, r)
	rep, err := readReport(file)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, wrong := range rep.check(p.directive, r) {
		t.Errorf("%s: report: %s", what, wrong)
	}
	return r, rep
}

// runBoxed runs the program in a box with --out, which leaves the project
// alone.
func (p *program) runBoxed(t *testing.T) boxedRun {
	p.fill(t, copyOptions{Owner: -1})
	return p.runOut(t, "boxed with --out", "boxed", func(home string) caller { return plainCaller(home) }, -1, "--canonical")
}

func (p *program) runOut(t *testing.T, what, name string, who func(home string) caller, uid int, flags ...string) boxedRun {
	t.Helper()
	home := p.scratch(t, name, uid)
	out := filepath.Join(home, "out")
	before := p.tree(t, p.project, true)
	r, rep := p.do(t, what, who(home), home, append(flags, "--out", out)...)
	diffTrees(t, what+": the project after it", before, p.tree(t, p.project, true))
	return boxedRun{r, rep, p.tree(t, out, true), time.Now()}
}

// testNative runs the program natively twice.
func (p *program) testNative(t *testing.T) {
	first := p.native(t)
	p.wantExit(t, "native", first.result)
	if p.Exit == 0 && strings.Contains("\n"+first.Stdout, "\nFAIL") { // elsewhere in a line it may be another process's
		t.Errorf("exit status 0, but it says\n%s", clip(first.Stdout))
	}
	second := p.runNative(t)
	p.wantExit(t, "native again", second.result)
	if p.Same {
		diffResults(t, "native twice", first.result, second.result)
		diffTrees(t, "native twice", first.after, second.after)
	}
}

// kept is what laplace says when a command that failed has changed something.
var kept = regexp.MustCompile(`(?m)^laplace: the changes are kept: .*\n`)

// testBoxed runs the program in two boxes: one with --out, one that commits.
func (p *program) testBoxed(t *testing.T) {
	first := p.boxed(t)
	p.fill(t, copyOptions{Owner: -1})
	home := p.scratch(t, "commit", -1)
	r, rep := p.do(t, "boxed with a commit", plainCaller(home), home, "--canonical")
	if p.Exit != 0 {
		r.Stderr = kept.ReplaceAllString(r.Stderr, "")
	}
	diffResults(t, "boxed twice", first.result, r)
	diffReports(t, "boxed twice", first.report, rep)
	if !p.Same {
		return
	}
	after := p.tree(t, p.project, false)
	native := p.native(t)
	diffResults(t, "native and boxed", native.result, r)
	if p.Exit == 0 { // only success commits
		diffTrees(t, "native and boxed", native.after, after)
	}
}

// testDisturbed runs the program in a box on a disturbed host, a second after
// the first box, and in parallel: the first one was the canonical run.
func (p *program) testDisturbed(t *testing.T) {
	first := p.boxed(t)
	time.Sleep(time.Until(first.ended.Add(1100 * time.Millisecond)))
	uid := disturbedUID()
	p.fill(t, copyOptions{Owner: uid, Reverse: true, Later: 90 * time.Minute})
	second := p.runOut(t, "disturbed", "disturbed", func(home string) caller { return disturbedCaller(t, home, uid) }, uid)
	diffResults(t, "disturbed", first.result, second.result)
	diffReports(t, "disturbed", first.report, second.report)
	diffTrees(t, "disturbed: --out", first.out, second.out)
}

// TestPrograms runs every program in the ways that README.md describes. The
// ways are groups, one after the other, because all runs of a program have
// the same directory, and so that a second passes for all of them at once.
func TestPrograms(t *testing.T) {
	programs := loadPrograms(t)
	for _, way := range []struct {
		name string
		test func(*program, *testing.T)
	}{
		{"native", (*program).testNative},
		{"boxed", (*program).testBoxed},
		{"disturbed", (*program).testDisturbed},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, p := range programs {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					way.test(p, t)
				})
			}
		})
	}
}
