package determinize

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
)

// What the file systems below a box can do differs. Here is what all of them
// can: more is refused, on every host alike.

// MaxFile is the greatest size of a file in bytes: ext4's, with blocks of 4 KiB. The
// kernel enforces it, as the limit RLIMIT_FSIZE that each command starts with;
// the signal that comes with that is taken away.
const MaxFile = 16<<40 - 4096

// maxXattrs bounds what a file's extended attributes take together, counted as
// ext4 counts them. ext4 has one block of 4 KiB for them; the rest of it is for
// those that the guest does not see.
const (
	maxXattrs     = 3072
	xattrOverhead = 16 // for each
)

// rwFlags judges the flags of preadv2 and pwritev2.
func (e *engine) rwFlags(t *task) (verdict, bool) {
	if t.call.Nr != unix.SYS_PREADV2 && t.call.Nr != unix.SYS_PWRITEV2 {
		return verdict{}, true
	}
	if r, bad := policy.RWFlags.Refused(t.arg(5)); bad {
		return e.refusedFlags(t, r), false
	}
	return verdict{}, true
}

// fallocateEnter handles fallocate. Other modes than these two are those of a
// few file systems.
func fallocateEnter(e *engine, t *task) verdict {
	const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	var st unix.Stat_t
	if errno := e.statFD(t, t.fd(0), &st); errno != 0 {
		return fail(errno)
	}
	from, length := int64(t.arg(2)), int64(t.arg(3))
	switch mode := uint32(t.arg(1)); {
	case from < 0 || length <= 0:
		return fail(unix.EINVAL)
	case mode == unix.FALLOC_FL_PUNCH_HOLE:
		return fail(unix.EOPNOTSUPP) // everywhere
	case mode != 0 && mode != unix.FALLOC_FL_KEEP_SIZE && mode != punch:
		e.refuse(callName(t) + "(" + "mode " + strconv.FormatUint(uint64(mode), 16) + ")")
		return fail(unix.EOPNOTSUPP)
	case st.Mode&unix.S_IFMT == unix.S_IFREG && (from > MaxFile || length > MaxFile-from):
		return fail(unix.EFBIG)
	}
	return truncateEnter(e, t)
}

// seekBeyond tells whether an lseek in a regular file leads to where no file
// reaches.
func (e *engine) seekBeyond(t *task, st *unix.Stat_t) bool {
	off := int64(t.arg(1))
	base := int64(0)
	switch t.fd(2) {
	case unix.SEEK_CUR:
		local, errno := e.borrow(t, t.fd(0))
		if errno != 0 {
			return false
		}
		defer unix.Close(local)
		base, _ = unix.Seek(local, 0, unix.SEEK_CUR)
	case unix.SEEK_END:
		base = st.Size
	case unix.SEEK_SET:
	default:
		return false // past the end there is neither data nor a hole
	}
	return off > MaxFile-base
}

// tooBig notes that a call failed at MaxFile, and not at a limit of the guest's
// own: the signal that the kernel sends then is not the guest's.
func (e *engine) tooBig(t *task, ret int64) {
	t.oversize = ret == -int64(unix.EFBIG) && t.limits[unix.RLIMIT_FSIZE].Soft > MaxFile
}

// xattrFits judges the value that a setxattr call gives an attribute.
func (e *engine) xattrFits(t *task, w where, follow bool, name string) unix.Errno {
	size := t.arg(3)
	if size > xattrSizeMax {
		return unix.E2BIG
	}
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !follow && w.raw != "" {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(w.dir, w.path, flags, 0)
	if err != nil {
		return 0 // the kernel says why
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || strings.HasPrefix(name, "user.") && st.Mode&unix.S_IFMT != unix.S_IFREG && !isDir(&st) {
		return 0 // nothing else has them
	}
	if unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.TMPFS_MAGIC && strings.HasPrefix(name, "user.") {
		e.refuse(callName(t) + "(user)") // tmpfs has them since 6.6
		return unix.EOPNOTSUPP
	}
	link := "self/fd/" + strconv.Itoa(fd)
	if err := unix.Fchdir(e.procFD()); err != nil {
		return errnoOf(err)
	}
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Listxattr(link, b) })
	if err != nil {
		return 0
	}
	sum, has := xattrRoom(name, int(size)), false
	for _, n := range names {
		switch {
		case n == name:
			has = true
		case visibleXattr(n):
			length, _ := unix.Getxattr(link, n, nil)
			sum += xattrRoom(n, length)
		}
	}
	if has && t.arg(4)&unix.XATTR_CREATE != 0 || !has && t.arg(4)&unix.XATTR_REPLACE != 0 {
		return 0 // fails
	}
	if sum > maxXattrs {
		e.refuse(callName(t) + "(size)")
		return unix.ENOSPC
	}
	return 0
}

