package layer

import (
	"bytes"
	"errors"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Owner is a numeric owner on the host.
type Owner struct{ UID, GID int }

// Options are the options of NewPlan and Export.
type Options struct {
	// Owner, if not nil, owns what is created; it needs CAP_CHOWN. What
	// replaces something of the same kind keeps that one's owner. If nil, the
	// process's file system ids own it, as with any new file.
	Owner *Owner

	// DropSetID clears the set-user-ID and set-group-ID bits of regular files.
	// A caller that gives files of an untrusted box an owner with more rights
	// than whoever wrote them must set it.
	DropSetID bool

	// Root says that the mode and the attributes of the layer's root are
	// applied to the destination's too. Set it only if the upper directory was
	// made to resemble the lower one (MirrorRoot); it is implied by Export.
	Root bool

	// Now is the greatest modification time that a plan gives. The least
	// stamps of a layer get the earlier times, a microsecond for each distinct
	// stamp. Export does not use it.
	Now time.Time

	// Began is when the run began, in nanoseconds since 1970. Modification times come
	// right after it, if that is before Now: what somebody has edited while the run went
	// on, or before its changes were committed, is later than what was made of it. Zero is
	// never. Export does not use it.
	Began int64

	// Hidden are outermost paths that were there, but which the run did not see. They are
	// not deleted because a directory was made at one of them. Plan.Unseen finds what else
	// would be deleted.
	Hidden []string

	// Since is the least virtual stamp, in nanoseconds since 1970, that the run
	// made. An existing directory, or a file whose content did not change,
	// whose stamp is less keeps its host time. Zero gives all of them a new one.
	Since int64

	// Had tells whether a path was there before the run; if nil, any may have been. Only
	// Export uses it: overlayfs says of every new directory that it hides what was at
	// its path.
	Had func(path string) bool
}

// tick is the distance between the host times of two consecutive stamps. A
// stamp costs the run that makes it more than that, so that no file of the
// layer gets a time from before the run.
const tick = int64(time.Microsecond)

// OpKind is what an operation does.
type OpKind uint8

// The kinds of operations, in the order in which a plan holds them: all
// creations and links by path; then removals by path; then what is left to set,
// files by path and directories from the innermost to the root. So a directory's
// time and mode are set when nothing more happens in it. Their values are written
// to files.
const (
	OpCreate OpKind = iota + 1 // put an entry there, whatever was there before
	OpLink                     // make it one more name of LinkTo
	OpRemove                   // delete it, a whole tree if it is a directory
	OpAttr                     // set an existing entry's owner, attributes, mode and time
)

// Op is one operation of a plan. It says what shall be, and what was there.
type Op struct {
	Kind OpKind
	Path string // as Entry.Path

	// Type is the kind of entry that OpCreate makes, or that OpAttr expects.
	Type Kind

	Size   int64   // OpCreate of a file, whose content comes from the layer
	Target string  // OpCreate of a symbolic link
	LinkTo string  // OpLink
	Mode   uint32  // as Entry.Mode; OpCreate of a directory makes it 0700
	Xattrs []Xattr // as Entry.Xattrs
	Mtime  int64   // on the host, in nanoseconds since 1970
	Owner  *Owner  // nil: left as it is

	Was *Stamp  // what is there, nil for nothing
	Old []Xattr // OpAttr of something that is there: its attributes, as Entry.Xattrs
}

// Plan is what has to be done to a directory to apply a layer to it. It holds
// no descriptor and no content.
type Plan struct {
	Ops []Op
}

// item is an entry and what the destination has at its path.
type item struct {
	Entry
	exists bool
	st     unix.Stat_t // of the destination's; if exists
	same   bool        // the destination's has the same kind and content
	stale  []string    // names in the destination's directory that are hidden
	hidden []Stamp     // what is there at these
	old    []Xattr     // the destination's attributes, of what may stay
}

// was is the stamp of what the destination has.
func (it *item) was() *Stamp {
	if !it.exists {
		return nil
	}
	s := StampOf(&it.st)
	return &s
}

// isDir says that the destination has a directory there.
func (it *item) isDir() bool { return it.exists && it.st.Mode&unix.S_IFMT == unix.S_IFDIR }

// NewPlan compares a layer with the directory that it shall be applied to and
// returns what has to be done, so that it becomes what the mount showed: contents,
// holes, kinds, modes, hard links among the changed files, symbolic links,
// attributes, deletions. A file whose content and links did not change stays the
// same inode. Modification times are host times (Options.Now) in the order of the
// virtual stamps: a file with a later stamp never gets an earlier time.
//
// upper and project are descriptors of directories, opened for reading or with
// O_PATH; they stay the caller's. The overlay must not be mounted any more: to
// change a lower directory under a mount is undefined. Nothing is changed.
func NewPlan(upper, project *os.File, v Virtual, o Options) (*Plan, error) {
	items, err := compare(upper, project, v, o.Hidden)
	if err != nil {
		return nil, err
	}
	return build(items, o, commitTimes(items, o)), nil
}

// compare walks the layer and the destination side by side. hidden is Options.Hidden.
func compare(upper, project *os.File, v Virtual, hidden []string) ([]*item, error) {
	unseen := func(p string) bool {
		return slices.ContainsFunc(hidden, func(h string) bool { return under(p, h) })
	}
	var items []*item
	var copies copier
	at := newCursor(project)
	defer at.close()
	// Entries come in order, so one outermost directory is enough to know.
	absent, opaque := "", ""
	err := walk(upper, v, func(n *node) error {
		it := &item{Entry: n.Entry}
		if len(hidden) > 0 && (n.Opaque || n.Kind == Whiteout) && unseen(n.Path) {
			if n.Kind == Whiteout {
				return nil
			}
			n.Opaque, it.Opaque = false, false
		}
		items = append(items, it)
		if absent != "" && !under(n.Path, absent) {
			absent = ""
		}
		if opaque != "" && opaque != "." && !under(n.Path, opaque) {
			opaque = ""
		}
		if n.Opaque && opaque == "" {
			opaque = n.Path
		}
		if absent == "" {
			name, err := at.toParent(n.Path)
			if err != nil {
				return failed("open in the project the directory of", n.Path, err)
			}
			if it.st, it.exists, err = lstat(at.fd(), name); err != nil {
				return failed("stat in the project", n.Path, err)
			}
			if it.exists {
				if it.same, err = sameObject(n, it, at, name, &copies); err != nil {
					return failed("compare with the project", n.Path, err)
				}
			}
			if it.isDir() && n.Kind == Dir && opaque != "" {
				names, err := readNames(at.fd(), name)
				if err != nil {
					return failed("read in the project", n.Path, err)
				}
				it.stale = slices.DeleteFunc(names, func(s string) bool { return sortedHas(n.names, s) })
				if err := it.stampStale(at.fd(), name); err != nil {
					return err
				}
			}
			if it.isDir() && n.Kind == Dir || it.same {
				if it.old, err = oldXattrs(at.fd(), name); err != nil {
					return failed("read in the project", n.Path, err)
				}
			}
		}
		if n.Kind == Dir && !it.isDir() && absent == "" {
			absent = n.Path
		}
		return nil
	})
	return items, err
}

// stampStale looks at the hidden names of the directory name of dir.
func (it *item) stampStale(dir int, name string) error {
	fd, err := openDir(dir, name)
	if err != nil {
		return failed("open in the project", it.Path, err)
	}
	defer unix.Close(fd)
	for _, name := range it.stale {
		st, _, err := lstat(fd, name)
		if err != nil {
			return failed("stat in the project", path.Join(it.Path, name), err)
		}
		it.hidden = append(it.hidden, StampOf(&st))
	}
	return nil
}

// oldXattrs are the attributes of name in dir.
func oldXattrs(dir int, name string) ([]Xattr, error) {
	fd, _, err := openNode(dir, name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	xattrs, _, err := readXattrs(fd, anyXattr)
	return xattrs, err
}

// sameObject says that the destination already has the entry, but for its
// metadata and its links. What cannot be read is not the same.
func sameObject(n *node, it *item, at *cursor, name string, c *copier) (bool, error) {
	if kindOf[it.st.Mode&unix.S_IFMT] != n.Kind {
		return false, nil
	}
	switch n.Kind {
	case File:
		if n.LinkTo != "" {
			return true, nil // decided by the first name
		}
		if it.st.Size != n.Size || it.st.Nlink != n.st.Nlink {
			return false, nil
		}
		old, err := openContent(at.fd(), name)
		if err != nil {
			return false, nil
		}
		defer old.Close()
		f, err := n.open()
		if err != nil {
			return false, err
		}
		defer f.Close()
		same, err := c.same(f, old, n.Size)
		return same && err == nil, err
	case Symlink:
		fd, _, err := openNode(at.fd(), name)
		if err != nil {
			return false, nil
		}
		defer unix.Close(fd)
		target, err := readlink(fd)
		return err == nil && target == n.Target, nil
	}
	return true, nil
}

// group is the names of one inode.
type group struct {
	first *item
	names uint64
	kept  bool // the destination's inode has just these names and this content
}

func groups(items []*item) map[string]*group {
	m := make(map[string]*group)
	for _, it := range items {
		if it.Kind == Dir || it.Kind == Whiteout {
			continue
		}
		if it.LinkTo == "" {
			m[it.Path] = &group{first: it, names: 1, kept: it.same}
			continue
		}
		g := m[it.LinkTo]
		g.names++
		if !it.same || it.st.Dev != g.first.st.Dev || it.st.Ino != g.first.st.Ino {
			g.kept = false
		}
	}
	for _, g := range m {
		if g.kept && g.first.st.Nlink != g.names {
			g.kept = false
		}
	}
	return m
}

// build makes the operations. mtime gives the destination's time of an item;
// kept says that it is a directory that exists or a file that stays.
func build(items []*item, o Options, mtime func(it *item, kept bool) int64) *Plan {
	var creates, removes, attrs, dirs []Op
	inode := groups(items)
	for _, it := range items {
		op := Op{
			Path: it.Path, Type: it.Kind, Size: it.Size, Target: it.Target,
			Mode: it.Mode, Xattrs: it.Xattrs, Owner: o.Owner, Was: it.was(),
		}
		if it.Kind == File {
			if o.DropSetID {
				op.Mode &^= unix.S_ISUID | unix.S_ISGID
			}
		} else {
			op.Size = 0
		}
		if it.exists && o.Owner != nil && kindOf[it.st.Mode&unix.S_IFMT] == it.Kind {
			op.Owner = &Owner{int(it.st.Uid), int(it.st.Gid)}
		}
		switch {
		case it.Kind == Whiteout:
			if it.exists {
				removes = append(removes, Op{Kind: OpRemove, Path: it.Path, Was: it.was()})
			}
		case it.Kind == Dir:
			for i, name := range it.stale {
				removes = append(removes, Op{Kind: OpRemove, Path: path.Join(it.Path, name), Was: &it.hidden[i]})
			}
			if !it.isDir() {
				creates = append(creates, Op{Kind: OpCreate, Path: it.Path, Type: Dir, Was: it.was()})
				op.Was = nil
			} else if it.Path == "." && !o.Root {
				continue
			} else {
				op.Owner, op.Old = nil, it.old
			}
			op.Kind, op.Mtime = OpAttr, mtime(it, it.isDir())
			dirs = append(dirs, op)
		case it.LinkTo != "":
			if !inode[it.LinkTo].kept {
				creates = append(creates, Op{Kind: OpLink, Path: it.Path, LinkTo: it.LinkTo, Was: it.was()})
			}
		case inode[it.Path].kept:
			op.Kind, op.Mtime, op.Owner, op.Size, op.Target = OpAttr, mtime(it, true), nil, 0, ""
			op.Old = it.old
			attrs = append(attrs, op)
		default:
			op.Kind, op.Mtime = OpCreate, mtime(it, false)
			creates = append(creates, op)
		}
	}
	slices.Reverse(dirs)
	return &Plan{slices.Concat(creates, removes, attrs, dirs)}
}

// commitTimes gives host times in the order of the stamps; see Options.Now.
func commitTimes(items []*item, o Options) func(*item, bool) int64 {
	var stamps []int64
	for _, it := range items {
		if it.Kind != Whiteout {
			stamps = append(stamps, it.Mtime)
		}
	}
	slices.Sort(stamps)
	stamps = slices.Compact(stamps)
	now := o.Now.UnixNano()
	if o.Began != 0 {
		now = min(now, o.Began+int64(len(stamps))*tick)
	}
	return func(it *item, kept bool) int64 {
		if kept && it.Mtime < o.Since {
			return it.st.Mtim.Nano()
		}
		i, _ := slices.BinarySearch(stamps, it.Mtime)
		return now - int64(len(stamps)-1-i)*tick
	}
}

// ErrUnseen says that a plan deletes what a run has not seen.
var ErrUnseen = errors.New("deleted with a directory, but the box has not seen it (--fresh)")

// Unseen is an ErrUnseen if the plan deletes some of the hidden paths: not if it puts
// something of the same kind there.
func (p *Plan) Unseen(hidden []string) error {
	if len(hidden) == 0 {
		return nil
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Kind != OpRemove && (op.Kind != OpCreate || op.Type == Dir || op.Was == nil || !op.Was.IsDir()) {
			continue
		}
		for _, h := range hidden {
			switch {
			case under(h, op.Path):
				return failed("remove", h, ErrUnseen)
			case under(op.Path, h):
				return failed("remove", op.Path, ErrUnseen)
			}
		}
	}
	return nil
}

// Empty says that to carry out the plan would change nothing.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Ops, func(op Op) bool {
		return op.Kind != OpAttr || op.Was == nil || op.Owner != nil || op.Mtime != op.Was.Mtime ||
			op.Type != Symlink && op.Mode != op.Was.Mode&0o7777 ||
			!slices.EqualFunc(op.Xattrs, op.Old, func(a, b Xattr) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
	})
}
