package runs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), "v1", "runs"))
}

// must writes the sample as other runs.
func (s *Store) must(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		r := sample()
		r.ID = id
		if _, err := s.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

// names are the IDs that List lists.
func names(t *testing.T, s *Store) string {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestStore(t *testing.T) {
	s := newStore(t)
	if got := names(t, s); got != "" {
		t.Errorf("a store that is not there lists %q", got)
	}
	if _, err := s.Find(""); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := s.Remove("a"); err != nil {
		t.Error(err)
	}
	s.must(t, "20200102-b", "20200101-a", "20200103-c", "20200103-cc")
	if got := names(t, s); got != "20200103-cc 20200103-c 20200102-b 20200101-a" {
		t.Errorf("list %q", got)
	}
	for prefix, want := range map[string]any{
		"": "20200103-cc", "20200102": "20200102-b", "20200103-c": "20200103-c", "20200103-cc": "20200103-cc",
		"2020": ErrAmbiguous, "x": ErrUnknown, "../v1": ErrUnknown,
	} {
		got, err := s.Find(prefix)
		if fail, ok := want.(error); ok && !errors.Is(err, fail) || !ok && (err != nil || got != want) {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
	f, err := s.Open("20200102")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := s.Remove("20200102-b", "20200101-a", "gone"); err != nil {
		t.Error(err)
	}
	if r, err := f.Run(); err != nil || r.ID != "20200102-b" || len(r.Execs) != 1 {
		t.Errorf("removed while it is open: %v, %v", r, err)
	}
	if got := names(t, s); got != "20200103-cc 20200103-c" {
		t.Errorf("list %q", got)
	}
	r := sample()
	if r.ID = "20200103-c"; true {
		if _, err := s.Write(r); !errors.Is(err, ErrExists) {
			t.Errorf("written twice: %v", err)
		}
	}
	if r.ID = "../escape"; true {
		if _, err := s.Write(r); !errors.Is(err, unix.EINVAL) {
			t.Errorf("an ID that is a path: %v", err)
		}
	}
	if _, err := s.Remove("../escape"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// A file that cannot be read is listed like that, and the others as ever.
func TestListDamaged(t *testing.T) {
	s := newStore(t)
	s.must(t, "a", "b", "c", "d", "e")
	for id, change := range map[string]func(path string) error{
		"a": func(path string) error { return os.Truncate(path, 300) },
		"b": func(path string) error { return os.WriteFile(path, []byte("something else"), 0o600) },
		"c": func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)) },
		"d": func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
	} {
		if err := change(s.path(id)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	if err != nil || len(list) != 5 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, want := range []error{nil, ErrNotRun, ErrNotRun, ErrNotRun, ErrTruncated} {
		if e := list[i]; !errors.Is(e.Err, want) || e.ID != string("edcba"[i]) {
			t.Errorf("%s: %v, want %v", e.ID, e.Err, want)
		}
	}
	if _, err := s.Remove("a", "b", "c", "d"); err != nil || names(t, s) != "e" {
		t.Errorf("remove: %v, left %q", err, names(t, s))
	}
}

// The oldest go, the newest and the one that was written never.
func TestCap(t *testing.T) {
	s := newStore(t)
	file, _ := Encode(sample()) // all IDs here are as long
	size := int64(len(file)) + int64(len("a")) - int64(len(sample().ID))
	s.Cap = 3*size + 1
	s.must(t, "a", "b", "c")
	if got := names(t, s); got != "c b a" {
		t.Errorf("below the cap: %q", got)
	}
	s.must(t, "d")
	if got := names(t, s); got != "d c b" {
		t.Errorf("above the cap: %q", got)
	}
	s.must(t, "a") // the clock was set back
	if got := names(t, s); got != "d c a" {
		t.Errorf("written, and the oldest: %q", got)
	}
	s.Cap = 1
	s.must(t, "e")
	if got := names(t, s); got != "e" {
		t.Errorf("larger than the cap: %q", got)
	}
	s.must(t, "a")
	if got := names(t, s); got != "e a" {
		t.Errorf("larger than the cap, and the oldest: %q", got)
	}
	s.Cap = 0
	s.must(t, "f", "g", "h")
	if got := names(t, s); got != "h g f e a" {
		t.Errorf("without a cap: %q", got)
	}
	s.Most = 2
	s.must(t, "b")
	if got := names(t, s); got != "h b" {
		t.Errorf("two at most: %q", got)
	}
}

// Writers, removers and readers at the same time: whoever opens a run finds all of it.
func TestConcurrent(t *testing.T) {
	dir := newStore(t).dir
	file, _ := Encode(sample())
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := Open(dir)
			s.Cap = 20 * int64(len(file))
			for i := range 25 {
				r := sample()
				r.ID = fmt.Sprintf("%02d-%d", i, w)
				if _, err := s.Write(r); err != nil {
					t.Error(err)
				}
				list, err := s.List()
				if err != nil {
					t.Error(err)
				}
				for _, e := range list {
					if e.Err != nil {
						t.Errorf("%s: %v", e.ID, e.Err)
					}
				}
				f, err := s.Open("")
				if err != nil {
					t.Error(err)
					continue
				}
				if _, err := f.Run(); err != nil {
					t.Error(err)
				}
				f.Close()
				if entries, err := os.ReadDir(dir); err != nil || len(entries) > 20+8+8 {
					t.Errorf("%d files, %v", len(entries), err)
				}
				if i%5 == 0 {
					if _, err := s.Remove(r.ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if list := strings.Fields(names(t, Open(dir))); len(list) == 0 || len(list) > 20 || !slices.IsSortedFunc(list, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("left: %v", list)
	}
}

// What a process that was killed has left goes; what another one writes stays, and what is no run.
func TestSweep(t *testing.T) {
	s := newStore(t)
	s.must(t, "new-1")
	for _, name := range []string{"new-123", "notes", "Big.run"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := os.Create(filepath.Join(s.dir, "new-456"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := unix.Flock(int(alive.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	s.must(t, "b")
	var left []string
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"Big.run", "b.run", "new-1.run", "new-456", "notes"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("%v, %v, want %v", left, err, want)
	}
}

// A store that is not the user's alone, or cannot be written, is an error, and no run.
func TestUnwritable(t *testing.T) {
	s := newStore(t)
	s.must(t, "a")
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := sample()
	if _, err := s.Write(r); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if _, err := s.Remove("a"); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	other := Open(filepath.Join(s.path("a"), "runs"))
	if _, err := other.Write(r); !errors.Is(err, unix.ENOTDIR) {
		t.Error(err)
	}
	var limit, was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// A file that cannot grow is like a disk that is full; Go ignores SIGXFSZ.
	limit = was
	limit.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	_, err := s.Write(r)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EFBIG) {
		t.Errorf("without space: %v", err)
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{"a": true, "20200101-000000000-abc": true, "": false, "-a": false, "A": false, "a/b": false, "a.b": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false} {
		if ValidID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
