package determinize

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/vfs"
)

// What a whole finds: of each object the first observation, with who had left it so.

// sightKey is what a whole has one observation of.
type sightKey struct {
	path string
	kind memo.Kind
}

// sighting is an observation.
type sighting struct {
	memo.Input
	by uint64 // exec that has left it so; 0: nobody in the box
	// made is the exec that made the file of a status, timed the one that gave it its time; 0 as
	// by.
	made, timed uint64
	of          *vfs.Inode // that was observed, if it may change
	node        *vfs.Inode // the same, of a content whose digest is not known yet
	version     uint32
	fixed       bool  // node is nil: a file that never changes
	name        *name // that it was found by, and how often that had been changed by then
	changes     int
	seers       []uint64 // execs that have observed it, each once
	local       bool     // is the whole's own business: others have noted it for themselves
}

func (s *sighting) key() sightKey { return sightKey{s.Path, s.Kind} }

// notes adds an observation to a whole, if it is of what others have left.
func (e *engine) notes(w *whole, s *sighting) {
	e.tellsApart(w, s)
	if s.local || e.isWithin(s.by, w) {
		e.notesDate(w, s)
		return
	}
	if s.of != nil {
		path, ok := e.pathBefore(w, s)
		if !ok {
			w.cannot("it looks at " + s.Path + ", which is a name that it has made of a file that was there")
			return
		}
		own := s.Kind == memo.Status && s.timed != 0 && e.isWithin(s.timed, w) // its time is the whole's own
		if path != s.Path || own && !s.Own {
			copied := *s
			copied.Path = path
			if s = &copied; own {
				s.Mtime, s.Own = 0, true
			}
		}
	}
	w.sees(s.key(), s)
}

// notesDate notes of a status that a whole has changed itself the modification time, if that is another's.
func (e *engine) notesDate(w *whole, s *sighting) {
	if s.local || s.Kind != memo.Status || s.Sight == memo.Blind || s.of == nil || e.isWithin(s.timed, w) || e.isWithin(s.made, w) {
		return
	}
	d := *s
	d.Kind, d.Sight, d.Digest, d.Ino, d.by = memo.Date, memo.Exact, memo.Digest{}, 0, s.timed
	e.notes(w, &d)
}

// seesDate notes that a task was shown a file's modification time.
func (e *engine) seesDate(t *task, n *vfs.Inode, st *unix.Stat_t, path string) {
	s := e.sighted(t, path)
	s.Kind, s.of, s.Mtime = memo.Date, n, st.Mtim.Nano()-e.epoch()
	s.Known = max(0, s.Mtime)
	if n.Made {
		s.by = n.MadeBy
	}
	if f := n.Accesses; f != nil && f.DatedBy != 0 {
		s.by = f.DatedBy
	}
	if f := n.Accesses; f != nil && f.ListedBy != 0 {
		s.by = f.ListedBy
	}
	e.notes(t.whole(), s)
}

// pathBefore is a name that what was observed had before a whole began.
func (e *engine) pathBefore(w *whole, s *sighting) (path string, ok bool) {
	if len(w.names) == 0 {
		return s.Path, true
	}
	if s.name == nil || !slices.ContainsFunc(s.name.past[:s.changes], func(c nameChange) bool { return e.isWithin(c.by, w) }) {
		return s.Path, true
	}
	if from := w.origin[s.of]; from.path != "" {
		return from.path, true
	}
	path = e.nameBefore(w, s.of)
	return path, path != ""
}

// sees adds an observation, unless there is one.
func (w *whole) sees(k sightKey, s *sighting) {
	had := w.seen[k]
	if had == nil {
		w.seen[k] = s
		w.inOrder = append(w.inOrder, s)
		return
	}
	for _, id := range s.seers {
		if !slices.Contains(had.seers, id) {
			had.seers = append(had.seers, id)
		}
	}
	if s.Kind == memo.Status && s.Sight < had.Sight { // it matters more to this one
		stricter := *had
		stricter.Sight = s.Sight
		if had.Sight == memo.Blind {
			stricter.Mtime, stricter.Own, stricter.Ino, stricter.timed, stricter.made = s.Mtime, s.Own, s.Ino, s.timed, s.made
		}
		w.seen[k] = &stricter
		for i, x := range w.inOrder {
			if x == had {
				w.inOrder[i] = &stricter
			}
		}
	}
}

