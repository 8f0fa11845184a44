// Package vfs keeps what the processes of a box see of files where that
// differs from what the host's kernel would tell: inode and device numbers,
// times, owners, link counts, sizes of directories.
//
// A Table knows the inodes that the box changed or looked at. It is pure
// bookkeeping: the engine asks the kernel, the Table says what to show. It
// belongs to the engine's thread.
package vfs

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
)

const (
	// LowerMtime is the modification time of a file that the box did not
	// write, in nanoseconds relative to the epoch: ten years before it, so
	// that whatever the box makes is newer.
	LowerMtime = -3652 * 86_400 * int64(1e9)

	blockSize = 4096
	dirSize   = 4096
)

// Key is what the kernel calls an inode inside the box.
type Key struct{ Dev, Ino uint64 }

// KeyOf returns the key of what a stat call described.
func KeyOf(st *unix.Stat_t) Key { return Key{st.Dev, st.Ino} }

// Owner is who owns a file, as the guest sees it.
type Owner struct{ UID, GID uint32 }

// Inode is one file, directory or pipe as the box sees it.
type Inode struct {
	Ino   uint64     // number shown
	Dev   uint64     // device number shown
	Mtime int64      // nanoseconds since the epoch
	Owner Owner      // who owns it
	Last  clock.Edge // the last change; carried to whoever reads or stats it
	Made  bool       // made in the box
	// Session is the exec that is writing the content now. The first write of
	// any other one overwrites what existed.
	Session uint64
}

// Mount is one mount of the box.
type Mount struct {
	Path    string // in the box
	Project bool   // an overlay whose changes are kept; its lower files show as the guest's
}

// Table maps the kernel's inodes to what is shown.
type Table struct {
	guest  Owner
	mounts []Mount // longest path first is not assumed
	inodes map[Key]*Inode
	gone   map[name]struct{}
}

type name struct {
	dir  Key
	name string
}

// NewTable returns a table for a box with these mounts, whose order decides
// the device numbers shown.
func NewTable(guest Owner, mounts []Mount) *Table {
	return &Table{
		guest:  guest,
		mounts: mounts,
		inodes: make(map[Key]*Inode),
		gone:   make(map[name]struct{}),
	}
}

// Known returns what is known of an inode, or nil.
func (t *Table) Known(k Key) *Inode { return t.inodes[k] }

// Lower returns the inode of something that was there before the box
// started. path is its canonical path, of a group of hard links the least.
func (t *Table) Lower(k Key, path string) *Inode {
	if n := t.inodes[k]; n != nil {
		return n
	}
	dev, project := t.mountOf(path)
	n := &Inode{Ino: number("lower", []byte(path)), Dev: dev, Mtime: LowerMtime}
	if project {
		n.Owner = t.guest
	}
	t.inodes[k] = n
	return n
}

// Created registers something new. maker and nth are its creator's identity
// and how many things that one made before; path is where it was made.
func (t *Table) Created(k Key, path string, maker []byte, nth uint64, owner Owner) *Inode {
	dev, _ := t.mountOf(path)
	n := &Inode{
		Ino:   number("made", binary.LittleEndian.AppendUint64(append([]byte{}, maker...), nth)),
		Dev:   dev,
		Owner: owner,
		Made:  true,
	}
	t.inodes[k] = n
	return n
}

// CreatedDir registers a new directory, whose number depends on its path.
func (t *Table) CreatedDir(k Key, path string, owner Owner) *Inode {
	dev, _ := t.mountOf(path)
	n := &Inode{Ino: number("dir", []byte(path)), Dev: dev, Owner: owner, Made: true}
	t.inodes[k] = n
	return n
}

// Move gives an inode another key: the kernel's number of a lower file may
// change when it is copied up.
func (t *Table) Move(from, to Key) {
	if n := t.inodes[from]; n != nil && from != to {
		t.inodes[to] = n
	}
}

// Forget drops an inode whose last name and descriptor are gone.
func (t *Table) Forget(k Key) { delete(t.inodes, k) }

// Gone notes that a name existed in this run and was taken away.
func (t *Table) Gone(dir Key, base string) { t.gone[name{dir, base}] = struct{}{} }

// Existed tells whether a name was taken away earlier in this run.
func (t *Table) Existed(dir Key, base string) bool {
	_, ok := t.gone[name{dir, base}]
	return ok
}

// Touch stamps a change of the inode by the process whose clock is c.
func (n *Inode) Touch(c *clock.Clock) {
	n.Mtime = max(n.Mtime, c.Stamp())
	n.Last = c.Edge
}

// SetMtime sets the modification time to what a process asked for.
func (n *Inode) SetMtime(c *clock.Clock, mtime int64) {
	n.Mtime = mtime
	n.Last = c.Edge
}

// Show rewrites a stat result to what the box sees. epoch is in nanoseconds
// since 1970. blocks is called when a regular file may have holes.
func (n *Inode) Show(st *unix.Stat_t, epoch int64, blocks func() int64) {
	st.Dev, st.Ino = n.Dev, n.Ino
	st.Uid, st.Gid = n.Owner.UID, n.Owner.GID
	mtime := unix.NsecToTimespec(epoch + n.Mtime)
	st.Atim, st.Mtim, st.Ctim = mtime, mtime, mtime
	st.Blksize = blockSize
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
}

// mountOf returns the device number of the mount that holds path and whether
// it is a project. Numbers start at 64: low ones are those of real devices
// that some programs know.
func (t *Table) mountOf(path string) (dev uint64, project bool) {
	best := -1
	for i, m := range t.mounts {
		if Within(path, m.Path) && (best < 0 || len(m.Path) >= len(t.mounts[best].Path)) {
			best = i
		}
	}
	if best < 0 {
		return unix.Mkdev(0, 64), false
	}
	return unix.Mkdev(0, uint32(65+best)), t.mounts[best].Project
}

// Within tells whether path is dir or below it. Both are absolute and clean.
func Within(path, dir string) bool {
	if dir == "/" {
		return true
	}
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// number derives an inode number: 52 bits, so that every language's numbers
// hold it exactly, and never below the ones that file systems reserve.
func number(kind string, what []byte) uint64 {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(what)
	var sum [sha256.Size]byte
	return binary.LittleEndian.Uint64(h.Sum(sum[:0]))>>12 | 1<<16
}
