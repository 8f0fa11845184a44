package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime"
)

// fill makes two directories with the same tree.
func fill(t *testing.T) (a, b string) {
	t.Helper()
	then := time.Unix(1_577_836_800, 5)
	for _, dir := range []*string{&a, &b} {
		*dir = t.TempDir()
		for _, path := range []string{"dir", "dir/sub"} {
			if err := os.Mkdir(filepath.Join(*dir, path), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"dir/sub/file", "dir/x", "y"} {
			if err := os.WriteFile(filepath.Join(*dir, path), []byte(strings.Repeat("text", 50_000)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("target", filepath.Join(*dir, "dir/link")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"dir/sub/file", "dir/x", "y", "dir/sub", "dir", "."} {
			if err := os.Chtimes(filepath.Join(*dir, path), then, then); err != nil {
				t.Fatal(err)
			}
		}
		link := filepath.Join(*dir, "dir/link")
		if err := lutimes(link, then); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(*dir, "dir"), then, then); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func lutimes(path string, at time.Time) error {
	ts := unix.NsecToTimespec(at.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

func TestFirstFile(t *testing.T) {
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }
	for _, tt := range []struct {
		name       string
		change     func(dir string) error
		path, what string
	}{
		{"nothing", func(string) error { return nil }, ".", "in what is not kept of it"},
		{"content", func(dir string) error {
			return write(filepath.Join(dir, "dir/sub/file"), strings.Repeat("text", 40_000)+"test"+strings.Repeat("text", 9_999))
		}, "dir/sub/file", `at byte 160002: "xttexttexttextte" and "sttexttexttextte"`},
		{"shorter", func(dir string) error { return os.Truncate(filepath.Join(dir, "y"), 199_999) }, "y", `at byte 199999: "t" and ""`},
		{"mode", func(dir string) error { return os.Chmod(filepath.Join(dir, "dir/x"), 0o600) }, "dir/x", "in its mode: 0644 and 0600"},
		{"time of the directory", func(dir string) error { return os.Remove(filepath.Join(dir, "y")) }, ".", "in its modification time"},
		{"time", func(dir string) error { return os.Chtimes(filepath.Join(dir, "y"), time.Time{}, time.Unix(1, 2)) }, "y",
			"in its modification time: 1577836800.000000005 and 1.000000002"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := fill(t)
			if err := tt.change(b); err != nil {
				t.Fatal(err)
			}
			path, what, err := firstFile(a, b)
			if path != tt.path || !strings.HasPrefix(what, tt.what) || err != nil {
				t.Errorf("firstFile: %q %q, %v, want %q %q", path, what, err, tt.path, tt.what)
			}
		})
	}
}

func TestDifferent(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), nil, 0o644), os.Mkdir(at("dir"), 0o755),
		os.Symlink("one", at("one")), os.Symlink("two", at("two")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ a, b, want string }{
		{"file", "dir", "in its type: 0100000 and 040000"},
		{"one", "two", `in its target: "one" and "two"`},
		{"file", "none", "is only in the first"},
		{"none", "file", "is only in the second"},
	} {
		if got, err := different(at(tt.a), at(tt.b)); got != tt.want || err != nil {
			t.Errorf("different(%s, %s) = %q, %v, want %q", tt.a, tt.b, got, err, tt.want)
		}
	}
}

func TestWriter(t *testing.T) {
	w := &runtime.Writers{Files: map[string]string{"/p/a": "/bin/a", "/rw/x/b": "/bin/b"}}
	one := &result{targets: []string{"/p"}, outcome: &runtime.Outcome{Writers: w}}
	two := &result{targets: []string{"/p", "/rw/x"}, outcome: &runtime.Outcome{Writers: w}}
	for _, tt := range []struct {
		r          *result
		path, want string
	}{
		{one, "a", "/bin/a"}, {one, "b", ""}, {two, "p/a", "/bin/a"}, {two, "rw-x/b", "/bin/b"}, {two, "p/b", ""},
	} {
		if got := tt.r.writer(tt.path); got != tt.want {
			t.Errorf("writer(%q) = %q, want %q", tt.path, got, tt.want)
		}
	}
}
