package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newPodman is a podman with stores of its own, and the busybox image.
func newPodman(t *testing.T) *client {
	t.Helper()
	img, err := busyboxImage()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/run", "laplace-pm")
	if err != nil {
		t.Fatal(err)
	}
	// By itself podman asks for more open files and processes than a host may allow.
	conf := dir + "/containers.conf"
	if err := os.WriteFile(conf, []byte("[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/laplace.toml", []byte("mode = \"plain\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &client{t: t, env: []string{"CONTAINERS_CONF=" + conf}, args: []string{"podman", "--root", dir + "/root", "--runroot", dir + "/run", "--tmpdir", dir + "/tmp", "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", clientRuntime(t)}}
	if os.Getenv("LAPLACE_OCI_RUNTIME") == "" {
		p.args = append(p.args, "--runtime-flag", "config="+dir+"/laplace.toml")
	}
	t.Cleanup(func() {
		p.do("rm", "--all", "--force", "--time", "0")
		p.do("pod", "rm", "--all", "--force")
		// conmon has another podman clean up after each container.
		for range 200 {
			if !named(dir) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		os.RemoveAll(dir)
	})
	id := p.ok("pull", "--quiet", "oci:"+img.layout+":latest")
	p.ok("tag", id, "busybox:latest")
	return p
}

// named tells whether the command line of a process has a text.
func named(text string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range files {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), text) {
			return true
		}
	}
	return false
}

// plain are the arguments that run a container.
func plain(args ...string) []string {
	return append([]string{"run", "--network", "none"}, args...)
}

func TestOCIPodman(t *testing.T) {
	p := newPodman(t)
	p.gives(0, "hello", plain("--rm", "busybox", "echo", "hello")...)
	p.gives(7, "out", plain("--rm", "busybox", "sh", "-c", "echo out; exit 7")...)
	p.gives(127, "", plain("--rm", "busybox", "/no/such/program")...)
	p.gives(126, "", plain("--rm", "busybox", "/etc/passwd")...)
	p.gives(0, "1000 1000 1000 1001", plain("--rm", "--user", "user", "busybox", "sh", "-c", "echo $(id -u) $(id -g) $(id -G)")...)
	p.gives(0, "5 7", plain("--rm", "--user", "5:7", "busybox", "sh", "-c", "echo $(id -u) $(id -g)")...)
	p.gives(0, "refused", plain("--rm", "--read-only", "busybox", "sh", "-c", "touch /data/x 2>/dev/null && echo made || echo refused")...)
	p.gives(0, "init", plain("--rm", "--init", "busybox", "sh", "-c", "[ $$ != 1 ] && echo init")...)
	p.gives(0, "42", plain("--rm", "--ulimit", "nofile=42:42", "--ulimit", "nproc=4096:4096", "busybox", "sh", "-c", "ulimit -n")...)
	p.gives(0, "box", plain("--rm", "--hostname", "box", "busybox", "hostname")...)

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("shared\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.gives(0, "shared", plain("--rm", "--volume", dir+":/data", "busybox", "sh", "-c", "cat /data/file; echo changed > /data/file")...)
	if text, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(text) != "changed\n" {
		t.Errorf("a volume has %q, %v", text, err)
	}
	p.gives(0, "refused", plain("--rm", "--volume", dir+":/data:ro", "busybox", "sh", "-c", "touch /data/x 2>/dev/null && echo made || echo refused")...)

	p.ok(plain("--detach", "--name", "live", "--health-cmd", "echo well", "--health-interval", "disable", "--memory", "64m", "--pids-limit", "50", "busybox", "sh", "-c",
		"echo begin; trap 'echo end; exit 5' TERM; while :; do sleep 0.05; done")...)
	p.gives(0, "inside", "exec", "live", "echo", "inside")
	p.gives(3, "", "exec", "live", "sh", "-c", "exit 3")
	p.gives(127, "", "exec", "live", "/no/such/program")
	p.gives(0, "0", "exec", "--user", "0", "live", "id", "-u")
	p.gives(0, "1000", "exec", "--user", "1000", "live", "id", "-u")
	p.ok("healthcheck", "run", "live")
	p.gives(0, "running true", "inspect", "--format", "{{.State.Status}} {{.State.Running}}", "live")
	p.ok("pause", "live")
	p.gives(0, "paused", "inspect", "--format", "{{.State.Status}}", "live")
	p.ok("unpause", "live")
	p.ok("stop", "--time", "10", "live")
	p.gives(0, "begin\nend", "logs", "live")
	p.gives(0, "exited 5", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "live")
	p.ok("start", "live")
	p.ok("kill", "--signal", "KILL", "live")
	p.gives(0, "137", "wait", "live")
	p.ok("rm", "live")
}

// TestOCIPodmanDeterministic runs containers that are not plain.
func TestOCIPodmanDeterministic(t *testing.T) {
	p := newPodman(t)
	if os.Getenv("LAPLACE_OCI_RUNTIME") != "" {
		t.Skip("LAPLACE_OCI_RUNTIME is another runtime")
	}
	p.args = p.args[:len(p.args)-2] // without the file of defaults
	const script = "date +%s; echo $$; cat /proc/sys/kernel/random/uuid; exit 5"
	first := p.do(plain("--rm", "busybox", "sh", "-c", script)...)
	if first.Exit != 5 || !strings.HasPrefix(first.Stdout, "1577836801\n1\n") {
		t.Errorf("status %d, %q, %s", first.Exit, first.Stdout, first.Stderr)
	}
	p.gives(5, strings.TrimSuffix(first.Stdout, "\n"), plain("--rm", "busybox", "sh", "-c", script)...)
	p.gives(0, "1000", plain("--rm", "--user", "1000", "busybox", "id", "-u")...)
	p.ok(plain("--detach", "--name", "live", "busybox", "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done")...)
	p.gives(0, "inside", "exec", "live", "echo", "inside")
	p.ok("stop", "--time", "10", "live")
	p.gives(0, "exited", "inspect", "--format", "{{.State.Status}}", "live")
}

func TestOCIPodmanKube(t *testing.T) {
	p := newPodman(t)
	file := filepath.Join(t.TempDir(), "pod.yaml")
	text := `apiVersion: v1
kind: Pod
metadata:
  name: pod
spec:
  hostNetwork: true
  restartPolicy: Never
  containers:
  - name: one
    image: localhost/busybox:latest
    imagePullPolicy: Never
    command: [sh, -c, "echo from one; sleep 1000"]
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p.ok("kube", "play", file)
	p.gives(0, "running", "inspect", "--format", "{{.State.Status}}", "pod-one")
	p.gives(0, "from one", "logs", "pod-one")
	p.ok("kube", "down", file)
}

// TestOCIBuildah builds a Containerfile twice: the layers are the same but for times, of which there are none.
func TestOCIBuildah(t *testing.T) {
	p := newPodman(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), []byte("FROM localhost/busybox:latest\nRUN echo built > /data/file && id -u >> /data/file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stores, runtime := p.args[1:5], p.args[13:]
	b := &client{t: t, env: p.env, args: append(append([]string{"buildah"}, stores...), "--storage-driver", "vfs")}
	for _, tag := range []string{"one", "two"} {
		b.ok(append(append([]string{"bud", "--isolation", "oci"}, runtime...), "--network", "none", "--no-cache", "--timestamp", "0", "--tag", tag, dir)...)
	}
	layers := func(tag string) string {
		return p.ok("inspect", "--type", "image", "--format", "{{.RootFS.Layers}}", "localhost/"+tag)
	}
	if one, two := layers("one"), layers("two"); one != two || strings.Count(one, "sha256:") != 2 {
		t.Errorf("layers %s and %s", one, two)
	}
	p.gives(0, "built\n0", plain("--rm", "one", "cat", "/data/file")...)
	if os.Getenv("LAPLACE_OCI_RUNTIME") != "" {
		return
	}

	// Deterministic, clocks and random numbers are the same too. (Dates of what it mounts on are buildah's.)
	text := "FROM localhost/busybox:latest\nRUN mkdir /data/d && date > /data/d/file && cat /proc/sys/kernel/random/uuid >> /data/d/file\n"
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"three", "four"} {
		b.ok("bud", "--isolation", "oci", "--runtime", clientRuntime(t), "--network", "none", "--no-cache", "--timestamp", "0", "--tag", tag, dir)
	}
	if three, four := layers("three"), layers("four"); three != four || three == layers("one") {
		t.Errorf("deterministic layers %s and %s", three, four)
	}
}
