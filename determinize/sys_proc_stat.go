package determinize

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/vfs"
)

// showProcFile rewrites the stat result of a substitute to that of the file of
// /proc that it stands for.
func (e *engine) showProcFile(st *unix.Stat_t) {
	f := e.procFiles[vfs.KeyOf(st)]
	st.Mode = unix.S_IFREG | e.procPerm(f.path, 0o444)
	st.Ino, st.Size, st.Nlink, st.Rdev = e.procIno(f.path), 0, 1, 0
	st.Dev = e.procDev()
	e.procTimes(f.path, st)
}

// showProc rewrites the stat result of something in /proc, or of anything
// that only the guest's own kernel could resolve.
func (e *engine) showProc(t *task, st *unix.Stat_t) {
	if st.Dev != e.proc && st.Dev != e.procDev() {
		n := e.inode(st, func() (string, unix.Errno) { return "/proc/?", 0 })
		n.Show(st, e.epoch(), nil)
		return
	}
	path := "/proc"
	w, follow, errno := e.statTarget(t)
	if errno == 0 {
		defer func() { w.close() }()
		var at unix.Stat_t
		e.find(t, &w, follow, &at)
		path = e.canonicalSelf(w, follow)
	}
	st.Dev = e.procDev()
	st.Ino = e.procIno(path)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		st.Nlink = 1
	}
	st.Size, st.Blocks, st.Blksize = 0, 0, 1024
	st.Mode = st.Mode&unix.S_IFMT | e.procPerm(path, st.Mode&0o7777)
	e.procTimes(path, st)
}

// statTarget is the place that a stat call asks about.
func (e *engine) statTarget(t *task) (where, bool, unix.Errno) {
	dirfd, path, flags := int32(unix.AT_FDCWD), t.arg(0), uint64(0)
	switch t.call.Nr {
	case unix.SYS_FSTAT:
		return where{dir: e.procFD(), path: e.fdPath(t, t.fd(0))}, true, 0
	case unix.SYS_LSTAT:
		flags = unix.AT_SYMLINK_NOFOLLOW
	case unix.SYS_NEWFSTATAT:
		dirfd, path, flags = t.fd(0), t.arg(1), t.arg(3)
	case unix.SYS_STATX:
		dirfd, path, flags = t.fd(0), t.arg(1), t.arg(2)
	}
	w, errno := e.path(t, dirfd, path, flags&unix.AT_EMPTY_PATH != 0)
	return w, flags&unix.AT_SYMLINK_NOFOLLOW == 0, errno
}

// canonicalSelf is canonical for a place in /proc. What only the guest can resolve
// is as it wrote it.
func (e *engine) canonicalSelf(w where, follow bool) string {
	if p, errno := e.canonical(w, follow); errno == 0 {
		return p
	}
	return w.raw
}

func (e *engine) procPerm(path string, real uint32) uint32 {
	_, isPID, rest := e.procPath(path)
	var row procfs.Row
	var ok bool
	if isPID {
		row, ok = procfs.ProcessRow(rest)
	} else {
		row, ok = procfs.GlobalRow(rest)
	}
	if strings.HasPrefix(rest, "fd/") {
		return real // says how the descriptor is open
	}
	if ok && rest != "" {
		return row.Perm()
	}
	return real
}

// procTimes sets owner and times: everything in /proc is as old as the box,
// and what belongs to a process is its user's.
func (e *engine) procTimes(path string, st *unix.Stat_t) {
	ts := unix.NsecToTimespec(e.epoch())
	st.Atim, st.Mtim, st.Ctim = ts, ts, ts
	st.Uid, st.Gid = 0, 0
	if owner, isPID, _ := e.procPath(path); isPID {
		st.Uid, st.Gid = uint32(e.cfg.UID), uint32(e.cfg.GID)
		if owner != nil && !e.isInit(owner) {
			st.Uid, st.Gid = e.uid(owner), e.gid(owner)
		}
	}
}

func (e *engine) procDev() uint64 { return unix.Mkdev(0, 63) }

// procIno numbers what is in /proc by its path.
func (e *engine) procIno(path string) uint64 {
	sum := sha256.Sum256([]byte("proc\x00" + path))
	return uint64(binary.LittleEndian.Uint32(sum[:]))>>1 | 1<<31
}
