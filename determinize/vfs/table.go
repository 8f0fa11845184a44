// Package vfs keeps what the processes of a box see of files where that
// differs from what the host's kernel would tell: inode and device numbers,
// times, owners, link counts, sizes of directories.
//
// A Table knows the inodes that the box changed or looked at. It is pure
// bookkeeping: the engine asks the kernel, the Table says what to show. It
// belongs to the engine's thread.
//
// Inodes are found by the numbers that the kernel gives them. In an overlay
// these may change: a file that was there before and was changed may show the
// number of its copy once the kernel has dropped it from its caches, and where
// the layers are on different file systems, every directory then gets another
// one. So such inodes are bound to their paths as well. See Bind.
package vfs

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// Key is what the kernel calls an inode inside the box.
type Key struct{ Dev, Ino uint64 }

// KeyOf returns the key of what a stat call described.
func KeyOf(st *unix.Stat_t) Key { return Key{st.Dev, st.Ino} }

// Owner is who owns a file, as the guest sees it.
type Owner struct{ UID, GID uint32 }

// Mount is one mount of the box.
type Mount struct {
	Path    string // in the box
	Project bool   // an overlay whose changes are kept; its lower files show as the guest's
	// Guest says that its root directory is the guest's, as its home is.
	Guest bool
	// Host says that it is a read-only part of the host's files. All of them
	// show the device number of the root directory, whatever parts there are.
	Host bool
}

// Table maps the kernel's inodes to what is shown.
type Table struct {
	guest  Owner
	mounts []Mount  // in any order
	devs   []uint64 // the device number that each shows
	inodes map[Key]*Inode
	bound  tree
	dirs   map[string]uint64 // directories made so far, by path

	// Owned says that files have the owners that the kernel says, not those that the Table gives them.
	Owned bool

	// Times, if not nil, gives the modification times of files that were there before the
	// box, by canonical path, in nanoseconds since the epoch; ok is false for LowerMtime.
	Times func(path string) (mtime int64, ok bool)
}

// rootDev is the device number that the root directory shows. Low ones are
// those of real devices that some programs know.
var rootDev = unix.Mkdev(0, 64)

// NewTable returns a table for a box with these mounts, whose order decides
// the device numbers shown.
func NewTable(guest Owner, mounts []Mount) *Table {
	t := &Table{
		guest:  guest,
		mounts: mounts,
		devs:   make([]uint64, len(mounts)),
		inodes: make(map[Key]*Inode),
		dirs:   make(map[string]uint64),
	}
	minor := unix.Minor(rootDev)
	for i, m := range mounts {
		t.devs[i] = rootDev
		if !m.Host {
			minor++
			t.devs[i] = unix.Mkdev(0, minor)
		}
	}
	return t
}

// Known returns what is known under a key, or nil. Who has a stat result asks
// Find.
func (t *Table) Known(k Key) *Inode { return t.inodes[k] }

// Find returns what is known of the inode that a stat call described, or nil.
// The kernel may have given the number of a file that is gone to another one,
// of which nothing is known then.
func (t *Table) Find(st *unix.Stat_t) *Inode {
	k := KeyOf(st)
	n := t.inodes[k]
	if n == nil || !n.gone || st.Nlink == 0 || st.Mode&unix.S_IFMT == unix.S_IFDIR || !n.Made && k == n.lower {
		// A lower layer keeps a file whose last name was taken away above it.
		return n
	}
	delete(t.inodes, k)
	return nil
}

// Lower returns the inode of something that was there before the box
// started. path is its canonical path, of a group of hard links the least.
func (t *Table) Lower(k Key, path string) *Inode {
	if n := t.inodes[k]; n != nil && !n.gone {
		return n
	}
	n := &Inode{Mtime: LowerMtime, lower: k, owned: t.Owned}
	if t.Times != nil {
		if mtime, ok := t.Times(path); ok {
			n.Mtime = mtime
		}
	}
	n.Dev, n.Ino = t.Unseen(path)
	if m, ok := t.MountOf(path); ok && (m.Project || m.Guest && m.Path == path) {
		n.Owner = t.guest
	}
	t.inodes[k] = n
	return n
}

// Unseen are the numbers that Lower would give, for something of which only a
// path is known.
func (t *Table) Unseen(path string) (dev, ino uint64) {
	dev, _ = t.mountOf(path)
	return dev, number("lower", []byte(path))
}

