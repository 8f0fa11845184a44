package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestOCILife takes a container through its life.
func TestOCILife(t *testing.T) {
	b := newBundle(t)
	b.script("echo begun; sleep 1000")
	b.write()
	pidFile := filepath.Join(b.dir, "pid")
	b.ok("create", "-bundle", b.dir, "--pid-file="+pidFile, "box")
	s := b.stateOf("box")
	if s.Status != specs.StateCreated || s.ID != "box" || s.Bundle != b.dir || s.Annotations["dev.laplace.mode"] != "plain" {
		t.Errorf("state %+v", s)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil || string(text) != strconv.Itoa(s.Pid) {
		t.Errorf("pid file %q, %v; pid %d", text, err, s.Pid)
	}
	if parent := parentOf(t, s.Pid); parent != os.Getpid() {
		t.Errorf("parent of the container is %d, not the caller %d", parent, os.Getpid())
	}
	b.refused(1, "container with given ID already exists", "create", "--bundle", b.dir, "box")
	b.refused(255, "unable to start container process", "exec", "box", "/none")
	b.ok("start", "box")
	if s := b.stateOf("box"); s.Status != specs.StateRunning {
		t.Errorf("started, and %s", s.Status)
	}
	b.refused(1, "cannot start an already running container", "start", "box")
	b.refused(1, "not stopped: running", "delete", "box")
	var list []specs.State
	if err := json.Unmarshal([]byte(b.ok("list", "-f", "json")), &list); err != nil || len(list) != 1 || list[0].Pid != s.Pid {
		t.Errorf("list %+v, %v", list, err)
	}
	if quiet := b.ok("list", "-q"); quiet != "box\n" {
		t.Errorf("list -q: %q", quiet)
	}
	var pids []int
	if err := json.Unmarshal([]byte(b.ok("ps", "--format", "json", "box")), &pids); err != nil || len(pids) == 0 || pids[0] != s.Pid {
		t.Errorf("ps: %v, %v", pids, err)
	}
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	if s := b.stateOf("box"); s.Pid != 0 {
		t.Errorf("stopped, and the pid is %d", s.Pid)
	}
	b.refused(1, "container not running", "kill", "box")
	b.refused(1, "cannot start a container that has stopped", "start", "box")
	b.refused(255, "cannot exec in a stopped container", "exec", "box", "true")
	b.ok("delete", "box")
	for _, command := range []string{"state", "start", "kill", "delete", "ps"} {
		b.refused(1, "container does not exist", command, "box")
	}
	b.ok("delete", "--force", "box")
	if out := b.ok("list", "--format", "json"); out != "null\n" {
		t.Errorf("an empty list is %q", out)
	}
	for _, id := range []string{"a/b", "..", "a b"} {
		b.refused(1, " ID", "state", id)
	}
}

// TestOCIDelete deletes containers that have not ended.
func TestOCIDelete(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	b.write()
	for _, test := range []struct {
		start bool
		args  []string
	}{{false, []string{"delete", "box"}}, {false, []string{"delete", "-f", "box"}}, {true, []string{"delete", "--force", "box"}}} {
		b.ok("create", "box")
		pid := b.stateOf("box").Pid
		if test.start {
			b.ok("start", "box")
		}
		b.ok(test.args...)
		eventually(t, "its end", func() bool { reap(); return unix.Kill(pid, 0) == unix.ESRCH })
		b.refused(1, "does not exist", "state", "box")
	}
}

// TestOCIStatus checks exit statuses and errors of starting, runc's beside ours.
func TestOCIStatus(t *testing.T) {
	for _, test := range []struct {
		name    string
		args    []string
		status  int
		words   string
		atStart bool // runc finds it out later than create
	}{
		{"success", []string{"true"}, 0, "", false},
		{"status", []string{"sh", "-c", "exit 7"}, 7, "", false},
		{"signal", []string{"sh", "-c", "sleep 1000 & kill -9 $!; wait $!; exit $?"}, 137, "", false},
		{"not in PATH", []string{"nope"}, 1, `exec: "nope": executable file not found in $PATH`, false},
		{"no file", []string{"/nope"}, 1, "no such file or directory", false},
		{"directory", []string{"/bin"}, 1, `exec: "/bin": `, false},
		{"not executable", []string{"/plain"}, 1, "permission denied", false},
		{"no program", []string{"/text"}, 1, "exec format error", true},
		{"no interpreter", []string{"/lost"}, 1, "no such file or directory", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBundle(t)
			for name, mode := range map[string]os.FileMode{"plain": 0o644, "text": 0o755, "lost": 0o755} {
				text := "text\n"
				if name == "lost" {
					text = "#!/no/such/shell\n"
				}
				if err := os.WriteFile(filepath.Join(b.root, name), []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			b.spec.Process.Args = test.args
			b.write()
			r := b.do("run", "box")
			if r.Exit != test.status || !strings.Contains(r.Stderr, test.words) {
				t.Errorf("run: exit status %d, %s", r.Exit, r.Stderr)
			}
			if test.words != "" && !test.atStart {
				b.refused(1, test.words, "create", "box")
			}
			if test.words == "" {
				b.runtime = "runc"
				if r := b.do("run", "runc-"+filepath.Base(b.dir)); r.Exit != test.status {
					t.Errorf("runc: exit status %d, %s", r.Exit, r.Stderr)
				}
			}
		})
	}
}

// TestOCIExec runs processes in a container.
func TestOCIExec(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	b.write()
	b.ok("run", "-d", "box")
	for _, test := range []struct {
		args   []string
		stdout string
		status int
	}{
		{[]string{"box", "sh", "-c", "exit 3"}, "", 3},
		{[]string{"box", "echo", "-f", "--x"}, "-f --x\n", 0},
		{[]string{"-u", "5:6", "-g", "7", "-g", "8", "box", "id"}, "uid=5 gid=6 groups=7,8\n", 0},
		{[]string{"--user=5", "box", "id", "-u"}, "5\n", 0},
		{[]string{"-cwd", "/bin", "box", "pwd"}, "/bin\n", 0},
		{[]string{"-e", "A=b c", "--env", "D=e", "box", "sh", "-c", `echo "$A" $D`}, "b c e\n", 0},
		{[]string{"-t", "box", "tty"}, "/dev/pts/0\r\n", 0},
		{[]string{"-c", "CAP_SYS_TIME", "box", "grep", "Cap[IE]", "/proc/self/status"},
			"CapInh:\t0000000000000000\nCapEff:\t0000000022000420\n", 0},
	} {
		r := b.do(append([]string{"exec"}, test.args...)...)
		if r.Exit != test.status || test.stdout != "" && r.Stdout != test.stdout {
			t.Errorf("exec %v: exit status %d, %q, %s; want %d, %q", test.args, r.Exit, r.Stdout, r.Stderr, test.status, test.stdout)
		}
	}
	for name, words := range map[string]string{"nope": "executable file not found in $PATH", "/nope": "no such file or directory", "/bin": "is a directory"} {
		b.refused(255, words, "exec", "box", name)
	}
	process := filepath.Join(b.dir, "process.json")
	if err := os.WriteFile(process, []byte(`{"args":["sh","-c","id -u; pwd; echo $X"],"cwd":"/proc","env":["X=y","PATH=/bin"],"user":{"uid":9,"gid":9}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(b.dir, "exec.pid")
	if out := b.ok("exec", "-p", process, "-pid-file", pidFile, "box"); out != "9\n/proc\ny\n" {
		t.Errorf("exec --process: %q", out)
	}
	b.ok("exec", "-d", "--pid-file", pidFile, "box", "sleep", "1000")
	text, err := os.ReadFile(pidFile)
	pid, _ := strconv.Atoi(string(text))
	if err != nil || parentOf(t, pid) != os.Getpid() {
		t.Errorf("a detached process: %q, %v", text, err)
	}
	// A process that nobody reaps would keep init from ending.
	defer func() {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		b.ok("delete", "-f", "box")
	}()
	// Its namespaces are all the container's.
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts", "user", "cgroup"} {
		link := func(pid int) string {
			text, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
			return text
		}
		if init := b.stateOf("box").Pid; link(pid) != link(init) {
			t.Errorf("%s of the process is %s, of the container %s", kind, link(pid), link(init))
		}
	}
}

// TestOCICrash kills our process at many points of create: the state stays readable, and
// delete leaves nothing.
func TestOCICrash(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	mark := filepath.Join(b.dir, "mark")
	b.spec.Hooks = &specs.Hooks{
		CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `[ ! -e ` + mark + ` ] || kill -9 $PPID`}}},
	}
	b.write()
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := b.do("create", "box"); r.Exit == 0 {
		t.Error("killed, and it succeeded")
	}
	os.Remove(mark)
	b.stopped("box")
	b.refused(1, "container with given ID already exists", "create", "box")
	b.ok("delete", "box")
	b.refused(1, "does not exist", "state", "box")
	// At any time: where it happens is left to chance, what it leads to is not.
	for i := range 40 {
		cmd, stdout, stderr := b.command("create", "box")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		loiter(i)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		stdout.Close()
		stderr.Close()
		if r := b.do("state", "box"); r.Exit != 0 && !strings.Contains(r.Stderr, "does not exist") {
			t.Fatalf("state after a crash: %s", r.Stderr)
		}
		b.ok("delete", "--force", "box")
	}
	b.ok("create", "box")
	b.ok("delete", "box")
	if entries, err := os.ReadDir(b.state); err != nil || len(entries) > 0 {
		t.Errorf("left of crashes: %v, %v", entries, err)
	}
}

// loiter lets some time go by, the more the greater n.
func loiter(n int) {
	for range n * 40 {
		_ = unix.Getppid()
		unix.Nanosleep(&unix.Timespec{Nsec: 5000}, nil)
	}
}

// TestOCIConcurrent has many callers at once: of those who do what can be done once only,
// one succeeds.
func TestOCIConcurrent(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	// So that callers who wait for nobody meet.
	b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "1"}}}}
	b.write()
	atOnce := func(args ...string) (succeeded int) {
		const callers = 8
		var wait sync.WaitGroup
		results := make([]result, callers)
		for i := range callers {
			wait.Go(func() { results[i] = b.do(args...) })
		}
		wait.Wait()
		for _, r := range results {
			if r.Exit == 0 {
				succeeded++
			}
		}
		return succeeded
	}
	if n := atOnce("create", "box"); n != 1 {
		t.Fatalf("%d of 8 made the container", n)
	}
	if n := atOnce("state", "box"); n != 8 {
		t.Errorf("%d of 8 saw its state", n)
	}
	if n := atOnce("start", "box"); n != 1 {
		t.Errorf("%d of 8 started it", n)
	}
	if n := atOnce("exec", "box", "true"); n != 8 {
		t.Errorf("%d of 8 ran a process", n)
	}
	b.ok("kill", "box", "9")
	b.stopped("box")
	if n := atOnce("delete", "box"); n != 1 {
		t.Errorf("%d of 8 deleted it", n)
	}
}

// TestOCIMode refuses what is not there yet.
func TestOCIMode(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = map[string]string{"dev.laplace.mode": "fast"}
	b.write()
	b.refused(1, "dev.laplace.mode", "create", "box")
	b.spec.Annotations = nil
	b.spec.Linux.Namespaces = slices.DeleteFunc(b.spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.PIDNamespace })
	b.write()
	b.refused(1, "it needs a pid namespace of its own", "create", "box")
	b.refused(1, "checkpoint: not supported yet", "checkpoint", "--image-path", "x", "box")
	b.refused(1, "restore: not supported yet", "restore", "-no-subreaper", "--bundle", "x", "box")
}

// newRootless makes a bundle of a user without privileges, who is its caller.
func newRootless(t *testing.T) *bundle {
	t.Helper()
	b := newBundle(t)
	b.uid = strangerID
	err := filepath.WalkDir(b.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, strangerID, strangerID)
	})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(b.config())
	b.ok("spec", "--rootless")
	text, err := os.ReadFile(b.config())
	if err == nil {
		b.spec = specs.Spec{}
		err = json.Unmarshal(text, &b.spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.spec.Annotations = map[string]string{"dev.laplace.mode": "plain"}
	b.spec.Process.Terminal = false
	return b
}

// TestOCIRootless runs a container of a user without privileges.
func TestOCIRootless(t *testing.T) {
	b := newRootless(t)
	b.script("id -u; hostname; sleep 1000")
	b.write()
	b.ok("run", "--detach", "box")
	if out := b.ok("exec", "box", "sh", "-c", "id -u; stat -c %u /bin/busybox"); out != "0\n0\n" {
		t.Errorf("exec: %q", out)
	}
	b.refused(1, "not stopped: running", "delete", "box")
	b.ok("delete", "--force", "box")
	limit := int64(1 << 26)
	b.spec.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	b.write()
	b.refused(1, "memory", "create", "box")
	b.spec.Linux.Namespaces = b.spec.Linux.Namespaces[:1]
	b.write()
	b.refused(1, "linux", "create", "box")
}
