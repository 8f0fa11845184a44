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

// Processes are the pids, in the caller's PID namespace, of the container's processes:
// those of its PID namespace, if that was made for it, else its first one.
func (c *Container) Processes() ([]int, error) {
	if !c.alive() {
		return nil, nil
	}
	if !private(c.record.Config, specs.PIDNamespace) {
		return []int{c.record.Pid}, nil
	}
	const procs = "/proc"
	entries, err := os.ReadDir(procs)
	if err != nil {
		return nil, err
	}
	own := procs + "/" + strconv.Itoa(c.record.Pid) + "/ns/pid"
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process that has ended meanwhile is none.
		if same, err := sameNamespace(procs+"/"+e.Name()+"/ns/pid", own); err == nil && same {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Ps is Processes for the command ps, which containers in some states refuse.
func (c *Container) Ps() ([]int, error) {
	if err := c.allowed(oci.Ps); err != nil {
		return nil, err
	}
	return c.Processes()
}

// killAll sends a signal to all processes of the container.
func (c *Container) killAll(sig unix.Signal) error {
	pids, err := c.Processes()
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return oci.ErrNotRunning
	}
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("signal %d to process %d: %w", sig, pid, err))
		}
	}
	return errors.Join(errs...)
}
