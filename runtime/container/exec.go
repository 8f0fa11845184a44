package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
)

// Exec runs one more process in a running container, as its configuration says apart from
// process; it returns the pid of a child of the caller, when its command is about to be
// executed. ignorePaused allows a paused container, in which the process then waits.
func (c *Container) Exec(process *specs.Process, o *Options, ignorePaused bool) (pid int, err error) {
	command := oci.Exec
	if ignorePaused {
		command = oci.ExecPaused
	}
	if err := c.allowed(command); err != nil {
		return 0, err
	}
	if err := checkConsole(process, o); err != nil {
		return 0, err
	}
	group := c.group()
	if len(o.Cgroup) > 0 {
		var err error
		if group, err = group.Below(o.Cgroup); err != nil {
			return 0, fmt.Errorf("exec: --cgroup: %w", err)
		}
	}
	sp, err := newSpawn()
	if err != nil {
		return 0, err
	}
	defer sp.done()
	if sp.pidfd, err = c.pidfd(); err != nil {
		return 0, fmt.Errorf("exec: %w", oci.ErrNotRunning)
	}
	defer unix.Close(sp.pidfd)
	if sp.joinFlags, err = otherNamespaces(c.record.Pid); err != nil {
		return 0, err
	}
	sp.user = sp.joinFlags&unix.CLONE_NEWUSER != 0
	spec, own := *c.record.Config, *process
	spec.Process = &own
	own.Rlimits = limits(&spec)
	t := &task{
		FIFO: -1, Errors: -1, Exec: true, Preserve: o.ListenFDs + o.PreserveFDs, ID: c.record.ID,
		Spec: &spec, User: sp.user, NoNewKeyring: true,
	}
	start := func() error { return sp.start(t) }
	traced := deterministic(c.record.Config)
	if traced {
		v, err := c.visit(process.Terminal)
		if err != nil {
			return 0, execError(err)
		}
		if traced = v != nil; traced {
			defer v.done()
			start = func() error { return v.start(c, sp, t) }
		}
	}
	if err := start(); err != nil {
		sp.kill()
		return 0, execError(err)
	}
	err = c.admit(sp, group, process, process.ExecCPUAffinity)
	if err == nil {
		err = serve(sp, o, nil, nil, func() error { return announce(sp.pid, o) })
	}
	if err != nil {
		sp.kill()
		return 0, execError(err)
	}
	if deterministic(c.record.Config) && !traced {
		c.untraced()
	}
	return sp.pid, nil
}

func execError(err error) error {
	return fmt.Errorf("exec failed: %w", startError(err))
}

// otherNamespaces are the namespaces of a process that are not the caller's, CLONE_NEW*.
func otherNamespaces(pid int) (flags uintptr, err error) {
	for _, n := range []struct {
		name string
		flag uintptr
	}{
		{"user", unix.CLONE_NEWUSER}, {"mnt", unix.CLONE_NEWNS}, {"pid", unix.CLONE_NEWPID}, {"net", unix.CLONE_NEWNET},
		{"ipc", unix.CLONE_NEWIPC}, {"uts", unix.CLONE_NEWUTS}, {"cgroup", unix.CLONE_NEWCGROUP}, {"time", unix.CLONE_NEWTIME},
	} {
		same, err := sameNamespace("/proc/"+strconv.Itoa(pid)+"/ns/"+n.name, "/proc/self/ns/"+n.name)
		if errors.Is(err, os.ErrNotExist) && n.flag == unix.CLONE_NEWTIME {
			continue // before Linux 5.6
		}
		if err != nil {
			return 0, fmt.Errorf("namespaces of process %d: %w", pid, err)
		}
		if !same {
			flags |= n.flag
		}
	}
	return flags, nil
}
