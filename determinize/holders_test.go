package determinize

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// fdName is the magic link of a descriptor of ours, below /proc.
func fdName(f *os.File) string { return fmt.Sprintf("%d/fd/%d", os.Getpid(), f.Fd()) }

func TestMappedFile(t *testing.T) {
	for _, c := range []struct {
		line string
		ino  uint64
		path string
	}{
		{"7f00-7f10 r--p 00001000 fe:00 123                        /usr/lib/x.so\n", 123, "/usr/lib/x.so"},
		{"7f00-7f10 r--p 00001000 fe:00 18446744073709551615 /a b\n", 1<<64 - 1, "/a b"},
		{"7f00-7f10 rw-s 00000000 00:2a 5 /p/new\\012line (deleted)\n", 5, "/p/new\nline"},
		{"7f00-7f10 rw-p 00000000 00:00 0                          [heap]\n", 0, ""},
		{"7f00-7f10 rw-p 00000000 00:00 0 \n", 0, ""},
		{"7f00-7f10 rw-s 00000000 00:01 7 anon_inode:x\n", 0, ""},
		{"7f00-7f10 rw-s 00000000 00:01 x /a\n", 0, ""},
		{"", 0, ""},
		{"a b", 0, ""},
	} {
		ino, path, ok := mappedFile(c.line)
		if ino != c.ino || path != c.path || ok != (c.path != "") {
			t.Errorf("%q: %d %q %v, want %d %q", c.line, ino, path, ok, c.ino, c.path)
		}
	}
}

func FuzzMappedFile(f *testing.F) {
	f.Add("7f00-7f10 r--p 00001000 fe:00 123                        /usr/lib/x.so\n")
	f.Add("7f00-7f10 rw-s 00000000 00:2a 5 /p/new\\012line (deleted)\n")
	f.Add("      ")
	f.Fuzz(func(t *testing.T, line string) {
		ino, path, ok := mappedFile(line)
		if ok != (ino != 0) || ok != strings.HasPrefix(path, "/") {
			t.Fatalf("%q: %d %q %v", line, ino, path, ok)
		}
	})
}

// What this process holds, as if it were a task.
func TestHolders(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "d/open", "d/mapped", "closed", "e/f")
	e := fileEngine(t, vfs.Mount{Path: root, Project: true}, vfs.Mount{Path: root + "/e", Project: true})
	e.tasks = map[int]*task{os.Getpid(): {process: &process{}}}
	f, err := os.Open(root + "/d/open")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := os.Open(root + "/d/mapped")
	if err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(g.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	g.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path         string
		open, mapped bool
	}{{"d/open", true, false}, {"d/mapped", false, true}, {"closed", false, false}} {
		path := filepath.Join(root, c.path)
		st := lstat(t, path)
		if got := e.hasOpen(st); got != c.open {
			t.Errorf("%s: open %v", c.path, got)
		}
		if got := e.mapsFile(st.Ino, path); got != c.mapped {
			t.Errorf("%s: mapped %v", c.path, got)
		}
		if e.mapsFile(st.Ino, root+"/e/f") {
			t.Errorf("%s: mapped in another mount", c.path)
		}
	}
	if !e.heldBelow(root+"/d") || e.heldBelow(root+"/e") || e.heldBelow(root+"/d/o") {
		t.Error("held below the wrong directories")
	}
	f.Close()
	if !e.heldBelow(root + "/d") {
		t.Error("the mapping does not hold its directory")
	}
	if err := unix.Munmap(m); err != nil {
		t.Fatal(err)
	}
	if e.heldBelow(root + "/d") {
		t.Error("still held")
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if !e.heldBelow(cwd) || !e.heldBelow(filepath.Dir(cwd)) {
		t.Error("the working directory does not hold itself, or those above")
	}
}
