package container

import (
	"fmt"
	"path"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/rootfs"
)

// defaultDevices are those that every container has, see the section "Default Devices" of
// config-linux.
var defaultDevices = []specs.LinuxDevice{
	device("/dev/null", 1, 3), device("/dev/zero", 1, 5), device("/dev/full", 1, 7),
	device("/dev/random", 1, 8), device("/dev/urandom", 1, 9), device("/dev/tty", 5, 0),
}

func device(name string, major, minor int64) specs.LinuxDevice {
	return specs.LinuxDevice{Path: name, Type: "c", Major: major, Minor: minor}
}

// devLinks are the links that every container has, see the section "/dev symbolic links" of
// runtime-linux.
var devLinks = []struct{ name, target string }{
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/ptmx", "pts/ptmx"},
}

// makeDevices fills /dev, unless it is the host's.
func (s *stage) makeDevices() error {
	for i := range s.Spec.Mounts {
		m := &s.Spec.Mounts[i]
		o := options(m)
		if path.Clean(m.Destination) == "/dev" && o.Bind() {
			return nil
		}
	}
	devices := slices.Clone(defaultDevices)
	for _, d := range s.Spec.Linux.Devices {
		same := slices.IndexFunc(devices, func(have specs.LinuxDevice) bool { return have.Path == path.Clean(d.Path) })
		if same >= 0 {
			devices[same] = d
		} else {
			devices = append(devices, d)
		}
	}
	for i := range devices {
		if err := s.makeDevice(&devices[i]); err != nil {
			return fmt.Errorf("error creating device node %q: %w", devices[i].Path, err)
		}
	}
	for _, l := range devLinks {
		if err := s.makeLink(l.name, l.target); err != nil {
			return fmt.Errorf("link %q: %w", l.name, err)
		}
	}
	return nil
}

// makeDevice makes a node, or where that is not allowed shows the host's.
func (s *stage) makeDevice(d *specs.LinuxDevice) error {
	name := path.Clean(d.Path)
	dir, err := ns.MkdirIn(s.root, path.Dir(name), 0o755, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if s.User {
		return s.bindDevice(name)
	}
	kind, _ := oci.DeviceType(d.Type)
	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(*d.FileMode) & 0o7777
	}
	number := unix.Mkdev(uint32(d.Major), uint32(d.Minor))
	base := path.Base(name)
	err = unix.Mknodat(dir, base, kind|mode, int(number))
	if err != nil && err != unix.EEXIST {
		return fmt.Errorf("mknod: %w", err)
	}
	node, err := ns.OpenIn(dir, base, unix.O_PATH|unix.O_NOFOLLOW, 0, 0)
	if err != nil {
		return err
	}
	defer unix.Close(node)
	var st unix.Stat_t
	if err := unix.Fstat(node, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != kind || kind != unix.S_IFIFO && st.Rdev != number {
		return fmt.Errorf("something else is there: %w", unix.EEXIST)
	}
	// By its name it may be another file by now, of the host's even: the root is not changed yet.
	if err := unix.Fchmodat(s.proc, "self/fd/"+strconv.Itoa(node), mode, 0); err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	if err := unix.Fchownat(node, "", id(d.UID), id(d.GID), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("chown: %w", err)
	}
	return nil
}

// id is an owner, root if there is none.
func id(p *uint32) int {
	if p == nil {
		return 0
	}
	return int(*p)
}

// bindDevice shows a device of the host: user namespaces make none, and don't use what is
// made in them.
func (s *stage) bindDevice(name string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("device of the host: %w", err)
	}
	defer unix.Close(tree)
	target, err := ns.TouchIn(s.root, name, 0o666, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return rootfs.Attach(tree, target)
}

// makeLink makes a symbolic link, unless something is there.
func (s *stage) makeLink(name, target string) error {
	dir, err := ns.MkdirIn(s.root, path.Dir(name), 0o755, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := unix.Symlinkat(target, dir, path.Base(name)); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

// protect sets kernel parameters, then makes paths read-only and hides others.
func (s *stage) protect() error {
	l := s.Spec.Linux
	for name, value := range l.Sysctl {
		if err := s.sysctl(name, value); err != nil {
			return fmt.Errorf("linux.sysctl[%q]: %w", name, err)
		}
	}
	for _, p := range l.ReadonlyPaths {
		if err := s.makeReadonly(p); err != nil {
			return fmt.Errorf("make %q read-only: %w", p, err)
		}
	}
	for _, p := range l.MaskedPaths {
		if err := s.mask(p); err != nil {
			return fmt.Errorf("mask %q: %w", p, err)
		}
	}
	return nil
}

// sysctl sets a kernel parameter by the host's procfs: the container's may be read-only,
// or none, CVE-2025-52881.
func (s *stage) sysctl(name, value string) error {
	fd, err := unix.Openat2(s.proc, "sys/"+oci.SysctlPath(name), &unix.OpenHow{
		Flags:   unix.O_WRONLY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// protectedPath opens a path to be protected; -1 if there is none.
func (s *stage) protectedPath(p string) (int, error) {
	fd, err := ns.OpenIn(s.root, p, unix.O_PATH, 0, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return -1, nil
	}
	return fd, err
}

// makeReadonly makes a path, with all that is mounted below it, read-only.
func (s *stage) makeReadonly(p string) error {
	target, err := s.protectedPath(p)
	if err != nil || target < 0 {
		return err
	}
	defer unix.Close(target)
	tree, err := unix.OpenTree(target, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	if err := setAttr(tree, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}, true); err != nil {
		return err
	}
	return rootfs.Attach(tree, target)
}

// mask hides a directory under an empty tmpfs and a file under the null device, which must
// be one: CVE-2025-31133.
func (s *stage) mask(p string) error {
	target, err := s.protectedPath(p)
	if err != nil || target < 0 {
		return err
	}
	defer unix.Close(target)
	var st unix.Stat_t
	if err := unix.Fstat(target, &st); err != nil {
		return err
	}
	var fd int
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		fd, err = rootfs.FSMount("tmpfs", "tmpfs", nil, unix.MOUNT_ATTR_RDONLY)
	} else {
		fd, err = s.cloneNull()
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return rootfs.Attach(fd, target)
}

// cloneNull clones the mount of the container's null device.
func (s *stage) cloneNull() (int, error) {
	null, err := ns.OpenIn(s.root, "/dev/null", unix.O_PATH|unix.O_NOFOLLOW, 0, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	var st unix.Stat_t
	if err := unix.Fstat(null, &st); err != nil {
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		return -1, fmt.Errorf("/dev/null is not the null device: %w", unix.ENODEV)
	}
	tree, err := unix.OpenTree(null, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	return tree, nil
}
