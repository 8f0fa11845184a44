package memo

import (
	"encoding/binary"
	"errors"
	"fmt"

	"laplace.dev/laplace/conflict"
)

// version is of the format, the first byte.
const version = 3

// ErrFormat says that bytes are not a memo of this version of Laplace.
var ErrFormat = errors.New("not a memo of this version of Laplace")

// Encode writes a memo down: Decode reads it.
func (m *Memo) Encode() []byte {
	c := &coder{b: []byte{version}}
	m.code(c)
	return c.b
}

// Decode reads what Encode has written. Of anything else, however it came about, it says
// ErrFormat, and uses no more memory than a small multiple of its length.
func Decode(b []byte) (*Memo, error) {
	if len(b) == 0 || b[0] != version {
		return nil, ErrFormat
	}
	c := &coder{b: b[1:], reading: true}
	m := &Memo{}
	m.code(c)
	if c.bad || len(c.b) != 0 {
		return nil, ErrFormat
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// validate refuses what no whole can leave.
func (m *Memo) validate() error {
	for i := range m.Inputs {
		if in := &m.Inputs[i]; in.Kind >= kinds || in.Sight >= sights {
			return fmt.Errorf("%w: input of kind %d", ErrFormat, in.Kind)
		}
	}
	for i := range m.Outputs {
		if o := &m.Outputs[i]; o.Form >= forms || o.Size < 0 || len(o.Inline) > 0 && int64(len(o.Inline)) != o.Size {
			return fmt.Errorf("%w: output of form %d", ErrFormat, o.Form)
		}
	}
	return nil
}

// code writes a memo, or reads it: both by the same lines, so that they cannot differ.
func (m *Memo) code(c *coder) {
	list(c, &m.Argv, c.text)
	c.text(&m.Cwd)
	option(c, &m.Seed, func(d *Digest) { c.digest(d) })
	option(c, &m.IDs, func(ids *IDs) {
		integer(c, &ids.PID)
		integer(c, &ids.Parent)
		integer(c, &ids.Group)
		integer(c, &ids.Session)
	})
	option(c, &m.Clock, func(k *Clock) {
		integer(c, &k.Known)
		integer(c, &k.World)
	})
	c.flag(&m.Heard)
	option(c, &m.Stamp, func(n *int64) { integer(c, n) })
	last := ""
	list(c, &m.Inputs, func(in *Input) {
		c.path(&in.Path, last)
		last = in.Path
		natural(c, &in.Kind)
		natural(c, &in.Sight)
		natural(c, &in.Errno)
		c.digest(&in.Digest)
		integer(c, &in.Mtime)
		natural(c, &in.Ino)
		integer(c, &in.Known)
		c.flag(&in.Own)
		c.flag(&in.Bound)
	})
	last = ""
	list(c, &m.Outputs, func(o *Output) {
		c.path(&o.Path, last)
		last = o.Path
		o.code(c)
	})
	list(c, &m.Writes, func(w *Write) {
		natural(c, &w.FD)
		natural(c, &w.B)
		c.bytes(&w.Data)
		c.flag(&w.Sets)
		natural(c, &w.Flags)
		w.Known.code(c)
	})
	list(c, &m.Sinks, func(s *Sink) {
		natural(c, &s.FD)
		integer(c, &s.Mtime)
	})
	option(c, &m.Read, func(s *Seek) {
		natural(c, &s.FD)
		integer(c, &s.By)
	})
	e := &m.End
	natural(c, &e.Status)
	natural(c, &e.B)
	for _, n := range [...]*int64{&e.Own, &e.Kids, &e.World, &e.Over} {
		integer(c, n)
	}
	e.Known.code(c)
	c.flag(&e.Memory)
	for _, n := range [...]*uint64{&m.Execs, &m.Ticks, &m.Processes} {
		natural(c, n)
	}
	list(c, &m.Refused, func(r *Count) {
		c.text(&r.Name)
		natural(c, &r.N)
	})
	list(c, &m.Unmasked, c.text)
	list(c, &m.Conflicts, func(x *conflict.Conflict) {
		x.Ordered = true
		class := string(x.Class)
		c.text(&class)
		x.Class = conflict.Class(class)
		c.text(&x.Path)
		natural(c, &x.Count)
		for _, s := range [...]*conflict.Side{&x.First, &x.Second} {
			s.Exec = -1
			natural(c, &s.PID)
			list(c, &s.Argv, c.text)
			for _, text := range [...]*string{&s.Task, &s.Cwd, &s.Call, &s.Does} {
				c.text(text)
			}
			natural(c, &s.B)
		}
	})
}

func (k *Known) code(c *coder) {
	integer(c, &k.Is)
	natural(c, &k.From)
	c.bad = c.bad || k.From >= sources
}

func (o *Output) code(c *coder) {
	natural(c, &o.Form)
	for _, flag := range [...]*bool{&o.New, &o.Existed, &o.Wrote, &o.Stamped, &o.Retagged, &o.Touched, &o.Undated, &o.Sparse} {
		c.flag(flag)
	}
	c.text(&o.From)
	c.text(&o.SameAs)
	natural(c, &o.Mode)
	natural(c, &o.UID)
	natural(c, &o.GID)
	c.text(&o.Target)
	c.digest(&o.Content)
	integer(c, &o.Size)
	c.bytes(&o.Inline)
	list(c, &o.Extents, func(x *Extent) {
		integer(c, &x.Off)
		integer(c, &x.Len)
	})
	list(c, &o.Xattrs, func(x *Xattr) {
		c.text(&x.Name)
		c.bytes(&x.Value)
	})
	integer(c, &o.Mtime)
	natural(c, &o.Ino)
	natural(c, &o.Nth)
	integer(c, &o.World)
	integer(c, &o.Over)
	o.Known.code(c)
	c.text(&o.Writer)
}

// coder writes to b, or reads from it.
type coder struct {
	b       []byte
	reading bool
	bad     bool // it was not what it should be
	paths   int  // bytes of all paths that were read
}

// take is the next n bytes.
func (c *coder) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *coder) uvarint(n uint64) uint64 {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, n)
		return n
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[size:]
	return n
}

