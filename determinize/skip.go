package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/vfs"
)

// An exec of which a memo holds is skipped: its process makes the calls that leave behind what
// the memo says, and ends, before the program has run an instruction (see replay). What the exec
// would have observed it is taken to have observed, so that whoever races with it is found.

// skipsExec looks for a memo that holds of the exec that a task has just started, and has it replayed.
// It tells whether there is one; the task goes on then.
func (e *engine) skipsExec(t *task) bool {
	w := t.whole()
	switch {
	case w == nil || e.cfg.NoSkips:
		return false
	case len(w.why) > 0:
		w.missed = w.why
		return false
	case t.visit != nil:
		w.missed = []string{"it belongs to a process of exec"}
		return false
	case e.cfg.Serial || e.cfg.Canonical:
		w.missed = []string{"processes have raced: everything runs, one call at a time"}
		return false
	case e.cfg.Service && (e.serial || len(e.ordered) > 0):
		// What somebody notices too early (see tooSoon) could not be made good.
		w.missed = []string{"processes of a container have threads, or share memory: one call is made at a time, in order"}
		return false
	}
	var fewest []string
	for _, kept := range e.cfg.Cache.Memos(w.key) {
		e.comparing = true
		why := e.fails(t, w, kept.Memo)
		e.comparing = false
		if len(why) > 0 {
			// Programs see what is there when they look.
			for _, nm := range e.glimpsed {
				nm.known = false
			}
		}
		e.glimpsed = e.glimpsed[:0]
		if len(why) == 0 && e.cfg.Verify {
			w.expected, w.missed = &kept, []string{"what is in the cache is verified"}
			return false
		}
		if len(why) == 0 {
			e.log.Debug("skipped", "argv", t.exec.argv, "overwrites", kept.Memo.End.Over, "start", w.start.over)
			e.replay(t, w, kept)
			return true
		}
		if fewest == nil || len(why) < len(fewest) {
			fewest = why
		}
	}
	if fewest == nil {
		fewest = []string{"it has not run before with these arguments, environment, directory and program"}
	}
	e.log.Debug("not skipped", "argv", t.exec.argv, "why", fewest)
	w.missed = fewest
	return false
}

// maxWhy is how many reasons are found why a memo does not hold.
const maxWhy = 20

// fails says why a memo does not hold here and now; nothing if it does.
func (e *engine) fails(t *task, w *whole, m *memo.Memo) (why []string) {
	fail := func(reason string) {
		if len(why) < maxWhy && !slices.Contains(why, reason) {
			why = append(why, reason)
		}
	}
	if m.Seed != nil && *m.Seed != memo.Digest(t.exec.seed) {
		fail("its place among the programs is another one (seed)")
	}
	if m.IDs != nil && *m.IDs != w.start.ids {
		fail("its process ids are others")
	}
	if m.Clock != nil && *m.Clock != (memo.Clock{Known: w.start.known, World: w.start.world}) {
		fail("the clock that it reads is another one")
	}
	if m.Stamp != nil && *m.Stamp != w.start.stamp {
		fail("the modification times that it gives, and looks at, are others")
	}
	if w.start.over+m.End.Over >= maxOver {
		fail("too many files have been overwritten")
	}
	for i := range m.Inputs {
		if len(why) == maxWhy {
			break
		}
		if reason := e.differs(t, m, &m.Inputs[i]); reason != "" {
			fail(reason)
		}
	}
	if len(why) == 0 {
		if reason := e.newerOther(m); reason != "" {
			fail(reason)
		}
	}
	if len(why) == 0 {
		if reason := e.noRoom(t, w, m); reason != "" {
			fail(reason)
		}
	}
	return why
}

// maxOver is where the counting of overwritten files begins again.
const maxOver = 1_000_000

