package pids

import (
	"testing"

	"pgregory.net/rapid"
)

// place fails the test when there is no number left.
func place(t *testing.T, a *Allocator, want int, ids IDs) int {
	t.Helper()
	pid, ok := a.Place(want, ids)
	if !ok {
		t.Fatalf("Place(%d): no number left", want)
	}
	return pid
}

func free(t *testing.T, a *Allocator, pid int) {
	t.Helper()
	if err := a.Free(pid); err != nil {
		t.Fatal(err)
	}
}

func TestPlace(t *testing.T) {
	ids := IDs{PGID: 1, SID: 1}
	for _, tt := range []struct {
		name  string
		wants []int
		pids  []int
	}{
		{"free", []int{1000, 5000}, []int{1000, 5000}},
		{"taken: the next", []int{1000, 1000, 1000}, []int{1000, 1001, 1002}},
		{"taken and so is the next", []int{1001, 1000, 1000}, []int{1001, 1000, 1002}},
		{"over one that is taken", []int{1024, 1023, 1023}, []int{1024, 1023, 1025}},
		{"wraps", []int{Last, Last, Last}, []int{Last, First, First + 1}},
		{"wraps over taken ones", []int{First, Last, Last}, []int{First, Last, First + 1}},
		{"below the range", []int{0, -1, 299}, []int{First, First + 1, First + 2}},
		{"above the range", []int{Last + 1, 1 << 40}, []int{First, First + 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := New(Last)
			for i, want := range tt.wants {
				if got := place(t, a, want, ids); got != tt.pids[i] {
					t.Errorf("Place(%d), call %d: %d, want %d", want, i, got, tt.pids[i])
				}
			}
		})
	}
}

// TestGroupKeepsItsNumber: the leader of a group and session is reaped while
// another process is still in them.
func TestGroupKeepsItsNumber(t *testing.T) {
	a := New(Last)
	leader := place(t, a, 1000, IDs{PGID: 1, SID: 1})
	if err := a.SetIDs(leader, IDs{PGID: leader, SID: leader}); err != nil {
		t.Fatal(err)
	}
	member := place(t, a, 2000, IDs{PGID: leader, SID: leader})
	free(t, a, leader)
	if got := place(t, a, 1000, IDs{}); got != 1001 {
		t.Errorf("number of a group and session in use was placed: %d", got)
	}
	if err := a.SetIDs(member, IDs{PGID: member, SID: leader}); err != nil {
		t.Fatal(err)
	}
	if !a.InUse(leader) {
		t.Error("number of a session in use is free")
	}
	if err := a.SetIDs(member, IDs{PGID: member, SID: member}); err != nil {
		t.Fatal(err)
	}
	if got := place(t, a, 1000, IDs{}); got != leader {
		t.Errorf("number that nobody uses was not placed: %d", got)
	}
}

func TestUnknownTask(t *testing.T) {
	a := New(Last)
	pid := place(t, a, 1000, IDs{PGID: 1000, SID: 1})
	free(t, a, pid)
	if err := a.Free(pid); err == nil {
		t.Error("a task can be freed twice")
	}
	if err := a.SetIDs(pid, IDs{}); err == nil {
		t.Error("a freed task can change its group")
	}
	if _, ok := a.IDs(pid); ok {
		t.Error("a freed task has a group")
	}
	if a.InUse(pid) || a.InUse(0) || a.InUse(-5) || a.InUse(Last+1) {
		t.Error("a number that nobody uses is in use")
	}
	if ids, ok := a.IDs(1); !ok || ids != (IDs{PGID: 1, SID: 1}) {
		t.Errorf("init's group and session: %v, %v", ids, ok)
	}
}

// TestIDsOutsideTheRange: a group or session of an outer namespace, and ids
// that no kernel hands out, neither occupy a number nor break the count.
func TestIDsOutsideTheRange(t *testing.T) {
	a := New(Last)
	for _, ids := range []IDs{{0, 0}, {-1, Last + 1}, {1 << 60, -1 << 60}} {
		pid := place(t, a, 1000, ids)
		if pid != 1000 {
			t.Fatalf("Place(1000) in %v: %d", ids, pid)
		}
		free(t, a, pid)
	}
}

