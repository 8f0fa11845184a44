package runs

import (
	"encoding/binary"
	"fmt"
	"math"

	"laplace.dev/laplace/conflict"
)

// A reader reads a section. After the first error it reads zeros.
type reader struct {
	b   []byte
	err error

	strings []string
	lists   [][]string
	digests []conflict.Digest
	inputs  []conflict.Input
}

// least is the least size of an element of each list, in bytes: no list has more elements
// than there are bytes for them.
const (
	leastString   = 2
	leastList     = 1
	leastDigest   = 32
	leastInput    = 4
	leastTaint    = 3
	leastConflict = 20
	leastCached   = 5
	leastOutput   = 10
	leastStream   = 3
	leastChild    = 3
	leastFD       = 4
	leastRecord   = 30
)

func newReader(section []byte) *reader {
	r := &reader{b: section}
	last := ""
	r.strings = make([]string, r.count(leastString))
	for i := range r.strings {
		shared := int(r.byte())
		if shared > len(last) {
			r.fail("a string has more of the one before than that has")
			break
		}
		rest := r.bytes(r.count(1))
		last = last[:shared] + string(rest)
		r.strings[i] = last
	}
	r.lists = make([][]string, r.count(leastList))
	for i := range r.lists {
		r.lists[i] = make([]string, r.count(1))
		for j := range r.lists[i] {
			r.lists[i][j] = r.string()
		}
	}
	r.digests = make([]conflict.Digest, r.count(leastDigest))
	for i := range r.digests {
		copy(r.digests[i][:], r.bytes(leastDigest))
	}
	r.inputs = make([]conflict.Input, r.count(leastInput))
	for i := range r.inputs {
		r.inputs[i] = conflict.Input{Path: r.string(), Kind: conflict.Kind(r.byte()), Digest: r.digest(), Errno: uint16(r.upTo(math.MaxUint16))}
	}
	return r
}

