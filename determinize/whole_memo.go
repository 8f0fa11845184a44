package determinize

import (
	"cmp"
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What is kept of a whole that is over.

// memoOf is the memo of a whole; nil if there is a reason why it cannot be kept. t is the task that
// ended its process.
func (e *engine) memoOf(w *whole, t *task, status unix.WaitStatus) *memo.Memo {
	m := &memo.Memo{Argv: w.x.argv, Cwd: w.x.cwd}
	if e.effectsOf(w, t, m); len(w.why) > 0 {
		return nil
	}
	e.needsOf(w, m)
	m.End = memo.End{
		Status: uint32(status) &^ coreDumped, B: t.clk.B - w.start.b, Own: int64(t.clk.Own()), Memory: t.memory, Kids: int64(t.kidOwn),
		World: t.clk.W - w.start.world, Over: t.clk.Over - w.start.over, Known: w.knows(t.clk.O),
	}
	if sig := status.Signal(); status.Signaled() && e.isPIDOne(t) {
		w.cannot("it was ended by " + sig.String())
	}
	if m.End.World < 0 || m.End.Over < 0 || t.clk.B < w.start.b {
		w.cannot("its times went back")
	}
	m.Read = w.read
	if w.up == nil {
		m.Conflicts = slices.Clone(e.conflicts.list)
	}
	m.Execs, m.Ticks, m.Processes = w.execs, w.ticks, w.processes
	for _, name := range slices.Sorted(maps.Keys(w.refused)) {
		m.Refused = append(m.Refused, memo.Count{Name: name, N: w.refused[name]})
	}
	slices.Sort(w.unmasked)
	w.unmasked = slices.Compact(w.unmasked)
	m.Unmasked = slices.Clone(w.unmasked)
	if len(w.why) > 0 {
		return nil
	}
	return m
}

// passesOn tells whether what an exec knows of time may have come to somebody in its whole who has
// read a clock.
func (e *engine) passesOn(exec uint64) bool { return e.wholes[exec].reads || e.wholes[exec].feeds }

// knows says where a clock value comes from that somebody in a whole knows.
func (w *whole) knows(at int64) memo.Known {
	most := w.start.known
	for _, s := range w.inOrder {
		most = max(most, s.Known)
	}
	switch {
	case at <= w.start.known:
		return memo.Known{From: memo.Start}
	case at == most:
		return memo.Known{From: memo.Inputs}
	}
	return memo.Known{Is: at}
}

// coreDumped is the bit of a wait status that says so; the host decides it.
const coreDumped = 0x80

// needsOf are what a whole depends on.
func (e *engine) needsOf(w *whole, m *memo.Memo) {
	if w.seed || w.clock { // of which the digits below a millisecond come
		seed := memo.Digest(w.x.seed)
		m.Seed = &seed
	}
	if w.ids {
		ids := w.start.ids
		m.IDs = &ids
	}
	if w.clock {
		m.Clock = &memo.Clock{Known: w.start.known, World: w.start.world}
		m.Heard = slices.ContainsFunc(w.learners, e.passesOn)
	}
	if w.stampSeen {
		m.Stamp = &w.start.stamp
	}
	m.Inputs = make([]memo.Input, 0, len(w.inOrder))
	for _, s := range w.inOrder {
		if s.node != nil || s.fixed {
			if e.digests(s); s.Digest == (memo.Digest{}) {
				w.cannot(s.Path + " could not be read once more")
				return
			}
		}
		s.Bound = w.clock && slices.ContainsFunc(s.seers, e.passesOn)
		m.Inputs = append(m.Inputs, s.Input)
	}
}

// digests finds out the digest of a content that was observed.
func (e *engine) digests(s *sighting) {
	switch {
	case s.Digest != (memo.Digest{}):
	case s.fixed:
		s.Digest = e.fixedDigest(s.Path)
	default:
		s.Digest = memo.Digest(e.versionNow(s.node, s.version))
	}
}

// fixedDigest is fixedContent, once a run.
func (e *engine) fixedDigest(path string) memo.Digest {
	d, ok := e.fixedDigests[path]
	if !ok {
		d = memo.Digest(e.fixedContent(path))
		e.fixedDigests[path] = d
	}
	return d
}

// effectsOf are what a whole leaves.
func (e *engine) effectsOf(w *whole, t *task, m *memo.Memo) {
	covered := make(map[*vfs.Inode]bool)
	dirs := make(map[*folder]bool)
	for nm, at := range w.names {
		if at.in.node.Gone() {
			continue
		}
		o, n := e.outputAt(w, nm, at)
		if len(w.why) > 0 {
			return
		}
		if n != nil && o.SameAs == "" {
			covered[n] = true
		}
		m.Outputs = append(m.Outputs, o)
		dirs[at.in] = true
	}
	for n, how := range w.nodes {
		if covered[n] || n.Gone() || n.Made && e.isWithin(n.MadeBy, w) && e.folders[n] == nil {
			continue
		}
		if e.isSink(w, n) {
			w.cannot("it changes a file by more than what it has inherited")
			return
		}
		in, base := e.placeBefore(w, n)
		if in == nil {
			w.cannot("it changes a file that has no name")
			return
		}
		o := memo.Output{Path: in.below(base), Existed: true, Wrote: how.content, Retagged: how.xattrs, Touched: how.meta}
		if e.describe(w, &o, n, in, base); len(w.why) > 0 {
			return
		}
		covered[n] = true
		m.Outputs = append(m.Outputs, o)
	}
	for d := range dirs {
		if covered[d.node] || d.node.Gone() {
			continue
		}
		o := memo.Output{Path: d.path(), Existed: true}
		if d.up != d {
			if e.describe(w, &o, d.node, d.up, d.base); len(w.why) > 0 {
				return
			}
			m.Outputs = append(m.Outputs, o)
		}
	}
	slices.SortFunc(m.Outputs, func(a, b memo.Output) int { return strings.Compare(a.Path, b.Path) })
	e.linksOf(m)
	for i := range m.Outputs {
		o := &m.Outputs[i]
		if n := e.nodeAt(o.Path); n != nil && o.SameAs == "" && (o.Form == memo.Dir || o.Form == memo.File || o.Form == memo.Symlink || o.Form == memo.Fifo) {
			e.times(w, t, o, n)
		}
	}
	slices.SortStableFunc(w.writes, func(a, b sinkWrite) int {
		return cmp.Or(cmp.Compare(a.at.B, b.at.B), a.at.Path.Compare(b.at.Path))
	})
	for _, wr := range w.writes {
		m.Writes = append(m.Writes, memo.Write{FD: wr.to.fd, B: wr.at.B - w.start.b, Data: wr.data, Sets: wr.sets, Flags: wr.flags, Known: w.knows(wr.known)})
	}
	for _, s := range w.sinks {
		if s.used && s.node != nil {
			m.Sinks = append(m.Sinks, memo.Sink{FD: s.fd, Mtime: s.node.Mtime - w.start.stamp})
		}
	}
	slices.SortFunc(m.Sinks, func(a, b memo.Sink) int { return cmp.Compare(a.FD, b.FD) })
}

// nodeAt is what is at a canonical path, or nil.
func (e *engine) nodeAt(path string) *vfs.Inode {
	f := e.follow(nil, nil, path, false, quietly)
	return f.node
}

// isSink tells whether a whole may write to a file through what it has inherited.
func (e *engine) isSink(w *whole, n *vfs.Inode) bool {
	for _, s := range w.sinks {
		if s.node == n {
			return true
		}
	}
	return false
}

// placeBefore is where a file has a name that a whole has not changed.
func (e *engine) placeBefore(w *whole, n *vfs.Inode) (in *folder, base string) {
	if d := e.folders[n]; d != nil {
		return d.up, d.base
	}
	for _, at := range append(slices.Clone(e.links[n]), e.places[n]) {
		if at.in == nil {
			continue
		}
		if nm := e.lookName(at.in, at.base); nm.node == n && e.firstChange(w, nm) == nil {
			return at.in, at.base
		}
	}
	return nil, ""
}

// outputAt is what a whole leaves at a name that it has changed, and the file that is there.
func (e *engine) outputAt(w *whole, nm *name, at place) (memo.Output, *vfs.Inode) {
	first := e.firstChange(w, nm)
	o := memo.Output{Path: at.in.below(at.base)}
	if first == nil {
		w.cannot("what it changed was lost sight of: " + o.Path)
		return o, nil
	}
	o.Existed = first.existed
	now := e.lookName(at.in, at.base)
	n := now.node
	switch {
	case now.kind == nameAbsent && o.Existed:
		o.Form = memo.Gone
		return o, nil
	case now.kind == nameAbsent:
		o.Form = memo.Passing
		return o, nil
	case n == nil:
		w.cannot("what it changed was lost sight of: " + o.Path)
		return o, nil
	}
	how := w.nodes[n]
	o.New = n.Made && e.isWithin(n.MadeBy, w)
	o.Wrote, o.Retagged, o.Touched = how.content, how.xattrs, how.meta
	if from := w.origin[n].path; !o.New && from != o.Path {
		if from == "" {
			if o.SameAs = e.nameBefore(w, n); o.SameAs == "" {
				w.cannot("it makes another name of a file that it has moved: " + o.Path)
			}
			o.Form = memo.File
			return o, nil
		}
		o.From = from
	}
	if e.isSink(w, n) {
		w.cannot("it changes a file by more than what it has inherited")
	}
	e.describe(w, &o, n, at.in, at.base)
	return o, n
}

// nameBefore is a name of a file that a whole has not changed; "" if there is none.
func (e *engine) nameBefore(w *whole, n *vfs.Inode) string {
	if in, base := e.placeBefore(w, n); in != nil {
		return in.below(base)
	}
	return ""
}

// describe completes an output by what is there now.
func (e *engine) describe(w *whole, o *memo.Output, n *vfs.Inode, in *folder, base string) {
	dir, path, done, errno := e.namePath(in, base)
	defer done()
	var st unix.Stat_t
	if errno != 0 || unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil || e.fs.Find(&st) != n {
		w.cannot("what it changed was lost sight of: " + o.Path)
		return
	}
	o.Mode = st.Mode & 0o7777
	o.UID, o.GID = n.Owner.UID, n.Owner.GID
	if e.cfg.Users {
		o.UID, o.GID = st.Uid, st.Gid
	}
	o.Ino, o.Writer = n.Ino, n.Writer
	if o.New {
		if n.Nth != 0 && n.MadeBy == w.id {
			o.Nth = n.Nth
		} else {
			w.seed = true // its number comes from its maker's
		}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		o.Form = memo.Dir
	case unix.S_IFIFO:
		o.Form = memo.Fifo
	case unix.S_IFLNK:
		o.Form = memo.Symlink
		buf := make([]byte, maxPath)
		k, err := unix.Readlinkat(dir, path, buf)
		if err != nil {
			w.cannot("a link could not be read: " + o.Path)
			return
		}
		o.Target = string(buf[:k])
	case unix.S_IFREG:
		o.Form = memo.File
		if o.New {
			o.Wrote = true
		}
		if o.Wrote {
			e.keepsContent(w, o, n, dir, path)
		}
	default:
		w.cannot("it leaves a socket: " + o.Path)
		return
	}
	if o.New || o.Retagged {
		o.Xattrs = e.allXattrs(dir, path)
	}
}

// keptContent is a content that the cache has.
type keptContent struct {
	version uint32
	digest  memo.Digest
	size    int64
	extents []memo.Extent
	inline  []byte // the cache does not have it
}

// maxInline is the size of the largest content that is kept in a memo itself, and maxInlined of all of
// them in one, in bytes: a file of the cache costs more.
const (
	maxInline  = 4 << 10
	maxInlined = 4 << 20
)

// keepsContent gives the content of a file to the cache.
func (e *engine) keepsContent(w *whole, o *memo.Output, n *vfs.Inode, dir int, path string) {
	f := e.accesses(n)
	room := w.inlined+maxInline <= maxInlined
	if k, ok := e.keptContents[n]; ok && k.version == f.Version && f.Seen && (k.inline == nil || room) {
		w.holds(o, &k)
		return
	}
	fail := func(err error) { w.cannot("the cache could not keep " + o.Path + ": " + err.Error()) }
	var fd int
	var err error
	e.privileged(func() {
		fd, err = unix.Openat(dir, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	})
	if err != nil {
		fail(err)
		return
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		fail(err)
		return
	}
	if e.fs.Find(&st) != n {
		fail(unix.ESTALE) // somebody outside has put another one in its place
		return
	}
	if st.Size > maxContent {
		w.cannot("a file of more than 4 GiB: " + o.Path)
		return
	}
	k := keptContent{version: f.Version, size: st.Size, extents: extentsOf(fd, &st)}
	if small := make([]byte, maxInline+1); st.Size <= maxInline && k.extents == nil && room {
		read, rerr := io.ReadFull(file, small)
		if err = rerr; int64(read) == st.Size && (rerr == io.ErrUnexpectedEOF || rerr == io.EOF) {
			k.inline, k.digest, err = small[:read], sha256.Sum256(small[:read]), nil
		}
	} else {
		k.digest, err = e.cfg.Cache.Keep(file)
	}
	if err != nil {
		fail(err)
		return
	}
	f.Seen = true // what is written from now on is another one
	e.keptContents[n] = k
	w.holds(o, &k)
}

// holds completes an output by a content that is kept.
func (w *whole) holds(o *memo.Output, k *keptContent) {
	o.Content, o.Size, o.Sparse, o.Extents, o.Inline = k.digest, k.size, k.extents != nil, k.extents, k.inline
	w.inlined += len(k.inline)
}

// extentsOf are the ranges of a file that hold data; nil if all of it does.
func extentsOf(fd int, st *unix.Stat_t) []memo.Extent {
	if st.Blocks*512 >= st.Size {
		return nil
	}
	extents := []memo.Extent{}
	for at := int64(0); at < st.Size; {
		start, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if err != nil {
			break
		}
		end, err := unix.Seek(fd, start, unix.SEEK_HOLE)
		if err != nil {
			break
		}
		extents = append(extents, memo.Extent{Off: start, Len: min(end, st.Size) - start})
		at = end
	}
	unix.Seek(fd, 0, unix.SEEK_SET)
	return extents
}

// allXattrs are the extended attributes of a file that the guest sees.
func (e *engine) allXattrs(dir int, path string) (all []memo.Xattr) {
	fd, err := unix.Openat(dir, path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if unix.Fchdir(e.procFD()) != nil {
		return nil
	}
	link := "self/fd/" + strconv.Itoa(fd)
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Listxattr(link, b) })
	if err != nil {
		return nil
	}
	for _, name := range names {
		if !visibleXattr(name) {
			continue
		}
		value := make([]byte, xattrSizeMax)
		if n, err := unix.Getxattr(link, name, value); err == nil {
			all = append(all, memo.Xattr{Name: name, Value: slices.Clone(value[:n])})
		}
	}
	slices.SortFunc(all, func(a, b memo.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// linksOf finds the outputs that are names of one file.
func (e *engine) linksOf(m *memo.Memo) {
	first := make(map[*vfs.Inode]string)
	for i := range m.Outputs {
		o := &m.Outputs[i]
		if o.SameAs != "" || o.Form != memo.File && o.Form != memo.Symlink && o.Form != memo.Fifo {
			continue
		}
		n := e.nodeAt(o.Path)
		if n == nil {
			continue
		}
		if at, ok := first[n]; ok {
			*o = memo.Output{Path: o.Path, Form: o.Form, Existed: o.Existed, SameAs: at}
			continue
		}
		first[n] = o.Path
	}
}

// times completes an output by its times.
func (e *engine) times(w *whole, t *task, o *memo.Output, n *vfs.Inode) {
	seen := n
	if o.Form == memo.Dir {
		seen = n.By(func(by *sched.Task) bool {
			u, ok := by.Of.(*task)
			return ok && u.begun() != nil && e.isWithin(u.begun().id, w)
		})
	}
	o.Mtime, o.Stamped = seen.Mtime, n.Stamped()
	how, changed := w.nodes[n]
	if from, moved := w.origin[n]; moved && !changed {
		how.mtime, changed = from.mtime, true
	}
	o.Undated = !o.New && changed && !how.content && !how.dated && how.mtime == o.Mtime && seen == n
	if o.Stamped {
		o.Mtime -= w.start.stamp
	}
	o.World, o.Over, o.Known = seen.Written.W-w.start.world, seen.Written.Over-w.start.over, w.knows(seen.Written.O)
}