// xattrRoom is what an attribute takes.
func xattrRoom(name string, size int) int { return xattrOverhead + (len(name)+3)&^3 + (size+3)&^3 }

// seals handles F_ADD_SEALS and F_GET_SEALS, which work on memory files alone.
// A file system in memory gives some to all its files.
func (e *engine) seals(t *task) verdict {
	var st unix.Stat_t
	if errno := e.statFD(t, t.fd(0), &st); errno != 0 {
		return fail(errno)
	}
	target, errno := e.pathOf(e.fdPath(t, t.fd(0)))
	if errno != 0 || !strings.HasPrefix(target, "/memfd:") || e.substituted(&st) {
		return fail(unix.EINVAL)
	}
	n := e.inode(&st, func() (string, unix.Errno) { return target, 0 })
	if v, wait := e.fileTurn(t, n); wait {
		return v
	}
	if t.fd(1) == unix.F_GET_SEALS {
		e.onFile(t, n, conflict.Metadata, conflict.Read)
		return run()
	}
	return runThen(func(int64) {
		// Writes fail from now on, or it fails because somebody may write by a mapping.
		e.onFile(t, n, conflict.Metadata, conflict.Change)
		e.onFile(t, n, conflict.Content, conflict.Change)
	})
}

// outOfTime looks whether a task has reached its limit of CPU time, of which it
// has as much as getrusage shows. As the kernel does it sends SIGXCPU at the soft
// limit, and every second from then on, and ends the task at the hard one. true:
// it is ended.
func (e *engine) outOfTime(t *task) bool {
	l := &t.limits[unix.RLIMIT_CPU]
	own := uint64(t.clk.Own() / time.Second)
	switch {
	case own >= l.Hard:
		if t.threaded() {
			e.takesOver(t)
		}
		t.doomed = true
		unix.Kill(t.pid, unix.SIGKILL)
		e.park(t, stateDying)
		return true
	case own >= l.Soft:
		l.Soft++
		t.timedOut = true
		e.raise(t, t.stamp())
		unix.Kill(t.pid, unix.SIGXCPU)
	}
	return false
}

// timeLimit tells whether a SIGXCPU is the engine's. It makes it the kernel's.
func (t *task) timeLimit(info []byte) bool {
	was := t.timedOut
	t.timedOut = false
	if was {
		const kernel = 0x80 // SI_KERNEL
		binary.LittleEndian.PutUint32(info[siCode:], kernel)
		clear(info[siPID : siUID+4])
	}
	return was
}

// oversized tells whether a SIGXFSZ is the kernel's word for MaxFile.
func (e *engine) oversized(t *task) bool {
	was := t.oversize
	t.oversize = false
	return was
}

// openFlags gives O_DIRECT its meaning: a hint that not every file system takes.
func (e *engine) openFlags(t *task, o *opening) unix.Errno {
	drop := policy.OpenFlags.Bits(uint64(uint32(o.flags)), policy.Emulate)
	if drop != 0 && o.flagsArg < 0 {
		e.refuse(callName(t) + "(O_DIRECT)") // its flags are in the guest's memory
		return unix.EINVAL
	}
	e.dropFlags(t, o.flagsArg, drop)
	return 0
}

// statusFlags handles F_SETFL, for which the same holds.
func (e *engine) statusFlags(t *task) verdict {
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	if k == kindFile {
		e.dropFlags(t, 2, policy.OpenFlags.Bits(t.arg(2), policy.Emulate))
	}
	return run()
}
