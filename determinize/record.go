package determinize

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What an exec observes and does is noted as it happens: of each object the first
// observation, of each that it changes that it did. What became of these is looked up when
// the exec has ended, and digests of contents when the box has, or when a content is about
// to go: nothing is read twice, and nothing is kept of an access but that it was made.

// recording is the record of an exec while it goes on.
type recording struct {
	conflict.Record
	users int             // its processes
	last  uint64          // B of the last one that ended, or began another exec
	late  bool            // the box ended before it
	owner *process        // that started it
	from  *execution      // that started it, or nil
	key   conflict.Digest // digest of what was known of it before it ran
	n     uint32          // how many equal ones were started before it

	fdNames [][]*name // the names on the way to each of FDs, from the last
	names   map[*name]*observed
	files   map[*vfs.Inode]*observed
	changed map[*name]*change
	changes int
	leads   map[*vfs.Inode][]*change // to a file: of its names, or of itself
	origin  map[*vfs.Inode]string    // where what was there before the exec, and was renamed, came from
	streams [3]*streamed
	stdin   hash.Hash
	inputs  []input // of names and files, once it has ended
	outputs []output
}

// observed is what an exec has observed of an object.
type observed struct {
	in      *folder // of a name
	base    string
	path    string // of a file; of a name only once a folder above it has been moved
	kinds   uint8  // 1 << conflict.Kind
	several uint8  // of those, the ones that several of its processes have observed
	errno   unix.Errno
	link    string
	version uint32     // of the content
	node    *vfs.Inode // that has it, or that the name led to; nil for what never changes
	digests [2]uint32  // of metadata and listing, in the run's list
	way     uint32     // of path, in the run's list
	by      [conflict.Kinds]observer
}

// observer is who was the first to observe something, and when anybody did.
type observer struct {
	process *process
	at      sched.Stamp
}

// saw notes that a task observes something, and tells whether its exec has not done so before.
func (o *observed) saw(t *task, k conflict.Kind) bool {
	if o.kinds&(1<<k) == 0 {
		o.kinds |= 1 << k
		o.by[k] = observer{t.process, t.stamp()}
		return true
	}
	if o.by[k].process != t.process {
		o.several |= 1 << k
	}
	if at := t.stamp(); at.Before(o.by[k].at) {
		o.by[k].at = at
	}
	return false
}

// forgetAfter forgets what a process, or with nil all of them, has observed after a moment. It was
// killed then, and is only as far as it was because the others are slow.
func (o *observed) forgetAfter(p *process, at sched.Stamp) {
	for k := range conflict.Kinds {
		if by := o.by[k]; (p == nil || by.process == p && o.several&(1<<k) == 0) && at.Before(by.at) {
			o.kinds &^= 1 << k
		}
	}
}

// input is an observation of an exec that has ended.
type input struct {
	path    string // one string for all that have it
	node    *vfs.Inode
	version uint32 // of its content
	digest  uint32 // in the run's list
	way     uint32
	errno   uint16
	kind    conflict.Kind
}

// streamed is what an exec wrote to one of the box's streams.
type streamed struct {
	bytes uint64
	sum   hash.Hash
}

// records are of all execs of the run.
type records struct {
	all     []*execution
	digests []conflict.Digest // 0 is none
	ways    [][]*name         // to files that were found by descriptors; 0 is none
	known   map[conflict.Digest]uint32
	paths   map[*vfs.Inode]string    // of what never changes
	texts   map[string]string        // paths, each once
	open    map[*recording]bool      // of execs that go on
	held    map[*vfs.Inode][]*change // that are not settled
}

// text is a path that is kept once.
func (r *records) text(path string) string {
	if kept, ok := r.texts[path]; ok {
		return kept
	}
	if r.texts == nil {
		r.texts = make(map[string]string)
	}
	r.texts[path] = path
	return path
}

// digest keeps a digest and returns its number.
func (r *records) digest(b []byte) uint32 {
	d := conflict.Digest(sha256.Sum256(b))
	i, ok := r.known[d]
	if !ok {
		if r.known == nil {
			r.known, r.digests = make(map[conflict.Digest]uint32), make([]conflict.Digest, 1)
		}
		i = uint32(len(r.digests))
		r.digests, r.known[d] = append(r.digests, d), i
	}
	return i
}

// begin starts the record of an exec that a task has just started.
func (e *engine) begin(t *task, x, from *execution, env []string, digest [32]byte, n uint64) {
	x.at = t.stamp()
	if e.records.all = append(e.records.all, x); !e.cfg.Record {
		if !e.cfg.Unwatched {
			e.inherits(t, nil)
		}
		return
	}
	r := &recording{users: 1, owner: t.process, from: from, key: conflict.Digest(x.weak), n: uint32(n)}
	r.Parent, r.PID, r.Task = -1, t.vpid, taskPath(t.leader.path)
	r.Argv, r.Env, r.Cwd, r.Executable = x.argv, env, x.cwd, x.path
	r.Digest, r.Seed = digest, conflict.Digest(x.seed)
	r.Start = clockRead(&t.clk)
	x.record = r
	e.records.opens(r)
	e.inherits(t, r)
}

// clockRead is a clock as a record has it.
func clockRead(c *clock.Clock) conflict.ClockRead {
	return conflict.ClockRead{B: c.B, World: c.W, Over: int64(c.Over), Known: c.O, Ticks: uint64(c.Own().Microseconds())}
}

