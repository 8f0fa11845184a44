package determinize

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// maxRW is the most that one read or write moves; read(2).
const maxRW = 0x7ffff000

// kind is what a descriptor leads to.
type kind uint8

const (
	kindFile    kind = iota // regular file
	kindPipe                // pipe or FIFO
	kindRandom              // /dev/random, /dev/urandom
	kindDevice              // null, zero, full: nothing to pin
	kindTTY                 // terminal
	kindDir                 // directory
	kindProc                // file of /proc
	kindObject              // what the engine holds
	kindSocket              // socket
	kindUnknown             // anything else
)

// kindOf stats a descriptor and says what it leads to.
func (e *engine) kindOf(t *task, fd int32, st *unix.Stat_t) (kind, unix.Errno) {
	if errno := e.statFD(t, fd, st); errno != 0 {
		return kindUnknown, errno
	}
	return e.kindOfStat(st), 0
}

func (e *engine) kindOfStat(st *unix.Stat_t) kind {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if st.Dev == e.proc {
			return kindProc
		}
		return kindFile
	case unix.S_IFSOCK:
		if e.objects[vfs.KeyOf(st)] != nil {
			return kindObject
		}
		if e.socketTable[vfs.KeyOf(st)] != nil {
			return kindSocket
		}
	case unix.S_IFIFO:
		return kindPipe
	case unix.S_IFDIR:
		return kindDir
	case unix.S_IFCHR:
		major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
		switch {
		case major == 1 && (minor == 8 || minor == 9):
			return kindRandom
		case major == 1 && (minor == 3 || minor == 5 || minor == 7):
			return kindDevice
		case major == 5 || major >= 136 && major <= 143:
			return kindTTY
		}
	}
	return kindUnknown
}

// readEnter handles read, readv, pread64, preadv and preadv2.
func readEnter(e *engine, t *task) verdict {
	if v, ok := e.rwFlags(t); !ok {
		return v
	}
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	switch k {
	case kindFile:
		if e.outsideFile(&st) {
			e.readsInput(t)
		}
		if v, wait := e.readsFile(t, t.fd(0), &st); wait {
			return v
		}
		n := e.observe(t, &st)
		v := run()
		if n != nil && n.Shown != nil {
			v = e.readShown(t, n.Shown)
		}
		return e.moves(t, v, t.fd(0), unix.IN_ACCESS)
	case kindPipe:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		return e.readPipe(t, t.fd(0), vfs.KeyOf(&st), 0)
	case kindRandom:
		spans, total, errno := e.rwSpans(t)
		if errno != 0 {
			return fail(errno)
		}
		return e.randomTo(t, spans, total)
	case kindProc:
		if e.procReal(t, t.fd(0)) {
			return run()
		}
		e.refuse(callName(t) + "(/proc)")
		return fail(unix.EACCES)
	case kindTTY:
		return e.readTerminal(t, t.fd(0), &st)
	case kindObject:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		e.inheritedBy(t, t.fd(0), "it reads from what it has inherited")
		return e.objects[vfs.KeyOf(&st)].read(e, t)
	case kindSocket:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		e.usesSocket(t, e.socketTable[vfs.KeyOf(&st)])
		return e.readSocket(t, e.socketTable[vfs.KeyOf(&st)])
	case kindDevice, kindDir:
		return run()
	}
	e.refuse(callName(t) + "(descriptor)")
	return fail(unix.EINVAL)
}

// observe merges the clocks of those who wrote a file into that of its reader. It
// returns the file's inode, if it is known.
func (e *engine) observe(t *task, st *unix.Stat_t) *vfs.Inode {
	n := e.fs.Find(st)
	if n != nil && !n.Written.Same(t.clk.Edge) {
		t.clk.Observe(n.AsOf(t.ord.Follows).Written)
	}
	return n
}

// borrow returns a descriptor of our own for the guest's open file
// description. The caller closes it.
func (e *engine) borrow(t *task, fd int32) (int, unix.Errno) {
	local, err := unix.PidfdGetfd(t.pidfd, int(fd), 0)
	if err != nil {
		return -1, unix.EBADF
	}
	return local, 0
}

// flags returns the open flags of one of the guest's descriptors.
func (e *engine) flags(t *task, fd int32) (int, unix.Errno) {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return 0, errno
	}
	defer unix.Close(local)
	fl, err := unix.FcntlInt(uintptr(local), unix.F_GETFL, 0)
	return fl, errnoOf(err)
}

