package sched

import (
	"fmt"
	"slices"
)

// A box without a kernel: processes that are lists of calls, run on Order, Due and Pipe
// as the engine runs its tasks on them. What is called real time here is the order in
// which the processes that run come to their next calls.

type state uint8

const (
	running state = iota
	ordered       // before a call that waits for its turn
	blocked       // in a call
	leaving       // has made its last call, and is not dead yet
	dead
)

// proc is a process.
type proc struct {
	ord    Task
	end    Task
	floor  uint64 // of its end
	number int
	parent *proc
	kids   []*proc // that have not been waited for
	forked uint32
	calls  []*call
	next   int // of them
	b      uint64
	state  state

	scope    Scope // ordered
	fresh    bool  // the call has not been decided before
	wait     wait  // blocked
	due      turn
	dueAt    int // b.changes then
	progress int // of a write
	inbox    []Stamp
	last     uint64 // B when signals last could reach it

	told   map[*pipe]bool
	holds  map[int]bool // locks
	seen   []string     // what its calls returned
	seenAt []Stamp      // when
}

// wait is what a process is blocked in.
type wait struct {
	event         func() (Stamp, bool)
	then          func()
	first         bool
	scope, wakers Scope
	wake          uint64
	timeUp        func()
}

type turn struct {
	at, order Stamp
	scope     Scope
	b         uint64
	act       func()
}

type pipe struct{ Pipe[string] }

// box is a run.
type box struct {
	canonical bool
	order     Order
	root      *proc
	procs     []*proc // all that ever were
	pipes     []*pipe
	offset    int // of a file that all have open
	owners    map[int]*proc
	changes   int
	acts      uint64
	unlocks   int
	unlocked  Stamp
	outbox    []piece
	out       []string
	taint     bool // a signal came too late
	steps     int
	wrong     string // what should not have happened
}

type piece struct {
	at   Stamp
	text string
}

func newBox(calls []*call, canonical bool) *box {
	b := &box{canonical: canonical, owners: map[int]*proc{}}
	for range 2 {
		b.pipes = append(b.pipes, &pipe{})
	}
	b.root = b.born(nil, nil, &call{calls: calls})
	return b
}

func (b *box) born(parent *proc, path Path, c *call) *proc {
	p := &proc{number: len(b.procs), parent: parent, calls: c.calls, told: map[*pipe]bool{}, holds: map[int]bool{}}
	p.ord = Task{Path: path, Of: p}
	if parent != nil {
		p.ord.Parent, p.ord.Born = &parent.ord, b.acts
		b.acts++
		p.b = parent.b + 1
		parent.kids = append(parent.kids, p)
		if c.cost > 0 {
			p.floor = p.b + uint64(c.cost)
		}
	}
	p.end = End(&p.ord, p.floor)
	for _, q := range b.pipes {
		if parent == nil {
			q.Hold(&p.ord, Reads|Writes)
		} else if ends := q.Ends(&parent.ord); ends != 0 {
			q.Hold(&p.ord, ends)
		}
	}
	b.procs = append(b.procs, p)
	b.park(p, running)
	return p
}

func (p *proc) stamp() Stamp { return Stamp{p.b, p.ord.Path} }

// shown is when its parent is told of what a process has done.
func (p *proc) shown() Stamp { return p.stamp().At(p.floor) }

func (b *box) everybody(visit func(*Task)) {
	for _, p := range b.procs {
		if p.state != dead {
			visit(&p.ord)
		}
	}
}

func (b *box) park(p *proc, s state) {
	p.state, p.dueAt = s, -1
	b.sync(p)
}

func (b *box) sync(p *proc) {
	o := &p.ord
	o.Phase, o.Next, o.Wakers = Active, p.b, nil
	switch p.state {
	case running:
		o.Next++
	case blocked:
		o.Phase, o.Next, o.Wakers = Waiting, Never, p.wait.wakers
		if p.dueAt >= 0 && p.due.act != nil {
			o.Next = p.due.at.B
		} else if p.wait.wake != 0 {
			o.Next = max(p.b, p.wait.wake)
		}
	case dead:
		o.Phase = Gone
	}
}

func (b *box) foresee() {
	for _, p := range b.procs {
		if p.state == blocked && p.dueAt != b.changes {
			b.turnOf(p)
			b.sync(p)
		}
	}
}

func (b *box) turnOf(p *proc) turn {
	switch p.state {
	case ordered:
		at := p.stamp()
		return turn{at: at, order: at, scope: p.scope, b: p.b, act: func() { b.decide(p) }}
	case blocked:
		if p.dueAt != b.changes {
			p.due, p.dueAt = b.dueOf(p), b.changes
		}
		return p.due
	}
	return turn{}
}

