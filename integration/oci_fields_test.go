package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A field is a case of TestOCIFields: what a configuration says, and what a script in the
// container sees of it.
type field struct {
	name string
	// set changes the configuration; prepare, when not nil, also the bundle.
	set     func(*specs.Spec)
	prepare func(*testing.T, *bundle)
	// script prints want, as its whole output but for a newline.
	script, want string
	// refused, when not empty, is part of the error: there is no such container.
	refused string
	// also tells that Debian's runc prints the same, warns that there is a warning.
	also, warns bool
}

func p[T any](v T) *T { return &v }

func mountAt(m ...specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m...) }
}

// host makes a directory with a file, hello, beside the root.
func hostDir(t *testing.T, b *bundle) {
	t.Helper()
	for _, dir := range []string{"host/sub", "rootfs/full/deep"} {
		if err := os.MkdirAll(filepath.Join(b.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"host/hello", "rootfs/full/file", "rootfs/full/deep/file"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte("hello\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

// userNS gives the container a user namespace.
func userNS(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 65536}}
}

// reachable lets the users of a user namespace come to the root.
func reachable(t *testing.T, b *bundle) {
	t.Helper()
	err := filepath.WalkDir(b.root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 100000, 200000)
	})
	if err != nil {
		t.Fatal(err)
	}
}

var fields = []field{
	{name: "hostname", set: func(s *specs.Spec) { s.Hostname = "elsewhere" }, script: "hostname", want: "elsewhere", also: true},
	{name: "domainname", set: func(s *specs.Spec) { s.Domainname = "example.org" }, script: "cat /proc/sys/kernel/domainname", want: "example.org"},
	{name: "root.readonly", script: "touch /x 2>&1", want: "touch: /x: Read-only file system", also: true},
	{name: "root writable", set: func(s *specs.Spec) { s.Root.Readonly = false }, script: "touch /x && ls /x", want: "/x", also: true},
	{name: "process.user", set: func(s *specs.Spec) { s.Process.User = specs.User{UID: 3, GID: 4, AdditionalGids: []uint32{5, 6}} },
		script: "id", want: "uid=3 gid=4 groups=5,6", also: true},
	{name: "process.user.umask", set: func(s *specs.Spec) { s.Process.User.Umask = p(uint32(0o27)) }, script: "umask", want: "0027", also: true},
	{name: "umask", script: "umask", want: "0022", also: true},
	{name: "process.cwd", set: func(s *specs.Spec) { s.Process.Cwd = "/proc/../bin" }, script: "pwd", want: "/bin", also: true},
	{name: "process.cwd is made", set: func(s *specs.Spec) { s.Process.Cwd, s.Root.Readonly = "/a/b", false }, script: "pwd", want: "/a/b", also: true},
	{name: "process.env", set: func(s *specs.Spec) { s.Process.Env = []string{"PATH=/bin", "B=2", "A=1 2"} }, script: "echo $B $A $HOME", want: "2 1 2 /", also: true},
	{name: "capabilities", set: func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Bounding: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"},
			Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"}}
		s.Process.User.UID = 7
	}, script: "grep Cap /proc/self/status | tr '\n\t' '  '", also: true,
		want: "CapInh: 0000000000000001 CapPrm: 0000000000000001 CapEff: 0000000000000001 CapBnd: 0000000000000021 CapAmb: 0000000000000001 "},
	{name: "no capabilities", set: func(s *specs.Spec) { s.Process.Capabilities = nil }, script: "grep CapB /proc/self/status", want: "CapBnd:\t0000000000000000", also: true},
	{name: "noNewPrivileges", script: "grep NoNew /proc/self/status", want: "NoNewPrivs:\t1", also: true},
	{name: "new privileges", set: func(s *specs.Spec) { s.Process.NoNewPrivileges = false }, script: "grep NoNew /proc/self/status", want: "NoNewPrivs:\t0", also: true},
	{name: "rlimits", set: func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 20, Hard: 30}, {Type: "RLIMIT_FSIZE", Soft: 512, Hard: 1024}, {Type: "RLIMIT_AS", Soft: 1 << 26, Hard: 1 << 26}}
	}, script: "ulimit -n; ulimit -Hn; ulimit -f; ulimit -v", want: "20\n30\n1\n65536"},
	{name: "oomScoreAdj", set: func(s *specs.Spec) { s.Process.OOMScoreAdj = p(123) }, script: "cat /proc/self/oom_score_adj", want: "123", also: true},
	{name: "scheduler", set: func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5} },
		script: "cat /proc/self/stat | { read a; set -- $a; echo ${41} ${19}; }", want: "3 5"},
	{name: "ioPriority", set: func(s *specs.Spec) {
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	}, script: "busybox ionice -p $$", want: "best-effort: prio 6"},
	{name: "personality", set: func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }, script: "busybox uname -m", want: "i686"},
	{name: "sysctl", set: func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel/shmmax": "12345"}
	}, script: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax", want: "1\n12345", also: true},
	{name: "maskedPaths", script: "wc -c </proc/keys; ls /sys/firmware; dd of=/proc/timer_list 2>&1 </dev/null | head -1", want: "0\n0+0 records in"},
	{name: "maskedPaths of the root", set: func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/full/file", "/full/deep", "/no/such"} }, prepare: hostDir,
		script: "ls /full /full/deep; wc -c </full/file", want: "/full:\ndeep\nfile\n\n/full/deep:\n0", also: true},
	{name: "readonlyPaths", script: "echo 1 2>&1 >/proc/sys/kernel/shmmax", want: "sh: can't create /proc/sys/kernel/shmmax: Read-only file system", also: true},
	{name: "devices", set: func(s *specs.Spec) {
		s.Root.Readonly = false
		s.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5, FileMode: p(os.FileMode(0o640)), UID: p(uint32(3)), GID: p(uint32(4))},
			{Path: "/a/fifo", Type: "p", FileMode: p(os.FileMode(0o600))}}
	}, script: "stat -c '%F %t:%T %a %u:%g' /dev/mine /a/fifo", want: "character special file 1:5 640 3:4\nfifo 0:0 600 0:0", also: true},
	{name: "default devices", script: "ls /dev; readlink /dev/ptmx; echo x >/dev/null; dd if=/dev/zero bs=1 count=2 2>/dev/null | wc -c", also: true,
		want: "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\npts/ptmx\n2"},
	{name: "devices of the list only", script: "(: </dev/full) 2>&1; busybox mknod /dev/sda b 8 0 2>&1; (: </dev/sda) 2>&1; true",
		want: "mknod: /dev/sda: Operation not permitted\nsh: can't open /dev/sda: no such file"},
	{name: "bind", set: mountAt(specs.Mount{Destination: "/mnt/x", Source: "host", Options: []string{"bind", "ro"}}), prepare: hostDir,
		script: "cat /mnt/x/hello; touch /mnt/x/y 2>&1", want: "hello\ntouch: /mnt/x/y: Read-only file system", also: true},
	{name: "bind of a file", set: mountAt(specs.Mount{Destination: "/mnt/x", Source: "host/hello", Type: "bind", Options: []string{"rbind", "noexec", "nosuid"}}), prepare: hostDir,
		script: "cat /mnt/x; grep ' /mnt/x ' /proc/self/mounts | grep -o 'nosuid\\|noexec'", want: "hello\nnosuid\nnoexec", also: true},
	{name: "no source", set: mountAt(specs.Mount{Destination: "/mnt", Source: "/no/such", Type: "bind", Options: []string{"bind"}}), refused: "no such file or directory"},
	{name: "recursively read-only", set: mountAt(specs.Mount{Destination: "/mnt", Source: "/sys", Options: []string{"rbind", "rro"}}),
		script: "grep ' /mnt' /proc/self/mounts | grep -v ' ro,' | wc -l", want: "0"},
	{name: "tmpfs", set: mountAt(specs.Mount{Destination: "/full", Source: "tmpfs", Type: "tmpfs", Options: []string{"size=1m", "mode=1770", "noexec"}}), prepare: hostDir,
		script: "ls /full; stat -c %a /full; grep -c 'tmpfs /full tmpfs rw,noexec,relatime,size=1024k,mode=1770' /proc/self/mounts", want: "1770\n1"},
	{name: "mode of a tmpfs", set: mountAt(specs.Mount{Destination: "/full", Source: "tmpfs", Type: "tmpfs"}, specs.Mount{Destination: "/new", Source: "tmpfs", Type: "tmpfs"}),
		prepare: hostDir, script: "stat -c %a /full /new", want: "755\n1777"},
	{name: "tmpcopyup", set: mountAt(specs.Mount{Destination: "/full", Source: "tmpfs", Type: "tmpfs", Options: []string{"tmpcopyup"}}), prepare: hostDir,
		script: "cat /full/file /full/deep/file; stat -c %a /full/file; touch /full/x", want: "hello\nhello\n640", also: true},
	{name: "remount", set: mountAt(specs.Mount{Destination: "/dev/shm", Source: "shm", Type: "tmpfs", Options: []string{"remount", "bind", "ro"}}), script: "touch /dev/shm/x 2>&1", want: "touch: /dev/shm/x: Read-only file system"},
	{name: "over a file of proc", set: mountAt(specs.Mount{Destination: "/proc/uptime", Source: "host/hello", Type: "bind", Options: []string{"bind"}}), prepare: hostDir,
		script: "cat /proc/uptime", want: "hello", also: true},
	{name: "inside proc", set: mountAt(specs.Mount{Destination: "/proc/self/attr", Source: "host", Type: "bind", Options: []string{"bind"}}), prepare: hostDir, refused: "inside /proc"},
	{name: "over proc", set: mountAt(specs.Mount{Destination: "/proc", Source: "host", Type: "bind", Options: []string{"bind"}}), prepare: hostDir, refused: "/proc"},
	{name: "proc is a link", set: func(s *specs.Spec) { s.Mounts[0].Destination = "/link" }, prepare: func(t *testing.T, b *bundle) {
		if err := os.Symlink("bin", filepath.Join(b.root, "link")); err != nil {
			t.Fatal(err)
		}
	}, refused: "too many levels of symbolic links"},
	{name: "a link out of the root", set: mountAt(specs.Mount{Destination: "/out/x", Source: "tmpfs", Type: "tmpfs"}), prepare: func(t *testing.T, b *bundle) {
		if err := os.Symlink("../../../../../../full", filepath.Join(b.root, "out")); err != nil {
			t.Fatal(err)
		}
		hostDir(t, b)
	}, script: "ls /full; grep -c ' /full/x ' /proc/self/mounts", want: "deep\nfile\nx\n1", also: true},
	{name: "rootfsPropagation", set: func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" }, script: "grep ' / / ' /proc/self/mountinfo | grep -c shared; grep -c '/rootfs / .* shared' /proc/self/mountinfo", want: "0\n1"},
	{name: "propagation of a mount", set: mountAt(specs.Mount{Destination: "/mnt", Source: "host", Options: []string{"bind", "shared"}}), prepare: hostDir,
		script: "grep ' /mnt ' /proc/self/mountinfo | grep -c shared", want: "1", also: true},
	{name: "idmap", set: mountAt(specs.Mount{Destination: "/mnt", Source: "host", Options: []string{"bind"},
		UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 77, Size: 1}}, GIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 78, Size: 1}}}),
		prepare: hostDir, script: "stat -c %u:%g /mnt/hello", want: "77:78"},
	{name: "user namespace", set: userNS, prepare: reachable, script: "id -u; stat -c %u:%g /bin/busybox /dev/null; cat /proc/self/uid_map | tr -s ' '; echo x >/dev/null",
		want: "0\n0:0\n65534:65534\n 0 100000 65536"},
	{name: "user namespace, another user", set: func(s *specs.Spec) {
		userNS(s)
		s.Process.User = specs.User{UID: 9, GID: 8, AdditionalGids: []uint32{7}}
	}, prepare: reachable,
		script: "id", want: "uid=9 gid=8 groups=7"},
	{name: "time namespace", set: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1 << 30}}
	}, script: "read up rest </proc/uptime; [ ${up%.*} -gt 1000000000 ] && echo later", want: "later"},
	{name: "cgroup namespace", set: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}, script: "grep -v ':/$' /proc/self/cgroup; grep -c '^1$' /sys/fs/cgroup/memory/cgroup.procs", want: "1"},
	{name: "cgroup of the host", script: "cat /sys/fs/cgroup/memory/cgroup.procs | grep -c 1; touch /sys/fs/cgroup/memory/x 2>&1", want: "1\ntouch: /sys/fs/cgroup/memory/x: Read-only file system"},
	{name: "the host's network", set: func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
	}, script: "ls /sys/class/net | wc -l | grep -c '^1$'", want: "0"},
	{name: "loopback", script: "ip addr show lo | grep -o '127.0.0.1/8'", want: "127.0.0.1/8"},
	{name: "resources", set: func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: p(int64(64 << 20))}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: p(int64(20))}
		s.Linux.Resources.CPU = &specs.LinuxCPU{Shares: p(uint64(512)), Quota: p(int64(50000)), Period: p(uint64(100000))}
	}, script: "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares cpu/cpu.cfs_quota_us", want: "67108864\n20\n512\n50000", also: true},
	{name: "seccomp", set: func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64},
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno, ErrnoRet: p(uint(77))}}}
	}, script: "mkdir /tmp 2>&1; grep Seccomp: /proc/self/status", want: "mkdir: can't create directory '/tmp': File descriptor in bad state\nSeccomp:\t2", also: true},
	{name: "seccomp with privileges", set: func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"sethostname"}, Action: specs.ActErrno}}}
	}, script: "grep Seccomp: /proc/self/status", want: "Seccomp:\t2", also: true},
	{name: "intelRdt", set: func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x"} }, refused: "intelRdt"},
	{name: "netDevices", set: func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"dummy0": {}} }, refused: "netDevices"},
	{name: "AppArmor", set: func(s *specs.Spec) { s.Process.ApparmorProfile = "docker-default" }, refused: "process.apparmorProfile"},
	{name: "SELinux", set: func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0" }, refused: "process.selinuxLabel"},
	{name: "no mount namespace", set: func(s *specs.Spec) {
		s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.PIDNamespace}}
		s.Hostname, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = "", nil, nil
	}, refused: "mount namespace"},
	{name: "no descriptors", script: "ls /proc/self/fd", want: "0\n1\n2\n3", also: true},
	{name: "terminal", set: func(s *specs.Spec) {
		s.Process.Terminal, s.Process.ConsoleSize = true, &specs.Box{Height: 11, Width: 22}
	},
		script: "tty; stty -a | head -1 | grep -o 'rows 11.*22'; [ -c /dev/console ] && echo console; stat -c %u /dev/pts/0", want: "/dev/pts/0\r\nrows 11; columns 22\r\nconsole\r\n0\r"},
}

// TestOCIFields checks fields of config.json, from inside the container.
func TestOCIFields(t *testing.T) {
	for _, test := range slices.Concat(fields, moreFields) {
		t.Run(test.name, func(t *testing.T) {
			b := newBundle(t)
			if test.prepare != nil {
				test.prepare(t, b)
			}
			if test.set != nil {
				test.set(&b.spec)
			}
			b.script(test.script)
			b.write()
			if test.refused != "" {
				b.refused(1, test.refused, "run", "box")
				return
			}
			// Anywhere else state and control groups of two tests would be one.
			name := filepath.Base(b.dir)
			r := b.do("run", name)
			if got := strings.TrimSuffix(r.Stdout, "\n"); got != test.want || (r.Stderr != "") != test.warns {
				t.Errorf("exit status %d, %q, %s; want %q", r.Exit, got, r.Stderr, test.want)
			}
			if !test.also {
				return
			}
			b.runtime = "runc"
			r = b.do("run", name)
			if got := strings.TrimSuffix(r.Stdout, "\n"); got != test.want || r.Stderr != "" {
				t.Errorf("runc: exit status %d, %q, %s; want %q", r.Exit, got, r.Stderr, test.want)
			}
		})
	}
}
