// Package clock is the logical time of the processes in a box: what orders
// them, what they are shown as time, and what they stamp on files.
//
// Time inside a box is a function of what its processes did, never of the
// host's clock. One tick, an intercepted call, is one microsecond of a
// process's own time; only sleeping moves the world. A Clock belongs to one
// process; values that travel to another one, with bytes, a completed wait or
// a file, travel as an Edge.
package clock

import (
	"time"

	"laplace.dev/laplace/conflict"
)

const (
	// lead is how far a process's clock starts ahead of the world, so that no
	// process ever reads a time before a stamp in its past.
	lead = int64(time.Second)

	// sleepQuantum is the grain to which sleeping moves the world. It hides
	// the microseconds of own time that precede a sleep from later stamps.
	sleepQuantum = int64(10 * time.Millisecond)

	// arrival is what it takes for bytes to reach their reader, when the
	// writer's clock was ahead.
	arrival = int64(time.Millisecond)

	// grain is that of own time as clocks show it: how many calls a program has made before it reads
	// its clock does not show in what it makes of that, and in what others do.
	grain = int64(10 * time.Millisecond)

	// cheapReads is the number of clock reads after which one costs dearRead
	// instead of a tick: a loop that polls the clock has to end.
	cheapReads = 100_000
	dearRead   = int64(time.Millisecond)

	// manyReads is the number of reads without a call after which one costs dearRead.
	manyReads = 4_000_000

	// overwritesPerSecond is the number of overwrites that fit between two
	// seconds of stamps.
	overwritesPerSecond = 1_000_000

	tick = int64(time.Microsecond)
)

// Edge is the part of a clock that happens-before carries from one process to
// another.
type Edge struct {
	B    uint64 // order
	W    int64  // world time, nanoseconds since the epoch of the box
	Over int64  // overwrites in the past
	O    int64  // greatest clock value known, nanoseconds since the epoch

	// Past is what has certainly come before. Files do not carry it: they are not ordered.
	Past conflict.Clock
}

// Same tells whether two edges are of the same times.
func (e Edge) Same(o Edge) bool {
	e.Past, o.Past = conflict.Clock{}, conflict.Clock{}
	return e == o
}

// Include has the edge carry the times that another one carries, too. Past it leaves alone.
func (e *Edge) Include(o Edge) {
	e.B = max(e.B, o.B)
	e.W = max(e.W, o.W)
	e.Over = max(e.Over, o.Over)
	e.O = max(e.O, o.O)
}

// Clock is the time of one process. The zero value is the start of a box whose first
// stamp is the epoch.
type Clock struct {
	Edge
	own    int64  // own time since the last exec, nanoseconds
	reads  uint64 // clock reads since the last exec
	passed uint64 // those that cost no call
	mine   bool   // O is what the process itself read last
	heard  bool   // O is what another one knew, and has not been read since
	learnt bool   // it has been that since the last exec

	stamps int64 // the first stamp of the box, nanoseconds since the epoch
}

// New is the clock of a box's first process. stamps is the time of the first file that
// the box makes, in nanoseconds since the epoch: 0, or what follows the times that the
// box's files have.
func New(stamps int64) Clock { return Clock{stamps: stamps} }

// Tick accounts for one intercepted call.
func (c *Clock) Tick() {
	c.B++
	c.own += tick
	c.Past.Tick()
}

// Rewind takes back the last calls, as if the process had ended before them, at B b.
func (c *Clock) Rewind(b, calls uint64) {
	c.B = b
	c.own -= int64(calls) * tick
}

// Fork returns the clock of a child that is born now.
func (c *Clock) Fork() Clock {
	child := *c
	child.B++
	child.mine = false
	return child
}

// Exec starts the own time of a new exec.
func (c *Clock) Exec() {
	c.own = 0
	c.reads, c.passed = 0, 0
	c.mine, c.learnt = false, false
}

// Own is the time that the process itself has spent since its last exec:
// one microsecond an intercepted call.
func (c *Clock) Own() time.Duration { return time.Duration(c.own) }

// Join merges an edge that carries order but no bytes: a completed wait, a
// lock that changes hands, a delivered signal.
func (c *Clock) Join(e Edge) {
	c.Past.Join(&e.Past)
	c.B = max(c.B, e.B)
	c.W = max(c.W, e.W)
	c.Over = max(c.Over, e.Over)
}

// Receive merges an edge that carries order and bytes: what arrives through a
// pipe. Whoever has the bytes may know what
// time their writer read, so the reader's clock moves past it.
func (c *Clock) Receive(e Edge) {
	c.Join(e)
	c.Learn(e.O)
}

// Observe merges what comes with a file's content that another process wrote. It
// carries no order: files are not ordered, and B does not change because of them.
func (c *Clock) Observe(e Edge) {
	c.See(e)
	c.Learn(e.O)
}

// See merges what comes with a file's modification time.
func (c *Clock) See(e Edge) {
	c.W = max(c.W, e.W)
	c.Over = max(c.Over, e.Over)
}

