package determinize

import (
	"slices"

	"laplace.dev/laplace/determinize/prng"
)

// countedCalls is after how many calls a forked task has a family of its own.
const countedCalls = 64

// family is a task and those that it has forked, as far as programs that they start
// are told apart by how many equal ones were started before. That is counted in the
// order of the fork tree, whoever comes first, so that a program waits with its start
// for those forked before it. They are few: a forked task soon starts a program, or
// leaves and founds a family of its own.
type family struct {
	seed  prng.Seed
	dupes map[prng.Seed]uint64 // programs started with the same identity, so far
	kids  []*task              // forked, and still in it
}

func newFamily(seed prng.Seed) *family {
	return &family{seed: seed, dupes: make(map[prng.Seed]uint64)}
}

// count takes a forked child into its parent's family.
func (e *engine) count(t, child *task) {
	child.family, child.counted = t.family, true
	if t.family != nil {
		t.family.kids = append(t.family.kids, child)
	}
}

// uncount has a forked task leave its parent's family.
func (e *engine) uncount(t *task) {
	if !t.counted {
		return
	}
	t.counted = false
	if f := t.family; f != nil {
		f.kids = slices.DeleteFunc(f.kids, func(u *task) bool { return u == t })
	}
	t.family = newFamily(t.seed)
	e.changes++
}

// mayStart tells whether all that come before a task have started their programs.
func (t *task) mayStart() bool { return len(t.elders()) == 0 }

// elders are those that start their programs before a task does.
func (t *task) elders() (all []*task) {
	if t.family == nil {
		return nil
	}
	for _, u := range t.family.kids {
		common := min(len(u.path), len(t.path))
		line := slices.Equal(u.path[:common], t.path[:common]) // one is the other's ancestor
		if u != t && (line && len(t.path) < len(u.path) || !line && u.path.Compare(t.path) < 0) {
			all = append(all, u)
		}
	}
	return all
}

// started counts the start of a program by its identity, and returns the seed that it
// gets from its family and how many equal ones there were.
func (e *engine) started(t *task, key prng.Seed) (seed prng.Seed, n uint64) {
	f := t.family
	if f == nil {
		return t.seed, 0
	}
	seed, n = f.seed, f.dupes[key]
	f.dupes[key]++
	e.uncount(t)
	return seed, n
}
