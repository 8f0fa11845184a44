package container

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/rootfs"
)

// compose mounts the root and all that is mounted in it, in the order of the configuration.
// Paths are resolved within the root and then used as descriptors, because a container that
// runs may share a directory with this one and change it meanwhile.
func (s *stage) compose() error {
	if err := s.openRoot(); err != nil {
		return err
	}
	for i := range s.Spec.Mounts {
		m := &s.Spec.Mounts[i]
		if err := s.mount(m, s.Sources[i]); err != nil {
			return fmt.Errorf("mount %q to %q: %w", m.Source, m.Destination, err)
		}
	}
	return s.makeDevices()
}

// openRoot makes a mount of the root directory.
func (s *stage) openRoot() error {
	if err := unix.Mount("", "/", "", propagation(s.Spec), ""); err != nil {
		return fmt.Errorf("propagation of /: %w", err)
	}
	// In a shared mount ours would show up on the host.
	parents, err := mountinfo.GetMounts(mountinfo.ParentsFilter(s.Rootfs))
	if err != nil {
		return fmt.Errorf("mount of the root: %w", err)
	}
	parent := slices.MaxFunc(parents, func(a, b *mountinfo.Info) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	if strings.Contains(parent.Optional, "shared:") {
		if err := unix.Mount("", parent.Mountpoint, "", unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make %q private: %w", parent.Mountpoint, err)
		}
	}
	target, err := unix.Open(s.Rootfs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	defer unix.Close(target)
	if s.Root != 0 {
		s.root = s.Root
		return rootfs.Attach(s.root, target)
	}
	s.root, err = unix.OpenTree(target, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("clone root: %w", err)
	}
	return rootfs.Attach(s.root, target)
}

// mount makes one mount. source is the detached mount of a bind.
func (s *stage) mount(m *specs.Mount, source int) error {
	o := options(m)
	switch {
	case o.Set&unix.MS_REMOUNT != 0:
		return s.remount(m, &o)
	case o.Bind():
		return s.bind(m, &o, source)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		return s.mountGroups(m, &o)
	}
	return s.mountNew(m, &o)
}

// target opens the mount point of a mount, which is made where it is missing.
func (s *stage) target(m *specs.Mount, file bool, resolve uint64) (int, error) {
	open := ns.MkdirIn
	perm := uint32(0o755)
	if file {
		open, perm = ns.TouchIn, 0o644
	}
	fd, err := open(s.root, m.Destination, perm, resolve)
	if err != nil {
		return -1, err
	}
	if err := checkTarget(fd, m); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// overProc are the files of procfs that tools show values of their own in.
var overProc = []string{
	"cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
	"sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
}

// checkTarget refuses mounts that would hide what the container's protection depends on:
// what stands in for a file of procfs would be written to in its place, CVE-2019-16884.
func checkTarget(fd int, m *specs.Mount) error {
	if !ns.IsProc(fd) {
		return nil
	}
	name, ok := strings.CutPrefix(path.Clean(m.Destination), "/proc/")
	if path.Clean(m.Destination) == "/proc" && m.Type == "proc" || ok && slices.Contains(overProc, name) {
		return nil
	}
	return fmt.Errorf("%q cannot be mounted: it is inside /proc: %w", m.Destination, unix.EPERM)
}

// bind attaches a directory or a file of the host.
func (s *stage) bind(m *specs.Mount, o *oci.MountOptions, tree int) error {
	if tree < 0 {
		var err error
		if tree, err = openSource(s.Bundle, s.Spec, m, o); err != nil {
			return err
		}
		defer unix.Close(tree)
	}
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	target, err := s.target(m, st.Mode&unix.S_IFMT != unix.S_IFDIR, 0)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if path.Clean(m.Destination) == "/proc" && !ns.IsProc(tree) {
		return fmt.Errorf("%q is not a procfs: it cannot be mounted at /proc: %w", m.Source, unix.EPERM)
	}
	if err := setAttr(tree, mountAttr(o), false); err != nil {
		return err
	}
	return s.attach(tree, target, o)
}

// attach puts a mount in its place and sets what options are about all below it, and its
// propagation.
func (s *stage) attach(tree, target int, o *oci.MountOptions) error {
	if err := setAttr(tree, o.Recursive, true); err != nil {
		return err
	}
	if err := rootfs.Attach(tree, target); err != nil {
		return err
	}
	for _, how := range o.Propagation {
		if err := propagate(tree, how); err != nil {
			return err
		}
	}
	return nil
}

// setAttr changes flags of a mount, or of all mounts of a tree.
func setAttr(fd int, attr unix.MountAttr, recursive bool) error {
	if attr.Attr_set|attr.Attr_clr == 0 {
		return nil
	}
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, &attr); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	return nil
}

// remount changes the flags of what is mounted already.
func (s *stage) remount(m *specs.Mount, o *oci.MountOptions) error {
	fd, err := ns.OpenIn(s.root, m.Destination, unix.O_PATH, 0, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := setAttr(fd, mountAttr(o), false); err != nil {
		return err
	}
	return setAttr(fd, o.Recursive, true)
}

// ownPaths are the types whose mount point must be what it is called: a link would have
// the container choose where it is, CVE-2019-19921.
var ownPaths = []string{"proc", "sysfs"}

// pseudo are the types without a device that could be read-only.
var pseudo = []string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "ramfs"}

// mountNew mounts a new instance of a file system.
func (s *stage) mountNew(m *specs.Mount, o *oci.MountOptions) error {
	var resolve uint64
	if slices.Contains(ownPaths, m.Type) {
		resolve = unix.RESOLVE_NO_SYMLINKS
	}
	data := superData(o)
	if m.Type == "tmpfs" {
		data = s.tmpfsMode(m, data)
	}
	target, err := s.target(m, false, resolve)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	attr := mountAttr(o)
	late := attr.Attr_set&unix.MOUNT_ATTR_RDONLY != 0 && m.Type == "tmpfs"
	if late {
		attr.Attr_set &^= unix.MOUNT_ATTR_RDONLY // it has to be filled first
	}
	if attr.Attr_set&unix.MOUNT_ATTR_RDONLY != 0 && !slices.Contains(pseudo, m.Type) {
		data = append(data, "ro")
	}
	if s.Spec.Linux.MountLabel != "" && slices.Contains([]string{"tmpfs", "mqueue", "devpts"}, m.Type) {
		data = append(data, "context="+s.Spec.Linux.MountLabel)
	}
	fd, err := s.newMount(m, data, attr.Attr_set)
	if err != nil {
		return err
	}
	if m.Type == "tmpfs" && m.Source == pinnedSys && s.Supervisor != 0 {
		if err := s.fillSys(fd); err != nil {
			unix.Close(fd)
			return fmt.Errorf("files of /sys: %w", err)
		}
	}
	if o.CopyUp {
		if err := copyUp(target, fd); err != nil {
			unix.Close(fd)
			return fmt.Errorf("tmpcopyup: %w", err)
		}
	}
	if late {
		s.readonly = append(s.readonly, fd)
	} else {
		defer unix.Close(fd)
	}
	return s.attach(fd, target, o)
}

// newMount makes a detached mount. mqueue is of the IPC namespace, proc of the PID
// namespace, sysfs of the network namespace of this process.
func (s *stage) newMount(m *specs.Mount, data []string, attr uint64) (int, error) {
	// fsconfig(2) takes no value longer than that, and layers of overlays are.
	const maxValue = 255
	long := len(m.Source) > maxValue || slices.ContainsFunc(data, func(o string) bool { return len(o) > maxValue })
	if !long {
		return rootfs.FSMount(m.Type, m.Source, data, attr)
	}
	// mount(2) takes a page; what it mounts is taken from its place again.
	place := s.Bundle
	if err := unix.Mount(m.Source, place, m.Type, 0, strings.Join(data, ",")); err != nil {
		return -1, fmt.Errorf("mount: %w", err)
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, place, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		if err = setAttr(fd, unix.MountAttr{Attr_set: attr}, false); err != nil {
			unix.Close(fd)
		}
	}
	if uerr := unix.Unmount(place, unix.MNT_DETACH); err == nil {
		err = uerr
	}
	if err != nil {
		return -1, fmt.Errorf("mount: %w", err)
	}
	return fd, nil
}

// tmpfsMode gives a tmpfs the mode of the directory that it hides, if there is one, unless
// its options say one.
func (s *stage) tmpfsMode(m *specs.Mount, data []string) []string {
	if slices.ContainsFunc(data, func(o string) bool { return strings.HasPrefix(o, "mode=") }) {
		return data
	}
	fd, err := ns.OpenIn(s.root, m.Destination, unix.O_PATH, 0, 0)
	if err != nil {
		return data
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return data
	}
	return append(data, fmt.Sprintf("mode=%o", st.Mode&0o7777))
}

// makeCwd makes the working directory, where it can.
func (s *stage) makeCwd() error {
	fd, err := ns.MkdirIn(s.root, s.Spec.Process.Cwd, 0o755, 0)
	switch {
	case err == nil:
		unix.Close(fd)
	case errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return nil // entering it says the rest
	}
	return err
}

// changeRoot makes the root that of this process, and leaves nothing of the old one.
func (s *stage) changeRoot() error {
	if s.NoPivot {
		return s.moveRoot()
	}
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	defer unix.Close(old)
	if err := unix.Fchdir(s.root); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	// The old root lies on the new one now. Its end must not become the host's.
	if err := unix.Fchdir(old); err != nil {
		return fmt.Errorf("enter old root: %w", err)
	}
	if err := unix.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("propagation of the old root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach old root: %w", err)
	}
	return enterRoot()
}

// moveRoot is changeRoot for hosts whose root cannot be pivoted: an initramfs. The old root
// stays below the new one; the file systems by which a container could reach the host's
// processes are unmounted.
func (s *stage) moveRoot() error {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.FSType != "proc" && m.FSType != "sysfs" || ns.Below(m.Mountpoint, s.Rootfs), false
	})
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			return fmt.Errorf("unmount %q: %w", m.Mountpoint, err)
		}
	}
	if err := unix.Fchdir(s.root); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.MoveMount(s.root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return enterRoot()
}

func enterRoot() error {
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter /: %w", err)
	}
	return nil
}

// finishRoot sets what may only be set when all is there.
func (s *stage) finishRoot() error {
	if s.Spec.Linux.RootfsPropagation != "" {
		if err := unix.Mount("", "/", "", propagation(s.Spec), ""); err != nil {
			return fmt.Errorf("linux.rootfsPropagation: %w", err)
		}
	}
	readonly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	for _, fd := range s.readonly {
		if err := setAttr(fd, readonly, false); err != nil {
			return err
		}
		unix.Close(fd)
	}
	if s.Spec.Root.Readonly {
		return setAttr(s.root, readonly, false)
	}
	return nil
}
