package determinize

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/exe/statcache"
	"laplace.dev/laplace/determinize/vfs"
)

// fileEngine is an engine that only knows of files.
func fileEngine(t *testing.T, mounts ...vfs.Mount) *engine {
	t.Helper()
	proc, err := os.Open("/proc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proc.Close() })
	e := &engine{
		cfg:    Config{HostProc: proc, FSUID: os.Geteuid()},
		fs:     vfs.NewTable(vfs.Owner{UID: 1000, GID: 1000}, mounts),
		report: Report{Refused: make(map[string]uint64)},
	}
	e.watchAccesses()
	return e
}

// tree makes files with their paths as content, directories (paths that end in
// a slash) and hard links (path and target, separated by a space).
func tree(t *testing.T, root string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		p, target, link := cutSpace(p)
		p = filepath.Join(root, p)
		dir := filepath.Dir(p)
		if !link && target != "" {
			dir = p
		}
		err := os.MkdirAll(dir, 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Link(filepath.Join(root, target), p)
		case target == "":
			err = os.WriteFile(p, []byte(p), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// cutSpace takes "path target" apart. The target of a directory is "/".
func cutSpace(s string) (path, target string, link bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	if s[len(s)-1] == '/' {
		return s[:len(s)-1], "/", false
	}
	return s, "", false
}

func lstat(t *testing.T, path string) *unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatalf("lstat %s: %v", path, err)
	}
	return &st
}

func TestLinkNames(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "z/one", "a/two z/one", "a\nb z/one", "alone", "x/p", "x/q x/p", "x/\xff x/p", "other/in", "mounted/three z/one")
	e := fileEngine(t,
		vfs.Mount{Path: root, Project: true},
		vfs.Mount{Path: root + "/mounted", Project: true},
	)
	for _, c := range []struct {
		path string
		want []string
	}{
		{"a/two", []string{"a\nb", "a/two", "z/one"}},
		{"z/one", []string{"a\nb", "a/two", "z/one"}},
		{"x/q", []string{"x/p", "x/q", "x/\xff"}},
		{"mounted/three", []string{"mounted/three"}}, // links do not leave a mount
	} {
		want := make([]string, len(c.want))
		for i, p := range c.want {
			want[i] = root + "/" + p
		}
		path := root + "/" + c.path
		if diff := cmp.Diff(want, e.linkNames(lstat(t, path), path)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.path, diff)
		}
	}
	// One walk, at first need: later ones are not seen.
	tree(t, root, "new z/one")
	path := root + "/z/one"
	if got := e.linkNames(lstat(t, path), path); len(got) != 3 {
		t.Errorf("walked again: %q", got)
	}
	// A name that is another file's now does not count.
	if err := os.Remove(root + "/a/two"); err != nil {
		t.Fatal(err)
	}
	tree(t, root, "a/two")
	if got := e.linkNames(lstat(t, path), path); len(got) != 2 {
		t.Errorf("names after one was replaced: %q", got)
	}
}

// Directories of some file systems tell other numbers than stat.
func TestWalkAsking(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "one", "d/two one", "alone", "d/file")
	w := walker{e: fileEngine(t)}
	told := w.groups([]string{root}, lstat(t, root+"/one").Ino)
	if w.asking {
		t.Fatal("asked though directories tell")
	}
	asked := walker{e: w.e}
	if diff := cmp.Diff(told, asked.groups([]string{root}, 1)); diff != "" {
		t.Errorf("asking finds others (-told +asked)\n%s", diff)
	}
	if !asked.asking {
		t.Error("not asked though a file was not found")
	}
}

