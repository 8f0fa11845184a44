package determinize

import (
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/vfs"
)

// capacity is how many bytes a pipe holds. The kernel's own limit shrinks
// when a user has many pipes, and counts pages rather than bytes; see pipe(7).
const capacity = 65536

// pipeBuf is the size up to which writes are not torn apart; pipe(7).
const pipeBuf = 4096

// channel is what a pipe or FIFO holds. The bytes never enter the kernel's
// pipe: they wait here, each write by itself, with the clock of its writer. A
// read returns the rest of one write, and of those after it only what certainly
// happened before the read: what a reader sees does not depend on how far ahead
// of it a writer ran.
//
// A channel exists while it holds bytes.
type channel struct {
	writes []write
	size   int
}

// write is what one call wrote.
type write struct {
	data   []byte
	edge   clock.Edge
	writer *task
	seq    uint64 // among all writes to pipes
	packet bool   // written with O_DIRECT: read by itself, or lost; pipe(2)
	told   *task  // who was last told that it is there, by FIONREAD
}

// precedes tells whether a write certainly happened before what a task does
// now, so that the task could count on it: its own, one of a process that it
// waited for, one that an ancestor made before the task's line was born, or one
// that it was told of.
func (w *write) precedes(t *task) bool {
	if w.told == t || w.writer == t || w.writer.state == stateDead && w.writer.waiter == t {
		return true
	}
	for c := t; c.parent != nil; c = c.parent {
		if c.parent == w.writer {
			return w.seq <= c.bornSeq
		}
	}
	return w.writer.vforkParent == t
}

// tell is how many bytes a task is told that it can read.
func (c *channel) tell(t *task) int {
	for i := range c.writes {
		c.writes[i].told = t
	}
	return c.size
}

// room is how many bytes fit.
func (c *channel) room() int {
	if c == nil {
		return capacity
	}
	return capacity - c.size
}

// channelOf returns the channel of a pipe, or nil when it holds nothing.
func (e *engine) channelOf(k vfs.Key) *channel { return e.channels[k] }

// send appends a write of t.
func (e *engine) send(t *task, k vfs.Key, data []byte, edge clock.Edge, packet bool) {
	if len(data) == 0 {
		return
	}
	c := e.channels[k]
	if c == nil {
		e.sweepChannels()
		c = &channel{}
		e.channels[k] = c
	}
	c.size += len(data)
	for len(data) > 0 {
		n := len(data)
		if packet {
			n = min(n, pipeBuf)
		}
		e.writes++
		c.writes = append(c.writes, write{data: append([]byte(nil), data[:n]...), edge: edge, writer: t, seq: e.writes, packet: packet})
		data = data[n:]
	}
}

// sweepChannels forgets what is left in pipes that nobody has open any more,
// each time that their number has doubled.
func (e *engine) sweepChannels() {
	if len(e.channels) < e.sweepAt {
		return
	}
	for k := range e.channels {
		if !e.held(k) {
			delete(e.channels, k)
		}
	}
	e.sweepAt = 2*len(e.channels) + 64
}

// peek returns what a read of at most n bytes by t gets.
func (c *channel) peek(t *task, n int) []byte {
	first := &c.writes[0]
	d := first.data[:min(n, len(first.data))]
	if first.packet || len(d) == n || len(c.writes) == 1 || !c.writes[1].precedes(t) {
		return d
	}
	d = append([]byte(nil), d...)
	for i := 1; i < len(c.writes) && len(d) < n; i++ {
		w := &c.writes[i]
		if w.packet || !w.precedes(t) {
			break
		}
		d = append(d, w.data[:min(n-len(d), len(w.data))]...)
	}
	return d
}

// consume takes n bytes away, and the rest of a packet with them. It returns
// the clock that comes with them.
func (e *engine) consume(k vfs.Key, n int) clock.Edge {
	c := e.channels[k]
	var last clock.Edge
	for n > 0 {
		w := &c.writes[0]
		last = w.edge
		took := min(n, len(w.data))
		n -= took
		if w.packet {
			took = len(w.data)
		}
		w.data = w.data[took:]
		c.size -= took
		if len(w.data) == 0 {
			c.writes[0] = write{}
			c.writes = c.writes[1:]
		}
	}
	if len(c.writes) == 0 {
		delete(e.channels, k)
	}
	return last
}
