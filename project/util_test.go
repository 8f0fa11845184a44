package project

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// tree reads a directory: of each path a line with all that a commit may change.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	m, links := map[string]string{}, map[uint64][]string{}
	must(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("mode %o mtime %d", st.Mode, st.Mtim.Nano())
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %q blocks %d", content[:min(len(content), 100)], st.Blocks)
		case unix.S_IFLNK:
			target, _ := os.Readlink(p)
			text += " -> " + target
		}
		buf := make([]byte, 100)
		if n, err := unix.Lgetxattr(p, "user.x", buf); err == nil {
			text += fmt.Sprintf(" user.x %q", buf[:n])
		}
		m[rel] = text
		if !d.IsDir() {
			links[st.Ino] = append(links[st.Ino], rel)
		}
		return nil
	}))
	for _, list := range links {
		if len(list) > 1 {
			slices.Sort(list)
			for _, p := range list {
				m[p] += fmt.Sprintf(" links %q", list)
			}
		}
	}
	return m
}

// place is a project, or two, with a state directory and the changes of a run.
type place struct {
	t        testing.TB
	dir      string
	base     string
	projects []string
}

func newPlace(t testing.TB, dir string, projects ...string) *place {
	p := &place{t: t, dir: dir, base: filepath.Join(dir, "state/projects")}
	for _, name := range projects {
		p.projects = append(p.projects, filepath.Join(dir, name))
	}
	t.Cleanup(func() { _ = RemoveAll(dir) })
	return p
}

func (p *place) box() string { return filepath.Join(p.dir, "state/box") }

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// build makes projects and changes with everything in them.
func (p *place) build() {
	t := p.t
	for i, project := range p.projects {
		in := func(name string) string { return filepath.Join(project, name) }
		write(t, in("edit"), "before")
		write(t, in("gone"), "before")
		write(t, in("tree/a/b"), "before")
		write(t, in("opaque/old"), "before")
		write(t, in("to-file/a"), "before")
		write(t, in("to-dir"), "before")
		write(t, in("same"), "same")
		write(t, in("old-name"), "moved")
		write(t, in("odd \n\xff name"), "before")
		write(t, in("l1"), "before")
		must(t, os.Link(in("l1"), in("l2")))
		for n, name := range []string{"edit", "gone", "same", "opaque", "tree/a", "."} {
			at := unix.NsecToTimespec(int64(1e18 + n))
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, in(name), []unix.Timespec{at, at}, 0))
		}
		up := func(name string) string { return filepath.Join(UpperDir(p.box(), i), name) }
		write(t, up("edit"), "after "+strconv.Itoa(i))
		must(t, unix.Setxattr(up("edit"), "user.x", []byte("x"), 0))
		for _, name := range []string{"gone", "tree", "old-name"} {
			must(t, unix.Mknod(up(name), unix.S_IFCHR, 0))
		}
		write(t, up("opaque/new"), "after")
		must(t, unix.Setxattr(up("opaque"), "user.overlay.opaque", []byte("y"), 0))
		write(t, up("to-file"), "after")
		write(t, up("to-dir/in"), "after")
		write(t, up("same"), "same")
		must(t, os.Chmod(up("same"), 0o600))
		write(t, up("new-name"), "moved")
		write(t, up("odd \n\xff name"), "after")
		write(t, up("l1"), "after")
		must(t, os.Link(up("l1"), up("l2")))
		write(t, up("fresh/deep/f"), "after")
		must(t, os.Chmod(up("fresh/deep"), 0o500))
		must(t, os.Symlink("edit", up("sym")))
		f, err := os.Create(up("sparse"))
		must(t, err)
		must(t, f.Truncate(1<<20))
		must(t, f.Close())
	}
}

// snapshots are those of the projects.
func (p *place) snapshots() (list []*Snapshot) {
	for _, project := range p.projects {
		dir, err := os.Open(project)
		must(p.t, err)
		s, err := Take(dir)
		must(p.t, err)
		dir.Close()
		list = append(list, s)
	}
	return list
}

const since = int64(1577836800e9)

// change describes the changes in box, of a run that began with these snapshots.
func (p *place) change(snapshots []*Snapshot) *Change {
	t := p.t
	c := &Change{}
	for i, project := range p.projects {
		fi, err := os.Stat(project)
		must(t, err)
		l := Layer{Source: project, Since: since, Meta: map[string]Meta{}}
		var st unix.Stat_t
		must(t, unix.Stat(project, &st))
		_ = fi
		l.Ino = st.Ino
		upper, err := os.Open(UpperDir(p.box(), i))
		must(t, err)
		n := int64(0)
		must(t, layer.Walk(upper, nil, func(e layer.Entry) error {
			n++
			l.Meta[e.Path] = Meta{Mtime: since + n%5, UID: 1000, GID: 1000}
			return nil
		}))
		l.Digest, err = layer.Digest(upper, &l)
		must(t, err)
		must(t, l.SetBase(snapshots[i], upper))
		upper.Close()
		c.Layers = append(c.Layers, l)
	}
	return c
}

// lock takes the locks; options are those of what follows.
func (p *place) lock() (*Locks, *State, Options) {
	p.t.Helper()
	l, err := Lock(context.Background(), p.base, p.projects, Who{os.Getpid(), "test"}, nil)
	must(p.t, err)
	o := Options{Now: time.Unix(1_700_000_000, 0), Members: l.States}
	var main *State
	for _, s := range l.States {
		if s.project == p.projects[0] {
			main = s
		}
	}
	return l, main, o
}

func (p *place) trees() (list []map[string]string) {
	for _, project := range p.projects {
		list = append(list, tree(p.t, project))
	}
	return list
}

// left are the names in the states but for those that always are there.
func (p *place) left() (list []string) {
	for _, project := range p.projects {
		entries, err := os.ReadDir(Dir(p.base, project))
		must(p.t, err)
		for _, e := range entries {
			if e.Name() != lockName && e.Name() != pathName {
				list = append(list, e.Name())
			}
		}
	}
	return list
}

// differ says in what two lists of trees differ; "" if they do not.
func differ(a, b []map[string]string) string { return cmp.Diff(a, b) }
