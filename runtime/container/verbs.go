package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
)

// allowed is oci.Allowed for the container as it is now.
func (c *Container) allowed(command oci.Command) error {
	status, err := c.status()
	if err != nil {
		return err
	}
	return oci.Allowed(command, c.record.ID, status)
}

// Start lets the command of a created container go, waits until it is executed, and runs
// the hooks that come then. The caller has the container's lock, which is given up before
// the hooks. If notify, the socket of the caller's service manager, is not empty, and
// create was given one too, the command has to say that it is ready first, sd_notify(3).
func (c *Container) Start(notify string) error {
	if err := c.allowed(oci.Start); err != nil {
		return err
	}
	ready := -1
	if notify != "" {
		var err error
		if ready, err = c.listenNotify(); err != nil {
			return err
		}
		defer closeAll([]int{ready})
	}
	fd, err := c.openFIFO()
	if err != nil {
		return fmt.Errorf("start: %w", oci.ErrNotRunning)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte{'0'}); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	// Init has the FIFO open until it executes the command, or fails.
	for {
		p := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(p, -1)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for init: %w", err)
		}
		if err == nil && p[0].Revents != 0 {
			break
		}
	}
	why, err := os.ReadFile(filepath.Join(c.dir, errorFile))
	if err != nil {
		return err
	}
	if len(why) > 0 {
		return startError(errors.New(string(why)))
	}
	c.Unlock()
	if ready >= 0 {
		if err := c.forwardReady(ready, notify); err != nil {
			return err
		}
	}
	state := c.record.State
	state.Status = oci.Running
	if err := runHooks(c.record.Config.Hooks, "poststart", state.Hook()); err != nil {
		return errors.Join(err, c.signal(unix.SIGKILL))
	}
	return nil
}

// Kill sends a signal to the container's first process, and with all to every process:
// also to those that have outlived the first one, as they do where the PID namespace is
// another's. The lock is not needed.
func (c *Container) Kill(sig unix.Signal, all bool) error {
	status, err := c.status()
	if err != nil {
		return err
	}
	if all && status == oci.Stopped {
		return c.killAll(sig)
	}
	if err := oci.Allowed(oci.Kill, c.record.ID, status); err != nil {
		return err
	}
	if all {
		return c.killAll(sig)
	}
	return c.signal(sig)
}

// signal sends a signal to init.
func (c *Container) signal(sig unix.Signal) error {
	fd, err := c.pidfd()
	if err == nil {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
		unix.Close(fd)
		c.Signalled()
	}
	if err == unix.ESRCH {
		return oci.ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("signal %d: %w", sig, err)
	}
	return nil
}

// How long delete waits for processes that have been killed.
const (
	deathTries = 1000
	deathPause = 10 * time.Millisecond
)

// Delete removes a stopped container, or one that was created and not started, and with
// force any; then it runs the hooks that come last. The caller has the container's lock.
func (c *Container) Delete(force bool) error {
	command := oci.Delete
	if force {
		command = oci.ForceDelete
	}
	if err := c.allowed(command); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	if err := c.removeGroup(); err != nil {
		return err
	}
	if err := c.remove(); err != nil {
		return err
	}
	state := c.record.State
	state.Status, state.Pid = oci.Stopped, 0
	if err := runHooks(c.record.Config.Hooks, "poststop", state.Hook()); err != nil {
		c.runtime.Log.Warn(err.Error())
	}
	return nil
}

// end kills what is left of the container and waits until it is dead.
func (c *Container) end() error {
	if err := c.signal(unix.SIGKILL); err != nil && !errors.Is(err, oci.ErrNotRunning) {
		return err
	}
	// Others than init's outlive it where they are in another's PID namespace; and where v1
	// has frozen them, they have to be thawed to die.
	if err := c.killGroup(); err != nil {
		return err
	}
	for range deathTries {
		if !c.alive() || c.leaving() {
			return nil
		}
		time.Sleep(deathPause)
	}
	return oci.ErrInitRunning
}
