package ns

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is what is known of a host through its procfs.
type Host struct {
	// Proc is a procfs; os.DirFS("/proc").
	Proc fs.FS
}

// obstacle is one reason why a host refuses namespaces.
type obstacle struct {
	file string                       // below /proc; a missing one is the empty value
	met  func(v string, ok bool) bool // ok: the file could be read; v: its content
	hint string
}

func equals(want string) func(string, bool) bool {
	return func(v string, ok bool) bool { return ok && strings.TrimSpace(v) == want }
}

// obstacles are asked in order; the first that is met is the diagnosis. The
// distributions' switches come first, because what they forbid shows as a
// plain EPERM.
var obstacles = []obstacle{
	{"sys/user/max_user_namespaces", func(_ string, ok bool) bool { return !ok },
		"this kernel has no user namespaces: use one built with CONFIG_USER_NS, or run as root"},
	{"sys/user/max_user_namespaces", equals("0"),
		"user namespaces are disabled: sysctl -w user.max_user_namespaces=15000, or run as root"},
	{"sys/kernel/unprivileged_userns_clone", equals("0"),
		"user namespaces are disabled for ordinary users: sysctl -w kernel.unprivileged_userns_clone=1, or run as root"},
	{"sys/kernel/apparmor_restrict_unprivileged_userns", equals("1"),
		"AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, give laplace a profile with \"userns,\", or run as root"},
	{"sys/user/max_mnt_namespaces", equals("0"), "mount namespaces are disabled: sysctl -w user.max_mnt_namespaces=15000"},
	{"sys/user/max_pid_namespaces", equals("0"), "pid namespaces are disabled: sysctl -w user.max_pid_namespaces=15000"},
	{"sys/user/max_net_namespaces", equals("0"), "network namespaces are disabled: sysctl -w user.max_net_namespaces=15000"},
	{"sys/user/max_uts_namespaces", equals("0"), "UTS namespaces are disabled: sysctl -w user.max_uts_namespaces=15000"},
	{"sys/user/max_ipc_namespaces", equals("0"), "IPC namespaces are disabled: sysctl -w user.max_ipc_namespaces=15000"},
	{"sys/user/max_cgroup_namespaces", equals("0"), "cgroup namespaces are disabled: sysctl -w user.max_cgroup_namespaces=15000"},
	{"self/status", func(v string, ok bool) bool { return ok && strings.Contains(v, "\nSeccomp:\t2\n") },
		"a seccomp filter forbids it, as a container's does: run that container with --security-opt seccomp=unconfined, or run outside of it"},
}

// Diagnose turns the error of making namespaces (clone(2), unshare(2)) for op
// into an *Error that names the host's setting which is in the way. Errors that
// no setting explains come back as they are.
func (h Host) Diagnose(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL),
		errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS), errors.Is(err, unix.ENOSYS):
	default:
		return err
	}
	for _, o := range obstacles {
		b, rerr := fs.ReadFile(h.Proc, o.file)
		// A file that is there but can't be read says nothing.
		if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			continue
		}
		if o.met(string(b), rerr == nil) {
			return &Error{Op: op, Hint: o.hint, Err: err}
		}
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) {
		return &Error{Op: op, Err: err,
			Hint: "too many namespaces exist, or they are nested too deeply: raise the limits in /proc/sys/user, or end what holds them"}
	}
	return &Error{Op: op, Err: err,
		Hint: "the host forbids new namespaces (a chroot, a security module, or a container's limits): run outside of it, or as root"}
}