// Share merges what memory that is shared with another process may tell: it carries no order
// by itself. The clock moves past a time only if it is later than any that its process knows.
func (c *Clock) Share(e Edge) {
	c.See(e)
	if e.O > c.O {
		c.Learn(e.O)
	}
}

// Learn notes a time, in nanoseconds since the epoch, that the process now knows: the clock shows
// a later one. What is known is the greatest of what was known, in whatever order it came.
func (c *Clock) Learn(o int64) {
	if o > c.O {
		c.O = o
		c.mine, c.heard, c.learnt = false, true, true
	}
}

// base is the least that the clock can show.
func (c *Clock) base() int64 { return c.W + lead + (c.own/grain+1)*grain }

// now is the clock's value, not yet read.
func (c *Clock) now() int64 { return max(c.O, c.base()) }

// Read returns the time that a clock call shows, in nanoseconds since the
// epoch, and makes it known to the process. digits gives the part below a
// millisecond, 0 to 999,999 ns, of the n-th read: parallel siblings whose
// clocks agree, or who know of the same time, must not make the same temporary names.
func (c *Clock) Read(digits func(n uint64) int64) int64 {
	n := c.reads
	c.reads++
	cost := tick
	if n >= cheapReads {
		cost = dearRead
		c.own += dearRead
	}
	known := c.O + cost
	if c.heard {
		known = c.O + arrival
	}
	v := max(known, c.base())
	seeded := v - v%int64(time.Millisecond) + digits(n)
	if seeded < v && !c.mine {
		seeded += int64(time.Millisecond)
	}
	v = max(v, seeded)
	c.O, c.mine, c.heard = v, true, false
	return v
}

// Learnt tells whether the process has come to know, since its last exec, of a time that was later than any that
// it knew.
func (c *Clock) Learnt() bool { return c.learnt }

// MayPass tells whether the process may read its clock by itself: last is the value from
// which it goes on, step what each read adds, both in nanoseconds. It may not when what it
// knows comes from others: its next read must have digits of its own.
func (c *Clock) MayPass() (last, step int64, ok bool) {
	step = tick
	if c.passed >= manyReads {
		step = dearRead
	}
	return c.now(), step, c.mine
}

// Pass accounts for n reads that the process has made by itself, since MayPass gave last and
// step and nothing else has happened. They are part of its order, and no own time.
func (c *Clock) Pass(n uint64, last, step int64) {
	if n == 0 {
		return
	}
	c.B += n
	c.passed += n
	c.O, c.mine = last+int64(n)*step, true
}

// Reads is the number of calls of Read since the last exec.
func (c *Clock) Reads() uint64 { return c.reads }

// Now is the clock's value without a read: the start of a relative timeout.
func (c *Clock) Now() int64 { return c.now() }

// SleepUntil moves the world just so far that the clock reaches deadline, in
// nanoseconds since the epoch, and up to 10 ms further. A deadline in the past
// moves nothing.
func (c *Clock) SleepUntil(deadline int64) {
	missing := deadline - c.now()
	if missing <= 0 {
		return
	}
	c.B += uint64((missing + tick - 1) / tick)
	gap := deadline - c.base()
	c.W += (gap/sleepQuantum + 1) * sleepQuantum // the last digits of another clock may be less
}

// Reach moves the clock to a deadline, in nanoseconds since the epoch, as a timer does that
// expires: exactly, so that many short ones take no longer than they should. The world
// follows by whole quanta.
func (c *Clock) Reach(deadline int64) {
	missing := deadline - c.now()
	if missing <= 0 {
		return
	}
	c.B += uint64((missing + tick - 1) / tick)
	if gap := deadline - c.base(); gap > 0 {
		c.W += gap / sleepQuantum * sleepQuantum
	}
	c.O, c.mine = deadline, false
}

// Spend lets own time pass until it is at least own, in nanoseconds since the last exec.
func (c *Clock) Spend(own int64) {
	if missing := own - c.own; missing > 0 {
		c.B += uint64((missing + tick - 1) / tick)
		c.own = own
	}
}

// Reset takes the clock back to what it was, but for its order and own time.
func (c *Clock) Reset(world, over, known int64) { c.W, c.Over, c.O = world, over, known }

// Skip moves the clock to where a program would have brought it that was not run: own time as Own
// tells it, the rest as the Edge has it.
func (c *Clock) Skip(b uint64, own time.Duration, world, over, known int64) {
	c.B, c.own, c.W, c.Over, c.O = b, int64(own), world, over, known
	c.mine = false
}

// Overwrite counts the replacement of something that existed, so that what is
// stamped from now on is later than what was stamped before it.
func (c *Clock) Overwrite() {
	c.Over++
	if c.Over >= overwritesPerSecond {
		c.Over -= overwritesPerSecond
		c.W += int64(time.Second)
	}
}

// Stamp is the time that a change of a file made now carries, in nanoseconds
// since the epoch.
func (c *Clock) Stamp() int64 { return c.stamps + c.W + c.Over*tick }
