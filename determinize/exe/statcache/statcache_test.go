package statcache

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// t0 is the time of all tests.
var t0 = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func config(path string) Config {
	return Config{
		Path:       path,
		Kind:       [8]byte{'t', 'e', 's', 't'},
		Format:     7,
		MaxEntries: 100,
		MaxBytes:   10000,
		Now:        func() time.Time { return t0 },
		Log:        slog.New(slog.DiscardHandler),
	}
}

// old returns the key of a file that last changed an hour before t0.
func old(ino uint64) Key {
	t := t0.Add(-time.Hour).UnixNano() + 1
	return Key{Dev: 1, Ino: ino, Size: 3, Ctime: t, Mtime: t}
}

func mustClose(t *testing.T, c *Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeyOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(5, 6)); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	k := KeyOf(&st)
	want := Key{Dev: st.Dev, Ino: st.Ino, Size: 3, Ctime: st.Ctim.Sec*1e9 + st.Ctim.Nsec, Mtime: 5e9 + 6}
	if k != want {
		t.Errorf("got %+v, want %+v", k, want)
	}
}

func TestRacy(t *testing.T) {
	const ms = int64(time.Millisecond)
	now := t0.UnixNano()
	for _, tt := range []struct {
		name         string
		ctime, mtime int64
		want         bool
	}{
		{"long ago", now - 1000*ms + 1, now - 1000*ms + 1, false},
		{"just over a fine step", now - 21*ms + 1, now - 21*ms + 1, false},
		{"a fine step", now - 20*ms, now - 20*ms, true},
		{"within a clock tick", now - 4*ms + 1, now - 4*ms + 1, true},
		{"now", now + 1, now + 1, true},
		{"future ctime", now + 5000*ms + 1, now - 5000*ms, true},
		{"future mtime", now - 5000*ms + 1, now + 5000*ms, true},
		{"mtime within a tick", now - 5000*ms + 1, now - 4*ms, true},
		{"whole seconds, 1 s", now - 1000*ms, now - 1000*ms, true},
		{"whole seconds, 2 s", now - 2000*ms, now - 2000*ms, true},
		{"whole seconds, 4 s", now - 4000*ms, now - 4000*ms, false},
		{"mtime set to whole seconds", now - 1000*ms + 1, now - 1000*ms, false},
	} {
		k := Key{Ctime: tt.ctime, Mtime: tt.mtime}
		if got := k.Racy(t0); got != tt.want {
			t.Errorf("%s: Racy = %v", tt.name, got)
		}
		c := Open(config(""))
		c.Put(k, []byte("v"), t0)
		if _, ok := c.Get(k); ok == tt.want {
			t.Errorf("%s: kept = %v", tt.name, ok)
		}
	}
}

