package sched

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPathCompare(t *testing.T) {
	inOrder := []Path{
		{}, {0}, {0, 0}, {0, 0, 5}, {0, 1}, {1}, {1, 0}, {2}, {10}, {10, 3}, {1 << 31}, {^uint32(0)},
	}
	for i, p := range inOrder {
		for k, q := range inOrder {
			if got := p.Compare(q); got < 0 != (i < k) || got == 0 != (i == k) {
				t.Errorf("%v compared with %v: %d", p, q, got)
			}
		}
	}
}

// TestPathsAreUnique: no two tasks of a box have the same path, whoever forks, and a
// child comes after its parent and its older siblings.
func TestPathsAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []Path{{}}
		forks := map[string]uint32{}
		for range rapid.IntRange(0, 40).Draw(t, "forks") {
			p := rapid.SampledFrom(all).Draw(t, "who")
			n := forks[fmt.Sprint(p)]
			forks[fmt.Sprint(p)]++
			c := p.Child(n)
			if p.Compare(c) >= 0 || n > 0 && p.Child(n-1).Compare(c) >= 0 {
				t.Fatalf("%v is the child of %v", c, p)
			}
			all = append(all, c)
		}
		sorted := slices.Clone(all)
		slices.SortFunc(sorted, Path.Compare)
		for i, p := range sorted[1:] {
			if sorted[i].Compare(p) >= 0 {
				t.Fatalf("%v and %v", sorted[i], p)
			}
		}
	})
}

// TestChildIsNew: a path shares no memory with its siblings'.
func TestChildIsNew(t *testing.T) {
	p := append(make(Path, 0, 8), 1, 2)
	a, b := p.Child(3), p.Child(4)
	if a.Compare(Path{1, 2, 3}) != 0 || b.Compare(Path{1, 2, 4}) != 0 {
		t.Errorf("%v, %v", a, b)
	}
}

