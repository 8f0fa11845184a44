package layer

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the names under which new files are prepared, each in the
// directory where it belongs. A file with such a name is left behind only by a
// process that was killed.
const TempPrefix = ".laplace-commit-"

// Commit applies a layer to the directory that the overlay had as its lower
// one, so that it becomes what the mount showed: contents, holes, kinds, modes,
// hard links among the changed files, symbolic links, attributes, deletions.
//
// upper and project are descriptors of directories, opened for reading or with
// O_PATH; they stay the caller's. The overlay must not be mounted any more: to
// change a lower directory under a mount is undefined.
//
// What is new or changed is prepared under a temporary name in its directory
// and renamed into place; a directory and something else swap names where the
// file system can do that. A file whose content and links did not change is left
// in place and only its metadata is set. Modification times are host times
// (Options.Now) in the order of the virtual stamps: a file with a later stamp
// never gets an earlier time.
//
// Nothing is flushed to the disk. The first error ends it; the temporary file is removed, what was done before
// stays done. Errors wrap the kernel's errno (ENOSPC, EDQUOT, EACCES, EROFS,
// EXDEV for a mount point in the project, ENOTDIR or ELOOP for a directory that
// somebody has replaced meanwhile by something else) and name the path.
func Commit(upper, project *os.File, v Virtual, o Options) error {
	p, err := NewPlan(upper, project, v, o)
	if err == nil {
		err = p.Execute(upper, project)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Execute carries out the plan in the directory project. Contents come from the
// layer that the plan was made from. Errors are those of Commit.
func (p *Plan) Execute(upper, project *os.File) error {
	x := newExecutor(upper, project)
	defer x.close()
	return x.run(p)
}

// executor carries out operations.
type executor struct {
	src, dst, link *cursor // the layer; the destination; it again, for link(2)
	copies         copier
	temps          int  // temporary names tried so far
	noExchange     bool // the file system cannot let two names change places
}

func newExecutor(upper, project *os.File) *executor {
	return &executor{src: newCursor(upper), dst: newCursor(project), link: newCursor(project)}
}

func (x *executor) close() {
	x.src.close()
	x.dst.close()
	x.link.close()
}

func (x *executor) run(p *Plan) error {
	for i := range p.Ops {
		if err := x.do(&p.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

func (x *executor) do(op *Op) error {
	name, err := x.dst.toParent(op.Path)
	if err != nil {
		return failed("open the directory of", op.Path, err)
	}
	switch op.Kind {
	case OpCreate:
		if op.Type == Dir {
			return x.mkdir(op, name)
		}
		if err := x.create(op, name); err != nil {
			return failed("create", op.Path, err)
		}
	case OpLink:
		if err := x.hardLink(op, name); err != nil {
			return failed("link", op.Path, err)
		}
	case OpRemove:
		// The errors name their own paths, below op.Path.
		return x.dst.remove(name)
	case OpAttr:
		if err := x.attr(op, name); err != nil {
			return failed("set metadata of", op.Path, err)
		}
	default:
		return failed(fmt.Sprintf("execute operation %d on", op.Kind), op.Path, unix.EINVAL)
	}
	return nil
}

// mkdir makes an empty directory, or leaves the one that is there, which an
// earlier execution of the plan made; its mode may deny what the plan has to do
// in it again, until the plan sets it again.
func (x *executor) mkdir(op *Op, name string) error {
	st, ok, err := lstat(x.dst.fd(), name)
	switch {
	case err != nil:
	case ok && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		if st.Mode&0o700 != 0o700 {
			var fd int
			if fd, err = openDir(x.dst.fd(), name); err == nil {
				err = retry(func() error { return unix.Chmod(procPath(fd), 0o700) })
				unix.Close(fd)
			}
		}
	case !ok:
		err = retry(func() error { return unix.Mkdirat(x.dst.fd(), name, 0o700) })
	default:
		var tmp string
		tmp, err = x.temp(func(tmp string) error { return unix.Mkdirat(x.dst.fd(), tmp, 0o700) })
		if err == nil {
			err = x.place(tmp, name)
		}
	}
	if err != nil {
		return failed("create directory", op.Path, err)
	}
	return nil
}

// create makes a new file, symbolic link, FIFO or socket and puts it at name.
func (x *executor) create(op *Op, name string) error {
	dir := x.dst.fd()
	fd := -1
	tmp, err := x.temp(func(tmp string) (err error) {
		switch op.Type {
		case File:
			fd, err = openat(dir, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
			return err
		case Symlink:
			return unix.Symlinkat(op.Target, dir, tmp)
		case Fifo:
			return unix.Mknodat(dir, tmp, unix.S_IFIFO|0o600, 0)
		case Socket:
			return unix.Mknodat(dir, tmp, unix.S_IFSOCK|0o600, 0)
		}
		return unix.EINVAL
	})
	if err != nil {
		return err
	}
	if op.Type == File {
		err = x.fill(op, fd)
	} else {
		if fd, _, err = openNode(dir, tmp); err == nil {
			err = setAttrs(fd, op)
			unix.Close(fd)
		}
	}
	if err != nil {
		x.drop(tmp)
		return err
	}
	return x.place(tmp, name)
}

// fill gives the new file fd its content and metadata and closes it.
func (x *executor) fill(op *Op, fd int) (err error) {
	dst := os.NewFile(uintptr(fd), op.Path)
	defer func() {
		// Some file systems report a full disk or quota only here.
		if e := dst.Close(); e != nil && err == nil {
			err = errno(e)
		}
	}()
	from, err := x.src.toParent(op.Path)
	if err != nil {
		return err
	}
	src, err := openContent(x.src.fd(), from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := x.copies.checkSize(src, op.Size); err != nil {
		return err
	}
	if err := x.copies.copy(dst, src, op.Size); err != nil {
		return err
	}
	return setAttrs(fd, op)
}

// hardLink makes name a further name of op.LinkTo.
func (x *executor) hardLink(op *Op, name string) error {
	from, err := x.link.toParent(op.LinkTo)
	if err != nil {
		return err
	}
	tmp, err := x.temp(func(tmp string) error { return unix.Linkat(x.link.fd(), from, x.dst.fd(), tmp, 0) })
	if err != nil {
		return err
	}
	if err := x.place(tmp, name); err != nil {
		return err
	}
	// rename(2) does nothing if both are names of one inode already.
	x.drop(tmp)
	return nil
}

// attr sets the metadata of what is at name, which must be of the right kind.
func (x *executor) attr(op *Op, name string) error {
	fd, st, err := openNode(x.dst.fd(), name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if kindOf[st.Mode&unix.S_IFMT] != op.Type {
		return ErrChanged
	}
	return setAttrs(fd, op)
}

// setAttrs sets owner, attributes, mode and time of the descriptor's object.
func setAttrs(fd int, op *Op) error {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return err
	}
	if o := op.Owner; o != nil && (int(st.Uid) != o.UID || int(st.Gid) != o.GID) {
		if err := retry(func() error { return unix.Fchownat(fd, "", o.UID, o.GID, unix.AT_EMPTY_PATH) }); err != nil {
			return fmt.Errorf("change the owner: %w", err)
		}
		if err := fstat(fd, &st); err != nil { // chown clears set-id bits
			return err
		}
	}
	// These need read and write permission, which the mode may take away. The
	// others come after the mode: chmod changes an access control list.
	if err := syncXattrs(fd, op.Xattrs, isUserXattr); err != nil {
		return err
	}
	if op.Type != Symlink && st.Mode&0o7777 != op.Mode {
		if err := retry(func() error { return unix.Chmod(procPath(fd), op.Mode) }); err != nil {
			return fmt.Errorf("change the mode: %w", err)
		}
	}
	if err := syncXattrs(fd, op.Xattrs, notUserXattr); err != nil {
		return err
	}
	if op.Kind == OpAttr && st.Mtim.Nano() == op.Mtime {
		return nil
	}
	t := unix.NsecToTimespec(op.Mtime)
	err := retry(func() error {
		return unix.UtimesNanoAt(fd, "", []unix.Timespec{t, t}, unix.AT_EMPTY_PATH)
	})
	if err == unix.EPERM && op.Kind == OpAttr && op.Type == Dir {
		// Somebody else's directory that this user may write to: its time is the
		// kernel's, which was now when its entries changed.
		err = nil
	}
	if err != nil {
		return fmt.Errorf("set the time: %w", err)
	}
	return nil
}

// temp calls make with new names until one is free.
func (x *executor) temp(make func(name string) error) (string, error) {
	for tries := 0; ; tries++ {
		name := fmt.Sprintf("%s%d", TempPrefix, x.temps)
		x.temps++
		err := retry(func() error { return make(name) })
		if err != unix.EEXIST || tries == 1<<16 {
			return name, err
		}
	}
}

// place moves tmp to name, whatever is there, and removes tmp on failure.
func (x *executor) place(tmp, name string) error {
	dir := x.dst.fd()
	new, _, err := lstat(dir, tmp)
	if err == nil {
		var old unix.Stat_t
		var ok bool
		old, ok, err = lstat(dir, name)
		if err == nil && ok && (old.Mode&unix.S_IFMT == unix.S_IFDIR || new.Mode&unix.S_IFMT == unix.S_IFDIR) {
			return x.swap(tmp, name)
		}
	}
	if err == nil {
		err = retry(func() error { return unix.Renameat(dir, tmp, dir, name) })
	}
	if err != nil {
		x.drop(tmp)
	}
	return err
}

// swap puts tmp in the place of name, of which one is a directory, and removes
// what was there. If that fails, what is left of it is in its place again.
func (x *executor) swap(tmp, name string) error {
	depth := len(x.dst.levels)
	exchange := func() error {
		if x.noExchange {
			return unix.EINVAL
		}
		return retry(func() error {
			return unix.Renameat2(x.dst.fd(), tmp, x.dst.fd(), name, unix.RENAME_EXCHANGE)
		})
	}
	remove := func(name string) error {
		err := x.dst.remove(name)
		if e := x.dst.up(depth); err == nil {
			err = e
		}
		return err
	}
	err := exchange()
	switch err {
	case nil:
		if err = remove(tmp); err != nil && len(x.dst.levels) == depth && exchange() != nil {
			return err // better a strange name than a loss
		}
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		x.noExchange = true
		if err = remove(name); err == nil {
			err = retry(func() error { return unix.Renameat(x.dst.fd(), tmp, x.dst.fd(), name) })
		}
	}
	if err != nil && len(x.dst.levels) == depth {
		x.drop(tmp)
	}
	return err
}

// drop removes a temporary name, as well as it can.
func (x *executor) drop(tmp string) {
	depth := len(x.dst.levels)
	_ = x.dst.remove(tmp)
	_ = x.dst.up(depth)
}