// end is the error of the section: that of the reader, or that something is left.
func (r *reader) end() error {
	if len(r.b) > 0 {
		r.fail("a section goes on after its end")
	}
	return r.err
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	r.b = nil
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("a number is cut off or too long")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number is cut off or too long")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// upTo reads a number that is not greater than most.
func (r *reader) upTo(most uint64) uint64 {
	v := r.uint()
	if v > most {
		r.fail("a number is too great")
		return 0
	}
	return v
}

// count reads the number of elements of a list, which take at least so many bytes each.
func (r *reader) count(least int) int {
	return r.bounded(r.uint(), least)
}

// bounded is n, if the rest has room for as many elements.
func (r *reader) bounded(n uint64, least int) int {
	if n > uint64(len(r.b)/least) {
		r.fail("a list has more elements than there is room for")
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.fail("a section ends in the middle of something")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() uint8 {
	b := r.bytes(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (r *reader) bool() bool {
	b := r.byte()
	if b > 1 {
		r.fail("neither true nor false")
	}
	return b == 1
}

// element is what a reference leads to; none for 0.
func element[T any](r *reader, table []T, ref uint64, none T) T {
	switch {
	case ref == 0:
		return none
	case ref > uint64(len(table)):
		r.fail("a reference to nothing")
		return none
	}
	return table[ref-1]
}

func (r *reader) string() string          { return element(r, r.strings, r.uint(), "") }
func (r *reader) list() []string          { return element(r, r.lists, r.uint(), []string{}) }
func (r *reader) digest() conflict.Digest { return element(r, r.digests, r.uint(), conflict.Digest{}) }

func decodeHost(section []byte, h *Head) error {
	r := newReader(section)
	h.Host = conflict.Host{ID: r.string(), Started: r.int(), Wall: r.int(), Attempts: int(r.int()), Project: r.string()}
	h.Conflicts = int(r.upTo(math.MaxInt32))
	h.Cached = int(r.upTo(math.MaxInt32))
	if err := r.end(); err != nil {
		return err
	}
	if !ValidID(h.ID) {
		return fmt.Errorf("%w: it has no ID", ErrDamaged)
	}
	return nil
}

func decodeSummary(section []byte, h *Head) error {
	r := newReader(section)
	s := conflict.Summary{Command: r.list(), Cwd: r.string(), Verdict: r.string()}
	s.Taints = make([]conflict.Taint, r.count(leastTaint))
	for i := range s.Taints {
		s.Taints[i] = conflict.Taint{Kind: r.string(), Detail: r.string(), Exec: r.string()}
	}
	s.Exit = int(r.int())
	s.Total, s.Ticks = r.uint(), r.uint()
	s.Tree, s.Stdout, s.Stderr = r.string(), r.string(), r.string()
	h.Summary = s
	h.Execs = int(r.upTo(math.MaxInt32))
	return r.end()
}

func decodeConflicts(section []byte, n int) ([]conflict.Conflict, error) {
	r := newReader(section)
	list := make([]conflict.Conflict, r.bounded(uint64(n), leastConflict))
	for i := range list {
		list[i] = conflict.Conflict{Class: conflict.Class(r.string()), Path: r.string(), First: r.side(), Second: r.side(),
			Ordered: r.bool(), Count: int(r.int())}
	}
	return list, r.end()
}

func decodeCached(section []byte, n int) ([]conflict.Cached, error) {
	r := newReader(section)
	list := make([]conflict.Cached, r.bounded(uint64(n), leastCached))
	for i := range list {
		list[i] = conflict.Cached{Exec: int(r.int()), Argv: r.list(), Skipped: r.uint(), Missed: r.list(), Unkept: r.list()}
	}
	return list, r.end()
}

func (r *reader) side() conflict.Side {
	return conflict.Side{Exec: int(r.int()), PID: int(r.int()), Task: r.string(), Argv: r.list(), Cwd: r.string(), Call: r.string(),
		B: r.uint(), Does: r.string()}
}

func decodeExecs(section []byte, n int) ([]conflict.Record, error) {
	r := newReader(section)
	list := make([]conflict.Record, r.bounded(uint64(n), leastRecord))
	for i := range list {
		if r.record(&list[i]); r.err != nil {
			break
		}
	}
	return list, r.end()
}

func (r *reader) record(c *conflict.Record) {
	c.Parent, c.PID, c.Task = int(r.int()), int(r.int()), r.string()
	c.Argv, c.Env, c.Cwd, c.Executable = r.list(), r.list(), r.string(), r.string()
	c.Digest, c.Seed = r.digest(), r.digest()
	c.Inputs = make([]conflict.Input, r.count(1))
	last := int64(0)
	for i := range c.Inputs {
		last += r.int()
		if last <= 0 {
			r.fail("a reference to nothing")
			return
		}
		c.Inputs[i] = element(r, r.inputs, uint64(last), conflict.Input{})
	}
	c.Outputs = make([]conflict.Output, r.count(leastOutput))
	for i := range c.Outputs {
		c.Outputs[i] = conflict.Output{Path: r.string(), Gone: r.bool(), Mode: uint32(r.upTo(math.MaxUint32)), Digest: r.digest(),
			Mtime: r.int(), From: r.string(), Owner: uint32(r.upTo(math.MaxUint32)), Group: uint32(r.upTo(math.MaxUint32)),
			Ino: r.uint(), Xattrs: r.digest()}
	}
	c.Streams = make([]conflict.Stream, r.count(leastStream))
	for i := range c.Streams {
		c.Streams[i] = conflict.Stream{FD: r.byte(), Bytes: r.uint(), Digest: r.digest()}
	}
	c.Children = make([]conflict.Child, r.count(leastChild))
	for i := range c.Children {
		c.Children[i] = conflict.Child{Exec: int(r.int()), Key: r.digest(), N: uint32(r.upTo(math.MaxUint32))}
	}
	c.FDs = make([]conflict.FD, r.count(leastFD))
	for i := range c.FDs {
		c.FDs[i] = conflict.FD{Number: uint32(r.upTo(math.MaxUint32)), Kind: r.string(), Flags: uint32(r.upTo(math.MaxUint32)), Path: r.string()}
	}
	c.Observed = conflict.Observed{Clock: r.bool(), PID: r.bool(), Random: r.bool(), Stdin: r.digest()}
	c.Status = uint32(r.upTo(math.MaxUint32))
	c.Cut = r.bool()
	for _, clock := range []*conflict.ClockRead{&c.Start, &c.End} {
		*clock = conflict.ClockRead{B: r.uint(), World: r.int(), Over: r.int(), Known: r.int(), Ticks: r.uint()}
	}
}
