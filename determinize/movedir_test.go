package determinize

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// snapshot describes all that is below a directory, and the directory itself.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st := lstat(t, path)
		rel, _ := filepath.Rel(root, path)
		out[rel] = fmt.Sprintf("mode %o", st.Mode)
		if !d.IsDir() {
			out[rel] += fmt.Sprintf(" inode %d links %d size %d", st.Ino, st.Nlink, st.Size)
		}
		value := make([]byte, 100)
		if n, err := unix.Lgetxattr(path, "user.note", value); err == nil {
			out[rel] += " note " + string(value[:n])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// moveTree is a directory of every kind of thing.
func moveTree(t *testing.T) (root string, dir int) {
	t.Helper()
	root = t.TempDir()
	tree(t, root, "a/file", "a/sub/deep/f", "a/hard a/file", "a/sub/new\nline", "a/empty/", "outside a/file")
	os.Symlink("file", root+"/a/sym")
	unix.Mkfifo(root+"/a/fifo", 0o640)
	os.Chmod(root+"/a", 0o750|os.ModeSetgid)
	os.Chmod(root+"/a/empty", 0o701)
	unix.Setxattr(root+"/a", "user.note", []byte("here"), 0)
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return root, fd
}

func TestMoveDir(t *testing.T) {
	root, fd := moveTree(t)
	e := fileEngine(t, vfs.Mount{Path: root, Project: true})
	m := &mover{e: e}
	before := snapshot(t, root+"/a")
	was := e.inode(lstat(t, root+"/a"), func() (string, unix.Errno) { return root + "/a", 0 })
	deep := e.inode(lstat(t, root+"/a/sub"), func() (string, unix.Errno) { return root + "/a/sub", 0 })
	if err := m.dir(fd, "a", fd, "b", root+"/a"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t, root+"/b")); diff != "" {
		t.Errorf("moved (-want +got)\n%s", diff)
	}
	if e.fs.Find(lstat(t, root+"/b")) != was || e.fs.Find(lstat(t, root+"/b/sub")) != deep {
		t.Error("the directories are not known by their new numbers")
	}
	if e.fs.At(root+"/a") != was || e.fs.At(root+"/a/sub") != deep || e.fs.At(root+"/a/file") == nil {
		t.Error("what was moved is not bound to its path")
	}
	if err := removeDirs(fd, "a"); err != nil {
		t.Errorf("remove what is left: %v", err)
	}
	if len(e.report.Taints) > 0 {
		t.Errorf("tainted: %v", e.report.Taints)
	}
}

// A move that stops half-way is taken back, wherever it stops.
func TestMoveDirBack(t *testing.T) {
	for stop := range 9 {
		root, fd := moveTree(t)
		e := fileEngine(t, vfs.Mount{Path: root, Project: true})
		m := &mover{e: e}
		before := snapshot(t, root+"/a")
		// What dir does up to there.
		old, err := openDir(fd, "a")
		if err != nil {
			t.Fatal(err)
		}
		names, err := listNames(old)
		if err != nil {
			t.Fatal(err)
		}
		if stop > 0 {
			if err := unix.Mkdirat(fd, "b", 0o700); err != nil {
				t.Fatal(err)
			}
			made, err := openDir(fd, "b")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names[:min(stop-1, len(names))] {
				if st := lstat(t, root+"/a/"+name); isDir(st) && stop%2 == 0 {
					// One that the kernel would not rename.
					err = m.dir(old, name, made, name, root+"/a/"+name)
				} else {
					err = m.entry(old, made, name, root+"/a/"+name)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			unix.Close(made)
		}
		unix.Close(old)
		if err := m.restore(fd, "a", fd, "b"); err != nil {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		if diff := cmp.Diff(before, snapshot(t, root+"/a")); diff != "" {
			t.Errorf("stopped after %d (-want +got)\n%s", stop, diff)
		}
		if unix.Lstat(root+"/b", &unix.Stat_t{}) != unix.ENOENT {
			t.Errorf("stopped after %d: the new directory is left", stop)
		}
	}
}

func TestRemoveDirs(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "d/a/b/c/", "d/x/", "keep/sub/", "keep/file")
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := removeDirs(fd, "d"); err != nil || unix.Lstat(root+"/d", &unix.Stat_t{}) != unix.ENOENT {
		t.Errorf("directories: %v", err)
	}
	if err := removeDirs(fd, "keep"); err == nil {
		t.Error("a file was in the way, and no error")
	}
	lstat(t, root+"/keep/file")
	if err := empty(fd, "keep"); err != unix.ENOTEMPTY {
		t.Errorf("a directory with a file: %v", err)
	}
	if err := os.Mkdir(root+"/empty", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := empty(fd, "empty"); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
}
