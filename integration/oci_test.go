package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Tests of the commands of an OCI runtime are named TestOCI: `make test-oci` runs them, as
// root. Where a test says so, Debian's runc does the same, and has to come to the same.

// applets are the programs of a bundle's root, links to busybox.
var applets = []string{
	"sh", "cat", "chmod", "dd", "df", "echo", "env", "false", "grep", "head", "hostname", "id", "ip", "kill", "ls", "mkdir", "mount",
	"ps", "pwd", "readlink", "sleep", "sort", "stat", "stty", "touch", "tr", "true", "tty", "umask", "wc",
}

// A bundle is one on disk, and the state directory of its containers.
type bundle struct {
	t                *testing.T
	dir, root, state string
	cache            string // the state directory in which results are kept
	runtime          string // the program that is the runtime
	uid              uint32 // of its caller
	spec             specs.Spec
}

// subreaper makes the tests the parent of containers, as conmon and shims are.
var subreaper = sync.OnceValue(func() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })

// newBundle makes a bundle whose configuration is that of `laplace spec`, without a
// terminal, in plain mode.
func newBundle(t *testing.T) *bundle {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("containers are made by root")
	}
	if err := subreaper(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(base, "oci-")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, dir: dir, root: filepath.Join(dir, "rootfs"), state: filepath.Join(dir, "state"), cache: filepath.Join(dir, "cache"), runtime: laplace(t)}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(b.root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.root, "bin/busybox"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range applets {
		if err := os.Symlink("busybox", filepath.Join(b.root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.do("spec", "--bundle", dir); r.Exit != 0 {
		t.Fatalf("spec: %s", r.Stderr)
	}
	text, err := os.ReadFile(b.config())
	if err == nil {
		err = json.Unmarshal(text, &b.spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.spec.Process.Terminal = false
	b.spec.Linux.CgroupsPath = filepath.Base(dir) // below the tests' own, and no other's
	b.spec.Annotations = map[string]string{"dev.laplace.mode": "plain"}
	t.Cleanup(func() {
		b.clean()
		if left := groups(t, filepath.Base(dir)); len(left) > 0 {
			t.Errorf("control groups are left: %v", left)
		}
		if left := mounts(t, dir); len(left) > 0 {
			t.Errorf("mounts are left: %v", left)
		}
	})
	return b
}

func (b *bundle) config() string { return filepath.Join(b.dir, "config.json") }

// clean removes what a test has left, and complains.
func (b *bundle) clean() {
	entries, _ := os.ReadDir(b.state)
	for _, e := range entries {
		if e.Name() == "~cache" {
			continue // of all containers
		}
		if b.runtime == laplace(b.t) && !b.t.Failed() {
			b.t.Errorf("state of %s is left", e.Name())
		}
		b.do("delete", "--force", e.Name())
	}
	reap()
}

// reap reaps children that have ended.
func reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			return
		}
	}
}

// mounts are those of this mount namespace that are of a directory, or in it.
func mounts(t *testing.T, dir string) (found []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}

// groups are the control groups of a name, wherever they are.
func groups(t *testing.T, name string) (found []string) {
	t.Helper()
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == name {
			found = append(found, path)
		}
		return nil // one that goes away meanwhile is none
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// write writes the configuration.
func (b *bundle) write() {
	b.t.Helper()
	text, err := json.MarshalIndent(&b.spec, "", " ")
	if err == nil {
		err = os.WriteFile(b.config(), text, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// command makes a command of the runtime. Its streams are files: a container keeps them
// open.
func (b *bundle) command(args ...string) (*exec.Cmd, *os.File, *os.File) {
	b.t.Helper()
	cmd := exec.Command(b.runtime, append([]string{"--root", b.state}, args...)...)
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(b.dir, "out-")
		if err != nil {
			b.t.Fatal(err)
		}
		os.Remove(f.Name())
		files[i] = f
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+b.cache)
	if b.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.uid, Gid: b.uid}}
	}
	return cmd, files[0], files[1]
}

// do runs a command of the runtime.
func (b *bundle) do(args ...string) result {
	b.t.Helper()
	cmd, stdout, stderr := b.command(args...)
	defer stdout.Close()
	defer stderr.Close()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%v: %v", args, err)
	}
	return result{Exit: cmd.ProcessState.ExitCode(), Stdout: content(stdout), Stderr: content(stderr)}
}

// content is all of a file.
func content(f *os.File) string {
	var text bytes.Buffer
	if fi, err := f.Stat(); err == nil {
		data := make([]byte, fi.Size())
		n, _ := f.ReadAt(data, 0)
		text.Write(data[:n])
	}
	return text.String()
}

// ok is do for commands that succeed; it returns what they print.
func (b *bundle) ok(args ...string) string {
	b.t.Helper()
	r := b.do(args...)
	if r.Exit != 0 {
		b.t.Fatalf("%v: exit status %d: %s%s", args, r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// refused is do for commands that fail with a status, and with these words.
func (b *bundle) refused(status int, words string, args ...string) {
	b.t.Helper()
	r := b.do(args...)
	if r.Exit != status || !strings.Contains(r.Stderr, words) {
		b.t.Errorf("%v: exit status %d, %s; want %d, ...%s...", args, r.Exit, r.Stderr, status, words)
	}
}

// script has the container run a shell script.
func (b *bundle) script(text string) { b.spec.Process.Args = []string{"sh", "-c", text} }

// state returns the state of a container.
func (b *bundle) stateOf(id string) specs.State {
	b.t.Helper()
	var s specs.State
	if err := json.Unmarshal([]byte(b.ok("state", id)), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// eventually waits for what happens some time, however long it takes.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(runTimeout); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: has not happened", what)
		}
	}
}

// stopped waits until a container has ended.
func (b *bundle) stopped(id string) {
	b.t.Helper()
	eventually(b.t, id+" stops", func() bool { reap(); return b.stateOf(id).Status == specs.StateStopped })
}

// parentOf is the parent of a process.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return parent
}
