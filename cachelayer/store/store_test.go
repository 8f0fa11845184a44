package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ticker is a clock that goes on by a second whenever it is looked at.
type ticker struct{ at atomic.Int64 }

func (t *ticker) now() time.Time { return time.Unix(1_000_000+t.at.Add(1), 0) }

// opened opens the store in a directory until the test ends.
func opened(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// put adds a content that must be added.
func put(t *testing.T, s *Store, text string) Digest {
	t.Helper()
	d, n, err := s.Put(bytes.NewReader([]byte(text)))
	if err != nil || n != int64(len(text)) || d != sha256.Sum256([]byte(text)) {
		t.Fatalf("put %.20q: %v, %d bytes, %v", text, d, n, err)
	}
	return d
}

// get is a content's text, or why there is none.
func get(s *Store, d Digest) (string, error) {
	f, err := s.Get(d)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

func digest(text string) Digest { return sha256.Sum256([]byte(text)) }

// files are the files of a store, but for its format.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "format" {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestContents(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	s := opened(t, dir, Options{Now: clock.now})
	big := string(make([]byte, 1<<20)) + "end" + string(make([]byte, 3*block+5))
	for _, text := range []string{"", "a", "a\n", big, string(make([]byte, 1<<20))} {
		d := put(t, s, text)
		if got, err := get(s, d); err != nil || got != text {
			t.Errorf("%d bytes came back as %d, %v", len(text), len(got), err)
		}
		if !s.Uses(d) {
			t.Errorf("%d bytes are not there", len(text))
		}
		put(t, s, text)
	}
	if n := len(files(t, dir)); n != 5+1 {
		t.Errorf("%d files for 5 contents and a session", n)
	}
	var st unix.Stat_t
	if err := unix.Stat(s.sharded("contents", digest(big)), &st); err != nil || st.Blocks*512 >= st.Size/2 {
		t.Errorf("zeros take %d of %d bytes, %v", st.Blocks*512, st.Size, err)
	}
	if _, err := s.Get(digest("nothing")); !errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged) {
		t.Errorf("a content that was never added: %v", err)
	}
	broken := errors.New("broken")
	if _, _, err := s.Put(io.MultiReader(bytes.NewReader([]byte("half")), errReader{broken})); err != broken {
		t.Errorf("a reader's error is %v", err)
	}
	if left := files(t, filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestDamaged(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	s := opened(t, dir, Options{Now: clock.now})
	text := put(t, s, "some text")
	whole := put(t, s, "whole")
	key := digest("key")
	name, err := s.Add(key, Entry{Body: []byte("body")})
	if err != nil {
		t.Fatal(err)
	}
	path := s.sharded("contents", text)
	entry := filepath.Join(s.entryDir(key), name.String())
	for what, damage := range map[string]func(path string) error{
		"another byte": func(path string) error {
			b, _ := os.ReadFile(path)
			b[len(b)-1] ^= 1
			return os.WriteFile(path, b, 0o644)
		},
		"empty":       func(path string) error { return os.Truncate(path, 0) },
		"longer":      func(path string) error { return os.Truncate(path, 1000) },
		"a directory": func(path string) error { os.Remove(path); return os.Mkdir(path, 0o755) },
	} {
		for _, p := range []string{path, entry} {
			os.Chmod(p, 0o644)
			if err := damage(p); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Get(text); !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrMissing) {
			t.Errorf("%s: the content: %v", what, err)
		}
		if _, err := s.Load(key, name); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: the entry: %v", what, err)
		}
		// It is missing from then on, and can be added again.
		if _, err := s.Get(text); !errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: the content, later: %v", what, err)
		}
		put(t, s, "some text")
		if _, err := s.Add(key, Entry{Body: []byte("body")}); err != nil {
			t.Fatal(err)
		}
		if got, err := get(s, text); got != "some text" || err != nil {
			t.Errorf("%s: repaired: %q, %v", what, got, err)
		}
	}
	os.Chmod(path, 0o644)
	os.WriteFile(path, []byte("some lies"), 0o644)
	var found []Damage
	n, err := s.Verify(1, func(d Damage) { found = append(found, d) })
	if err != nil || n != 3 || len(found) != 1 || found[0].What != "content "+text.String() {
		t.Errorf("verify: %d files, %v, %v", n, found, err)
	}
	if n, err := s.Verify(1, func(d Damage) { t.Errorf("again: %v", d) }); err != nil || n != 2 {
		t.Errorf("verify again: %d files, %v", n, err)
	}
	if n, _ := s.Verify(0, nil); n != 0 {
		t.Errorf("verify of nothing read %d files", n)
	}
	if st, err := s.Stats(); err != nil || st.Contents != 1 || st.Entries != 1 || st.Keys != 1 || st.Quarantined != 9 {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := get(s, whole); err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	clock := &ticker{}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Now: clock.now}); !errors.Is(err, ErrFormat) {
		t.Errorf("a directory of other things: %v", err)
	}
	dir = filepath.Join(t.TempDir(), "not", "there")
	if _, err := Open(dir, Options{Now: clock.now, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing, read-only: %v", err)
	}
	s := opened(t, dir, Options{Now: clock.now})
	d := put(t, s, "text")
	key := digest("key")
	name, err := s.Add(key, Entry{})
	if err != nil {
		t.Fatal(err)
	}
	reader := opened(t, dir, Options{Now: clock.now, ReadOnly: true})
	before := files(t, dir)
	if got, err := get(reader, d); got != "text" || err != nil {
		t.Errorf("read-only: %q, %v", got, err)
	}
	if _, err := reader.Load(key, name); err != nil {
		t.Errorf("read-only: %v", err)
	}
	_, _, err1 := reader.Put(bytes.NewReader(nil))
	_, err2 := reader.Add(key, Entry{})
	_, err3 := reader.GC(0)
	for _, err := range []error{err1, err2, reader.Remove(key, name), err3} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("a change of what is read-only: %v", err)
		}
	}
	if after := files(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("reading has made %v of %v", after, before)
	}
	os.Chmod(filepath.Join(dir, "format"), 0o644)
	os.WriteFile(filepath.Join(dir, "format"), []byte("laplace cache 2\n"), 0o644)
	if _, err := Open(dir, Options{Now: clock.now}); !errors.Is(err, ErrFormat) {
		t.Errorf("a later version: %v", err)
	}
}

