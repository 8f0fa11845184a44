package determinize

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// statEnter handles stat, lstat and newfstatat.
func statEnter(e *engine, t *task) verdict {
	dirfd, pathArg, bufArg, flags := int32(unix.AT_FDCWD), t.arg(0), t.arg(1), uint64(0)
	switch t.call.Nr {
	case unix.SYS_LSTAT:
		flags = unix.AT_SYMLINK_NOFOLLOW
	case unix.SYS_NEWFSTATAT:
		dirfd, pathArg, bufArg, flags = t.fd(0), t.arg(1), t.arg(2), t.arg(3)
	}
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT) != 0 {
		return fail(unix.EINVAL)
	}
	if flags&unix.AT_EMPTY_PATH != 0 && pathArg == 0 && dirfd >= 0 {
		return e.fstat(t, dirfd, bufArg)
	}
	w, errno := e.path(t, dirfd, pathArg, flags&unix.AT_EMPTY_PATH != 0)
	if errno != 0 {
		return fail(errno)
	}
	defer func() { w.close() }()
	if w.raw == "" && dirfd >= 0 {
		return e.fstat(t, dirfd, bufArg)
	}
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	var st unix.Stat_t
	if e.find(t, &w, follow, &st) != 0 {
		if errno := e.missing(w); errno != 0 {
			return fail(errno)
		}
		return e.statNatively(t, bufArg)
	}
	if errno := e.mayUse(&st, w, follow, 0); errno != 0 {
		return fail(errno)
	}
	if st.Dev == e.proc {
		if e.strange(w, follow) {
			return fail(unix.ENOENT)
		}
		return e.statNatively(t, bufArg)
	}
	e.show(t, &st, w, follow)
	return e.put(t, bufArg, bytesOf(&st))
}

// fstatEnter handles fstat.
func fstatEnter(e *engine, t *task) verdict { return e.fstat(t, t.fd(0), t.arg(1)) }

func (e *engine) fstat(t *task, fd int32, buf uint64) verdict {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return fail(errno)
	}
	e.showFD(t, fd, &st)
	return e.put(t, buf, bytesOf(&st))
}

// statNatively lets the guest's own kernel answer, for what only it can
// resolve, and rewrites the answer.
func (e *engine) statNatively(t *task, buf uint64) verdict {
	return runThen(func(ret int64) {
		if ret != 0 {
			return
		}
		var st unix.Stat_t
		if e.tr.ReadFull(t.pid, buf, bytesOf(&st)) != 0 {
			return
		}
		e.showProc(t, &st)
		e.tr.WriteFull(t.pid, buf, bytesOf(&st))
	})
}

