package layer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Stamp is what tells whether what is at a path has been changed: what lstat(2)
// says of it, without the device, whose number can change with each mount.
type Stamp struct {
	Mode         uint32 // st_mode, with the kind
	UID, GID     uint32
	Ino          uint64
	Size         int64
	Mtime, Ctime int64 // nanoseconds since 1970
}

// StampOf is the stamp of a status.
func StampOf(st *unix.Stat_t) Stamp {
	return Stamp{st.Mode, st.Uid, st.Gid, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
}

// IsDir says that a directory is there.
func (s Stamp) IsDir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// unchanged says that nobody has touched what is at a path between two stamps of
// it. Of directories, only that it is the same one, with the same owner and mode:
// the times and the size change with the names in it. The owner's own permissions
// do not count either, because a transaction takes them for as long as it lasts.
func (s Stamp) unchanged(was Stamp) bool {
	if s.IsDir() {
		s.Mode, was.Mode = s.Mode|0o700, was.Mode|0o700
		s.Size, s.Mtime, s.Ctime = was.Size, was.Mtime, was.Ctime
	}
	return s == was
}

// same is unchanged as far as a transaction does not change it itself: the time
// of the last change of an inode is new when one of its names is renamed.
func (s Stamp) same(was Stamp) bool {
	s.Ctime = was.Ctime
	return s.unchanged(was)
}

// alike is same, but a file may have another inode number: an overlay file system
// may give it one when it is renamed.
func (s Stamp) alike(was Stamp) bool {
	if !s.IsDir() {
		s.Ino = was.Ino
	}
	return s.same(was)
}

// Baseline is what a directory was like at some time.
type Baseline interface {
	// Lookup returns the stamp of what was at a path, as Entry.Path; ok is false
	// where nothing was.
	Lookup(path string) (s Stamp, ok bool)

	// Names returns the sorted names that were in a directory.
	Names(dir string) []string
}

// ErrConflict says that somebody else has changed what a plan changes.
var ErrConflict = errors.New("changed by somebody else meanwhile")

// Conflict is an ErrConflict that names the paths.
type Conflict struct {
	Paths []string // the first few, as Entry.Path
	More  int      // how many there are besides
}

// maxConflicts is how many paths a Conflict names.
const maxConflicts = 5

// Error names the paths.
func (c *Conflict) Error() string {
	var list []string
	for _, p := range c.Paths {
		list = append(list, shown(p))
	}
	text := strings.Join(list, ", ")
	if c.More > 0 {
		text += fmt.Sprintf(" and %d more", c.More)
	}
	return text + ": " + ErrConflict.Error()
}

// Unwrap returns ErrConflict.
func (c *Conflict) Unwrap() error { return ErrConflict }

func (c *Conflict) add(path string) {
	switch {
	case slices.Contains(c.Paths, path):
	case len(c.Paths) < maxConflicts:
		c.Paths = append(c.Paths, path)
	default:
		c.More++
	}
}

// conflict is the error for one path.
func conflict(path string) error { return &Conflict{Paths: []string{path}} }

// Check compares what the plan changes with what was there: at the time of b, or,
// if b is nil, when the plan was made. What differs is a *Conflict. Trees that the
// plan removes are compared to their leaves; a mount in one is EXDEV.
func (t *Transaction) Check(b Baseline) error {
	c := checker{at: newCursor(t.project), base: b}
	defer c.at.close()
	for i := range t.plan.Ops {
		op := &t.plan.Ops[i]
		if t.unit[i] >= 0 && !t.places(i) || op.Kind == OpAttr && t.made(i) {
			continue
		}
		if err := c.check(op); err != nil {
			return err
		}
	}
	if len(c.found.Paths) > 0 {
		return &c.found
	}
	return nil
}

// checker is the state of one Check.
type checker struct {
	at    *cursor
	base  Baseline
	found Conflict
}

func (c *checker) check(op *Op) error {
	name, err := c.at.toParent(op.Path)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		c.found.add(path.Dir(op.Path))
		return nil
	default:
		return failed("open the directory of", op.Path, err)
	}
	st, ok, err := lstat(c.at.fd(), name)
	if err != nil {
		return failed("stat", op.Path, err)
	}
	want, had := Stamp{}, op.Was != nil
	if c.base != nil {
		want, had = c.base.Lookup(op.Path)
	} else if had {
		want = *op.Was
	}
	if ok != had || ok && !StampOf(&st).unchanged(want) {
		c.found.add(op.Path)
		return nil
	}
	gone := op.Kind == OpRemove || op.Kind == OpCreate && op.Type != Dir
	if !ok || !gone || !want.IsDir() {
		return nil
	}
	depth := len(c.at.levels)
	if err := c.tree(name); err != nil {
		return err
	}
	return c.at.up(depth)
}

