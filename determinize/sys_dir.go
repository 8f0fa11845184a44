package determinize

import (
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// dirKey names a directory that a process reads.
type dirKey struct {
	t  *task
	fd int32
}

// dirStream is the listing of a directory as it was when its reading began.
// The description's offset in the kernel is the index of the next entry, so
// that lseek works by itself.
type dirStream struct {
	dir     vfs.Key
	entries []dirEntry
}

type dirEntry struct {
	name string
	ino  uint64
	kind byte
}

// getdentsEnter handles getdents and getdents64.
func getdentsEnter(e *engine, t *task) verdict {
	fd, buf, size := t.fd(0), t.arg(1), t.arg(2)
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return fail(errno)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fail(unix.ENOTDIR)
	}
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return fail(errno)
	}
	defer unix.Close(local)
	if st.Dev == e.proc {
		owner, isPID, rest := e.procPath(e.dirPath(local))
		if owner != t || !isPID {
			if v, wait := e.order(t, e.everybody(t)); wait {
				return v // it lists others, or what they have
			}
		}
		e.looksInProc(t, owner, isPID, rest)
	}
	if fl, err := unix.FcntlInt(uintptr(local), unix.F_GETFL, 0); err != nil || fl&unix.O_PATH != 0 {
		return fail(unix.EBADF)
	}
	pos, err := unix.Seek(local, 0, unix.SEEK_CUR)
	if err != nil {
		return fail(errnoOf(err))
	}
	if e.mayChange(&st) {
		dir := e.changing(t, fd, &st)
		if v, wait := e.fileTurn(t, dir); wait {
			return v
		}
		e.onFile(t, dir, conflict.Listing, conflict.Read)
	}
	s, errno := e.dirStream(t, fd, vfs.KeyOf(&st), pos)
	if errno != 0 {
		return fail(errno)
	}
	out := make([]byte, 0, min(size, 1<<16))
	next := pos
	for int(next) < len(s.entries) {
		rec := dirent(s.entries[next], next+1, t.call.Nr == unix.SYS_GETDENTS64)
		if len(out)+len(rec) > cap(out) {
			break
		}
		out = append(out, rec...)
		next++
	}
	if len(out) == 0 && int(pos) < len(s.entries) {
		return fail(unix.EINVAL) // no room for one entry
	}
	if e.tr.WriteFull(t.pid, buf, out) != 0 {
		return fail(unix.EFAULT)
	}
	if _, err := unix.Seek(local, next, unix.SEEK_SET); err != nil {
		return fail(errnoOf(err))
	}
	e.happensTo(t, fd, unix.IN_ACCESS)
	return answer(int64(len(out)))
}

// dirent is one record; getdents(2).
func dirent(d dirEntry, off int64, is64 bool) []byte {
	header := 19
	if !is64 {
		header = 18
	}
	n := (header + len(d.name) + 2 + 7) &^ 7 // a zero byte; in the old form, the type in the last byte
	if is64 {
		n = (header + len(d.name) + 1 + 7) &^ 7
	}
	b := make([]byte, n)
	binary.LittleEndian.PutUint64(b, d.ino)
	binary.LittleEndian.PutUint64(b[8:], uint64(off))
	binary.LittleEndian.PutUint16(b[16:], uint16(n))
	if is64 {
		b[18] = d.kind
		copy(b[19:], d.name)
	} else {
		copy(b[18:], d.name)
		b[n-1] = d.kind
	}
	return b
}

// dirStream returns the listing that a descriptor is being read from. Reading
// from the start takes a new one.
func (e *engine) dirStream(t *task, fd int32, dir vfs.Key, pos int64) (*dirStream, unix.Errno) {
	key := dirKey{t, fd}
	if pos != 0 {
		if s := e.dirs[key]; s != nil && s.dir == dir {
			return s, 0
		}
		// A duplicate of a descriptor that is being read.
		var same *dirStream
		least := int32(-1)
		for k, s := range e.dirs {
			if k.t == t && s.dir == dir && (least < 0 || k.fd < least) {
				same, least = s, k.fd
			}
		}
		if same != nil {
			return same, 0
		}
	}
	entries, errno := e.list(t, fd)
	if errno != 0 {
		return nil, errno
	}
	e.showsListing(t, fd, entries)
	s := &dirStream{dir: dir, entries: entries}
	e.dirs[key] = s
	return s, 0
}

