package runtime

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime/rootfs"
)

func TestLookPath(t *testing.T) {
	files := map[string]unix.Errno{
		"/bin/true": 0, "/usr/bin/true": 0, "/bin/locked": unix.EACCES, "/usr/bin/locked": 0, "/bin/only": unix.EACCES,
		"/file/true": unix.ENOTDIR, "/loop/true": unix.ELOOP, "/nfs/true": unix.ESTALE, "./x": 0, "x": 0, "dir/true": 0, "/true": 0,
	}
	check := func(p string) unix.Errno {
		if e, ok := files[p]; ok {
			return e
		}
		return unix.ENOENT
	}
	tests := []struct {
		name, path string
		want       string
		errno      unix.Errno
	}{
		{"true", "/bin:/usr/bin", "/bin/true", 0},
		{"true", "/usr/bin:/bin", "/usr/bin/true", 0},
		{"true", "/no:/file:/nfs:/bin", "/bin/true", 0},
		{"true", "/bin/", "/bin/true", 0},
		{"true", "/", "/true", 0},
		{"true", "dir", "dir/true", 0},
		{"true", "/file", "", unix.ENOENT},
		{"true", "/loop:/bin", "/loop/true", unix.ELOOP}, // ends the search, as in execvp(3)
		{"locked", "/bin:/usr/bin", "/usr/bin/locked", 0},
		{"only", "/bin:/usr/bin", "", unix.EACCES},
		{"only", "/usr/bin", "", unix.ENOENT},
		{"none", "/bin:/usr/bin", "", unix.ENOENT},
		{"x", "/bin::/usr/bin", "x", 0}, // the empty directory is the current one
		{"x", "", "x", 0},
		{"x", "/bin", "", unix.ENOENT},
		{"./x", "/bin", "./x", 0}, // a name with a slash is not searched for
		{"/bin/only", "/usr/bin", "/bin/only", unix.EACCES},
		{"/file/true", "/bin", "/file/true", unix.ENOTDIR},
		{"/bin/none", "/bin", "/bin/none", unix.ENOENT},
	}
	for _, test := range tests {
		got, e := lookPath(test.name, test.path, check)
		if got != test.want || e != test.errno {
			t.Errorf("lookPath(%q, %q) = %q, %v; want %q, %v", test.name, test.path, got, e, test.want, test.errno)
		}
	}
}

func TestEnvPath(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want string
	}{
		{nil, "/bin:/usr/bin"},
		{[]string{"XPATH=/x", "PATH=/a", "PATH=/b"}, "/a"},
		{[]string{"PATH="}, ""},
	} {
		if got := envPath(test.env); got != test.want {
			t.Errorf("%q: %q, want %q", test.env, got, test.want)
		}
	}
}

// TestMessages checks that what is sent is what arrives, bytes that are no text
// included.
func TestMessages(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	umask := uint32(0)
	request := InitRequest{
		Spec: &specs.Spec{
			Process: &specs.Process{Args: []string{"a\xff", "ä", "\u2028", ""}, Env: []string{"X=\xfe\xfd"}, Cwd: "/\x80", User: specs.User{Umask: &umask}},
			Mounts:  []specs.Mount{{Source: "/\xc3", Destination: "/\xa4", Options: []string{"lowerdir+=/\xff"}}},
			Linux:   &specs.Linux{MaskedPaths: []string{"/\xff"}, ReadonlyPaths: []string{"/\xfe"}},
		},
		Extra: rootfs.Extra{
			Dirs:     []rootfs.Dir{{Path: "/\xf1"}},
			Symlinks: []rootfs.Symlink{{Path: "/\xf2", Target: "\xf3"}},
			Files:    []rootfs.File{{Path: "/\xf4", Content: []byte("\xf5")}},
		},
		Filter: Filter{{Code: 1, Jt: 2, Jf: 3, K: 0xfffffffe}}, CPU: -1, GuestHostID: 1 << 31,
	}
	// Larger than a socket's buffer.
	request.Extra.Files = append(request.Extra.Files, rootfs.File{Path: "/large", Content: bytes.Repeat([]byte("x"), 1<<20)})
	sent := make(chan error)
	go func() { sent <- WriteMessage(pair[1], request, pair[1], pair[1]) }()
	var got InitRequest
	fds, err := ReadMessage(pair[0], &got)
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(request, got); d != "" {
		t.Error(d)
	}
	if len(fds) != 2 {
		t.Fatalf("descriptors %v", fds)
	}
	for _, fd := range fds {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
			t.Errorf("descriptor %d: %d, %v", fd, flags, err)
		}
		unix.Close(fd)
	}
	for _, bad := range []struct {
		bytes, want string
	}{
		{"\x01\x00\x00\x00\x01", io.ErrUnexpectedEOF.Error()},
		{"\x40\x00\x00\x00" + strings.Repeat("\x00", 64), "bytes too many"},
		{"\xff\xff\xff\xff", unix.EMSGSIZE.Error()},
	} {
		if _, err := unix.Write(pair[1], []byte(bad.bytes)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadMessage(pair[0], &got); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q: %v, want %q", bad.bytes, err, bad.want)
		}
	}
	// The other side ends, in a message and between two.
	if _, err := unix.Write(pair[1], []byte("\x05\x00\x00\x00{")); err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[1])
	if _, err := ReadMessage(pair[0], &got); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a message: %v", err)
	}
	if _, err := ReadMessage(pair[0], &got); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	if err := WriteMessage(pair[0], request, int(os.Stdin.Fd())); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write to nobody: %v", err)
	}
	if e := PlacePID(pair[0], 1); e != unix.EPIPE {
		t.Errorf("place a pid with nobody: %v", e)
	}
}