// differs says why an observation would be another one now; "" if it would be the same.
func (e *engine) differs(t *task, m *memo.Memo, in *memo.Input) string {
	d, base, nm := e.nameAtPath(in.Path)
	if in.Kind == memo.Absent {
		switch {
		case nm == nil || nm.kind != nameAbsent:
			return in.Path + " is there"
		case uint16(nm.errno) != in.Errno:
			return in.Path + " is missing for another reason"
		case d != nil && nm == d.names[base]:
			if _, before := e.fs.Existed(d.node, base); before != (in.Digest[0] == 1) {
				return in.Path + " was there before"
			}
		}
		return ""
	}
	if nm == nil || nm.kind == nameAbsent {
		if in.Path == "/" && d != nil {
			return e.differsAt(t, m, in, d, base, nil, d.node)
		}
		return in.Path + " is missing"
	}
	return e.differsAt(t, m, in, d, base, nm, nm.node)
}

// differsAt is differs of something that is there: at a name, with the file that it leads to, if
// that can change.
func (e *engine) differsAt(t *task, m *memo.Memo, in *memo.Input, d *folder, base string, nm *name, n *vfs.Inode) string {
	if n == nil && nm != nil && nm.folder != nil {
		n = nm.folder.node
	}
	switch in.Kind {
	case memo.Name:
		if nm != nil && e.nameDigest(d, base, nm) != in.Digest {
			if nm.kind == nameLink {
				return in.Path + " is a link to something else"
			}
			return in.Path + " has another type, mode or owner"
		}
	case memo.Content:
		if n == nil {
			if e.fixedDigest(in.Path) != in.Digest {
				return in.Path + " has another content"
			}
			return ""
		}
		f := e.accesses(n)
		if nm != nil && nm.kind != nameFile || memo.Digest(e.versionNow(n, f.Version)) != in.Digest {
			return in.Path + " has another content"
		}
		return e.knows(t, m, in, n.AsOf(t.ord.Follows).Written.O)
	case memo.Status:
		var st unix.Stat_t
		if e.statusAt(t, in.Path, n, &st) != 0 || statusDigest(&st) != in.Digest {
			return in.Path + " has another size, mode, owner or number of links"
		}
		if in.Sight == memo.Exact && (!in.Own && st.Mtim.Nano()-e.epoch() != in.Mtime || st.Ino != in.Ino) {
			return in.Path + " has another modification time"
		}
		return e.knows(t, m, in, max(0, st.Mtim.Nano()-e.epoch()))
	case memo.Listing:
		entries, errno := e.entriesAt(in.Path)
		if errno != 0 || e.listingDigest(nil, nil, entries) != in.Digest {
			return in.Path + " lists other names"
		}
	case memo.Xattrs:
		if e.xattrsNow(in.Path) != in.Digest {
			return in.Path + " has other extended attributes"
		}
	case memo.Date:
		var st unix.Stat_t
		if e.statusAt(t, in.Path, n, &st) != 0 || st.Mtim.Nano()-e.epoch() != in.Mtime {
			return in.Path + " has another modification time"
		}
		return e.knows(t, m, in, max(0, in.Mtime))
	case memo.Base:
		if e.baseNow(t, in.Path, n) != in.Digest {
			return in.Path + " has another mode, owner or number of links, or other extended attributes"
		}
	}
	return ""
}

// knows says whether what comes with a file's content tells of another time.
func (e *engine) knows(t *task, m *memo.Memo, in *memo.Input, known int64) string {
	if m.Heard && known != in.Known || in.Bound && known > t.whole().start.known && known != in.Known {
		return in.Path + " was written by somebody who knew of another time"
	}
	return ""
}

