package integration

import (
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Random sequences of commands about one container, against a model of the rules: the section
// "Lifecycle" of the runtime-spec, and what runc adds to it: paused containers, and words.

// lifeStatus is what state says of a container.
type lifeStatus = specs.ContainerState

// A model is a container as far as commands can tell.
type model struct {
	status lifeStatus
	// thawed is the status of a paused container when it is resumed.
	thawed lifeStatus
}

// What the runtime-spec has no names for.
const (
	gone   lifeStatus = ""
	paused lifeStatus = "paused"
)

// A move is a command in the model.
type move struct {
	args []string
	// does is what becomes of a container in each status in which the command succeeds.
	does map[lifeStatus]lifeStatus
	// exit is the exit status where it succeeds, refused where it does not.
	exit, refused int
	// words are a part of the error by status, and for what is not listed words[others].
	words map[lifeStatus]string
}

const others lifeStatus = "others"

// keep has a command change nothing in some statuses.
func keep(statuses ...lifeStatus) map[lifeStatus]lifeStatus {
	does := map[lifeStatus]lifeStatus{}
	for _, s := range statuses {
		does[s] = s
	}
	return does
}

const (
	wordsGone       = "container does not exist"
	wordsExists     = "container with given ID already exists"
	wordsNotRunning = "container not running"
)

// moves are those that the tests choose from. BUNDLE and LIMITS stand for paths. Where a
// container ends it does so some time after the command: see bundle.settle.
var moves = []move{
	{args: []string{"create", "--bundle", "BUNDLE", "box"}, does: map[lifeStatus]lifeStatus{gone: specs.StateCreated}, refused: 1, words: map[lifeStatus]string{others: wordsExists}},
	{args: []string{"run", "--detach", "--bundle", "BUNDLE", "box"}, does: map[lifeStatus]lifeStatus{gone: specs.StateRunning}, refused: 1, words: map[lifeStatus]string{others: wordsExists}},
	{args: []string{"start", "box"}, does: map[lifeStatus]lifeStatus{specs.StateCreated: specs.StateRunning}, refused: 1, words: map[lifeStatus]string{
		gone: wordsGone, specs.StateRunning: "cannot start an already running container", paused: "cannot start a container in the paused state",
		specs.StateStopped: "cannot start a container that has stopped"}},
	{args: []string{"kill", "box", "KILL"}, does: map[lifeStatus]lifeStatus{specs.StateCreated: specs.StateStopped, specs.StateRunning: specs.StateStopped, paused: specs.StateStopped}, refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	// A running one ends at this by itself; who waits for start has no handler of its own.
	{args: []string{"kill", "box"}, does: map[lifeStatus]lifeStatus{specs.StateCreated: specs.StateStopped, specs.StateRunning: specs.StateStopped, paused: paused}, refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	{args: []string{"kill", "box", "0"}, does: keep(specs.StateCreated, specs.StateRunning, paused), refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	{args: []string{"kill", "box", "SIGUSR1"}, does: keep(specs.StateCreated, specs.StateRunning, paused), refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	{args: []string{"pause", "box"}, does: map[lifeStatus]lifeStatus{specs.StateCreated: paused, specs.StateRunning: paused}, refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, others: wordsNotRunning}},
	{args: []string{"resume", "box"}, does: keep(paused), refused: 1, words: map[lifeStatus]string{gone: wordsGone, others: "container not paused"}},
	{args: []string{"exec", "box", "true"}, does: keep(specs.StateCreated, specs.StateRunning), refused: 255, words: map[lifeStatus]string{
		gone: wordsGone, paused: "cannot exec in a paused container", specs.StateStopped: "cannot exec in a stopped container"}},
	{args: []string{"exec", "box", "sh", "-c", "exit 3"}, does: keep(specs.StateCreated, specs.StateRunning), exit: 3, refused: 255, words: map[lifeStatus]string{
		gone: wordsGone, paused: "cannot exec in a paused container", specs.StateStopped: "cannot exec in a stopped container"}},
	{args: []string{"exec", "box", "/none"}, refused: 255, words: map[lifeStatus]string{
		gone: wordsGone, paused: "cannot exec in a paused container", specs.StateStopped: "cannot exec in a stopped container", others: "no such file or directory"}},
	{args: []string{"delete", "box"}, does: map[lifeStatus]lifeStatus{specs.StateCreated: gone, specs.StateStopped: gone}, refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, others: "that is not stopped"}},
	{args: []string{"delete", "--force", "box"}, does: map[lifeStatus]lifeStatus{gone: gone, specs.StateCreated: gone, specs.StateRunning: gone, paused: gone, specs.StateStopped: gone}},
	{args: []string{"state", "box"}, does: keep(specs.StateCreated, specs.StateRunning, paused, specs.StateStopped), refused: 1, words: map[lifeStatus]string{others: wordsGone}},
	{args: []string{"ps", "--format", "json", "box"}, does: keep(specs.StateCreated, specs.StateRunning, paused, specs.StateStopped), refused: 1, words: map[lifeStatus]string{others: wordsGone}},
	{args: []string{"update", "--pids-limit", "100", "box"}, does: keep(specs.StateCreated, specs.StateRunning, paused), refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	{args: []string{"update", "--resources", "LIMITS", "box"}, does: keep(specs.StateCreated, specs.StateRunning, paused), refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: wordsNotRunning}},
	{args: []string{"events", "--stats", "box"}, does: keep(specs.StateCreated, specs.StateRunning, paused), refused: 1,
		words: map[lifeStatus]string{gone: wordsGone, specs.StateStopped: "container with id box is not running"}},
	{args: []string{"list", "--quiet"}, does: keep(gone, specs.StateCreated, specs.StateRunning, paused, specs.StateStopped)},
}

// after is what a container is after a command has been called, and whether that succeeded.
func (m model) after(c *move) (next model, done bool) {
	to, done := c.does[m.status]
	switch {
	case !done:
		return m, false
	case c.args[0] == "pause":
		return model{paused, m.status}, true
	case c.args[0] == "resume":
		return model{m.thawed, ""}, true
	case m.status == paused && c.args[0] == "kill" && len(c.args) == 2:
		return model{paused, specs.StateStopped}, true
	case to == m.status:
		return m, true
	}
	return model{status: to}, true
}

// answer says what is wrong with the answer of a command to a container; "" is nothing.
func (m model) answer(c *move, r result) string {
	if _, done := m.after(c); done {
		switch {
		case r.Exit != c.exit:
			return "it should have succeeded"
		case c.args[0] == "state" && !strings.Contains(r.Stdout, `"status": "`+string(m.status)+`"`):
			return "the status should be " + string(m.status)
		case c.args[0] == "list" && r.Stdout != map[bool]string{true: "", false: "box\n"}[m.status == gone]:
			return "the list is not that of a container which is " + string(m.status)
		case c.args[0] == "ps" && (strings.TrimSpace(r.Stdout) == "null") != (m.status == specs.StateStopped):
			return "processes of a container that is " + string(m.status)
		}
		return ""
	}
	words, ok := c.words[m.status]
	if !ok {
		words = c.words[others]
	}
	if r.Exit != c.refused || words == "" || !strings.Contains(r.Stderr, words) {
		return "it should have been refused: " + words
	}
	if strings.Count(r.Stderr, "\n") != 1 {
		return "an error is a line"
	}
	return ""
}

// choose is the next move: one that changes something more often than not.
func (m model) choose(r *rand.Rand) *move {
	for {
		c := &moves[r.Intn(len(moves))]
		if next, _ := m.after(c); next != m || r.Intn(4) == 0 {
			return c
		}
	}
}

// modelBundle is a bundle whose container does what the model says.
func modelBundle(t *testing.T, mode string) *bundle {
	t.Helper()
	b := newBundle(t)
	b.spec.Annotations["dev.laplace.mode"] = mode
	b.script("trap 'exit 0' TERM; trap : USR1; sleep 1000 & touch /ready; while :; do wait; done")
	b.spec.Root.Readonly = false
	b.write()
	if err := os.WriteFile(filepath.Join(b.dir, "limits"), []byte(`{"pids":{"limit":200}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// line are the arguments of a move.
func (b *bundle) line(c *move) []string {
	args := slices.Clone(c.args)
	for i := range args {
		args[i] = strings.NewReplacer("BUNDLE", b.dir, "LIMITS", filepath.Join(b.dir, "limits")).Replace(args[i])
	}
	return args
}

// settle waits until a container that has been started has set its handlers, and until one
// that has been killed has ended.
func (b *bundle) settle(m model) {
	b.t.Helper()
	switch m.status {
	case specs.StateRunning:
		b.appears("ready")
	case specs.StateStopped:
		b.stopped("box")
	case gone, specs.StateCreated:
		os.Remove(filepath.Join(b.root, "ready"))
	}
}

// seeds are those that the variables LAPLACE_OCI_SEED, the first one, and LAPLACE_OCI_SEQUENCES
// ask for, or n.
func seeds(n int) []int64 {
	first := int64(1)
	if seed, err := strconv.ParseInt(os.Getenv("LAPLACE_OCI_SEED"), 10, 64); err == nil {
		first = seed
	}
	if more, err := strconv.Atoi(os.Getenv("LAPLACE_OCI_SEQUENCES")); err == nil {
		n = more
	}
	var list []int64
	for i := range n {
		list = append(list, first+int64(i))
	}
	return list
}

// TestOCIModel takes containers of both modes, and Debian's runc's, through the same random
// sequences of commands.
func TestOCIModel(t *testing.T) {
	const length = 24
	b := []*bundle{modelBundle(t, "plain"), modelBundle(t, "deterministic"), modelBundle(t, "plain")}
	b[2].runtime = "runc"
	for _, seed := range seeds(8) {
		random := rand.New(rand.NewSource(seed))
		var m model
		var log []string
		for range length {
			c := m.choose(random)
			log = append(log, strings.Join(c.args, " "))
			next, _ := m.after(c)
			for _, b := range b {
				r := b.do(b.line(c)...)
				if wrong := m.answer(c, r); wrong != "" {
					t.Fatalf("%s, mode %s, seed %d: exit status %d, %q, %q: %s\n%s", b.runtime, b.spec.Annotations["dev.laplace.mode"], seed,
						r.Exit, r.Stdout, r.Stderr, wrong, strings.Join(log, "\n"))
				}
				b.settle(next)
			}
			m = next
		}
		for _, b := range b {
			b.ok("delete", "--force", "box")
			b.settle(model{})
		}
		for _, b := range b {
			b.nothingLeft()
		}
	}
}

// nothingLeft complains of what is left of containers that have been deleted; newBundle's
// cleanup does of mounts and control groups.
func (b *bundle) nothingLeft() {
	b.t.Helper()
	for _, program := range []string{b.runtime, filepath.Join(b.root, "bin/busybox")} {
		if filepath.IsAbs(program) {
			eventually(b.t, "the end of processes of "+program, func() bool { reap(); return len(running(b.t, program)) == 0 })
		}
	}
	entries, err := os.ReadDir(b.state)
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != "~cache" {
			b.t.Errorf("left in the state directory: %s", entry.Name())
		}
	}
}
