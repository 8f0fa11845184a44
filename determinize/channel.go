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
// read returns the rest of one write and never more, so that what a reader
// sees does not depend on how far ahead of it the writer ran.
//
// A channel exists while it holds bytes.
type channel struct {
	writes []write
	size   int
}

// write is what one call wrote.
type write struct {
	data []byte
	edge clock.Edge
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

// send appends a write.
func (e *engine) send(k vfs.Key, data []byte, edge clock.Edge) {
	if len(data) == 0 {
		return
	}
	c := e.channels[k]
	if c == nil {
		c = &channel{}
		e.channels[k] = c
	}
	c.writes = append(c.writes, write{data: append([]byte(nil), data...), edge: edge})
	c.size += len(data)
}

// peek returns the rest of the oldest write, at most n bytes of it.
func (c *channel) peek(n int) []byte {
	d := c.writes[0].data
	return d[:min(n, len(d))]
}

// consume takes n bytes of the oldest write away.
func (e *engine) consume(k vfs.Key, n int) {
	c := e.channels[k]
	w := &c.writes[0]
	w.data = w.data[n:]
	c.size -= n
	if len(w.data) == 0 {
		c.writes[0] = write{}
		c.writes = c.writes[1:]
		if len(c.writes) == 0 {
			delete(e.channels, k)
		}
	}
}