// A file of the host is numbered by its least name in all of what is in the box.
func TestLowerOfHost(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "b/one", "a/two b/one", "c/three b/one", "b/alone", "outside/x b/alone")
	mounts := []vfs.Mount{{Path: root + "/b", Host: true}, {Path: root + "/a", Host: true}, {Path: root + "/c/three", Host: true}}
	links := statcache.OpenLinks("", func() time.Time { return time.Now().Add(time.Hour) }, slog.New(slog.DiscardHandler))
	var ino uint64
	for _, first := range []string{"b/one", "c/three", "a/two"} {
		e := fileEngine(t, mounts...)
		e.cfg.Links = links
		path := root + "/" + first
		n := e.inode(lstat(t, path), func() (string, unix.Errno) { return path, 0 })
		if want := e.fs.Lower(vfs.Key{Dev: 1, Ino: 1}, root+"/a/two").Ino; n.Ino != want {
			t.Errorf("%s has the number %d, want %d", first, n.Ino, want)
		}
		if ino != 0 && (n.Ino != ino || e.walks != nil) {
			t.Errorf("%s: number %d, first %d; walked again: %v", first, n.Ino, ino, e.walks != nil)
		}
		ino = n.Ino
		if st := lstat(t, path); true {
			n.Show(st, 0, nil)
			if st.Nlink != 3 {
				t.Errorf("%s has %d links", first, st.Nlink)
			}
		}
	}
	// Of a name elsewhere nothing is seen.
	e := fileEngine(t, mounts...)
	st := lstat(t, root+"/b/alone")
	e.inode(st, func() (string, unix.Errno) { return root + "/b/alone", 0 }).Show(st, 0, nil)
	if st.Nlink != 1 {
		t.Errorf("a name that is not in the box counts: %d links", st.Nlink)
	}
}

func TestReplaceByLink(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "one", "d/two", "d/"+tempName(0), "d/"+tempName(1))
	if err := replaceByLink(root+"/one", root+"/d/two"); err != nil {
		t.Fatal(err)
	}
	if a, b := lstat(t, root+"/one"), lstat(t, root+"/d/two"); a.Ino != b.Ino || a.Nlink != 2 {
		t.Errorf("%d and %d, %d links", a.Ino, b.Ino, a.Nlink)
	}
	if lstat(t, root+"/d/"+tempName(0)).Nlink != 1 {
		t.Error("a file in the way was taken")
	}
	if err := replaceByLink(root+"/one", root+"/absent/x"); err != unix.ENOENT {
		t.Errorf("into a directory that is not there: %v", err)
	}
}

// An inode whose number changed is found by the path that it is bound to,
// unless that names something else now.
func TestInodeByPath(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "file", "other")
	e := fileEngine(t, vfs.Mount{Path: root, Project: true})
	path := root + "/file"
	named := func() (string, unix.Errno) { return path, 0 }
	st := lstat(t, path)
	n := e.inode(st, named)
	e.fs.Bind(path, n)
	e.fs.Drop(vfs.KeyOf(st)) // as when the kernel tells another number
	if e.inode(st, named) != n {
		t.Error("not found by its path")
	}
	if e.fs.Find(st) != n {
		t.Error("not known by its new number")
	}
	if other := lstat(t, root+"/other"); e.inode(other, named) == n {
		t.Error("another file is taken for what its name is bound to")
	}
}

func TestDeletedNames(t *testing.T) {
	root := t.TempDir()
	e := fileEngine(t)
	for _, c := range []struct {
		name   string
		remove bool
	}{{"plain", false}, {"plain", true}, {"x (deleted)", false}, {"x (deleted)", true}, {"x (deleted) (deleted)", true}} {
		path := filepath.Join(root, c.name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if c.remove {
			os.Remove(path)
		}
		got, errno := e.pathOf(fdName(f))
		if errno != 0 || got != path {
			t.Errorf("%q, removed %v: %q, %v", c.name, c.remove, got, errno)
		}
		f.Close()
		os.Remove(path)
	}
}

func TestDirPath(t *testing.T) {
	root := t.TempDir()
	e := fileEngine(t)
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := root
	base := string(make([]byte, 0, 200))
	for len(base) < 200 {
		base += "d\n"
	}
	for range 30 { // beyond what the kernel tells
		if err := unix.Mkdirat(fd, base, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := openDir(fd, base)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
		want += "/" + base
		if got := e.dirPath(fd); got != want {
			t.Fatalf("%d bytes deep: %d bytes, %q", len(want), len(got), got)
		}
	}
	unix.Close(fd)
}
