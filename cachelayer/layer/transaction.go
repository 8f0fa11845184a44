package layer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the names under which new files are prepared, and old ones
// wait for their removal, each in the directory where it belongs. A transaction
// that was neither finished nor undone leaves some behind.
const TempPrefix = ".laplace-commit-"

// Transaction carries out a plan so that it happens as a whole or not at all.
//
//	Check    does what is there agree with what was there?
//	Stage    all that is new is prepared under temporary names; new directories
//	         with all that they will hold
//	Place    what is new and what it replaces change places, one rename(2) each;
//	         what is removed gets a temporary name; metadata of what stays is set
//	Finish   what was replaced or removed is deleted; times are set
//	Undo     instead of Finish: all is as it was before Stage
//
// Whatever can fail for want of space or permission fails before Finish, and can
// be undone. Every phase can be carried out again after it was interrupted, by
// another transaction of the same plan and ID with the same Staged: an operation
// looks at what is there to find out how far it came. Stage alone cannot; what it
// has begun is undone first.
//
// A transaction is for one goroutine.
type Transaction struct {
	// Step, if not nil, is called before each change to the file system, with
	// what is going to happen and to which path. An error ends the phase.
	Step func(what, path string) error

	plan    *Plan
	id      string
	project *os.File
	parents map[string]bool // directories in which the plan changes something
	creates map[string]int  // operations that create, by path
	unit    []int           // by operation that creates: which places it, itself or that of an outer directory; else -1
	staged  []uint64        // inode numbers of what is placed, by operation

	src, dst, link *cursor // the layer; the project; it again, for link(2)
	copies         copier
	noExchange     bool // the file system cannot let two names change places
	noReplace      bool // and cannot rename without replacing
}

// NewTransaction prepares to carry out a plan in the directory project, the one
// that it was made for. id, of letters and digits, is part of the temporary names.
// staged is nil before Stage, else what Staged returned after it. What the plan
// says is checked: it may have been read from a file.
func NewTransaction(p *Plan, project *os.File, id string, staged []uint64) (*Transaction, error) {
	t := &Transaction{
		plan: p, id: id, project: project, staged: staged,
		parents: make(map[string]bool), creates: make(map[string]int), unit: make([]int, len(p.Ops)),
		dst: newCursor(project), link: newCursor(project),
	}
	if staged != nil && len(staged) != len(p.Ops) {
		return nil, fmt.Errorf("%d of %d operations are prepared: %w", len(staged), len(p.Ops), unix.EINVAL)
	}
	outer := -1 // the outermost new directory that the last operation was in
	for i := range p.Ops {
		op := &p.Ops[i]
		if err := op.validate(); err != nil {
			return nil, failed(fmt.Sprintf("operation %d on", i), op.Path, err)
		}
		for dir := op.Path; dir != "."; {
			dir = path.Dir(dir)
			if t.parents[dir] {
				break
			}
			t.parents[dir] = true
		}
		if op.Kind == OpAttr && op.Was == nil && !(op.Type == Dir && t.made(i)) {
			return nil, failed(fmt.Sprintf("operation %d on", i), op.Path, unix.EINVAL)
		}
		t.unit[i] = -1
		if op.Kind == OpCreate || op.Kind == OpLink {
			t.unit[i] = i
			if outer >= 0 && under(op.Path, p.Ops[outer].Path) {
				t.unit[i] = outer
			} else if op.Kind == OpCreate && op.Type == Dir {
				outer = i
			}
			t.creates[op.Path] = i
		}
	}
	return t, nil
}

// validate refuses what NewPlan does not make.
func (op *Op) validate() error {
	if !validPath(op.Path) || op.Mode&^0o7777 != 0 || op.Path == "." && op.Kind != OpAttr {
		return unix.EINVAL
	}
	switch op.Kind {
	case OpCreate:
		if op.Type < File || op.Type > Socket {
			return unix.EINVAL
		}
	case OpLink:
		if !validPath(op.LinkTo) || op.LinkTo == "." {
			return unix.EINVAL
		}
	case OpRemove, OpAttr:
		if op.Was == nil && op.Kind == OpRemove || op.Kind == OpAttr && (op.Type < File || op.Type > Socket) {
			return unix.EINVAL
		}
	default:
		return unix.EINVAL
	}
	for _, x := range op.Xattrs {
		if !keepXattr(x.Name) {
			return unix.EINVAL
		}
	}
	return nil
}

// Staged returns the inode numbers of what Stage has prepared, which whoever
// resumes the transaction needs.
func (t *Transaction) Staged() []uint64 { return t.staged }

// Apply carries out all phases. What fails is undone.
func (t *Transaction) Apply(upper *os.File, b Baseline) error {
	err := t.Check(b)
	if err != nil {
		return err
	}
	if err = t.Stage(upper); err == nil {
		err = t.Place()
	}
	if err == nil {
		return t.Finish()
	}
	return errors.Join(err, t.Undo())
}