// seesName notes that a task has looked up a name.
func (e *engine) seesName(t *task, d *folder, base string, nm *name) {
	w := t.whole()
	if w == nil || nm.kind == nameProc {
		return
	}
	if d.names[base] != nm {
		w.cannot("it looked up too many names")
		return
	}
	if changes, again := w.noted.names[nm]; again && changes == len(nm.past) {
		return
	}
	w.noted.names[nm] = len(nm.past)
	by := nm.by
	if by == 0 && d.node.Made {
		by = d.node.MadeBy
	}
	path := d.below(base)
	kind := memo.Name
	if nm.kind == nameAbsent {
		kind = memo.Absent
	}
	if e.isWithin(by, w) || w.seen[sightKey{path, memo.Name}] != nil || w.seen[sightKey{path, memo.Absent}] != nil {
		return
	}
	s := &sighting{by: by, seers: []uint64{w.id}}
	s.Path, s.Kind = path, kind
	if kind == memo.Absent {
		s.Errno = uint16(nm.errno)
		if _, before := e.fs.Existed(d.node, base); before {
			s.Digest[0] = 1
		}
	} else {
		s.Digest = e.nameDigest(d, base, nm)
	}
	w.sees(s.key(), s)
}

// nameDigest is that of what is at a name: its type, mode and owner, and where it leads if it
// is a link.
func (e *engine) nameDigest(d *folder, base string, nm *name) memo.Digest {
	if nm.digested {
		return nm.digest
	}
	dir, path, done, errno := e.namePath(d, base)
	defer done()
	var st unix.Stat_t
	if errno != 0 || unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil {
		return memo.Digest{}
	}
	b := binary.LittleEndian.AppendUint32(nil, st.Mode)
	uid, gid := st.Uid, st.Gid
	if nm.node != nil && !e.cfg.Users {
		uid, gid = nm.node.Owner.UID, nm.node.Owner.GID
	}
	if d.fixed && !e.cfg.Users {
		uid, gid = 0, 0 // shown as root's
	}
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, uid), gid)
	b = append(b, nm.target...)
	digest := sha256.Sum256(b)
	if d.fixed {
		nm.digest, nm.digested = digest, true
	}
	return digest
}

// sighted is an observation, not yet complete, of what is at a path.
func (e *engine) sighted(t *task, path string) *sighting {
	s := &sighting{seers: []uint64{t.exec.id}}
	s.Path = path
	if strings.HasPrefix(path, "/") {
		if d, base, nm := e.nameAtPath(path); d != nil && nm != nil && d.names[base] == nm && len(nm.past) > 0 {
			s.name, s.changes = nm, len(nm.past)
		}
	}
	return s
}

// seesStatus notes that a task was shown a file's status.
func (e *engine) seesStatus(t *task, n *vfs.Inode, st *unix.Stat_t, link func() string) {
	w := t.whole()
	if w == nil {
		return
	}
	by := changers{}
	if f := n.Accesses; f != nil {
		by = changers{f.ChangedBy, f.ListedBy}
	}
	if was, again := w.noted.statuses[n]; again && was == by {
		return
	}
	w.noted.statuses[n] = by
	path := e.nodePath(n, link)
	s := e.sighted(t, path)
	s.Kind, s.Sight = memo.Status, e.sightOf(t)
	s.Mtime, s.Ino = st.Mtim.Nano()-e.epoch(), st.Ino
	s.Digest = statusDigest(st)
	s.Known = max(0, s.Mtime)
	if n.Made {
		s.by, s.made, s.timed = n.MadeBy, n.MadeBy, n.MadeBy
	}
	if f := n.Accesses; f != nil {
		if f.ChangedBy != 0 {
			s.by = f.ChangedBy
			if content := e.contentBy(n); st.Mode&unix.S_IFMT == unix.S_IFREG && content != s.by {
				e.seesContent(t, n, path) // of which the size tells something
			}
		}
		if f.DatedBy != 0 {
			s.timed = f.DatedBy
		}
		if f.ListedBy != 0 {
			s.timed = f.ListedBy
		}
	}
	if path == "" || !strings.HasPrefix(path, "/") {
		if !e.isWithin(s.made, w) {
			e.because(t, s.made, "it looks at a file that has no name")
		}
		return
	}
	s.of = n
	e.notes(w, s)
}

