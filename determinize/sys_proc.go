package determinize

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/vfs"
)

// procPath splits a canonical path of the box below /proc into the task that
// it belongs to, if any, and the rest.
func (e *engine) procPath(path string) (owner *task, isPID bool, rest string) {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, "/proc"), "/")
	first, rest, _ := strings.Cut(rel, "/")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return nil, false, rel
	}
	if pid == 1 && e.init != nil {
		return e.init, true, rest
	}
	return e.vpids[pid], true, rest
}

// openProc handles an open of a file of /proc.
func (e *engine) openProc(t *task, o opening, st *unix.Stat_t) verdict {
	path, errno := e.canonical(o.w, true)
	if errno != 0 {
		return fail(errno)
	}
	owner, isPID, rest := e.procPath(path)
	row, known := procfs.GlobalRow(rest)
	if isPID {
		row, known = procfs.ProcessRow(rest)
	}
	if rest == "mem" && owner != t {
		return fail(unix.EACCES) // another's memory is no channel
	}
	if owner != t || !isPID {
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v // what others do shows in it
		}
	}
	if e.isInit(owner) && isPID {
		return e.openInit(t, o, path, rest)
	}
	if isPID {
		e.sees(t, owner)
	}
	e.looksInProc(t, owner, isPID, rest)
	if !known || isPID && owner == nil {
		e.refuse("open(" + procName(path) + ")")
		return fail(unix.ENOENT)
	}
	if o.flags&unix.O_ACCMODE != unix.O_RDONLY {
		switch row.Write {
		case procfs.WriteReal:
			return run()
		case procfs.WriteIgnored:
			return e.substitute(t, o, path, nil, false)
		}
		e.refuse("open(" + procName(path) + ", write)")
		return fail(unix.EACCES)
	}
	if isPID && row.Reads == "maps" {
		if v, wait := e.seesMaps(t, owner); wait {
			return v
		}
	}
	content, d := e.procContent(t, owner, isPID, rest, row, path)
	switch d {
	case procfs.Real:
		return run()
	case procfs.Denied:
		e.refuse("open(" + procName(path) + ")")
		return fail(unix.EACCES)
	case procfs.Absent:
		e.refuse("open(" + procName(path) + ")")
		return fail(unix.ENOENT)
	}
	return e.substitute(t, o, path, content, true)
}

// sees notes that a task is shown what another one, or it itself, is doing and who its
// parent is.
func (e *engine) sees(t, owner *task) {
	switch {
	case owner == nil:
	case owner == t:
		e.parentOf(t)
	case !e.serial && owner.clk.B > t.clk.B && !owner.ended():
		e.overtaken("life", lateLook, t)
	}
}

// openInit handles an open of a file of the box's init, of which the guest is
// shown no more than that it is there.
func (e *engine) openInit(t *task, o opening, path, rest string) verdict {
	content, ok := map[string]string{"comm": "init\n", "cmdline": "init\x00"}[rest]
	if !ok || o.flags&unix.O_ACCMODE != unix.O_RDONLY {
		e.refuse("open(/proc/1)")
		return fail(unix.EACCES)
	}
	return e.substitute(t, o, path, []byte(content), true)
}

// strange tells whether something in /proc is not there for the guest: it
// belongs to a task that is not the guest's to see, or has no row.
func (e *engine) strange(w where, follow bool) bool {
	path := e.canonicalSelf(w, follow)
	owner, isPID, rest := e.procPath(path)
	if isPID {
		e.about = owner
	}
	if isPID && (owner == nil || e.isInit(owner) && strings.HasPrefix(rest, "task/")) {
		return true
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(path, "/proc"), "/")
	first, _, _ := strings.Cut(rel, "/")
	if rel == "" || rest == "" || first == "self" || first == "thread-self" {
		return false
	}
	dir, name := split(rel)
	return !procfs.Visible(strings.TrimSuffix(dir, "/"), name)
}

