package determinize

import (
	"cmp"
	"crypto/sha256"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// The end of an exec, and of the run: what became of what was noted.

// leavesExec notes that a process has come to the end of its exec: by its own, or by another exec.
func (e *engine) leavesExec(t *task) {
	r := t.rec()
	if r == nil {
		return
	}
	if t.leftExec {
		return
	}
	t.leftExec = true
	r.Observed.Clock = r.Observed.Clock || t.clk.Reads() > 0
	if r.owner == t.process {
		r.End = clockRead(&t.clk)
	}
	if r.users--; r.users == 0 {
		e.closeRecord(t.exec)
	}
}

// closeRecord finds out what an exec leaves, whose last process has ended.
func (e *engine) closeRecord(x *execution) {
	r := x.record
	done := make(map[*vfs.Inode]bool)
	for _, c := range r.changed {
		e.lookName(c.in, c.base)
		out := output{Output: conflict.Output{Path: c.in.below(c.base)}, name: c.nm}
		if c.nm.kind == nameAbsent {
			out.Gone, out.none = c.existed, !c.existed
			r.outputs = append(r.outputs, out)
			continue
		}
		done[c.nm.node] = true
		e.leavesAt(r, c.nm.node, out)
	}
	for _, n := range r.written {
		if !done[n] && !n.Gone() {
			done[n] = true
			e.leavesAt(r, n, output{Output: conflict.Output{Path: e.pathOfNode(n)}})
		}
	}
	r.changed, r.knows, r.written = nil, nil, nil
	e.closeInputs(r)
}

// leavesAt adds what is at a path to what an exec leaves.
func (e *engine) leavesAt(r *recording, n *vfs.Inode, out output) {
	var st unix.Stat_t
	if unix.Lstat(out.Path, &st) != nil || n == nil {
		out.none = true
		r.outputs = append(r.outputs, out)
		return
	}
	out.Mode, out.Mtime, out.From = st.Mode, n.Mtime, r.origin[n]
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		buf := make([]byte, maxPath)
		if k, err := unix.Readlink(out.Path, buf); err == nil {
			out.Digest = sha256.Sum256(buf[:k])
		}
	case unix.S_IFREG:
		f := e.accesses(n)
		f.Seen = true
		f.Writer = 0
		out.node, out.version = n, f.Version
	}
	r.outputs = append(r.outputs, out)
}

// contentOf is the digest of a file's content; the zero Digest is of what cannot be read, or
// has no name that is known.
func (e *engine) contentOf(n *vfs.Inode) conflict.Digest {
	fd, err := unix.Open(e.pathOfNode(n), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return conflict.Digest{}
	}
	f := os.NewFile(uintptr(fd), "content")
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || e.fs.Find(&st) != n {
		return conflict.Digest{}
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return conflict.Digest{}
	}
	return conflict.Digest(h.Sum(nil))
}

// fixedContent is the digest of a file that never changes.
func (e *engine) fixedContent(path string) conflict.Digest {
	f, err := os.Open(path)
	if err != nil {
		return conflict.Digest{}
	}
	defer f.Close()
	info, err := e.cfg.Executables.Info(f)
	if err != nil {
		return conflict.Digest{}
	}
	return conflict.Digest(info.Digest)
}

