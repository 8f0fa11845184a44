package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/vfs"
)

// opening is an open call, whichever of the four it is.
type opening struct {
	w     where
	path  uint64 // address of the path
	flags int
	// flagsArg is the argument that holds the flags, or -1.
	flagsArg int
}

// openEnter handles open, openat, creat and openat2.
func openEnter(e *engine, t *task) verdict {
	v := e.openCall(t)
	if !e.watchesFiles() || v.do != doRun && v.do != doRunThen {
		return v
	}
	e.truncated = false
	return afterwards(v, func(ret int64) {
		if ret < 0 {
			return
		}
		if e.happensTo(t, int32(ret), unix.IN_OPEN); e.truncated {
			e.happensTo(t, int32(ret), unix.IN_MODIFY)
		}
	})
}

// openCall is openEnter but for what is told of it.
func (e *engine) openCall(t *task) verdict {
	dirfd := int32(unix.AT_FDCWD)
	o := opening{path: t.arg(0), flags: int(int32(t.arg(1))), flagsArg: 1}
	switch t.call.Nr {
	case unix.SYS_CREAT:
		o.flags, o.flagsArg = unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, -1
	case unix.SYS_OPENAT:
		dirfd, o.path, o.flags, o.flagsArg = t.fd(0), t.arg(1), int(int32(t.arg(2))), 2
	case unix.SYS_OPENAT2:
		dirfd, o.path, o.flagsArg = t.fd(0), t.arg(1), -1
		var how unix.OpenHow
		if t.arg(3) < uint64(len(bytesOf(&how))) {
			return fail(unix.EINVAL)
		}
		if e.tr.ReadFull(t.pid, t.arg(2), bytesOf(&how)) != 0 {
			return fail(unix.EFAULT)
		}
		o.flags = int(how.Flags)
		if r, bad := policy.ResolveFlags.Refused(how.Resolve); bad {
			return e.refusedFlags(t, r)
		}
		if how.Resolve != 0 {
			return e.openResolved(t, dirfd, o, how.Resolve)
		}
	}
	var errno unix.Errno
	if o.w, errno = e.path(t, dirfd, o.path, false); errno != 0 {
		return fail(errno)
	}
	defer func() { o.w.close() }()
	if o.flags&unix.O_PATH != 0 { // opens nothing
		if errno := e.may(t, &o.w, o.flags&unix.O_NOFOLLOW == 0, 0); errno != 0 {
			return fail(errno)
		}
		return run()
	}
	return e.open(t, &o)
}

// openResolved handles openat2 with restrictions on how the path may resolve:
// the kernel judges, and what came out is looked at afterwards. Only files and
// directories are opened this way: what else there is needs more than a look.
func (e *engine) openResolved(t *task, dirfd int32, o opening, resolve uint64) verdict {
	var errno unix.Errno
	if o.w, errno = e.path(t, dirfd, o.path, false); errno != 0 {
		return fail(errno)
	}
	defer func() { o.w.close() }()
	var st unix.Stat_t
	follow := o.flags&unix.O_NOFOLLOW == 0
	errno = e.find(t, &o.w, follow, &st)
	if errno == 0 {
		want := uint32(unix.R_OK)
		if o.flags&unix.O_PATH != 0 {
			want = 0
		}
		if errno := e.mayUse(&st, o.w, follow, want); errno != 0 {
			return fail(errno)
		}
		if st.Dev == e.proc && e.strange(o.w, follow) {
			return fail(unix.ENOENT)
		}
		if k := e.kindOfStat(&st); k != kindFile && k != kindDir || e.outsideFile(&st) {
			if errno := e.resolves(t, dirfd, o, resolve); errno != 0 {
				return fail(errno)
			}
			e.refuse("openat2(resolve)")
			return fail(unix.EINVAL)
		}
	}
	if errno != 0 {
		if errno := e.mayReach(o.w); errno != 0 {
			return fail(errno)
		}
	}
	if errno == unix.ENOENT && o.flags&unix.O_CREAT != 0 {
		return e.create(t, o)
	}
	return e.openNatively(t, o)
}

