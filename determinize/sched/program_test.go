package sched

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMain has the properties tried more often than other packages': a case is cheap.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "500")
	flag.Parse()
	os.Exit(m.Run())
}

// A universe is which calls programs are made of.
type universe struct {
	kinds []kind
	pipes int
}

var sizes = []int{1, Atomic, Capacity / 4, Capacity / 2, Capacity, Capacity + Capacity/2}

// step is a call that one of the processes makes after those that it has so far.
type step struct {
	who uint8
	call
}

// step draws one. All that it may mean is drawn whatever its kind: so rapid can
// make another one of it.
func (u *universe) step() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		s := step{rapid.Uint8Range(0, 5).Draw(t, "who"), call{kind: rapid.SampledFrom(u.kinds).Draw(t, "call")}}
		obj, n := rapid.IntRange(0, 1).Draw(t, "object"), rapid.IntRange(0, 5).Draw(t, "n")
		cost := rapid.SampledFrom([]int{0, 0, 0, 3, 10, 50}).Draw(t, "cost")
		switch s.kind {
		case fork:
			s.cost = cost
		case compute, meet, sleep, waitOne, kill, seek:
			s.n = n
		case lock, lockNow, unlock:
			s.obj = obj
		case readPipe, readNow, writePipe, writeNow:
			s.obj, s.n = obj%u.pipes, sizes[n]
		case unread:
			s.obj = obj % u.pipes
		case closeEnds:
			s.obj, s.ends = obj%u.pipes, Ends(1+n%3)
		case poll:
			s.obj, s.ends, s.n = obj%u.pipes, Ends(1+n%3), rapid.IntRange(-1, 5).Draw(t, "timeout")
		}
		return s
	})
}

// start draws how programs begin: with a pipe that is nearly full, and with so many
// processes, that keep some of the pipes' ends and come to their first calls at the same B.
func (u *universe) start(t *rapid.T) (steps []step) {
	if u.pipes > 0 {
		if n := rapid.SampledFrom([]int{0, Capacity / 4 * 3, Capacity}).Draw(t, "full"); n > 0 {
			steps = append(steps, step{0, call{kind: writePipe, n: n}})
		}
	}
	n := rapid.Uint8Range(0, 4).Draw(t, "children")
	for range n {
		by := uint8(0)
		if rapid.IntRange(0, 2).Draw(t, "grandchild") == 0 {
			by = uint8(len(steps))
		}
		cost := rapid.SampledFrom([]int{0, 0, 5, 20, 100}).Draw(t, "cost")
		steps = append(steps, step{by, call{kind: fork, cost: cost}})
	}
	for who := range n + 1 {
		for i := range u.pipes {
			if e := Ends(rapid.IntRange(0, 3).Draw(t, "closes")); e != 0 {
				steps = append(steps, step{who, call{kind: closeEnds, obj: i, ends: e}})
			}
		}
	}
	for who := range n {
		steps = append(steps, step{who + 1, call{kind: meet}})
	}
	return steps
}

// program makes the calls of the first process of steps, and in its forks those of
// the others. The first one, with which all ends, outlives most of the others.
func program(steps []step) []*call {
	all := []*call{{}}
	for _, s := range steps {
		by := all[int(s.who)%len(all)]
		c := s.call
		by.calls = append(by.calls, &c)
		if c.kind == fork {
			all = append(all, &c)
		}
	}
	return append(all[0].calls, &call{kind: sleep, n: 1000})
}

// schedule is a real time: who of those that run comes to its next call next.
type schedule struct {
	name   string
	choose func(run []*proc) *proc
}

