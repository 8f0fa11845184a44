package statcache

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(path("d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("d/z"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{path("d/z"), path("c"), path("b")}
	for _, n := range names[1:] {
		if err := os.Link(names[0], n); err != nil {
			t.Fatal(err)
		}
	}
	stat := func() *unix.Stat_t {
		var st unix.Stat_t
		if err := unix.Stat(path("b"), &st); err != nil {
			t.Fatal(err)
		}
		return &st
	}
	same := func(name string) bool {
		var st unix.Stat_t
		return unix.Lstat(name, &st) == nil && st.Dev == stat().Dev && st.Ino == stat().Ino
	}
	// The cache is used in the future, when the file's change is long past.
	future := time.Unix(0, stat().Ctim.Nano()).Add(time.Hour)
	open := func() *Links {
		return OpenLinks(path("cache"), func() time.Time { return future }, slog.New(slog.DiscardHandler))
	}
	l := open()
	for name, bad := range map[string][]string{
		"too many": append([]string{path("e")}, names...),
		"twice":    {names[0], names[0], names[1]},
		"empty":    {"", names[0], names[1]},
		"NUL":      {"a\x00b", names[0], names[1]},
	} {
		l.Put(stat(), bad, future)
		if got, _, ok := l.LeastPath(stat(), func(string) bool { return true }); ok {
			t.Errorf("%s: kept, least is %q", name, got)
		}
	}
	l.Put(stat(), names, future)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open()
	if got, _, ok := l.LeastPath(stat(), same); !ok || got != path("b") {
		t.Errorf("least path = %q, %v", got, ok)
	}
	// A renamed directory leaves the file's ctime as it was.
	if err := os.Rename(path("d"), path("a")); err != nil {
		t.Fatal(err)
	}
	if got, _, ok := l.LeastPath(stat(), same); ok {
		t.Errorf("after the rename of a directory: %q", got)
	}
	if err := os.Rename(path("a"), path("d")); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := l.LeastPath(stat(), same); !ok {
		t.Error("not found again after the rename was undone")
	}
	// A new link changes the file's ctime.
	if err := os.Link(path("b"), path("a")); err != nil {
		t.Fatal(err)
	}
	if got, _, ok := l.LeastPath(stat(), same); ok {
		t.Errorf("after a new link: %q", got)
	}
}