// readPipe reads from a pipe or FIFO, by a call that has more flags than the descriptor.
func (e *engine) readPipe(t *task, fd int32, k vfs.Key, more int) verdict {
	fl, errno := e.flags(t, fd)
	fl |= more
	if errno != 0 || fl&unix.O_ACCMODE == unix.O_WRONLY || fl&unix.O_PATH != 0 {
		return fail(unix.EBADF)
	}
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if total == 0 {
		return answer(0)
	}
	if s := e.sources[k]; s != nil {
		if v, wait := e.order(t, e.kin(s.of)); wait {
			return v
		}
		e.readsInput(t)
		return e.readSource(t, s, spans, total)
	}
	p := e.pipeOf(t, k)
	e.because(t, p.by, "it reads from a pipe that it has not made")
	take := func() verdict { return e.takeFrom(t, p, spans, total) }
	if fl&unix.O_NONBLOCK != 0 {
		if v, wait := e.order(t, p.scope(e, t, sched.Reads|sched.Writes)); wait {
			return v
		}
		if at, ok := p.Readable(); !ok || !at.Before(t.stamp()) {
			return fail(unix.EAGAIN)
		}
		return take()
	}
	v := block(func() string { return "bytes from a pipe on descriptor " + strconv.Itoa(int(fd)) }, p.scope(e, t, sched.Reads), p.Readable)
	v.then = take
	v.wakers = p.scope(e, t, sched.Reads|sched.Writes)
	return v
}

// takeFrom reads from a pipe in which there is something, or never will be again.
func (e *engine) takeFrom(t *task, p *pipe, spans []span, total int) verdict {
	if p.First() == nil {
		t.clk.Past.Follow(&p.closed[1])
		return answer(0)
	}
	n, errno := e.scatter(t, spans, p.Peek(t.hand(), total))
	if errno != 0 {
		return fail(errno)
	}
	_, had := p.Fits(sched.Atomic)
	t.clk.Receive(p.Read(t.hand(), n, t.clk.B, t.clk.Edge))
	e.tookFrom(p, had)
	return answer(int64(n))
}

// tookFrom notes that something was read from a pipe in which there was room, or not.
func (e *engine) tookFrom(p *pipe, room bool) {
	e.changes++
	if _, ok := p.Fits(sched.Atomic); ok && !room {
		e.notifyEnds(p.key, sched.Writes, pollOut)
	}
}

// writeEnter handles write, writev, pwrite64, pwritev and pwritev2.
func writeEnter(e *engine, t *task) verdict {
	if v, ok := e.rwFlags(t); !ok {
		return v
	}
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	switch k {
	case kindFile:
		return e.writeFile(t, t.fd(0), &st)
	case kindPipe:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		return e.writePipe(t, t.fd(0), vfs.KeyOf(&st), 0)
	case kindObject:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		e.inheritedBy(t, t.fd(0), "it writes to what it has inherited")
		return e.objects[vfs.KeyOf(&st)].write(e, t)
	case kindSocket:
		if readsAt(t) {
			return fail(unix.ESPIPE)
		}
		e.usesSocket(t, e.socketTable[vfs.KeyOf(&st)])
		return e.writeSocket(t, e.socketTable[vfs.KeyOf(&st)])
	case kindTTY:
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v
		}
		return run()
	case kindDevice, kindDir, kindRandom:
		return run()
	case kindProc:
		if e.procWritable(t, t.fd(0)) {
			return run()
		}
		e.refuse(callName(t) + "(/proc)")
		return fail(unix.EACCES)
	}
	e.refuse(callName(t) + "(descriptor)")
	return fail(unix.EINVAL)
}

// writeFile lets a write to a regular file through, and stamps it.
func (e *engine) writeFile(t *task, fd int32, st *unix.Stat_t) verdict {
	fl, errno := e.flags(t, fd)
	if errno != 0 || fl&unix.O_ACCMODE == unix.O_RDONLY || fl&unix.O_PATH != 0 {
		return run() // fails
	}
	n := e.inode(st, func() (string, unix.Errno) { return e.pathOf(e.fdPath(t, fd)) })
	if v, wait := e.fileTurn(t, n); wait {
		return v
	}
	op := conflict.Change
	if fl&unix.O_APPEND != 0 {
		op = conflict.Append
	}
	sunk := e.sinksFile(t, n, st)
	e.writesContent(t, n, op)
	t.sinking = nil
	return e.moves(t, runThen(func(ret int64) {
		if ret > 0 {
			e.wrote(t, n)
			sunk(ret)
		}
		e.exhausted(t, ret)
	}), fd, unix.IN_MODIFY)
}

