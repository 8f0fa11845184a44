package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// twice runs what a bundle is made to, twice: the verdict must be deterministic and the output the same, which is
// returned.
func twice(t *testing.T, make func() *bundle) string {
	t.Helper()
	var first string
	for i := range 2 {
		b := make()
		r := b.do("run", "--keep", "box")
		if r.Exit != 0 {
			t.Fatalf("status %d, %q, %s", r.Exit, r.Stdout, r.Stderr)
		}
		if v := b.verdictOf("box"); v.Verdict != "deterministic" || v.Execs == 0 {
			t.Errorf("verdict %+v", v)
		}
		b.ok("delete", "box")
		if i == 1 && r.Stdout != first {
			t.Errorf("first %q, then %q", first, r.Stdout)
		}
		first = r.Stdout
	}
	return first
}

// mapped gives a bundle's container a user namespace whose root is a host user of none of the bundle's files, but the
// root directory.
func (b *bundle) mapped(first uint32) {
	b.t.Helper()
	if err := os.Chown(b.root, int(first), int(first)); err != nil {
		b.t.Fatal(err)
	}
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: 65536}}
	b.spec.Linux.GIDMappings = b.spec.Linux.UIDMappings
}

// TestOCIDeterministicUserNamespace runs containers in user namespaces: new ones, that of another container, and
// that of a caller without privileges. What is the host's root's alone stays closed to the container's.
func TestOCIDeterministicUserNamespace(t *testing.T) {
	const first = 1 << 20
	const script = `id -u; cat /secret 2>/dev/null || echo closed; stat -c '%u %a' /own; echo x > /made; stat -c %u /made; chown 7:8 /made
		chmod 600 /own; cat /own; (exec 2>/dev/null; echo x > /bin/new || echo refused); mv /made /moved; ls -n /moved
		(sleep 0.1; echo later) & wait; ps | wc -l`
	const want = "0\nclosed\n0 640\n0\nown\nrefused\n"
	prepare := func(b *bundle, owner int) {
		b.spec.Annotations = nil
		b.spec.Root.Readonly = false
		b.script(script)
		for _, set := range []*[]string{&b.spec.Process.Capabilities.Bounding, &b.spec.Process.Capabilities.Effective, &b.spec.Process.Capabilities.Permitted} {
			*set = append(*set, "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER")
		}
		for name, mode := range map[string]os.FileMode{"secret": 0o600, "own": 0o640} {
			if err := os.WriteFile(filepath.Join(b.root, name), []byte(name+"\n"), mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(filepath.Join(b.root, "own"), owner, owner); err != nil {
			t.Fatal(err)
		}
		b.write()
	}
	out := twice(t, func() *bundle {
		b := newBundle(t)
		b.mapped(first)
		prepare(b, first)
		return b
	})
	if !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "later\n4\n") || !strings.Contains(out, " 7        8 ") {
		t.Errorf("a new user namespace: %q", out)
	}

	// A pod: one container makes the namespaces, others join them.
	pod := newBundle(t)
	pod.mapped(first)
	pod.spec.Annotations = nil
	pod.script("sleep 1000")
	pod.write()
	pod.ok("run", "--detach", "pod")
	user := "/proc/" + strconv.Itoa(pod.stateOf("pod").Pid) + "/ns/user"
	joined := twice(t, func() *bundle {
		b := newBundle(t)
		b.mapped(first)
		b.spec.Linux.Namespaces[len(b.spec.Linux.Namespaces)-1].Path = user
		b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = nil, nil
		prepare(b, first)
		return b
	})
	if joined != out {
		t.Errorf("a joined user namespace: %q, not %q", joined, out)
	}
	pod.ok("delete", "--force", "pod")

	// The caller's own id is the container's root, and the only one.
	out = twice(t, func() *bundle {
		b := newRootless(t)
		b.spec.Annotations = nil
		b.spec.Root.Readonly = false
		b.script(`id -u; cat /secret 2>/dev/null || echo closed; echo x > /made; stat -c %u /made /bin/busybox; chown 7 /made 2>/dev/null || echo refused
			cat /sys/devices/system/cpu/online; ls /sys; (sleep 0.1; echo later) & wait`)
		b.write()
		if err := os.WriteFile(filepath.Join(b.root, "secret"), []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return b
	})
	if want := "0\nclosed\n0\n0\nrefused\n0-3\ndevices\nfs\nkernel\nlater\n"; out != want {
		t.Errorf("without privileges: %q, not %q", out, want)
	}
}

// TestOCIDeterministicUserNamespaceLife signals a container in a user namespace, and its supervisor is the container's
// root, whatever its caller is.
func TestOCIDeterministicUserNamespaceLife(t *testing.T) {
	const first = 1 << 20
	b := newBundle(t)
	b.mapped(first)
	b.spec.Annotations = nil
	b.script("trap 'exit 3' TERM; echo ready > /dev/shm/ready; sleep 1000 & wait")
	b.write()
	b.ok("run", "--detach", "box")
	pid := b.stateOf("box").Pid
	tracer := 0
	eventually(t, "the supervisor", func() bool {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		for line := range strings.Lines(string(status)) {
			if text, ok := strings.CutPrefix(line, "TracerPid:"); ok {
				tracer, _ = strconv.Atoi(strings.TrimSpace(text))
			}
		}
		return tracer > 0
	})
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(tracer)+"/task", &st); err != nil {
		t.Fatal(err)
	}
	uids, err := os.ReadFile("/proc/" + strconv.Itoa(tracer) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if want := "Uid:\t1048576\t1048576\t1048576\t1048576\n"; !strings.Contains(string(uids), want) {
		t.Errorf("the supervisor's status has no %q: %s", want, uids)
	}
	eventually(t, "the trap", func() bool {
		_, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/root/dev/shm/ready")
		return err == nil
	})
	b.ok("kill", "box", "TERM")
	b.stopped("box")
	if kinds := b.kindsOf("box"); kinds != "signal" {
		t.Errorf("tainted by %q", kinds)
	}
	b.ok("delete", "box")
}

// TestOCIDeterministicSys shows the container a /sys of as many CPUs as its settings say, whatever it is that it mounts there.
func TestOCIDeterministicSys(t *testing.T) {
	for name, sys := range map[string]specs.Mount{
		"sysfs":         {Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro"}},
		"the host's":    {Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "ro"}},
		"rw, type none": {Destination: "/sys", Type: "none", Source: "/sys/", Options: []string{"bind"}},
	} {
		out := twice(t, func() *bundle {
			b := newBundle(t)
			b.spec.Annotations = map[string]string{"dev.laplace.cpus": "3"}
			for i := range b.spec.Mounts {
				if b.spec.Mounts[i].Destination == "/sys" {
					b.spec.Mounts[i] = sys
				}
			}
			b.script("cat /sys/devices/system/cpu/online; ls /sys /sys/fs/cgroup; stat -c %Y /sys/devices/system/cpu/online; (exec 2>/dev/null; echo x > /sys/x || echo refused)")
			b.write()
			return b
		})
		want := "0-2\n/sys:\ndevices\nfs\nkernel\n\n/sys/fs/cgroup:\n1262304000\nrefused\n"
		if name == "rw, type none" {
			want = strings.TrimSuffix(want, "refused\n")
		}
		if out != want {
			t.Errorf("%s: %q, not %q", name, out, want)
		}
	}
}

// TestOCIUserNamespaceAuto adds user namespaces to containers that have none, in both modes: files of the caller's are
// the container's root's, volumes too, and what the container writes is the caller's outside.
func TestOCIUserNamespaceAuto(t *testing.T) {
	for _, mode := range []string{"plain", "deterministic"} {
		for _, rootless := range []bool{false, true} {
			b, owner := newBundle(t), uint32(0)
			if rootless {
				b, owner = newRootless(t), strangerID
				b.spec.Linux.Namespaces = slices.DeleteFunc(b.spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace })
				b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = nil, nil
				for i := range b.spec.Mounts {
					if m := &b.spec.Mounts[i]; m.Destination == "/dev/pts" {
						m.Options = append(m.Options, "gid=5") // which may not be mapped
					}
				}
			}
			b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
			b.spec.Root.Readonly = false
			volume := filepath.Join(b.dir, "volume")
			if err := os.Mkdir(volume, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(volume, int(owner), int(owner)); err != nil {
				t.Fatal(err)
			}
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/volume", Type: "bind", Source: volume, Options: []string{"bind"}})
			b.script("id -u; echo x > /made; echo y > /volume/made; stat -c %u /bin/busybox /made /volume; readlink /proc/self/ns/user; sleep 1000")
			b.write()
			cmd, stdout, stderr := b.command("run", "--detach", "--userns", "auto", "box")
			if err := cmd.Run(); err != nil {
				t.Fatalf("%s, %v: %v, %s", mode, rootless, err, content(stderr))
			}
			eventually(t, "its output", func() bool { return strings.Count(content(stdout), "\n") == 5 })
			if out := content(stdout); !strings.HasPrefix(out, "0\n0\n0\n0\nuser:") {
				t.Errorf("%s, %v: %q", mode, rootless, out)
			}
			pid := strconv.Itoa(b.stateOf("box").Pid)
			own, err := os.Readlink("/proc/self/ns/user")
			if err != nil {
				t.Fatal(err)
			}
			if its, err := os.Readlink("/proc/" + pid + "/ns/user"); err != nil || its == own {
				t.Errorf("%s, %v: it is in the user namespace of the host: %v", mode, rootless, err)
			}
			if text, err := os.ReadFile("/proc/" + pid + "/uid_map"); err != nil || !rootless && strings.Fields(string(text))[1] == "0" {
				t.Errorf("%s: mapped %q, %v", mode, text, err)
			}
			for _, name := range []string{filepath.Join(b.root, "made"), filepath.Join(volume, "made")} {
				var st unix.Stat_t
				if err := unix.Stat(name, &st); err != nil || st.Uid != owner {
					t.Errorf("%s, %v: %s is user %d's, %v", mode, rootless, name, st.Uid, err)
				}
			}
			b.ok("delete", "--force", "box")
			stdout.Close()
			stderr.Close()
		}
	}
	b := newBundle(t)
	b.refused(1, "there is only auto", "create", "--userns", "always", "box")
	b.mapped(1 << 20) // what has one keeps it
	b.script("cat /proc/self/uid_map | tr -s ' '")
	b.write()
	if out := b.ok("run", "--userns", "auto", "box"); out != " 0 1048576 65536\n" {
		t.Errorf("its own mapping: %q", out)
	}
}
