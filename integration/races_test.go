package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A raceProgram is a random program of testdata/races/run.c: its events, in an order in which
// they can happen.
type raceProgram struct {
	events          []raceEvent
	tasks, messages int
}

// raceEvent is what a task does: forks and waits for a task, sends and receives a message,
// ends, or accesses an object.
type raceEvent struct {
	task   int
	action byte
	n      int // of a task, message or object
}

// raceActions are the accesses, and which objects they are to. Those in capitals change them.
var raceActions = map[byte]struct {
	object  string
	changes bool
}{
	'r': {"c", false}, 's': {"c", false}, 'w': {"c", true}, 'a': {"c", true}, 't': {"c", true},
	'l': {"d", false}, 'm': {"d", true},
	'o': {"n", false}, 'R': {"n", true},
}

// wildActions are more of what tasks do, of which is not told what they race for.
const wildActions = "DCHuQqkeMLTVzNXB"

// drawRaces makes a program from a seed, that does such, too, if it is to be wild.
func drawRaces(seed uint64, wild bool) *raceProgram {
	rng := rand.New(rand.NewPCG(seed, 0))
	const maxTasks, maxMessages, objects = 5, 8, 2
	type family struct{ parent, child int }
	var (
		p        = &raceProgram{tasks: 1}
		live     = []int{0}
		parents  = []int{-1}
		zombies  []family
		mail     []raceEvent // sent, and not received
		kinds    = wildActions
		accesses = slices.Sorted(maps.Keys(raceActions))
	)
	if wild && rng.IntN(2) == 0 { // with the others, all goes one call at a time
		kinds = strings.NewReplacer("L", "", "T", "", "M", "").Replace(kinds)
	}
	for size := 10 + rng.IntN(50); len(p.events) < size; {
		e := raceEvent{task: live[rng.IntN(len(live))]}
		switch e.action = "FFFFWWSSSGGGE"[rng.IntN(13)]; {
		case rng.IntN(2) == 0: // nothing of that
			e.action = accesses[rng.IntN(len(accesses))]
			e.n = rng.IntN(objects)
			if wild && rng.IntN(2) == 0 {
				e.action = kinds[rng.IntN(len(kinds))]
			}
		case e.action == 'F' && p.tasks < maxTasks:
			e.n = p.tasks
			p.tasks++
			live, parents = append(live, e.n), append(parents, e.task)
		case e.action == 'W':
			i := slices.IndexFunc(zombies, func(f family) bool { return f.parent == e.task })
			if i < 0 {
				continue
			}
			e.n = zombies[i].child
			zombies = slices.Delete(zombies, i, i+1)
		case e.action == 'S' && p.messages < maxMessages:
			e.n = p.messages
			p.messages++
			mail = append(mail, e)
		case e.action == 'G':
			i := slices.IndexFunc(mail, func(m raceEvent) bool { return m.task != e.task })
			if i < 0 {
				continue
			}
			e.n = mail[i].n
			mail = slices.Delete(mail, i, i+1)
		case e.action == 'E' && e.task != 0:
			live = slices.DeleteFunc(live, func(t int) bool { return t == e.task })
			zombies = append(zombies, family{parents[e.task], e.task})
		default:
			continue
		}
		p.events = append(p.events, e)
	}
	if wild {
		p.kill()
	}
	return p
}

// kill has tasks killed before they are waited for, of which nobody waits for more than that.
func (p *raceProgram) kill() {
	for i := len(p.events) - 1; i >= 0; i-- {
		w := p.events[i]
		needed := func(e raceEvent) bool { return e.task == w.n && strings.IndexByte("FSWGVB", e.action) >= 0 }
		if w.action == 'W' && w.n%2 == 0 && !slices.ContainsFunc(p.events, needed) {
			p.events = slices.Insert(p.events, i, raceEvent{w.task, 'K', w.n})
		}
	}
}

// args are the arguments of the program.
func (p *raceProgram) args() []string {
	args := []string{strconv.Itoa(p.messages)}
	for _, e := range p.events {
		args = append(args, fmt.Sprintf("%d%c%d", e.task, e.action, e.n))
	}
	return args
}

// races are the names of the objects that are accessed twice, of which once to change them,
// where nothing orders the two.
func (p *raceProgram) races() map[string]bool {
	n := len(p.events)
	before := make([][]bool, n) // by event, by event
	for j, e := range p.events {
		before[j] = make([]bool, n)
		for i := j - 1; i >= 0; i-- {
			f := p.events[i]
			direct := f.task == e.task ||
				f.action == 'F' && f.n == e.task ||
				e.action == 'W' && f.action == 'E' && f.task == e.n ||
				e.action == 'G' && f.action == 'S' && f.n == e.n
			if !direct {
				continue
			}
			before[j][i] = true
			for k := range i {
				before[j][k] = before[j][k] || before[i][k]
			}
		}
	}
	found := make(map[string]bool)
	for j, e := range p.events {
		for i, f := range p.events[:j] {
			x, y := raceActions[e.action], raceActions[f.action]
			if before[j][i] || x.object == "" || x.object != y.object || e.n != f.n || !x.changes && !y.changes || e.action == 'm' && f.action == 'm' {
				continue
			}
			found[x.object+strconv.Itoa(e.n)] = true
		}
	}
	return found
}

// TestRandomRaces runs random programs: whatever the schedule, the conflicts are about the
// objects that the programs race for, without one the result is the canonical run's, and so
// it is, always, if conflicts are ordered. LAPLACE_RACES says how many, LAPLACE_RACE which
// one only.
func TestRandomRaces(t *testing.T) {
	randomRaces(t, false)
}

// TestRandomWildRaces runs programs that do all sorts of things, with the same results.
func TestRandomWildRaces(t *testing.T) {
	randomRaces(t, true)
}

func randomRaces(t *testing.T, wild bool) {
	number := func(variable string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
			return n
		}
		return otherwise
	}
	first, count := 0, number("LAPLACE_RACES", 12)
	if one := number("LAPLACE_RACE", -1); one >= 0 {
		first, count = one, 1
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			testRaces(t, uint64(seed), wild)
		})
	}
}

// racesSource is the program that runs them, and compileRaces compiles it once for all.
const racesSource = "testdata/races/run.c"

var compileRaces = sync.OnceValues(func() (string, error) { return compile(racesSource, nil) })

func testRaces(t *testing.T, seed uint64, wild bool) {
	drawn := drawRaces(seed, wild)
	want := drawn.races()
	if _, err := compileRaces(); err != nil {
		t.Fatal(err)
	}
	p := newConflictProgram(racesSource, strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), drawn.args()...)
	p.build(t)
	p.runNative(t)
	defer removeAll(p.dir)
	canonically, canonical := p.runBoxed(t, "--canonical")
	for schedule := range 4 {
		r, rep := p.runBoxed(t, "--jitter", strconv.Itoa(schedule))
		got := make(map[string]bool)
		for _, c := range rep.Conflicts {
			got[path.Base(c.Path)] = true
		}
		what := fmt.Sprintf("schedule %d and the canonical run", schedule)
		if !wild && !maps.Equal(want, got) {
			t.Errorf("%s: conflicts about %v, want %v", what, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if !chance(rep.Conflicts) {
			diffResults(t, what, canonically, r)
			diffEnds(t, what, canonical, rep)
		}
		if schedule < 2 {
			p.testOrdered(t, schedule, canonically, canonical)
		}
	}
	if t.Failed() {
		t.Logf("LAPLACE_RACE=%d: ./prog %s", seed, strings.Join(p.args, " "))
	}
}