// schedules are one that is drawn, and such as are likely to go wrong: everybody once
// comes to his calls, all but the first few, only when nobody else does.
func schedules(procs int, drawn []byte, few int) []schedule {
	i := 0
	all := []schedule{{"oldest first", oldest}, {"newest first", newest}, {"drawn", func(run []*proc) *proc {
		if i++; i > len(drawn) {
			return newest(run)
		}
		return run[int(drawn[i-1])%len(run)]
	}}}
	for k := range procs {
		for _, first := range []int{0, few} {
			last := func(then func([]*proc) *proc) func([]*proc) *proc {
				return func(run []*proc) *proc {
					var others []*proc
					for _, p := range run {
						switch {
						case p.number != k:
							others = append(others, p)
						case p.next < first:
							return p
						}
					}
					if len(others) == 0 {
						return run[0]
					}
					return then(others)
				}
			}
			all = append(all, schedule{fmt.Sprintf("%d last after %d calls, oldest first", k, first), last(oldest)},
				schedule{fmt.Sprintf("%d last after %d calls, newest first", k, first), last(newest)})
		}
	}
	return all
}

func oldest(run []*proc) *proc { return run[0] }
func newest(run []*proc) *proc { return run[len(run)-1] }

// history is all that is to be the same, as text.
func (b *box) history() string {
	var s strings.Builder
	procs := slices.Clone(b.procs)
	slices.SortFunc(procs, func(p, q *proc) int { return p.ord.Path.Compare(q.ord.Path) })
	ended := b.root.state >= leaving
	for _, p := range procs {
		if ended && len(p.seen) == 0 {
			continue // it may not have been born
		}
		var lines []string
		for i, line := range p.seen {
			// What comes after the end of the box does not count.
			if !ended || !b.root.stamp().Before(p.seenAt[i]) {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 && ended {
			continue
		}
		fmt.Fprintf(&s, "%v:\n  %s\n", p.ord.Path, strings.Join(lines, "\n  "))
		if !ended && p.state != dead {
			fmt.Fprintf(&s, "  waits in %v\n", p.calls[p.next])
		}
	}
	fmt.Fprintf(&s, "output %v\n", b.out)
	return s.String()
}

// same checks that a program has one history.
func same(t interface{ Fatalf(string, ...any) }, calls []*call, drawn []byte, few int) {
	c := newBox(calls, true)
	c.run(oldest)
	want := c.history()
	for _, s := range schedules(len(c.procs), drawn, few) {
		b := newBox(calls, false)
		b.run(s.choose)
		if c.taint || b.taint {
			continue
		}
		if b.wrong != "" {
			t.Fatalf("%v\n%s:\n%s\n%s", calls, s.name, b.history(), b.wrong)
		}
		if got := b.history(); got != want {
			t.Fatalf("%v\n%s:\n%s\nin the canonical run:\n%s", calls, s.name, got, want)
		}
	}
}

func check(t *testing.T, pipes int, kinds ...kind) {
	t.Parallel()
	u := universe{kinds, pipes}
	rapid.Check(t, func(t *rapid.T) {
		steps := append(u.start(t), rapid.SliceOfN(u.step(), 0, 20).Draw(t, "program")...)
		drawn := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "real time")
		same(t, program(steps), drawn, rapid.IntRange(1, 8).Draw(t, "few"))
	})
}

// Whatever programs do, and whoever comes first in real time, a box has one history.

func TestChildren(t *testing.T) {
	check(t, 0, fork, fork, compute, meet, waitAny, waitOne, waitNow, exit, output, sleep)
}

func TestPipes(t *testing.T) {
	check(t, 2, fork, fork, compute, meet, waitAny, exit, readPipe, readPipe, writePipe, writePipe, closeEnds, closeEnds, output)
}

func TestPipesWithoutWaiting(t *testing.T) {
	check(t, 2, fork, fork, compute, meet, waitNow, waitOne, readPipe, readNow, writePipe, writeNow, closeEnds, unread, poll, sleep)
}

func TestOnePipe(t *testing.T) {
	check(t, 1, fork, fork, compute, meet, waitOne, readPipe, writePipe, readNow, writeNow, closeEnds, unread, poll)
}

func TestLocks(t *testing.T) {
	check(t, 0, fork, fork, compute, meet, waitAny, lock, lock, lockNow, unlock, unlock, seek, sleep, output, exit)
}

func TestSignals(t *testing.T) {
	check(t, 1, fork, fork, compute, meet, kill, waitAny, sleep, readPipe, writePipe, readNow, closeEnds, output)
}

func TestEverything(t *testing.T) {
	all := []kind{fork, fork, fork, closeEnds, closeEnds}
	for k := range kill {
		all = append(all, k)
	}
	check(t, 2, all...)
}

// Programs that once had two histories. Where it does not end with the first process,
// that one sleeps.
var (
	do    = func(k kind, n int) *call { return &call{kind: k, n: n} }
	forks = func(calls ...*call) *call { return &call{kind: fork, calls: calls} }
	ends  = func(k kind, e Ends, n int) *call { return &call{kind: k, ends: e, n: n} }
	on1   = func(c *call) *call { c.obj = 1; return c } // the second pipe
)

func TestPrograms(t *testing.T) {
	for name, calls := range map[string][]*call{
		// A poll that waits for room, and a read at the same B, but after it.
		"tie of poll and read": {do(writePipe, Capacity), forks(do(meet, 0), ends(poll, Writes, -1)), forks(do(meet, 0), do(readPipe, Capacity)), do(sleep, 100)},
		// A child whose end is known before that of one that ended before.
		"tie of ends": {forks(do(meet, 0)), forks(do(meet, 0)), do(waitAny, 0), do(sleep, 100)},
		// Whether nobody reads is known from an ancestor, whose child in between has died.
		"orphan": {ends(closeEnds, Reads, 0), forks(forks(do(writePipe, 1))), do(sleep, 100)},
		// A signal that comes with the room that its target waits for.
		"tie of signal and room": {
			do(writePipe, Capacity), forks(ends(closeEnds, Writes, 0), do(sleep, 20), do(readPipe, Capacity)),
			forks(do(writePipe, 1)), ends(closeEnds, Reads|Writes, 0), do(compute, 19), do(kill, 1), do(sleep, 100),
		},
		// Who is woken may be so by one who has nothing to do with who counts on it.
		"woken by a stranger": {
			forks(ends(closeEnds, Writes, 0), do(readPipe, 1), on1(do(writePipe, 1))), forks(on1(ends(closeEnds, Reads|Writes, 0)), do(compute, 20), do(writePipe, 1)),
			forks(ends(closeEnds, Reads|Writes, 0), do(compute, 50), on1(do(readNow, 1))),
			ends(closeEnds, Reads|Writes, 0), on1(ends(closeEnds, Reads|Writes, 0)), do(sleep, 100),
		},
		// A reader, and a writer, who are far ahead.
		"read ahead": {
			do(writePipe, Capacity), forks(ends(closeEnds, Writes, 0), do(compute, 50), do(readPipe, Capacity)),
			forks(ends(closeEnds, Reads, 0), do(compute, 20), do(writeNow, 1)), ends(closeEnds, Reads|Writes, 0), do(sleep, 100),
		},
		"written ahead": {
			forks(ends(closeEnds, Writes, 0), do(compute, 20), do(readPipe, 9), ends(unread, 0, 0), ends(poll, Reads, 0)),
			forks(ends(closeEnds, Reads, 0), do(writePipe, 1), do(compute, 50), do(writePipe, 2)), ends(closeEnds, Reads|Writes, 0), do(sleep, 100),
		},
		// A signal that wakes one of whom another counted on it that only his child can.
		"signal to one who waits": {
			forks(forks(do(compute, 90)), do(waitAny, 0), do(writePipe, 1)), forks(do(compute, 50), do(readNow, 1)),
			ends(closeEnds, Reads|Writes, 0), do(compute, 20), do(kill, 0), do(sleep, 100),
		},
	} {
		t.Run(name, func(t *testing.T) {
			for few := range 8 {
				same(t, calls, nil, few)
			}
		})
	}
}
