package determinize

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What an exec leaves is what is there when it has changed it for the last time, and nobody
// else has since: it is looked at before another exec changes it, or when the exec has ended.
// Any later, and it would depend on how fast the others are.

// change is that an exec has changed a name, or a file but no name of it.
type change struct {
	of      *recording
	in      *folder // of the name, or the one that the file had then; nil if it had none
	base    string
	existed bool       // the name led anywhere before
	nth     int        // of the exec's changes
	node    *vfs.Inode // what it leads to; nil: nothing
	stamp   int64      // when the exec last changed a name in it, if it is a directory; 0: its time was set
	settled bool       // output is what the exec leaves
	output
}

// output is what an exec leaves at a path.
type output struct {
	conflict.Output
	name    *name      // that the exec changed, or nil
	none    bool       // nothing is there, and nothing was
	node    *vfs.Inode // whose content it is, or nil
	version uint32
}

// opens begins to look after what an exec changes.
func (r *records) opens(x *recording) {
	if r.open == nil {
		r.open = make(map[*recording]bool)
		r.held = make(map[*vfs.Inode][]*change)
	}
	r.open[x] = true
}

// leaves notes that a task has changed an entry of a directory, which leads to n now, or nowhere.
func (e *engine) leaves(t *task, at *entry, n *vfs.Inode) {
	r, d := t.rec(), e.folders[at.dir]
	if r == nil || d == nil || d.fixed || d.names[at.base] == nil {
		return
	}
	nm := d.names[at.base]
	e.wholeNames(t, at, d, nm)
	e.settleName(r, nm)
	c := r.changed[nm]
	if c == nil {
		c = &change{of: r, in: d, base: at.base, existed: at.exists}
		c.name = nm
		if r.changed == nil {
			r.changed = make(map[*name]*change)
		}
		r.changed[nm] = c
	}
	r.changes++
	nm.change, c.nth = c, r.changes
	if c.node != n {
		r.leadsNowhere(c)
		e.records.letGo(c)
		c.node = n
		r.leadsTo(c)
	}
	e.records.hold(c)
}

// leadsTo notes that a change leads to its file.
func (r *recording) leadsTo(c *change) {
	if c.node == nil {
		return
	}
	if r.leads == nil {
		r.leads = make(map[*vfs.Inode][]*change)
	}
	r.leads[c.node] = append(r.leads[c.node], c)
}

// leadsNowhere is the end of leadsTo.
func (r *recording) leadsNowhere(c *change) {
	if left := without(r.leads[c.node], c); len(left) > 0 {
		r.leads[c.node] = left
	} else {
		delete(r.leads, c.node)
	}
}

// without is a list without one of its elements, in its place.
func without(cs []*change, c *change) []*change {
	return slices.DeleteFunc(cs, func(x *change) bool { return x == c })
}

// touches notes that a task changes a file's content or metadata.
func (e *engine) touches(t *task, n *vfs.Inode) {
	r := t.rec()
	if r == nil {
		return
	}
	e.settleFile(r, n)
	if len(r.leads[n]) == 0 {
		r.changes++
		at := e.places[n]
		if d := e.folders[n]; d != nil {
			at = accessed{in: d.up, base: d.base}
		}
		r.leadsTo(&change{of: r, in: at.in, base: at.base, node: n, nth: r.changes})
	}
	for _, c := range r.leads[n] {
		e.records.hold(c)
	}
}

// hold sees to it that a change is settled before another exec's.
func (r *records) hold(c *change) {
	c.settled = false
	if held := r.held[c.node]; c.node != nil && !slices.Contains(held, c) {
		r.held[c.node] = append(held, c)
	}
}

// letGo is the end of hold.
func (r *records) letGo(c *change) {
	if left := without(r.held[c.node], c); len(left) > 0 {
		r.held[c.node] = left
	} else {
		delete(r.held, c.node)
	}
}

// stampsDir notes that a task's exec has changed a name in a directory.
func (e *engine) stampsDir(t *task, dir *vfs.Inode) {
	r := t.rec()
	if r == nil {
		return
	}
	e.settleFile(r, dir)
	for _, c := range r.leads[dir] {
		c.stamp = max(c.stamp, t.clk.Stamp())
		if c.settled {
			c.Mtime = c.stamp
		}
	}
}

// setsTime notes that a task has set the modification time of a directory.
func (e *engine) setsTime(t *task, dir *vfs.Inode) {
	if r := t.rec(); r != nil {
		for _, c := range r.leads[dir] {
			c.stamp = 0
		}
	}
}

// settleFile looks at what other execs leave of a file, which r is about to change.
func (e *engine) settleFile(r *recording, n *vfs.Inode) {
	held := e.records.held[n]
	for i := len(held) - 1; i >= 0; i-- {
		if held[i].of != r {
			e.settle(held[i])
		}
	}
}

// settleName looks at what another exec leaves at a name, which r is about to change.
func (e *engine) settleName(r *recording, nm *name) {
	if c := nm.change; c != nil && c.of != r {
		nm.change = nil
		if !c.settled {
			e.settle(c)
		}
	}
}

// settles looks at what others leave, before a task removes, replaces or renames what is at an
// entry, n.
func (e *engine) settles(t *task, at *entry, n *vfs.Inode) {
	if !e.cfg.Record || n == nil {
		return
	}
	r := t.rec()
	if d := e.folders[at.dir]; d != nil && d.names[at.base] != nil {
		e.settleName(r, d.names[at.base])
	}
	e.settleFile(r, n)
	if d := e.folders[n]; d != nil && len(d.names) > 0 {
		e.settleBelow(r, d)
	}
}

