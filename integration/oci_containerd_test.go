package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// containerd is a daemon with a root, a state and a socket of its own.
type containerd struct {
	client
	dir     string
	process *exec.Cmd
	runtime string
}

// newContainerd starts one with the busybox image, which is gone when the test ends.
func newContainerd(t *testing.T) *containerd {
	t.Helper()
	img, err := busyboxImage()
	if err != nil {
		t.Fatal(err)
	}
	// Short: the path of a socket has 108 bytes.
	dir, err := os.MkdirTemp("/run", "laplace-cd")
	if err != nil {
		t.Fatal(err)
	}
	c := &containerd{dir: dir, runtime: clientRuntime(t), client: client{t: t, args: []string{"ctr", "--address", dir + "/sock", "--namespace", fmt.Sprint("laplace-", os.Getpid())}}} // which names control groups, too
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = %q
[ttrpc]
address = %q
`, dir+"/root", dir+"/state", dir+"/sock", dir+"/sock.ttrpc")
	if err := os.WriteFile(dir+"/config.toml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	c.start()
	t.Cleanup(func() {
		for _, id := range strings.Fields(c.do("task", "ls", "-q").Stdout) {
			c.do("task", "delete", "--force", id)
		}
		for _, id := range strings.Fields(c.do("container", "ls", "-q").Stdout) {
			c.do("container", "delete", id)
		}
		c.stop()
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/log")
			t.Logf("containerd: %s", log[max(0, len(log)-1000):])
		}
		os.RemoveAll(dir)
	})
	c.ok("image", "import", "--snapshotter", "native", "--base-name", "busybox", img.archive)
	return c
}

// start starts the daemon and waits until it answers.
func (c *containerd) start() {
	c.t.Helper()
	log, err := os.OpenFile(c.dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	c.process = exec.Command("containerd", "--config", c.dir+"/config.toml")
	c.process.Stdout, c.process.Stderr = log, log
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	for range 300 {
		if c.do("version").Exit == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatal("containerd does not answer")
}

// stop ends the daemon.
func (c *containerd) stop() {
	c.process.Process.Signal(unix.SIGTERM)
	c.process.Wait()
}

// run are the arguments that run a container.
func (c *containerd) run(flags []string, id string, args ...string) []string {
	all := append([]string{"run", "--snapshotter", "native", "--runc-binary", c.runtime, "--annotation", plainMode}, flags...)
	return append(append(all, "busybox:latest", id), args...)
}

// status is what containerd says of a task.
func (c *containerd) status(id string) string {
	c.t.Helper()
	for line := range strings.Lines(c.ok("task", "ls")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			return f[2]
		}
	}
	return ""
}

// becomes waits until a task has a status.
func (c *containerd) becomes(id, status string) {
	c.t.Helper()
	for range 200 {
		if c.status(id) == status {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Errorf("%s is %s, not %s", id, c.status(id), status)
}

// ended checks the exit status of a task that has ended, and deletes it.
func (c *containerd) ended(id string, status int) {
	c.t.Helper()
	if r := c.do("task", "delete", id); r.Exit != 0 || !strings.Contains(r.Stderr, fmt.Sprintf("exit code %d", status)) {
		c.t.Errorf("delete of %s: status %d, %s", id, r.Exit, r.Stderr)
	}
}

func TestOCIContainerd(t *testing.T) {
	c := newContainerd(t)
	rm := []string{"--rm"}
	c.gives(0, "hello", c.run(rm, "hello", "echo", "hello")...)
	c.gives(7, "out", c.run(rm, "status", "sh", "-c", "echo out; echo err >&2; exit 7")...)
	c.gives(143, "", c.run(rm, "signal", "sh", "-c", `sh -c 'kill -TERM $$'; exit $?`)...)
	if r := c.do(c.run(rm, "none", "/no/such/program")...); r.Exit != 1 || !strings.Contains(r.Stderr, "no such file or directory") {
		t.Errorf("a program that is not there: %d, %s", r.Exit, r.Stderr)
	}
	c.gives(0, "0 /dir 1 value", c.run([]string{"--rm", "--cwd", "/dir", "--env", "NAME=value"}, "env", "sh", "-c", `echo $(id -u) $PWD $$ $NAME`)...)

	if os.Getenv("LAPLACE_OCI_RUNTIME") == "" {
		c.gives(3, "1577836801 1", "run", "--snapshotter", "native", "--runc-binary", c.runtime, "--rm", "busybox:latest", "deterministic", "sh", "-c", "echo $(date +%s) $$; exit 3")
	}

	c.ok(c.run([]string{"-d"}, "live", "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done")...)
	c.becomes("live", "RUNNING")
	if r := c.do(c.run([]string{"-d"}, "live", "true")...); r.Exit == 0 {
		t.Error("two containers of one name")
	}
	c.gives(3, "inside", "task", "exec", "--exec-id", "e1", "live", "sh", "-c", "echo inside; exit 3")
	if ps := c.ok("task", "ps", "live"); len(strings.Split(ps, "\n")) < 2 {
		t.Errorf("ps: %s", ps)
	}
	if metrics := c.ok("task", "metrics", "live"); !strings.Contains(metrics, "memory.usage_in_bytes") && !strings.Contains(metrics, "memory.usage") {
		t.Errorf("metrics: %s", metrics)
	}
	c.ok("task", "pause", "live")
	c.becomes("live", "PAUSED")
	if r := c.do("task", "exec", "--exec-id", "e2", "live", "true"); r.Exit == 0 {
		t.Error("exec in a container that is paused")
	}
	c.ok("task", "resume", "live")
	c.becomes("live", "RUNNING")

	// The daemon goes, the container stays.
	c.stop()
	c.start()
	c.becomes("live", "RUNNING")
	c.gives(0, "still", "task", "exec", "--exec-id", "e3", "live", "echo", "still")
	c.ok("task", "kill", "--signal", "SIGTERM", "live")
	c.becomes("live", "STOPPED")
	c.ended("live", 5)
	c.ok("container", "delete", "live")
}

// TestOCIContainerdMore is about logs, terminals and memory.
func TestOCIContainerdMore(t *testing.T) {
	c := newContainerd(t)
	log := filepath.Join(c.dir, "output")
	// containerd 1.6 closes the file of both streams when the first has ended before it has begun with the second: neither ends at once.
	c.ok(c.run([]string{"-d", "--log-uri", "file://" + log}, "logs", "sh", "-c", "echo out; echo err >&2; sleep 1")...)
	c.becomes("logs", "STOPPED")
	eventually(t, "both streams in the log", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), "out\n") && strings.Contains(string(text), "err\n")
	})

	// ctr wants a terminal: script(1) is one.
	tty := &client{t: t, args: []string{"script", "-qec"}}
	line := strings.Join(append(c.args, c.run([]string{"--rm", "-t"}, "tty", "sh", "-c", "'tty; stty size'")...), " ")
	if r := tty.do("stty rows 11 cols 22; "+line, "/dev/null"); r.Exit != 0 || !strings.Contains(r.Stdout, "/dev/") || strings.Contains(r.Stdout, "not a tty") {
		t.Errorf("a terminal: %d, %q", r.Exit, r.Stdout)
	}

	c.ok(c.run([]string{"-d", "--memory-limit", "16777216"}, "oom", "sh", "-c", "x=x; while :; do x=$x$x; done")...)
	c.becomes("oom", "STOPPED")
	c.ended("oom", 137)
}