// nameAtPath is the name at a canonical path: of what is on the way nothing may be a link. Where
// a directory on the way is missing, or is none, the name is one that nothing leads to.
func (e *engine) nameAtPath(path string) (d *folder, base string, nm *name) {
	d = e.rootFolder()
	if path == "/" {
		return d, "", nil
	}
	for rest := path[1:]; d != nil; {
		base, tail, more := cut(rest)
		nm := e.lookName(d, base)
		if !more {
			return d, base, nm
		}
		switch nm.kind {
		case nameFolder:
			d, rest = nm.folder, tail
		case nameAbsent:
			return nil, "", &name{kind: nameAbsent, errno: nm.errno}
		case nameFile:
			return nil, "", &name{kind: nameAbsent, errno: unix.ENOTDIR}
		default:
			return nil, "", nil
		}
	}
	return nil, "", nil
}

// cut is the first name of a path, and the rest.
func cut(path string) (first, rest string, more bool) {
	for i := range len(path) {
		if path[i] == '/' {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// statusAt is what a task would be shown of a path.
func (e *engine) statusAt(t *task, path string, n *vfs.Inode, st *unix.Stat_t) unix.Errno {
	dir, at, done, errno := unix.AT_FDCWD, path, func() {}, unix.Errno(0)
	if len(path) >= maxPath {
		d, base, _ := e.nameAtPath(path)
		dir, at, done, errno = e.namePath(d, base)
	}
	defer done()
	if errno == 0 {
		errno = errnoOf(unix.Fstatat(dir, at, st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT))
	}
	if errno != 0 {
		return errno
	}
	if n == nil {
		n = e.inode(st, func() (string, unix.Errno) { return path, 0 })
	}
	n.AsOf(t.ord.Follows).Show(st, e.epoch(), func() int64 { return e.written(dir, at) })
	return 0
}

// entriesAt is what is in the directory at a path.
func (e *engine) entriesAt(path string) ([]dirEntry, unix.Errno) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer unix.Close(fd)
	return e.readEntries(fd)
}

// readEntries is what is in a directory, in any order.
func (e *engine) readEntries(fd int) (entries []dirEntry, errno unix.Errno) {
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, errnoOf(err)
		}
		if n == 0 {
			return entries, 0
		}
		if entries, errno = parseDirents(buf[:n], entries); errno != 0 {
			return nil, errno
		}
	}
}

// xattrsNow is the digest of the extended attributes at a path.
func (e *engine) xattrsNow(path string) memo.Digest {
	return memo.Digest(e.xattrsOf(unix.AT_FDCWD, path))
}

// newerOther says whether, of the files whose times were only compared, another one is newer now.
func (e *engine) newerOther(m *memo.Memo) string {
	type timed struct {
		path     string
		was, now int64
	}
	var all []timed
	for i := range m.Inputs {
		in := &m.Inputs[i]
		if in.Kind != memo.Status || in.Sight != memo.Order || in.Own {
			continue
		}
		if n := e.nodeAt(in.Path); n != nil {
			all = append(all, timed{in.Path, in.Mtime, n.Mtime})
		}
	}
	slices.SortFunc(all, func(a, b timed) int {
		switch {
		case a.was < b.was:
			return -1
		case a.was > b.was:
			return 1
		}
		return 0
	})
	for i := 1; i < len(all); i++ {
		if (all[i-1].was == all[i].was) != (all[i-1].now == all[i].now) || all[i-1].now > all[i].now {
			return all[i].path + " is not as much newer, or older, than " + all[i-1].path
		}
	}
	return ""
}

// noRoom says whether what a memo's whole wrote to pipes cannot be written now without waiting.
func (e *engine) noRoom(t *task, w *whole, m *memo.Memo) string {
	if len(m.Writes) == 0 {
		return ""
	}
	bytes := make(map[*pipe]int)
	for _, wr := range m.Writes {
		s := w.sinkAt(wr.FD)
		if s == nil {
			return "it has not inherited what it writes to"
		}
		if p := e.pipeTable[s.key]; p != nil && e.stream(s.key) == 0 {
			bytes[p] += len(wr.Data)
		}
	}
	for p, n := range bytes {
		if at, gone := p.Released(readEnds); gone && at.Before(t.stamp()) || p.broken(t) {
			return "nobody reads what it writes"
		}
		if _, ok := p.Fits(n); !ok || n > pipeCapacity {
			return "what it writes does not fit into a pipe"
		}
	}
	return ""
}

