package determinize

import (
	"context"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

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
		n := e.observe(t, &st)
		if n != nil && n.Shown != nil {
			return e.readShown(t, n.Shown)
		}
		return run()
	case kindPipe:
		if t.call.Nr != unix.SYS_READ && t.call.Nr != unix.SYS_READV && !(t.call.Nr == unix.SYS_PREADV2 && int64(t.arg(3)) == -1) {
			return fail(unix.ESPIPE)
		}
		return e.readPipe(t, t.fd(0), vfs.KeyOf(&st))
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
	case kindDevice, kindDir:
		return run()
	}
	e.refuse(callName(t) + "(descriptor)")
	return fail(unix.EINVAL)
}

// observe merges the clock of who wrote a file last into that of its reader. It
// returns the file's inode, if it is known.
func (e *engine) observe(t *task, st *unix.Stat_t) *vfs.Inode {
	n := e.fs.Find(st)
	if n != nil && n.Last != t.clk.Edge {
		t.clk.Receive(n.Last)
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

// hasWriters tells whether anything can still be written to the pipe that a
// read end leads to. No byte ever enters the kernel's pipe, so reading from it
// tells: an end of file, or nothing yet.
func (e *engine) hasWriters(t *task, fd int32) bool {
	local, err := unix.Openat(e.procFD(), fdPath(t, fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		// A FIFO that this user may no longer open.
		return e.hungUp(t, fd) == 0
	}
	defer unix.Close(local)
	var b [1]byte
	_, err = unix.Read(local, b[:])
	return err == unix.EAGAIN
}

// hasReaders tells whether anybody can still read what a write end is given.
func (e *engine) hasReaders(t *task, fd int32) bool {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return false
	}
	defer unix.Close(local)
	p := []unix.PollFd{{Fd: int32(local), Events: unix.POLLOUT}}
	unix.Poll(p, 0)
	return p[0].Revents&unix.POLLERR == 0
}

// pipeEnd is one end of a pipe: whoever reads, or whoever writes.
type pipeEnd struct {
	pipe   vfs.Key
	writes bool
}

// onRelease makes the question whether nobody has an end of a pipe open any more,
// whose answer only a released descriptor can change, cheap to ask again: for one
// task, and for the many that may wait for the same pipe.
func (e *engine) onRelease(end pipeEnd, gone func() bool) func() bool {
	at, was := e.released, false
	return func() bool {
		if at == e.released {
			return was
		}
		at = e.released
		if e.goneAt != at {
			e.goneAt, e.goneEnds = at, make(map[pipeEnd]bool)
		}
		var known bool
		if was, known = e.goneEnds[end]; !known {
			was = gone()
			e.goneEnds[end] = was
		}
		return was
	}
}

// readPipe reads from a pipe or FIFO.
func (e *engine) readPipe(t *task, fd int32, k vfs.Key) verdict {
	fl, errno := e.flags(t, fd)
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
	if v, wait := e.order(t); wait {
		return v
	}
	if k == e.cfg.StdinKey && e.cfg.Stdin != nil {
		return e.readStdin(t, spans, total)
	}
	c := e.channelOf(k)
	if c == nil {
		switch {
		case !e.hasWriters(t, fd):
			return answer(0)
		case fl&unix.O_NONBLOCK != 0:
			return fail(unix.EAGAIN)
		}
		ended := e.onRelease(pipeEnd{k, true}, func() bool { return !e.hasWriters(t, fd) })
		return block("bytes from a pipe on descriptor "+strconv.Itoa(int(fd)), func() bool {
			return e.channelOf(k) != nil || ended()
		})
	}
	n, errno := e.scatter(t, spans, c.peek(t, total))
	if errno != 0 {
		return fail(errno)
	}
	t.clk.Receive(e.consume(k, n))
	return answer(int64(n))
}

// readStdin reads the command's standard input from outside: as much as was
// asked for, or what is left, so that it does not matter how the bytes came.
func (e *engine) readStdin(t *task, spans []span, total int) verdict {
	want := min(total, capacity)
	if e.cfg.Live {
		want = 1 // and what else is there
	}
	if errno := e.fillStdin(want); errno != 0 {
		return fail(errno)
	}
	n, errno := e.scatter(t, spans, e.stdin[:min(len(e.stdin), total)])
	if errno != 0 {
		return fail(errno)
	}
	e.stdin = e.stdin[n:]
	return answer(int64(n))
}

// fillStdin reads standard input until n bytes of it are at hand, or its end.
func (e *engine) fillStdin(n int) unix.Errno {
	in := int(e.cfg.Stdin.Fd())
	buf := make([]byte, capacity)
	for len(e.stdin) < n && !e.stdinEnded {
		k, err := unix.Read(in, buf)
		switch {
		case err == unix.EINTR:
			if e.outside() != nil {
				return unix.EINTR
			}
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}}, -1)
			if e.outside() != nil {
				return unix.EINTR
			}
		case err != nil:
			return errnoOf(err)
		case k == 0:
			e.stdinEnded = true
		default:
			e.stdin = append(e.stdin, buf[:k]...)
		}
	}
	return 0
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
		if t.call.Nr != unix.SYS_WRITE && t.call.Nr != unix.SYS_WRITEV && !(t.call.Nr == unix.SYS_PWRITEV2 && int64(t.arg(3)) == -1) {
			return fail(unix.ESPIPE)
		}
		return e.writePipe(t, t.fd(0), vfs.KeyOf(&st))
	case kindDevice, kindDir, kindTTY, kindRandom:
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
	n := e.inode(st, func() (string, unix.Errno) { return e.pathOf(fdPath(t, fd)) })
	return runThen(func(ret int64) {
		if ret > 0 {
			e.wrote(t, n)
		}
		e.exhausted(t, ret)
	})
}

