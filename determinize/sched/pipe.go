package sched

import "slices"

// Capacity is how many bytes a pipe holds. The kernel's own limit shrinks when a user
// has many pipes, and counts pages rather than bytes; pipe(7).
const Capacity = 65536

// Atomic is the size up to which writes are not torn apart (PIPE_BUF); pipe(7).
const Atomic = 4096

// Ends are the ends of a pipe that a task has open.
type Ends uint8

// The two ends.
const (
	Reads Ends = 1 << iota
	Writes
)

// Pipe is a pipe or FIFO. The bytes never enter the kernel's: they wait here, each
// write by itself, with the clock of its writer. E is what travels with the bytes.
//
// What a call on a pipe finds is a function of the stamps of the calls before it, not
// of when they were made: who reads and writes early finds what it would in the
// canonical run. Writers are ordered among themselves, and readers, by whoever calls
// Write and Read; a single writer and a single reader need not wait for each other.
type Pipe[E any] struct {
	queue []*Write[E]
	size  int // bytes in queue

	written uint64     // bytes in all
	taken   []taken[E] // what was read, as long as it may matter
	past    uint64     // bytes read before that
	read    uint64     // bytes in all

	holders []holder
	gone    [2][]release // of readers and of writers
}

// Write is what one call wrote and nobody has read.
type Write[E any] struct {
	Data   []byte
	Edge   E
	At     uint64 // its B
	By     Actor
	Packet bool // read by itself, or lost; O_DIRECT of pipe(2)

	told *Task // who was last told that it is there
}

// counts tells whether a task that reads can count on it that the write was made.
func (w *Write[E]) counts(t *Task) bool { return w.told == t || t.Follows(w.By) }

// Actor says who did something, and as which of the things that it did.
type Actor struct {
	Task *Task
	Seq  uint64
}

// taken is that bytes had been read up to a count, at a stamp.
type taken[E any] struct {
	count uint64
	at    Stamp
	edge  E // of who read
}

type holder struct {
	task *Task
	ends Ends
}

// release is that a task gave an end up.
type release struct {
	by Actor
	at Stamp
}

// Hold notes that a task has ends open.
func (p *Pipe[E]) Hold(t *Task, ends Ends) {
	for i := range p.holders {
		if p.holders[i].task == t {
			p.holders[i].ends |= ends
			return
		}
	}
	if ends != 0 {
		p.holders = append(p.holders, holder{t, ends})
	}
}

// Ends are the ends that a task has open.
func (p *Pipe[E]) Ends(t *Task) Ends {
	for _, h := range p.holders {
		if h.task == t {
			return h.ends
		}
	}
	return 0
}

// Drop notes that a task has given ends up, at a B.
func (p *Pipe[E]) Drop(by Actor, ends Ends, b uint64) {
	i := slices.IndexFunc(p.holders, func(h holder) bool { return h.task == by.Task })
	if i < 0 {
		return
	}
	h := &p.holders[i]
	for n, end := range [...]Ends{Reads, Writes} {
		if h.ends&ends&end != 0 {
			p.gone[n] = append(p.gone[n], release{by, Stamp{b, by.Task.Path}})
		}
	}
	if h.ends &^= ends; h.ends == 0 {
		p.holders = slices.Delete(p.holders, i, i+1)
	}
}

// Held tells whether anybody has one of the ends open.
func (p *Pipe[E]) Held(ends Ends) bool {
	return slices.ContainsFunc(p.holders, func(h holder) bool { return h.ends&ends != 0 })
}

// HasBeen tells whether anybody has given an end up.
func (p *Pipe[E]) HasBeen(end Ends) bool { return len(p.gone[end/Writes]) > 0 }

// Others visits those who have one of the ends open, but for one.
func (p *Pipe[E]) Others(t *Task, ends Ends) Scope {
	return func(visit func(*Task)) {
		for _, h := range p.holders {
			if h.task != t && h.ends&ends != 0 {
				visit(h.task)
			}
		}
	}
}

// Single tells whether at most one task has an end open.
func (p *Pipe[E]) Single(end Ends) bool {
	n := 0
	for _, h := range p.holders {
		if h.ends&end != 0 {
			n++
		}
	}
	return n <= 1
}

// Released is when the last one that had an end open gave it up. ok is false when
// somebody has it open still.
func (p *Pipe[E]) Released(end Ends) (at Stamp, ok bool) {
	if p.Held(end) {
		return Stamp{}, false
	}
	for _, r := range p.gone[end/Writes] {
		if at.Before(r.at) {
			at = r.at
		}
	}
	return at, true
}

// ReleasedBefore tells whether all who had an end open certainly gave it up before
// what is done now, in the sense of precedes.
func (p *Pipe[E]) ReleasedBefore(end Ends, precedes func(Actor) bool) bool {
	if p.Held(end) {
		return false
	}
	for _, r := range p.gone[end/Writes] {
		if !precedes(r.by) {
			return false
		}
	}
	return true
}

// Len is how many bytes can be read that were written before a stamp.
func (p *Pipe[E]) Len(before Stamp) int {
	n := 0
	for _, w := range p.queue {
		if !w.stamp().Before(before) {
			break
		}
		n += len(w.Data)
	}
	return n
}

