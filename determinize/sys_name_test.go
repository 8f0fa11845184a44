package determinize

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/determinize/vfs"
)

// Names that appear, vanish and replace each other: which of it counts an
// overwrite, and what is stamped.
func TestNamesStamp(t *testing.T) {
	names := []string{"a", "b", "c", "d\n", "e (deleted)"}
	rapid.Check(t, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		e := fileEngine(t, vfs.Mount{Path: root, Project: true})
		p := &task{process: &process{exec: &execution{id: 1}}}
		p.leader = p
		dir := e.inode(lstat(t, root), func() (string, unix.Errno) { return root, 0 })
		here := map[string]*vfs.Inode{}
		existed := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			from := rapid.SampledFrom(names).Draw(rt, "name")
			to := rapid.SampledFrom(names).Draw(rt, "other")
			before := p.clk.Over
			want := before
			p.clk.Tick()
			a := e.entryOf(p, where{dir: unix.AT_FDCWD, path: root + "/" + from})
			b := e.entryOf(p, where{dir: unix.AT_FDCWD, path: root + "/" + to})
			was := e.at(a)
			if was != here[from] {
				rt.Fatalf("%q is another inode than it was", from)
			}
			switch do := rapid.IntRange(0, 2).Draw(rt, "do"); {
			case do == 0 && was == nil: // made
				if err := os.WriteFile(root+"/"+from, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				st, _ := a.now()
				e.made(p, a, &st)
				if existed[from] {
					want++
				}
				here[from] = e.fs.Find(&st)
				if here[from].Mtime != p.clk.Stamp() {
					rt.Fatalf("made at %d with the time %d", p.clk.Stamp(), here[from].Mtime)
				}
			case do == 1 && was != nil: // taken away
				if err := os.Remove(root + "/" + from); err != nil {
					t.Fatal(err)
				}
				was.Unlinked(&a.st)
				e.fs.Removed(a.dir, a.base, a.path(), was)
				e.changed(p, a)
				delete(here, from)
				existed[from] = true
			case do == 2 && was != nil && from != to: // renamed
				other := e.at(b)
				if err := os.Rename(root+"/"+from, root+"/"+to); err != nil {
					t.Fatal(err)
				}
				mtime := was.Mtime
				last, _ := e.fs.Existed(dir, to)
				e.renamed(p, a, b, was, other)
				if other != nil || existed[to] {
					want++
				}
				replaced := other != nil || existed[to] && last != was && last.Gone()
				if replaced && was.Mtime != p.clk.Stamp() || !replaced && was.Mtime != mtime {
					rt.Fatalf("%q to %q at %d: from time %d to %d", from, to, p.clk.Stamp(), mtime, was.Mtime)
				}
				delete(here, from)
				here[to] = was
				existed[from] = true
			default:
				p.release()
				continue
			}
			if p.clk.Over != want {
				rt.Fatalf("%d overwrites, want %d", p.clk.Over-before, want-before)
			}
			if dir.Mtime != p.clk.Stamp() {
				rt.Fatalf("the directory has the time %d after a change at %d", dir.Mtime, p.clk.Stamp())
			}
			p.release()
		}
	})
}

func TestEntryOf(t *testing.T) {
	root := t.TempDir()
	tree(t, root, "d/file", "d/sub/x")
	os.Symlink("d", root+"/link")
	os.Symlink("nowhere", root+"/dangling")
	e := fileEngine(t, vfs.Mount{Path: root, Project: true})
	p := &task{process: &process{}}
	for _, c := range []struct {
		path   string
		named  bool
		want   string
		exists bool
	}{
		{"d/file", true, "d/file", true},
		{"d/file/", true, "d/file", true},
		{"link/file", true, "d/file", true},
		{"link", true, "link", true},
		{"dangling", true, "dangling", true},
		{"link/../new", true, "new", false},
		{"d//./sub/../new//", true, "d/new", false},
		{"d/sub/..", false, "", false},
		{"d/.", false, "", false},
		{"", false, "", false},
		{"absent/x", false, "", false},
		{"d/file/x", false, "", false},
	} {
		n := e.entryOf(p, where{dir: unix.AT_FDCWD, path: root + "/" + c.path})
		if c.path == "" {
			n = e.entryOf(p, where{dir: unix.AT_FDCWD, path: "/"})
		}
		if (n.fd >= 0) != c.named {
			t.Errorf("%q: descriptor %d", c.path, n.fd)
		} else if c.named && (n.path() != root+"/"+c.want || n.exists != c.exists) {
			t.Errorf("%q: %q, %v; want %q, %v", c.path, n.path(), n.exists, c.want, c.exists)
		}
	}
	if len(p.held) == 0 {
		t.Error("nothing is held")
	}
	held := p.held[0]
	p.release()
	if _, err := unix.FcntlInt(uintptr(held), unix.F_GETFD, 0); err != unix.EBADF || len(p.held) != 0 {
		t.Errorf("not released: %v", err)
	}
}