// Close releases the transaction's descriptors.
func (t *Transaction) Close() {
	t.dst.close()
	t.link.close()
}

// temp is the temporary name of operation i.
func (t *Transaction) temp(i int) string { return TempPrefix + t.id + "-" + strconv.Itoa(i) }

// oldSuffix marks the temporary names of what was replaced where two names cannot
// change places.
const oldSuffix = "-old"

// stagedPath is where what the plan creates at p is prepared.
func (t *Transaction) stagedPath(p string) (string, error) {
	i, ok := t.creates[p]
	if !ok {
		return "", failed("find what is prepared for", p, unix.EINVAL)
	}
	i = t.unit[i]
	root := t.plan.Ops[i].Path
	return path.Join(path.Dir(root), t.temp(i)) + p[len(root):], nil
}

// made says that the plan creates what operation i is about.
func (t *Transaction) made(i int) bool {
	_, ok := t.creates[t.plan.Ops[i].Path]
	return ok
}

// places says that operation i is one whose result is placed, not in a directory
// that is.
func (t *Transaction) places(i int) bool { return t.unit[i] == i }

// prepared moves to the directory where what the plan creates at p is prepared.
func (t *Transaction) prepared(p string) (name string, err error) {
	at, err := t.stagedPath(p)
	if err != nil {
		return "", err
	}
	return t.at(at)
}

func (t *Transaction) step(what, path string) error {
	if t.Step == nil {
		return nil
	}
	return t.Step(what, path)
}

// at moves to the directory of an operation's path.
func (t *Transaction) at(p string) (name string, err error) {
	t.dst.step = t.step
	if name, err = t.dst.toParent(p); err != nil {
		err = failed("open the directory of", p, err)
	}
	return name, err
}

// open gives the user every permission for the directories in which the plan
// changes something, if they are the user's own; Finish and Undo set their modes
// in the end. Where it is not possible, what follows says so.
func (t *Transaction) open() error {
	for i := len(t.plan.Ops) - 1; i >= 0; i-- { // from the root
		op := &t.plan.Ops[i]
		if op.Kind != OpAttr {
			break
		}
		if op.Type != Dir || op.Was == nil || !t.parents[op.Path] || t.made(i) {
			continue
		}
		name, err := t.at(op.Path)
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		st, ok, err := lstat(t.dst.fd(), name)
		if err != nil {
			return failed("stat", op.Path, err)
		}
		if !ok || st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o700 == 0o700 || int(st.Uid) != os.Geteuid() {
			continue
		}
		if err := t.step("chmod", op.Path); err != nil {
			return failed("open up", op.Path, err)
		}
		fd, err := openDir(t.dst.fd(), name)
		if err == nil {
			err = retry(func() error { return unix.Chmod(procPath(fd), st.Mode&0o7777|0o700) })
			unix.Close(fd)
		}
		if err != nil {
			return failed("open up", op.Path, err)
		}
	}
	return nil
}

// rename gives what is at from, in the current directory, the name to, where
// nothing is: EEXIST if there is.
func (t *Transaction) rename(from, to string) error {
	dir := t.dst.fd()
	if err := t.step("rename", t.dst.join(to)); err != nil {
		return err
	}
	if !t.noReplace {
		err := retry(func() error { return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE) })
		if err != unix.EINVAL && err != unix.ENOSYS && err != unix.EOPNOTSUPP {
			return err
		}
		t.noReplace = true
	}
	if _, ok, err := lstat(dir, to); ok || err != nil {
		return errors.Join(unix.EEXIST, err)
	}
	return t.replace(from, to)
}

// replace gives what is at from the name to, whatever is there.
func (t *Transaction) replace(from, to string) error {
	dir := t.dst.fd()
	return retry(func() error { return unix.Renameat(dir, from, dir, to) })
}

// exchange lets two names in the current directory change places.
func (t *Transaction) exchange(a, b string) error {
	if t.noExchange {
		return unix.EINVAL
	}
	if err := t.step("exchange", t.dst.join(b)); err != nil {
		return err
	}
	dir := t.dst.fd()
	err := retry(func() error { return unix.Renameat2(dir, a, dir, b, unix.RENAME_EXCHANGE) })
	if err == unix.ENOSYS || err == unix.EOPNOTSUPP {
		err = unix.EINVAL
	}
	t.noExchange = err == unix.EINVAL
	return err
}

// drop removes a temporary name in the current directory, and what is below it.
func (t *Transaction) drop(name string) error {
	depth := len(t.dst.levels)
	if err := t.dst.remove(name); err != nil {
		return err
	}
	return t.dst.up(depth)
}

// lstat is lstat in the current directory.
func (t *Transaction) lstat(name string) (Stamp, bool, error) {
	st, ok, err := lstat(t.dst.fd(), name)
	return StampOf(&st), ok, err
}