// showsListing notes for the record that a task is told what is in a directory.
func (e *engine) showsListing(t *task, fd int32, entries []dirEntry) {
	var st unix.Stat_t
	if t.rec() == nil || e.statFD(t, fd, &st) != 0 || st.Dev == e.proc {
		return
	}
	link := func() string {
		path, _ := e.pathOf(e.fdPath(t, fd))
		return path
	}
	e.sawListing(t, e.inode(&st, func() (string, unix.Errno) { return link(), 0 }), entries, link)
}

// list reads a whole directory, sorted by name, "." and ".." first.
func (e *engine) list(t *task, fd int32) ([]dirEntry, unix.Errno) {
	local, err := unix.Openat(e.procFD(), e.fdPath(t, fd), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer unix.Close(local)
	path := e.dirPath(local)
	var st unix.Stat_t
	if err := unix.Fstat(local, &st); err != nil {
		return nil, errnoOf(err)
	}
	inProc := st.Dev == e.proc
	e.observe(t, &st)
	var out []dirEntry
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Getdents(local, buf)
		if err != nil {
			return nil, errnoOf(err)
		}
		if n == 0 {
			break
		}
		var errno unix.Errno
		if out, errno = parseDirents(buf[:n], out); errno != 0 {
			return nil, errno
		}
	}
	if e.cfg.Shuffle != nil {
		e.cfg.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	if inProc {
		out = e.listProc(t, path, out)
	}
	if !e.cfg.Unpinned.Has(PinOrder) {
		slices.SortFunc(out, func(a, b dirEntry) int {
			if c := dotRank(a.name) - dotRank(b.name); c != 0 {
				return c
			}
			return strings.Compare(a.name, b.name)
		})
	}
	for i := range out {
		out[i].ino = e.entryIno(local, path, &out[i], inProc)
	}
	return out, 0
}

func dotRank(name string) int {
	switch name {
	case ".":
		return 0
	case "..":
		return 1
	}
	return 2
}

// parseDirents appends the records of a getdents64 buffer.
func parseDirents(b []byte, out []dirEntry) ([]dirEntry, unix.Errno) {
	for len(b) > 0 {
		if len(b) < 20 {
			return nil, unix.EIO
		}
		n := int(binary.LittleEndian.Uint16(b[16:]))
		if n < 20 || n > len(b) {
			return nil, unix.EIO
		}
		name := b[19:n]
		if i := slices.Index(name, 0); i >= 0 {
			name = name[:i]
		}
		out = append(out, dirEntry{name: string(name), ino: binary.LittleEndian.Uint64(b), kind: b[18]})
		b = b[n:]
	}
	return out, 0
}

// entryIno is the inode number that a directory entry shows.
func (e *engine) entryIno(dir int, path string, d *dirEntry, inProc bool) uint64 {
	full := strings.TrimSuffix(path, "/") + "/" + d.name
	switch d.name {
	case ".":
		full = path
	case "..":
		full, _ = split(path)
		if full != "/" {
			full = strings.TrimSuffix(full, "/")
		}
	}
	if inProc {
		return e.procIno(full)
	}
	var st unix.Stat_t
	if unix.Fstatat(dir, d.name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil {
		return e.procIno(full)
	}
	if st.Dev == e.proc {
		return e.procIno(full)
	}
	return e.inode(&st, func() (string, unix.Errno) { return full, 0 }).Ino
}

// inheritDirs gives a forked child the listings that its parent is reading.
func (e *engine) inheritDirs(t, child *task) {
	for k, s := range e.dirs {
		if k.t == t {
			e.dirs[dirKey{child, k.fd}] = s
		}
	}
}

// forgetDirs drops a task's listings.
func (e *engine) forgetDirs(t *task) {
	for k := range e.dirs {
		if k.t == t {
			delete(e.dirs, k)
		}
	}
}
