package runs

import (
	"encoding/binary"

	"laplace.dev/laplace/conflict"
)

// A writer puts a section together: first its tables, each after the number of its elements,
// then the body, which refers to them by position, from 1. Elements are in the order in which
// they are referred to first, so that a section is a function of its values alone.
type writer struct {
	body []byte

	strings, lists, digests, inputs table

	ofString index[string]
	ofList   index[string] // by the references to the elements
	ofDigest index[conflict.Digest]
	ofInput  index[conflict.Input]

	last    string // in the table of strings
	scratch []byte
}

// table is a table of a section as it is written.
type table struct {
	data []byte
	n    uint64
}

// index finds the elements of a table.
type index[K comparable] map[K]uint64

// ref is the position of an element; fresh says that it has just been given.
func (x index[K]) ref(t *table, key K) (ref uint64, fresh bool) {
	if ref, ok := x[key]; ok {
		return ref, false
	}
	t.n++
	x[key] = t.n
	return t.n, true
}

func newWriter() *writer {
	return &writer{ofString: index[string]{}, ofList: index[string]{}, ofDigest: index[conflict.Digest]{}, ofInput: index[conflict.Input]{}}
}

func (w *writer) uint(v uint64) { w.body = binary.AppendUvarint(w.body, v) }
func (w *writer) int(v int64)   { w.body = binary.AppendVarint(w.body, v) }
func (w *writer) byte(v uint8)  { w.body = append(w.body, v) }

func (w *writer) bool(v bool) {
	b := uint8(0)
	if v {
		b = 1
	}
	w.byte(b)
}

// maxShared is how many bytes a string takes from the one before at most.
const maxShared = 255

// stringRef is the reference to a string; 0 is the empty one.
func (w *writer) stringRef(s string) uint64 {
	if s == "" {
		return 0
	}
	ref, fresh := w.ofString.ref(&w.strings, s)
	if fresh {
		n := 0
		for n < len(s) && n < len(w.last) && n < maxShared && s[n] == w.last[n] {
			n++
		}
		t := append(w.strings.data, uint8(n))
		t = binary.AppendUvarint(t, uint64(len(s)-n))
		w.strings.data, w.last = append(t, s[n:]...), s
	}
	return ref
}

func (w *writer) string(s string) { w.uint(w.stringRef(s)) }

// list refers to a list of strings; 0 is the empty one.
func (w *writer) list(l []string) {
	if len(l) == 0 {
		w.uint(0)
		return
	}
	w.scratch = binary.AppendUvarint(w.scratch[:0], uint64(len(l)))
	for _, s := range l {
		w.scratch = binary.AppendUvarint(w.scratch, w.stringRef(s))
	}
	ref, fresh := w.ofList.ref(&w.lists, string(w.scratch))
	if fresh {
		w.lists.data = append(w.lists.data, w.scratch...)
	}
	w.uint(ref)
}

// digestRef is the reference to a digest; 0 is none.
func (w *writer) digestRef(d conflict.Digest) uint64 {
	if d == (conflict.Digest{}) {
		return 0
	}
	ref, fresh := w.ofDigest.ref(&w.digests, d)
	if fresh {
		w.digests.data = append(w.digests.data, d[:]...)
	}
	return ref
}

func (w *writer) digest(d conflict.Digest) { w.uint(w.digestRef(d)) }

// inputRef is the reference to an input: most execs of a build have most of theirs in common.
func (w *writer) inputRef(in conflict.Input) uint64 {
	ref, fresh := w.ofInput.ref(&w.inputs, in)
	if fresh {
		t := binary.AppendUvarint(w.inputs.data, w.stringRef(in.Path))
		t = append(t, uint8(in.Kind))
		t = binary.AppendUvarint(t, w.digestRef(in.Digest))
		w.inputs.data = binary.AppendUvarint(t, uint64(in.Errno))
	}
	return ref
}

// section is the whole.
func (w *writer) section() []byte {
	var b []byte
	for _, t := range []*table{&w.strings, &w.lists, &w.digests, &w.inputs} {
		b = binary.AppendUvarint(b, t.n)
		b = append(b, t.data...)
	}
	return append(b, w.body...)
}

