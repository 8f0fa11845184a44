package determinize

import (
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// renameDir renames or exchanges where the kernel says EXDEV: an overlay
// renames no directory that was there before. It is done by making a directory
// and moving everything into it, through the overlay, while the box is
// stopped: all of it or nothing. It returns 0 or minus an errno.
func (e *engine) renameDir(t *task, a, b *entry, flags uint64) int64 {
	for _, n := range []*entry{a, b} {
		if n.exists && isDir(&n.st) && (n == a || flags&unix.RENAME_EXCHANGE != 0) && e.heldBelow(n.path()) {
			e.taint("rename", "a directory that was there before is in use: "+n.path(), t)
			return -int64(unix.EXDEV)
		}
	}
	m := mover{e: e, t: t}
	var err error
	e.privileged(func() {
		if flags&unix.RENAME_EXCHANGE != 0 {
			err = m.exchange(a, b)
		} else {
			err = m.rename(a, b)
		}
	})
	errno := errnoOf(err)
	if e.cfg.OwnsFiles && (errno == unix.EACCES || errno == unix.EPERM) {
		// Root's rights end where a user namespace does.
		e.taint("owner", callName(t)+": a directory with files of another user's cannot be moved", t)
	}
	return -int64(errno)
}

func isDir(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// mover moves directories in an overlay.
type mover struct {
	e *engine
	t *task
}

// rename moves a to b, which is not there or an empty directory.
func (m *mover) rename(a, b *entry) error {
	if b.exists {
		if err := empty(b.fd, b.base); err != nil {
			return err
		}
	}
	temp, err := freeName(b.fd)
	if err != nil {
		return err
	}
	if err := m.relocate(a.fd, a.base, b.fd, temp, a.path()); err != nil {
		return err
	}
	if err := renameat(b.fd, temp, b.fd, b.base); err != nil {
		m.back(b.fd, temp, a)
		return err
	}
	return nil
}

// exchange swaps a and b.
func (m *mover) exchange(a, b *entry) error {
	temp, err := freeName(a.fd)
	if err != nil {
		return err
	}
	if err := m.relocate(a.fd, a.base, a.fd, temp, a.path()); err != nil {
		return err
	}
	if err := m.relocate(b.fd, b.base, a.fd, a.base, b.path()); err != nil {
		m.back(a.fd, temp, a)
		return err
	}
	if err := renameat(a.fd, temp, b.fd, b.base); err != nil {
		m.back(a.fd, a.base, b)
		m.back(a.fd, temp, a)
		return err
	}
	return nil
}

// back brings to its place what was moved away from it. It is in the upper
// layer now, so that the kernel can rename it.
func (m *mover) back(fd int, name string, to *entry) {
	if err := renameat2(fd, name, to.fd, to.base, unix.RENAME_NOREPLACE); err != nil {
		m.lost(to.path(), err)
	}
}

// lost taints the box: a rename neither happened nor not.
func (m *mover) lost(path string, err error) {
	m.e.taint("rename", "half done, and could not be taken back: "+path+": "+err.Error(), m.t)
}

// relocate moves what is at a, whose path is path, to b, where nothing is. It
// is all or nothing. What was made known or bound on the way stays so, under
// its old path.
func (m *mover) relocate(from int, a string, to int, b, path string) error {
	err := renameat2(from, a, to, b, unix.RENAME_NOREPLACE)
	if err != unix.EXDEV {
		return err
	}
	if err := m.dir(from, a, to, b, path); err != nil {
		if back := m.restore(from, a, to, b); back != nil {
			m.lost(path, back)
		}
		return err
	}
	if err := removeDirs(from, a); err != nil {
		m.lost(path, err)
		return err
	}
	return nil
}

// dir makes a directory at b like the one at a, and moves everything into it.
// The old one stays, with the old ones in it, otherwise empty. After an error
// some of it may be at either.
func (m *mover) dir(from int, a string, to int, b, path string) error {
	old, err := openDir(from, a)
	if err != nil {
		return err
	}
	defer unix.Close(old)
	var st unix.Stat_t
	if err := unix.Fstat(old, &st); err != nil {
		return err
	}
	if err := mkdirat(to, b, 0o700); err != nil {
		return err
	}
	made, err := openDir(to, b)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	names, err := listNames(old)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := m.entry(old, made, name, strings.TrimSuffix(path, "/")+"/"+name); err != nil {
			return err
		}
	}
	if err := likeDir(made, old, &st); err != nil {
		return err
	}
	m.follow(to, b, &st, path)
	return nil
}

// entry moves what has a name in a directory, whatever it is, to another one.
func (m *mover) entry(from, to int, name, path string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if !isDir(&st) {
		m.e.prepare(m.t, &st, path, false)
	}
	err := renameat2(from, name, to, name, unix.RENAME_NOREPLACE)
	if err == unix.EXDEV && isDir(&st) {
		return m.dir(from, name, to, name, path)
	}
	if err == nil {
		m.follow(to, name, &st, path)
	}
	return err
}

// follow makes what was moved known by the number that it now has.
func (m *mover) follow(to int, name string, was *unix.Stat_t, path string) {
	var st unix.Stat_t
	n := m.e.inode(was, func() (string, unix.Errno) { return path, 0 })
	if unix.Fstatat(to, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		m.e.fs.Alias(vfs.KeyOf(&st), n)
	}
	if !n.Made || isDir(was) {
		m.e.fs.Bind(path, n)
	}
}

// restore moves everything that dir moved from a to b back, and removes b.
func (m *mover) restore(from int, a string, to int, b string) error {
	made, err := openDir(to, b)
	if err == unix.ENOENT {
		return nil // dir did not get that far
	}
	if err != nil {
		return err
	}
	defer unix.Close(made)
	old, err := openDir(from, a)
	if err != nil {
		return err
	}
	defer unix.Close(old)
	names, err := listNames(made)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := renameat2(made, name, old, name, unix.RENAME_NOREPLACE)
		if err == unix.EEXIST {
			err = m.restore(old, name, made, name)
		}
		if err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(made, &st); err != nil {
		return err
	}
	m.e.fs.Drop(vfs.KeyOf(&st))
	return unlinkat(to, b, unix.AT_REMOVEDIR)
}

func openDir(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// likeDir gives a new directory the owner, the attributes and the mode of
// another one, which st describes.
func likeDir(made, old int, st *unix.Stat_t) error {
	var is unix.Stat_t
	if err := unix.Fstat(made, &is); err != nil {
		return err
	}
	if is.Uid != st.Uid || is.Gid != st.Gid {
		if err := unix.Fchown(made, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	has := func(fd int) ([]string, error) {
		return listXattrs(func(b []byte) (int, error) { return unix.Flistxattr(fd, b) })
	}
	extra, err := has(made) // by a default ACL of the directory it is in
	if err != nil {
		return err
	}
	for _, name := range extra {
		if visibleXattr(name) {
			if err := unix.Fremovexattr(made, name); err != nil && err != unix.ENODATA {
				return err
			}
		}
	}
	names, err := has(old)
	if err != nil {
		return err
	}
	value := make([]byte, xattrSizeMax)
	for _, name := range names {
		if !visibleXattr(name) {
			continue
		}
		n, err := unix.Fgetxattr(old, name, value)
		if err == nil {
			err = unix.Fsetxattr(made, name, value[:n], 0)
		}
		if err != nil {
			return err
		}
	}
	return fchmod(made, st.Mode&0o7777)
}

// listNames returns the names in a directory without "." and "..".
func listNames(fd int) ([]string, error) {
	var names []string
	buf := make([]byte, 1<<15)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return names, nil
		}
		entries, errno := parseDirents(buf[:n], nil)
		if errno != 0 {
			return nil, errno
		}
		for _, d := range entries {
			if d.name != "." && d.name != ".." {
				names = append(names, d.name)
			}
		}
	}
}

// empty fails with ENOTEMPTY unless a directory is empty.
func empty(dir int, name string) error {
	fd, err := openDir(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	names, err := listNames(fd)
	if err == nil && len(names) > 0 {
		err = unix.ENOTEMPTY
	}
	return err
}

// removeDirs removes a directory in which there is nothing but directories.
func removeDirs(dir int, name string) error {
	if err := unlinkat(dir, name, unix.AT_REMOVEDIR); err != unix.ENOTEMPTY {
		return err
	}
	fd, err := openDir(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	names, err := listNames(fd)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := removeDirs(fd, n); err != nil {
			return err
		}
	}
	return unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// freeName finds a name that is not in a directory.
func freeName(dir int) (string, error) {
	for i := 0; ; i++ {
		var st unix.Stat_t
		err := unix.Fstatat(dir, tempName(i), &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT {
			return tempName(i), nil
		}
		if err != nil {
			return "", err
		}
	}
}