// recorded are the records of all execs, in the order of the canonical run.
func (e *engine) recorded() []conflict.Record {
	all := e.records.all
	for _, x := range all {
		if r := x.record; r != nil && r.users > 0 {
			e.closeRecord(x)
			r.users = 0
		}
	}
	slices.SortFunc(all, func(a, b *execution) int {
		return cmp.Or(cmp.Compare(a.at.B, b.at.B), a.at.Path.Compare(b.at.Path))
	})
	for i, x := range all {
		x.position = i
	}
	if !e.cfg.Record {
		return nil
	}
	fixed := make(map[string]conflict.Digest)
	out := make([]conflict.Record, len(all))
	for i, x := range all {
		r := x.record
		if from := r.from; from != nil && from.record != nil {
			r.Parent = from.position
			p := &out[from.position]
			if from.position < i {
				p.Children = append(p.Children, conflict.Child{Exec: i, Key: r.key, N: r.n})
			}
		}
		r.Inputs = e.inputsOf(r, fixed)
		for _, o := range r.outputs {
			switch {
			case o.name != nil && o.name.raced, o.node != nil && (o.node.Accesses.Raced || o.node.Accesses.ManyShare()):
				o.Output = conflict.Output{Path: o.Path} // others may have changed it by then, or not
			case o.none:
				continue
			case o.node != nil:
				o.Digest = e.versionOf(o.node, o.version)
			}
			r.Outputs = append(r.Outputs, o.Output)
		}
		slices.SortFunc(r.Outputs, func(a, b conflict.Output) int { return strings.Compare(a.Path, b.Path) })
		r.Outputs = slices.Compact(r.Outputs)
		for fd, s := range r.streams {
			if s != nil {
				r.Streams = append(r.Streams, conflict.Stream{FD: uint8(fd), Bytes: s.bytes, Digest: conflict.Digest(s.sum.Sum(nil))})
			}
		}
		if r.stdin != nil {
			r.Observed.Stdin = conflict.Digest(r.stdin.Sum(nil))
		}
		out[i] = r.Record
		r.outputs = nil
	}
	return out
}

// versionOf is the digest of a version of a file's content: of the last one, of what it has now.
func (e *engine) versionOf(n *vfs.Inode, version uint32) conflict.Digest {
	f := n.Accesses
	switch {
	case version > maxVersions && version != f.Version:
		return conflict.Digest{}
	case version > maxVersions:
		return e.contentOf(n)
	}
	for len(f.Digests) <= int(version) {
		d := conflict.Digest{}
		if len(f.Digests) == int(f.Version) {
			d = e.contentOf(n)
		}
		f.Digests = append(f.Digests, d)
	}
	return f.Digests[version]
}

// closeInputs keeps what an exec has observed in a form that takes less memory.
func (e *engine) closeInputs(r *recording) {
	r.inputs = make([]input, 0, len(r.names)+len(r.files))
	for _, o := range r.names {
		path := e.records.text(o.in.below(o.base))
		for k := conflict.SawContent; k <= conflict.SawNothing; k++ {
			if o.kinds&(1<<k) == 0 || k == conflict.SawName && o.kinds&(1<<conflict.SawContent) != 0 {
				continue
			}
			in := input{path: path, kind: k}
			switch k {
			case conflict.SawNothing:
				in.errno = uint16(o.errno)
			case conflict.SawLink:
				in.digest = e.records.digest([]byte(o.link))
			}
			r.inputs = append(r.inputs, in)
		}
	}
	for _, o := range r.files {
		path := e.records.text(o.path)
		for i, k := range [...]conflict.Kind{conflict.SawMetadata, conflict.SawListing} {
			if o.kinds&(1<<k) != 0 {
				r.inputs = append(r.inputs, input{path: path, kind: k, digest: o.digests[i]})
			}
		}
		if o.kinds&(1<<conflict.SawContent) != 0 {
			r.inputs = append(r.inputs, input{path: path, kind: conflict.SawContent, node: o.node, version: o.version})
		}
	}
	r.names, r.files = nil, nil
}

// inputsOf are an exec's inputs, with their digests. fixed are those of what never changes.
func (e *engine) inputsOf(r *recording, fixed map[string]conflict.Digest) []conflict.Input {
	inputs := make([]conflict.Input, len(r.inputs))
	for i, o := range r.inputs {
		in := conflict.Input{Path: o.path, Kind: o.kind, Errno: o.errno}
		switch {
		case o.digest != 0:
			in.Digest = e.records.digests[o.digest]
		case o.kind == conflict.SawContent && o.node != nil:
			in.Digest = e.versionOf(o.node, o.version)
		case o.kind == conflict.SawContent:
			d, ok := fixed[o.path]
			if !ok {
				d = e.fixedContent(o.path)
				fixed[o.path] = d
			}
			in.Digest = d
		}
		inputs[i] = in
	}
	r.inputs = nil
	slices.SortFunc(inputs, func(a, b conflict.Input) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	return slices.Compact(inputs)
}
