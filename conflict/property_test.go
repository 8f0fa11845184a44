package conflict

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// small models are those of which all orders can be tried.
var (
	small = bounds{events: 14, tasks: 4, objects: 3}
	large = bounds{events: 80, tasks: 14, objects: 6}
)

// TestClocksKnowExactlyThePast compares clocks, whose chains are used again, with what comes
// before what.
func TestClocksKnowExactlyThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, large)
		at := make([]Clock, len(m.events))
		m.run(m.draw(t), func(i int, c *Clock) { at[i] = *c })
		for i := range at {
			for j := range at {
				if m.events[i].task == m.events[j].task && at[i].now() == at[j].now() {
					continue // without a tick between them they are one moment
				}
				if got, want := at[j].Knows(&at[i]), i <= j && m.order[i][j]; got != want {
					t.Fatalf("%d knows %d: %v, want %v\n%v", j, i, got, want, m)
				}
			}
		}
	})
}

// pair is two events that are in conflict over an object.
type pair struct {
	object int
	class  Class
	first  int // in the order in which they happened
	second int
}

// detect gives a Detector the accesses of a model in an order.
func (m *model) detect(list []int) (all []pair) {
	objects := make([]Object, m.objects)
	d := Detector{Found: func(o *Object, class Class, first, second Access) {
		i := 0
		for o != &objects[i] {
			i++
		}
		all = append(all, pair{i, class, int(first.B), int(second.B)})
	}}
	m.run(list, func(i int, c *Clock) {
		for _, u := range m.events[i].uses {
			d.Access(c, &objects[u.object], aspectOf(u.object), Access{By: new(Task), Op: u.op, B: uint64(i)})
		}
	})
	return all
}

// races compares every two accesses of a model. Of each two that are in conflict both orders
// are in the result.
func (m *model) races() map[pair]bool {
	all := map[pair]bool{}
	for j := range m.events {
		for i := range j {
			if m.order[i][j] {
				continue
			}
			for _, x := range m.events[i].uses {
				for _, y := range m.events[j].uses {
					if x.object == y.object && (x.op != Read || y.op != Read) && (x.op != Add || y.op != Add) {
						class := map[Aspect]Class{Content: ClassContent, Listing: ClassListing, Name: ClassName}[aspectOf(x.object)]
						if x.op == Append && y.op == Append {
							class = ClassAppend
						}
						all[pair{x.object, class, i, j}], all[pair{x.object, class, j, i}] = true, true
					}
				}
			}
		}
	}
	return all
}

// TestDetectorNamesExactlyTheRaces compares a Detector with a comparison of all pairs. In
// whatever order things happened, it names the same objects, and no pair that is none.
func TestDetectorNamesExactlyTheRaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, large)
		races := m.races()
		want := map[int]bool{}
		for p := range races {
			want[p.object] = true
		}
		for range 4 {
			got := map[int]bool{}
			for _, p := range m.detect(m.draw(t)) {
				got[p.object] = true
				if !races[p] {
					t.Fatalf("%+v is no conflict\n%v", p, m)
				}
			}
			if !maps.Equal(want, got) {
				t.Fatalf("conflicts over %v, want %v\n%v", got, want, m)
			}
		}
	})
}

// TestNoConflictMeansOneResult runs models without conflict in all orders: what all their
// tasks know, and what all objects hold, at the end, is the same. Of those with a conflict
// some do differ, or it would show nothing.
func TestNoConflictMeansOneResult(t *testing.T) {
	quiet, differ := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, small)
		one := m.oneResult()
		if conflicts := m.detect(m.draw(t)); len(conflicts) == 0 {
			quiet++
			if !one {
				t.Fatalf("no conflict, and more than one result\n%v", m)
			}
		}
		if !one {
			differ++
		}
	})
	if quiet == 0 || differ == 0 {
		t.Errorf("%d models without conflict, %d with more than one result", quiet, differ)
	}
}

// world is a state of a model that runs. Bytes are digests of what they are made from.
type world struct {
	done    uint64   // a bit an event
	seen    []uint64 // by task: all that it has seen
	sent    []uint64 // by message
	left    []uint64 // by place
	objects []uint64
}

func (w world) clone() world {
	return world{w.done, slices.Clone(w.seen), slices.Clone(w.sent), slices.Clone(w.left), slices.Clone(w.objects)}
}

// oneResult tells whether all orders lead from state to state alike: whether, wherever the
// same has been done, everything is the same.
func (m *model) oneResult() bool {
	states := map[uint64]world{}
	var walk func(w world) bool
	walk = func(w world) bool {
		if old, ok := states[w.done]; ok {
			return slices.Equal(old.seen, w.seen) && slices.Equal(old.objects, w.objects)
		}
		states[w.done] = w
		for j := range m.events {
			if w.done>>j&1 != 0 || slices.ContainsFunc(m.after[j], func(i int) bool { return w.done>>i&1 == 0 }) {
				continue
			}
			next := w.clone()
			m.step(j, &next)
			if !walk(next) {
				return false
			}
		}
		return true
	}
	return walk(world{0, make([]uint64, m.tasks), make([]uint64, m.messages), make([]uint64, places), make([]uint64, m.objects)})
}

// mix is a digest of two values in their order.
func mix(a, b uint64) uint64 {
	a = (a ^ b + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	a = (a ^ a>>31) * 0x94d049bb133111eb
	return a ^ a>>29
}

// step does an event.
func (m *model) step(j int, w *world) {
	e := &m.events[j]
	w.done |= 1 << j
	me := &w.seen[e.task]
	switch e.action {
	case doFork:
		w.seen[e.which] = mix(*me, uint64(e.which))
	case doWait:
		*me = mix(*me, w.seen[e.which])
	case doSend:
		w.sent[e.which] = *me
	case doReceive:
		*me = mix(*me, w.sent[e.which])
	case doLeave:
		w.left[e.which] = mix(w.left[e.which], *me)
	case doFollow:
		*me = mix(*me, w.left[e.which])
	}
	for _, u := range e.uses {
		o := &w.objects[u.object]
		switch u.op {
		case Read:
			*me = mix(*me, *o)
		case Change:
			*o = mix(*me, uint64(j))
		case Append:
			*o = mix(*o, mix(*me, uint64(j)))
		case Add:
			*o += mix(*me, uint64(j)) // in any order
		}
	}
}