// Created registers something new. maker and nth are its creator's identity
// and how many things that one made before; path is where it was made.
func (t *Table) Created(k Key, path string, maker []byte, nth uint64, owner Owner) *Inode {
	dev, _ := t.mountOf(path)
	n := &Inode{
		Ino:   number("made", binary.LittleEndian.AppendUint64(append([]byte{}, maker...), nth)),
		Dev:   dev,
		Owner: owner, owned: t.Owned,
		Made: true,
	}
	t.inodes[k] = n
	return n
}

// NumberMade is the number that Created gives.
func (t *Table) NumberMade(maker []byte, nth uint64) uint64 {
	return number("made", binary.LittleEndian.AppendUint64(append([]byte{}, maker...), nth))
}

// CreatedDir registers a new directory. Its number depends on its path, and on
// how many directories were made at that path before it: they may live on
// under other names.
func (t *Table) CreatedDir(k Key, path string, owner Owner) *Inode {
	dev, _ := t.mountOf(path)
	what := append([]byte(path), 0)
	n := &Inode{
		Ino:   number("dir", binary.LittleEndian.AppendUint64(what, t.dirs[path])),
		Dev:   dev,
		Owner: owner, owned: t.Owned,
		Made: true,
	}
	t.dirs[path]++
	t.inodes[k] = n
	return n
}

// Alias gives an inode another key, which the kernel uses for it from now on.
// Where its old key is still seen it means the same inode.
func (t *Table) Alias(k Key, n *Inode) { t.inodes[k] = n }

// Drop forgets a key, whose inode the engine has removed.
func (t *Table) Drop(k Key) { delete(t.inodes, k) }

// Bind notes that a path names an inode whose key the kernel may change: of a
// file of an overlay that was there before and is changed now, or of a
// directory of an overlay. The path is canonical.
func (t *Table) Bind(path string, n *Inode) {
	if _, project := t.mountOf(path); project {
		t.bound.put(path, n)
		n.bound = true
	}
}

// Binds tells whether anything has been bound.
func (t *Table) Binds() bool { return !t.bound.root.empty() }

// At returns the inode that is bound to a path, or nil.
func (t *Table) At(path string) *Inode { return t.bound.get(path) }

// Renamed follows the renaming of a path and of all that lies below it. What
// was bound to the new path is replaced.
func (t *Table) Renamed(from, to string) { t.bound.rename(from, to) }

// Exchanged follows an exchange of two paths and of all that lies below them.
func (t *Table) Exchanged(a, b string) { t.bound.exchange(a, b) }

// Removed notes that the name base of the directory dir, whose path is path,
// was taken away from the inode n.
func (t *Table) Removed(dir *Inode, base, path string, n *Inode) {
	if dir.removed == nil {
		dir.removed = make(map[string]*Inode)
	}
	dir.removed[base] = n
	t.bound.remove(path)
}

// Passed notes that something had the name base in the directory dir for a while.
func (t *Table) Passed(dir *Inode, base string) {
	if dir.removed == nil {
		dir.removed = make(map[string]*Inode)
	}
	if _, ok := dir.removed[base]; !ok {
		dir.removed[base] = &Inode{Made: true, gone: true}
	}
}

// Existed tells whether a name was taken away earlier in this run, and from
// what.
func (t *Table) Existed(dir *Inode, base string) (last *Inode, ok bool) {
	last, ok = dir.removed[base]
	return last, ok
}

// InProject tells whether a path lies in an overlay whose changes are kept.
func (t *Table) InProject(path string) bool {
	_, project := t.mountOf(path)
	return project
}

// MountOf returns the mount that holds a path. ok is false when only the root
// directory does.
func (t *Table) MountOf(path string) (m Mount, ok bool) {
	i := t.mountIndex(path)
	if i < 0 {
		return Mount{Path: "/"}, false
	}
	return t.mounts[i], true
}

// Mounts are the mounts of the box. The caller must not change them.
func (t *Table) Mounts() []Mount { return t.mounts }

// mountOf returns the device number of the mount that holds path and whether
// it is a project.
func (t *Table) mountOf(path string) (dev uint64, project bool) {
	i := t.mountIndex(path)
	if i < 0 {
		return rootDev, false
	}
	return t.devs[i], t.mounts[i].Project
}

// mountIndex is the mount that holds path, the last one where several are at
// one place, or -1.
func (t *Table) mountIndex(path string) int {
	best := -1
	for i, m := range t.mounts {
		if Within(path, m.Path) && (best < 0 || len(m.Path) >= len(t.mounts[best].Path)) {
			best = i
		}
	}
	return best
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
