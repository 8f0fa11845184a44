package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// fdKinds are what records call what a descriptor leads to.
var fdKinds = map[kind]string{
	kindFile: "file", kindPipe: "pipe", kindRandom: "random", kindDevice: "device", kindTTY: "tty", kindDir: "dir",
	kindProc: "proc", kindObject: "object", kindSocket: "socket", kindUnknown: "other",
}

// inherits notes the descriptors that an exec begins with, in its record if there is one. That they have paths, it need not
// find out: if one is renamed beside it, that is no conflict, but the record has no path.
func (e *engine) inherits(t *task, r *recording) {
	e.eachFD(t, func(fd int, st *unix.Stat_t) {
		k := e.kindOfStat(st)
		flags, _ := e.flags(t, int32(fd))
		if e.comesBy(t, st, flags); r == nil {
			return
		}
		d := conflict.FD{Number: uint32(fd), Kind: fdKinds[k], Flags: uint32(flags)}
		var way []*name
		if k == kindFile || k == kindDir {
			d.Path, _ = e.pathOf(e.fdPath(t, int32(fd)))
			if n := e.fs.Find(st); n != nil {
				d.Path = e.withoutNumber(n, d.Path)
				at := e.places[n]
				if f := e.folders[n]; f != nil {
					at = accessed{in: f.up, base: f.base}
				}
				way = e.wayTo(t, at.in, at.base)
			}
		}
		r.FDs = append(r.FDs, d)
		r.fdNames = append(r.fdNames, way)
	})
}

// wayTo are the names that lead to one of a folder, which are shown in a record.
func (e *engine) wayTo(t *task, d *folder, base string) (way []*name) {
	for ; d != nil && !d.fixed; base, d = d.base, d.up {
		if nm := d.names[base]; nm != nil {
			e.inRecord(t, nm, conflict.Read)
			way = append(way, nm)
		}
		if d.up == d {
			break
		}
	}
	return way
}

// wayOf is wayTo, in the run's list, of a file that the exec has not come to by that name itself.
func (e *engine) wayOf(t *task, r *recording, n *vfs.Inode, d *folder, base string) uint32 {
	if o := r.names[d.names[base]]; o != nil && o.node == n {
		return 0
	}
	way := e.wayTo(t, d, base)
	if len(way) == 0 {
		return 0
	}
	if len(e.records.ways) == 0 {
		e.records.ways = make([][]*name, 1)
	}
	e.records.ways = append(e.records.ways, way)
	return uint32(len(e.records.ways) - 1)
}

// sure tells whether a path is the same in every run.
func sure(way []*name) bool {
	return !slices.ContainsFunc(way, func(nm *name) bool { return nm.unsure })
}

// inRecord notes that a name is shown in a record, or, after that, changed.
func (e *engine) inRecord(t *task, nm *name, op conflict.Op) {
	if nm.shown == nil {
		if op != conflict.Read {
			return
		}
		nm.shown = &conflict.Object{}
	}
	if op == conflict.Read {
		nm.unsure = nm.unsure || nm.ChangedBeside(&t.clk.Past)
	}
	quiet := conflict.Detector{Found: func(*conflict.Object, conflict.Class, conflict.Access, conflict.Access) { nm.unsure = true }}
	quiet.Access(&t.clk.Past, nm.shown, conflict.Name, e.access(t, op, nm.ordered))
}

// dropPaths takes out of a record the paths of descriptors that another run may show otherwise.
func (r *recording) dropPaths() {
	for i, way := range r.fdNames {
		if !sure(way) {
			r.FDs[i].Path = ""
		}
	}
	r.fdNames = nil
}
