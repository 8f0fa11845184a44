// Package container is the life cycle of a container as the runtime-spec and runc have it:
// create, start, exec, kill, delete, and the state in between, which is kept in a directory
// so that each command is a process of its own.
//
// This is the plain mode: a conventional runtime, whose processes nobody traces. See the
// sections "Runtime" and "Linux Runtime" of the runtime-spec.
package container

import (
	"log/slog"
)

// A Runtime is where containers are kept and how they are made. It has no state of its own:
// any number of them, in any number of processes, may work on one directory.
type Runtime struct {
	// Root is the directory that has a directory for each container. It is made when a
	// container is.
	Root string
	// SystemdCgroup has systemd make the control groups.
	SystemdCgroup bool
	// Rootless lets containers do without control groups that cannot be made. Callers
	// without privileges always may.
	Rootless bool
	// Defaults are annotations of containers that have none of their own, see oci.LoadDefaults.
	Defaults map[string]string
	// Cache is the directory of the cache, of those that ask for it; "" if there is none.
	Cache string
	// Log gets warnings; it is never nil.
	Log *slog.Logger
}

// A Container is what the state directory says of one.
type Container struct {
	runtime *Runtime
	dir     string
	record  record
	lock    *lock // nil unless this process holds it

	supervisor *supervisor // of a deterministic container that is being made
	mapped     bool        // its user namespace is none of the configuration's: owners are mapped
	tracer     int         // the supervisor's pid, where this process has made the container
}

// An Options is how a process of a container is started, beside what its configuration
// says: flags of create, run and exec.
type Options struct {
	// Bundle is the bundle's directory: absolute.
	Bundle string
	// PidFile, when not empty, gets the process's pid.
	PidFile string
	// ConsoleSocket is the path of a socket that gets the master of the terminal.
	ConsoleSocket string
	// PidfdSocket is the path of a socket that gets a pidfd of the process.
	PidfdSocket string
	// NoPivot has the root moved in place of pivot_root(2), for hosts whose root is an
	// initramfs.
	NoPivot bool
	// NoNewKeyring leaves the process in the caller's session keyring.
	NoNewKeyring bool
	// PreserveFDs is how many descriptors after those of ListenFDs the process gets.
	PreserveFDs int
	// ListenFDs is how many descriptors from 3 on the process gets of a service manager,
	// see sd_listen_fds(3).
	ListenFDs int
	// NotifySocket is the socket of the caller's service manager, see sd_notify(3).
	NotifySocket string
	// Cgroup has a process that Exec runs in groups below the container's, as exec --cgroup names
	// them; see cgroup.Group.Below.
	Cgroup []string
	// UserNS is UserNSAuto, or empty.
	UserNS string
	// Terminal, when not nil, is handed the master of the process's terminal, which it
	// owns, in place of ConsoleSocket.
	Terminal func(master int) error
}
