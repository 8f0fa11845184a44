package statcache

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A file that is not exactly what was written is never read as something else.
func TestDamage(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	c := Open(cfg)
	c.Put(old(1), []byte("one"), t0)
	c.Put(old(2), []byte("two"), t0)
	mustClose(t, c)
	good, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(cfg.Path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c := Open(cfg)
		for i := range uint64(3) {
			if v, ok := c.Get(old(i)); ok {
				t.Fatalf("%s: entry %d = %q", what, i, v)
			}
		}
		c.Put(old(3), []byte("three"), t0)
		mustClose(t, c)
		if _, ok := Open(cfg).Get(old(3)); !ok {
			t.Fatalf("%s: not repaired", what)
		}
	}
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("bit flipped in byte %d", i), b)
	}
	for i := range good {
		check(fmt.Sprintf("cut at %d", i), good[:i])
	}
	check("longer", append(slices.Clone(good), 0))
	check("zeros", make([]byte, len(good)))
}

func TestOtherVersions(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	put := func(cfg Config) {
		c := Open(cfg)
		c.Put(old(1), []byte("one"), t0)
		mustClose(t, c)
	}
	format, kind := cfg, cfg
	format.Format++
	kind.Kind[0]++
	for name, other := range map[string]Config{"format": format, "kind": kind} {
		put(other)
		if _, ok := Open(cfg).Get(old(1)); ok {
			t.Errorf("misread another %s", name)
		}
		put(cfg)
		if _, ok := Open(cfg).Get(old(1)); !ok {
			t.Errorf("another %s was not replaced", name)
		}
	}
	b, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	le.PutUint32(b[8:], version+1)
	le.PutUint32(b[crcAt:], checksum(b))
	if err := os.WriteFile(cfg.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := Open(cfg).Get(old(1)); ok {
		t.Error("misread another version")
	}
}

// Files that this package would not have written are neither read nor waited
// for, and they are replaced.
func TestForeignFile(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"group-writable": func(p string) error { return os.Chmod(p, 0o620) },
		"world-writable": func(p string) error { return os.Chmod(p, 0o602) },
		"symlink": func(p string) error {
			return errors.Join(os.Rename(p, p+"2"), os.Symlink(p+"2", p))
		},
		"fifo":     func(p string) error { return errors.Join(os.Remove(p), unix.Mkfifo(p, 0o600)) },
		"too long": func(p string) error { return os.Truncate(p, 1<<40) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(filepath.Join(t.TempDir(), "cache"))
			c := Open(cfg)
			c.Put(old(1), []byte("one"), t0)
			mustClose(t, c)
			if err := prepare(cfg.Path); err != nil {
				t.Fatal(err)
			}
			c = Open(cfg)
			if _, ok := c.Get(old(1)); ok {
				t.Error("was read")
			}
			c.Put(old(2), []byte("two"), t0)
			mustClose(t, c)
			if _, ok := Open(cfg).Get(old(2)); !ok {
				t.Error("was not replaced")
			}
		})
	}
}

func TestCannotWrite(t *testing.T) {
	dir := t.TempDir()
	cfg := config(filepath.Join(dir, "missing", "cache"))
	c := Open(cfg)
	mustClose(t, c) // nothing to write
	c.Put(old(1), []byte("one"), t0)
	if err := c.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if _, ok := c.Get(old(1)); !ok {
		t.Error("lost after an error")
	}
	// The place is taken by a directory: the temporary file must go.
	cfg = config(filepath.Join(dir, "taken"))
	if err := os.MkdirAll(filepath.Join(cfg.Path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	c = Open(cfg)
	c.Put(old(1), []byte("one"), t0)
	if err := c.Close(); err == nil {
		t.Error("no error though the place is taken")
	}
	if names := list(t, dir); !cmp.Equal(names, []string{"taken"}) {
		t.Errorf("left behind: %v", names)
	}
}

// A process that died while it wrote leaves a temporary file, which the next
// one uses; one that is alive is not disturbed.
func TestTemporaryFile(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	tmp := cfg.Path + ".tmp"
	if err := os.WriteFile(tmp, bytes.Repeat([]byte("x"), 5000), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	c := Open(cfg)
	c.Put(old(1), []byte("one"), t0)
	mustClose(t, c)
	if names := list(t, filepath.Dir(tmp)); !cmp.Equal(names, []string{"cache.tmp"}) {
		t.Errorf("wrote in spite of the lock: %v", names)
	}
	f.Close()
	c = Open(cfg)
	c.Put(old(1), []byte("one"), t0)
	mustClose(t, c)
	if _, ok := Open(cfg).Get(old(1)); !ok {
		t.Error("not written")
	}
	if names := list(t, filepath.Dir(tmp)); !cmp.Equal(names, []string{"cache"}) {
		t.Errorf("left behind: %v", names)
	}
}

// A temporary file that was renamed between open and lock is the live file.
func TestIsAt(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	f, err := os.Create(a)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !isAt(int(f.Fd()), a) || isAt(int(f.Fd()), b) {
		t.Error("before the rename")
	}
	if err := os.Rename(a, b); err != nil {
		t.Fatal(err)
	}
	if isAt(int(f.Fd()), a) || !isAt(int(f.Fd()), b) {
		t.Error("after the rename")
	}
}

// Ends of values that are out of order or out of the file, in a file whose
// checksum is right, are a miss.
func TestBadEnds(t *testing.T) {
	cfg := config("")
	for _, ends := range [][2]uint32{{6, 3}, {3, 7}, {1 << 31, 1<<31 + 1}} {
		b := encodeImage(&cfg, []entry{{old(1), 5, []byte("one")}, {old(2), 6, []byte("two")}})
		for i, end := range ends {
			le.PutUint32(b[headerSize+i*entrySize+keySize+8:], end)
		}
		le.PutUint32(b[crcAt:], checksum(b))
		im, err := parseImage(&cfg, b)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := im.value(1); ok {
			t.Errorf("ends %v: %q", ends, v)
		}
	}
}

func FuzzParseImage(f *testing.F) {
	cfg := config("")
	f.Add(encodeImage(&cfg, nil))
	f.Add(encodeImage(&cfg, []entry{{old(1), 5, []byte("one")}, {old(2), 6, nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= headerSize {
			le.PutUint32(b[crcAt:], checksum(b)) // otherwise nothing gets past it
		}
		im, err := parseImage(&cfg, b)
		if err != nil {
			return
		}
		for i := range im.len() {
			im.key(i)
			im.value(i)
		}
		im.find(old(1))
		im.find(Key{})
	})
}
