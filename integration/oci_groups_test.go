package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestOCIPause stops a container and lets it go on.
func TestOCIPause(t *testing.T) {
	b := newBundle(t)
	b.script("while :; do echo x; sleep 0.01; done")
	b.write()
	b.ok("create", "box")
	b.refused(1, "container not paused", "resume", "box")
	b.ok("start", "box")
	b.ok("pause", "box")
	if s := b.stateOf("box"); s.Status != "paused" || s.Pid == 0 {
		t.Errorf("paused, and %+v", s)
	}
	b.refused(1, "container not running", "pause", "box")
	b.refused(255, "cannot exec in a paused container", "exec", "box", "true")
	b.refused(1, "not stopped: paused", "delete", "box")
	cmd, stdout, stderr := b.command("exec", "--ignore-paused", "box", "echo", "at last")
	defer stdout.Close()
	defer stderr.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.ok("resume", "box")
	if err := cmd.Wait(); err != nil || content(stdout) != "at last\n" {
		t.Errorf("exec --ignore-paused: %v, %s%s", err, content(stdout), content(stderr))
	}
	if s := b.stateOf("box"); s.Status != specs.StateRunning {
		t.Errorf("resumed, and %s", s.Status)
	}
	b.ok("exec", "box", "true")
	b.ok("pause", "box")
	reap()
	b.ok("delete", "--force", "box")
}

