package determinize

import (
	"cmp"
	"slices"
	"strings"

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
	if !e.ended || !e.endedAt.Before(t.stamp()) {
		r.Observed.Clock = r.Observed.Clock || t.clk.Reads() > 0
	}
	r.last = max(r.last, t.clk.B)
	if r.owner == t.process {
		r.End = clockRead(&t.clk)
	}
	if r.users--; r.users == 0 {
		e.closeRecord(t.exec)
	}
}

// recorded are the records of all execs, in the order of the canonical run.
func (e *engine) recorded() []conflict.Record {
	if e.ended {
		begun := len(e.records.all)
		e.records.all = slices.DeleteFunc(e.records.all, func(x *execution) bool { return e.endedAt.Before(x.at) })
		e.report.Execs -= uint64(begun - len(e.records.all))
	}
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
		if r.late || e.ended && r.last >= e.endedAt.B && r != e.root.rec() {
			r.cut()
		}
		if from := r.from; from != nil && from.record != nil {
			r.Parent = from.position
			p := &out[from.position]
			if from.position < i {
				p.Children = append(p.Children, conflict.Child{Exec: i, Key: r.key, N: r.n})
			}
		}
		r.Inputs = e.inputsOf(r, fixed)
		r.dropPaths()
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

// closeInputs keeps what an exec has observed in a form that takes less memory.
func (e *engine) closeInputs(r *recording) {
	r.inputs = make([]input, 0, len(r.names)+len(r.files))
	named := make(map[*vfs.Inode][]string) // how the exec came to what it observed
	for _, o := range r.names {
		if o.kinds == 0 {
			continue
		}
		path := o.path
		if path == "" {
			path = e.records.text(o.in.below(o.base))
		}
		if o.node != nil {
			named[o.node] = append(named[o.node], path)
		}
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
	for n, o := range r.files {
		for _, path := range named[n] {
			r.adds(o, path, 0)
		}
		if len(named[n]) == 0 {
			r.adds(o, e.records.text(o.path), o.way)
		}
	}
	r.names, r.files = nil, nil
}

// adds adds what an exec has observed of a file, at one of its paths.
func (r *recording) adds(o *observed, path string, way uint32) {
	for i, k := range [...]conflict.Kind{conflict.SawMetadata, conflict.SawListing} {
		if o.kinds&(1<<k) != 0 {
			r.inputs = append(r.inputs, input{path: path, kind: k, digest: o.digests[i], way: way})
		}
	}
	if o.kinds&(1<<conflict.SawContent) != 0 {
		r.inputs = append(r.inputs, input{path: path, kind: conflict.SawContent, node: o.node, version: o.version, way: way})
	}
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
		if o.way != 0 && !sure(e.records.ways[o.way]) {
			in.Path = ""
		}
		inputs[i] = in
	}
	r.inputs = nil
	slices.SortFunc(inputs, func(a, b conflict.Input) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	return slices.Compact(inputs)
}