// resolves asks the kernel whether a path resolves under restrictions.
func (e *engine) resolves(t *task, dirfd int32, o opening, resolve uint64) unix.Errno {
	base := strconv.Itoa(t.pid) + "/cwd"
	if dirfd != unix.AT_FDCWD {
		base = e.fdPath(t, dirfd)
	}
	dir, err := unix.Openat(e.procFD(), base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return errnoOf(err)
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | uint64(o.flags&unix.O_NOFOLLOW), Resolve: resolve}
	fd, err := unix.Openat2(dir, o.w.raw, &how)
	if err != nil {
		return errnoOf(err)
	}
	unix.Close(fd)
	return 0
}

// outsideFile tells whether a file is one that a command was given as
// standard input. It is the caller's, and not in the box: it may be read.
func (e *engine) outsideFile(st *unix.Stat_t) bool {
	return len(e.stdinFiles) > 0 && e.stdinFiles[vfs.KeyOf(st)]
}

// open handles everything else.
func (e *engine) open(t *task, o *opening) verdict {
	follow := o.flags&unix.O_NOFOLLOW == 0 && o.flags&(unix.O_CREAT|unix.O_EXCL) != unix.O_CREAT|unix.O_EXCL
	writing := o.flags&unix.O_ACCMODE != unix.O_RDONLY || o.flags&unix.O_TRUNC != 0
	var st unix.Stat_t
	errno := e.find(t, &o.w, follow, &st)
	if errno != 0 {
		if errno == unix.ENOENT && o.flags&unix.O_CREAT != 0 {
			if errno := e.mayReach(o.w); errno != 0 {
				return fail(errno)
			}
			return e.create(t, *o)
		}
		if errno := e.missing(o.w); errno != 0 {
			return fail(errno)
		}
		return e.openNatively(t, *o)
	}
	if errno := e.mayUse(&st, o.w, follow, 0); errno != 0 {
		return fail(errno)
	}
	if o.flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL || o.flags&unix.O_DIRECTORY != 0 && !isDir(&st) {
		if st.Dev == e.proc && e.strange(o.w, follow) {
			return fail(unix.ENOENT)
		}
		return e.openNatively(t, *o) // fails: it is there, or no directory
	}
	if !writing && (o.flags&unix.O_CREAT == 0 || !isDir(&st)) {
		if errno := e.mayUse(&st, o.w, follow, unix.R_OK); errno != 0 {
			return fail(errno)
		}
		if e.cfg.Foreign && st.Mode&unix.R_OK == 0 && st.Dev != e.proc {
			return e.openNatively(t, *o) // may be refused
		}
	}
	switch e.kindOfStat(&st) {
	case kindFile:
		if e.substituted(&st) {
			return run()
		}
		if errno := e.openFlags(t, o); errno != 0 {
			return fail(errno)
		}
		if !writing {
			if _, base := split(o.w.raw); strings.Contains(base, ".so") {
				e.lookUnmasked(t, o.w)
			}
			if e.mayChange(&st) {
				e.opensReadable(t, e.inode(&st, func() (string, unix.Errno) { return e.canonical(o.w, follow) }))
			}
			e.dateCompiled(o.w, &st)
			return run()
		}
		if e.outsideFile(&st) {
			return fail(unix.EACCES)
		}
		e.unite(t, o.w, &st)
		if n := e.fs.Find(&st); n != nil && o.flags&unix.O_TRUNC != 0 && e.mayChange(&st) {
			e.changesContent(t, n, true)
		}
		return e.openNatively(t, *o)
	case kindDir:
		if o.flags&unix.O_TMPFILE == unix.O_TMPFILE {
			return e.create(t, *o)
		}
		if e.fs.Find(&st) == nil && e.fs.Binds() {
			// It may be known, but for its number.
			e.inode(&st, func() (string, unix.Errno) { return e.canonical(o.w, follow) })
		}
		if st.Dev == e.proc && e.strange(o.w, follow) {
			return fail(unix.ENOENT)
		}
		if st.Dev == e.proc || writing {
			return e.openNatively(t, *o)
		}
		return run()
	case kindProc:
		return e.openProc(t, *o, &st)
	case kindPipe:
		return e.openFIFO(t, *o, &st)
	case kindObject:
		return fail(unix.EACCES) // by its link in /proc: it is root's
	}
	return run()
}

