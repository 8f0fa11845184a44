package exe

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"laplace.dev/laplace/determinize/exe/statcache"
)

// testCache opens a cache whose clock stands still.
func testCache(path string, now time.Time) *Cache {
	return Open(path, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

// script makes a file and returns it, open, and the time of its last change.
func script(t *testing.T, content string) (*os.File, time.Time) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := statRegular(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, time.Unix(st.Ctim.Unix())
}

func info(t *testing.T, c *Cache, f *os.File) Info {
	t.Helper()
	i, err := c.Info(f)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// plant makes the cache hold a wrong answer for f: to see it is to know that
// the file was not read.
func plant(t *testing.T, c *Cache, f *os.File) {
	t.Helper()
	st, err := statRegular(f)
	if err != nil {
		t.Fatal(err)
	}
	key := statcache.KeyOf(&st)
	i, ok := c.mem[key]
	if !ok {
		t.Fatal("nothing is kept in memory")
	}
	i.InterpArg = "planted"
	c.mem[key] = i
	c.disk.Put(key, encodeInfo(i), c.now())
}

func TestCache(t *testing.T) {
	f, changed := script(t, "#!/bin/sh -e\n")
	path := filepath.Join(t.TempDir(), "cache")
	fresh := scanPath(t, f.Name())

	c := testCache(path, changed.Add(time.Hour))
	if diff := cmp.Diff(fresh, info(t, c, f)); diff != "" {
		t.Errorf("first: %s", diff)
	}
	plant(t, c, f)
	if got := info(t, c, f); got.InterpArg != "planted" {
		t.Error("was read again in the same process")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = testCache(path, changed.Add(time.Hour))
	if got := info(t, c, f); got.InterpArg != "planted" || got.Digest != fresh.Digest {
		t.Error("was read again in another process")
	}
	if got := info(t, testCache("", changed.Add(time.Hour)), f); !cmp.Equal(got, fresh) {
		t.Error("a cache without a file remembers another's")
	}
	// The same size and mtime as before: ctime tells.
	for now := changed; now.Equal(changed); { // until the file system's clock moves
		if _, err := f.WriteAt([]byte("#!/bin/sh -x\n"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(f.Name(), changed, changed); err != nil {
			t.Fatal(err)
		}
		st, err := statRegular(f)
		if err != nil {
			t.Fatal(err)
		}
		now = time.Unix(st.Ctim.Unix())
	}
	if got := info(t, c, f); got.InterpArg != "-x" || got.Digest == fresh.Digest {
		t.Errorf("after a change: %+v", got)
	}
}

// What changed just now is read every time, what changed lately is kept in
// memory, and what is older on disk.
func TestCacheAge(t *testing.T) {
	for _, tt := range []struct {
		age       time.Duration
		mem, disk bool
	}{
		{-time.Second, false, false},
		{0, false, false},
		{10 * time.Millisecond, false, false},
		{59 * time.Second, true, false},
		{61 * time.Second, true, true},
	} {
		f, changed := script(t, "#!/bin/sh\n")
		path := filepath.Join(t.TempDir(), "cache")
		c := testCache(path, changed.Add(tt.age))
		info(t, c, f)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); (len(c.mem) == 1) != tt.mem || (err == nil) != tt.disk {
			t.Errorf("age %v: in memory %d, on disk %v", tt.age, len(c.mem), err)
		}
	}
}

// A file that changes while it is read is neither described nor kept.
func TestCacheChanged(t *testing.T) {
	f, changed := script(t, "#!/bin/sh\n")
	c := testCache("", changed.Add(time.Hour))
	_, err := c.info(f, func(size int64) (Info, error) {
		i, err := scan(f, size, chunk)
		if err == nil {
			_, err = f.WriteAt([]byte("more"), size)
		}
		return i, err
	})
	if !errors.Is(err, ErrChanged) || len(c.mem) != 0 {
		t.Errorf("error %v, %d entries", err, len(c.mem))
	}
}

func TestCacheMemoryIsBounded(t *testing.T) {
	c := testCache("", time.Now())
	for i := range maxEntries + 5 {
		c.remember(statcache.Key{Ino: uint64(i)}, Info{})
	}
	if len(c.mem) > maxEntries {
		t.Errorf("%d entries", len(c.mem))
	}
}

func TestCodec(t *testing.T) {
	for _, i := range []Info{
		{},
		{Kind: ELF64, Static: true, Unmasked: []string{"rdpid", "rdseed"}},
		{Kind: ELF64, Interp: "/lib/ld.so", Unmasked: []string{"rdrand"}},
		{Kind: Script, Interp: "/bin/sh", InterpArg: "-e x", Digest: [32]byte{1, 31: 2}},
	} {
		b := encodeInfo(i)
		if got, ok := decodeInfo(b); !ok || !cmp.Equal(got, i) {
			t.Errorf("got %+v, %v, want %+v", got, ok, i)
		}
		for n := range len(i.Digest) + 4 + len(i.Interp) {
			if _, ok := decodeInfo(b[:n]); ok {
				t.Errorf("%+v decoded from %d bytes", i, n)
			}
		}
	}
	bad := encodeInfo(Info{})
	for _, change := range []struct {
		at int
		to byte
	}{{32, 4}, {33, 1 << 3}, {33, 1 << 6}, {34, 1}, {35, 1}} {
		b := append([]byte(nil), bad...)
		b[change.at] = change.to
		if got, ok := decodeInfo(b); ok {
			t.Errorf("byte %d = %d: %+v", change.at, change.to, got)
		}
	}
}

func FuzzDecodeInfo(f *testing.F) {
	f.Add(encodeInfo(Info{Kind: Script, Interp: "/bin/sh", InterpArg: "-e"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, ok := decodeInfo(b)
		if ok && string(encodeInfo(i)) != string(b) {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, i, encodeInfo(i))
		}
	})
}

func BenchmarkInfo(b *testing.B) {
	c := testCache("", time.Now())
	f, err := os.Open("/bin/bash")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Info(f); err != nil {
			b.Fatal(err)
		}
	}
}
