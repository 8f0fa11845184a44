package determinize

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct{ path, dir, base string }{
		{"", "", ""},
		{"/", "/", ""},
		{"//", "/", ""},
		{"a", "", "a"},
		{"a/", "", "a"},
		{"a//", "", "a"},
		{"/a", "/", "a"},
		{"/a/", "/", "a"},
		{"a/b", "a/", "b"},
		{"a//b/", "a//", "b"},
		{"a/..", "a/", ".."},
		{"./.", "./", "."},
	} {
		if dir, base := split(test.path); dir != test.dir || base != test.base {
			t.Errorf("%q: %q, %q; want %q, %q", test.path, dir, base, test.dir, test.base)
		}
	}
}

// FuzzSplit: the parts make the path again, but for what ends it.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "/", "a", "a/b//", "//a", "a/../b/."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		dir, base := split(p)
		if strings.Contains(base, "/") || dir != "" && !strings.HasSuffix(dir, "/") {
			t.Fatalf("%q: %q, %q", p, dir, base)
		}
		rest, ok := strings.CutPrefix(p, dir+base)
		if !ok || strings.Trim(rest, "/") != "" {
			t.Fatalf("%q: %q, %q leave %q", p, dir, base, rest)
		}
		if want := filepath.Join(p, "x"); filepath.Join(dir, base, "x") != want {
			t.Fatalf("%q: %q, %q", p, dir, base)
		}
	})
}

func TestOwn(t *testing.T) {
	u := &task{process: &process{vpid: 300}, pid: 99999}
	for in, want := range map[string]string{
		"/proc/self/maps":         "/proc/300/maps",
		"/proc/self/fd/3":         "/proc/300/fd/3",
		"/proc/thread-self/stat":  "/proc/300/task/300/stat",
		"/proc/self":              "/proc/self", // the link itself
		"/proc/self/":             "/proc/self/",
		"/proc/selfish/maps":      "/proc/selfish/maps",
		"/proc/301/maps":          "/proc/301/maps",
		"/dev/fd/5":               "/proc/300/fd/5",
		"/dev/fd":                 "/dev/fd",
		"/dev/fdx":                "/dev/fdx",
		"/dev/stdin":              "/proc/300/fd/0",
		"/dev/stdout":             "/proc/300/fd/1",
		"/dev/stderr":             "/proc/300/fd/2",
		"/dev/stdinx":             "/dev/stdinx",
		"/tmp/proc/self/maps":     "/tmp/proc/self/maps",
		"/proc/self/../self/comm": "/proc/300/../self/comm",
		"":                        "",
	} {
		if got := u.own(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNameless(t *testing.T) {
	for target, want := range map[string]string{
		"/tmp/#123 (deleted)":                  "/tmp/",
		"/#0 (deleted)":                        "/",
		"/a b/#18446744073709551615 (deleted)": "/a b/",
		"/tmp/#123":                            "",
		"/tmp/123 (deleted)":                   "",
		"/tmp/#12x (deleted)":                  "",
		"/tmp/# (deleted)":                     "",
		"/tmp/#123 (deleted)/f":                "",
		"/tmp/#1/file (deleted)":               "",
		"pipe:[123]":                           "",
		"":                                     "",
	} {
		if dir, ok := nameless(target); ok != (want != "") || ok && dir != want {
			t.Errorf("%q: %q, %v; want %q", target, dir, ok, want)
		}
	}
}

// FuzzOwn: only the beginning of a path is replaced, by what names the guest's
// own process as the box does.
func FuzzOwn(f *testing.F) {
	f.Add("/proc/self/maps")
	f.Add("/proc/thread-self/../x")
	f.Add("/dev/fd/1")
	f.Fuzz(func(t *testing.T, p string) {
		u := &task{process: &process{vpid: 300}, pid: 99999}
		got := u.own(p)
		if got == p {
			return
		}
		rest, ok := strings.CutPrefix(got, "/proc/300/")
		if !ok || rest == "" || strings.Contains(got, "99999") && !strings.Contains(p, "99999") {
			t.Fatalf("%q: %q", p, got)
		}
		if again := u.own(got); again != got {
			t.Fatalf("%q: %q, and that %q", p, got, again)
		}
	})
}