func TestGC(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	old := opened(t, dir, Options{Now: clock.now})
	keys := []Digest{digest("0"), digest("1"), digest("2")}
	shared := put(t, old, "shared")
	var own, names []Digest
	for i, key := range keys {
		own = append(own, put(t, old, fmt.Sprint("own", i)))
		name, err := old.Add(key, Entry{Contents: []Digest{shared, own[i]}})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	loose := put(t, old, "loose")
	s := opened(t, dir, Options{Now: clock.now})
	// The first session is open: nothing goes.
	if c, err := s.GC(0); err != nil || c.Entries+c.Contents != 0 {
		t.Errorf("while all is in use: %+v, %v", c, err)
	}
	old.Close()
	os.WriteFile(filepath.Join(dir, "tmp", newPrefix+"dead"), []byte("half"), 0o600)
	os.WriteFile(filepath.Join(dir, "sessions", "dead"), nil, 0o600)
	if _, err := s.Load(keys[1], names[1]); err != nil {
		t.Fatal(err)
	}
	young := put(t, s, "young")
	c, err := s.GC(1 << 30)
	if err != nil || c.Entries != 0 || c.Contents != 1 || s.Uses(loose) || !s.Uses(young) {
		t.Errorf("with room for all: %+v, %v", c, err)
	}
	if left := append(files(t, filepath.Join(dir, "tmp")), files(t, filepath.Join(dir, "sessions"))...); len(left) != 1 {
		t.Errorf("of the dead is left: %v", left)
	}
	// One entry is in use; the others go, and what only they refer to.
	c, err = s.GC(0)
	if err != nil || c.Entries != 2 || c.Contents != 2 {
		t.Errorf("without room: %+v, %v", c, err)
	}
	for i, want := range []bool{false, true, false} {
		_, err := s.Load(keys[i], names[i])
		if got := err == nil; got != want {
			t.Errorf("entry %d is there: %v", i, got)
		}
		if _, err := os.Stat(s.sharded("contents", own[i])); (err == nil) != want {
			t.Errorf("content of entry %d: %v", i, err)
		}
	}
	if _, err := get(s, shared); err != nil {
		t.Errorf("what two entries shared: %v", err)
	}
	// Two at a time.
	other := opened(t, dir, Options{Now: clock.now})
	lock, err := os.Open(filepath.Join(dir, "format"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := other.GC(0); err != ErrBusy {
		t.Errorf("a second one: %v", err)
	}
}

// TestOldestFirst checks what goes when not all has to.
func TestOldestFirst(t *testing.T) {
	dir, clock := t.TempDir(), &ticker{}
	s := opened(t, dir, Options{Now: clock.now})
	var names []Digest
	for i := range 8 {
		d := put(t, s, fmt.Sprint(i)+string(bytes.Repeat([]byte{'x'}, 100_000)))
		name, err := s.Add(digest(fmt.Sprint(i)), Entry{Contents: []Digest{d}})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	s.Close()
	s = opened(t, dir, Options{Now: clock.now})
	st, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	s.Load(digest("0"), names[0]) // the oldest is used again
	c, err := s.GC(st.Bytes / 2)
	if err != nil || c.Entries != 4 || c.Contents != 4 || c.Left > st.Bytes/2 {
		t.Errorf("%+v of %+v, %v", c, st, err)
	}
	for i := range names {
		if all, _ := s.Entries(digest(fmt.Sprint(i))); (len(all) == 1) != (i == 0 || i > 4) {
			t.Errorf("entry %d: %v", i, all)
		}
	}
	if after, _ := s.Stats(); after.Bytes != c.Left {
		t.Errorf("%d bytes are left, and %d are there", c.Left, after.Bytes)
	}
}

// TestFull has the file system full at every size of what can still be written.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("store", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("needs root, to mount a small tmpfs:", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	clock := &ticker{}
	s := opened(t, filepath.Join(dir, "store"), Options{Now: clock.now})
	kept := put(t, s, "kept")
	failed := 0
	for size := 1000; size < 400_000; size += 20_000 {
		text := string(bytes.Repeat([]byte{byte(size / 1000)}, size))
		d, _, err := s.Put(bytes.NewReader([]byte(text)))
		if err != nil {
			if failed++; !errors.Is(err, unix.ENOSPC) || s.Uses(digest(text)) {
				t.Errorf("%d bytes: %v", size, err)
			}
			continue
		}
		if got, err := get(s, d); got != text || err != nil {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
	if failed < 10 {
		t.Errorf("%d failed", failed)
	}
	if _, err := s.Add(digest("key"), Entry{Body: make([]byte, 300_000)}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("an entry: %v", err)
	}
	if all, err := s.Entries(digest("key")); err != nil || len(all) != 0 {
		t.Errorf("half an entry: %v, %v", all, err)
	}
	if left := files(t, filepath.Join(dir, "store", "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if got, err := get(s, kept); got != "kept" || err != nil {
		t.Errorf("what was there before: %q, %v", got, err)
	}
}

// worker is what a process of TestKilled does: it adds what follows from its number, finds
// what others have added, and tidies up, until it is killed.
func worker(dir string, seed int) error {
	for i := 0; ; i++ {
		s, err := Open(dir, Options{Now: time.Now})
		if err != nil {
			return err
		}
		for j := range 8 {
			text := fmt.Sprint("content", (i+j+seed)%20)
			d, _, err := s.Put(bytes.NewReader(bytes.Repeat([]byte(text), 1000)))
			if err != nil {
				return err
			}
			key := digest(text)
			if _, err := s.Add(key, Entry{Contents: []Digest{d}, Body: []byte(text)}); err != nil {
				return err
			}
			all, err := s.Entries(key)
			if err != nil || len(all) == 0 {
				return fmt.Errorf("%s: %d entries, %w", text, len(all), err)
			}
			e, err := s.Load(key, all[0].Name)
			if err != nil || string(e.Body) != text {
				return fmt.Errorf("%s: %q, %w", text, e.Body, err)
			}
			if got, err := get(s, d); err != nil || got != string(bytes.Repeat([]byte(text), 1000)) {
				return fmt.Errorf("%s: %d bytes, %w", text, len(got), err)
			}
		}
		if _, err := s.GC(10_000); err != nil && err != ErrBusy {
			return err
		}
		if i%3 != 0 {
			s.Close()
		}
	}
}

const workerEnv = "LAPLACE_TEST_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerEnv); dir != "" {
		fmt.Fprintln(os.Stderr, worker(dir, os.Getpid()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKilled has several processes use a store, which are killed anywhere, and looks at what
// they leave: what an open session has added is there, all is whole, and nothing is left
// of the dead.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := opened(t, dir, Options{Now: time.Now})
	mine := put(t, s, "mine")
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for j := range 15 {
				var out bytes.Buffer
				cmd := exec.Command("/proc/self/exe")
				cmd.Env, cmd.Stderr = append(os.Environ(), workerEnv+"="+dir), &out
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration(5+i+3*j) * time.Millisecond)
				cmd.Process.Kill()
				if cmd.Wait(); out.Len() > 0 {
					t.Errorf("worker: %s", out.String())
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.Verify(1, func(d Damage) { t.Errorf("%s: %v", d.What, d.Err) }); err != nil || n < 2 {
		t.Errorf("verify: %d files, %v", n, err)
	}
	if _, err := s.GC(1 << 30); err != nil {
		t.Error(err)
	}
	if left := append(files(t, filepath.Join(dir, "tmp")), files(t, filepath.Join(dir, "sessions"))...); len(left) != 1 {
		t.Errorf("of the dead is left: %v", left)
	}
	if got, err := get(s, mine); got != "mine" || err != nil {
		t.Errorf("what this session has added: %q, %v", got, err)
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, e := range []Entry{{}, {Contents: []Digest{digest("a")}}, {Contents: []Digest{{}, {1}}, Body: []byte("body")}} {
		f.Add(e.encode())
	}
	f.Add([]byte(entryMagic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := parseEntry(b); ok && !bytes.Equal(e.encode(), b) {
			t.Errorf("%q is read as %+v", b, e)
		}
	})
}
