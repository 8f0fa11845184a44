package layer

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// openLevels is how many of the innermost directories a cursor keeps open, so
// that the depth of a tree is not bounded by the limit on descriptors. At least
// two are needed: the current directory and its parent.
const openLevels = 16

// cursor is a position in a directory tree. It moves one name at a time and
// never through a symbolic link or onto another mount.
type cursor struct {
	root   *os.File // not owned
	levels []level
	buf    []byte // path of the current directory; "" is the root

	// step, if not nil, is called before remove changes something.
	step func(what, path string) error
}

// level is one directory below the root, on the way to the current one.
type level struct {
	fd       int // -1 if closed
	dev, ino uint64
	size     int // length of cursor.buf up to and including this level
}

func newCursor(root *os.File) *cursor { return &cursor{root: root} }

// fd returns the descriptor of the current directory. It is valid until the
// cursor moves up, or down by more than one level.
func (c *cursor) fd() int {
	if n := len(c.levels); n > 0 {
		return c.levels[n-1].fd
	}
	return int(c.root.Fd())
}

// join returns the path of a name in the current directory.
func (c *cursor) join(name string) string {
	if len(c.buf) == 0 {
		return name
	}
	return string(c.buf) + "/" + name
}

// enter moves into the directory name.
func (c *cursor) enter(name string) error {
	size := len(c.buf) + len(name)
	if len(c.buf) > 0 {
		size++
	}
	if size > MaxPath {
		return unix.ENAMETOOLONG
	}
	fd, err := openDir(c.fd(), name)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		unix.Close(fd)
		return err
	}
	if len(c.buf) > 0 {
		c.buf = append(c.buf, '/')
	}
	c.buf = append(c.buf, name...)
	c.levels = append(c.levels, level{fd, st.Dev, st.Ino, len(c.buf)})
	if n := len(c.levels) - 1 - openLevels; n >= 0 && c.levels[n].fd >= 0 {
		unix.Close(c.levels[n].fd)
		c.levels[n].fd = -1
	}
	return nil
}

// leave moves to the parent directory.
func (c *cursor) leave() error {
	n := len(c.levels) - 1
	if n > 0 && c.levels[n-1].fd < 0 {
		up := &c.levels[n-1]
		fd, err := openat(c.levels[n].fd, "..", unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := fstat(fd, &st); err != nil {
			unix.Close(fd)
			return err
		}
		if st.Dev != up.dev || st.Ino != up.ino {
			unix.Close(fd)
			return ErrMoved
		}
		up.fd = fd
	}
	unix.Close(c.levels[n].fd)
	c.levels = c.levels[:n]
	size := 0
	if n > 0 {
		size = c.levels[n-1].size
	}
	c.buf = c.buf[:size]
	return nil
}

// up leaves directories until the cursor is depth levels below the root.
func (c *cursor) up(depth int) error {
	for len(c.levels) > depth {
		if err := c.leave(); err != nil {
			return err
		}
	}
	return nil
}

// to moves to the directory dir, a clean path relative to the root, "" for the
// root itself.
func (c *cursor) to(dir string) error {
	for len(c.buf) > 0 && !under(dir, string(c.buf)) {
		if err := c.leave(); err != nil {
			return err
		}
	}
	rest := strings.TrimPrefix(dir[len(c.buf):], "/")
	for rest != "" {
		name, tail, _ := strings.Cut(rest, "/")
		if err := c.enter(name); err != nil {
			return err
		}
		rest = tail
	}
	return nil
}

// toParent moves to the directory that holds p, a clean relative path, and
// returns p's name in it; for "." that is the root and ".". Any other path is
// EINVAL.
func (c *cursor) toParent(p string) (name string, err error) {
	if p == "." {
		return p, c.to("")
	}
	if !validPath(p) {
		return "", unix.EINVAL
	}
	dir, name := path.Split(p)
	return name, c.to(strings.TrimSuffix(dir, "/"))
}

// validPath says that p is clean, relative, and leads nowhere else.
func validPath(p string) bool {
	if p == "." {
		return true
	}
	for name := range strings.SplitSeq(p, "/") {
		if name == "" || name == "." || name == ".." || strings.IndexByte(name, 0) >= 0 {
			return false
		}
	}
	return len(p) <= MaxPath
}

// under says that p is dir or below it.
func under(p, dir string) bool {
	return strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

// close closes the cursor's descriptors, but not its root.
func (c *cursor) close() {
	for _, l := range c.levels {
		if l.fd >= 0 {
			unix.Close(l.fd)
		}
	}
	c.levels, c.buf = nil, nil
}

// remove deletes what is at name in the current directory, a whole tree if it
// is a directory. It is no error if nothing is there. A mount point in the tree
// is an error. After an error the cursor may stand below where it stood.
func (c *cursor) remove(name string) error {
	done, err := c.removeOne(name)
	if done || err != nil {
		return err
	}
	type frame struct {
		name string   // of the directory
		rest []string // not yet deleted
	}
	var frames []frame
	push := func(name string) error {
		if err := c.enter(name); err != nil {
			return failed("open", c.join(name), err)
		}
		// The directory is going to vanish, so its mode need not be kept, but
		// without these bits its owner cannot empty it. If it fails, what
		// follows says why.
		var st unix.Stat_t
		if err := fstat(c.fd(), &st); err == nil && st.Mode&0o700 != 0o700 {
			if err := c.before("chmod", string(c.buf)); err != nil {
				return err
			}
			_ = unix.Chmod(procPath(c.fd()), 0o700)
		}
		names, err := readNames(c.fd(), ".")
		if err != nil {
			return failed("read", string(c.buf), err)
		}
		frames = append(frames, frame{name, names})
		return nil
	}
	if err := push(name); err != nil {
		return err
	}
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if len(f.rest) > 0 {
			next := f.rest[0]
			f.rest = f.rest[1:]
			done, err := c.removeOne(next)
			if err == nil && !done {
				err = push(next)
			}
			if err != nil {
				return err
			}
			continue
		}
		dir := string(c.buf)
		if err := c.leave(); err != nil {
			return failed("leave", dir, err)
		}
		if err := c.before("rmdir", dir); err != nil {
			return failed("remove", dir, err)
		}
		if err := retry(func() error { return unix.Unlinkat(c.fd(), f.name, unix.AT_REMOVEDIR) }); err != nil && err != unix.ENOENT {
			return failed("remove", dir, err)
		}
		frames = frames[:len(frames)-1]
	}
	return nil
}

// removeOne deletes what is at name in the current directory unless it is a
// directory, for which done is false.
func (c *cursor) removeOne(name string) (done bool, err error) {
	st, ok, err := lstat(c.fd(), name)
	if err != nil {
		return false, failed("stat", c.join(name), err)
	}
	if !ok {
		return true, nil
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return false, nil
	}
	if err := c.before("unlink", c.join(name)); err != nil {
		return false, failed("remove", c.join(name), err)
	}
	if err := retry(func() error { return unix.Unlinkat(c.fd(), name, 0) }); err != nil && err != unix.ENOENT {
		return false, failed("remove", c.join(name), err)
	}
	return true, nil
}

// before calls step.
func (c *cursor) before(what, path string) error {
	if c.step == nil {
		return nil
	}
	return c.step(what, path)
}