// Tell tells a task what Len says, so that it can count on it.
func (p *Pipe[E]) Tell(t *Task, before Stamp) int {
	n := 0
	for _, w := range p.queue {
		if !w.stamp().Before(before) {
			break
		}
		w.told = t
		n += len(w.Data)
	}
	return n
}

func (w *Write[E]) stamp() Stamp { return Stamp{w.At, w.By.Task.Path} }

// First is the least write that has not been read; nil if there is none.
func (p *Pipe[E]) First() *Write[E] {
	if len(p.queue) == 0 {
		return nil
	}
	return p.queue[0]
}

// Readable is since when a read has something to return: the least write, or the end.
// ok is false when it has nothing yet.
func (p *Pipe[E]) Readable() (at Stamp, ok bool) {
	if w := p.First(); w != nil {
		return w.stamp(), true
	}
	return p.Released(Writes)
}

// Writers visits those who can come before a write that waits for room: other writers,
// and then the readers too, who decide which of the writers finds room.
func (p *Pipe[E]) Writers(t *Task) Scope {
	if p.Single(Writes) {
		return p.Others(t, Writes)
	}
	return p.Others(t, Reads|Writes)
}

// Fits is since when n bytes fit, n being at most Capacity; the zero Stamp says that it
// is so long ago that it does not matter. ok is false when they do not until something
// more is read.
func (p *Pipe[E]) Fits(n int) (at Stamp, ok bool) {
	need := int64(p.written) + int64(n) - Capacity // this much has to have been read
	if need <= 0 {
		return Stamp{}, true
	}
	if uint64(need) > p.read {
		return Stamp{}, false
	}
	return p.taken[p.making(need)].at, true
}

// making is the read that made so much be read.
func (p *Pipe[E]) making(count int64) int {
	return slices.IndexFunc(p.taken, func(r taken[E]) bool { return r.count >= uint64(count) })
}

// RoomFrom is what travels with the room for n bytes, which fit; ok is false if there has
// always been room.
func (p *Pipe[E]) RoomFrom(n int) (edge E, ok bool) {
	if need := int64(p.written) + int64(n) - Capacity; need > 0 {
		if i := p.making(need); i >= 0 {
			return p.taken[i].edge, true
		}
	}
	return edge, false
}

// Room is how many bytes fit at a stamp, when all reads before it have been made.
func (p *Pipe[E]) Room(before Stamp) int {
	read := p.read
	for i := len(p.taken) - 1; i >= 0 && !p.taken[i].at.Before(before); i-- {
		read = p.past
		if i > 0 {
			read = p.taken[i-1].count
		}
	}
	return max(0, Capacity-int(p.written-read))
}

// Write appends what a task writes. Data becomes the pipe's.
func (p *Pipe[E]) Write(w *Write[E]) {
	if len(w.Data) == 0 {
		return
	}
	p.size += len(w.Data)
	p.written += uint64(len(w.Data))
	p.queue = append(p.queue, w)
	p.forget()
}

// forget drops what was read so long ago that no write depends on when.
func (p *Pipe[E]) forget() {
	i := 0
	for i < len(p.taken)-1 && int64(p.taken[i].count) < int64(p.written)-Capacity {
		i++
	}
	if i > 0 {
		p.past = p.taken[i-1].count
		p.taken = slices.Delete(p.taken, 0, i)
	}
}

// Peek returns what a task that reads at most n bytes gets: the rest of the least write,
// and what comes after it as far as the task can count on it. The pipe must not be empty.
// The result is the pipe's own memory, or new.
func (p *Pipe[E]) Peek(t *Task, n int) []byte {
	first := p.queue[0]
	d := first.Data[:min(n, len(first.Data))]
	if first.Packet || len(d) == n || len(p.queue) == 1 || !p.queue[1].counts(t) {
		return d
	}
	d = slices.Clone(d)
	for _, w := range p.queue[1:] {
		if len(d) == n || w.Packet || !w.counts(t) {
			break
		}
		d = append(d, w.Data[:min(n-len(d), len(w.Data))]...)
	}
	return d
}

// Read has a task take n bytes away at a B, and the rest of a packet with them. It
// returns what travels with the last of them. own is what travels with the room that the
// read makes. The pipe must not be empty.
func (p *Pipe[E]) Read(t *Task, n int, b uint64, own E) (edge E) {
	for n > 0 && len(p.queue) > 0 {
		w := p.queue[0]
		edge, b = w.Edge, max(b, w.At)
		took := min(n, len(w.Data))
		n -= took
		if w.Packet {
			took = len(w.Data)
		}
		w.Data = w.Data[took:]
		p.size -= took
		p.read += uint64(took)
		if len(w.Data) == 0 {
			p.queue[0] = nil
			p.queue = p.queue[1:]
		}
	}
	p.taken = append(p.taken, taken[E]{p.read, Stamp{b, t.Path}, own})
	return edge
}

// Clear forgets what has been written and not read.
func (p *Pipe[E]) Clear() {
	p.queue, p.size = nil, 0
	p.written, p.read, p.past, p.taken = 0, 0, 0, nil
	p.gone = [2][]release{}
}