// tellsApart notes what an observation of a file's status tells of the whole's own doings.
func (e *engine) tellsApart(w *whole, s *sighting) {
	if s.Kind != memo.Status || s.Sight != memo.Exact {
		return
	}
	if s.timed != 0 && e.isWithin(s.timed, w) {
		w.stampSeen = true
	}
	if s.made != 0 && e.isWithin(s.made, w) {
		w.seed = true
	}
}

// statusDigest is that of a status, but for the time and the inode's number.
func statusDigest(st *unix.Stat_t) memo.Digest {
	var b []byte
	for _, n := range [...]uint64{uint64(st.Mode), uint64(st.Uid), uint64(st.Gid), st.Nlink, st.Rdev, st.Dev, uint64(st.Size), uint64(st.Blocks)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return sha256.Sum256(b)
}

// contentBy is the exec that has written the content of a file; 0 if none in the box has.
func (e *engine) contentBy(n *vfs.Inode) uint64 {
	if f := n.Accesses; f != nil && f.Writer != 0 && f.Version > 0 {
		return uint64(f.Writer)
	}
	if n.Made {
		return n.MadeBy
	}
	return 0
}

// seesContent notes that a task may read a file's content.
func (e *engine) seesContent(t *task, n *vfs.Inode, path string) {
	w := t.whole()
	if w == nil {
		return
	}
	by := e.contentBy(n)
	if by != 0 && by != w.id && e.wholes[by] != nil {
		e.wholes[by].feeds = true
	}
	if e.isWithin(by, w) {
		return
	}
	version := e.accesses(n).Version + 1
	if w.noted.contents[n] == version {
		return
	}
	w.noted.contents[n] = version
	if path == "" {
		path = e.pathOfNode(n)
	}
	if !strings.HasPrefix(path, "/") || n.Gone() {
		e.because(t, by, "it reads a file that has no name")
		return
	}
	k := sightKey{path, memo.Content}
	if w.seen[k] != nil {
		return
	}
	f := e.accesses(n)
	f.Seen = true
	s := e.sighted(t, path)
	s.Kind, s.Known = memo.Content, n.AsOf(t.ord.Follows).Written.O
	s.by, s.of, s.node, s.version = by, n, n, f.Version
	e.notes(w, s)
}

// seesFixed notes that a task opens a file that never changes.
func (e *engine) seesFixed(t *task, path string) {
	w := t.whole()
	if w == nil {
		return
	}
	k := sightKey{path, memo.Content}
	if w.seen[k] != nil {
		return
	}
	s := &sighting{fixed: true, seers: []uint64{w.id}}
	s.Path, s.Kind = path, memo.Content
	w.sees(k, s)
}

// seesXattrs notes that a task asks for extended attributes of a file at a path.
func (e *engine) seesXattrs(t *task, n *vfs.Inode, path string) {
	w := t.whole()
	if w == nil {
		return
	}
	by := uint64(0)
	if n != nil && n.Made {
		by = n.MadeBy
	}
	if n != nil && n.Accesses != nil && n.Accesses.ChangedBy != 0 {
		by = n.Accesses.ChangedBy
	}
	if e.isWithin(by, w) {
		return
	}
	if !strings.HasPrefix(path, "/") {
		e.because(t, by, "it asks for attributes of a file that has no name")
		return
	}
	s := e.sighted(t, path)
	s.by, s.of = by, n
	s.Kind, s.Digest = memo.Xattrs, e.xattrsOf(unix.AT_FDCWD, path)
	e.notes(w, s)
}

// seesBase notes that a task's whole changes something that others have made, or is about to: of
// what was there before, all that it does not change stays, and it may look at that later as if it were its own.
func (e *engine) seesBase(t *task, n *vfs.Inode) {
	w := t.whole()
	if w == nil || t.sinking == n || w.noted.bases[n] {
		return
	}
	w.noted.bases[n] = true
	by := uint64(0)
	if n.Made {
		by = n.MadeBy
	}
	if n.Accesses != nil && n.Accesses.ChangedBy != 0 {
		by = n.Accesses.ChangedBy
	}
	path := e.nodePath(n, func() string { return e.pathOfNode(n) })
	if !strings.HasPrefix(path, "/") {
		e.because(t, by, "it changes a file that has no name")
		return
	}
	s := e.sighted(t, path)
	s.by, s.of = by, n
	s.Kind, s.Digest = memo.Base, e.baseNow(t, path, n)
	e.notes(w, s)
}

// baseNow is the digest of what is at a path that seesBase notes.
func (e *engine) baseNow(t *task, path string, n *vfs.Inode) memo.Digest {
	var st unix.Stat_t
	if e.statusAt(t, path, n, &st) != 0 {
		return memo.Digest{}
	}
	links := st.Nlink
	if isDir(&st) {
		links = 0
	}
	b := e.xattrsNow(path)
	text := b[:]
	for _, n := range [...]uint64{uint64(st.Mode), uint64(st.Uid), uint64(st.Gid), links, st.Rdev} {
		text = binary.LittleEndian.AppendUint64(text, n)
	}
	return sha256.Sum256(text)
}

// seesListing notes that a task lists a directory: for each whole that it is part of what others
// than the whole have left there.
func (e *engine) seesListing(t *task, n *vfs.Inode, entries []dirEntry, path string) {
	d := e.folders[n]
	for w := t.whole(); w != nil; w = w.up {
		if n.Made && e.isWithin(n.MadeBy, w) {
			return
		}
		if d != nil {
			path = d.path()
		}
		if !strings.HasPrefix(path, "/") || n.Gone() {
			w.cannot("it lists a directory that has no name")
			continue
		}
		k := sightKey{path, memo.Listing}
		if w.seen[k] != nil {
			continue
		}
		s := &sighting{local: true}
		s.Path, s.Kind = path, memo.Listing
		s.Digest = e.listingDigest(w, d, entries)
		w.sees(k, s)
	}
}

// listingDigest is that of the names in a directory and their types, as they would be if a whole
// had changed none.
func (e *engine) listingDigest(w *whole, d *folder, entries []dirEntry) memo.Digest {
	var before []dirEntry // what the whole has changed
	changed := make(map[string]bool)
	if d != nil {
		for _, base := range d.changed {
			if c := e.firstChange(w, d.names[base]); c != nil && !changed[base] {
				if changed[base] = true; c.existed {
					before = append(before, dirEntry{name: base, kind: c.kind})
				}
			}
		}
	}
	for _, entry := range entries {
		if !changed[entry.name] && entry.name != "." && entry.name != ".." {
			before = append(before, entry)
		}
	}
	slices.SortFunc(before, func(a, b dirEntry) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	for _, entry := range before {
		h.Write(append([]byte(entry.name), 0, entry.kind))
	}
	return memo.Digest(h.Sum(nil))
}

// sightOf is what of times matters to a task's program.
func (e *engine) sightOf(t *task) memo.Sight {
	if t.exec.sight == 0 {
		t.exec.sight = 1 + sightOfProgram(t.exec.path, t.exec.argv)
	}
	return t.exec.sight - 1
}

// listsFor notes that a task learns whether a directory is empty.
func (e *engine) listsFor(t *task, n *entry) {
	if t.whole() == nil || !n.exists || !isDir(&n.st) {
		return
	}
	fd, err := unix.Openat(n.fd, n.base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if entries, errno := e.readEntries(fd); errno == 0 {
		e.seesListing(t, e.at(n), entries, n.path())
	}
}
