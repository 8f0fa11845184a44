package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// Moving bytes between descriptors in the kernel would go past the channels
// that hold what is in pipes. The engine moves them itself: out of a file
// through a borrowed descriptor, into a channel, or back.

const spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK | unix.SPLICE_F_MORE | unix.SPLICE_F_GIFT

// end is one side of a move.
type end struct {
	fd    int32
	kind  kind
	key   vfs.Key
	st    unix.Stat_t
	local int   // borrowed descriptor
	off   int64 // offset in a file, or -1 for the description's own
	flags int
}

// moveEnd looks at a descriptor. The caller closes local.
func (e *engine) moveEnd(t *task, fd int32, off int64) (end, unix.Errno) {
	x := end{fd: fd, off: off, local: -1}
	var errno unix.Errno
	if x.kind, errno = e.kindOf(t, fd, &x.st); errno != 0 {
		return x, errno
	}
	x.key = vfs.KeyOf(&x.st)
	if x.local, errno = e.borrow(t, fd); errno != 0 {
		return x, errno
	}
	fl, err := unix.FcntlInt(uintptr(x.local), unix.F_GETFL, 0)
	x.flags = fl
	return x, errnoOf(err)
}

func (x *end) close() {
	if x.local >= 0 {
		unix.Close(x.local)
	}
}