func encodeHost(r *conflict.Run) []byte {
	w := newWriter()
	w.string(r.ID)
	w.int(r.Started)
	w.int(r.Wall)
	w.int(int64(r.Attempts))
	w.string(r.Project)
	w.uint(uint64(len(r.Conflicts)))
	w.uint(uint64(len(r.Cached)))
	return w.section()
}

func encodeSummary(r *conflict.Run) []byte {
	w := newWriter()
	w.list(r.Command)
	w.string(r.Cwd)
	w.string(r.Verdict)
	w.uint(uint64(len(r.Taints)))
	for _, t := range r.Taints {
		w.string(t.Kind)
		w.string(t.Detail)
		w.string(t.Exec)
	}
	w.int(int64(r.Exit))
	w.uint(r.Total)
	w.uint(r.Ticks)
	w.string(r.Tree)
	w.string(r.Stdout)
	w.string(r.Stderr)
	w.uint(uint64(len(r.Execs)))
	return w.section()
}

func encodeConflicts(list []conflict.Conflict) []byte {
	w := newWriter()
	for i := range list {
		c := &list[i]
		w.string(string(c.Class))
		w.string(c.Path)
		w.side(&c.First)
		w.side(&c.Second)
		w.bool(c.Ordered)
		w.int(int64(c.Count))
	}
	return w.section()
}

func (w *writer) side(s *conflict.Side) {
	w.int(int64(s.Exec))
	w.int(int64(s.PID))
	w.string(s.Task)
	w.list(s.Argv)
	w.string(s.Cwd)
	w.string(s.Call)
	w.uint(s.B)
	w.string(s.Does)
}

func encodeCached(list []conflict.Cached) []byte {
	w := newWriter()
	for i := range list {
		c := &list[i]
		w.int(int64(c.Exec))
		w.list(c.Argv)
		w.uint(c.Skipped)
		w.list(c.Missed)
		w.list(c.Unkept)
	}
	return w.section()
}

func encodeExecs(list []conflict.Record) []byte {
	w := newWriter()
	for i := range list {
		w.record(&list[i])
	}
	return w.section()
}

func (w *writer) record(r *conflict.Record) {
	w.int(int64(r.Parent))
	w.int(int64(r.PID))
	w.string(r.Task)
	w.list(r.Argv)
	w.list(r.Env)
	w.string(r.Cwd)
	w.string(r.Executable)
	w.digest(r.Digest)
	w.digest(r.Seed)
	w.uint(uint64(len(r.Inputs)))
	last := int64(0)
	for _, in := range r.Inputs {
		ref := int64(w.inputRef(in))
		w.int(ref - last) // mostly 1
		last = ref
	}
	w.uint(uint64(len(r.Outputs)))
	for i := range r.Outputs {
		o := &r.Outputs[i]
		w.string(o.Path)
		w.bool(o.Gone)
		w.uint(uint64(o.Mode))
		w.digest(o.Digest)
		w.int(o.Mtime)
		w.string(o.From)
		w.uint(uint64(o.Owner))
		w.uint(uint64(o.Group))
		w.uint(o.Ino)
		w.digest(o.Xattrs)
	}
	w.uint(uint64(len(r.Streams)))
	for _, s := range r.Streams {
		w.byte(s.FD)
		w.uint(s.Bytes)
		w.digest(s.Digest)
	}
	w.uint(uint64(len(r.Children)))
	for _, c := range r.Children {
		w.int(int64(c.Exec))
		w.digest(c.Key)
		w.uint(uint64(c.N))
	}
	w.uint(uint64(len(r.FDs)))
	for _, f := range r.FDs {
		w.uint(uint64(f.Number))
		w.string(f.Kind)
		w.uint(uint64(f.Flags))
		w.string(f.Path)
	}
	w.bool(r.Observed.Clock)
	w.bool(r.Observed.PID)
	w.bool(r.Observed.Random)
	w.digest(r.Observed.Stdin)
	w.uint(uint64(r.Status))
	w.bool(r.Cut)
	for _, c := range []*conflict.ClockRead{&r.Start, &r.End} {
		w.uint(c.B)
		w.int(c.World)
		w.int(c.Over)
		w.int(c.Known)
		w.uint(c.Ticks)
	}
}