// hidden tells whether a place is one of /proc that is strange to the guest.
func (e *engine) hidden(t *task, w *where, follow bool) bool {
	var st unix.Stat_t
	return e.find(t, w, follow, &st) == 0 && st.Dev == e.proc && e.strange(*w, follow)
}

// procName is a path of /proc as reports name it: without pids.
func procName(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if _, err := strconv.Atoi(p); err == nil {
			parts[i] = "N"
		}
	}
	return strings.Join(parts, "/")
}

// procContent is what a file of /proc holds for the task that opens it.
func (e *engine) procContent(t, owner *task, isPID bool, rest string, row procfs.Row, path string) ([]byte, procfs.Disposition) {
	var c procfs.Clock
	if row.Uses&procfs.UsesClock != 0 {
		now := e.readClock(t)
		c.Now, c.Uptime = time.Duration(now), time.Duration(now+uptime)
	}
	c.Random = func(b []byte) { t.rnd.Read(b) }
	if !isPID {
		return procfs.Global(rest, e.procfs, c)
	}
	var real []byte
	if row.Reads != "" {
		dir, _ := split(path)
		var errno unix.Errno
		name := dir + row.Reads
		if strings.Contains(row.Reads, "*") {
			name = path
		}
		if real, errno = readAll(unix.AT_FDCWD, name); errno != 0 {
			return nil, procfs.Absent
		}
	}
	return procfs.PerProcess(rest, real, e.procfs, e.procProcess(owner, t))
}

// seesMaps notes that a task is shown the names of the files that a process has mapped.
func (e *engine) seesMaps(t, owner *task) (verdict, bool) {
	maps, _ := readAll(e.procFD(), strconv.Itoa(owner.pid)+"/maps")
	last := ""
	for line := range bytes.Lines(maps) {
		_, path, ok := mappedFile(string(line))
		if !ok || path == last {
			continue
		}
		last = path
		if v, wait := e.readsPath(t, path, false, nil); wait {
			return v, true
		}
	}
	return verdict{}, false
}

// procProcess describes a task for its files in /proc, which another one, or it itself,
// opens.
func (e *engine) procProcess(t, asker *task) procfs.Process {
	p := procfs.Process{
		PID: t.vpid, PPID: 1, PGID: t.pgid, SID: t.sid, Threads: len(t.threads),
		UID: int(e.uid(t)), GID: int(e.gid(t)), Users: e.cfg.Users,
		Nice: t.nice, OwnTime: t.clk.Own(), Start: time.Duration(t.born + uptime),
		Limits: &t.limits, TPGID: -1, Auxv: t.auxv,
	}
	if e.isInit(t) {
		p.PPID, p.Comm, p.State = 0, "init", 'S'
		return p
	}
	if f := t.parentAt(asker.stamp()); f != nil {
		p.PPID = f.vpid
	} else if t.parentless() {
		p.PPID = 0
	}
	if comm, errno := e.readProc(strconv.Itoa(t.pid) + "/comm"); errno == 0 {
		p.Comm = string(bytes.TrimSuffix(comm, []byte("\n")))
	}
	for _, k := range t.kids {
		if k.state != stateDead && k.bornBefore(asker) {
			p.Children = append(p.Children, k.vpid)
		}
	}
	switch t.state {
	case stateBlocked, stateVfork:
		p.State = 'S'
	case stateStopped:
		p.State = 'T'
	case stateDead, stateExiting:
		p.State = 'Z'
	default:
		p.State = 'R'
	}
	if real, errno := e.readProc(strconv.Itoa(t.pid) + "/mountinfo"); errno == 0 {
		p.Mounts = procfs.Mounts(real)
	}
	p.VDev = e.mappedNumbers
	p.MountDev = e.mountDev
	p.FDInode = func(fd int) uint64 {
		var st unix.Stat_t
		if e.statFD(t, int32(fd), &st) != 0 {
			return 0
		}
		e.showFD(t, int32(fd), &st)
		return st.Ino
	}
	return p
}

