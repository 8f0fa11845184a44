package integration

import (
	"os"
	"strings"
	"testing"
)

// TestOCIExecContainerd has containerd run processes in a deterministic container.
func TestOCIExecContainerd(t *testing.T) {
	if os.Getenv("LAPLACE_OCI_RUNTIME") != "" {
		t.Skip("LAPLACE_OCI_RUNTIME is another runtime")
	}
	c := newContainerd(t)
	c.ok("run", "--snapshotter", "native", "--runc-binary", c.runtime, "-d", "busybox:latest", "live", "sh", "-c", "sleep 1000 & trap 'exit 5' TERM; wait")
	c.becomes("live", "RUNNING")
	c.gives(3, "inside 0", "task", "exec", "--exec-id", "e1", "live", "sh", "-c", "echo inside $PPID; exit 3")
	c.gives(0, "x", "task", "exec", "--exec-id", "e2", "live", "sh", "-c", "echo x > /tmp.x; cat /tmp.x")
	c.gives(143, "", "task", "exec", "--exec-id", "e3", "live", "sh", "-c", "kill -TERM $$")
	if got := c.ok("task", "exec", "--exec-id", "e4", "live", "ps"); !strings.Contains(got, "sleep 1000") || !strings.Contains(got, "    1 ") {
		t.Errorf("ps: %s", got)
	}
	if r := c.do("task", "exec", "--exec-id", "e5", "live", "/no/such/program"); r.Exit == 0 || !strings.Contains(r.Stderr, "no such file or directory") {
		t.Errorf("a program that is not there: %d, %s", r.Exit, r.Stderr)
	}
	c.ok("task", "kill", "--signal", "SIGTERM", "live")
	c.becomes("live", "STOPPED")
	c.ended("live", 5)
	c.ok("container", "delete", "live")
}

// TestOCIExecPodman has podman do the same, and look after its container's health.
func TestOCIExecPodman(t *testing.T) {
	if os.Getenv("LAPLACE_OCI_RUNTIME") != "" {
		t.Skip("LAPLACE_OCI_RUNTIME is another runtime")
	}
	p := newPodman(t)
	p.args = p.args[:len(p.args)-2] // without the file of defaults
	p.ok(plain("--detach", "--name", "live", "--health-cmd", "test -e /data/well", "--health-interval", "disable", "--health-retries", "1", "busybox", "sh", "-c",
		"trap 'exit 5' TERM; touch /data/well; sleep 1000 & wait")...)
	p.gives(0, "inside 0", "exec", "live", "sh", "-c", "echo inside $PPID")
	p.gives(3, "", "exec", "live", "sh", "-c", "exit 3")
	p.gives(127, "", "exec", "live", "/no/such/program")
	p.gives(0, "1000", "exec", "--user", "1000", "live", "id", "-u")
	if r := p.do("exec", "--tty", "live", "sh", "-c", "tty; echo $PPID; exit 6"); r.Exit != 6 || r.Stdout != "/dev/pts/0\r\n0\r\n" {
		t.Errorf("with a terminal: %d, %q, %s", r.Exit, r.Stdout, r.Stderr)
	}
	for range 3 {
		p.ok("healthcheck", "run", "live")
	}
	p.gives(0, "healthy", "inspect", "--format", "{{.State.Health.Status}}", "live")
	p.ok("exec", "live", "rm", "/data/well")
	if r := p.do("healthcheck", "run", "live"); r.Exit != 1 {
		t.Errorf("healthcheck of one who is not well: %d, %s", r.Exit, r.Stderr)
	}
	p.gives(0, "unhealthy", "inspect", "--format", "{{.State.Health.Status}}", "live")
	p.ok("exec", "--detach", "live", "sh", "-c", "touch /data/detached")
	p.ok("stop", "--time", "10", "live")
	p.gives(0, "exited 5", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "live")
	p.ok("rm", "live")
}
