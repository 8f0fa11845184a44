package determinize

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// states are those that a task may be in, the one with most to it more often.
var states = []state{
	stateBlocked, stateBlocked, stateBlocked, stateBlocked, stateReady, stateOrdered, stateRunning, stateVfork, stateStopped, stateDying, stateDead,
}

// forkTree draws a box: tasks in any state, in a fork tree that grew by forks
// of any of them.
func forkTree(t *rapid.T) (*engine, []*task) {
	e := &engine{tasks: make(map[int]*task)}
	all := []*task{{}}
	n := rapid.IntRange(0, 12).Draw(t, "forks")
	for range n {
		parent := rapid.SampledFrom(all).Draw(t, "parent")
		all = append(all, &task{path: parent.childPath()})
	}
	for i, u := range all {
		u.pid = 300 + i
		u.clk.B = rapid.Uint64Range(0, 8).Draw(t, "B") // few, for ties
		u.state = rapid.SampledFrom(states).Draw(t, "state")
		if u.state == stateBlocked {
			u.wake = rapid.Uint64Range(0, 12).Draw(t, "wake")
			if rapid.Bool().Draw(t, "polls") {
				ready := rapid.Bool().Draw(t, "ready")
				u.ready = func() bool { return ready }
			}
		}
		e.tasks[u.pid] = u
	}
	return e, all
}

// turn is the definition: whether a task could go on, and by which B.
func (t *task) turn() (b uint64, ok bool) {
	switch {
	case t.state == stateReady, t.state == stateOrdered, t.state == stateBlocked && t.ready != nil && t.ready():
		return t.clk.B, true
	case t.state == stateBlocked && t.wake != 0:
		return max(t.clk.B, t.wake), true
	}
	return 0, false
}

// TestLeast: of the tasks that could go on the one with the least (B, path)
// does, and no two are alike.
func TestLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, all := forkTree(t)
		var could []*task
		for _, u := range all {
			if _, ok := u.turn(); ok {
				could = append(could, u)
			}
		}
		slices.SortFunc(could, func(u, v *task) int {
			b, _ := u.turn()
			c, _ := v.turn()
			switch {
			case b < c, b == c && slices.Compare(u.path, v.path) < 0:
				return -1
			case b == c && slices.Compare(u.path, v.path) == 0:
				t.Fatalf("%v and %v have no order", u.path, v.path)
			}
			return 1
		})
		for range 3 { // the tasks are in a map, whose order differs each time
			got, b := e.least()
			if len(could) == 0 {
				if got != nil {
					t.Fatalf("%v in state %d goes on", got.path, got.state)
				}
				return
			}
			want, _ := could[0].turn()
			if got != could[0] || b != want {
				t.Fatalf("%v goes on by %d, want %v by %d", got.path, b, could[0].path, want)
			}
		}
	})
}

// TestFirst: a running task is first just if it would be the least, were it
// stopped.
func TestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, all := forkTree(t)
		u := rapid.SampledFrom(all).Draw(t, "running")
		u.state = stateRunning
		got := e.first(u)
		u.state = stateReady
		if least, _ := e.least(); got != (least == u) {
			t.Fatalf("first: %v; least of all: %v, this one: %v", got, least.path, u.path)
		}
	})
}

// TestNoStarvation: a task that could go on is passed over by each other only
// while the other's B is no greater, and so by each only so often.
func TestNoStarvation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, all := forkTree(t)
		for _, u := range all {
			u.state, u.wake, u.ready = stateReady, 0, nil
		}
		passed := make(map[[2]int]uint64)
		start := make(map[int]uint64)
		for _, u := range all {
			start[u.pid] = u.clk.B
		}
		for range 200 {
			u, _ := e.least()
			for _, v := range all {
				if v == u {
					continue
				}
				passed[[2]int{v.pid, u.pid}]++
				if v.clk.B < u.clk.B {
					t.Fatalf("%d goes before %d", u.clk.B, v.clk.B)
				}
				limit := uint64(0)
				if start[v.pid]+1 > start[u.pid] {
					limit = v.clk.B + 1 - start[u.pid]
				}
				if v.clk.B == start[v.pid] && passed[[2]int{v.pid, u.pid}] > limit {
					t.Fatalf("a task at %d has waited for %d calls of one that began at %d", v.clk.B, passed[[2]int{v.pid, u.pid}], start[u.pid])
				}
			}
			for range rapid.IntRange(1, 3).Draw(t, "calls") {
				u.clk.Tick()
			}
		}
	})
}

func path(indices ...uint32) taskPath { return indices }

func TestPathOrder(t *testing.T) {
	inOrder := []taskPath{
		path(), path(0), path(0, 0), path(0, 0, 5), path(0, 1), path(1), path(1, 0), path(2), path(10), path(10, 3), path(1 << 31), path(^uint32(0)),
	}
	for i, p := range inOrder {
		for k, q := range inOrder {
			if got := p.before(q); got != (i < k) {
				t.Errorf("%v before %v: %v", p, q, got)
			}
		}
	}
}

// TestPathsAreUnique: no two tasks of a box have the same path, whoever forks
// and execs, so that there always is an order.
func TestPathsAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []*task{{}}
		seen := map[string]bool{fmt.Sprint(all[0].path): true}
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			u := rapid.SampledFrom(all).Draw(t, "who")
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				u.forks, u.made = 0, 0 // as an exec does
				continue
			}
			c := &task{path: u.childPath()}
			u.forks++
			key := fmt.Sprint(c.path)
			if seen[key] {
				t.Fatalf("two tasks are %v", c.path)
			}
			if seen[key] = true; !u.path.before(c.path) {
				t.Fatalf("%v is not after its parent %v", c.path, u.path)
			}
			all = append(all, c)
		}
		for i, u := range all {
			for _, v := range all[:i] {
				if u.path.before(v.path) == v.path.before(u.path) {
					t.Fatalf("%v and %v have no order", u.path, v.path)
				}
			}
		}
	})
}
