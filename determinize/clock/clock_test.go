package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zero(uint64) int64 { return 0 }

func TestSleepAdvancesByWhatWasAsked(t *testing.T) {
	var c Clock
	a := c.Read(zero)
	for range 57 {
		c.Tick()
	}
	c.SleepUntil(c.Now() + int64(5*time.Second))
	b := c.Read(zero)
	if d := time.Duration(b - a); d < 5*time.Second || d > 5010*time.Millisecond {
		t.Errorf("two reads around a sleep of 5 s differ by %v, want 5.00 to 5.01 s", d)
	}
}

func TestPollingLoopEnds(t *testing.T) {
	var c Clock
	start := c.Read(zero)
	n := 0
	for c.Read(zero)-start < int64(10*time.Second) {
		c.Tick()
		if n++; n > 200_000 {
			t.Fatal("a loop that polls the clock for ten seconds does not end")
		}
	}
}

// TestPassingLoopEnds is TestPollingLoopEnds with reads that cost no call.
func TestPassingLoopEnds(t *testing.T) {
	var c Clock
	start := c.Read(zero)
	for n := 0; c.Now()-start < int64(time.Hour); n++ {
		last, step, ok := c.MayPass()
		if !ok || n > 10_000 {
			t.Fatalf("after %d batches of reads: %v have passed, may go on: %v", n, time.Duration(c.Now()-start), ok)
		}
		c.Pass(1024, last, step)
	}
}

func TestOverwriteIsLater(t *testing.T) {
	var c Clock
	prev := c.Stamp()
	for range 2_500_000 {
		c.Overwrite()
		if s := c.Stamp(); s <= prev {
			t.Fatalf("stamp %d after stamp %d", s, prev)
		} else {
			prev = s
		}
	}
}

func TestSleepInThePastMovesNothing(t *testing.T) {
	c := Clock{}
	c.Read(zero)
	before := c
	c.SleepUntil(c.Now() - 1)
	if c != before {
		t.Errorf("a deadline in the past moved the clock from %+v to %+v", before, c)
	}
}

// TestReach checks that a timer expires exactly when it should, however short it is, and that
// the world does not run ahead of it.
func TestReach(t *testing.T) {
	c := Clock{}
	begin, world := c.Now(), c.W
	for i := range int64(1000) {
		deadline := begin + (i+1)*int64(time.Millisecond)
		before := c.B
		if c.Reach(deadline); c.Now() != deadline {
			t.Fatalf("the clock is at %d, want %d", c.Now(), deadline)
		}
		if c.B < before+999 || c.B > before+1000 {
			t.Fatalf("a millisecond is %d in the order", c.B-before)
		}
	}
	if moved := c.W - world; moved > int64(time.Second) || moved < int64(time.Second)-sleepQuantum {
		t.Errorf("the world moved by %d in a second", moved)
	}
	before := c
	if c.Reach(c.Now()); c != before {
		t.Errorf("a deadline that has come moved the clock from %+v to %+v", before, c)
	}
}

// TestSpend checks that own time, and with it the clock, gets to what was asked for.
func TestSpend(t *testing.T) {
	c := Clock{}
	begin := c.Now()
	c.Spend(int64(3 * time.Second))
	if c.Own() != 3*time.Second || c.Now() != begin+int64(3*time.Second) || c.B != 3_000_000 {
		t.Errorf("after 3 s: %+v", c)
	}
	if c.Spend(1); c.Own() != 3*time.Second {
		t.Errorf("own time went back to %v", c.Own())
	}
}

// The clock never runs backwards, in one process and along an edge that
// carries bytes, and never shows a time before a stamp in its past.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var procs [3]Clock
		var seen [3]int64
		digits := func(n uint64) int64 { return int64(n*7919) % int64(time.Millisecond) }
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			p := rapid.IntRange(0, 2).Draw(t, "process")
			q := rapid.IntRange(0, 2).Draw(t, "other")
			switch rapid.IntRange(0, 9).Draw(t, "do") {
			case 0:
				procs[p].Tick()
			case 1:
				v := procs[p].Read(digits)
				if v <= seen[p] {
					t.Fatalf("process %d read %d after %d", p, v, seen[p])
				}
				if s := procs[p].Stamp(); v <= s {
					t.Fatalf("process %d read %d, before its stamp %d", p, v, s)
				}
				seen[p] = v
			case 2:
				procs[p].SleepUntil(procs[p].Now() + rapid.Int64Range(0, 1e10).Draw(t, "ns"))
			case 3:
				procs[p].Overwrite()
			case 4:
				procs[p].Receive(procs[q].Edge)
				seen[p] = max(seen[p], seen[q])
			case 5:
				procs[p].Join(procs[q].Edge)
			case 6:
				procs[p].Exec()
			case 7:
				last, step, ok := procs[p].MayPass()
				if !ok {
					continue
				}
				if last+step <= seen[p] {
					t.Fatalf("process %d reads %d by itself after %d", p, last+step, seen[p])
				}
				n := rapid.Uint64Range(0, 3000).Draw(t, "reads")
				if procs[p].Pass(n, last, step); n > 0 {
					seen[p] = last + int64(n)*step
				}
			case 8:
				procs[p].Reach(procs[p].Now() + rapid.Int64Range(0, 1e10).Draw(t, "ns"))
			case 9:
				procs[p].Spend(rapid.Int64Range(0, 1e10).Draw(t, "own"))
			}
		}
	})
}

// TestSiblingsDiffer checks that two children who know of the same time, later than their
// own clocks, do not read the same one: temporary names are made from it.
func TestSiblingsDiffer(t *testing.T) {
	for _, how := range []struct {
		name  string
		learn func(c *Clock)
	}{
		{"inherited", func(*Clock) {}},
		{"from bytes", func(c *Clock) { c.Receive(Edge{O: 2_000_999_000}) }},
	} {
		parent := Clock{Edge: Edge{O: 2_000_999_000}}
		a, b := parent.Fork(), parent.Fork()
		how.learn(&a)
		how.learn(&b)
		x := a.Read(func(uint64) int64 { return 1_234 })
		y := b.Read(func(uint64) int64 { return 5_678 })
		if x == y || x <= parent.O || y <= parent.O || y > parent.O+3*int64(time.Millisecond) {
			t.Errorf("%s: both know of %d and read %d and %d", how.name, parent.O, x, y)
		}
		if z := a.Read(func(uint64) int64 { return 1 }); z != x+tick {
			t.Errorf("%s: the next read is %d later, want a tick", how.name, z-x)
		}
	}
}
