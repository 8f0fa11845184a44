package vfs

import (
	"testing"

	"golang.org/x/sys/unix"
)

var (
	guest  = Owner{1000, 1000}
	mounts = []Mount{
		{Path: "/usr", Host: true},
		{Path: "/proc"},
		{Path: "/etc", Host: true},
		{Path: "/tmp"},
		{Path: "/tmp/project", Project: true},
		{Path: "/opt", Host: true},
	}
)

func statOf(k Key, mode uint32, nlink uint64) *unix.Stat_t {
	return &unix.Stat_t{Dev: k.Dev, Ino: k.Ino, Mode: mode, Nlink: nlink}
}

func TestDeviceNumbers(t *testing.T) {
	tab := NewTable(guest, mounts)
	for _, c := range []struct {
		path    string
		minor   uint32
		project bool
	}{
		{"/", 64, false},
		{"/elsewhere", 64, false},
		{"/usr", 64, false},
		{"/usr/bin/env", 64, false},
		{"/opt/x", 64, false},
		{"/proc", 65, false},
		{"/tmp", 66, false},
		{"/tmp/projects", 66, false},
		{"/tmp/project", 67, true},
		{"/tmp/project/a/b", 67, true},
		{"/usrlocal", 64, false},
	} {
		dev, project := tab.mountOf(c.path)
		if dev != unix.Mkdev(0, c.minor) || project != c.project {
			t.Errorf("%s: device %d:%d, project %v, want 0:%d, %v", c.path, unix.Major(dev), unix.Minor(dev), project, c.minor, c.project)
		}
	}
	// How many parts of the host's file system there are changes nothing.
	more := NewTable(guest, append([]Mount{{Path: "/lib", Host: true}, {Path: "/bin", Host: true}}, mounts...))
	for _, p := range []string{"/lib/x", "/tmp/x", "/tmp/project/x"} {
		a, _ := tab.mountOf(p)
		b, _ := more.mountOf(p)
		if a != b {
			t.Errorf("%s: device %x with more of the host in the box, %x with less", p, b, a)
		}
	}
}

func TestLower(t *testing.T) {
	tab, again := NewTable(guest, mounts), NewTable(Owner{0, 0}, mounts)
	n := tab.Lower(Key{1, 2}, "/tmp/project/a")
	if n.Made || n.Mtime != LowerMtime || n.Owner != guest {
		t.Errorf("a file of the project is %+v", n)
	}
	if m := tab.Lower(Key{1, 3}, "/usr/a"); m.Owner != (Owner{}) {
		t.Errorf("a file of the host belongs to %v, want root", m.Owner)
	}
	if m := tab.Lower(Key{1, 2}, "/tmp/project/other"); m != n {
		t.Error("the same key is two inodes")
	}
	if m := again.Lower(Key{7, 8}, "/tmp/project/a"); m.Ino != n.Ino {
		t.Errorf("numbers %d and %d of one path in two boxes", m.Ino, n.Ino)
	}
}

func TestCreated(t *testing.T) {
	tab := NewTable(guest, mounts)
	maker, other := []byte("maker"), []byte("other")
	seen := map[uint64]string{}
	for name, n := range map[string]*Inode{
		"lower":  tab.Lower(Key{1, 1}, "/tmp/project/d"),
		"dir":    tab.CreatedDir(Key{1, 2}, "/tmp/project/d", guest),
		"again":  tab.CreatedDir(Key{1, 3}, "/tmp/project/d", guest), // the first one may have been renamed
		"first":  tab.Created(Key{1, 4}, "/tmp/project/f", maker, 1, guest),
		"second": tab.Created(Key{1, 5}, "/tmp/project/f", maker, 2, guest),
		"third":  tab.Created(Key{1, 6}, "/tmp/project/f", other, 1, guest),
	} {
		if n.Ino < 1<<16 || n.Ino >= 1<<53 {
			t.Errorf("%s has the number %d", name, n.Ino)
		}
		if before, dup := seen[n.Ino]; dup {
			t.Errorf("%s and %s have the same number", before, name)
		}
		seen[n.Ino] = name
	}
	// Where it was made does not count, nor what else was.
	a := NewTable(guest, mounts).Created(Key{9, 9}, "/tmp/x", maker, 1, guest)
	if a.Ino != tab.Known(Key{1, 4}).Ino {
		t.Error("the number of what a task makes depends on more than the task and how much it made")
	}
}

