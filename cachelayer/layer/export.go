package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DeletedName is the name, in the directory that Export makes, of the list of
// deletions.
const DeletedName = ".laplace-deleted"

// Export puts the changed files of a layer into the directory dst: contents,
// holes, modes, symbolic links, hard links, attributes, and the virtual
// modification times, also of directories and of dst itself. Owners are the
// caller's, or o.Owner, except that a dst that existed keeps its own.
//
// If the layer deletes anything, dst holds the file DeletedName too, a line for
// each deletion, in Walk's order: the path in the quotes of strconv.Quote. A
// path that ends with a slash is a directory that is there, but of which all
// that the lower layers have in it is gone. Whoever applies the result by hand
// removes the listed paths (of those with a slash the contents) and then copies
// the files. The list's time is that of the root. A layer with a file of that
// name in its root is refused (ErrReserved).
//
// dst must be empty (ErrNotEmpty) or not exist, in which case it is made, with
// its parents. On failure it is emptied, or removed if it was made.
func Export(upper *os.File, dst string, v Virtual, o Options) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("export to %q: %w", dst, err)
		}
	}()
	made := false
	if _, err := os.Lstat(dst); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dst, 0o777); err != nil {
			return err
		}
		made = true
	}
	dir, err := os.OpenFile(dst, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := readNames(int(dir.Fd()), ".")
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return ErrNotEmpty
	}
	err = export(upper, dir, v, o)
	if err == nil && made && o.Owner != nil {
		err = dir.Chown(o.Owner.UID, o.Owner.GID)
	}
	if err != nil {
		err = errors.Join(err, empty(dir))
		if made {
			err = errors.Join(err, os.Remove(dst))
		}
	}
	return err
}

// export does it, in an empty directory.
func export(upper, dst *os.File, v Virtual, o Options) error {
	items, err := compare(upper, dst, v, nil)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, it := range items {
		switch {
		case it.Path == DeletedName && it.Kind != Whiteout:
			return failed("create", it.Path, ErrReserved)
		case it.Kind == Whiteout:
			fmt.Fprintln(&list, strconv.Quote(it.Path))
		case it.Opaque && (o.Had == nil || o.Had(it.Path)):
			fmt.Fprintln(&list, strconv.Quote(it.Path+"/"))
		}
	}
	if list.Len() > 0 {
		op := &Op{Type: File, Mode: 0o644, Mtime: items[0].Mtime, Owner: o.Owner}
		if err := writeList(dst, list.String(), op); err != nil {
			return failed("create", DeletedName, err)
		}
	}
	o.Root = true
	virtual := func(it *item, _ bool) int64 { return it.Mtime }
	t, err := NewTransaction(build(items, o, virtual), dst, "export", nil)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.Apply(upper, nil)
}

// writeList makes the list of deletions.
func writeList(dst *os.File, text string, op *Op) error {
	fd, err := openat(int(dst.Fd()), DeletedName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), DeletedName)
	_, err = f.WriteString(text)
	if err == nil {
		err = new(Transaction).setAttrs(fd, op)
	}
	return errors.Join(err, f.Close())
}

// empty removes all that is in a directory.
func empty(dir *os.File) error {
	names, err := readNames(int(dir.Fd()), ".")
	for _, name := range names {
		c := newCursor(dir)
		err = errors.Join(err, c.remove(name))
		c.close()
	}
	return err
}

// MirrorRoot gives a fresh upper directory the mode and the attributes of the
// lower one, so that the root of the mount looks as the lower directory does,
// and that a layer's root says what the box changed there. Owners are not
// touched. Both are descriptors of directories.
func MirrorRoot(upper, lower *os.File) error {
	fd, st, err := openNode(int(lower.Fd()), ".")
	if err != nil {
		return fmt.Errorf("mirror the root: %w", err)
	}
	defer unix.Close(fd)
	xattrs, _, err := readXattrs(fd, anyXattr)
	if err != nil {
		return fmt.Errorf("mirror the root: %w", err)
	}
	op := &Op{Type: Dir, Mode: st.Mode & 0o7777, Xattrs: xattrs, Mtime: st.Mtim.Nano()}
	if err := new(Transaction).setAttrs(int(upper.Fd()), op); err != nil {
		return fmt.Errorf("mirror the root: %w", err)
	}
	return nil
}
