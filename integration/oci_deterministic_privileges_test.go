package integration

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// privileged tells who it is, and does what only root may: itself, and after it has given that up.
const privileged = `#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
	printf("%d %d %d ", getuid(), geteuid(), (int)getauxval(AT_SECURE));
	printf("%s ", open("/secret", O_RDONLY) < 0 ? "closed" : "open");
	printf("%s ", rename("/closed/a", "/closed/b") ? "fixed" : "moved");
	printf("%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	fflush(stdout);
	if (!fork()) {
		setuid(getuid());
		printf("%s", seteuid(0) ? "" : "back ");
		printf("%d %s\n", geteuid(), open("/secret", O_RDONLY) < 0 ? "closed" : "open");
		return 0;
	}
	wait(0);
	return 0;
}
`

// TestOCIDeterministicPrivileges runs a program with the setuid bit as a user: it has an effect iff process.noNewPrivileges is not set, as without a supervisor.
func TestOCIDeterministicPrivileges(t *testing.T) {
	for name, test := range map[string]struct {
		never, mapped, filter bool
		want                  string
	}{
		"never":               {never: true, want: "1000 1000 0 closed fixed 1\n1000 closed\n"},
		"new ones":            {want: "1000 0 1 open moved 0\n1000 closed\n"},
		"in a user namespace": {mapped: true, want: "1000 0 1 open moved 0\n1000 closed\n"},
		"with a filter":       {filter: true, want: "1000 0 1 open moved 0\n1000 closed\n"},
	} {
		for _, mode := range []string{"plain", "deterministic", "deterministic"} {
			b := newBundle(t)
			b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
			b.spec.Root.Readonly = false
			owner := 0
			if test.mapped {
				owner = 1 << 20
				b.mapped(uint32(owner))
			}
			program := filepath.Join(b.root, "bin/privileged")
			b.compile("privileged", privileged)
			if err := os.MkdirAll(filepath.Join(b.root, "closed"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"secret", "closed/a"} {
				if err := os.WriteFile(filepath.Join(b.root, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"bin/privileged", "secret", "closed", "closed/a"} {
				if err := os.Chown(filepath.Join(b.root, name), owner, owner); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(program, 0o755|os.ModeSetuid); err != nil {
				t.Fatal(err)
			}
			b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
			b.spec.Process.NoNewPrivileges = test.never
			b.spec.Process.Capabilities.Bounding = append(b.spec.Process.Capabilities.Bounding, "CAP_SETUID", "CAP_DAC_OVERRIDE")
			b.spec.Process.Capabilities.Effective, b.spec.Process.Capabilities.Permitted = nil, nil
			if test.filter {
				b.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}}
			}
			b.spec.Process.Args = []string{"/bin/privileged"}
			b.write()
			if r := b.do("run", "--keep", "box"); r.Exit != 0 || r.Stdout != test.want {
				t.Errorf("%s, %s: status %d, %q, not %q: %s", name, mode, r.Exit, r.Stdout, test.want, r.Stderr)
			}
			if mode != "plain" {
				if v := b.verdictOf("box"); v.Verdict != "deterministic" || v.Execs == 0 {
					t.Errorf("%s: %+v", name, v)
				}
			}
			b.ok("delete", "box")
		}
	}
}

// dropping gives up what it may, as daemons do, without another program: all it then does is as that user.
const dropping = `#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
	int ends[2];
	pipe(ends);
	int changed = seteuid(1000);
	printf("%d %d\n", changed, open("/secret", O_RDONLY) >= 0);
	changed = seteuid(0);
	printf("%d %d\n", changed, open("/secret", O_RDONLY) >= 0);
	changed = setgid(1000) + setuid(1000);
	printf("%d %d\n", changed, open("/secret", O_RDONLY) >= 0);
	printf("%d\n", open("/open/made", O_WRONLY | O_CREAT, 0600) >= 0);
	fflush(stdout);
	if (!fork()) {
		write(ends[1], "through a pipe\n", 15);
		return 0;
	}
	char text[15];
	write(1, text, read(ends[0], text, sizeof text));
	wait(0);
	return !rename("/open/made", "/closed/made");
}
`

// TestOCIDeterministicDropped has root give up its rights, and go on in the same program.
func TestOCIDeterministicDropped(t *testing.T) {
	for _, mode := range []string{"plain", "deterministic", "deterministic"} {
		b := newBundle(t)
		b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
		b.spec.Root.Readonly = false
		b.compile("dropping", dropping)
		for name, perm := range map[string]os.FileMode{"closed": 0o755, "open": 0o777} {
			if err := os.Mkdir(filepath.Join(b.root, name), perm); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(b.root, name), perm); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(b.root, "secret"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		caps := []string{"CAP_SETUID", "CAP_SETGID"}
		b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
		b.spec.Process.Args = []string{"/bin/dropping"}
		b.write()
		b.prints(mode, "0 0\n0 1\n0 0\n1\nthrough a pipe\n")
	}
}

// prints runs a container, which is to print something, and to be deterministic in that mode.
func (b *bundle) prints(mode, want string) {
	b.t.Helper()
	if r := b.do("run", "--keep", "box"); r.Exit != 0 || r.Stdout != want {
		b.t.Errorf("%s: status %d, %q, not %q: %s", mode, r.Exit, r.Stdout, want, r.Stderr)
	}
	if mode != "plain" {
		if v := b.verdictOf("box"); v.Verdict != "deterministic" {
			b.t.Errorf("%+v", v)
		}
	}
	b.ok("delete", "box")
}

// compile makes a program of the bundle's of C.
func (b *bundle) compile(name, text string) {
	b.t.Helper()
	source := filepath.Join(b.dir, name+".c")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-w", "-static", "-pthread", "-o", filepath.Join(b.root, "bin", name), source).CombinedOutput(); err != nil {
		b.t.Fatalf("gcc: %v, %s", err, out)
	}
}

// capable reads through a descriptor and its name.
const capable = `#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
	char text[64];
	int fd = open("/public", O_RDONLY);
	printf("%d %zd ", fd >= 0, read(fd, text, sizeof text));
	snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
	printf("%d\n", open(text, O_RDONLY) >= 0);
	return 0;
}
`

// TestOCIDeterministicCapable gives a user's program a capability by its file: the kernel gives such a process's place in
// /proc to root; capabilities(7).
func TestOCIDeterministicCapable(t *testing.T) {
	for _, mode := range []string{"plain", "deterministic", "deterministic"} {
		b := newBundle(t)
		b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
		b.compile("capable", capable)
		const revision2, effective = 2 << 24, 1
		value := make([]byte, 20)
		binary.LittleEndian.PutUint32(value, revision2|effective)
		binary.LittleEndian.PutUint32(value[4:], 1<<unix.CAP_NET_BIND_SERVICE)
		if err := unix.Setxattr(filepath.Join(b.root, "bin/capable"), "security.capability", value, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.root, "public"), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
		b.spec.Process.User = specs.User{UID: 7, GID: 8}
		b.spec.Process.NoNewPrivileges = false
		b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_NET_BIND_SERVICE"}}
		b.spec.Process.Args = []string{"/bin/capable"}
		b.write()
		b.prints(mode, "1 4 1\n")
	}
}

// TestOCIDeterministicStatus has /proc say who a process is as the kernel does.
func TestOCIDeterministicStatus(t *testing.T) {
	want := ""
	for _, mode := range []string{"plain", "deterministic", "deterministic"} {
		b := newBundle(t)
		b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
		b.spec.Process.User = specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9, 10}}
		b.spec.Process.NoNewPrivileges = false
		b.script("grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status")
		b.write()
		out := b.ok("run", "box")
		if want == "" {
			want = out
		}
		if out != want || !strings.Contains(out, "Uid:\t7\t7\t7\t7\n") {
			t.Errorf("%s: %q, not %q", mode, out, want)
		}
	}
}
