package vfs

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
)

const (
	// LowerMtime is the modification time of a file that the box did not
	// write, in nanoseconds relative to the epoch: ten years before it, so
	// that whatever the box makes is newer.
	LowerMtime = -3652 * 86_400 * int64(1e9)

	blockSize = 4096
	dirSize   = 4096
)

// Shown are bytes of a file that are shown in place of those that it has.
type Shown struct {
	Offset int64
	Bytes  [4]byte
}

// Inode is one file, directory or pipe as the box sees it.
type Inode struct {
	Ino   uint64     // number shown
	Dev   uint64     // device number shown
	Mtime int64      // nanoseconds since the epoch
	Owner Owner      // who owns it
	Last  clock.Edge // the changes so far; carried to whoever asks for its status
	// Written are those of its content, or of a directory's entries; carried to whoever reads
	// them. Who changes nothing but its name, mode or times tells readers nothing.
	Written clock.Edge
	Made    bool // made in the box
	// MadeBy is the exec that made it.
	MadeBy uint64
	// Nth is how many things the task that made it, the first one of its program, had made; 0 if
	// another one did.
	Nth uint64
	// Session is the exec that wrote the content last. The first write of any other one
	// overwrites what existed.
	Session uint64
	// Going says that a call is under way that takes its last name away: what the kernel has
	// under its number may be another file by now.
	Going bool
	// Writer is the program that wrote to it last, a path in the box.
	Writer string
	// Stale says that a task may go on seeing the content as it was when it
	// was first changed: the kernel shows the copy neither through mappings of
	// the original nor through descriptors of another of its names.
	Stale bool
	// Accesses are what is remembered of accesses to it; nil before the first.
	Accesses *conflict.File
	// Shown replaces a few bytes of the content of what was there before the
	// box, if it is not nil.
	Shown *Shown

	lower   Key    // its key in the lower layer
	owned   bool   // the kernel knows its owner
	stamped bool   // Mtime is a stamp of this run, not what was there or asked for
	gone    bool   // it has no name left
	bound   bool   // Table.Bind was called for it
	counted bool   // of a lower file with several names: links of them are in the box
	links   uint64 // and have not been taken away
	// removed are the names that were taken away from a directory, with what
	// had them last.
	removed map[string]*Inode
	// changes are those of a directory's entries, by whom, and before what was known
	// before the first.
	changes []change
	before  struct {
		mtime         int64
		last, written clock.Edge
	}
}

// change is the last of some changes of a directory, by one who has not forked since
// the first of them.
type change struct {
	mtime  int64
	edge   clock.Edge
	by     sched.Actor
	births uint32
}

// TouchEntries is Touch of a directory in which a name was made or taken away. births
// is how many children the one who did it has had.
func (n *Inode) TouchEntries(c *clock.Clock, by sched.Actor, births uint32) {
	if len(n.changes) == 0 {
		n.before.mtime, n.before.last, n.before.written = n.Mtime, n.Last, n.Written
	}
	next := change{c.Stamp(), c.Edge, by, births}
	if i := len(n.changes) - 1; i >= 0 && n.changes[i].by.Task == by.Task && n.changes[i].births == births {
		n.changes[i] = next
	} else {
		n.changes = append(n.changes, next)
	}
	n.Wrote(c)
}

// AsOf returns the inode as one sees it whom certainly precedes tells which changes of
// a directory have come before. For others it is the inode itself.
func (n *Inode) AsOf(precedes func(sched.Actor) bool) *Inode {
	if len(n.changes) == 0 {
		return n
	}
	past := *n
	past.Mtime, past.Last, past.Written = n.before.mtime, n.before.last, n.before.written
	for _, c := range n.changes {
		if !precedes(c.by) {
			continue
		}
		past.Mtime = max(past.Mtime, c.mtime)
		past.Last.Include(c.edge)
		past.Written.Include(c.edge)
	}
	return &past
}

// By returns the inode as if of a directory's entries only those had been changed that some have
// changed: it is as late as the last of these. It is the inode itself if there are none.
func (n *Inode) By(mine func(by *sched.Task) bool) *Inode {
	past, some := *n, false
	for _, c := range n.changes {
		if !mine(c.by.Task) {
			continue
		}
		if !some {
			past.Mtime, past.Last, past.Written, some = c.mtime, clock.Edge{}, clock.Edge{}, true
		}
		past.Mtime = max(past.Mtime, c.mtime)
		past.Last.Include(c.edge)
		past.Written.Include(c.edge)
	}
	if !some {
		return n
	}
	return &past
}