func TestReopen(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	c := Open(cfg)
	for i := range uint64(50) {
		c.Put(old(i), bytes.Repeat([]byte{byte(i)}, int(i)), t0)
	}
	mustClose(t, c)
	for name, c := range map[string]*Cache{"same": c, "reopened": Open(cfg)} {
		for i := range uint64(50) {
			v, ok := c.Get(old(i))
			if !ok || !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, int(i))) {
				t.Fatalf("%s: entry %d: %v %v", name, i, v, ok)
			}
		}
		for _, change := range []func(*Key){
			func(k *Key) { k.Dev++ }, func(k *Key) { k.Ino += 100 }, func(k *Key) { k.Size++ },
			func(k *Key) { k.Ctime++ }, func(k *Key) { k.Mtime++ },
		} {
			k := old(20)
			change(&k)
			if v, ok := c.Get(k); ok {
				t.Errorf("%s: found %v for another key", name, v)
			}
		}
	}
	st, err := os.Stat(cfg.Path)
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if names := list(t, filepath.Dir(cfg.Path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// What several processes add is merged, and no reader ever sees a bad file.
func TestConcurrentWriters(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	a, b := Open(cfg), Open(cfg)
	a.Put(old(1), []byte("a"), t0)
	b.Put(old(2), []byte("b"), t0)
	mustClose(t, a)
	mustClose(t, b)
	c := Open(cfg)
	for i := range uint64(2) {
		if _, ok := c.Get(old(i + 1)); !ok {
			t.Errorf("lost entry %d", i+1)
		}
	}
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(25) {
				c := Open(cfg)
				if _, ok := c.Get(old(1)); !ok {
					t.Error("a reader saw a bad file")
				}
				c.Put(old(100+w*25+i), []byte("v"), t0)
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestEviction(t *testing.T) {
	now := t0
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	cfg.Now = func() time.Time { return now }
	cfg.MaxEntries = 3
	for i := range uint64(3) {
		c := Open(cfg)
		c.Put(old(i), []byte("v"), t0)
		mustClose(t, c)
		now = now.Add(time.Minute)
	}
	c := Open(cfg)
	if _, ok := c.Get(old(0)); !ok {
		t.Fatal("lost entry 0")
	}
	c.Put(old(3), []byte("v"), t0)
	mustClose(t, c)
	present := func() (out []uint64) {
		c := Open(cfg)
		for i := range uint64(10) {
			if _, ok := c.Get(old(i)); ok {
				out = append(out, i)
			}
		}
		return out
	}
	if got := present(); !cmp.Equal(got, []uint64{0, 2, 3}) {
		t.Errorf("after too many entries: %v", got)
	}
	cfg.MaxBytes = 2*entrySize + 2
	c = Open(cfg)
	now = now.Add(time.Minute)
	c.Put(old(4), []byte("v"), t0)
	c.Put(old(5), []byte("v"), t0)
	c.Put(old(6), []byte("v"), t0) // does not fit
	mustClose(t, c)
	if got := present(); !cmp.Equal(got, []uint64{4, 5}) {
		t.Errorf("after too many bytes: %v", got)
	}
	// A newer state of a file takes the older one's place.
	newer := old(4)
	newer.Ctime++
	c = Open(cfg)
	c.Put(newer, []byte("w"), t0)
	mustClose(t, c)
	if _, ok := Open(cfg).Get(newer); !ok || !cmp.Equal(present(), []uint64{5}) {
		t.Errorf("after a change: %v, new state: %v", present(), ok)
	}
}

// A run that only reads rewrites the file once a day, to note that it did.
func TestUse(t *testing.T) {
	now := t0
	cfg := config(filepath.Join(t.TempDir(), "cache"))
	cfg.Now = func() time.Time { return now }
	c := Open(cfg)
	c.Put(old(1), []byte("v"), t0)
	c.Put(old(2), []byte("v"), t0)
	mustClose(t, c)
	used := func() []int64 {
		im := Open(cfg).disk
		return []int64{im.used(0) - t0.Unix(), im.used(1) - t0.Unix()}
	}
	for _, tt := range []struct {
		after time.Duration
		want  []int64
	}{
		{time.Hour, []int64{0, 0}},
		{25 * time.Hour, []int64{25 * 3600, 0}},
		{26 * time.Hour, []int64{25 * 3600, 0}},
	} {
		now = t0.Add(tt.after)
		c := Open(cfg)
		c.Get(old(1))
		mustClose(t, c)
		if diff := cmp.Diff(tt.want, used()); diff != "" {
			t.Errorf("after %v: %s", tt.after, diff)
		}
	}
}

// A cache answers as a map does, across saves, as long as nothing is evicted.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		cfg := config(filepath.Join(dir, fmt.Sprint(n)))
		c := Open(cfg)
		model := map[uint64][]byte{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				i := rapid.Uint64Range(0, 40).Draw(t, "ino")
				v := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")
				c.Put(old(i), v, t0)
				model[i] = v
			},
			"get": func(t *rapid.T) {
				i := rapid.Uint64Range(0, 40).Draw(t, "ino")
				got, ok := c.Get(old(i))
				want, wantOK := model[i]
				if ok != wantOK || !bytes.Equal(got, want) {
					t.Fatalf("get %d: %v %v, want %v %v", i, got, ok, want, wantOK)
				}
			},
			"save": func(t *rapid.T) {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				c = Open(cfg)
			},
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	cfg := config(filepath.Join(b.TempDir(), "cache"))
	cfg.MaxEntries, cfg.MaxBytes = 1<<20, 1<<30
	c := Open(cfg)
	for i := range uint64(4000) {
		c.Put(old(i), make([]byte, 70), t0)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := Open(cfg)
		if _, ok := c.Get(old(2000)); !ok {
			b.Fatal("miss")
		}
	}
}

func BenchmarkGet(b *testing.B) {
	cfg := config(filepath.Join(b.TempDir(), "cache"))
	cfg.MaxEntries, cfg.MaxBytes = 1<<20, 1<<30
	c := Open(cfg)
	for i := range uint64(4000) {
		c.Put(old(i), make([]byte, 70), t0)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Get(old(2000))
	}
}
