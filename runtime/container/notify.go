package container

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Where a container finds the socket of the service manager, sd_notify(3): the directory
// is mounted before the socket is in it, because only start has somebody who listens.
const (
	notifyDir    = "notify" // in the container's directory
	notifyTarget = "/run/notify"
	notifyName   = "notify.sock"
)

// offerNotify gives a configuration the mount and the variable.
func (c *Container) offerNotify(s *specs.Spec) error {
	dir := filepath.Join(c.dir, notifyDir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("notify socket: %w", err)
	}
	s.Mounts = append(slices.Clone(s.Mounts), specs.Mount{
		Destination: notifyTarget, Source: dir, Type: "bind", Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	s.Process.Env = append(slices.Clone(s.Process.Env), "NOTIFY_SOCKET="+notifyTarget+"/"+notifyName)
	return nil
}

// listenNotify makes the socket of a container that has been offered one; -1 if it has not.
func (c *Container) listenNotify() (int, error) {
	name := filepath.Join(c.dir, notifyDir, notifyName)
	if _, err := os.Stat(filepath.Dir(name)); errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		if err = unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err == nil {
			err = os.Chmod(name, 0o777) // whoever the command's user is
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return -1, fmt.Errorf("notify socket: %w", err)
	}
	return fd, nil
}

// forwardReady waits until the container says that it is ready, or has ended, and tells
// the service manager at the socket host. What else the container says is not passed on: it is
// no service.
func (c *Container) forwardReady(fd int, host string) error {
	init, err := c.pidfd()
	if err != nil {
		return nil // it has ended
	}
	defer unix.Close(init)
	buf := make([]byte, 4096)
	for {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(init), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return fmt.Errorf("notify socket: %w", err)
		}
		if p[0].Revents&unix.POLLIN == 0 {
			return nil
		}
		n, err := unix.Read(fd, buf)
		if err != nil {
			return fmt.Errorf("notify socket: %w", err)
		}
		for line := range bytes.Lines(buf[:n]) {
			if bytes.HasPrefix(line, []byte("READY=")) {
				return notifyHost(host, fmt.Sprintf("READY=1\nMAINPID=%d\n", c.record.Pid))
			}
		}
	}
}

// notifyHost sends a text to a service manager. A name that begins with @ is abstract,
// unix(7).
func notifyHost(host, text string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Sendto(fd, []byte(text), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: host})
	}
	if err != nil {
		return fmt.Errorf("notify socket %s: %w", host, err)
	}
	return nil
}
