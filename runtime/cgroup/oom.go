package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// OOMs tells when a process of a group is killed for want of memory.
type OOMs struct {
	events *os.File // an eventfd, or an inotify instance
	file   string   // what counts, of v2, or is there as long as the group, of v1
	v2     bool
	seen   uint64
	ended  bool // nothing is told any more
}

// WatchOOM begins to watch. The caller closes what it returns.
func (g *Group) WatchOOM() (*OOMs, error) {
	if g.hasV2("memory") {
		return watchV2(g.V2, "memory.events")
	}
	if dir := g.V1["memory"]; dir != "" {
		return watchV1(dir)
	}
	return nil, fmt.Errorf("memory: %w", ErrNoController)
}

// watchV1 registers an eventfd, as admin-guide/cgroup-v1/memory, section "OOM Control", says.
func watchV1(dir string) (*OOMs, error) {
	name := path.Join(dir, "memory.oom_control")
	control, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	o := &OOMs{events: os.NewFile(uintptr(fd), "eventfd"), file: name}
	if err := writeFile(path.Join(dir, "cgroup.event_control"), fmt.Sprintf("%d %d", fd, control.Fd())); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// watchV2 watches the file that counts, and the one that tells when nobody is left: nothing is told
// when the group is removed.
func watchV2(dir, counter string) (*OOMs, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	o := &OOMs{events: os.NewFile(uintptr(fd), "inotify"), file: path.Join(dir, counter), v2: true}
	for _, name := range []string{o.file, path.Join(dir, "cgroup.events")} {
		if _, err := unix.InotifyAddWatch(fd, name, unix.IN_MODIFY|unix.IN_DELETE_SELF); err != nil {
			o.Close()
			return nil, fmt.Errorf("watch %s: %w", name, err)
		}
	}
	o.seen = readFlat(o.file)["oom_kill"]
	return o, nil
}

// Wait waits for the next one. io.EOF says that the group is gone or, of v2, that no process is in it
// any more; os.ErrClosed that Close was called.
func (o *OOMs) Wait() error {
	for {
		if o.ended {
			return io.EOF
		}
		var b [4096]byte
		n, err := o.events.Read(b[:])
		if err != nil {
			return err
		}
		oom, err := false, error(nil)
		if o.v2 {
			oom, err = o.countedV2()
		} else if n == 8 {
			oom, err = o.countedV1(binary.NativeEndian.Uint64(b[:]))
		}
		if oom || err != nil {
			return err
		}
	}
}

// countedV1 tells whether some events are of OOM: the last one is the group's removal.
func (o *OOMs) countedV1(events uint64) (bool, error) {
	if _, err := os.Stat(o.file); !errors.Is(err, fs.ErrNotExist) {
		return events > 0, err
	}
	o.ended = true
	return events > 1, nil
}

// countedV2 tells whether a process was killed since it was asked last. It is counted before it is gone.
func (o *OOMs) countedV2() (bool, error) {
	o.ended = readFlat(path.Join(path.Dir(o.file), "cgroup.events"))["populated"] == 0
	text, err := os.ReadFile(o.file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		o.ended = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := flat(text)["oom_kill"]
	oom := now > o.seen
	o.seen = now
	return oom, nil
}

// Close ends a Wait.
func (o *OOMs) Close() error { return o.events.Close() }
