package probe

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/ns"
)

// Settings of the kernel that forbid what boxes need.
const (
	sysctlAppArmor = "kernel.apparmor_restrict_unprivileged_userns" // Ubuntu since 23.10
	sysctlYama     = "kernel.yama.ptrace_scope"                     // Yama in the kernel's documentation
	sysctlPerf     = "kernel.perf_event_paranoid"                   // perf_event_open(2)
	sysctlPidMax   = "kernel.pid_max"                               // proc_sys_kernel(5)
)

// sysctl reads a setting; "" where this kernel does not have it.
func (h *Host) sysctl(name string) string {
	text, err := fs.ReadFile(h.Procfs, "sys/"+strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Hint is the way out when what a probe tries, or a box needs, fails with err; where
// there is none, what the lack of it means. It has no full stop.
func (h *Host) Hint(name Name, err error) string {
	const container = "in a container, run it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
	is := func(errno unix.Errno) bool { return errors.Is(err, errno) }
	switch name {
	case Kernel:
		return "a newer kernel"
	case UserNamespaces:
		return ns.Hint(ns.Host{Proc: h.Procfs}.Diagnose(string(name), err))
	case AppArmor:
		return ns.Hint(ns.Host{Proc: h.Procfs}.Diagnose(string(name), unix.EPERM))
	case Overlay:
		switch {
		case h.restricted() && (is(unix.EPERM) || is(unix.EACCES)):
			return h.Hint(AppArmor, nil)
		case is(unix.ENODEV):
			return "modprobe overlay"
		case is(unix.EINVAL):
			return "set XDG_STATE_HOME to a directory on a local file system that is not an overlay itself: in a container, a volume"
		case is(unix.EROFS), is(unix.EACCES), is(unix.ENOSPC), is(unix.EDQUOT):
			return "set XDG_STATE_HOME to a directory that is writable and has space"
		}
		return container
	case Proc:
		if h.restricted() && (is(unix.EPERM) || is(unix.EACCES)) {
			return h.Hint(AppArmor, nil)
		}
		return "in a container, run it with --security-opt systempaths=unconfined, or --privileged"
	case Ptrace:
		if h.sysctl(sysctlYama) == "3" {
			return h.Hint(Yama, nil)
		}
		return "in a container, run it with --cap-add SYS_PTRACE or --security-opt seccomp=unconfined"
	case Yama:
		return "sysctl " + sysctlYama + "=1; from 3 this takes a reboot"
	case Seccomp, ASLR, TSC:
		return container
	case Pids:
		if is(unix.ENOENT) {
			return "a kernel with CONFIG_CHECKPOINT_RESTORE"
		}
		return h.Hint(Proc, err)
	case PidMax:
		if is(unix.ERANGE) {
			return "sysctl " + sysctlPidMax + "=" + strconv.Itoa(prng.MaxPid+1)
		}
		return h.Hint(Proc, err)
	case IDMap:
		return "keep the project on ext4, xfs, btrfs or tmpfs"
	case CPUID:
		return "none on this CPU: results may depend on the CPU model, which the report names"
	case RDRAND:
		return "none on this CPU: the report names programs that contain the instruction"
	case PMU:
		if is(unix.EACCES) {
			return "sysctl " + sysctlPerf + "=2"
		}
		return "none on this machine: a long spin loop taints the verdict"
	}
	return ""
}

// restricted reports whether AppArmor takes the privileges out of user namespaces.
func (h *Host) restricted() bool {
	value := h.sysctl(sysctlAppArmor)
	return h.Rootless && value != "" && value != "0"
}