// sinkAt is what a whole may write to by a descriptor.
func (w *whole) sinkAt(fd int) *sink {
	for _, s := range w.sinks {
		if s.fd == fd {
			return s
		}
	}
	return nil
}

// observes has a task observe all that a memo's whole has observed.
func (e *engine) observes(t *task, m *memo.Memo) {
	for i := range m.Inputs {
		in := &m.Inputs[i]
		asked := nameOnly
		switch in.Kind {
		case memo.Status, memo.Date:
			asked = status
		case memo.Content, memo.Xattrs, memo.Base:
			asked = metadata
		case memo.Listing:
			asked = emptiness
		}
		f := e.reads(t, nil, in.Path, false, asked)
		n := f.node
		switch in.Kind {
		case memo.Content:
			if n == nil {
				if f.name != nil {
					e.sawContent(t, nil, f.name)
				}
				e.seesFixed(t, in.Path)
				continue
			}
			e.readsContent(t, n)
			t.clk.Observe(n.AsOf(t.ord.Follows).Written)
		case memo.Status:
			var st unix.Stat_t
			if e.statusAt(t, in.Path, n, &st) != 0 {
				continue
			}
			if n == nil {
				n = e.fs.Known(vfs.KeyOf(&st))
			}
			if n == nil {
				n = e.nodeOfFixed(in.Path)
			}
			if n != nil {
				seen := n.AsOf(t.ord.Follows)
				t.clk.See(seen.Last)
				t.clk.Learn(seen.Mtime)
				path := in.Path
				e.sawStat(t, n, &st, func() string { return path })
				e.seesAs(t, in, n)
			}
		case memo.Listing:
			if entries, errno := e.entriesAt(in.Path); errno == 0 && n != nil {
				path := in.Path
				e.sawListing(t, n, entries, func() string { return path })
			}
		case memo.Base:
			if n != nil {
				e.seesBase(t, n)
			}
		case memo.Date:
			var st unix.Stat_t
			if n != nil && e.statusAt(t, in.Path, n, &st) == 0 {
				seen := n.AsOf(t.ord.Follows)
				t.clk.See(seen.Last)
				t.clk.Learn(seen.Mtime)
				e.seesDate(t, n, &st, in.Path)
			}
		case memo.Xattrs:
			e.seesXattrs(t, n, in.Path)
		}
	}
}

// seesAs notes a status as sharply as the memo's whole has seen it, not as the program that is
// skipped would have.
func (e *engine) seesAs(t *task, in *memo.Input, n *vfs.Inode) {
	if s := t.whole().seen[sightKey{in.Path, memo.Status}]; s != nil {
		s.Sight = in.Sight
		e.tellsApart(t.whole(), s)
	}
}

// nodeOfFixed is what is known of a file that never changes.
func (e *engine) nodeOfFixed(path string) *vfs.Inode {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return nil
	}
	return e.inode(&st, func() (string, unix.Errno) { return path, 0 })
}

// versionNow is the digest of a version of a file's content, made known for good.
func (e *engine) versionNow(n *vfs.Inode, version uint32) conflict.Digest {
	f := e.accesses(n)
	if k, ok := e.keptContents[n]; ok && k.version == version {
		return conflict.Digest(k.digest)
	}
	if int(version) < len(f.Digests) {
		return f.Digests[version]
	}
	if version != f.Version {
		return conflict.Digest{}
	}
	d := e.contentOf(n)
	if d != (conflict.Digest{}) { // it may be readable later, and then has one
		f.Seen = true
		for len(f.Digests) < int(version) {
			f.Digests = append(f.Digests, conflict.Digest{})
		}
		f.Digests = append(f.Digests, d)
	}
	return d
}
