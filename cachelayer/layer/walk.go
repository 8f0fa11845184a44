package layer

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Walk calls fn for every entry of the upper directory, the root first, as ".".
// Entries come sorted by path, compared name by name as bytes: a directory
// comes before what it holds, "a", "a/b", "a-b" are in order.
//
// upper is a descriptor of the directory, opened for reading or with O_PATH; it
// stays the caller's. v may be nil. If fn returns an error, Walk stops and
// returns it as it is.
//
// Errors: ErrDevice, ErrForeign, ENAMETOOLONG past MaxPath, and those of the
// kernel; with the path they concern. The walk needs read permission for every
// directory and every sparse file.
func Walk(upper *os.File, v Virtual, fn func(Entry) error) error {
	return walk(upper, v, func(n *node) error {
		if n.Kind == File && n.LinkTo == "" && n.st.Blocks*512 < n.st.Size {
			f, err := n.open()
			if err != nil {
				return failed("open", n.Path, err)
			}
			defer f.Close()
			if n.Extents, err = extents(f, n.Size); err != nil {
				return failed("find holes of", n.Path, err)
			}
		}
		return fn(n.Entry)
	})
}

// Open opens the content of the entry at path, which must be a regular file,
// for reading. The caller closes it.
func Open(upper *os.File, path string) (*os.File, error) {
	c := newCursor(upper)
	defer c.close()
	name, err := c.toParent(path)
	if err != nil {
		return nil, failed("open", path, err)
	}
	f, err := openContent(c.fd(), name)
	if err != nil {
		return nil, failed("open", path, err)
	}
	return f, nil
}

// node is an entry where it was found. It is valid until the walk goes on.
type node struct {
	Entry
	dir   int // descriptor of the directory that holds it
	name  string
	st    unix.Stat_t
	names []string // what a directory holds, whiteouts included
}

// open opens a regular file's content.
func (n *node) open() (*os.File, error) { return openContent(n.dir, n.name) }

// inode identifies an inode on the host.
type inode struct{ dev, ino uint64 }

// walker is the state of one walk.
type walker struct {
	at    *cursor
	v     Virtual
	first map[inode]Entry // of inodes with several names
}

// walk is Walk without extents.
func walk(upper *os.File, v Virtual, fn func(*node) error) error {
	w := &walker{at: newCursor(upper), v: v, first: make(map[inode]Entry)}
	defer w.at.close()

	type frame struct {
		rest       []string // names not yet visited
		xwhiteouts bool     // user.overlay.opaque=x
	}
	root, xwhiteouts, err := w.read(".", ".", false)
	if err != nil {
		return err
	}
	if root.Kind != Dir {
		return failed("read", ".", unix.ENOTDIR)
	}
	if err := fn(root); err != nil {
		return err
	}
	frames := []frame{{root.names, xwhiteouts}}
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if len(f.rest) == 0 {
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				dir := string(w.at.buf)
				if err := w.at.leave(); err != nil {
					return failed("leave", dir, err)
				}
			}
			continue
		}
		name := f.rest[0]
		f.rest = f.rest[1:]
		n, xwhiteouts, err := w.read(name, w.at.join(name), f.xwhiteouts)
		if err != nil {
			return err
		}
		if err := fn(n); err != nil {
			return err
		}
		if n.Kind == Dir {
			if err := w.at.enter(name); err != nil {
				return failed("open", n.Path, err)
			}
			frames = append(frames, frame{n.names, xwhiteouts})
		}
	}
	return nil
}

var kindOf = map[uint32]Kind{
	unix.S_IFREG:  File,
	unix.S_IFDIR:  Dir,
	unix.S_IFLNK:  Symlink,
	unix.S_IFIFO:  Fifo,
	unix.S_IFSOCK: Socket,
}

// read makes the node of a name in the current directory. inXwhiteouts says
// that the directory may hold whiteouts that are marked by an attribute;
// xwhiteouts, that the node is such a directory.
func (w *walker) read(name, path string, inXwhiteouts bool) (n *node, xwhiteouts bool, err error) {
	if len(path) > MaxPath {
		return nil, false, failed("read", path, unix.ENAMETOOLONG)
	}
	n = &node{Entry: Entry{Path: path}, dir: w.at.fd(), name: name}
	fd, st, err := openNode(n.dir, name)
	if err != nil {
		return nil, false, failed("open", path, err)
	}
	defer unix.Close(fd)
	n.st = st
	n.Kind = kindOf[st.Mode&unix.S_IFMT]
	if n.Kind == 0 {
		if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
			n.Kind = Whiteout
			return n, false, nil
		}
		return nil, false, failed("read", path, ErrDevice)
	}

	kept, own, err := readXattrs(fd, anyXattr)
	if err != nil {
		return nil, false, failed("read", path, err)
	}
	if _, ok := own[overlayPrefix+"whiteout"]; ok && inXwhiteouts && n.Kind == File && st.Size == 0 {
		n.Kind = Whiteout
		return n, false, nil
	}
	for _, feature := range []string{"redirect", "metacopy"} {
		if _, ok := own[overlayPrefix+feature]; ok {
			return nil, false, failed("read", path, ErrForeign)
		}
	}

	if n.Kind != Dir && st.Nlink > 1 {
		id := inode{st.Dev, st.Ino}
		if first, ok := w.first[id]; ok {
			n.Entry = first
			n.Path, n.LinkTo = path, first.Path
			return n, false, nil
		}
		defer func() {
			if err == nil {
				w.first[id] = n.Entry
			}
		}()
	}
	n.Xattrs = kept
	n.Mode = st.Mode & 0o7777
	n.Mtime, n.UID, n.GID = lookup(w.v, path, &st)
	switch n.Kind {
	case File:
		n.Size = st.Size
	case Symlink:
		n.Mode = 0o777
		if n.Target, err = readlink(fd); err != nil {
			return nil, false, failed("read", path, err)
		}
		n.Size = int64(len(n.Target))
	case Dir:
		opaque := own[overlayPrefix+"opaque"]
		n.Opaque = opaque == "y"
		xwhiteouts = opaque == "x"
		if n.names, err = readNames(n.dir, name); err != nil {
			return nil, false, failed("read", path, err)
		}
	}
	return n, xwhiteouts, nil
}

// sortedHas says that a sorted list holds name.
func sortedHas(list []string, name string) bool {
	_, ok := slices.BinarySearch(list, name)
	return ok
}