// sendfileEnter handles sendfile.
func sendfileEnter(e *engine, t *task) verdict {
	off, errno := e.offsetAt(t, t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	in, errno := e.moveEnd(t, t.fd(1), off)
	defer in.close()
	if errno != 0 {
		return fail(errno)
	}
	out, errno := e.moveEnd(t, t.fd(0), -1)
	defer out.close()
	if errno != 0 {
		return fail(errno)
	}
	if in.kind == kindPipe && t.arg(2) != 0 {
		return fail(unix.ESPIPE)
	}
	if in.kind != kindFile {
		return fail(unix.EINVAL)
	}
	return e.move(t, &in, &out, int(min(t.arg(3), maxRW)), t.arg(2), 0, true)
}

// spliceEnter handles splice.
func spliceEnter(e *engine, t *task) verdict {
	offIn, errno := e.offsetAt(t, t.arg(1))
	if errno != 0 {
		return fail(errno)
	}
	offOut, errno := e.offsetAt(t, t.arg(3))
	if errno != 0 {
		return fail(errno)
	}
	if t.arg(4) == 0 {
		return answer(0)
	}
	in, errno := e.moveEnd(t, t.fd(0), offIn)
	defer in.close()
	if errno != 0 {
		return fail(errno)
	}
	out, errno := e.moveEnd(t, t.fd(2), offOut)
	defer out.close()
	if errno != 0 {
		return fail(errno)
	}
	if in.kind != kindPipe && out.kind != kindPipe {
		return fail(unix.EINVAL)
	}
	if in.kind == kindPipe && out.kind == kindPipe && in.key == out.key {
		return fail(unix.EINVAL)
	}
	if (in.kind == kindPipe || in.kind == kindSocket) && t.arg(1) != 0 || (out.kind == kindPipe || out.kind == kindSocket) && t.arg(3) != 0 {
		return fail(unix.ESPIPE)
	}
	if t.arg(5)&^spliceFlags != 0 {
		return fail(unix.EINVAL)
	}
	if t.arg(5)&unix.SPLICE_F_NONBLOCK != 0 {
		in.flags |= unix.O_NONBLOCK
		out.flags |= unix.O_NONBLOCK
	}
	return e.move(t, &in, &out, int(min(t.arg(4), maxRW)), t.arg(1), t.arg(3), true)
}

// teeEnter handles tee: splice between two pipes that does not consume.
func teeEnter(e *engine, t *task) verdict {
	in, errno := e.moveEnd(t, t.fd(0), -1)
	defer in.close()
	if errno != 0 {
		return fail(errno)
	}
	out, errno := e.moveEnd(t, t.fd(1), -1)
	defer out.close()
	if errno != 0 {
		return fail(errno)
	}
	if in.kind != kindPipe || out.kind != kindPipe || in.key == out.key || t.arg(3)&^spliceFlags != 0 {
		return fail(unix.EINVAL)
	}
	if t.arg(3)&unix.SPLICE_F_NONBLOCK != 0 {
		in.flags |= unix.O_NONBLOCK
		out.flags |= unix.O_NONBLOCK
	}
	return e.move(t, &in, &out, int(min(t.arg(2), maxRW)), 0, 0, false)
}

// vmspliceEnter handles vmsplice, which is a write to or a read from a pipe.
func vmspliceEnter(e *engine, t *task) verdict {
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	switch {
	case t.arg(3)&^spliceFlags != 0:
		return fail(unix.EINVAL)
	case k != kindPipe:
		return fail(unix.EBADF)
	}
	more := 0
	if t.arg(3)&unix.SPLICE_F_NONBLOCK != 0 {
		more = unix.O_NONBLOCK
	}
	fl, errno := e.flags(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	if fl&unix.O_ACCMODE == unix.O_RDONLY {
		return e.readPipe(t, t.fd(0), vfs.KeyOf(&st), more)
	}
	return e.writePipe(t, t.fd(0), vfs.KeyOf(&st), more)
}

// offsetAt reads an offset argument: -1 when there is none.
func (e *engine) offsetAt(t *task, addr uint64) (int64, unix.Errno) {
	if addr == 0 {
		return -1, 0
	}
	var b [8]byte
	if e.tr.ReadFull(t.pid, addr, b[:]) != 0 {
		return 0, unix.EFAULT
	}
	off := int64(binary.LittleEndian.Uint64(b[:]))
	if off < 0 {
		return 0, unix.EINVAL
	}
	return off, 0
}

// move moves at most n bytes and writes offsets back.
func (e *engine) move(t *task, in, out *end, n int, inOff, outOff uint64, consume bool) verdict {
	if v, wait := e.takesTurn(t); wait {
		return v
	}
	for _, x := range [...]*end{in, out} {
		if p := e.pipeTable[x.key]; x.kind == kindPipe && p != nil {
			e.because(t, p.by, "it moves bytes by a pipe that it has not made")
		}
	}
	if in.flags&unix.O_ACCMODE == unix.O_WRONLY || out.flags&unix.O_ACCMODE == unix.O_RDONLY {
		return fail(unix.EBADF)
	}
	if out.kind == kindFile && out.flags&unix.O_APPEND != 0 {
		return fail(unix.EINVAL)
	}
	if n == 0 {
		return answer(0)
	}
	most := min(n, sched.Capacity)
	if in.kind == kindFile && out.kind == kindFile {
		most = n
	}
	n = min(n, sched.Capacity)
	if out.kind == kindPipe && e.outs[out.key] == nil {
		p := e.pipeOf(t, out.key)
		if at, gone := p.Released(sched.Reads); gone && at.Before(t.stamp()) {
			// SIGPIPE too, as from any write to a pipe that nobody reads.
			unix.Tgkill(t.first, t.pid, unix.SIGPIPE)
			return fail(unix.EPIPE)
		}
		room := p.Room(t.stamp())
		if room == 0 {
			if out.flags&unix.O_NONBLOCK != 0 {
				return fail(unix.EAGAIN)
			}
			return block(saying("room in a pipe"), nil, func() (sched.Stamp, bool) {
				if at, ok := p.Fits(1); ok {
					return at, true
				}
				return p.Released(sched.Reads)
			})
		}
		n = min(n, room)
	}
	if out.kind == kindSocket {
		if v, ok := e.socketRoom(t, out); !ok {
			return v
		}
	}
	total := 0
	for {
		data, v, ok := e.take(t, in, min(n, most-total))
		if !ok {
			return v
		}
		if p := e.pipeTable[in.key]; in.kind == kindPipe && p != nil && p.First() != nil {
			t.clk.Receive(p.First().Edge)
		}
		done, errno := e.give(t, out, data)
		if errno != 0 {
			if total > 0 {
				break
			}
			return fail(errno)
		}
		if consume {
			e.taken(t, in, done)
		}
		in.advance(done)
		out.advance(done)
		if total += done; done == 0 || total == most || in.kind != kindFile || out.kind != kindFile {
			break
		}
	}
	for _, o := range [...]struct {
		addr uint64
		at   int64
	}{{inOff, in.off}, {outOff, out.off}} {
		if o.addr != 0 {
			e.tr.WriteFull(t.pid, o.addr, binary.LittleEndian.AppendUint64(nil, uint64(o.at)))
		}
	}
	return answer(int64(total))
}

// advance moves an offset that is not the description's own.
func (x *end) advance(n int) {
	if x.off >= 0 {
		x.off += int64(n)
	}
}

// take looks at what a source has. The result is scratch memory.
func (e *engine) take(t *task, in *end, n int) ([]byte, verdict, bool) {
	if len(e.buf) < sched.Capacity {
		e.buf = make([]byte, sched.Capacity)
	}
	switch in.kind {
	case kindPipe:
		if s := e.sources[in.key]; s != nil {
			return e.takeSource(t, s, n, in.flags&unix.O_NONBLOCK != 0)
		}
		p := e.pipeOf(t, in.key)
		switch at, ok := p.Readable(); {
		case !ok || !at.Before(t.stamp()):
			if in.flags&unix.O_NONBLOCK != 0 {
				return nil, fail(unix.EAGAIN), false
			}
			return nil, block(saying("bytes from a pipe"), nil, p.Readable), false
		case p.First() == nil:
			t.clk.Past.Follow(&p.closed[1])
			return nil, answer(0), false
		}
		return append(e.buf[:0], p.Peek(t.hand(), n)...), verdict{}, true
	case kindSocket:
		return e.takeSocket(t, in, n)
	case kindFile:
		e.readsContent(t, e.changing(t, in.fd, &in.st))
		e.observe(t, &in.st)
		at := in.off
		if at < 0 {
			var err error
			if at, err = unix.Seek(in.local, 0, unix.SEEK_CUR); err != nil {
				return nil, fail(errnoOf(err)), false
			}
		}
		k, err := unix.Pread(in.local, e.buf[:n], at)
		if err != nil {
			return nil, fail(errnoOf(err)), false
		}
		return e.buf[:k], verdict{}, true
	}
	return nil, fail(unix.EINVAL), false
}

// taken consumes what was moved.
func (e *engine) taken(t *task, in *end, n int) {
	switch {
	case n == 0:
	case in.kind == kindFile && in.off < 0:
		unix.Seek(in.local, int64(n), unix.SEEK_CUR)
		e.happensTo(t, in.fd, unix.IN_ACCESS)
	case in.kind == kindFile:
		e.happensTo(t, in.fd, unix.IN_ACCESS)
	case in.kind == kindPipe && e.sources[in.key] != nil:
		s := e.sources[in.key]
		s.ahead = s.ahead[n:]
		e.notify(in.key, pollIn)
	case in.kind == kindSocket:
		e.takenSocket(t, e.socketTable[in.key], n)
	case in.kind == kindPipe:
		p := e.pipeTable[in.key]
		_, had := p.Fits(sched.Atomic)
		p.Read(t.hand(), n, t.clk.B, t.clk.Edge)
		e.tookFrom(p, had)
	}
}

// give hands data to a destination.
func (e *engine) give(t *task, out *end, data []byte) (int, unix.Errno) {
	if len(data) == 0 {
		return 0, 0
	}
	switch out.kind {
	case kindPipe:
		if s := e.outs[out.key]; s != nil {
			e.output(t, s, data)
			return len(data), 0
		}
		e.send(t, e.pipeOf(t, out.key), data, 0)
		return len(data), 0
	case kindSocket:
		s := e.socketTable[out.key]
		return len(data), e.deliver(t, s, s.peer, &packet{data: slices.Clone(data)}, &control{})
	case kindFile:
		fd := out.fd
		file := e.inode(&out.st, func() (string, unix.Errno) { return e.pathOf(e.fdPath(t, fd)) })
		sink := e.sinkOf(t, &out.st)
		if sink != nil && out.off >= 0 {
			t.whole().cannot(writesAPlace)
		} else if sink != nil {
			t.sinking = file
		}
		e.writesContent(t, file, conflict.Change)
		t.sinking = nil
		var n int
		var err error
		if out.off >= 0 {
			n, err = unix.Pwrite(out.local, data, out.off)
		} else {
			n, err = unix.Write(out.local, data)
		}
		if err != nil {
			e.exhausted(t, -int64(errnoOf(err)))
			return 0, errnoOf(err)
		}
		e.wrote(t, file)
		if sink != nil {
			e.sinksInto(t.whole(), sinkWrite{to: sink, at: t.stamp(), known: t.clk.O, data: slices.Clone(data[:n])})
		}
		e.happensTo(t, fd, unix.IN_MODIFY)
		return n, 0
	case kindDevice:
		return len(data), 0
	}
	return 0, unix.EINVAL
}
