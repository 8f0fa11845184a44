package determinize

import (
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// An exec with all that it starts is a whole: what may be skipped the next time. While it goes on
// it is noted what it finds that others have left, and what it leaves to them. What passes
// between its parts is no business of anybody else's: what one exec of it leaves to another one
// counts for both of them, and not for the whole. So each exec has a whole of its own, and hands
// it on to that of the exec that started it when it is over.

// Cache keeps memos and the contents that they refer to. Its methods are called from the engine's
// thread, which is in the box's mount namespace, and must not depend on that.
type Cache interface {
	// Salt is what all keys depend on that the engine does not know.
	Salt() memo.Digest
	// Memos are the memos of a key, the likeliest first.
	Memos(key memo.Digest) []Kept
	// Content opens the content with a digest; it has been verified. The caller closes it.
	Content(d memo.Digest) (io.ReadCloser, error)
	// Keep adds the content of a file, read from its beginning, and returns its digest.
	Keep(f io.Reader) (memo.Digest, error)
	// Stage is told of what may be among Report.Memos, where only the run's end decides. It does not wait.
	Stage(m NewMemo)
}

// Kept is a memo of a cache.
type Kept struct {
	Name memo.Digest
	Memo *memo.Memo
}

// NewMemo is a memo that a run has made. It may be kept if the run is deterministic.
type NewMemo struct {
	Key  memo.Digest
	Memo *memo.Memo
	exec uint64
}

// Mismatch is a memo that held, of an exec that has run all the same and did something else.
type Mismatch struct {
	Key, Name memo.Digest
	Argv      []string
	What      string // the first difference
}

// whole is what is noted of an exec and all that it has started.
type whole struct {
	id    uint64 // of the exec
	up    *whole // of the exec that started it
	x     *execution
	owner *process

	key      memo.Digest
	skipped  memo.Digest // name of the memo that is replayed in its place; zero: none
	saved    uint64      // execs that were skipped with it
	missed   []string    // why it was not
	expected *Kept       // memo that holds, where that is verified
	why      []string    // reasons why it cannot be kept; the first few
	alive    int         // processes of it
	pending  int         // wholes of what it started that are not over
	over     bool

	start struct {
		b                  uint64
		world, over, known int64
		stamp              int64
		ids                memo.IDs
	}
	seen     map[sightKey]*sighting
	inOrder  []*sighting
	noted    noted
	names    map[*name]place
	nodes    map[*vfs.Inode]touched
	origin   map[*vfs.Inode]origin // of what it has moved, and has not made
	inherits map[vfs.Key][]int     // descriptors that it began with, by what they lead to
	sinks    map[vfs.Key]*sink     // those of them that it may write to
	files    []inheritedFile
	read     *memo.Seek // how far it has come in the box's standard input
	writes   []sinkWrite
	written  int // bytes of them
	inlined  int // bytes of contents in its memo

	seed, ids, clock, stampSeen bool
	learners                    []uint64 // execs that have come to know of a later time
	reads                       bool     // the exec itself has read a clock
	feeds                       bool     // what it left was read by another part of a whole that it is a part of

	execs, ticks, processes uint64
	refused                 map[string]uint64
	unmasked                []string
}

// maxWritten is how many bytes a whole may write to what it has inherited; maxReasons how many
// reasons are told why it cannot be kept.
const (
	maxWritten = 16 << 20
	maxReasons = 8
)

// noted is what has been noted of what, so that it is not found out again at every call.
type noted struct {
	names    map[*name]int // how often they had been changed
	statuses map[*vfs.Inode]changers
	contents map[*vfs.Inode]uint32 // versions, one more
	bases    map[*vfs.Inode]bool
}

// changers are those who had changed a file's status, and a directory's entries.
type changers struct{ status, entries uint64 }

// touched is what a whole has changed of a file that it did not make, or did.
type touched struct {
	content, meta, xattrs bool
	dated                 bool  // a time was asked for
	mtime                 int64 // before
}

// origin is where a file was that a whole has moved.
type origin struct {
	path  string
	mtime int64 // before
}

// place is where a name is.
type place struct {
	in   *folder
	base string
}

// sink is something that a whole has inherited and may write to.
type sink struct {
	fd     int
	key    vfs.Key
	node   *vfs.Inode // of a file
	made   uint64     // who made it: an exec, 0 if it is of outside
	used   bool
	device bool
	mtime  int64 // of a file, at the start
}

// sinkWrite is bytes that were written to a sink.
type sinkWrite struct {
	to    *sink
	at    sched.Stamp
	data  []byte
	known int64
	sets  bool // flags
	flags uint32
}

// inheritedFile is a file that a whole may read through what it has inherited.
type inheritedFile struct {
	fd, local int // local is the engine's
	off       int64
	stdin     bool // it is the box's
	path      string
	shared    bool // another process has it too
}

// caches tells whether wholes are noted at all.
func (e *engine) caches() bool { return e.cfg.Cache != nil }

// notesWholes begins to.
func (e *engine) notesWholes() {
	e.wholes, e.keptContents, e.fixedDigests = make(map[uint64]*whole), make(map[*vfs.Inode]keptContent), make(map[string]memo.Digest)
	e.loaders = make(map[[32]byte]string)
}

// isWithin tells whether an exec belongs to a whole.
func (e *engine) isWithin(exec uint64, w *whole) bool {
	for exec != 0 {
		if exec == w.id {
			return true
		}
		exec = e.parents[exec]
	}
	return false
}

// whole is that of a task's exec, or, if that is over and the task has outlived it, the one that it
// was a part of; or nil.
func (t *task) whole() *whole {
	w := t.begun()
	for w != nil && w.over {
		w = w.up
	}
	return w
}

// begun is the whole of a task's exec, or nil.
func (t *task) begun() *whole {
	if t.exec == nil {
		return nil
	}
	return t.exec.whole
}

// beginsWhole begins the whole of an exec that a task has just started.
func (e *engine) beginsWhole(t *task, x, from *execution, env []string, digest [32]byte, unmasked []string) {
	if !e.caches() {
		return
	}
	w := &whole{
		id: x.id, x: x, owner: t.process, alive: 1, execs: 1,
		noted: noted{make(map[*name]int), make(map[*vfs.Inode]changers), make(map[*vfs.Inode]uint32), make(map[*vfs.Inode]bool)},
		seen:  make(map[sightKey]*sighting), inherits: make(map[vfs.Key][]int), sinks: make(map[vfs.Key]*sink), unmasked: slices.Clone(unmasked),
	}
	for len(e.parents) <= int(x.id) {
		e.parents = append(e.parents, 0)
	}
	if e.wholes[x.id] = w; from != nil && from.whole != nil {
		e.parents[x.id] = from.id
		from.whole.feeds = from.whole.feeds || t.clk.Learnt()
		for w.up = from.whole; w.up != nil && w.up.over; {
			w.up = w.up.up // who started it has outlived that
		}
		if w.up != nil {
			w.up.pending++
		}
	}
	w.start.b, w.start.world, w.start.over, w.start.known = t.clk.B, t.clk.W, t.clk.Over, t.clk.O
	w.start.stamp = t.clk.Stamp()
	w.start.ids = memo.IDs{PID: t.vpid, Group: t.pgid, Session: t.sid, Parent: e.parentID(t)}
	x.whole = w
	w.key = e.keyOf(t, w, x, env, digest)
}

// parentID is the process id of a process's parent, as it is told.
func (e *engine) parentID(t *task) int {
	switch {
	case t.parent != nil:
		return t.parent.vpid
	case t == e.root && e.init == nil:
		return 0
	}
	return 1
}

// because notes why the wholes of a task's exec, up to the one to which owner belongs, cannot be
// kept. An owner of 0 is outside of the box; the box's first exec stands for the box.
func (e *engine) because(t *task, owner uint64, why string) {
	if t == nil || !e.caches() {
		return
	}
	for w := t.whole(); w != nil && !e.isWithin(owner, w); w = w.up {
		w.cannot(why)
	}
}

// boxes is the owner of what is the box's.
const boxes = 1

// cannot notes a reason.
func (w *whole) cannot(why string) {
	if len(w.why) < maxReasons && !slices.Contains(w.why, why) {
		w.why = append(w.why, why)
	}
}

// wholeForks notes that a task has a new child.
func (e *engine) wholeForks(t *task) {
	for w := t.begun(); w != nil; w = w.up {
		w.alive++
		w.processes++
		w.seed = true // the child's id comes from it
	}
}

// wholeLeaves notes that a process will do nothing any more.
func (e *engine) wholeLeaves(t *task) {
	if t.leftWhole || t.begun() == nil {
		return
	}
	t.leftWhole = true
	e.wholeChanges(t)
	for w := t.begun(); w != nil; w = w.up {
		w.alive--
	}
}

// wholeChanges notes that a process goes on with another program.
func (e *engine) wholeChanges(t *task) {
	if w := t.whole(); w != nil {
		w.reads = w.reads || t.clk.Reads() > 0 || t.clockSeen
		w.clock = w.clock || w.reads
		if t.clk.Learnt() && !slices.Contains(w.learners, w.id) {
			w.learners = append(w.learners, w.id)
		}
	}
}

// wholeEnds notes that a process is dead: the wholes that it began are over.
func (e *engine) wholeEnds(t *task, status unix.WaitStatus) {
	for w := t.begun(); w != nil && w.owner == t.process; w = w.up {
		if w.over {
			continue
		}
		switch {
		case w.alive > 0:
			w.cannot("a process that it started outlives it")
		case w.pending > 0:
			w.cannot("a process that it started was not waited for")
		}
		e.completes(w, t, status)
	}
}

// completes makes the memo of a whole that is over, and hands on what it has noted.
func (e *engine) completes(w *whole, t *task, status unix.WaitStatus) {
	w.over = true
	for _, f := range w.files {
		now, err := unix.Seek(f.local, 0, unix.SEEK_CUR)
		switch {
		case err != nil || now == f.off:
		case f.stdin && w.up == nil:
			w.read = &memo.Seek{FD: f.fd, By: now - f.off}
		case f.shared:
			w.cannot("it moves on in " + f.path + ", which others have too")
		}
		unix.Close(f.local)
	}
	w.files = nil
	if w.skipped == (memo.Digest{}) {
		e.keepsWhole(w, t, status)
	}
	if len(w.why) > 0 {
		e.log.Debug("not kept", "argv", strings.Join(w.x.argv, " "), "why", w.why)
	}
	for w.up != nil && w.up.over {
		w.up = w.up.up // it has outlived that
	}
	if w.up != nil {
		e.handsOn(w)
	}
	w.noted, w.seen, w.inOrder, w.names, w.nodes, w.origin, w.inherits, w.sinks, w.writes, w.refused = noted{}, nil, nil, nil, nil, nil, nil, nil, nil, nil
	w.owner = nil
}

// keepsWhole makes the memo of a whole, if it can be kept, and compares it with the one that held.
func (e *engine) keepsWhole(w *whole, t *task, status unix.WaitStatus) {
	var m *memo.Memo
	if len(w.why) == 0 {
		m = e.memoOf(w, t, status)
	}
	if m != nil {
		n := NewMemo{Key: w.key, Memo: m, exec: w.id}
		e.memos = append(e.memos, n)
		e.cfg.Cache.Stage(n)
	}
	if w.expected == nil {
		return
	}
	what := "it cannot be kept any more: " + strings.Join(w.why, "; ")
	if m != nil {
		what = memo.Diff(w.expected.Memo, m)
	}
	if what != "" {
		e.mismatches = append(e.mismatches, Mismatch{Key: w.key, Name: w.expected.Name, Argv: w.x.argv, What: what})
	}
}

// handsOn adds what a whole has noted to the one that it is a part of.
func (e *engine) handsOn(w *whole) {
	up := w.up
	up.pending += w.pending - 1 // what has outlived this one is part of that one
	for _, s := range w.inOrder {
		e.notes(up, s)
	}
	for nm, at := range w.names {
		up.changes(nm, at)
	}
	for n, how := range w.nodes {
		up.touch(n, how)
	}
	for n, from := range w.origin {
		if !n.Made || !e.isWithin(n.MadeBy, up) {
			up.moved(n, from)
		}
	}
	for _, wr := range w.writes {
		e.sinksInto(up, wr)
	}
	up.clock = up.clock || w.clock
	up.learners = append(up.learners, w.learners...)
	up.stampSeen = up.stampSeen || w.stampSeen
	up.seed = up.seed || w.seed
	up.execs += w.execs
	up.ticks += w.ticks
	for name, n := range w.refused {
		up.refuses(name, n)
	}
	up.unmasked = append(up.unmasked, w.unmasked...)
}

// refuses notes that something was refused.
func (w *whole) refuses(name string, n uint64) {
	if w.refused == nil {
		w.refused = make(map[string]uint64)
	}
	w.refused[name] += n
}

// races notes that two execs are in conflict: neither can be kept, nor what they are parts of,
// up to what both are parts of.
func (e *engine) races(first, second int) {
	if !e.caches() {
		return
	}
	for _, x := range [...][2]int{{first, second}, {second, first}} {
		for w := e.wholes[uint64(x[0])]; w != nil && !e.isWithin(uint64(x[1]), w); w = w.up {
			w.cannot("it is in conflict with another program")
		}
	}
	for w := e.wholes[uint64(first)]; w != nil && w.up != nil; w = w.up {
		if e.isWithin(uint64(second), w) {
			w.cannot("programs of it are in conflict")
		}
	}
}

// newMemos are the memos of the run.
func (e *engine) newMemos() []NewMemo {
	return slices.DeleteFunc(e.memos, func(m NewMemo) bool { return len(e.wholes[m.exec].why) > 0 })
}

// cached is what the cache had to do with the run's execs.
func (e *engine) cached() (all []conflict.Cached) {
	if !e.caches() {
		return nil
	}
	for i, x := range e.records.all {
		if w := x.whole; w != nil {
			all = append(all, conflict.Cached{Exec: i, Argv: x.argv, Skipped: w.saved, Missed: w.missed, Unkept: w.why})
		}
	}
	return all
}

// changer notes that a task's exec has changed a file's status.
func (e *engine) changer(t *task, n *vfs.Inode, a conflict.Aspect, op conflict.Op) {
	if op == conflict.Read || !e.caches() || t.exec == nil {
		return
	}
	f := e.accesses(n)
	switch a {
	case conflict.Listing:
		f.ListedBy = t.exec.id
	default:
		f.ChangedBy = t.exec.id
		if a == conflict.Content || a == conflict.Status && op == conflict.Change && !e.keepsTime(t) {
			f.DatedBy = t.exec.id
		}
	}
}

// wholesNoted is what the engine knows of wholes.
type wholesNoted struct {
	execs        uint64 // counts execs
	deciding     *task  // whose call is being decided
	parents      []uint64
	wholes       map[uint64]*whole
	memos        []NewMemo
	mismatches   []Mismatch
	keptContents map[*vfs.Inode]keptContent
	fixedDigests map[string]memo.Digest
	loaders      map[[32]byte]string // of programs, by their digests
}
