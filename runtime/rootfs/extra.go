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

// parent opens the directory that an entry is to be made in.
func (c *composer) parent(p string) (int, error) {
	if p == "/" {
		return -1, unix.EEXIST
	}
	return ns.MkdirIn(c.root, path.Dir(p), 0o755, 0)
}

func (c *composer) symlink(p, target string) error {
	dir, err := c.parent(p)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return unix.Symlinkat(target, dir, path.Base(p))
}

// file makes a file or, where there is one that the box must not lose, mounts
// one over it.
func (c *composer) file(p string, f File) error {
	defer c.done()
	dir, err := c.parent(p)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	err = c.write(dir, path.Base(p), f)
	if err != unix.EEXIST {
		return err
	}
	target, err := ns.OpenIn(c.root, p, unix.O_PATH, 0, 0)
	if err != nil {
		return err
	}
	c.keep(target)
	// Only a file of an attached mount can be cloned (before Linux 6.15). The
	// stage lies over the root for a moment: paths are resolved from c.root,
	// which is below it.
	stage, err := fsMount("tmpfs", "files", []string{"mode=755"}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return err
	}
	c.keep(stage)
	if err := attach(stage, c.root); err != nil {
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
	fd, err := ns.OpenIn(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW, 0o600, 0)
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
	if err := unix.Fchown(fd, c.owner(f.Guest), c.owner(f.Guest)); err != nil {
		return err
	}
	return unix.Fchmod(fd, f.Mode&0o7777)
}
