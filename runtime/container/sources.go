package container

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// options are the options of a mount; the type "bind" is one that runc takes for the
// option, and so do we.
func options(m *specs.Mount) oci.MountOptions {
	o := oci.ParseMountOptions(m.Options)
	if m.Type == "bind" && o.Set&unix.MS_REMOUNT == 0 {
		o.Set |= unix.MS_BIND
	}
	return o
}

// propagation is what the root's mounts are made before anything is mounted: what the
// configuration says, else they get what the host mounts and give nothing back.
func propagation(s *specs.Spec) uintptr {
	if s.Linux != nil && s.Linux.RootfsPropagation != "" {
		flags, _ := oci.Propagation(s.Linux.RootfsPropagation)
		return flags
	}
	return unix.MS_SLAVE | unix.MS_REC
}

// openSources clones the sources of a configuration's binds, with the caller's privileges,
// which init in a user namespace hasn't, and with owners mapped where that is asked for and their file systems can: detached mounts, one for each of its mounts, -1 for
// those that are no bind, or that init opens itself. The descriptors are inherited; closeAll closes them.
func openSources(bundle string, s *specs.Spec, mapped bool) ([]int, error) {
	fds := make([]int, len(s.Mounts))
	for i := range fds {
		fds[i] = -1
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		o := options(m)
		if !o.Bind() || o.Set&unix.MS_REMOUNT != 0 || ns.Rootless() {
			continue // a caller without privileges has none that init hasn't
		}
		as := o
		as.IDMap = o.IDMap || mapped
		fd, err := openSource(bundle, s, m, &as)
		if mapped && !o.IDMap && errors.Is(err, unix.EINVAL) {
			fd, err = openSource(bundle, s, m, &o) // its files are nobody's
		}
		if err != nil {
			closeAll(fds)
			return nil, fmt.Errorf("mount %q at %q: %w", m.Source, m.Destination, err)
		}
		fds[i] = fd
	}
	return fds, nil
}

// closeAll closes the descriptors that are not negative.
func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func openSource(bundle string, s *specs.Spec, m *specs.Mount, o *oci.MountOptions) (int, error) {
	source := m.Source
	if !filepath.IsAbs(source) {
		source = filepath.Join(bundle, source)
	}
	flags := uint(unix.OPEN_TREE_CLONE)
	if o.Set&unix.MS_REC != 0 {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, flags)
	if err != nil {
		return -1, fmt.Errorf("source: %w", err)
	}
	if err := prepareSource(fd, s, m, o); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepareSource does what must be done before the mount has a place: a clone of a shared
// mount is shared with the host, too, and owners are mapped for good.
func prepareSource(fd int, s *specs.Spec, m *specs.Mount, o *oci.MountOptions) error {
	if err := propagate(fd, propagation(s)|unix.MS_REC); err != nil {
		return err
	}
	uids, gids := m.UIDMappings, m.GIDMappings
	if uids == nil && gids == nil {
		if !o.IDMap {
			return nil
		}
		uids, gids = s.Linux.UIDMappings, s.Linux.GIDMappings
	}
	proc, err := openHostProc()
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	user, err := ns.NewUserNS(proc, sysMappings(uids), sysMappings(gids))
	if err != nil {
		return err
	}
	defer unix.Close(user)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(user)}
	flags := uint(unix.AT_EMPTY_PATH)
	if o.IDMapRecursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, &attr); err != nil {
		return fmt.Errorf("map owners (MOUNT_ATTR_IDMAP): %w", err)
	}
	return nil
}

// propagate sets the type of propagation of a mount, MS_SHARED and so on, with MS_REC also
// that of all below it.
func propagate(fd int, how uintptr) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if how&unix.MS_REC != 0 {
		flags |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Propagation: uint64(how &^ unix.MS_REC)}
	if err := unix.MountSetattr(fd, "", flags, &attr); err != nil {
		return fmt.Errorf("set propagation: %w", err)
	}
	return nil
}

// openHostProc opens the host's /proc, which must be one.
func openHostProc() (int, error) {
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/proc: %w", err)
	}
	if !ns.IsProc(fd) {
		unix.Close(fd)
		return -1, fmt.Errorf("/proc: not a procfs: %w", unix.EINVAL)
	}
	return fd, nil
}

// sysMappings are mappings as Go has them.
func sysMappings(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	var m []syscall.SysProcIDMap
	for _, e := range list {
		m = append(m, syscall.SysProcIDMap{ContainerID: int(e.ContainerID), HostID: int(e.HostID), Size: int(e.Size)})
	}
	return m
}

// attributes are the flags of mount(2) that are a mount's own, as mount_setattr(2) has
// them; those of atime are values of one field.
var attributes = []struct {
	flag uintptr
	attr uint64
}{
	{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY},
	{unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
	{unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
	{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	{unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
	{unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{unix.MS_NOATIME, unix.MOUNT_ATTR_NOATIME},
	{unix.MS_STRICTATIME, unix.MOUNT_ATTR_STRICTATIME},
}

// mountAttr is what mount_setattr(2) does for the options of one mount.
func mountAttr(o *oci.MountOptions) (attr unix.MountAttr) {
	const atime = unix.MS_NOATIME | unix.MS_STRICTATIME | unix.MS_RELATIME
	for _, a := range attributes {
		if o.Set&a.flag != 0 {
			attr.Attr_set |= a.attr
		}
		if o.Clear&a.flag != 0 && a.flag&atime == 0 {
			attr.Attr_clr |= a.attr
		}
	}
	if (o.Set|o.Clear)&atime != 0 {
		attr.Attr_clr |= unix.MOUNT_ATTR__ATIME
	}
	return attr
}

// superOptions are flags of mount(2) that are the file system's, by their names there.
var superOptions = []struct {
	flag uintptr
	name string
}{
	{unix.MS_SYNCHRONOUS, "sync"},
	{unix.MS_DIRSYNC, "dirsync"},
	{unix.MS_MANDLOCK, "mand"},
	{unix.MS_LAZYTIME, "lazytime"},
}

// superData are the options of the file system.
func superData(o *oci.MountOptions) []string {
	var data []string
	for _, s := range superOptions {
		if o.Set&s.flag != 0 {
			data = append(data, s.name)
		}
	}
	for option := range strings.SplitSeq(o.Data, ",") {
		if option != "" {
			data = append(data, option)
		}
	}
	return data
}
