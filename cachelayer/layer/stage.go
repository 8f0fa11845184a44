package layer

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Stage prepares all that is new. Contents come from the layer that the plan was
// made from. Errors wrap the kernel's errno (ENOSPC, EDQUOT, EACCES, EROFS, EXDEV
// for a mount point in the project, ENOTDIR or ELOOP for a directory that somebody
// has replaced) and name the path; Undo removes what is prepared.
func (t *Transaction) Stage(upper *os.File) error {
	t.src = newCursor(upper)
	defer t.src.close()
	err := t.each(func(i int, op *Op) error {
		switch {
		case op.Kind == OpCreate && op.Type == Dir:
			return t.makeDir(op)
		case op.Kind == OpCreate:
			return t.create(op)
		case op.Kind == OpLink:
			return t.hardLink(op)
		case op.Kind == OpAttr && t.made(i):
			return t.finishDir(op)
		}
		return nil
	})
	if err != nil {
		return err
	}
	staged := make([]uint64, len(t.plan.Ops))
	for i := range t.plan.Ops {
		if !t.places(i) {
			continue
		}
		p := t.plan.Ops[i].Path
		name, err := t.prepared(p)
		if err != nil {
			return err
		}
		s, ok, err := t.lstat(name)
		if err != nil || !ok {
			return failed("stat what is prepared for", p, orNotExist(err))
		}
		staged[i] = s.Ino
	}
	t.staged = staged
	return nil
}

func orNotExist(err error) error {
	if err == nil {
		return unix.ENOENT
	}
	return err
}

// makeDir makes an empty directory. Its mode is set when it is full.
func (t *Transaction) makeDir(op *Op) error {
	name, err := t.prepared(op.Path)
	if err == nil {
		err = t.step("mkdir", op.Path)
	}
	if err == nil {
		err = retry(func() error { return unix.Mkdirat(t.dst.fd(), name, 0o700) })
	}
	if err != nil {
		return failed("create directory", op.Path, err)
	}
	return nil
}

// create makes a new file, symbolic link, FIFO or socket.
func (t *Transaction) create(op *Op) error {
	name, err := t.prepared(op.Path)
	if err != nil {
		return err
	}
	dir := t.dst.fd()
	fd := -1
	if err = t.step("create", op.Path); err == nil {
		err = retry(func() (err error) {
			switch op.Type {
			case File:
				fd, err = openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
				return err
			case Symlink:
				return unix.Symlinkat(op.Target, dir, name)
			case Fifo:
				return unix.Mknodat(dir, name, unix.S_IFIFO|0o600, 0)
			}
			return unix.Mknodat(dir, name, unix.S_IFSOCK|0o600, 0)
		})
	}
	switch {
	case err != nil:
	case op.Type == File:
		err = t.fill(op, fd)
	default:
		if fd, _, err = openNode(dir, name); err == nil {
			err = t.setAttrs(fd, op)
			unix.Close(fd)
		}
	}
	if err != nil {
		return failed("create", op.Path, err)
	}
	return nil
}

// fill gives the new file fd its content and metadata and closes it.
func (t *Transaction) fill(op *Op, fd int) (err error) {
	dst := os.NewFile(uintptr(fd), op.Path)
	defer func() {
		// Some file systems report a full disk or quota only here.
		if e := dst.Close(); e != nil && err == nil {
			err = errno(e)
		}
	}()
	from, err := t.src.toParent(op.Path)
	if err != nil {
		return err
	}
	src, err := openContent(t.src.fd(), from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := t.copies.checkSize(src, op.Size); err != nil {
		return err
	}
	if err := t.step("write", op.Path); err != nil {
		return err
	}
	if err := t.copies.copy(dst, src, op.Size); err != nil {
		return err
	}
	return t.setAttrs(fd, op)
}

// hardLink makes one more name of what is prepared for op.LinkTo.
func (t *Transaction) hardLink(op *Op) error {
	at, err := t.stagedPath(op.LinkTo)
	if err != nil {
		return err
	}
	from, err := t.link.toParent(at)
	if err != nil {
		return failed("open the directory of", op.LinkTo, err)
	}
	to, err := t.prepared(op.Path)
	if err == nil {
		err = t.step("link", op.Path)
	}
	if err == nil {
		err = retry(func() error { return unix.Linkat(t.link.fd(), from, t.dst.fd(), to, 0) })
	}
	if err != nil {
		return failed("link", op.Path, err)
	}
	return nil
}

// finishDir sets the metadata of a new directory, when it is full.
func (t *Transaction) finishDir(op *Op) error {
	name, err := t.prepared(op.Path)
	if err != nil {
		return err
	}
	fd, err := openDir(t.dst.fd(), name)
	if err != nil {
		return failed("set metadata of", op.Path, err)
	}
	defer unix.Close(fd)
	if err := t.setAttrs(fd, op); err != nil {
		return failed("set metadata of", op.Path, err)
	}
	return nil
}

// setAttrs sets owner, attributes, mode and time of the descriptor's object.
func (t *Transaction) setAttrs(fd int, op *Op) error {
	if err := t.setMeta(fd, op); err != nil {
		return err
	}
	return t.setTime(fd, op)
}

// setMeta sets all but the time.
func (t *Transaction) setMeta(fd int, op *Op) error {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return err
	}
	if o := op.Owner; o != nil && (int(st.Uid) != o.UID || int(st.Gid) != o.GID) {
		if err := t.step("chown", op.Path); err != nil {
			return err
		}
		if err := retry(func() error { return unix.Fchownat(fd, "", o.UID, o.GID, unix.AT_EMPTY_PATH) }); err != nil {
			return fmt.Errorf("change the owner: %w", err)
		}
		if err := fstat(fd, &st); err != nil { // chown clears set-id bits
			return err
		}
	}
	// These need read and write permission, which the mode may take away. The
	// others come after the mode: chmod changes an access control list.
	step := func() error { return t.step("setxattr", op.Path) }
	if err := syncXattrs(fd, op.Xattrs, isUserXattr, step); err != nil {
		return err
	}
	if op.Type != Symlink && st.Mode&0o7777 != op.Mode {
		if err := t.step("chmod", op.Path); err != nil {
			return err
		}
		if err := retry(func() error { return unix.Chmod(procPath(fd), op.Mode) }); err != nil {
			return fmt.Errorf("change the mode: %w", err)
		}
	}
	return syncXattrs(fd, op.Xattrs, notUserXattr, step)
}

// setTime sets the time.
func (t *Transaction) setTime(fd int, op *Op) error {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil || op.Kind == OpAttr && st.Mtim.Nano() == op.Mtime {
		return err
	}
	if err := t.step("utimens", op.Path); err != nil {
		return err
	}
	at := unix.NsecToTimespec(op.Mtime)
	err := retry(func() error {
		return unix.UtimesNanoAt(fd, "", []unix.Timespec{at, at}, unix.AT_EMPTY_PATH)
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
