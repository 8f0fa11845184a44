package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// journalMake builds out of parts, each of a text and of what all have in common. A part
// says how it was built only by what it was built of.
const journalMake = `all: out/whole
out/whole: out/a out/b out/c
	cat out/a out/b out/c > $@
out/%: % common
	mkdir -p out && { tr a-z A-Z < $< && cat common; } > $@
`

// journalRounds is how many times TestJournal builds.
const journalRounds = 200

// journalProject is a little project of make's, edited and built at random.
type journalProject struct {
	t   *testing.T
	who caller
	dir string
	rnd *rand.Rand
	did []string // since the last build, for messages
}

func (p *journalProject) path(name string) string { return filepath.Join(p.dir, name) }

func (p *journalProject) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *journalProject) read(name string) string {
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *journalProject) native(argv ...string) {
	p.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

// want is what a clean build gives.
func (p *journalProject) want() (whole string) {
	for _, part := range []string{"a", "b", "c"} {
		whole += strings.ToUpper(p.read(part)) + p.read("common")
	}
	return whole
}

// disturb does something that people do to a project.
func (p *journalProject) disturb() {
	inputs := []string{"a", "b", "c", "common"}
	input := inputs[p.rnd.IntN(len(inputs))]
	outputs := []string{"out/a", "out/b", "out/c", "out/whole"}
	what := ""
	switch p.rnd.IntN(8) {
	case 0, 1, 2:
		p.write(input, fmt.Sprintf("text %d of %s\n", p.rnd.IntN(3), input))
		what = "edit " + input
	case 3:
		p.native("touch", input)
		what = "touch " + input
	case 4:
		p.native("make", "-s")
		what = "native make"
	case 5:
		output := outputs[p.rnd.IntN(len(outputs))]
		os.Remove(p.path(output))
		what = "remove " + output
	case 6:
		p.native("git", "stash", "-q")
		what = "git stash"
	case 7:
		p.native("git", "checkout", "-q", "--", ".")
		what = "git checkout"
	}
	p.did = append(p.did, what)
}

// TestJournal does to a project what people do, natively and in boxes: after each make in a
// box it is what a clean build would be, and another make has nothing to do.
func TestJournal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "journal")
	p := &journalProject{t: t, dir: filepath.Join(dir, "project"), rnd: rand.New(rand.NewPCG(1, 2))}
	home := filepath.Join(dir, "home")
	for _, d := range []string{p.dir, home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeAll(dir) })
	p.who = plainCaller(home)
	p.write("Makefile", journalMake)
	for _, name := range []string{"a", "b", "c", "common"} {
		p.write(name, "text 0 of "+name+"\n")
	}
	p.native("git", "init", "-q")
	p.native("git", "add", "Makefile", "a", "b", "common") // and not c
	p.native("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "first")
	for round := range journalRounds {
		p.did = nil
		for range p.rnd.IntN(4) {
			p.disturb()
		}
		r := run(t, p.who, p.dir, nil, laplace(t), "do", "--", "make", "-s")
		if r.Exit != 0 {
			t.Fatalf("round %d, after %q: exit status %d\n%s", round, p.did, r.Exit, clip(r.Stderr))
		}
		if got, want := p.read("out/whole"), p.want(); got != want {
			t.Fatalf("round %d, after %q: built %q, want %q", round, p.did, got, want)
		}
		if round%8 == 0 {
			if r := run(t, p.who, p.dir, nil, laplace(t), "do", "--", "make", "-q"); r.Exit != 0 {
				t.Fatalf("round %d, after %q: there is more to build\n%s%s", round, p.did, r.Stdout, clip(r.Stderr))
			}
		}
	}
}