// mountDev is the device number that is shown of files of a mount.
func (e *engine) mountDev(point string) uint64 {
	var st unix.Stat_t
	w := where{dir: unix.AT_FDCWD, path: point, raw: point}
	if e.stat(w, true, &st) != 0 {
		return 0
	}
	if st.Dev == e.proc {
		return e.procDev()
	}
	return e.inode(&st, func() (string, unix.Errno) { return point, 0 }).Dev
}

// readAll reads a whole file, bounded.
func readAll(dir int, path string) ([]byte, unix.Errno) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer unix.Close(fd)
	var out []byte
	buf := make([]byte, 1<<16)
	for len(out) < procfs.MaxReal {
		n, err := unix.Read(fd, buf)
		if err != nil {
			return nil, errnoOf(err)
		}
		if n == 0 {
			return out, 0
		}
		out = append(out, buf[:n]...)
	}
	return nil, unix.EFBIG
}

// procFile is a file of /proc for which the guest holds a substitute.
type procFile struct {
	path string
	size int64
}

// substituted tells whether a file is one that the engine put in the place of
// a file of /proc.
func (e *engine) substituted(st *unix.Stat_t) bool {
	_, ok := e.procFiles[vfs.KeyOf(st)]
	return ok
}

// substitute opens a memory file with the given content in the place of a file
// of /proc: the open call becomes a memfd_create, whose name is the path that
// the guest already has in its memory.
func (e *engine) substitute(t *task, o opening, path string, content []byte, seal bool) verdict {
	name := o.path
	if n := len(o.w.raw); n > 200 {
		name += uint64(n - 200) // a name has at most 249 bytes
	}
	flags := uint64(unix.MFD_ALLOW_SEALING)
	if o.flags&unix.O_CLOEXEC != 0 {
		flags |= unix.MFD_CLOEXEC
	}
	e.tr.SetNr(t.pid, unix.SYS_MEMFD_CREATE)
	e.setArg(t, 0, name)
	e.setArg(t, 1, flags)
	return runThen(func(ret int64) {
		if ret < 0 {
			return
		}
		local, errno := e.borrow(t, int32(ret))
		if errno != 0 {
			return
		}
		defer unix.Close(local)
		for b := content; len(b) > 0; {
			n, err := unix.Write(local, b)
			if err != nil {
				e.fatal = err
				return
			}
			b = b[n:]
		}
		unix.Seek(local, 0, unix.SEEK_SET)
		if seal {
			unix.FcntlInt(uintptr(local), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
		}
		var st unix.Stat_t
		if unix.Fstat(local, &st) == nil {
			e.procFiles[vfs.KeyOf(&st)] = procFile{path: path}
		}
	})
}

// readlinkProc lets the guest's kernel read a link of /proc, and normalises
// what it says.
func (e *engine) readlinkProc(t *task, dirfd int32, raw string, buf uint64) verdict {
	if strings.Contains(raw, "fd/") {
		e.because(t, boxes, "it asks where its descriptors lead")
	}
	size := t.arg(2)
	if t.call.Nr == unix.SYS_READLINKAT {
		size = t.arg(3)
	}
	return runThen(func(ret int64) {
		if ret <= 0 {
			return
		}
		b := make([]byte, min(ret, 1<<12))
		if e.tr.ReadFull(t.pid, buf, b) != 0 {
			return
		}
		if b[0] == '/' && t.exec != nil && !e.cfg.Unwatched && !strings.HasSuffix(string(b), deletedMark) {
			e.reads(t, nil, string(b), false, nil) // it tells them
		}
		s := e.linkText(t, raw, string(b))
		if s == string(b) {
			return
		}
		b = []byte(s)[:min(len(s), int(min(size, 1<<12)))]
		if e.tr.WriteFull(t.pid, buf, b) == 0 {
			e.tr.SetResult(t.pid, int64(len(b)))
		}
	})
}

// nameless tells whether a link of /proc leads to a file that was made with
// O_TMPFILE, which the kernel calls by its number, and in which directory.
func nameless(target string) (dir string, ok bool) {
	target, ok = strings.CutSuffix(target, " (deleted)")
	dir, base := split(target)
	number, hash := strings.CutPrefix(base, "#")
	_, err := strconv.ParseUint(number, 10, 64)
	return dir, ok && hash && err == nil
}

// linkText is what a link of /proc says in the box.
func (e *engine) linkText(t *task, raw, target string) string {
	memfd := strings.HasPrefix(target, "/memfd:")
	if dir, number := nameless(target); memfd || number {
		// A substitute for a file of /proc, the guest's own memory file, or a
		// file that never had a name.
		_, base := split(raw)
		var st unix.Stat_t
		if fd, err := strconv.ParseInt(base, 10, 32); err == nil && e.statFD(t, int32(fd), &st) == 0 {
			if f, ok := e.procFiles[vfs.KeyOf(&st)]; ok {
				return f.path
			}
			if n := e.fs.Known(vfs.KeyOf(&st)); n != nil && number {
				return dir + "#" + strconv.FormatUint(n.Ino, 10) + " (deleted)"
			}
		}
		return target
	}
	if number, ok := strings.CutPrefix(target, "socket:["); ok {
		if ino, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
			if s, ok := e.objectLink(ino); ok {
				return s
			}
		}
	}
	return procfs.Link(target, func(kind string, ino uint64) uint64 {
		if kind == "pipe" {
			if n := e.fs.Known(vfs.Key{Dev: e.pipes, Ino: ino}); n != nil {
				return n.Ino
			}
			n := e.fs.Lower(vfs.Key{Dev: e.pipes, Ino: ino}, "pipe:")
			return n.Ino
		}
		if n := e.fs.Known(vfs.Key{Dev: e.sockets, Ino: ino}); kind == "socket" && n != nil {
			return n.Ino
		}
		return e.procIno(kind)
	})
}