// wrote stamps a file whose content changed. The first write of an exec to
// something that existed is an overwrite.
func (e *engine) wrote(t *task, n *vfs.Inode) {
	if n.Session != t.exec.id {
		t.writes(n)
		t.clk.Overwrite()
	}
	n.Touch(&t.clk)
	e.staled(t, n)
}

// stream tells which of the box's output streams a pipe is: 1, 2 or 0.
func (e *engine) stream(k vfs.Key) int {
	switch k {
	case e.cfg.Stdout:
		return 1
	case e.cfg.Stderr:
		return 2
	}
	return 0
}

// writePipe writes to a pipe or FIFO, or to the box's output.
func (e *engine) writePipe(t *task, fd int32, k vfs.Key) verdict {
	fl, errno := e.flags(t, fd)
	if errno != 0 || fl&unix.O_ACCMODE == unix.O_RDONLY || fl&unix.O_PATH != 0 {
		return fail(unix.EBADF)
	}
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if v, wait := e.order(t); wait {
		return v
	}
	if s := e.stream(k); s != 0 {
		return e.writeOutput(t, s, spans, total)
	}
	if !e.hasReaders(t, fd) {
		// The kernel's pipe has no reader either: EPIPE and SIGPIPE.
		sent := int64(t.progress)
		return runThen(func(ret int64) {
			if sent > 0 && ret == -int64(unix.EPIPE) {
				e.tr.SetResult(t.pid, sent)
			}
		})
	}
	for t.progress < total {
		room := e.channelOf(k).room()
		left := total - t.progress
		if total <= pipeBuf && room < left {
			room = 0
		}
		if room == 0 {
			if fl&unix.O_NONBLOCK != 0 {
				if t.progress > 0 {
					return answer(int64(t.progress))
				}
				return fail(unix.EAGAIN)
			}
			return e.waitForRoom(t, fd, k, total)
		}
		b, errno := e.gather(t, spans, t.progress, min(left, room))
		if errno != 0 || len(b) == 0 {
			if t.progress > 0 {
				return answer(int64(t.progress))
			}
			return fail(unix.EFAULT)
		}
		e.send(t, k, b, t.clk.Edge, fl&unix.O_DIRECT != 0)
		t.progress += len(b)
	}
	return answer(int64(total))
}

// waitForRoom blocks a writer until the pipe takes more.
func (e *engine) waitForRoom(t *task, fd int32, k vfs.Key, total int) verdict {
	need := 1
	if total <= pipeBuf {
		need = total
	}
	unread := e.onRelease(pipeEnd{k, false}, func() bool { return !e.hasReaders(t, fd) })
	v := block("room in a pipe on descriptor "+strconv.Itoa(int(fd)), func() bool {
		return e.channelOf(k).room() >= need || unread()
	})
	v.broken = func() verdict {
		if t.progress > 0 {
			return answer(int64(t.progress))
		}
		return e.interrupt(t, restartSys)
	}
	return v
}

// writeOutput hands the guest's output over.
func (e *engine) writeOutput(t *task, stream int, spans []span, total int) verdict {
	done := 0
	for done < total {
		b, errno := e.gather(t, spans, done, total-done)
		if errno != 0 || len(b) == 0 {
			if done > 0 {
				return answer(int64(done))
			}
			return fail(unix.EFAULT)
		}
		if !e.output(t, stream, b) {
			return verdict{do: doHold}
		}
		done += len(b)
	}
	return answer(int64(total))
}

// output hands bytes to whoever reads an output stream of the box. When it returns
// false, the box ends.
func (e *engine) output(t *task, stream int, b []byte) bool {
	err := e.cfg.Output(stream, t.exec.path, b)
	switch {
	case err == nil:
		return true
	case errors.Is(err, context.Canceled):
		e.fatal = ErrCanceled
	default:
		e.fatal = ErrOutput
	}
	return false
}