// openNatively lets the kernel open, and looks at what came out.
func (e *engine) openNatively(t *task, o opening) verdict {
	return runThen(func(ret int64) {
		if ret >= 0 {
			e.opened(t, int32(ret), o, false)
			return
		}
		e.busy(t, &o, ret)
		e.denied(t, ret)
		e.exhausted(t, ret)
	})
}

// busy notes that a file cannot be changed because a program runs from it, which is an
// access like the change.
func (e *engine) busy(t *task, o *opening, ret int64) {
	var st unix.Stat_t
	if ret != -int64(unix.ETXTBSY) || o.w.temp || e.stat(o.w, true, &st) != 0 {
		return
	}
	if n := e.fs.Find(&st); n != nil {
		e.writesContent(t, n, conflict.Change)
	}
}

// create lets the kernel create what was not there.
func (e *engine) create(t *task, o opening) verdict {
	if errno := e.openFlags(t, &o); errno != 0 {
		return fail(errno)
	}
	return runThen(func(ret int64) {
		if ret >= 0 {
			e.opened(t, int32(ret), o, true)
			return
		}
		e.denied(t, ret)
		e.exhausted(t, ret)
	})
}

// denied makes one errno, EACCES, of those by which the kernel refuses a change
// to a file and that depend on who runs the box. Outside of the project it may
// be EROFS. In it, a file whose owner has no place in the box's user namespace,
// because an ordinary user runs the box and the file is somebody else's, cannot
// be copied up: that taints, as the owner could have changed it. So does what
// is refused in a box whose project is somebody else's.
func (e *engine) denied(t *task, ret int64) {
	switch ret {
	case -int64(unix.EROFS):
	case -int64(unix.EOVERFLOW):
		e.taint("owner", callName(t)+": a file that belongs to another user cannot be changed", t)
	case -int64(unix.EACCES), -int64(unix.EPERM):
		if e.cfg.Foreign {
			e.taint("owner", callName(t)+": refused; the project belongs to another user, who may do more", t)
		}
		return
	default:
		return
	}
	e.tr.SetResult(t.pid, -int64(unix.EACCES))
}

// opened looks at a descriptor that was opened for writing or creation.
func (e *engine) opened(t *task, fd int32, o opening, created bool) {
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Dev == e.proc {
		return
	}
	path, errno := e.pathOf(e.fdPath(t, fd))
	if known := e.fs.Find(&st); created && o.flags&(unix.O_EXCL|unix.O_TMPFILE) == 0 && known != nil && known.Made && !known.Gone() && !known.Going && e.isAt(known, path) {
		created = false // somebody was faster
	}
	if created {
		switch {
		case o.flags&unix.O_TMPFILE == unix.O_TMPFILE:
			e.madeNameless(t, &st, path)
		case errno == unix.ENAMETOOLONG && !o.w.temp:
			e.made(t, e.entryOf(t, o.w), &st)
			t.release()
		default:
			e.made(t, e.entryNamed(path), &st)
		}
		if o.flags&unix.O_ACCMODE == unix.O_RDWR {
			e.mayMap(t, e.fs.Find(&st), conflict.Read)
		}
		return
	}
	n := e.inode(&st, func() (string, unix.Errno) { return path, 0 })
	if o.flags&(unix.O_ACCMODE|unix.O_TRUNC) != unix.O_RDONLY {
		e.wholeTouches(t, n, touched{meta: true}) // the overlay copies it
	}
	switch {
	case o.flags&unix.O_TRUNC != 0:
		e.truncated = true
		e.changesContent(t, n, true)
		e.writesContent(t, n, conflict.Change)
		t.clk.Overwrite()
		t.writes(n)
		n.Wrote(&t.clk)
		e.staled(t, n)
	case o.flags&unix.O_ACCMODE != unix.O_RDONLY:
		if st.Mode&0o111 != 0 { // nobody can start it meanwhile
			e.onFile(t, n, conflict.Content, conflict.Change)
		}
		t.reopens(n)
	}
	if o.flags&unix.O_ACCMODE != unix.O_WRONLY && e.mayChange(&st) {
		e.opensReadable(t, n)
	}
}

// owner is who owns what the guest makes.
func (e *engine) owner() vfs.Owner {
	return vfs.Owner{UID: uint32(e.cfg.UID), GID: uint32(e.cfg.GID)}
}