// TestOCIResources changes limits, and looks at what is used.
func TestOCIResources(t *testing.T) {
	b := newBundle(t)
	b.script("sleep 1000 & sleep 1000")
	b.write()
	b.ok("run", "-d", "box")
	limit := func(file string) string {
		return strings.TrimSpace(b.ok("exec", "box", "cat", "/sys/fs/cgroup/"+file))
	}
	b.ok("update", "--memory", "64m", "-pids-limit=50", "--cpu-share", "100", "box")
	file := filepath.Join(b.dir, "resources.json")
	if err := os.WriteFile(file, []byte(`{"cpu":{"quota":20000,"period":50000}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	b.ok("update", "-r", file, "box")
	for name, want := range map[string]string{
		"memory/memory.limit_in_bytes": strconv.Itoa(64 << 20), "pids/pids.max": "50", "cpu/cpu.shares": "100", "cpu/cpu.cfs_quota_us": "20000",
	} {
		if got := limit(name); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	b.refused(1, "no size", "update", "--memory", "much", "box")
	var event struct {
		Type, ID string
		Data     struct {
			Memory struct{ Usage struct{ Limit, Usage uint64 } }
			Pids   struct{ Current, Limit uint64 }
			CPU    struct{ Usage struct{ Total uint64 } }
		}
	}
	if err := json.Unmarshal([]byte(b.ok("events", "--stats", "box")), &event); err != nil {
		t.Fatal(err)
	}
	if d := event.Data; event.Type != "stats" || event.ID != "box" || d.Memory.Usage.Limit != 64<<20 || d.Memory.Usage.Usage == 0 ||
		d.Pids.Limit != 50 || d.Pids.Current < 2 || d.CPU.Usage.Total == 0 {
		t.Errorf("events --stats: %+v", event)
	}
	var pids []int
	if err := json.Unmarshal([]byte(b.ok("ps", "-f", "json", "box")), &pids); err != nil || len(pids) < 2 {
		t.Errorf("ps: %v, %v", pids, err)
	}
	table := b.ok("ps", "box")
	if n := strings.Count(table, "\n"); n != len(pids)+1 || !strings.Contains(table, "sleep 1000") {
		t.Errorf("ps:\n%s", table)
	}
	b.ok("kill", "--all", "box", "KILL")
	b.stopped("box")
	b.ok("delete", "box")
}

// TestOCIExecGroup has one more process in a group below the container's.
func TestOCIExecGroup(t *testing.T) {
	b := newBundle(t)
	b.script("sleep 1000")
	b.write()
	b.ok("run", "-d", "box")
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(b.stateOf("box").Pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, own, ok := strings.Cut(string(groups), ":memory:")
	own, _, _ = strings.Cut(own, "\n")
	below := filepath.Join("/sys/fs/cgroup/memory", own, "below")
	if !ok || os.Mkdir(below, 0o755) != nil {
		b.ok("delete", "--force", "box")
		t.Skip("needs the memory controller of v1 at /sys/fs/cgroup/memory")
	}
	got := b.ok("exec", "--cgroup", "memory:below", "box", "cat", "/proc/self/cgroup")
	if !strings.Contains(got, ":memory:"+own+"/below\n") || strings.Count(got, "/below\n") != 1 {
		t.Errorf("in one for memory:\n%s", got)
	}
	b.refused(255, "no such file or directory", "exec", "--cgroup", "memory:other", "box", "true")
	b.refused(255, "invalid argument", "exec", "--cgroup", "memory:../..", "box", "true")
	b.ok("delete", "--force", "box")
	if _, err := os.Stat(below); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", below, err)
	}
}

// TestOCIOOM sees a process killed for want of memory.
func TestOCIOOM(t *testing.T) {
	b := newBundle(t)
	b.script("read x </fifo; head -c 100m /dev/zero | tail -c 100m >/dev/null; echo done; sleep 1000")
	limit := int64(16 << 20)
	b.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/fifo", Type: "p"}}
	b.spec.Root.Readonly = false
	b.write()
	if err := os.Symlink("busybox", filepath.Join(b.root, "bin/tail")); err != nil {
		t.Fatal(err)
	}
	b.ok("run", "-d", "box")
	cmd, stdout, stderr := b.command("events", "--interval", "10ms", "box")
	defer stdout.Close()
	defer stderr.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first event", func() bool { return strings.Contains(content(stdout), `"stats"`) })
	b.ok("exec", "box", "sh", "-c", "echo x >/fifo")
	eventually(t, "OOM", func() bool { return strings.Contains(content(stdout), `{"type":"oom","id":"box"}`) })
	b.ok("delete", "--force", "box")
	if err := cmd.Wait(); err != nil {
		t.Errorf("events of a container that has gone: %v, %s", err, content(stderr))
	}
}

// TestOCIOccupied refuses a control group in which there is somebody.
func TestOCIOccupied(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	b.write()
	b.ok("create", "one")
	b.refused(1, "container's cgroup is not empty", "create", "two")
	b.refused(1, "does not exist", "state", "two")
	b.ok("delete", "one")
	b.ok("create", "two")
	b.ok("delete", "two")
}

// TestOCIShared has two containers in one PID namespace: the end of one takes its processes
// along, and leaves the other's.
func TestOCIShared(t *testing.T) {
	b := newBundle(t)
	b.spec.Process.Args = []string{"sleep", "1000"}
	b.write()
	b.ok("run", "-d", "pod")
	pid := strconv.Itoa(b.stateOf("pod").Pid)
	for i := range b.spec.Linux.Namespaces {
		n := &b.spec.Linux.Namespaces[i]
		if n.Type != specs.MountNamespace {
			n.Path = "/proc/" + pid + "/ns/" + map[specs.LinuxNamespaceType]string{
				specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts",
			}[n.Type]
		}
	}
	b.spec.Hostname = ""
	b.spec.Linux.CgroupsPath += "-member"
	b.script("sleep 999 & hostname; readlink /proc/self/ns/net; sleep 1000")
	b.write()
	b.ok("run", "-d", "member")
	if out := b.ok("exec", "pod", "ps"); strings.Count(out, "sleep 1000") < 2 {
		t.Errorf("processes of the two:\n%s", out)
	}
	b.ok("kill", "member", "KILL")
	b.stopped("member")
	b.refused(1, "container not running", "kill", "member", "KILL")
	b.ok("kill", "--all", "member", "KILL")
	eventually(t, "the end of what it has left", func() bool { reap(); return !strings.Contains(b.ok("exec", "pod", "ps"), "999") })
	b.refused(1, "container not running", "kill", "--all", "member", "KILL")
	b.ok("delete", "member")
	b.ok("delete", "-f", "pod")
	if _, err := exec.Command("pgrep", "-f", "^sleep 99"+"9$").Output(); err == nil {
		t.Error("a process is left")
	}
}
