package ns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestDiagnose(t *testing.T) {
	ok := map[string]string{"sys/user/max_user_namespaces": "96365\n", "self/status": "Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n"}
	with := func(file, value string) map[string]string {
		m := map[string]string{file: value}
		for k, v := range ok {
			if k != file {
				m[k] = v
			}
		}
		return m
	}
	tests := []struct {
		name  string
		files map[string]string
		err   error
		hint  string // part of it; none if empty
	}{
		{"no user namespaces", map[string]string{}, unix.EINVAL, "CONFIG_USER_NS"},
		{"disabled", with("sys/user/max_user_namespaces", "0\n"), unix.ENOSPC, "user.max_user_namespaces="},
		{"debian", with("sys/kernel/unprivileged_userns_clone", "0\n"), unix.EPERM, "kernel.unprivileged_userns_clone=1"},
		{"debian enabled", with("sys/kernel/unprivileged_userns_clone", "1\n"), unix.EPERM, "or as root"},
		{"ubuntu", with("sys/kernel/apparmor_restrict_unprivileged_userns", "1\n"), unix.EACCES, "AppArmor"},
		{"ubuntu unrestricted", with("sys/kernel/apparmor_restrict_unprivileged_userns", "0\n"), unix.EACCES, "or as root"},
		{"no mount namespaces", with("sys/user/max_mnt_namespaces", "0"), unix.ENOSPC, "max_mnt_namespaces"},
		{"no net namespaces", with("sys/user/max_net_namespaces", "0"), unix.ENOSPC, "max_net_namespaces"},
		{"seccomp", with("self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"), unix.EPERM, "seccomp=unconfined"},
		{"too many", ok, unix.ENOSPC, "too many namespaces"},
		{"too deep", ok, unix.EUSERS, "too many namespaces"},
		{"wrapped", ok, fmt.Errorf("fork: %w", unix.EPERM), "or as root"},
		{"another error", with("sys/user/max_user_namespaces", "0"), unix.ENOMEM, ""},
		{"not an errno", ok, fs.ErrClosed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := fstest.MapFS{}
			for k, v := range test.files {
				m[k] = &fstest.MapFile{Data: []byte(v)}
			}
			err := Host{Proc: m}.Diagnose("make a box", test.err)
			if !errors.Is(err, test.err) {
				t.Errorf("%v does not wrap %v", err, test.err)
			}
			if h := Hint(err); test.hint == "" && h != "" || !strings.Contains(h, test.hint) {
				t.Errorf("hint %q, want %q", h, test.hint)
			}
			if test.hint != "" && !strings.HasPrefix(err.Error(), "make a box: ") {
				t.Errorf("error %q", err)
			}
		})
	}
	if err := (Host{Proc: fstest.MapFS{}}).Diagnose("x", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

// TestSwapIDs checks that the map is one to one, complete, and exchanges the two.
func TestSwapIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32Range(0, maxID-1), rapid.Just(uint32(maxID-1)))
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		if a == b {
			t.Skip("equal")
		}
		m := SwapIDs(a, b)
		next := 0
		for _, e := range m {
			if e.ContainerID != next || e.Size < 1 {
				t.Fatalf("gap or overlap at %d in %v", next, m)
			}
			next += e.Size
		}
		if next != maxID {
			t.Fatalf("%v ends at %d", m, next)
		}
		lookup := func(id uint32) int {
			for _, e := range m {
				if int(id) >= e.ContainerID && int(id) < e.ContainerID+e.Size {
					return e.HostID + int(id) - e.ContainerID
				}
			}
			return -1
		}
		if lookup(a) != int(b) || lookup(b) != int(a) {
			t.Fatalf("%v maps %d to %d and %d to %d", m, a, lookup(a), b, lookup(b))
		}
		if c := id.Draw(t, "c"); c != a && c != b && lookup(c) != int(c) {
			t.Fatalf("%v maps %d to %d", m, c, lookup(c))
		}
	})
}

