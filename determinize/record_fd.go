package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
)

// fdKinds are what records call what a descriptor leads to.
var fdKinds = map[kind]string{
	kindFile: "file", kindPipe: "pipe", kindRandom: "random", kindDevice: "device", kindTTY: "tty", kindDir: "dir",
	kindProc: "proc", kindObject: "object", kindSocket: "socket", kindUnknown: "other",
}

// inherits notes the descriptors that an exec begins with. That they have paths, it need not
// find out: if one is renamed beside it, that is no conflict, but the record has no path.
func (e *engine) inherits(t *task, r *recording) {
	e.eachFD(t, func(fd int, st *unix.Stat_t) {
		k := e.kindOfStat(st)
		flags, _ := e.flags(t, int32(fd))
		d := conflict.FD{Number: uint32(fd), Kind: fdKinds[k], Flags: uint32(flags)}
		var way []*name
		if k == kindFile || k == kindDir {
			d.Path, _ = e.pathOf(fdPath(t, int32(fd)))
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
		for _, nm := range way {
			if nm.unsure {
				r.FDs[i].Path = ""
			}
		}
	}
	r.fdNames = nil
}
