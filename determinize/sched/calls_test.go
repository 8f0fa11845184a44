package sched

import (
	"bytes"
	"fmt"
	"slices"
)

// What the calls of a process do, as the engine's handlers do it.

type kind uint8

const (
	compute   kind = iota // n calls that nobody sees
	meet                  // such ones, until its next call is at a multiple of 8
	output                // to the box's
	fork                  // calls are the child's
	exit                  //
	waitAny               //
	waitOne               // for the n-th child
	waitNow               // for any, without waiting
	readPipe              // n bytes
	readNow               // without waiting
	writePipe             // n bytes
	writeNow              // without waiting
	closeEnds             // of a pipe
	unread                // bytes in a pipe
	poll                  // until ends of a pipe are ready, for n, at most
	sleep                 // n
	seek                  // n on, in a file that is open in common: it returns the offset
	lock                  //
	lockNow               // without waiting
	unlock                //
	kill                  // interrupts the n-th child, or the parent
)

var names = [...]string{
	"compute", "meet", "output", "fork", "exit", "waitAny", "waitOne", "waitNow", "readPipe", "readNow", "writePipe", "writeNow",
	"closeEnds", "unread", "poll", "sleep", "seek", "lock", "lockNow", "unlock", "kill",
}

// call is a call of a process. What is of no use to its kind is ignored.
type call struct {
	kind  kind
	obj   int // pipe or lock
	n     int
	ends  Ends
	calls []*call
	cost  int // of a fork's child, as far as it is known
}

func (c *call) String() string {
	switch c.kind {
	case fork:
		return fmt.Sprintf("fork(%d)%v", c.cost, c.calls)
	case exit, waitAny, waitNow, output, meet:
		return names[c.kind]
	case compute, waitOne, sleep, seek, kill:
		return fmt.Sprintf("%s(%d)", names[c.kind], c.n)
	case lock, lockNow, unlock, unread:
		return fmt.Sprintf("%s(%d)", names[c.kind], c.obj)
	case closeEnds:
		return fmt.Sprintf("%s(%d, %s)", names[c.kind], c.obj, c.ends)
	case poll:
		return fmt.Sprintf("%s(%d, %s, %d)", names[c.kind], c.obj, c.ends, c.n)
	}
	return fmt.Sprintf("%s(%d, %d)", names[c.kind], c.obj, c.n)
}

func (e Ends) String() string { return [...]string{"", "r", "w", "rw"}[e] }

// decide makes the call that a process has come to, or has it wait.
func (b *box) decide(p *proc) {
	if p.next >= len(p.calls) {
		b.exit(p)
		return
	}
	c := p.calls[p.next]
	switch c.kind {
	case compute:
		p.b += uint64(c.n)
		b.answer(p, "0")
	case meet:
		p.b |= 7
		b.answer(p, "0")
	case output:
		b.write(p, fmt.Sprint(p.ord.Path, p.next))
		b.answer(p, "0")
	case fork:
		path := p.ord.Path.Child(p.forked)
		p.forked++
		b.born(p, path, c)
		b.answer(p, "%v", path)
	case exit:
		b.exit(p)
	case waitAny:
		b.wait(p, func(*proc) bool { return true })
	case waitOne:
		b.wait(p, func(k *proc) bool { return int(k.ord.Path[len(k.ord.Path)-1]) == c.n })
	case waitNow:
		b.waitNow(p)
	case sleep:
		b.block(p, wait{wake: p.b + uint64(c.n), timeUp: func() { b.answer(p, "0") }})
	case seek:
		if !b.must(p, b.everybody) {
			b.offset += c.n
			b.answer(p, "%d", b.offset)
		}
	case lock, lockNow, unlock:
		b.lock(p, c)
	case kill:
		b.kill(p, c.n)
	default:
		b.pipeCall(p, c, b.pipes[c.obj])
	}
	p.fresh = false
}

func (b *box) exit(p *proc) {
	if (p == b.root || len(p.holds) > 0) && b.must(p, b.everybody) {
		return
	}
	if p == b.root {
		b.flush(p.stamp())
	}
	for _, q := range b.pipes {
		b.drop(p, q, Reads|Writes)
	}
	b.answer(p, "")
	b.changes++
	b.park(p, leaving)
}

func (b *box) died(p *proc) {
	if len(p.holds) > 0 {
		for i := range p.holds {
			delete(b.owners, i)
		}
		b.unlocks++
		b.unlocked = p.stamp()
	}
	b.changes++
	b.park(p, dead)
}