// wrote stamps a file whose content changed. The first write of an exec to
// something that existed is an overwrite.
func (e *engine) wrote(t *task, n *vfs.Inode) {
	if n.Session != t.exec.id || t.reopened[n] {
		t.writes(n)
		t.clk.Overwrite()
	}
	n.Wrote(&t.clk)
	e.staled(t, n)
}

// writePipe writes to a pipe or FIFO, or to the box's output, by a call that has more flags
// than the descriptor.
func (e *engine) writePipe(t *task, fd int32, k vfs.Key, more int) verdict {
	fl, errno := e.flags(t, fd)
	fl |= more
	if errno != 0 || fl&unix.O_ACCMODE == unix.O_RDONLY || fl&unix.O_PATH != 0 {
		return fail(unix.EBADF)
	}
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if s := e.outs[k]; s != nil {
		return e.writeOutput(t, s, spans, total, fl)
	}
	p := e.pipeOf(t, k)
	if fl&unix.O_NONBLOCK != 0 {
		if v, wait := e.order(t, p.scope(e, t, sched.Reads|sched.Writes)); wait {
			return v
		}
		e.because(t, p.by, "it writes to a pipe that it has not made without waiting")
		return e.writeNow(t, p, spans, total, fl)
	}
	if t.fresh {
		t.ahead++
	}
	if t.ahead >= maxAhead {
		if v, wait := e.order(t, p.scope(e, t, sched.Reads|sched.Writes)); wait {
			return v
		}
		t.ahead = 0
		e.because(t, p.by, "it looks whether somebody reads what it writes")
		if at, gone := p.Released(sched.Reads); gone && at.Before(t.stamp()) {
			return e.unread(t, p)
		}
	}
	return e.writePiece(t, p, spans, total, fl)
}

// maxAhead is after how many writes to pipes a task looks whether somebody still reads.
// Until then it does not wait for those who might.
const maxAhead = 64

// unread is what a write gets that nobody will read.
func (e *engine) unread(t *task, p *pipe) verdict {
	t.clk.Past.Follow(&p.closed[0])
	p.told = append(p.told, t)
	unix.Tgkill(t.first, t.pid, unix.SIGPIPE)
	if t.progress > 0 {
		return answer(int64(t.progress))
	}
	return fail(unix.EPIPE)
}

// writeNow writes as much as fits.
func (e *engine) writeNow(t *task, p *pipe, spans []span, total, flags int) verdict {
	if at, gone := p.Released(sched.Reads); gone && at.Before(t.stamp()) {
		return e.unread(t, p)
	}
	n := min(p.Room(t.stamp()), total)
	if n == 0 && total > 0 || total <= sched.Atomic && n < total {
		return fail(unix.EAGAIN)
	}
	b, errno := e.gather(t, spans, 0, n)
	if errno != 0 || len(b) == 0 && total > 0 {
		return fail(unix.EFAULT)
	}
	e.send(t, p, b, flags)
	return answer(int64(len(b)))
}

// writePiece writes the next part of what fits as a whole, or waits until it does.
// How much is written at once does not depend on how much has been read.
func (e *engine) writePiece(t *task, p *pipe, spans []span, total, flags int) verdict {
	n := min(total-t.progress, sched.Capacity)
	if n == 0 {
		return answer(int64(total))
	}
	v := block(saying("room in a pipe"), p.writeScope(e, t), func() (sched.Stamp, bool) {
		if p.broken(t) {
			return sched.Stamp{}, true
		}
		if at, ok := p.Fits(n); ok {
			return at, true
		}
		return p.Released(sched.Reads)
	})
	v.wakers = p.scope(e, t, sched.Reads|sched.Writes)
	v.then = func() verdict {
		if _, ok := p.Fits(n); !ok || p.broken(t) {
			return e.unread(t, p)
		}
		if room, ok := p.RoomFrom(n); ok {
			e.because(t, p.by, "it waits for room in a pipe that it has not made")
			t.clk.Past.Join(&room.Past)
		}
		b, errno := e.gather(t, spans, t.progress, n)
		if errno != 0 || len(b) == 0 {
			if t.progress > 0 {
				return answer(int64(t.progress))
			}
			return fail(unix.EFAULT)
		}
		e.send(t, p, b, flags)
		t.progress += len(b)
		if len(b) < n {
			return answer(int64(t.progress))
		}
		return e.writePiece(t, p, spans, total, flags)
	}
	v.broken = func() verdict {
		if t.progress > 0 {
			return answer(int64(t.progress))
		}
		return e.interrupt(t, restartSys)
	}
	return v
}
