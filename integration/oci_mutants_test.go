package integration

import (
	"context"
	"encoding/json"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/integration/mutants"
)

// mutantBase is a configuration with much in it that nothing of the host is changed by.
func mutantBase(b *bundle) {
	s := &b.spec
	s.Root.Readonly = false
	s.Hostname = "mutant"
	s.Process.User = specs.User{UID: 3, GID: 4, AdditionalGids: []uint32{5}, Umask: p(uint32(0o22))}
	s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_CORE", Soft: 0, Hard: 0})
	s.Process.OOMScoreAdj = p(100)
	s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Source: "host", Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/full", Source: "tmpfs", Type: "tmpfs", Options: []string{"tmpcopyup", "size=1m", "mode=700"}})
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	s.Linux.Sysctl = map[string]string{"kernel.shmmax": "12345"}
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5}}
	s.Linux.Resources = &specs.LinuxResources{
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: p(int64(1)), Minor: p(int64(5)), Access: "rw"}},
		Memory:  &specs.LinuxMemory{Limit: p(int64(1 << 28))}, Pids: &specs.LinuxPids{Limit: p(int64(100))},
		CPU: &specs.LinuxCPU{Shares: p(uint64(512)), Quota: p(int64(90000)), Period: p(uint64(100000))},
	}
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"mkdir"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 1, Value: 7, Op: specs.OpEqualTo}}}}}
	s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true", Args: []string{"true"}, Timeout: p(5)}}}
	b.script("echo ran")
}

// harmless tells whether a configuration can be run on the host of the tests: it makes nothing
// of a root or a source outside of its bundle, joins nothing and runs nothing there.
func harmless(dir string, text []byte) bool {
	var s specs.Spec
	if json.Unmarshal(text, &s) != nil {
		return true // refused, before anything is done
	}
	inside := func(name string) bool {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		name = filepath.Clean(name)
		return strings.HasPrefix(name, dir+"/") || name == "/none"
	}
	if s.Root != nil && !inside(s.Root.Path) {
		return false
	}
	for _, m := range s.Mounts {
		if slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasSuffix(strings.ToLower(o), "bind") }) && !inside(m.Source) {
			return false
		}
	}
	if s.Linux != nil && slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Path != "" }) {
		return false
	}
	if s.Hooks == nil {
		return true
	}
	for _, hook := range slices.Concat(s.Hooks.Prestart, s.Hooks.CreateRuntime, s.Hooks.CreateContainer, s.Hooks.StartContainer, s.Hooks.Poststart, s.Hooks.Poststop) {
		if hook.Path != "/bin/true" && hook.Path != "/none" {
			return false
		}
	}
	return true
}

// TestOCIMutants runs containers whose configurations are almost right: they run, or there is
// one line that says why not; nothing is left, and nobody waits for ever.
func TestOCIMutants(t *testing.T) {
	b := newBundle(t)
	hostDir(t, b)
	if err := os.Symlink("bin", filepath.Join(b.root, "link")); err != nil {
		t.Fatal(err)
	}
	mutantBase(b)
	b.write()
	log := filepath.Join(b.dir, "log")
	run := func() result {
		ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
		defer cancel()
		cmd, stdout, stderr := b.command("--log", log, "run", "box")
		defer stdout.Close()
		defer stderr.Close()
		bounded := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
		bounded.Stdout, bounded.Stderr, bounded.Dir = cmd.Stdout, cmd.Stderr, cmd.Dir
		_ = bounded.Run()
		return result{Exit: bounded.ProcessState.ExitCode(), Stdout: content(stdout), Stderr: content(stderr)}
	}
	ran, refused := 0, 0
	for _, mode := range []string{"plain", "deterministic"} {
		b.spec.Annotations["dev.laplace.mode"] = mode
		valid, err := json.Marshal(&b.spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, seed := range seeds(120) {
			m := mutants.Mutator{Choose: rand.New(rand.NewSource(seed)).Intn, Keep: func(path []string) bool {
				return len(path) > 1 && path[0] == "process" && path[1] == "args" || len(path) > 0 && path[0] == "annotations"
			}}
			text, err := m.Mutate(valid, 1+int(seed)%3)
			if err != nil {
				t.Fatal(err)
			}
			if !harmless(b.dir, text) {
				continue
			}
			if err := os.WriteFile(b.config(), text, 0o644); err != nil {
				t.Fatal(err)
			}
			r := run()
			switch {
			case r.Exit == 0 && r.Stdout == "ran\n":
				ran++
			case r.Exit == 1 && r.Stdout == "" && strings.Count(r.Stderr, "\n") == 1:
				refused++
			case r.Exit > 1 && r.Stderr == "":
				ran++ // to an end of another kind, such as for want of memory
			default:
				t.Errorf("mode %s, seed %d: exit status %d, %q, %.2000q", mode, seed, r.Exit, r.Stdout, r.Stderr)
			}
			if r := b.do("state", "box"); r.Exit == 0 {
				t.Fatalf("mode %s, seed %d: the container is there", mode, seed)
			}
		}
		b.nothingLeft()
		for _, name := range []string{"box", "link"} {
			if left := groups(t, name); len(left) > 0 {
				t.Errorf("control groups are left: %v", left)
			}
		}
	}
	if ran < 20 || refused < 20 {
		t.Errorf("%d have run, %d have been refused", ran, refused)
	}
}