// A number of the kernel's that was used before does not mean the old inode.
func TestFindReused(t *testing.T) {
	const file, dir = unix.S_IFREG | 0o644, unix.S_IFDIR | 0o755
	k := Key{1, 2}
	t.Run("made", func(t *testing.T) {
		tab := NewTable(guest, mounts)
		n := tab.Created(k, "/tmp/project/f", []byte("maker"), 1, guest)
		n.Unlinked(statOf(k, file, 2))
		if tab.Find(statOf(k, file, 1)) != n {
			t.Error("lost with the first of two names")
		}
		n.Unlinked(statOf(k, file, 1))
		if tab.Find(statOf(k, file, 0)) != n {
			t.Error("lost while it is open")
		}
		if tab.Find(statOf(k, file, 1)) != nil {
			t.Error("another file is taken for one that is gone")
		}
		if tab.Find(statOf(k, file, 0)) != nil {
			t.Error("not forgotten")
		}
	})
	t.Run("lower", func(t *testing.T) {
		tab := NewTable(guest, mounts)
		n := tab.Lower(k, "/tmp/project/f")
		n.Unlinked(statOf(k, file, 1))
		if tab.Find(statOf(k, file, 1)) != n {
			t.Error("lost while it is open: its layer keeps its link")
		}
		copied := Key{1, 3}
		tab.Alias(copied, n)
		if tab.Find(statOf(copied, file, 0)) != n {
			t.Error("its copy is lost while it is open")
		}
		if tab.Find(statOf(copied, file, 1)) != nil {
			t.Error("another file is taken for the copy of one that is gone")
		}
	})
	t.Run("directory", func(t *testing.T) {
		tab := NewTable(guest, mounts)
		n := tab.CreatedDir(k, "/tmp/project/d", guest)
		n.Unlinked(statOf(k, dir, 2))
		if tab.Find(statOf(k, dir, 1)) != n {
			t.Error("lost while it is open: overlays show one link")
		}
		if tab.Find(statOf(k, file, 1)) != nil {
			t.Error("a file is taken for a directory that is gone")
		}
	})
	t.Run("created over it", func(t *testing.T) {
		tab := NewTable(guest, mounts)
		tab.Created(k, "/tmp/project/f", []byte("maker"), 1, guest).Unlinked(statOf(k, file, 1))
		n := tab.Created(k, "/tmp/project/g", []byte("maker"), 2, guest)
		if tab.Find(statOf(k, file, 1)) != n {
			t.Error("the new file is not found")
		}
	})
}

func TestGoneNames(t *testing.T) {
	tab := NewTable(guest, mounts)
	dir := tab.Lower(Key{1, 1}, "/tmp/project")
	n := tab.Lower(Key{1, 2}, "/tmp/project/a")
	if _, ok := tab.Existed(dir, "a"); ok {
		t.Error("a name that is there counts as gone")
	}
	tab.Bind("/tmp/project/a", n)
	tab.Removed(dir, "a", "/tmp/project/a", n)
	if last, ok := tab.Existed(dir, "a"); !ok || last != n {
		t.Errorf("a name that is gone was %v's, %v", last, ok)
	}
	if tab.At("/tmp/project/a") != nil {
		t.Error("still bound")
	}
	other := tab.Lower(Key{1, 3}, "/tmp/project/d")
	if _, ok := tab.Existed(other, "a"); ok {
		t.Error("gone in another directory")
	}
	// The directory may be known by another number, and name, meanwhile.
	tab.Alias(Key{5, 5}, dir)
	if _, ok := tab.Existed(tab.Known(Key{5, 5}), "a"); !ok {
		t.Error("forgotten with the directory's number")
	}
}

func TestBindOnlyInProjects(t *testing.T) {
	tab := NewTable(guest, mounts)
	n := tab.Lower(Key{1, 2}, "/tmp/a")
	tab.Bind("/tmp/a", n)
	if n.Bound() || tab.Binds() || tab.At("/tmp/a") != nil {
		t.Error("bound where numbers do not change")
	}
	n = tab.Lower(Key{1, 3}, "/tmp/project/a")
	tab.Bind("/tmp/project/a", n)
	if !n.Bound() || !tab.Binds() || tab.At("/tmp/project/a") != n {
		t.Error("not bound in a project")
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, dir string
		want      bool
	}{
		{"/a", "/", true}, {"/", "/", true}, {"/a", "/a", true}, {"/a/b", "/a", true},
		{"/ab", "/a", false}, {"/", "/a", false}, {"/b/a", "/a", false},
	} {
		if got := Within(c.path, c.dir); got != c.want {
			t.Errorf("Within(%q, %q) = %v", c.path, c.dir, got)
		}
	}
}

// TestOwner: what was there before is root's, but for the project and the
// guest's home.
func TestOwner(t *testing.T) {
	guest := Owner{1000, 1001}
	table := NewTable(guest, []Mount{
		{Path: "/home/user", Guest: true}, {Path: "/project", Project: true}, {Path: "/tmp"}, {Path: "/usr", Host: true},
	})
	for i, tt := range []struct {
		path string
		want Owner
	}{
		{"/", Owner{}}, {"/home", Owner{}}, {"/home/user", guest}, {"/home/user/x", Owner{}},
		{"/project", guest}, {"/project/x", guest}, {"/tmp", Owner{}}, {"/usr/bin", Owner{}},
	} {
		if n := table.Lower(Key{1, uint64(i + 1)}, tt.path); n.Owner != tt.want {
			t.Errorf("%s: %v, want %v", tt.path, n.Owner, tt.want)
		}
	}
}
