package rootfs

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// extra makes those entries whose path is chosen: directories, then symbolic
// links, then files.
func (c *composer) extra(chosen func(string) bool) error {
	defer c.leave()
	for _, d := range c.Extra.Dirs {
		if p := path.Clean("/" + d.Path); chosen(p) {
			if err := c.dir(p, d); err != nil {
				return fmt.Errorf("directory %q: %w", p, err)
			}
		}
	}
	for _, l := range c.Extra.Symlinks {
		if p := path.Clean("/" + l.Path); chosen(p) {
			if err := c.symlink(p, l.Target); err != nil {
				return fmt.Errorf("symbolic link %q: %w", p, err)
			}
		}
	}
	for _, f := range c.Extra.Files {
		if p := path.Clean("/" + f.Path); chosen(p) {
			if err := c.file(p, f); err != nil {
				return fmt.Errorf("file %q: %w", p, err)
			}
		}
	}
	return nil
}

// visit returns the directory in which an entry is to be made, which is made
// where it is missing, and the entry's name in it. The descriptor is open
// until the next visit of another directory, or leave: a root has hundreds of
// entries, and most of them follow one of the same directory.
func (c *composer) visit(p string) (dir int, base string, err error) {
	if p == "/" {
		return -1, "", unix.EEXIST
	}
	name := path.Dir(p)
	if c.visited == name {
		return c.visiting, path.Base(p), nil
	}
	c.leave()
	fd, err := ns.MkdirIn(c.root, name, 0o755, 0)
	if err != nil {
		return -1, "", err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	c.visited, c.visiting, c.inherits = name, fd, st.Mode&unix.S_ISGID != 0
	return fd, path.Base(p), nil
}

// leave ends a visit.
func (c *composer) leave() {
	if c.visited != "" {
		unix.Close(c.visiting)
		c.visited = ""
	}
}

// modeAtBirth are the mode bits that mkdirat(2) and openat(2) give what they
// make, where the umask is 0.
const modeAtBirth = 0o1777

// owner of an entry.
func (c *composer) owner(guest bool) int {
	if guest {
		return int(c.Guest)
	}
	return 0
}

func (c *composer) dir(p string, d Dir) error {
	at, err := ns.MkdirIn(c.root, p, 0o755, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	fd, err := ns.OpenIn(at, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fchown(fd, c.owner(d.Guest), c.owner(d.Guest)); err != nil {
		return err
	}
	return unix.Fchmod(fd, d.Mode&0o7777)
}

func (c *composer) symlink(p, target string) error {
	dir, base, err := c.visit(p)
	if err != nil {
		return err
	}
	return unix.Symlinkat(target, dir, base)
}

// file makes a file or, where there is one that the box must not lose, mounts
// one over it.
func (c *composer) file(p string, f File) error {
	dir, base, err := c.visit(p)
	if err != nil {
		return err
	}
	err = c.write(dir, base, f)
	if err != unix.EEXIST {
		return err
	}
	defer c.done()
	target, err := ns.OpenIn(c.root, p, unix.O_PATH, 0, 0)
	if err != nil {
		return err
	}
	c.keep(target)
	// Only a file of an attached mount can be cloned (before Linux 6.15). The
	// stage lies over the root for a moment: paths are resolved from c.root,
	// which is below it.
	stage, err := FSMount("tmpfs", "files", []string{"mode=755"}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return err
	}
	c.keep(stage)
	if err := Attach(stage, c.root); err != nil {
		return err
	}
	if err := c.write(stage, "file", f); err != nil {
		return err
	}
	tree, err := unix.OpenTree(stage, "file", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	c.keep(tree)
	if err := unix.Unmount(fdPath(stage), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	return c.attachTree(tree, target, unix.MOUNT_ATTR_RDONLY, false)
}

// write makes the file name in a directory; EEXIST, bare, says that it exists.
func (c *composer) write(dir int, name string, f File) error {
	// No link is followed: name is one component, and O_EXCL is for what is new.
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, f.Mode&modeAtBirth)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for b := f.Content; len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	// What root makes is root's, but for the group in a set-group-id directory.
	if id := c.owner(f.Guest); id != 0 || c.inherits {
		if err := unix.Fchown(fd, id, id); err != nil {
			return err
		}
	}
	if f.Mode&^modeAtBirth == 0 {
		return nil
	}
	return unix.Fchmod(fd, f.Mode&0o7777)
}
