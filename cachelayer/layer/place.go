package layer

import (
	"errors"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// Place puts what is prepared in its place and what was there under its temporary
// name. Each replacement is looked at once more, before and after: what somebody
// has changed since the plan was made is left, or put back, and is a *Conflict.
func (t *Transaction) Place() error {
	if t.staged == nil {
		return unix.EINVAL
	}
	return t.each(func(i int, op *Op) (err error) {
		switch {
		case t.places(i):
			err = t.placeNew(i, op)
		case op.Kind == OpRemove:
			err = t.takeAway(i, op)
		case op.Kind == OpAttr && !t.made(i):
			err = t.setOld(op, op, false)
		}
		if gone(err) {
			return conflict(path.Dir(op.Path))
		}
		return err
	})
}

// each does f for each operation of the plan, until one fails.
func (t *Transaction) each(f func(i int, op *Op) error) error {
	if err := t.open(); err != nil {
		return err
	}
	for i := range t.plan.Ops {
		if err := f(i, &t.plan.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

// spot is what is at the names of one operation.
type spot struct {
	name, temp, old  string
	is, waits, saved Stamp // what is at these
	hasName, hasTemp bool
	hasOld           bool
}

// look finds out how far operation i came, in whose directory it stays.
func (t *Transaction) look(i int, op *Op) (s spot, err error) {
	if s.name, err = t.at(op.Path); err != nil {
		return s, err
	}
	s.temp = t.temp(i)
	s.old = s.temp + oldSuffix
	if s.is, s.hasName, err = t.lstat(s.name); err == nil {
		s.waits, s.hasTemp, err = t.lstat(s.temp)
	}
	if err == nil {
		s.saved, s.hasOld, err = t.lstat(s.old)
	}
	if err != nil {
		return s, failed("stat", op.Path, err)
	}
	return s, nil
}

// placeNew places what is prepared for operation i.
func (t *Transaction) placeNew(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		return err
	}
	switch {
	case s.hasName && s.is.Ino == t.staged[i]:
		return nil // done
	case !s.hasTemp || s.waits.Ino != t.staged[i]:
		return conflict(op.Path)
	case op.Was == nil:
		if s.hasName {
			return conflict(op.Path)
		}
		err = t.rename(s.temp, s.name)
		if err == unix.EEXIST {
			return conflict(op.Path)
		}
	case !s.hasName && s.hasOld:
		err = t.rename(s.temp, s.name) // interrupted between two renames
	case !s.hasName || !s.is.same(*op.Was):
		return conflict(op.Path)
	default:
		err = t.swap(s, op)
	}
	if err == unix.EXDEV && op.Was != nil && op.Was.IsDir() {
		return nil // an overlay's lower directory cannot be renamed: Finish removes it
	}
	if err != nil {
		return failed("put in place", op.Path, err)
	}
	return nil
}

// swap lets what is prepared and what it replaces change places.
func (t *Transaction) swap(s spot, op *Op) error {
	err := t.exchange(s.temp, s.name)
	if err == nil {
		was, ok, err := t.lstat(s.temp)
		if err == nil && ok && was.alike(*op.Was) {
			return nil
		}
		return errors.Join(conflict(op.Path), err, t.exchange(s.temp, s.name))
	}
	if err != unix.EINVAL {
		return err
	}
	// A further name keeps what is replaced at its place until it is replaced.
	linked := false
	if !op.Was.IsDir() && !s.waits.IsDir() {
		if err := t.step("link", op.Path); err != nil {
			return err
		}
		dir := t.dst.fd()
		err := retry(func() error { return unix.Linkat(dir, s.name, dir, s.old, 0) })
		linked = err == nil || err == unix.EEXIST && s.saved.Ino == s.is.Ino
	}
	if !linked {
		if err := t.rename(s.name, s.old); err != nil {
			return err
		}
	}
	if was, ok, err := t.lstat(s.old); err != nil || !ok || !was.alike(*op.Was) {
		err = errors.Join(conflict(op.Path), err)
		if linked {
			return errors.Join(err, t.drop(s.old))
		}
		return errors.Join(err, t.rename(s.old, s.name))
	}
	if !linked {
		return t.rename(s.temp, s.name)
	}
	if err := t.step("rename", op.Path); err != nil {
		return err
	}
	return t.replace(s.temp, s.name)
}

// takeAway gives what operation i removes a temporary name.
func (t *Transaction) takeAway(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		return err
	}
	if !s.hasName || s.hasTemp {
		return nil // done; what is there is somebody's who came later
	}
	if !s.is.same(*op.Was) {
		return conflict(op.Path)
	}
	err = t.rename(s.name, s.temp)
	if err == unix.EXDEV && op.Was.IsDir() {
		return nil // as in placeNew
	}
	if err != nil {
		return failed("remove", op.Path, err)
	}
	if was, ok, err := t.lstat(s.temp); err != nil || !ok || !was.alike(*op.Was) {
		return errors.Join(conflict(op.Path), err, t.rename(s.temp, s.name))
	}
	return nil
}

// setOld sets the metadata of something that was there before to what set says;
// op is the operation that is about it. Unless last, a directory stays open to its
// owner and times are left: there is more to come.
func (t *Transaction) setOld(op, set *Op, last bool) error {
	name, err := t.at(op.Path)
	if err != nil {
		return err
	}
	fd, st, err := openNode(t.dst.fd(), name)
	if err == unix.ENOENT {
		return conflict(op.Path)
	}
	if err != nil {
		return failed("set metadata of", op.Path, err)
	}
	defer unix.Close(fd)
	is := StampOf(&st)
	if is.Ino != op.Was.Ino || kindOf[is.Mode&unix.S_IFMT] != op.Type ||
		op.Type != Dir && (is.Size != op.Was.Size || is.Mtime != op.Was.Mtime && is.Mtime != op.Mtime) {
		return conflict(op.Path)
	}
	how := *set
	if op.Type == Dir && !last {
		// Somebody else's mode cannot be changed, and need not be.
		if how.Mode|0o700 == is.Mode&0o7777|0o700 {
			how.Mode = is.Mode & 0o7777
		} else {
			how.Mode |= 0o700
		}
	}
	if err = t.setMeta(fd, &how); err == nil && last {
		err = t.setTime(fd, &how)
	}
	if err != nil {
		return failed("set metadata of", op.Path, err)
	}
	return nil
}

// Finish deletes what was replaced and removed and sets the times. Nothing can be
// undone any more once it has begun.
func (t *Transaction) Finish() error {
	if t.staged == nil {
		return unix.EINVAL
	}
	return t.each(func(i int, op *Op) error {
		switch {
		case t.places(i):
			return t.finishNew(i, op)
		case op.Kind == OpRemove:
			return t.finishOld(i, op)
		case op.Kind == OpAttr && !t.made(i):
			if err := t.setOld(op, op, true); !errors.Is(err, ErrConflict) { // else it is what somebody has made of it since
				return err
			}
		}
		return nil
	})
}

// finishNew deletes what operation i has replaced.
func (t *Transaction) finishNew(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		return err
	}
	if s.hasTemp && s.waits.Ino == t.staged[i] && s.is.Ino != t.staged[i] {
		// What it replaces could not be renamed.
		if s.hasName && !s.is.same(*op.Was) {
			return conflict(op.Path)
		}
		if err := t.drop(s.name); err != nil {
			return err
		}
		if err := t.rename(s.temp, s.name); err != nil {
			return failed("put in place", op.Path, err)
		}
		return nil
	}
	if s.hasTemp {
		err = t.drop(s.temp)
	}
	if s.hasOld && err == nil {
		err = t.drop(s.old)
	}
	return err
}

// finishOld deletes what operation i has taken away.
func (t *Transaction) finishOld(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		return err
	}
	switch {
	case s.hasTemp:
		return t.drop(s.temp)
	case s.hasName && s.is.same(*op.Was):
		return t.drop(s.name)
	}
	return nil
}

