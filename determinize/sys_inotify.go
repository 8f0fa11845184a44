package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// inotifyInitEnter handles inotify_init and inotify_init1.
func inotifyInitEnter(e *engine, t *task) verdict {
	flags := uint64(0)
	if t.call.Nr == unix.SYS_INOTIFY_INIT1 {
		flags = uint64(uint32(t.arg(0)))
	}
	if flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	if e.inotifies >= maxInotifies {
		return fail(unix.EMFILE)
	}
	return e.standIn(t, flags, func(k vfs.Key) object {
		e.inotifies++
		return &inotify{key: k, watches: make(map[*vfs.Inode]*inotifyWatch)}
	})
}

// inotifyOf is the inotify that a descriptor leads to.
func (e *engine) inotifyOf(t *task, fd int32) (*inotify, unix.Errno) {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return nil, errno
	}
	if in, ok := e.objects[vfs.KeyOf(&st)].(*inotify); ok {
		return in, 0
	}
	return nil, unix.EINVAL
}

// inotifyAddEnter handles inotify_add_watch.
func inotifyAddEnter(e *engine, t *task) verdict {
	const modes = unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_EXCL_UNLINK | unix.IN_MASK_CREATE | unix.IN_MASK_ADD | unix.IN_ONESHOT
	const all = unix.IN_ALL_EVENTS | unix.IN_UNMOUNT | unix.IN_Q_OVERFLOW | unix.IN_IGNORED | modes
	mask := uint32(t.arg(2))
	if mask&all == 0 || mask&unix.IN_MASK_ADD != 0 && mask&unix.IN_MASK_CREATE != 0 {
		return fail(unix.EINVAL)
	}
	in, errno := e.inotifyOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	w, errno := e.path(t, unix.AT_FDCWD, t.arg(1), false)
	if errno != 0 {
		return fail(errno)
	}
	defer func() { w.close() }()
	follow := mask&unix.IN_DONT_FOLLOW == 0
	if errno := e.may(t, &w, follow, unix.R_OK); errno != 0 {
		return fail(errno)
	}
	var st unix.Stat_t
	if errno := e.stat(w, follow, &st); errno != 0 {
		return fail(errno)
	}
	if mask&unix.IN_ONLYDIR != 0 && !isDir(&st) {
		return fail(unix.ENOTDIR)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK { // whose own mode says nothing
		if err := unix.Faccessat(w.dir, w.path, unix.R_OK, unix.AT_EACCESS); err != nil {
			return fail(errnoOf(err))
		}
	}
	n := e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	return e.watchFile(t, in, n, mask)
}

// watchFile has an inotify watch a file.
func (e *engine) watchFile(t *task, in *inotify, n *vfs.Inode, mask uint32) verdict {
	const kept = unix.IN_ALL_EVENTS | unix.IN_EXCL_UNLINK | unix.IN_ONESHOT
	if w := in.watches[n]; w != nil {
		switch {
		case mask&unix.IN_MASK_CREATE != 0:
			return fail(unix.EEXIST)
		case mask&unix.IN_MASK_ADD != 0:
			w.mask |= mask & kept
		default:
			w.mask = mask & kept
		}
		return answer(int64(w.wd))
	}
	if e.fileWatches >= maxFileWatches {
		return fail(unix.ENOSPC)
	}
	in.last++
	w := &inotifyWatch{in: in, wd: in.last, mask: mask & kept, of: n}
	in.watches[n] = w
	e.fileWatches++
	e.watchedFiles[n] = append(e.watchedFiles[n], w)
	return answer(int64(w.wd))
}

// inotifyRemoveEnter handles inotify_rm_watch.
func inotifyRemoveEnter(e *engine, t *task) verdict {
	in, errno := e.inotifyOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	for _, w := range in.watches {
		if w.wd == t.fd(1) {
			e.ignore(t, w)
			return answer(0)
		}
	}
	return fail(unix.EINVAL)
}
