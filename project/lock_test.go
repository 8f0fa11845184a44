package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"laplace.dev/laplace/cachelayer/layer"
)

var background = context.Background()

// TestLock: one at a time, whoever waits is told for whom, once, and a purge in
// between takes nothing away from anybody.
func TestLock(t *testing.T) {
	base := filepath.Join(t.TempDir(), "projects")
	first, err := Lock(background, base, []string{"/b", "/a", "/b"}, Who{7, "first"}, nil)
	must(t, err)
	if len(first.States) != 2 || len(first.Files()) != 2 || first.States[0].Project() != "/a" {
		t.Fatalf("%+v", first)
	}
	if p, ok, err := Purge(base, "/a"); !ok || !p.Busy || err != nil {
		t.Errorf("purge of what is used: %+v %v %v", p, ok, err)
	}
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(background)
	var told []string
	_, err = Lock(ctx, base, []string{"/0", "/a"}, Who{8, "second"}, func(project, holder string) {
		told = append(told, project+" "+holder)
		cancel(cause)
	})
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	equal(t, "told", told, []string{"/a 7 first"})
	// What it had is free again.
	other, err := Lock(background, base, []string{"/0"}, Who{}, nil)
	must(t, err)
	other.Close()

	first.Only([]string{"/b"})
	other, err = Lock(background, base, []string{"/a"}, Who{}, nil)
	must(t, err)
	other.Close()
	first.Close()

	// Many who lock, and one who purges: never two at once.
	var mu sync.Mutex
	inside, most := 0, 0
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				l, err := Lock(background, base, []string{"/c", fmt.Sprint("/d", i%2)}, Who{i, "many"}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				inside--
				mu.Unlock()
				l.Close()
				if _, _, err := Purge(base, "/c"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d at once", most)
	}
}

func TestPrivate(t *testing.T) {
	base := filepath.Join(t.TempDir(), "projects")
	l, err := Lock(background, base, []string{"/a"}, Who{}, nil)
	must(t, err)
	l.Close()
	must(t, os.Chmod(Dir(base, "/a"), 0o750))
	if _, err := Lock(background, base, []string{"/a"}, Who{}, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("lock: %v", err)
	}
	if _, err := Open(base, "/a"); !errors.Is(err, ErrForeign) {
		t.Errorf("open: %v", err)
	}
	must(t, os.RemoveAll(Dir(base, "/a")))
	must(t, os.Symlink(t.TempDir(), Dir(base, "/a")))
	if _, err := Lock(background, base, []string{"/a"}, Who{}, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("lock of a link: %v", err)
	}
}

func TestPurge(t *testing.T) {
	base := filepath.Join(t.TempDir(), "projects")
	if list, err := Projects(base); len(list) > 0 || err != nil {
		t.Errorf("%v %v", list, err)
	}
	if _, ok, err := Purge(base, "/a"); ok || err != nil {
		t.Errorf("purge of nothing: %v %v", ok, err)
	}
	there := t.TempDir()
	for _, p := range []string{"/gone", there} {
		l, err := Lock(background, base, []string{p}, Who{}, nil)
		must(t, err)
		write(t, filepath.Join(l.States[0].Path(), "kept/deny/file"), string(make([]byte, 100<<10)))
		must(t, os.Chmod(filepath.Join(l.States[0].Path(), "kept/deny"), 0o500))
		must(t, os.MkdirAll(filepath.Join(l.States[0].Path(), commitName), 0o700))
		l.Close()
	}
	list, err := Projects(base)
	must(t, err)
	equal(t, "projects", list, []string{"/gone", there})
	if p, ok, err := Purge(base, there); !ok || !p.Pending || err != nil {
		t.Errorf("a commit under way: %+v %v %v", p, ok, err)
	}
	p, ok, err := Purge(base, "/gone")
	if !ok || p.Pending || p.Bytes < 100<<10 || err != nil {
		t.Errorf("%+v %v %v", p, ok, err)
	}
	list, err = Projects(base)
	must(t, err)
	equal(t, "projects", list, []string{there})
	entries, err := os.ReadDir(base)
	must(t, err)
	equal(t, "number of states", len(entries), 1)
}

func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a/b", "a-b", "a/c/d", "a!", "b", "odd\n\xff/x"} {
		write(t, filepath.Join(dir, p), p)
	}
	must(t, os.Symlink("a", filepath.Join(dir, "link")))
	root, err := os.Open(dir)
	must(t, err)
	defer root.Close()
	s, err := Take(root)
	must(t, err)
	var paths []string
	for _, e := range s.Entries {
		paths = append(paths, e.Path)
		if got, ok := s.Lookup(e.Path); !ok || got != e.Stamp {
			t.Errorf("%q: %+v %v", e.Path, got, ok)
		}
	}
	equal(t, "paths", paths, []string{".", "a", "a/b", "a/c", "a/c/d", "a!", "a-b", "b", "link", "odd\n\xff", "odd\n\xff/x"})
	if !s.ordered() {
		t.Error("not ordered")
	}
	for _, p := range []string{"", "a/", "a/bb", "c", "link/b", "zz"} {
		if _, ok := s.Lookup(p); ok {
			t.Errorf("%q was there", p)
		}
	}
	equal(t, "names in .", s.Names("."), []string{"a", "a!", "a-b", "b", "link", "odd\n\xff"})
	equal(t, "names in a", s.Names("a"), []string{"b", "c"})
	equal(t, "names in b", s.Names("b"), []string(nil))
	part := s.Restrict(func(p string) bool { return p == "a/b" || p == "." })
	equal(t, "entries", len(part.Entries), 2)
	if layer.Compare("a/b", "a-b") >= 0 || layer.Compare(".", "!") >= 0 {
		t.Error("order")
	}
}

// BenchmarkSnapshot takes one of 100,000 files.
func BenchmarkSnapshot(b *testing.B) {
	dir := b.TempDir()
	for i := range 100_000 {
		if i%500 == 0 {
			must(b, os.Mkdir(filepath.Join(dir, fmt.Sprint("d", i/500)), 0o755))
		}
		must(b, os.WriteFile(filepath.Join(dir, fmt.Sprint("d", i/500), fmt.Sprint("f", i)), nil, 0o644))
	}
	root, err := os.Open(dir)
	must(b, err)
	defer root.Close()
	for b.Loop() {
		s, err := Take(root)
		must(b, err)
		if len(s.Entries) != 100_201 {
			b.Fatal(len(s.Entries))
		}
	}
}