// natural is a number that is not negative.
func natural[T ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int](c *coder, n *T) {
	v := c.uvarint(uint64(*n))
	if *n = T(v); uint64(*n) != v || *n < 0 {
		c.bad = true
	}
}

// integer is any number.
func integer[T ~int | ~int64](c *coder, n *T) {
	v := c.uvarint(uint64(*n)<<1 ^ uint64(int64(*n)>>63))
	*n = T(int64(v>>1) ^ -int64(v&1))
}

func (c *coder) flag(f *bool) {
	var n uint8
	if *f {
		n = 1
	}
	natural(c, &n)
	*f = n == 1
	c.bad = c.bad || n > 1
}

func (c *coder) digest(d *Digest) {
	if !c.reading {
		c.b = append(c.b, d[:]...)
		return
	}
	copy(d[:], c.take(uint64(len(d))))
}

func (c *coder) bytes(b *[]byte) {
	n := c.uvarint(uint64(len(*b)))
	if !c.reading {
		c.b = append(c.b, *b...)
		return
	}
	*b = append([]byte(nil), c.take(n)...)
}

func (c *coder) text(s *string) {
	n := c.uvarint(uint64(len(*s)))
	if !c.reading {
		c.b = append(c.b, *s...)
		return
	}
	*s = string(c.take(n))
}

// path is a text that often begins as the one before it.
func (c *coder) path(s *string, last string) {
	var same, n int
	if !c.reading {
		for same < len(*s) && same < len(last) && (*s)[same] == last[same] {
			same++
		}
		n = len(*s) - same
	}
	natural(c, &same)
	natural(c, &n)
	if !c.reading {
		c.b = append(c.b, (*s)[same:]...)
		return
	}
	// Paths that are made of each other could take a lot of memory.
	const most, mostInAll = 64 << 10, 256 << 20
	if same > len(last) || n > most || same+n > most || c.paths+same+n > mostInAll {
		c.bad, c.b = true, nil
		return
	}
	c.paths += same + n
	*s = last[:same] + string(c.take(uint64(n)))
}

// option is something that may be absent.
func option[T any](c *coder, p **T, code func(*T)) {
	there := *p != nil
	c.flag(&there)
	if !there || c.bad {
		*p = nil
		return
	}
	if *p == nil {
		*p = new(T)
	}
	code(*p)
}

// list is a list. Each element takes a byte at least.
func list[T any](c *coder, l *[]T, code func(*T)) {
	n := c.uvarint(uint64(len(*l)))
	if !c.reading {
		for i := range *l {
			code(&(*l)[i])
		}
		return
	}
	*l = nil
	for ; n > 0 && !c.bad; n-- {
		if len(c.b) == 0 {
			c.bad = true
			return
		}
		var x T
		code(&x)
		*l = append(*l, x)
	}
}