// Undo brings back what was there before Stage and removes what is prepared. It
// goes on after an error, to bring back as much as it can.
func (t *Transaction) Undo() error {
	errs := []error{t.open()}
	for i := range t.plan.Ops { // before the directories' modes
		op := &t.plan.Ops[len(t.plan.Ops)-1-i]
		switch at := len(t.plan.Ops) - 1 - i; {
		case t.places(at):
			errs = append(errs, t.undoNew(at, op))
		case op.Kind == OpRemove:
			errs = append(errs, t.undoOld(at, op))
		}
	}
	for i := range t.plan.Ops {
		op := &t.plan.Ops[i]
		if op.Kind != OpAttr || t.made(i) {
			continue
		}
		old := Op{Kind: OpAttr, Type: op.Type, Path: op.Path, Mode: op.Was.Mode & 0o7777, Mtime: op.Was.Mtime, Xattrs: op.Old}
		if err := t.setOld(op, &old, true); !errors.Is(err, ErrConflict) && !gone(err) {
			errs = append(errs, err)
		}
	}
	t.staged = nil
	return errors.Join(errs...)
}

// gone says that an error means that somebody has removed the directory.
func gone(err error) bool {
	return slices.ContainsFunc([]error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP}, func(e error) bool { return errors.Is(err, e) })
}

// undoNew takes what operation i has placed, or prepared, away.
func (t *Transaction) undoNew(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	placed := t.staged != nil && s.hasName && s.is.Ino == t.staged[i]
	switch {
	case placed && op.Was == nil:
		err = t.rename(s.name, s.temp)
	case placed && s.hasOld:
		if err = t.step("rename", op.Path); err == nil {
			if err = t.replace(s.old, s.name); err != nil { // one is a directory
				if err = t.rename(s.name, s.temp); err == nil {
					err = t.rename(s.old, s.name)
				}
			}
		}
	case placed && s.hasTemp:
		err = t.exchange(s.temp, s.name)
	case placed:
		err = ErrChanged
	case s.hasOld && !s.hasName:
		err = t.rename(s.old, s.name)
	case s.hasOld && s.saved.Ino == s.is.Ino:
		err = t.drop(s.old)
	}
	if err != nil {
		return failed("undo", op.Path, err)
	}
	return t.drop(s.temp)
}

// undoOld brings back what operation i has taken away.
func (t *Transaction) undoOld(i int, op *Op) error {
	s, err := t.look(i, op)
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	if s.hasTemp {
		if err := t.rename(s.temp, s.name); err != nil {
			return failed("undo", op.Path, err)
		}
	}
	return nil
}
