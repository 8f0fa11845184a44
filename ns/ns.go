// Package ns holds what a box needs of Linux namespaces: forking a child by
// hand into new ones, user and group id maps, the procfs of a pid namespace,
// the loopback interface, path resolution that cannot leave a root, and the
// diagnosis of hosts that refuse any of it. It imports no sibling package.
//
// See namespaces(7), user_namespaces(7), pid_namespaces(7), openat2(2).
package ns

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Error is a refusal by the host together with the way out.
type Error struct {
	// Op says what was being done, on what.
	Op string
	// Hint says what the user can do about it: one sentence without a final
	// full stop. It is never empty.
	Hint string
	// Err is the cause, usually a unix.Errno.
	Err error
}

// Error says what failed and why; the hint is apart, for the caller to place.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the advice that err or an error that it wraps carries, or "".
func Hint(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}

// rights are the capabilities, capabilities(7), that it takes to make namespaces and mounts,
// to bring an interface up, to become others, to trace them and to deal with their files.
const rights = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETPCAP |
	1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_KILL | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER | 1<<unix.CAP_DAC_OVERRIDE

// Rootless tells whether the caller is not root with all these rights, as root in a container
// is not: it has them in a user namespace of its own only, see UserNSAttr.
func Rootless() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&hdr, &data[0])
	return err != nil || os.Geteuid() != 0 || data[0].Effective&rights != rights
}

// UserNSAttr describes a process in a fresh user namespace in which it is uid
// 0 and gid 0, mapped to uid and gid (host ids, those of the caller): the most
// that an unprivileged caller can have. setgroups(2) is denied in it, as the
// kernel demands of such a map. The caller may add flags and use it as the
// SysProcAttr of an exec.Cmd; what it makes of a failure to start is
// Host.Diagnose's to say.
func UserNSAttr(uid, gid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
	}
}