func TestBelow(t *testing.T) {
	for _, test := range []struct {
		p, dir string
		want   bool
	}{
		{"/a", "/", true}, {"/", "/", true}, {"/a", "/a", true}, {"/a/b", "/a", true},
		{"/ab", "/a", false}, {"/a", "/a/b", false}, {"/", "/a", false},
	} {
		if got := Below(test.p, test.dir); got != test.want {
			t.Errorf("Below(%q, %q) = %v", test.p, test.dir, got)
		}
	}
}

// TestPaths checks that no name leads out of the root, for opening and making.
func TestPaths(t *testing.T) {
	base := t.TempDir()
	root, outside := filepath.Join(base, "root"), filepath.Join(base, "outside")
	for _, d := range []string{root + "/dir/sub", root + outside, outside} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"up": "../../../../../../../.." + outside, "abs": outside, "dangling": "/no/such", "dir/unfinished": "../one/./two", "nofile": "/none/file", "loop": "loop",
		"in": "dir", "magic": "/proc/self/root" + outside, "dir/back": "../../../dir",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)

	const mk, touch = "mkdir", "touch"
	tests := []struct {
		op, name string
		resolve  uint64
		want     string // path below base, or the errno
	}{
		{mk, "/dir/sub", 0, "root/dir/sub"},
		{mk, "dir/new/deep", 0, "root/dir/new/deep"},
		{mk, "/", 0, "root"},
		{mk, "..", 0, "root"},
		{mk, "../../dir", 0, "root/dir"},
		{mk, "in/made", 0, "root/dir/made"},
		{mk, "dir/back/round", 0, "root/dir/round"},
		{mk, "up/made", 0, "root" + outside + "/made"},
		{mk, "abs/made", 0, "root" + outside + "/made"},
		{mk, "abs/../made", 0, "root/made"},
		{mk, "magic/made", 0, "root/proc/self/root" + outside + "/made"}, // the root's
		{mk, "dangling/made", 0, "root/no/such/made"},
		{mk, "in/unfinished", 0, "root/one/two"},
		{mk, "nofile", unix.RESOLVE_NO_SYMLINKS, unix.ELOOP.Error()},
		{mk, "loop/made", 0, unix.ELOOP.Error()},
		{mk, "file", 0, unix.ENOTDIR.Error()},
		{mk, "file/made", 0, unix.ENOTDIR.Error()},
		{mk, "in/made2", unix.RESOLVE_NO_SYMLINKS, unix.ELOOP.Error()},
		{mk, strings.Repeat("x", 300), 0, unix.ENAMETOOLONG.Error()},
		{touch, "file", 0, "root/file"},
		{touch, "new/file", 0, "root/new/file"},
		{touch, "up/file", 0, "root" + outside + "/file"},
		{touch, "dir", 0, "root/dir"},
		{touch, "nofile", 0, "root/none/file"},
		{touch, "nofile/made", 0, unix.ENOTDIR.Error()},
		{touch, "loop", 0, unix.ELOOP.Error()},
		{touch, "in/file2", unix.RESOLVE_NO_SYMLINKS, unix.ELOOP.Error()},
	}
	for _, test := range tests {
		t.Run(test.op+" "+test.name, func(t *testing.T) {
			open := MkdirIn
			if test.op == touch {
				open = TouchIn
			}
			got, err := open(fd, test.name, 0o755, test.resolve)
			if err != nil {
				if !strings.HasSuffix(err.Error(), test.want) {
					t.Errorf("%v, want %s", err, test.want)
				}
				return
			}
			defer unix.Close(got)
			p, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", got))
			if want := filepath.Join(base, test.want); err != nil || p != want {
				t.Errorf("opened %q, %v; want %q", p, err, want)
			}
		})
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("made outside: %v, %v", entries, err)
	}
	// An open root of the host's procfs is no way out either.
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(proc)
	if got, err := OpenIn(proc, "self/root/tmp", unix.O_PATH, 0, 0); err != unix.ELOOP {
		t.Errorf("magic link: %d, %v", got, err)
	}
	if !IsProc(proc) || IsProc(fd) {
		t.Error("procfs not told from others")
	}
}
