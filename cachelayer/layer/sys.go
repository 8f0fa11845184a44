package layer

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// retry repeats f while a signal interrupts it. It is needed because the
// process may handle signals without SA_RESTART.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func openat(dir int, name string, flags int, mode uint32) (int, error) {
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// openDir opens the directory name in dir, as a path descriptor. A symbolic
// link and a mount point are errors (ENOTDIR or ELOOP, EXDEV).
func openDir(dir int, name string) (int, error) {
	how := &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Openat2(dir, name, how)
		return err
	})
	return fd, err
}

// openNode opens whatever is at name in dir as a path descriptor, without
// following a symbolic link and without any effect on it, and returns its
// status.
func openNode(dir int, name string) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, st, err
	}
	if err := fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// openContent opens the regular file name in dir for reading.
func openContent(dir int, name string) (*os.File, error) {
	// O_NONBLOCK: if somebody has put a FIFO there, do not wait for its writer.
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, ErrNotRegular
	}
	return os.NewFile(uintptr(fd), name), nil
}

func fstat(fd int, st *unix.Stat_t) error {
	return retry(func() error { return unix.Fstat(fd, st) })
}

// lstat returns the status of name in dir; ok is false where nothing is there.
func lstat(dir int, name string) (st unix.Stat_t, ok bool, err error) {
	err = retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err == unix.ENOENT {
		return st, false, nil
	}
	return st, err == nil, err
}

// readNames returns the sorted names in the directory name of dir.
func readNames(dir int, name string) ([]string, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, errno(err)
	}
	slices.Sort(names)
	return names, nil
}

// errno strips the wrapping that package os adds: the path in it is not ours.
func errno(err error) error {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return err
}

// readlink returns the target of the symbolic link that the path descriptor fd
// stands for.
func readlink(fd int) (string, error) {
	buf := make([]byte, unix.PathMax+1) // a target is shorter than PATH_MAX
	n := 0
	err := retry(func() (err error) {
		n, err = unix.Readlinkat(fd, "", buf)
		return err
	})
	if err != nil {
		return "", err
	}
	if n == len(buf) {
		return "", unix.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}

// procPath names the object itself of a descriptor of any kind, path
// descriptors included, for the calls that have no form with a descriptor. The
// kernel follows the link to the open object and resolves no name of it (proc_pid_fd(5)).
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

const overlayPrefix = "user.overlay."

// ownXattr says that a name is bookkeeping of the overlay. Escaped attributes
// are not: see the package's comment.
func ownXattr(name string) bool {
	return strings.HasPrefix(name, overlayPrefix) && !strings.HasPrefix(name, overlayPrefix+"overlay.")
}

// keepXattr says that an attribute belongs to the file. The other namespaces,
// and labels such as security.selinux and security.ima, belong to the host.
func keepXattr(name string) bool {
	switch name {
	case "system.posix_acl_access", "system.posix_acl_default", "security.capability":
		return true
	}
	return strings.HasPrefix(name, "user.") && !ownXattr(name)
}

// readXattrs returns those attributes of the descriptor's object that belong to
// it, sorted by name, and those that the overlay put there, among the names that
// choose selects.
func readXattrs(fd int, choose func(name string) bool) (kept []Xattr, own map[string]string, err error) {
	path := procPath(fd)
	list, err := growing(func(buf []byte) (int, error) { return unix.Listxattr(path, buf) })
	if err == unix.EOPNOTSUPP {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, b := range bytes.Split(list, []byte{0}) {
		name := string(b)
		if !keepXattr(name) && !ownXattr(name) || !choose(name) {
			continue
		}
		value, err := growing(func(buf []byte) (int, error) { return unix.Getxattr(path, name, buf) })
		if err != nil {
			return nil, nil, failed("attribute", name, err)
		}
		if keepXattr(name) {
			kept = append(kept, Xattr{name, value})
			continue
		}
		if own == nil {
			own = make(map[string]string)
		}
		own[name] = string(value)
	}
	slices.SortFunc(kept, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return kept, own, nil
}

// growing calls f with ever larger buffers until its result fits. The kernel
// bounds lists and values at 64 KiB (XATTR_LIST_MAX, XATTR_SIZE_MAX).
func growing(f func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 16 {
		buf := make([]byte, size)
		n := 0
		err := retry(func() (err error) {
			n, err = f(buf)
			return err
		})
		if err == unix.ERANGE && size <= 64<<10 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n:n], nil
	}
}

// syncXattrs makes the attributes of the descriptor's object those of want,
// among the names that choose selects. step is called before each change.
func syncXattrs(fd int, want []Xattr, choose func(name string) bool, step func() error) error {
	have, _, err := readXattrs(fd, choose)
	if err != nil {
		return err
	}
	path := procPath(fd)
	for _, w := range want {
		i := slices.IndexFunc(have, func(h Xattr) bool { return h.Name == w.Name })
		if !choose(w.Name) || i >= 0 && bytes.Equal(have[i].Value, w.Value) {
			continue
		}
		if err := step(); err != nil {
			return err
		}
		if err := retry(func() error { return unix.Setxattr(path, w.Name, w.Value, 0) }); err != nil {
			return failed("set attribute", w.Name, err)
		}
	}
	for _, h := range have {
		if slices.ContainsFunc(want, func(w Xattr) bool { return w.Name == h.Name }) {
			continue
		}
		if err := step(); err != nil {
			return err
		}
		if err := retry(func() error { return unix.Removexattr(path, h.Name) }); err != nil {
			return failed("remove attribute", h.Name, err)
		}
	}
	return nil
}

// isUserXattr selects the attributes that the file's permissions protect.
func isUserXattr(name string) bool { return strings.HasPrefix(name, "user.") }

// notUserXattr selects the others.
func notUserXattr(name string) bool { return !isUserXattr(name) }

// anyXattr selects all.
func anyXattr(string) bool { return true }