// TestStamps: stamps have one order, and After is neither before what it is because of
// nor later than the next B.
func TestStamps(t *testing.T) {
	stamp := rapid.Custom(func(t *rapid.T) Stamp {
		return Stamp{rapid.Uint64Range(0, 3).Draw(t, "B"), Path(rapid.SliceOfN(rapid.Uint32Range(0, 1), 0, 3).Draw(t, "path"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamp.Draw(t, "a"), stamp.Draw(t, "b"), stamp.Draw(t, "c")
		same := a.B == b.B && slices.Equal(a.Path, b.Path)
		if n := btoi(a.Before(b)) + btoi(b.Before(a)) + btoi(same); n != 1 {
			t.Fatalf("%v and %v: %d orders", a, b, n)
		}
		if a.Before(b) && b.Before(c) && !a.Before(c) {
			t.Fatalf("%v, %v, %v", a, b, c)
		}
		after := a.After(b)
		if after.Before(a) || !same && !b.Before(after) {
			t.Fatalf("%v goes on at %v because of %v", a, after, b)
		}
		if after.B > max(a.B, b.B+1) {
			t.Fatalf("%v goes on only at %v because of %v", a, after, b)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func tasks(scope ...*Task) Scope {
	return func(visit func(*Task)) {
		for _, t := range scope {
			visit(t)
		}
	}
}

func TestClear(t *testing.T) {
	at := Stamp{10, Path{1}}
	caller := &Task{Path: at.Path, Next: 10}
	early := &Task{Path: Path{2}, Next: 9}
	for _, test := range []struct {
		name  string
		scope Scope
		by    *Task
	}{
		{"nobody", tasks(), nil},
		{"the caller itself", tasks(&Task{Path: Path{5}, Phase: Waiting, Next: Never, Wakers: tasks(caller)}, caller), nil},
		{"one who is behind", tasks(early), early},
		{"one who is further", tasks(&Task{Path: Path{0}, Next: 11}), nil},
		{"an older one at the same B", tasks(&Task{Path: Path{0}, Next: 10}), &Task{}},
		{"a younger one at the same B", tasks(&Task{Path: Path{2}, Next: 10}), nil},
		{"one who is gone", tasks(&Task{Phase: Gone, Next: 1}), nil},
		{"one who waits for nobody", tasks(&Task{Phase: Waiting, Next: Never}), nil},
		{"one who waits for one who is behind", tasks(&Task{Phase: Waiting, Next: Never, Wakers: tasks(early)}), early},
		{"one who sleeps, not for long", tasks(&Task{Phase: Waiting, Next: 9}), &Task{}},
		{"one who sleeps for long", tasks(&Task{Phase: Waiting, Next: 12}), nil},
		{"one who sleeps for long, and may be woken", tasks(&Task{Phase: Waiting, Next: 12, Wakers: tasks(early)}), early},
		{"one who waits for one who is gone", tasks(&Task{Phase: Waiting, Next: Never, Wakers: tasks(&Task{Phase: Gone})}), nil},
		{"the second of two", tasks(&Task{Path: Path{0}, Next: 11}, early), early},
	} {
		var o Order
		for range 2 { // it remembers nothing
			by, ok := o.Clear(caller, at, test.scope)
			if ok != (test.by == nil) || ok != (by == nil) || test.by == early && by != early {
				t.Errorf("%s: clear %v, by %v", test.name, ok, by)
			}
		}
	}
}

// TestClearOfCircles: those who wait for each other never go on by themselves.
func TestClearOfCircles(t *testing.T) {
	a, b := &Task{Path: Path{0}, Phase: Waiting, Next: Never}, &Task{Path: Path{1}, Phase: Waiting, Next: Never}
	a.Wakers, b.Wakers = tasks(b, a), tasks(a)
	var o Order
	if by, ok := o.Clear(&Task{}, Stamp{B: 10}, tasks(a)); !ok {
		t.Errorf("waits for %v", by.Path)
	}
	c := &Task{Path: Path{2}, Next: 3}
	b.Wakers = tasks(a, c)
	if by, ok := o.Clear(&Task{}, Stamp{B: 10}, tasks(a)); ok || by != c {
		t.Errorf("clear %v, by %v", ok, by)
	}
}

// TestClearIsLeast compares Clear with its definition: when the earliest that anybody
// in the scope can do something, of himself or woken by another, is not before.
func TestClearIsLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "tasks")
		all := make([]*Task, n)
		wakers := make([][]int, n)
		some := rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3)
		for i := range all {
			all[i] = &Task{
				Path:  Path{uint32(i)},
				Phase: rapid.SampledFrom([]Phase{Active, Waiting, Waiting, Gone}).Draw(t, "phase"),
				Next:  rapid.SampledFrom([]uint64{1, 2, 3, 4, Never}).Draw(t, "next"),
			}
			wakers[i] = some.Draw(t, "wakers")
			if len(wakers[i]) > 0 {
				all[i].Wakers = func(visit func(*Task)) {
					for _, k := range wakers[i] {
						visit(all[k])
					}
				}
			}
		}
		self := rapid.IntRange(0, n-1).Draw(t, "self")
		at := Stamp{rapid.Uint64Range(0, 5).Draw(t, "at"), all[self].Path}
		inScope := some.Draw(t, "scope")

		// The least stamp of each, until it does not change any more.
		never := Stamp{B: Never, Path: Path{^uint32(0)}}
		least := slices.Repeat([]Stamp{never}, n)
		for range n {
			for i, u := range all {
				switch {
				case i == self || u.Phase == Gone:
					continue
				case u.Next != Never:
					least[i] = u.Stamp()
				}
				if u.Phase == Waiting {
					for _, k := range wakers[i] {
						if least[k].Before(least[i]) {
							least[i] = least[k] // goes on later than that; Clear does not count on it
						}
					}
				}
			}
		}
		want := true
		for _, i := range inScope {
			want = want && !least[i].Before(at)
		}
		var o Order
		by, ok := o.Clear(all[self], at, func(visit func(*Task)) {
			for _, i := range inScope {
				visit(all[i])
			}
		})
		if ok != want {
			t.Fatalf("clear %v, want %v", ok, want)
		}
		if !ok && (by.Phase == Gone || !by.Stamp().Before(at)) {
			t.Fatalf("waits for %v, which comes at %v", by.Path, by.Stamp())
		}
	})
}

// TestDue: what comes first ends a wait, and of what comes at the same time what was
// offered first.
func TestDue(t *testing.T) {
	var d Due
	if d.Cause != Nothing {
		t.Fatal("it is due")
	}
	at := func(b uint64) Stamp { return Stamp{b, Path{1}} }
	for _, o := range []struct {
		c    Cause
		b    uint64
		want Cause
	}{{Event, 7, Event}, {Letter, 7, Event}, {Signal, 6, Signal}, {Time, 8, Signal}, {Time, 0, Time}} {
		if d.Offer(o.c, at(o.b), at(o.b)); d.Cause != o.want {
			t.Fatalf("%d at %d: %d", o.c, o.b, d.Cause)
		}
	}
	if d.At.B != 0 || d.Order.B != 0 {
		t.Fatalf("%v, %v", d.At, d.Order)
	}
}

// TestFollows: on which acts a task may count.
func TestFollows(t *testing.T) {
	grand := &Task{}
	parent := &Task{Parent: grand, Born: 5, Phase: Gone}
	reader := &Task{Parent: parent, Born: 10}
	dead := &Task{Parent: reader, Waiter: reader, Waited: 20, Phase: Gone}
	for _, test := range []struct {
		name string
		by   *Task
		seq  uint64
		want bool
	}{
		{"its own", reader, 99, true},
		{"its parent's before it was born", parent, 10, true},
		{"its parent's after it was born", parent, 11, false},
		{"its grandparent's before its parent was born", grand, 5, true},
		{"its grandparent's after its parent was born", grand, 6, false},
		{"a child's that it waited for", dead, 20, true},
		{"a child's after it waited for its exec", dead, 21, false},
		{"a grandchild's that the child waited for", &Task{Waiter: dead, Waited: 15}, 15, true},
		{"a grandchild's that the child waited for too late", &Task{Waiter: dead, Waited: 21}, 15, false},
		{"a dead one's that another waited for", &Task{Waiter: parent, Waited: 99}, 1, false},
		{"a dead one's that nobody waited for", &Task{Phase: Gone}, 1, false},
		{"a living child's", &Task{Parent: reader}, 1, false},
		{"a stranger's", &Task{}, 1, false},
	} {
		if got := reader.Follows(Actor{test.by, test.seq}); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