// wait waits for a child that match accepts.
func (b *box) wait(p *proc, match func(*proc) bool) {
	scope := func(visit func(*Task)) {
		for _, k := range p.kids {
			if match(k) {
				visit(&k.end)
			}
		}
	}
	find := func() *proc { return p.firstDead(match) }
	b.block(p, wait{first: true, scope: scope,
		event: func() (Stamp, bool) {
			if k := find(); k != nil {
				return k.shown(), true
			}
			return Stamp{}, !slices.ContainsFunc(p.kids, match)
		},
		then: func() { b.reap(p, find()) },
	})
}

func (p *proc) firstDead(match func(*proc) bool) (best *proc) {
	for _, k := range p.kids {
		if k.state == dead && match(k) && (best == nil || k.shown().Before(best.shown())) {
			best = k
		}
	}
	return best
}

func (b *box) waitNow(p *proc) {
	any := func(*proc) bool { return true }
	if b.must(p, func(visit func(*Task)) {
		for _, k := range p.kids {
			visit(&k.end)
		}
	}) {
		return
	}
	switch k := p.firstDead(any); {
	case k != nil && k.shown().Before(p.stamp()):
		b.reap(p, k)
	case len(p.kids) > 0:
		b.answer(p, "0")
	default:
		b.reap(p, nil)
	}
}

func (b *box) reap(p, k *proc) {
	if k == nil {
		b.answer(p, "ECHILD")
		return
	}
	p.b = max(p.b, k.shown().B)
	k.ord.Waiter, k.ord.Waited = &p.ord, b.acts
	p.kids = slices.DeleteFunc(p.kids, func(c *proc) bool { return c == k })
	b.answer(p, "%v", k.ord.Path)
}

func (b *box) lock(p *proc, c *call) {
	if b.must(p, b.everybody) {
		return
	}
	owner := b.owners[c.obj]
	switch {
	case c.kind == unlock:
		if owner == p {
			delete(b.owners, c.obj)
			delete(p.holds, c.obj)
			b.unlocks++
			b.changes++
			b.unlocked = p.stamp()
		}
		b.answer(p, "0")
	case owner == nil || owner == p:
		b.owners[c.obj] = p
		p.holds[c.obj] = true
		b.answer(p, "0")
	case c.kind == lockNow:
		b.answer(p, "EAGAIN")
	default:
		seen := b.unlocks
		b.block(p, wait{
			event: func() (Stamp, bool) { return b.unlocked, b.unlocks != seen },
			then:  func() { b.park(p, running) }, // makes the call again
		})
	}
}

func (b *box) kill(p *proc, n int) {
	if b.must(p, b.everybody) {
		return
	}
	target := p.parent
	if target != nil && target.state >= leaving && target.stamp().Before(p.stamp()) {
		target = nil
	}
	for _, k := range p.kids {
		if int(k.ord.Path[len(k.ord.Path)-1]) == n {
			target = k
		}
	}
	if target == nil {
		b.answer(p, "ESRCH")
		return
	}
	b.taint = b.taint || target.last > p.b || p.stamp().Before(target.ord.Relied)
	target.inbox = append(target.inbox, p.stamp())
	b.changes++
	b.answer(p, "0")
}

func (b *box) act(p *proc) Actor {
	b.acts++
	return Actor{&p.ord, b.acts}
}

func (b *box) drop(p *proc, q *pipe, ends Ends) {
	q.Drop(b.act(p), ends, p.b)
	b.changes++
}

func (b *box) pipeCall(p *proc, c *call, q *pipe) {
	both := q.Others(&p.ord, Reads|Writes)
	has := q.Ends(&p.ord)
	switch {
	case c.kind == closeEnds:
		b.drop(p, q, c.ends)
		b.answer(p, "0")
		return
	case (c.kind == readPipe || c.kind == readNow || c.kind == unread) && has&Reads == 0,
		(c.kind == writePipe || c.kind == writeNow) && has&Writes == 0,
		c.kind == poll && has&c.ends != c.ends:
		b.answer(p, "EBADF")
		return
	}
	switch c.kind {
	case readPipe:
		b.block(p, wait{event: q.Readable, scope: q.Others(&p.ord, Reads), wakers: both, then: func() { b.take(p, q, c.n) }})
	case writePipe:
		b.writePiece(p, q, c.n)
	case poll:
		b.poll(p, q, c, both)
	default:
		if b.must(p, both) {
			return
		}
		switch c.kind {
		case unread:
			b.answer(p, "%d", q.Tell(&p.ord, p.stamp()))
		case readNow:
			if at, ok := q.Readable(); !ok || !at.Before(p.stamp()) {
				b.answer(p, "EAGAIN")
				return
			}
			b.take(p, q, c.n)
		case writeNow:
			b.writeNow(p, q, c.n)
		}
	}
}

