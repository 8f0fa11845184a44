package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// OOMs tells when a process of a group is killed for want of memory.
type OOMs struct {
	events *os.File // an eventfd, or an inotify instance
	v2     string   // the file that counts, or ""
	seen   uint64
}

// WatchOOM begins to watch. The caller closes what it returns.
func (g *Group) WatchOOM() (*OOMs, error) {
	if g.hasV2("memory") {
		return watchV2(path.Join(g.V2, "memory.events"))
	}
	if dir := g.V1["memory"]; dir != "" {
		return watchV1(dir)
	}
	return nil, fmt.Errorf("memory: %w", ErrNoController)
}

// watchV1 registers an eventfd, as admin-guide/cgroup-v1/memory, section "OOM Control", says.
func watchV1(dir string) (*OOMs, error) {
	control, err := os.Open(path.Join(dir, "memory.oom_control"))
	if err != nil {
		return nil, err
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	o := &OOMs{events: os.NewFile(uintptr(fd), "eventfd")}
	if err := writeFile(path.Join(dir, "cgroup.event_control"), fmt.Sprintf("%d %d", fd, control.Fd())); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// watchV2 watches the file that counts.
func watchV2(name string) (*OOMs, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	o := &OOMs{events: os.NewFile(uintptr(fd), "inotify"), v2: name}
	if _, err := unix.InotifyAddWatch(fd, name, unix.IN_MODIFY|unix.IN_DELETE_SELF); err != nil {
		o.Close()
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	o.seen = readFlat(name)["oom_kill"]
	return o, nil
}

// Wait waits for the next one. io.EOF says that the group is gone, os.ErrClosed that Close was called.
func (o *OOMs) Wait() error {
	for {
		var b [4096]byte
		n, err := o.events.Read(b[:])
		if err != nil {
			return err
		}
		if o.v2 == "" {
			if n == 8 && binary.NativeEndian.Uint64(b[:]) > 0 {
				return nil
			}
			continue
		}
		text, err := os.ReadFile(o.v2)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return io.EOF
		}
		if err != nil {
			return err
		}
		if now := flat(text)["oom_kill"]; now > o.seen {
			o.seen = now
			return nil
		}
	}
}

// Close ends a Wait.
func (o *OOMs) Close() error { return o.events.Close() }