// TestInARow: 2,000 processes one after the other, each wanting the same number,
// get that number; the shell that starts them keeps its own.
func TestInARow(t *testing.T) {
	a := New(Last)
	shell := place(t, a, 4000, IDs{PGID: 1, SID: 1})
	for i := range 2000 {
		pid := place(t, a, 4000, IDs{PGID: shell, SID: 1})
		if pid != 4001 {
			t.Fatalf("process %d has pid %d, want 4001", i, pid)
		}
		free(t, a, pid)
	}
}

func TestExhaustion(t *testing.T) {
	const last = 1999
	const all = last - First + 1
	a := New(last)
	ids := IDs{PGID: 1, SID: 1}
	seen := map[int]bool{}
	for range all {
		pid := place(t, a, 1500, ids)
		if pid < First || pid > last || seen[pid] {
			t.Fatalf("pid %d is out of range or placed twice", pid)
		}
		seen[pid] = true
	}
	if pid, ok := a.Place(1500, ids); ok {
		t.Fatalf("pid %d placed where none is left", pid)
	}
	if a.Len() != all+1 {
		t.Errorf("%d tasks after a failed placement, want %d", a.Len(), all+1)
	}
	free(t, a, 700)
	if pid := place(t, a, 1500, ids); pid != 700 {
		t.Errorf("the only free number is 700, got %d", pid)
	}
	if _, ok := a.Place(First, ids); ok {
		t.Error("a number placed where none is left")
	}
}

// TestAgainstModel runs random forks, reaps and moves against the definition:
// a number is in use iff some living task has it as pid, group or session.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := rapid.SampledFrom([]int{Last, 32767, First + 200}).Draw(t, "last")
		// A narrow range, and one around the wrap, make collisions likely.
		wants := rapid.OneOf(rapid.IntRange(last-6, last), rapid.IntRange(First-2, First+6))
		a := New(last)
		model := map[int]IDs{1: {1, 1}}
		order := []int{1} // the model's keys, so that draws are repeatable
		used := func(n int) bool {
			for pid, ids := range model {
				if n == pid || n == ids.PGID || n == ids.SID {
					return true
				}
			}
			return false
		}
		t.Repeat(map[string]func(*rapid.T){
			"fork": func(t *rapid.T) {
				parent := rapid.SampledFrom(order).Draw(t, "parent")
				want := wants.Draw(t, "want")
				expect := max(want, First)
				for used(expect) {
					if expect++; expect > last {
						expect = First
					}
				}
				got, ok := a.Place(want, model[parent])
				if !ok || got != expect {
					t.Fatalf("Place(%d) = %d, %v; want %d", want, got, ok, expect)
				}
				model[got] = model[parent]
				order = append(order, got)
			},
			"reap": func(t *rapid.T) {
				if len(order) == 1 {
					t.Skip("only init is left")
				}
				i := rapid.IntRange(1, len(order)-1).Draw(t, "index")
				if err := a.Free(order[i]); err != nil {
					t.Fatal(err)
				}
				delete(model, order[i])
				order = append(order[:i], order[i+1:]...)
			},
			"setsid": func(t *rapid.T) {
				pid := rapid.SampledFrom(order).Draw(t, "pid")
				set(t, a, model, pid, IDs{pid, pid})
			},
			"setpgid": func(t *rapid.T) {
				pid := rapid.SampledFrom(order).Draw(t, "pid")
				to := rapid.SampledFrom(order).Draw(t, "group")
				set(t, a, model, pid, IDs{model[to].PGID, model[pid].SID})
			},
			"": func(t *rapid.T) {
				for _, n := range []int{1, First, First + 1, First + 5, last - 3, last} {
					if a.InUse(n) != used(n) {
						t.Fatalf("InUse(%d) = %v", n, a.InUse(n))
					}
				}
				if a.Len() != len(model) {
					t.Fatalf("Len() = %d, want %d", a.Len(), len(model))
				}
				for pid, want := range model {
					if got, ok := a.IDs(pid); !ok || got != want {
						t.Fatalf("IDs(%d) = %v, %v; want %v", pid, got, ok, want)
					}
				}
			},
		})
	})
}

func set(t *rapid.T, a *Allocator, model map[int]IDs, pid int, ids IDs) {
	if err := a.SetIDs(pid, ids); err != nil {
		t.Fatal(err)
	}
	model[pid] = ids
}