func (b *box) take(p *proc, q *pipe, n int) {
	if q.First() == nil {
		b.answer(p, "EOF")
		return
	}
	data := runs(q.Peek(&p.ord, n))
	p.b = max(p.b, q.First().At)
	edge := q.Read(&p.ord, size(data), p.b, "")
	b.changes++
	b.answer(p, "%v from %s", data, edge)
}

// run is a byte that was written so many times.
type byteRun struct {
	what byte
	n    int
}

func runs(data []byte) (all []byteRun) {
	for len(data) > 0 {
		n := len(data) - len(bytes.TrimLeft(data, string(rune(data[0]))))
		all = append(all, byteRun{data[0], n})
		data = data[n:]
	}
	return all
}

func size(all []byteRun) (n int) {
	for _, r := range all {
		n += r.n
	}
	return n
}

func (b *box) put(p *proc, q *pipe, n int) {
	// Which write a byte is of.
	what := byte(p.b*7+uint64(len(p.ord.Path))) & 0x7f
	for _, i := range p.ord.Path {
		what ^= byte(i + 1)
	}
	q.Write(&Write[string]{Data: bytes.Repeat([]byte{what}, n), Edge: fmt.Sprint(p.ord.Path, p.b), At: p.b, By: b.act(p)})
	b.changes++
}

func (b *box) writeNow(p *proc, q *pipe, n int) {
	if at, gone := q.Released(Reads); gone && at.Before(p.stamp()) {
		b.unread(p, q)
		return
	}
	fits := min(q.Room(p.stamp()), n)
	if fits == 0 || n <= Atomic && fits < n {
		b.answer(p, "EAGAIN")
		return
	}
	b.put(p, q, fits)
	b.answer(p, "%d", fits)
}

func (b *box) unread(p *proc, q *pipe) {
	p.told[q] = true
	if p.progress > 0 {
		b.answer(p, "%d", p.progress)
		return
	}
	b.answer(p, "EPIPE")
}

func (b *box) writePiece(p *proc, q *pipe, total int) {
	n := min(total-p.progress, Capacity)
	if n == 0 {
		b.answer(p, "%d", total)
		return
	}
	broken := func() bool { return p.told[q] && !q.Held(Reads) || q.ReleasedBefore(Reads, p.ord.Follows) }
	b.block(p, wait{
		scope: q.Writers(&p.ord), wakers: q.Others(&p.ord, Reads|Writes),
		event: func() (Stamp, bool) {
			if broken() {
				return Stamp{}, true
			}
			if at, ok := q.Fits(n); ok {
				return at, true
			}
			return q.Released(Reads)
		},
		then: func() {
			if _, ok := q.Fits(n); !ok || broken() {
				b.unread(p, q)
				return
			}
			b.put(p, q, n)
			p.progress += n
			b.writePiece(p, q, total)
		},
	})
}

// poll waits until ends of a pipe are ready: for a while, or for ever if n is negative.
func (b *box) poll(p *proc, q *pipe, c *call, scope Scope) {
	if b.must(p, scope) {
		return
	}
	ready := func() (is []string) {
		if c.ends&Reads != 0 {
			if q.Len(p.stamp()) > 0 {
				is = append(is, "in")
			}
			if at, gone := q.Released(Writes); gone && at.Before(p.stamp()) {
				is = append(is, "hup")
			}
		}
		if c.ends&Writes != 0 {
			if at, gone := q.Released(Reads); gone && at.Before(p.stamp()) {
				is = append(is, "err")
			} else if q.Room(p.stamp()) >= Atomic {
				is = append(is, "out")
			}
		}
		return is
	}
	end := func() { b.answer(p, "%v", ready()) }
	then := func() {
		if len(ready()) == 0 {
			b.wrong = "poll ends for nothing"
		}
		end()
	}
	if len(ready()) > 0 || c.n == 0 {
		end()
		return
	}
	w := wait{scope: scope, then: then, event: func() (at Stamp, ok bool) {
		note := func(a Stamp, is bool) {
			if is && (!ok || a.Before(at)) {
				at, ok = a, true
			}
		}
		if c.ends&Reads != 0 {
			note(q.Readable())
		}
		if c.ends&Writes != 0 {
			note(q.Fits(Atomic))
			note(q.Released(Reads))
		}
		return at, ok
	}}
	if c.n >= 0 {
		w.wake, w.timeUp = p.b+uint64(c.n), end
	}
	b.block(p, w)
}