// show rewrites a stat result of a place.
func (e *engine) show(t *task, st *unix.Stat_t, w where, follow bool) {
	if e.showObject(st) {
		return
	}
	n := e.inode(st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	seen := n.AsOf(t.ord.Follows)
	t.clk.See(seen.Last)
	t.clk.Learn(seen.Mtime)
	seen.Show(st, e.epoch(), func() int64 { return e.written(w.dir, w.path) })
	e.sawStat(t, n, st, func() string {
		path, _ := e.canonical(w, follow)
		return path
	})
}

// showFD rewrites a stat result of a descriptor.
func (e *engine) showFD(t *task, fd int32, st *unix.Stat_t) {
	link := e.fdPath(t, fd)
	if st.Dev == e.proc {
		e.showProc(t, st)
		return
	}
	if e.substituted(st) {
		// A file of /proc that the engine wrote.
		e.showProcFile(st)
		return
	}
	if e.showObject(st) {
		return
	}
	n := e.inode(st, func() (string, unix.Errno) { return e.pathOf(link) })
	seen := n.AsOf(t.ord.Follows)
	t.clk.See(seen.Last)
	t.clk.Learn(seen.Mtime)
	seen.Show(st, e.epoch(), func() int64 { return e.written(e.procFD(), link) })
	e.sawStat(t, n, st, func() string {
		path, _ := e.pathOf(link)
		return path
	})
}

// written is how many 512-byte blocks of a file were written, counted in the
// file system's blocks.
func (e *engine) written(dir int, path string) int64 {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if e.mayRead(fd) != 0 {
		return 0
	}
	const block = 4096
	var sum, at int64
	for {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if err != nil {
			return sum * (block / 512)
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		if err != nil || hole <= data {
			return sum * (block / 512)
		}
		sum += (hole+block-1)/block - data/block
		at = hole
	}
}

// statx masks and attributes; statx(2).
const statxBasic = unix.STATX_BASIC_STATS

// statxEnter handles statx.
func statxEnter(e *engine, t *task) verdict {
	dirfd, flags, buf := t.fd(0), t.arg(2), t.arg(4)
	const known = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_FORCE_SYNC | unix.AT_STATX_DONT_SYNC
	const sync = unix.AT_STATX_FORCE_SYNC | unix.AT_STATX_DONT_SYNC
	if flags&^known != 0 || flags&sync == sync || t.arg(3)&unix.STATX__RESERVED != 0 {
		return fail(unix.EINVAL)
	}
	var st unix.Stat_t
	s := ""
	if t.arg(1) != 0 || flags&unix.AT_EMPTY_PATH == 0 {
		var errno unix.Errno
		if s, errno = e.tr.ReadString(t.pid, t.arg(1), 4095); errno != 0 {
			return fail(errno)
		}
	}
	if s == "" && flags&unix.AT_EMPTY_PATH != 0 && dirfd >= 0 {
		if errno := e.statFD(t, dirfd, &st); errno != 0 {
			return fail(errno)
		}
		e.showFD(t, dirfd, &st)
		return e.put(t, buf, bytesOf(statxOf(&st)))
	}
	w, errno := e.locate(t, dirfd, s, flags&unix.AT_EMPTY_PATH != 0)
	if errno != 0 {
		return fail(errno)
	}
	defer func() { w.close() }()
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	if errno = e.find(t, &w, follow, &st); errno != 0 {
		if errno := e.missing(w); errno != 0 {
			return fail(errno)
		}
	} else if errno := e.mayUse(&st, w, follow, 0); errno != 0 {
		return fail(errno)
	}
	switch {
	case errno == 0 && st.Dev == e.proc && e.strange(w, follow):
		return fail(unix.ENOENT)
	case errno != 0 || st.Dev == e.proc:
		return runThen(func(ret int64) {
			var x unix.Statx_t
			if ret != 0 || e.tr.ReadFull(t.pid, buf, bytesOf(&x)) != 0 {
				return
			}
			st := statOf(&x)
			e.showProc(t, st)
			e.tr.WriteFull(t.pid, buf, bytesOf(statxOf(st)))
		})
	}
	e.show(t, &st, w, follow)
	return e.put(t, buf, bytesOf(statxOf(&st)))
}

// statxOf converts. Birth times and attributes differ between file systems
// and are left out, which statx(2) allows for any file.
func statxOf(st *unix.Stat_t) *unix.Statx_t {
	when := func(ts unix.Timespec) unix.StatxTimestamp {
		return unix.StatxTimestamp{Sec: ts.Sec, Nsec: uint32(ts.Nsec)}
	}
	return &unix.Statx_t{
		Mask: statxBasic, Blksize: uint32(st.Blksize), Nlink: uint32(st.Nlink),
		Uid: st.Uid, Gid: st.Gid, Mode: uint16(st.Mode), Ino: st.Ino,
		Size: uint64(st.Size), Blocks: uint64(st.Blocks),
		Atime: when(st.Atim), Ctime: when(st.Ctim), Mtime: when(st.Mtim),
		Rdev_major: unix.Major(st.Rdev), Rdev_minor: unix.Minor(st.Rdev),
		Dev_major: unix.Major(st.Dev), Dev_minor: unix.Minor(st.Dev),
	}
}

// statOf converts back what the kernel answered.
func statOf(x *unix.Statx_t) *unix.Stat_t {
	return &unix.Stat_t{
		Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino, Nlink: uint64(x.Nlink),
		Mode: uint32(x.Mode), Uid: x.Uid, Gid: x.Gid,
		Rdev: unix.Mkdev(x.Rdev_major, x.Rdev_minor),
		Size: int64(x.Size), Blksize: int64(x.Blksize), Blocks: int64(x.Blocks),
	}
}

// put answers a call by copying b to the guest.
func (e *engine) put(t *task, addr uint64, b []byte) verdict {
	if errno := e.tr.WriteFull(t.pid, addr, b); errno != 0 {
		return fail(unix.EFAULT)
	}
	return answer(0)
}

// bytesOf is the memory of a kernel structure.
func bytesOf[T any](p *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
}

// epoch is the start of the box's time in nanoseconds since 1970.
func (e *engine) epoch() int64 { return e.cfg.Epoch.UnixNano() }

// meta is the metadata of a path of the box, once everything has ended.
func (e *engine) meta(path string) Meta {
	var st unix.Stat_t
	w := where{dir: unix.AT_FDCWD, path: path, raw: path}
	if e.stat(w, false, &st) != 0 {
		return Meta{}
	}
	n := e.inode(&st, func() (string, unix.Errno) { return path, 0 })
	return Meta{Mtime: e.epoch() + n.Mtime, Owner: n.Owner, Writer: n.Writer}
}

// accessEnter handles access, faccessat and faccessat2. Why something cannot be
// written to depends on who runs the box.
func accessEnter(e *engine, t *task) verdict {
	dirfd, path, mode, flags := int32(unix.AT_FDCWD), t.arg(0), uint32(t.arg(1)), uint32(0)
	if t.call.Nr != unix.SYS_ACCESS {
		dirfd, path, mode = t.fd(0), t.arg(1), uint32(t.arg(2))
	}
	if t.call.Nr == unix.SYS_FACCESSAT2 {
		flags = uint32(t.arg(3))
	}
	if mode&^(unix.R_OK|unix.W_OK|unix.X_OK) == 0 {
		follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
		if errno := e.mayAt(t, dirfd, path, flags&unix.AT_EMPTY_PATH != 0, follow, mode&^unix.W_OK); errno != 0 {
			return fail(errno)
		}
	}
	if mode&unix.W_OK == 0 {
		return run()
	}
	return runThen(func(ret int64) { e.denied(t, ret) })
}

// statfsEnter handles statfs and fstatfs: what the file system is, but never
// how full it is.
func statfsEnter(e *engine, t *task) verdict {
	if t.call.Nr == unix.SYS_STATFS {
		if errno := e.mayAt(t, unix.AT_FDCWD, t.arg(0), false, true, 0); errno != 0 {
			return fail(errno)
		}
	}
	object := t.call.Nr == unix.SYS_FSTATFS && e.objectAt(t, t.fd(0)) != nil
	return runThen(func(ret int64) {
		var s unix.Statfs_t
		if ret != 0 || e.tr.ReadFull(t.pid, t.arg(1), bytesOf(&s)) != 0 {
			return
		}
		const gib = 1 << 30
		if object {
			s.Type = unix.ANON_INODE_FS_MAGIC
		}
		switch s.Type {
		case unix.ANON_INODE_FS_MAGIC, unix.PROC_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.PIPEFS_MAGIC, unix.SOCKFS_MAGIC:
			s = unix.Statfs_t{Type: s.Type, Bsize: 4096, Frsize: 4096, Namelen: 255}
		default:
			s = unix.Statfs_t{
				Type: unix.EXT4_SUPER_MAGIC, Bsize: 4096, Frsize: 4096, Namelen: 255,
				Blocks: 64 * gib / 4096, Bfree: 32 * gib / 4096, Bavail: 32 * gib / 4096,
				Files: 4 << 20, Ffree: 2 << 20,
			}
		}
		e.tr.WriteFull(t.pid, t.arg(1), bytesOf(&s))
	})
}

// readlinkEnter handles readlink and readlinkat. Only the links of /proc need
// to be looked at.
func readlinkEnter(e *engine, t *task) verdict {
	dirfd, pathArg, buf := int32(unix.AT_FDCWD), t.arg(0), t.arg(1)
	if t.call.Nr == unix.SYS_READLINKAT {
		dirfd, pathArg, buf = t.fd(0), t.arg(1), t.arg(2)
	}
	w, errno := e.path(t, dirfd, pathArg, true)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	var st unix.Stat_t
	errno = e.stat(w, w.raw == "", &st)
	if errno == 0 && st.Dev != e.proc {
		if errno := e.mayUse(&st, w, false, 0); errno != 0 {
			return fail(errno)
		}
		e.observe(t, &st)
		return run()
	}
	if errno != 0 {
		if errno := e.missing(w); errno != 0 {
			return fail(errno)
		}
	}
	if e.hidden(t, &w, false) {
		return fail(unix.ENOENT)
	}
	return e.readlinkProc(t, dirfd, w.raw, buf)
}