// Wrote stamps a change of the content by the process whose clock is c, or of a directory's
// entries.
func (n *Inode) Wrote(c *clock.Clock) {
	n.Touch(c)
	n.Written.Include(c.Edge)
}

// Touch stamps a change of the inode by the process whose clock is c. Stamps
// of one inode never decrease.
func (n *Inode) Touch(c *clock.Clock) {
	if s := c.Stamp(); !n.stamped || s > n.Mtime {
		n.Mtime = s
	}
	n.stamped = true
	n.Changed(c)
}

// TouchNow is Touch because a process asks for it: of a directory, what happened to its entries before
// does not matter any more.
func (n *Inode) TouchNow(c *clock.Clock) {
	n.changes = nil
	n.Touch(c)
}

// Changed notes a change by the process whose clock is c that leaves the
// modification time alone.
func (n *Inode) Changed(c *clock.Clock) {
	n.Shown = nil
	n.Last.Include(c.Edge)
}

// SetMtime sets the modification time to what a process asked for, in
// nanoseconds since the epoch.
func (n *Inode) SetMtime(c *clock.Clock, mtime int64) {
	n.Mtime = mtime
	n.stamped = false
	n.changes = nil
	n.Changed(c)
}

// Replaced notes that the inode was put in the place of another one. What make
// and its like compare is the name, whose content is as new as its replacement:
// a stamp that was given to the content under another name would be older than
// what was made of the name's old content, or as old. A time that was asked for
// stays.
func (n *Inode) Replaced(c *clock.Clock) {
	if n.stamped {
		n.Touch(c)
	}
}

// Replay gives the inode the modification time, in nanoseconds since the epoch, that it would have
// if a program had run that was skipped; and what those learn of times who look at it. by is who has
// made what it has made: of a directory whose entries others have changed too, the time is the
// latest.
func (n *Inode) Replay(mtime int64, stamped bool, world, over, known int64, by *sched.Task) {
	n.Mtime, n.stamped = mtime, stamped
	edge := clock.Edge{W: world, Over: over, O: known}
	n.Last.Include(edge)
	n.Written.Include(edge)
	if len(n.changes) == 0 {
		return
	}
	n.Mtime = n.before.mtime
	for i := range n.changes {
		c := &n.changes[i]
		if c.by.Task == by {
			c.mtime = mtime
			c.edge.Include(edge)
		}
		n.Mtime = max(n.Mtime, c.mtime)
	}
}

// Stamped tells whether the modification time is a stamp of this run.
func (n *Inode) Stamped() bool { return n.stamped }

// Bound tells whether the inode is bound to a path.
func (n *Inode) Bound() bool { return n.bound }

// Gone tells whether the inode has lost its last name.
func (n *Inode) Gone() bool { return n.gone }

// SetLinks says how many names in the box a lower file has. The kernel counts
// those outside too, and does not notice when one is taken away.
func (n *Inode) SetLinks(links int) { n.counted, n.links = true, uint64(links) }

// Counted tells whether the inode's names are counted here: it is a lower file
// with several names, none of which was changed.
func (n *Inode) Counted() bool { return n.counted }

// United says that all names of a lower file became names of one new file.
func (n *Inode) United() { n.counted = false }

// Unlinked notes that a name was taken away from the inode, of which st was
// known before.
func (n *Inode) Unlinked(st *unix.Stat_t) {
	left := st.Nlink - 1
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		left = 0
		n.removed = nil // no name can come back
	case n.counted:
		n.links = max(n.links, 1) - 1
		left = n.links
	}
	n.gone = n.gone || left == 0
}

// Show rewrites a stat result to what the box sees. epoch is in nanoseconds
// since 1970. blocks is called when a regular file may have holes.
func (n *Inode) Show(st *unix.Stat_t, epoch int64, blocks func() int64) {
	st.Dev, st.Ino = n.Dev, n.Ino
	if !n.owned {
		st.Uid, st.Gid = n.Owner.UID, n.Owner.GID
	}
	mtime := unix.NsecToTimespec(epoch + n.Mtime)
	st.Atim, st.Mtim, st.Ctim = mtime, mtime, mtime
	st.Blksize = blockSize
	if n.counted {
		st.Nlink = n.links
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		// One link means "not counted": no program may conclude from it how
		// many subdirectories there are.
		st.Nlink, st.Size, st.Blocks = 1, dirSize, dirSize/512
	case unix.S_IFREG:
		whole := (st.Size + blockSize - 1) / blockSize * (blockSize / 512)
		if st.Blocks < whole && blocks != nil {
			whole = blocks()
		}
		st.Blocks = whole
	default:
		st.Blocks = 0
	}
	if n.gone {
		st.Nlink = 0
	}
}