func (b *box) dueOf(p *proc) turn {
	var d Due
	w, own := &p.wait, p.stamp()
	if w.event != nil {
		if event, ok := w.event(); ok {
			at := own.After(event)
			if d.Offer(Event, at, at); w.first {
				d.Order = event
			}
		}
	}
	if len(p.inbox) > 0 {
		at := own.After(p.inbox[0])
		d.Offer(Letter, at, at)
	}
	if w.wake != 0 {
		at := own.At(w.wake)
		d.Offer(Time, at, at)
	}
	u := turn{at: d.At, order: d.Order, scope: w.scope, b: d.At.B}
	switch d.Cause {
	case Event:
		u.act = func() { p.wait.then() }
	case Letter:
		u.scope = w.wakers
		u.act = func() {
			for len(p.inbox) > 0 && p.inbox[0].Before(d.At) {
				p.inbox = p.inbox[1:]
			}
			b.answer(p, "EINTR")
		}
	case Time:
		u.b, u.scope = p.b, b.everybody
		u.act = func() {
			p.b = max(p.b, p.wait.wake)
			p.wait.timeUp()
		}
	}
	return u
}

// run runs the box until its first process has ended, or nobody can go on. choose says
// which of the processes that run comes to its next call.
func (b *box) run(choose func([]*proc) *proc) {
	for b.root.state < leaving {
		if b.steps++; b.steps > 10000 {
			panic("it does not end")
		}
		went := b.dispatch()
		var transit []*proc
		for _, p := range b.procs {
			if p.state == running || p.state == leaving {
				transit = append(transit, p)
			}
		}
		switch {
		case b.root.state >= leaving:
		case len(transit) > 0:
			b.arrive(choose(transit))
		case !went:
			return
		}
	}
}

// arrive has a process come to its next call, or to its end.
func (b *box) arrive(p *proc) {
	if p.state == leaving {
		b.died(p)
		return
	}
	p.b++
	p.fresh, p.progress = true, 0
	if b.canonical {
		b.park(p, ordered)
		return
	}
	b.decide(p)
}

// dispatch lets everything go on that can.
func (b *box) dispatch() (went bool) {
	if b.canonical {
		return b.dispatchLeast()
	}
	for again := true; again && b.root.state < leaving; {
		again = false
		b.foresee()
		for i := 0; i < len(b.procs) && b.root.state < leaving; i++ {
			p := b.procs[i]
			u := b.turnOf(p)
			if u.act == nil {
				continue
			}
			if _, ok := b.order.Clear(&p.ord, u.order, u.scope); ok {
				b.proceed(p, u)
				again, went = true, true
				b.foresee()
			}
		}
	}
	b.send()
	return went
}

func (b *box) dispatchLeast() bool {
	var best *proc
	var bestTurn turn
	for _, p := range b.procs {
		if p.state == running || p.state == leaving {
			return false
		}
		if u := b.turnOf(p); u.act != nil && (best == nil || u.at.Before(bestTurn.at)) {
			best, bestTurn = p, u
		}
	}
	if best == nil {
		return false
	}
	b.proceed(best, bestTurn)
	return true
}

func (b *box) proceed(p *proc, u turn) {
	if p.state == blocked && u.at.B > p.b {
		p.last = u.at.B
	}
	p.b = max(p.b, u.b)
	u.act()
}

// must tells whether a call has to wait until it is its turn.
func (b *box) must(p *proc, scope Scope) bool {
	if !p.fresh || b.canonical {
		return false
	}
	b.foresee()
	if _, ok := b.order.Clear(&p.ord, p.stamp(), scope); ok {
		return false
	}
	p.scope = scope
	b.park(p, ordered)
	return true
}

func (b *box) block(p *proc, w wait) {
	if w.scope == nil {
		w.scope = b.everybody
	}
	if w.wakers == nil {
		w.wakers = w.scope
	}
	p.wait = w
	b.changes++
	b.park(p, blocked)
}

// answer has a call return.
func (b *box) answer(p *proc, format string, args ...any) {
	c := "exit"
	if p.next < len(p.calls) {
		c = p.calls[p.next].String()
	}
	p.seen = append(p.seen, fmt.Sprintf("%s = %s @%d", c, fmt.Sprintf(format, args...), p.b))
	p.seenAt = append(p.seenAt, p.stamp())
	p.next++
	b.park(p, running)
}

// write queues output.
func (b *box) write(p *proc, text string) {
	if b.canonical {
		b.out = append(b.out, text)
		return
	}
	i := len(b.outbox)
	for i > 0 && p.stamp().Before(b.outbox[i-1].at) {
		i--
	}
	b.outbox = slices.Insert(b.outbox, i, piece{p.stamp(), text})
}

// send lets output go that nothing can come before.
func (b *box) send() {
	b.foresee()
	for len(b.outbox) > 0 {
		if _, ok := b.order.Clear(&Task{}, b.outbox[0].at, b.everybody); !ok {
			return
		}
		b.out = append(b.out, b.outbox[0].text)
		b.outbox = b.outbox[1:]
	}
}

// flush lets the output go that came before the end.
func (b *box) flush(end Stamp) {
	for len(b.outbox) > 0 && b.outbox[0].at.Before(end) {
		b.out = append(b.out, b.outbox[0].text)
		b.outbox = b.outbox[1:]
	}
	b.outbox = nil
}
