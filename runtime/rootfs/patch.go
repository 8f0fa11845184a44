package rootfs

import (
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// A patched bind shows a directory of the host in which some entries are
// replaced by those of Extra, or left out: the option "patched". The
// replacements lie right in the directory.
//
// It is an overlay of two read-only layers, ours and the host's; or, where the
// kernel refuses that, a directory into which each of the host's other entries
// is bound by itself. An overlay hides what is mounted below the directory, so
// that a container's /etc, which has files mounted in it, is made the second
// way.

// patch mounts a patched bind.
func (c *composer) patch(m *specs.Mount, o *options, dest string) error {
	source, err := c.openLayer(m.Source)
	if err != nil {
		return fmt.Errorf("source %q: %w", m.Source, err)
	}
	target, err := c.target(dest, true, o.kind.resolve)
	if err != nil {
		return err
	}
	if len(c.submountsOf(source)) == 0 {
		if fd, err := c.patchLayers(source, target, dest, o.attr); err == nil {
			return Attach(c.keep(fd), target)
		}
	}
	return c.patchEntries(source, target, dest, o.attr)
}

// patchLayers returns a detached overlay of the replacements and the source.
func (c *composer) patchLayers(source, target int, dest string, attr uint64) (int, error) {
	layer, err := FSMount("tmpfs", "patch", nil, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return -1, err
	}
	c.keep(layer)
	// Only an attached layer can be part of an overlay (before Linux 6.15): the
	// mount point is a place for it that is covered next.
	if err := Attach(layer, target); err != nil {
		return -1, err
	}
	fd := -1
	if err = c.fillLayer(layer, source, dest); err == nil {
		fd, err = FSMount("overlay", "overlay",
			[]string{"lowerdir=" + fdPath(layer) + ":" + fdPath(source), "userxattr", "xino=on"}, attr)
	}
	if uerr := unix.Unmount(fdPath(layer), unix.MNT_DETACH); uerr != nil && err == nil {
		unix.Close(fd)
		return -1, fmt.Errorf("unmount a staged layer: %w", uerr)
	}
	if err != nil {
		return -1, err
	}
	if c.patched == nil {
		c.patched = map[string]bool{}
	}
	c.patched[dest] = true
	return fd, nil
}

// fillLayer makes the replacements, and marks of what is left out, in a layer
// that is staged at dest.
func (c *composer) fillLayer(layer, source int, dest string) error {
	if err := likeSource(layer, source); err != nil {
		return err
	}
	if err := c.extra(func(p string) bool { return p != "/" && path.Dir(p) == dest }); err != nil {
		return err
	}
	for _, p := range c.Extra.Omitted {
		p = path.Clean("/" + p)
		var st unix.Stat_t
		if path.Dir(p) != dest || unix.Fstatat(source, path.Base(p), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue
		}
		// A whiteout; the kernel's documentation of overlayfs.
		if err := unix.Mknodat(layer, path.Base(p), unix.S_IFCHR, 0); err != nil {
			return fmt.Errorf("leave %q out: %w", p, err)
		}
	}
	return nil
}

// likeSource gives a directory the source's owner and mode.
func likeSource(dir, source int) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return err
	}
	// An owner that our user namespace does not know can't be given.
	if err := unix.Fchownat(dir, "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH); err != nil && err != unix.EINVAL {
		return fmt.Errorf("change owner: %w", err)
	}
	if err := unix.Fchmodat(unix.AT_FDCWD, fdPath(dir), st.Mode&0o7777, 0); err != nil {
		return fmt.Errorf("change mode: %w", err)
	}
	return nil
}

// patchEntries fills the directory target with the source's entries but for
// those that Extra has something else for, which is made later.
func (c *composer) patchEntries(source, target int, dest string, attr uint64) error {
	if err := likeSource(target, source); err != nil {
		return err
	}
	names, err := readNames(source)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	skip := c.replaced(dest)
	for _, name := range names {
		if skip[name] {
			continue
		}
		if err := c.patchEntry(source, target, name, attr); err != nil {
			return fmt.Errorf("entry %q: %w", name, err)
		}
	}
	return nil
}

// replaced are the names in dest that Extra decides about.
func (c *composer) replaced(dest string) map[string]bool {
	names := map[string]bool{}
	add := func(p string) {
		if p = path.Clean("/" + p); path.Dir(p) == dest {
			names[path.Base(p)] = true
		}
	}
	for _, d := range c.Extra.Dirs {
		add(d.Path)
	}
	for _, l := range c.Extra.Symlinks {
		add(l.Path)
	}
	for _, f := range c.Extra.Files {
		add(f.Path)
	}
	for _, p := range c.Extra.Omitted {
		add(p)
	}
	return names
}

// patchEntry shows one entry of source in target.
func (c *composer) patchEntry(source, target int, name string, attr uint64) error {
	var st unix.Stat_t
	if err := unix.Fstatat(source, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if err == unix.ENOENT {
			return nil // gone meanwhile
		}
		return err
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		b := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(source, name, b)
		if err != nil {
			return err
		}
		return unix.Symlinkat(string(b[:n]), target, name)
	case unix.S_IFDIR:
		err = unix.Mkdirat(target, name, 0o755)
	default:
		err = unix.Mknodat(target, name, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return err
	}
	tree, err := unix.OpenTree(source, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	point, err := unix.Openat(target, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(point)
	return c.attachTree(tree, point, attr, true)
}

// readNames lists a directory that is open with O_PATH, sorted.
func readNames(dir int) ([]string, error) {
	fd, err := ns.OpenIn(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