// settleBelow keeps the paths of what is below a directory that r is about to rename.
func (e *engine) settleBelow(r *recording, d *folder) {
	for x := range e.records.open {
		for _, o := range x.names {
			if o.path == "" && o.in.within(d) {
				o.path = e.records.text(o.in.below(o.base))
			}
		}
		if x == r {
			continue // its own are found where it leaves them
		}
		for _, c := range x.changed {
			if !c.settled && c.in.within(d) {
				e.settle(c)
			}
		}
		for _, cs := range x.leads {
			for i := len(cs) - 1; i >= 0; i-- {
				if c := cs[i]; c.name == nil && !c.settled && c.in != nil && c.in.within(d) {
					e.settle(c)
				}
			}
		}
	}
}

// within tells whether the folder is another one, or below it.
func (d *folder) within(above *folder) bool {
	for ; d != above; d = d.up {
		if d.up == d {
			return false
		}
	}
	return true
}

// settle looks at what an exec leaves.
func (e *engine) settle(c *change) {
	if c.node != nil {
		e.records.letGo(c)
	}
	c.settled = true
	c.output = output{name: c.name}
	if c.node == nil {
		c.Path = c.in.below(c.base)
		c.Gone, c.none = c.existed, !c.existed
		return
	}
	if c.in == nil || c.name == nil && e.lookName(c.in, c.base).node != c.node {
		at := e.places[c.node] // the exec has renamed it
		c.in, c.base = at.in, at.base
	}
	if c.none = c.in == nil; !c.none {
		c.Path = c.in.below(c.base)
		e.lookAt(c)
	}
}

// lookAt is settle for what is there.
func (e *engine) lookAt(c *change) {
	var st unix.Stat_t
	dir, path, done, errno := e.namePath(c.in, c.base)
	defer done()
	if errno != 0 || unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil || e.fs.Find(&st) != c.node {
		c.none = true
		return
	}
	c.Mode, c.Mtime, c.From = st.Mode, c.node.Mtime, c.of.origin[c.node]
	c.Owner, c.Group, c.Ino = c.node.Owner.UID, c.node.Owner.GID, c.node.Ino
	c.Xattrs = e.xattrsOf(dir, path)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if c.stamp != 0 {
			c.Mtime = c.stamp
		}
	case unix.S_IFLNK:
		buf := make([]byte, maxPath)
		if k, err := unix.Readlinkat(dir, path, buf); err == nil {
			c.Digest = sha256.Sum256(buf[:k])
		}
	case unix.S_IFREG:
		f := e.accesses(c.node)
		f.Seen = true
		c.output.node, c.version = c.node, f.Version
	}
}

// closeRecord settles what an exec leaves, whose last process has ended.
func (e *engine) closeRecord(x *execution) {
	r := x.record
	for nm, c := range r.changed {
		if nm.change == c {
			nm.change = nil
		}
		if !c.settled {
			e.settle(c)
		}
	}
	all := slices.Collect(maps.Values(r.changed))
	for _, cs := range r.leads {
		for _, c := range cs {
			if c.name == nil {
				if !c.settled {
					e.settle(c)
				}
				all = append(all, c)
			}
		}
	}
	r.outputs = lastOf(all)
	delete(e.records.open, r)
	r.changed, r.leads = nil, nil
	e.closeInputs(r)
}

// lastOf are the outputs of all changes, of each path the last. A name of a directory that was
// removed and made again has the path of the one that it had before.
func lastOf(all []*change) []output {
	slices.SortFunc(all, func(a, b *change) int { return cmp.Compare(a.nth, b.nth) })
	var outputs []output
	at := make(map[string]int, len(all))
	for _, c := range all {
		i, again := at[c.Path]
		switch {
		case !again:
			at[c.Path] = len(outputs)
			outputs = append(outputs, c.output)
		case c.name != nil && (!c.none || !outputs[i].Gone):
			outputs[i] = c.output
		}
	}
	return outputs
}

// forgetsAfter forgets what a process that was killed has observed later than that.
func (e *engine) forgetsAfter(t *task, at sched.Stamp) {
	r := t.rec()
	if r == nil {
		return
	}
	for _, o := range r.names {
		o.forgetAfter(t.process, at)
	}
	for _, o := range r.files {
		o.forgetAfter(t.process, at)
	}
}

// cutsOff notes that the box ends while others run.
func (e *engine) cutsOff(end sched.Stamp) {
	for r := range e.records.open {
		if r == e.root.rec() {
			for _, o := range r.names {
				o.forgetAfter(nil, end)
			}
			for _, o := range r.files {
				o.forgetAfter(nil, end)
			}
			continue
		}
		r.late = true
	}
}

// cut makes the record of an exec that has outlived the box the same however far it came.
func (r *recording) cut() {
	r.Cut, r.Status, r.End, r.Observed = true, uint32(unix.SIGKILL), conflict.ClockRead{}, conflict.Observed{}
	r.inputs, r.outputs, r.streams, r.stdin = nil, nil, [len(r.streams)]*streamed{}, nil
}

// wasMoved notes that a task renames what was at an entry.
func (e *engine) wasMoved(t *task, a *entry, n *vfs.Inode) {
	e.wholeMoves(t, a, n)
	r := t.rec()
	if r == nil || n == nil {
		return
	}
	if _, before := r.origin[n]; before || n.Made && n.MadeBy == t.exec.id {
		return // that it was made by the exec, and how it was called meanwhile, is not seen
	}
	if r.origin == nil {
		r.origin = make(map[*vfs.Inode]string)
	}
	r.origin[n] = a.path()
}