// tree checks a directory that is going to be removed with all that it holds.
func (c *checker) tree(name string) error {
	if err := c.at.enter(name); err != nil {
		return failed("open", c.at.join(name), err)
	}
	dir := string(c.at.buf)
	names, err := readNames(c.at.fd(), ".")
	if err == unix.EACCES {
		return c.at.leave() // its removal says why, or is allowed to
	}
	if err != nil {
		return failed("read", dir, err)
	}
	if c.base != nil && !slices.Equal(names, c.base.Names(dir)) {
		c.found.add(dir)
	}
	for _, name := range names {
		p := c.at.join(name)
		st, ok, err := lstat(c.at.fd(), name)
		if err != nil {
			return failed("stat", p, err)
		}
		if c.base != nil {
			if want, had := c.base.Lookup(p); had && ok && !StampOf(&st).unchanged(want) {
				c.found.add(p)
			}
		}
		if ok && StampOf(&st).IsDir() {
			if err := c.tree(name); err != nil {
				return err
			}
		}
	}
	return c.at.leave()
}

// Stamps calls fn for everything in a directory, the directory itself first, as
// ".", in Walk's order. Nothing below a mount point, nor what cannot be read or
// vanishes meanwhile, is seen. root is a descriptor of the directory, opened for
// reading or with O_PATH; it stays the caller's. The only error is ErrMoved.
func Stamps(root *os.File, fn func(path string, s Stamp)) error {
	c := newCursor(root)
	defer c.close()
	if st, ok, err := lstat(c.fd(), "."); ok && err == nil {
		fn(".", StampOf(&st))
	}
	list := func() []string {
		names, err := readNames(c.fd(), ".")
		if err != nil {
			return nil
		}
		return names
	}
	frames := [][]string{list()}
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if len(*f) == 0 {
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				dir := string(c.buf)
				if err := c.leave(); err != nil {
					return failed("leave", dir, err)
				}
			}
			continue
		}
		name := (*f)[0]
		*f = (*f)[1:]
		st, ok, err := lstat(c.fd(), name)
		if !ok || err != nil {
			continue
		}
		s := StampOf(&st)
		fn(c.join(name), s)
		if s.IsDir() && c.enter(name) == nil {
			frames = append(frames, list())
		}
	}
	return nil
}

// Compare orders paths as Walk does: name by name, as bytes. The root is first.
func Compare(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ".":
		return -1
	case b == ".":
		return 1
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	// The first byte that differs decides; the end of a name is less than any.
	rank := func(s string) int {
		switch {
		case n == len(s):
			return -2
		case s[n] == '/':
			return -1
		}
		return int(s[n])
	}
	return rank(a) - rank(b)
}

// Restamp calls fn for everything that a plan, which was carried out and undone, is about,
// where only the time of the last change of the inode is another than before. project is
// as for NewTransaction.
func Restamp(p *Plan, project *os.File, fn func(path string, was, is Stamp)) error {
	at := newCursor(project)
	defer at.close()
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Was == nil {
			continue
		}
		name, err := at.toParent(op.Path)
		if gone(err) {
			continue
		}
		if err != nil {
			return failed("open the directory of", op.Path, err)
		}
		st, ok, err := lstat(at.fd(), name)
		if err != nil {
			return failed("stat", op.Path, err)
		}
		if is := StampOf(&st); ok && is != *op.Was && is.same(*op.Was) {
			fn(op.Path, *op.Was, is)
		}
	}
	return nil
}
