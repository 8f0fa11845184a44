package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// SubmountError says that a directory can't be used because something is
// mounted below it: in a user namespace the kernel does not let a mount be
// lifted off what it hides, and elsewhere its content would silently be
// missing.
type SubmountError struct {
	// Path is the directory.
	Path string
	// Under are the mount points below it; there is at least one.
	Under []string
	// Err is unix.EINVAL, as the kernel has it.
	Err error
}

// Error names the first mount point.
func (e *SubmountError) Error() string {
	return fmt.Sprintf("%q has a mount below it, at %q: %v", e.Path, e.Under[0], e.Err)
}

// Unwrap returns the cause.
func (e *SubmountError) Unwrap() error { return e.Err }

// attachTree gives a detached clone of a mount tree its attributes and attaches
// it. Before Linux 5.12 a detached tree has no attributes: they are set at once
// after attaching.
func (c *composer) attachTree(tree, target int, attr uint64, recursive bool) error {
	err := c.setAttr(tree, attr, recursive)
	old := errors.Is(err, unix.ENOSYS)
	if err != nil && !old {
		return err
	}
	if err := Attach(tree, target); err != nil {
		return err
	}
	if old {
		return c.remount(tree, attr, recursive)
	}
	return nil
}

// setAttr sets attributes of a mount, or of a whole tree of them. Without
// mount_setattr(2) a single attached mount is remounted instead; for a tree
// the error is then ENOSYS.
func (c *composer) setAttr(fd int, attr uint64, recursive bool) error {
	if attr == 0 {
		return nil
	}
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	a := unix.MountAttr{Attr_set: attr}
	if attr&unix.MOUNT_ATTR__ATIME != 0 {
		a.Attr_clr = unix.MOUNT_ATTR__ATIME
	}
	err := unix.MountSetattr(fd, "", flags, &a)
	switch {
	case err == nil:
		return nil
	case err == unix.ENOSYS && c.attached(fd):
		return c.remount(fd, attr, recursive)
	}
	return fmt.Errorf("mount_setattr: %w", err)
}

// attached says whether the mount of a descriptor is part of this mount
// namespace.
func (c *composer) attached(fd int) bool {
	id, err := c.mountID(fd)
	if err != nil {
		return false
	}
	infos, err := c.mounts()
	if err != nil {
		return false
	}
	for _, m := range infos {
		if m.ID == id {
			return true
		}
	}
	return false
}

// oldFlags are the mount(2) flags for mount_setattr(2) attributes.
var oldFlags = []struct {
	attr uint64
	flag uintptr
	name string // in mountinfo
}{
	{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY, "ro"},
	{unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID, "nosuid"},
	{unix.MOUNT_ATTR_NODEV, unix.MS_NODEV, "nodev"},
	{unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC, "noexec"},
	{unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME, "nodiratime"},
	{unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME, "noatime"},
	{unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW, "nosymfollow"},
	{0, unix.MS_RELATIME, "relatime"},
}

// remount adds attributes to an attached mount and, if asked to, to all mounts
// below it, one by one, as was the way before mount_setattr(2). A remount
// replaces all flags, and a user namespace must not clear one: those that a
// mount has are repeated.
func (c *composer) remount(top int, attr uint64, recursive bool) error {
	id, err := c.mountID(top)
	if err != nil {
		return err
	}
	infos, err := c.mounts()
	if err != nil {
		return err
	}
	// Parents come before their children in mountinfo.
	chosen := map[int]bool{id: true}
	for _, m := range infos {
		if recursive && chosen[m.Parent] {
			chosen[m.ID] = true
		}
		if !chosen[m.ID] {
			continue
		}
		fd := top
		if m.ID != id {
			// The new root lies over "/": paths in it read alike.
			fd, err = ns.OpenIn(c.root, m.Mountpoint, unix.O_PATH, 0, unix.RESOLVE_NO_SYMLINKS)
			if err != nil {
				return fmt.Errorf("submount %q: %w", m.Mountpoint, err)
			}
			c.keep(fd)
			if got, err := c.mountID(fd); err != nil || got != m.ID {
				return fmt.Errorf("submount %q is hidden: %w", m.Mountpoint, unix.EINVAL)
			}
		}
		flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND)
		has := strings.Split(m.Options, ",")
		for _, f := range oldFlags {
			for _, h := range has {
				if h == f.name {
					flags |= f.flag
				}
			}
			if f.attr&attr != 0 {
				flags |= f.flag
			}
		}
		if err := unix.Mount("", fdPath(fd), "", flags, ""); err != nil {
			return fmt.Errorf("remount %q: %w", m.Mountpoint, err)
		}
	}
	return nil
}

// mountID returns the id that mountinfo has for the mount of a descriptor.
func (c *composer) mountID(fd int) (int, error) {
	b, err := c.readProc("self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("mnt_id:")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	return 0, fmt.Errorf("mount id of a descriptor: %w", unix.ENODATA)
}

// mounts reads the mount table of this process.
func (c *composer) mounts() ([]*mountinfo.Info, error) {
	b, err := c.readProc("self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountinfo.GetMountsFromReader(bytes.NewReader(b), nil)
}

func (c *composer) readProc(name string) ([]byte, error) {
	fd, err := unix.Openat(c.Proc, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/%s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), "/proc/"+name)
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}

// submounts returns the mount points below the directory of the host that a
// path leads to, in the order of the mount table.
func (c *composer) submounts(name string) []string {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	return c.submountsOf(fd)
}

func (c *composer) submountsOf(fd int) []string {
	id, err := c.mountID(fd)
	if err != nil {
		return nil
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(c.Proc, fdPath(fd), buf)
	if err != nil {
		return nil
	}
	dir := string(buf[:n])
	if c.host == nil {
		// Read once: what the host has mounted does not change here.
		if c.host, err = c.mounts(); err != nil {
			return nil
		}
	}
	// Only what is mounted on this very mount, or on such a mount: paths alone
	// would count what an upper mount hides.
	within := map[int]bool{id: true}
	var under []string
	for _, m := range c.host {
		if within[m.Parent] && m.Mountpoint != dir && ns.Below(m.Mountpoint, dir) {
			within[m.ID] = true
			under = append(under, m.Mountpoint)
		}
	}
	return under
}
