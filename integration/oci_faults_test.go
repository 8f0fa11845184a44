package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestOCIFileLimit has containers get the caller's limit of open files where their configuration has none.
func TestOCIFileLimit(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Rlimits = nil
	b.script("echo $(ulimit -Sn) $(ulimit -Hn); sleep 1000")
	b.write()
	limited := func(args ...string) string {
		t.Helper()
		cmd, stdout, stderr := b.command(args...)
		defer stdout.Close()
		defer stderr.Close()
		cmd.Args = append([]string{"sh", "-c", `ulimit -Sn 300; ulimit -Hn 400; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, content(stderr))
		}
		eventually(t, "a line", func() bool { return strings.Contains(content(stdout), "\n") })
		return strings.TrimSpace(content(stdout))
	}
	if got := limited("run", "--detach", "box"); got != "300 400" {
		t.Errorf("run: limits %s, want 300 400", got)
	}
	if got := limited("exec", "box", "sh", "-c", "echo $(ulimit -Sn) $(ulimit -Hn)"); got != "300 400" {
		t.Errorf("exec: limits %s, want 300 400", got)
	}
	b.ok("delete", "--force", "box")

	b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 50, Hard: 60}}
	b.write()
	if got := limited("run", "--detach", "box"); got != "50 60" {
		t.Errorf("configured: limits %s, want 50 60", got)
	}
	b.ok("delete", "--force", "box")
}

// TestOCIDanglingTargets mounts where symbolic links lead to that lead nowhere yet, as runc does, which is asked too.
func TestOCIDanglingTargets(t *testing.T) {
	b := newBundle(t)
	b.spec.Root.Readonly = false
	file := filepath.Join(b.dir, "file")
	if err := os.WriteFile(file, []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.spec.Mounts = append(b.spec.Mounts,
		specs.Mount{Destination: "/links/abs/in", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/links/up", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/links/file", Type: "bind", Source: file, Options: []string{"bind"}})
	b.script("grep -o ' /made[^ ]*' /proc/mounts | sort; cat /links/file")
	b.spec.Linux.CgroupsPath = ""
	b.write()
	const want = " /made/a/in\n /made/b\n /made/f\ntext\n"
	for _, runtime := range []string{b.runtime, "runc"} {
		for _, dir := range []string{"made", "links"} {
			if err := os.RemoveAll(filepath.Join(b.root, dir)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(b.root, "links/deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, target := range map[string]string{"abs": "/made/a", "up": "deep/../../../../made/b", "file": "/made/f"} {
			if err := os.Symlink(target, filepath.Join(b.root, "links", name)); err != nil {
				t.Fatal(err)
			}
		}
		other := *b
		other.runtime, other.state = runtime, b.state+"-"+filepath.Base(runtime)
		if got := other.ok("run", "box"); got != want {
			t.Errorf("%s: %q, want %q", runtime, got, want)
		}
	}
	if _, err := os.Lstat("/made"); err == nil {
		t.Error("/made is made on the host")
	}
}

// TestOCIDeleteUnreaped deletes a container one of whose processes is dead, and its parent, the test, does not ask for
// its status: until then the kernel keeps the first process, which is dead as well.
func TestOCIDeleteUnreaped(t *testing.T) {
	for _, mode := range []string{"plain", "deterministic"} {
		t.Run(mode, func(t *testing.T) {
			b := newBundle(t)
			b.spec.Annotations["dev.laplace.mode"] = mode
			b.script("sleep 1000")
			b.write()
			b.ok("run", "--detach", "box")
			pidFile := filepath.Join(b.dir, "pid")
			b.ok("exec", "--detach", "--pid-file", pidFile, "box", "sleep", "1000")
			b.ok("delete", "--force", "box")
			var ws unix.WaitStatus
			if pid, err := unix.Wait4(pidIn(t, pidFile), &ws, 0, nil); err != nil || !ws.Signaled() {
				t.Errorf("the process of exec: %d, %v, %v", pid, err, ws)
			}
		})
	}
}
