package integration

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The rest of the fields: those of hooks, namespaces, seccomp and resources.

// limits has resources of a container be some.
func limits(r specs.LinuxResources) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Resources = &r }
}

// unifiedLimits is limits where what the container sees of the hierarchies of v2 is the host's: beside those of v1 it
// is shown nothing of them.
func unifiedLimits(r specs.LinuxResources) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Resources = &r
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/unified", Source: "/sys/fs/cgroup/unified", Options: []string{"bind", "ro"}})
	}
}

// groupFile is a script that shows a file of the container's own group of a controller.
const groupFile = "cd /sys/fs/cgroup; cat "

// told is a hook that writes down its name, its environment and the beginning of its input.
func told(to string) []specs.Hook {
	return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `{ echo "$0 $X"; head -c 1; echo; } >>` + to, "zero"}, Env: []string{"X=y", "PATH=/bin:/usr/bin"}, Timeout: p(60)}}
}

// hostName is the name of the host.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		panic(err)
	}
	return name
}

var moreFields = []field{
	{name: "process.args", set: func(s *specs.Spec) { s.Process.Args = nil }, script: "echo $0 $#", want: "sh 0", also: true},
	{name: "ociVersion of tomorrow", set: func(s *specs.Spec) { s.Version = "1.99.0-dev" }, script: "echo ran", want: "ran", also: true},
	{name: "ociVersion of another world", set: func(s *specs.Spec) { s.Version = "2.0.0" }, refused: "ociVersion: \"2.0.0\": only versions 1.x"},
	{name: "annotations", set: func(s *specs.Spec) { s.Annotations["org.example/any"] = "thing" }, script: "echo ran", want: "ran", also: true},
	{name: "root.path", set: func(s *specs.Spec) { s.Root.Path = "other" }, prepare: func(t *testing.T, b *bundle) {
		if err := os.Rename(b.root, filepath.Join(b.dir, "other")); err != nil {
			t.Fatal(err)
		}
	}, script: "echo ran", want: "ran", also: true},
	{name: "other platforms", set: func(s *specs.Spec) {
		s.Windows, s.Solaris, s.VM, s.ZOS, s.FreeBSD = &specs.Windows{}, &specs.Solaris{}, &specs.VM{}, &specs.ZOS{}, &specs.FreeBSD{}
		s.Process.CommandLine, s.Process.User.Username = "x", "x"
	}, script: "echo ran", want: "ran", warns: true},
	{name: "hooks", set: func(s *specs.Spec) {
		s.Root.Readonly = false
		quietly := []specs.Hook{{Path: "/bin/true"}} // TestOCIHooks has them talk
		s.Hooks = &specs.Hooks{StartContainer: told("/told"), Prestart: quietly, CreateRuntime: quietly, CreateContainer: quietly, Poststart: quietly, Poststop: quietly}
	}, script: "cat /told; busybox rm /told", want: "zero y\n{", also: true},
	{name: "a namespace by path", set: func(s *specs.Spec) {
		s.Hostname = ""
		for i := range s.Linux.Namespaces {
			if n := &s.Linux.Namespaces[i]; n.Type == specs.UTSNamespace {
				n.Path = "/proc/self/ns/uts"
			}
		}
	}, script: "hostname", want: hostName(), also: true},
	{name: "nanoseconds of a clock", set: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 3, Nanosecs: 500}}
	}, script: "grep monotonic /proc/self/timens_offsets | tr -s ' '", want: "monotonic 3 500"},
	{name: "cgroupsPath", set: func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + s.Linux.CgroupsPath + "-path" }, script: "grep cpuset: /proc/self/cgroup | grep -o '[^-]*$'", want: "path", also: true},
	{name: "mountLabel", set: func(s *specs.Spec) { s.Linux.MountLabel = "system_u:object_r:container_file_t:s0" }, refused: "mountLabel"},
	{name: "memoryPolicy", set: func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}
	}, script: "head -1 /proc/self/numa_maps | cut -d' ' -f2", want: "bind=static:0"},
	{name: "personality.flags", set: func(s *specs.Spec) {
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}}
	}, refused: "flags"},
	{name: "scheduler with deadlines", set: func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 1e6, Deadline: 1e7, Period: 1e8, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}
	}, script: "read a </proc/$$/stat; set -- $a; echo ${41}", want: "6"},
	{name: "seccomp arguments", set: func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
			Syscalls: []specs.LinuxSyscall{{Names: []string{"kill"}, Action: specs.ActErrno, ErrnoRet: p(uint(1)), Args: []specs.LinuxSeccompArg{{Index: 1, Value: 0xff, ValueTwo: 10, Op: specs.OpMaskedEqual}}}}}
	}, script: "kill -USR1 1 2>&1; kill -0 1 && echo 0", want: "sh: can't kill pid 1: Operation not permitted\n0"},
	{name: "seccomp by default", set: func(s *specs.Spec) {
		s.Root.Readonly = false
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: p(uint(77)), Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow, Names: []string{
			"access", "arch_prctl", "brk", "capget", "capset", "chdir", "clone", "clone3", "close", "close_range", "dup", "dup2", "dup3", "execve", "exit", "exit_group", "faccessat",
			"faccessat2", "fcntl", "fork", "fstat", "futex", "getcwd", "getegid", "geteuid", "getgid", "getpgrp", "getpid", "getppid", "getrandom", "gettid", "getuid", "ioctl", "lseek",
			"lstat", "madvise", "mmap", "mprotect", "munmap", "nanosleep", "newfstatat", "open", "openat", "pipe", "pipe2", "poll", "ppoll", "prctl", "prlimit64", "read", "readlink", "readlinkat",
			"rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "sendmsg", "set_robust_list", "set_tid_address", "setgid", "setgroups", "setuid", "sigaltstack",
			"stat", "statx", "tgkill", "uname", "vfork", "wait4", "write", "writev"}}}}
	}, script: "mkdir /x 2>&1; echo going on", want: "mkdir: can't create directory '/x': File descriptor in bad state\ngoing on"},
	{name: "seccomp listener", set: func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/none", ListenerMetadata: "x", Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
	}, refused: "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not supported"},
	{name: "resources.devices", set: func(s *specs.Spec) {
		s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: p(int64(10)), Minor: p(int64(200)), Access: "rw"})
	}, script: groupFile + "devices/devices.list | grep -c 'c 10:200 rwm*'", want: "1", also: true},
	{name: "memory", set: limits(specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(int64(64 << 20)), Reservation: p(int64(32 << 20)), Swap: p(int64(96 << 20)),
		Swappiness: p(uint64(10)), DisableOOMKiller: p(true), UseHierarchy: p(true), CheckBeforeUpdate: p(true), Kernel: p(int64(1 << 26)), KernelTCP: p(int64(1 << 25))}}),
		script: "cd /sys/fs/cgroup/memory; for f in limit_in_bytes soft_limit_in_bytes memsw.limit_in_bytes swappiness use_hierarchy; do cat memory.$f; done; head -1 memory.oom_control", warns: true,
		want: "67108864\n33554432\n100663296\n10\n1\noom_kill_disable 1"},
	{name: "cpu", set: limits(specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: p(int64(50000)), Period: p(uint64(100000)), Burst: p(uint64(20000)), Cpus: "0", Mems: "0"}}),
		script: groupFile + "cpu/cpu.cfs_burst_us cpuset/cpuset.cpus cpuset/cpuset.mems", want: "20000\n0\n0"},
	{name: "cpu.idle", set: limits(specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: p(int64(1))}}), script: groupFile + "cpu/cpu.idle", want: "1"},
	{name: "cpu in real time", set: limits(specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimePeriod: p(uint64(900000)), RealtimeRuntime: p(int64(0))}}),
		script: groupFile + "cpu/cpu.rt_period_us cpu/cpu.rt_runtime_us", want: "900000\n0", also: true},
	{name: "blockIO.weight", set: limits(specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: p(uint16(300))}}), script: groupFile + "blkio/blkio.bfq.weight", want: "300", also: true},
	{name: "blockIO.leafWeight", set: limits(specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{LeafWeight: p(uint16(300))}}), refused: "leafWeight"},
	{name: "blockIO of a device without weights", set: func(s *specs.Spec) {
		d := specs.LinuxWeightDevice{Weight: p(uint16(300)), LeafWeight: p(uint16(200))}
		d.Major, d.Minor = 7, 0
		s.Linux.Resources = &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{d}}}
	}, refused: "weightDevice"},
	{name: "blockIO.throttle", set: func(s *specs.Spec) {
		rate := func(n uint64) []specs.LinuxThrottleDevice {
			d := specs.LinuxThrottleDevice{Rate: n}
			d.Major, d.Minor = 7, 0
			return []specs.LinuxThrottleDevice{d}
		}
		s.Linux.Resources = &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
			ThrottleReadBpsDevice: rate(1000), ThrottleWriteBpsDevice: rate(2000), ThrottleReadIOPSDevice: rate(3000), ThrottleWriteIOPSDevice: rate(4000)}}
	}, script: "cd /sys/fs/cgroup/blkio; for f in read_bps write_bps read_iops write_iops; do cat blkio.throttle.${f}_device; done", want: "7:0 1000\n7:0 2000\n7:0 3000\n7:0 4000", also: true},
	{name: "hugepageLimits", set: unifiedLimits(specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}}),
		script: "grep ^0:: /proc/self/cgroup | { IFS=: read a b own; cat /unified/$own/hugetlb.2MB.max; }", want: "4194304"},
	{name: "unified", set: unifiedLimits(specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": "2097152"}}), script: "grep ^0:: /proc/self/cgroup | { IFS=: read a b own; cat /unified/$own/hugetlb.2MB.max; }", want: "2097152"},
	{name: "network without its controller", set: limits(specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: p(uint32(7)), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}}),
		refused: "linux.resources.network"},
	{name: "rdma without its controller", set: limits(specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: p(uint32(3)), HcaObjects: p(uint32(9))}}}),
		refused: "linux.resources.rdma"},
	{name: "intelRdt, all of it", set: func(s *specs.Spec) {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x", Schemata: []string{"L3:0=f"}, L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=10", EnableMonitoring: true}
	}, refused: "intelRdt"},
	{name: "netDevices with a name", set: func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"none0": {Name: "eth0"}} }, refused: "netDevices"},
}

// TestOCIExecAffinity has processes of exec begin, and go on, on the CPUs that the configuration says.
func TestOCIExecAffinity(t *testing.T) {
	bothModes(t, func(t *testing.T, b *bundle) {
		b.spec.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0"}
		b.write()
		b.ok("run", "--detach", "box")
		r := b.do("exec", "box", "grep", "Cpus_allowed_list", "/proc/self/status")
		if want := "Cpus_allowed_list:\t0\n"; b.spec.Annotations["dev.laplace.mode"] == "plain" && r.Stdout != want || r.Exit != 0 {
			t.Errorf("exit status %d, %q, %s", r.Exit, r.Stdout, r.Stderr)
		}
		pidFile := filepath.Join(b.dir, "pid")
		b.ok("exec", "--detach", "--pid-file", pidFile, "box", "sleep", "1000")
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(pidIn(t, pidFile), &set); err != nil || set.Count() != 1 || !set.IsSet(0) {
			t.Errorf("on %d CPUs, %v", set.Count(), err)
		}
		if err := unix.Kill(pidIn(t, pidFile), unix.SIGKILL); err != nil {
			t.Error(err)
		}
		reap()
		b.ok("delete", "--force", "box")
	})
}
