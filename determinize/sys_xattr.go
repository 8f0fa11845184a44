package determinize

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of xattr(7).
const (
	xattrNameMax = 255
	xattrSizeMax = 65536 // of a value
	xattrListMax = 65536
)

// visibleXattr tells whether an attribute belongs to the file, and neither to
// the host, as those of its security modules, nor to the overlay.
func visibleXattr(name string) bool {
	if rest, user := strings.CutPrefix(name, "user."); user {
		return !strings.HasPrefix(rest, "overlay.")
	}
	return name == "system.posix_acl_access" || name == "system.posix_acl_default"
}

// hiddenXattr is what reading and changing an attribute fails with that is not
// visible: what an ordinary user gets where there is none of it.
func hiddenXattr(name string) (read, change unix.Errno) {
	for _, n := range [...]struct {
		prefix       string
		read, change unix.Errno
	}{
		{"trusted.", unix.ENODATA, unix.EPERM},
		{"security.", unix.ENODATA, unix.EPERM},
		{"user.overlay.", unix.ENODATA, unix.EOPNOTSUPP},
	} {
		if strings.HasPrefix(name, n.prefix) {
			return n.read, n.change
		}
	}
	return unix.EOPNOTSUPP, unix.EOPNOTSUPP
}

// xattrName reads the name argument.
func (e *engine) xattrName(t *task) (string, unix.Errno) {
	name, errno := e.tr.ReadString(t.pid, t.arg(1), xattrNameMax)
	if errno == unix.ENAMETOOLONG || errno == 0 && name == "" {
		return "", unix.ERANGE
	}
	return name, errno
}

// xattrGetEnter handles getxattr, lgetxattr and fgetxattr.
func xattrGetEnter(e *engine, t *task) verdict {
	name, errno := e.xattrName(t)
	if errno != 0 {
		return fail(errno)
	}
	if t.call.Nr != unix.SYS_FGETXATTR {
		want := uint32(0)
		if strings.HasPrefix(name, "user.") {
			want = unix.R_OK
		}
		if errno := e.mayAt(t, unix.AT_FDCWD, t.arg(0), false, t.call.Nr == unix.SYS_GETXATTR, want); errno != 0 {
			return fail(errno)
		}
	}
	if e.asksXattrs(t); visibleXattr(name) {
		return run()
	}
	// The kernel says what else is wrong. It must not copy a value.
	e.setArg(t, 3, 0)
	return runThen(func(ret int64) {
		switch {
		case ret >= 0, ret == -int64(unix.ENODATA), ret == -int64(unix.EOPNOTSUPP), ret == -int64(unix.EPERM):
			read, _ := hiddenXattr(name)
			e.tr.SetResult(t.pid, -int64(read))
		}
	})
}

// xattrSetEnter handles setxattr, removexattr and their kin.
func xattrSetEnter(e *engine, t *task) verdict {
	name, errno := e.xattrName(t)
	if errno != 0 {
		return fail(errno)
	}
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	set := t.call.Nr == unix.SYS_SETXATTR || t.call.Nr == unix.SYS_LSETXATTR || t.call.Nr == unix.SYS_FSETXATTR
	if visibleXattr(name) {
		if set {
			if errno := e.xattrFits(t, w, follow, name); errno != 0 {
				return fail(errno)
			}
		}
		return e.onInode(t, w, follow, nothing)
	}
	if set {
		if t.arg(4)&^(unix.XATTR_CREATE|unix.XATTR_REPLACE) != 0 {
			return fail(unix.EINVAL)
		}
		if t.arg(3) > xattrSizeMax {
			return fail(unix.E2BIG)
		}
	}
	var st unix.Stat_t
	if errno := e.stat(w, follow, &st); errno != 0 {
		if w.raw == "" {
			errno = unix.EBADF
		}
		return fail(errno)
	}
	_, change := hiddenXattr(name)
	if prefix, _, _ := strings.Cut(name, "."); change == unix.EPERM && e.has(t, unix.CAP_SYS_ADMIN) || prefix == "user" {
		e.refuse(callName(t) + "(" + prefix + ")")
	}
	return fail(change)
}

// xattrListEnter handles listxattr, llistxattr and flistxattr: the names are
// sorted, and only those that getxattr shows.
func xattrListEnter(e *engine, t *task) verdict {
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	e.asksXattrs(t)
	if t.call.Nr == unix.SYS_FLISTXATTR {
		if fl, errno := e.flags(t, t.fd(0)); errno != 0 || fl&unix.O_PATH != 0 {
			return fail(unix.EBADF)
		}
	}
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !follow && w.raw != "" {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(w.dir, w.path, flags, 0)
	if err != nil {
		// If only the guest itself can look it up, it has none.
		return runThen(func(ret int64) {
			if ret > 0 {
				e.tr.SetResult(t.pid, 0)
			}
		})
	}
	defer unix.Close(fd)
	// A descriptor that is not open for reading can be named only by its path,
	// and there is no listxattrat before Linux 6.13.
	if err := unix.Fchdir(e.procFD()); err != nil {
		return fail(errnoOf(err))
	}
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Listxattr("self/fd/"+strconv.Itoa(fd), b) })
	if err != nil {
		return fail(errnoOf(err))
	}
	return e.putXattrs(t, names, t.arg(1), t.arg(2))
}

// putXattrs answers with a list of names.
func (e *engine) putXattrs(t *task, names []string, buf, size uint64) verdict {
	var list []byte
	for _, name := range names {
		if visibleXattr(name) {
			list = append(append(list, name...), 0)
		}
	}
	switch {
	case size == 0 || len(list) == 0:
	case size < uint64(len(list)):
		return fail(unix.ERANGE)
	case e.tr.WriteFull(t.pid, buf, list) != 0:
		return fail(unix.EFAULT)
	}
	return answer(int64(len(list)))
}

// listXattrs calls list, one of the listxattr(2) family, and returns the names
// in order.
func listXattrs(list func(b []byte) (int, error)) ([]string, error) {
	buf := make([]byte, xattrListMax)
	n, err := list(buf)
	if err == unix.EOPNOTSUPP {
		return nil, nil
	}
	if err != nil || n == 0 {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	return names, nil
}
