package integration

import (
	"maps"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Several callers at once: what each of them is told, and what the container is afterwards,
// must come of some order of the steps that their commands consist of.

// A world is what the model knows between two steps.
type world struct {
	model
	// busy tells that a command has the container's lock: others that want it wait. A
	// container that is being made is creating, one that is being removed is what it was.
	busy bool
	// dying tells that the container has been sent what ends it, some time.
	dying bool
}

// A step is what a command may do next.
type step struct {
	to    world
	phase int // the command's next; ended that it has ended
	done  bool
}

const ended = -1

// locks are the commands that wait for others; the rest look at a container as it is.
var locks = []string{"start", "pause", "resume", "delete", "update"}

// steps are all that a command may do in a world; none when it waits.
func (w world) steps(c *move, phase int) (list []step) {
	name := c.args[0]
	may := func(to world, phase int, done bool) { list = append(list, step{to, phase, done}) }
	either := func() { may(w, ended, true); may(w, ended, false) }
	next, done := w.after(c)
	switch {
	case name == "list", phase == 1 && name == "exec": // it takes a while, and what it is in may end
		either()
	case name == "create" || name == "run":
		w.made(name == "run", phase, may)
	case slices.Contains(locks, name) && phase == 0 && w.busy:
	case name == "delete" && phase == 1:
		may(world{}, ended, true)
	case name == "delete" && done && w.status != gone:
		may(world{model: w.model, busy: true}, 1, false)
	case name == "delete":
		may(w, ended, done)
	case w.busy || w.dying:
		if either(); name == "kill" {
			w.dying = true
			may(w, ended, true)
		}
	case done && name == "exec":
		may(w, 1, false)
	case done && next.status == specs.StateStopped:
		w.dying = true
		may(w, ended, true)
	default:
		w.model = next
		may(w, ended, done)
	}
	return list
}

// made are the steps of a command that makes a container, and starts it.
func (w world) made(run bool, phase int, may func(to world, phase int, done bool)) {
	switch {
	case phase == 0 && w.status != gone:
		may(w, ended, false)
	case phase == 0:
		may(world{model: model{status: specs.StateCreating}, busy: true}, 1, false)
	case phase == 1:
		to := world{model: model{status: specs.StateCreated}, dying: w.dying}
		if run {
			may(to, 2, false)
		} else {
			may(to, ended, true)
		}
	case phase == 3:
		may(world{}, ended, false)
	case w.busy:
	case w.status == gone:
		may(w, ended, false)
	case w.status == specs.StateCreated && !w.dying:
		w.status = specs.StateRunning
		may(w, ended, true)
	default: // others have been there; what it cannot start it removes
		if w.dying {
			may(w, ended, true)
		}
		w.busy = true
		may(w, 3, false)
	}
}

// A call is a command of a caller.
type call struct {
	*move
	phase int
	done  bool // whether it has succeeded in fact
}

// outcomes adds to found the worlds that calls can lead to which end as they did.
func (w world) outcomes(calls []call, found map[world]bool) {
	over := true
	for i, c := range calls {
		if c.phase == ended {
			continue
		}
		over = false
		for _, s := range w.steps(c.move, c.phase) {
			if s.phase == ended && s.done != c.done && c.args[0] != "list" {
				continue
			}
			rest := slices.Clone(calls)
			rest[i].phase = s.phase
			s.to.outcomes(rest, found)
		}
	}
	if w.dying && !w.busy {
		world{model: model{status: specs.StateStopped}}.outcomes(calls, found)
	}
	if over {
		found[w] = true
	}
}

// together chooses what some callers do at once. A process of exec that begins in a container
// which is paused meanwhile would wait until it is resumed; and what has only just been started
// has no handler yet for the signal that ends it.
func together(r *rand.Rand, w world, n int) (calls []call) {
	for len(calls) < n {
		c := w.choose(r)
		other := map[string]string{"exec": "pause", "pause": "exec"}[c.args[0]]
		if c.args[0] == "kill" && len(c.args) == 2 {
			continue
		}
		if other == "" || !slices.ContainsFunc(calls, func(c call) bool { return c.args[0] == other }) {
			calls = append(calls, call{move: c})
		}
	}
	return calls
}

// TestOCIModelConcurrent has two or three callers at once.
func TestOCIModelConcurrent(t *testing.T) {
	const rounds = 20
	bundles := []*bundle{modelBundle(t, "plain"), modelBundle(t, "deterministic")}
	for _, seed := range seeds(8) {
		random := rand.New(rand.NewSource(seed))
		b := bundles[seed%2]
		worlds := map[world]bool{{}: true}
		for range rounds {
			w := slices.SortedFunc(maps.Keys(worlds), func(a, b world) int { return strings.Compare(string(a.status+a.thawed), string(b.status+b.thawed)) })[0]
			calls := together(random, w, 2+random.Intn(2))
			results := make([]result, len(calls))
			var wait sync.WaitGroup
			for i, c := range calls {
				wait.Go(func() { results[i] = b.do(b.line(c.move)...) })
			}
			wait.Wait()
			var log []string
			for i, r := range results {
				calls[i].done = r.Exit == calls[i].exit
				log = append(log, strings.Join(calls[i].args, " ")+": "+r.Stderr)
				killed := calls[i].args[0] == "exec" && r.Exit == 128+int(unix.SIGKILL)
				if r.Exit != calls[i].exit && !killed && (r.Exit != calls[i].refused || strings.Count(r.Stderr, "\n") != 1) {
					t.Errorf("mode %s, seed %d: exit status %d, %q", b.spec.Annotations["dev.laplace.mode"], seed, r.Exit, log)
				}
			}
			found := map[world]bool{}
			for w := range worlds {
				w.outcomes(calls, found)
			}
			if len(found) == 0 {
				t.Fatalf("mode %s, seed %d: in %v, %q cannot be", b.spec.Annotations["dev.laplace.mode"], seed, worlds, log)
			}
			next := b.observed(found)
			if len(next) == 0 {
				t.Fatalf("mode %s, seed %d: of %v, %q cannot lead to %q", b.spec.Annotations["dev.laplace.mode"], seed, worlds, log, b.do("state", "box").Stdout)
			}
			worlds = next
		}
		b.ok("delete", "--force", "box")
		b.nothingLeft()
	}
}

// observed are those worlds that a container can be in, by what state says of it when
// what is ending has ended.
func (b *bundle) observed(worlds map[world]bool) map[world]bool {
	b.t.Helper()
	var left map[world]bool
	eventually(b.t, "the end of what has been killed", func() bool {
		reap()
		now := gone
		if r := b.do("state", "box"); r.Exit == 0 {
			_, rest, _ := strings.Cut(r.Stdout, `"status": "`)
			text, _, _ := strings.Cut(rest, `"`)
			now = lifeStatus(text)
		}
		left = map[world]bool{}
		ending := false
		for w := range worlds {
			if w.dying {
				ending = true
				w = world{model: model{status: specs.StateStopped}}
			}
			if w.status == now {
				left[w] = true
			}
		}
		return len(left) > 0 || !ending
	})
	for w := range left {
		b.settle(w.model)
		break
	}
	return left
}