// taskPath is a task's address, for people.
func taskPath(path sched.Path) string {
	var b []byte
	for i, n := range path {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return string(b)
}

// rec is the record of a task's exec, or nil.
func (t *task) rec() *recording {
	if t.exec == nil {
		return nil
	}
	return t.exec.record
}

// sawName notes that a path of a task led to a name.
func (e *engine) sawName(t *task, d *folder, base string, nm *name) {
	e.seesName(t, d, base, nm)
	r := t.rec()
	if r == nil || d.names[base] != nm { // there are too many to keep
		return
	}
	o := r.names[nm]
	if o == nil {
		o = &observed{in: d, base: base, link: nm.target, node: nm.node}
		if r.names == nil {
			r.names = make(map[*name]*observed)
		}
		r.names[nm] = o
	}
	if o.node == nil {
		o.node = nm.node // it was not there at first
	}
	for k := conflict.SawLink; k <= conflict.SawNothing; k++ {
		if o.kinds&(1<<k) != 0 {
			o.saw(t, k) // what it was at first
			return
		}
	}
	switch nm.kind {
	case nameAbsent:
		o.errno = nm.errno
		o.saw(t, conflict.SawNothing)
	case nameLink:
		o.saw(t, conflict.SawLink)
	default:
		o.saw(t, conflict.SawName)
	}
}

// ofFile is what an exec has observed of a file, at a descriptor's or another link of the host's
// /proc.
func (e *engine) ofFile(t *task, r *recording, n *vfs.Inode, link func() string) *observed {
	o := r.files[n]
	if o != nil {
		return o
	}
	o = &observed{}
	if d := e.folders[n]; d != nil {
		o.path = d.path()
		o.way = e.wayOf(t, r, n, d.up, d.base)
	} else if at, ok := e.places[n]; ok {
		o.path = at.in.below(at.base)
		o.way = e.wayOf(t, r, n, at.in, at.base)
	} else if p, ok := e.records.paths[n]; ok {
		o.path = p
	} else {
		o.path = e.withoutNumber(n, link())
		if !n.Made {
			if e.records.paths == nil {
				e.records.paths = make(map[*vfs.Inode]string)
			}
			e.records.paths[n] = o.path
		}
	}
	if r.files == nil {
		r.files = make(map[*vfs.Inode]*observed)
	}
	r.files[n] = o
	return o
}

// withoutNumber is a path with the number that the box shows in the place of the kernel's, if
// the file has no name.
func (e *engine) withoutNumber(n *vfs.Inode, path string) string {
	dir, base := split(strings.TrimSuffix(path, deletedMark))
	number, hash := strings.CutPrefix(base, "#")
	if _, err := strconv.ParseUint(number, 10, 64); !n.Made || !hash || err != nil {
		return path
	}
	return dir + "#" + strconv.FormatUint(n.Ino, 10)
}

// sawStat notes what a task was shown of a file.
func (e *engine) sawStat(t *task, n *vfs.Inode, st *unix.Stat_t, link func() string) {
	r := t.rec()
	if mode := st.Mode & unix.S_IFMT; r == nil || mode == unix.S_IFIFO || mode == unix.S_IFSOCK {
		return // what is no file has no path
	}
	if e.caches() {
		e.seesStatus(t, n, st, link)
	}
	if o := e.ofFile(t, r, n, link); o.saw(t, conflict.SawMetadata) {
		o.digests[0] = e.records.digest(bytesOf(st))
	}
}

// sawListing notes what a task was shown of a directory.
func (e *engine) sawListing(t *task, n *vfs.Inode, entries []dirEntry, link func() string) {
	r := t.rec()
	if r == nil {
		return
	}
	if e.caches() {
		e.seesListing(t, n, entries, e.nodePath(n, link))
	}
	o := e.ofFile(t, r, n, link)
	if !o.saw(t, conflict.SawListing) {
		return
	}
	var b []byte
	for _, d := range entries {
		b = append(binary.LittleEndian.AppendUint64(append(append(b, d.name...), 0, d.kind), d.ino), '\n')
	}
	o.digests[1] = e.records.digest(b)
}

// sawContent notes that a task reads a file's content; of a file that never changes, n is
// nil and nm its name.
func (e *engine) sawContent(t *task, n *vfs.Inode, nm *name) {
	r := t.rec()
	switch {
	case r == nil:
	case n == nil:
		if o := r.names[nm]; o != nil {
			o.saw(t, conflict.SawContent)
			e.seesFixed(t, o.in.below(o.base))
		}
	default:
		e.seesContent(t, n, "")
		f := e.accesses(n)
		if f.Writer == int(t.exec.id) {
			return // its own
		}
		f.Seen = true
		if o := e.ofFile(t, r, n, func() string { return e.pathOfNode(n) }); o.saw(t, conflict.SawContent) {
			o.version, o.node = f.Version, n
		}
	}
}

// wroteStream notes what an exec wrote to stdout or stderr, in the order in which it came out.
func (r *recording) wroteStream(stream int, b []byte) {
	if r == nil || stream >= len(r.streams) {
		return
	}
	s := r.streams[stream]
	if s == nil {
		s = &streamed{sum: sha256.New()}
		r.streams[stream] = s
	}
	s.bytes += uint64(len(b))
	s.sum.Write(b)
}

// sawStdin notes what a task read of the box's standard input.
func (e *engine) sawStdin(t *task, s *source, b []byte) {
	if len(b) > 0 && s.live {
		e.hasHeard(s)
	}
	r := t.rec()
	if r == nil {
		return
	}
	if r.stdin == nil {
		r.stdin = sha256.New()
	}
	r.stdin.Write(b)
}