// listProc leaves out of a listing of /proc what depends on the host, and what
// is not the guest's.
func (e *engine) listProc(t *task, path string, in []dirEntry) []dirEntry {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, "/proc"), "/")
	if rel == "" {
		for pid := range e.usedPIDs {
			if e.reapedAfter(t, pid) {
				e.overtaken("life", lateLook, t)
				break
			}
		}
	}
	init := e.init != nil && (rel == "1" || strings.HasPrefix(rel, "1/"))
	out := in[:0]
	for _, d := range in {
		if d.name == "." || d.name == ".." {
			out = append(out, d)
			continue
		}
		if init && rel != "1" {
			continue // of no concern to the guest
		}
		if pid, err := strconv.Atoi(d.name); err == nil && rel == "" {
			if u := e.vpids[pid]; pid == 1 || u != nil && u.bornBefore(t) {
				out = append(out, d)
			}
			continue
		}
		if procfs.Visible(rel, d.name) {
			out = append(out, d)
		}
	}
	return out
}

// procReal tells whether a descriptor leads to a file of /proc whose content is
// the kernel's own.
func (e *engine) procReal(t *task, fd int32) bool {
	row, ok := e.procRow(t, fd)
	return ok && row.Disposition == procfs.Real
}

// procWritable tells whether a descriptor leads to a file of /proc that may
// be written.
func (e *engine) procWritable(t *task, fd int32) bool {
	row, ok := e.procRow(t, fd)
	return ok && row.Write == procfs.WriteReal
}

// procRow returns the row of the file of /proc that a descriptor leads to. There
// is none for another's memory, to which a descriptor may have been inherited.
func (e *engine) procRow(t *task, fd int32) (procfs.Row, bool) {
	path, errno := e.pathOf(e.fdPath(t, fd))
	if errno != 0 {
		return procfs.Row{}, false
	}
	owner, isPID, rest := e.procPath(path)
	if !isPID {
		return procfs.GlobalRow(rest)
	}
	if owner == nil || rest == "mem" && owner != t {
		return procfs.Row{}, false
	}
	return procfs.ProcessRow(rest)
}
