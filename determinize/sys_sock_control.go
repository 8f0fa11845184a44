package determinize

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What is sent beside bytes: descriptors and credentials; unix(7), cmsg(3).

// Offsets in struct msghdr, and its size; and those of struct cmsghdr.
const (
	msgName       = 0
	msgNameLen    = 8
	msgIov        = 16
	msgIovLen     = 24
	msgControl    = 32
	msgControlLen = 40
	msgFlags      = 48
	msgSize       = 56

	cmsgHeader = 16
	credSize   = 12
)

const (
	maxControl = 20_480 // net.core.optmem_max
	maxPassed  = 253    // SCM_MAX_FD
	maxFlight  = 500    // descriptors that are in flight in a box
)

// msghdr copies a struct msghdr and its buffers.
func (e *engine) msghdr(t *task, addr uint64) (h []byte, spans []span, total int, errno unix.Errno) {
	h = make([]byte, msgSize)
	if e.tr.ReadFull(t.pid, addr, h) != 0 {
		return nil, nil, 0, unix.EFAULT
	}
	n := binary.LittleEndian.Uint64(h[msgIovLen:])
	if n > 1024 {
		return nil, nil, 0, unix.EMSGSIZE
	}
	spans, total, errno = e.readIovec(t, binary.LittleEndian.Uint64(h[msgIov:]), n)
	return h, spans, total, errno
}

// outgoingAt reads what sendmsg sends.
func (e *engine) outgoingAt(t *task, addr, flags uint64) (h []byte, out outgoing, errno unix.Errno) {
	out.flags = flags
	if h, out.spans, out.total, errno = e.msghdr(t, addr); errno != 0 {
		return nil, out, errno
	}
	if name := binary.LittleEndian.Uint64(h[msgName:]); name != 0 {
		if n := binary.LittleEndian.Uint32(h[msgNameLen:]); n != 0 {
			if out.to, errno = e.readName(t, name, uint64(min(n, nameSize))); errno != 0 {
				return nil, out, errno
			}
		}
	}
	n := binary.LittleEndian.Uint64(h[msgControlLen:])
	if n > maxControl {
		return nil, out, unix.ENOBUFS
	}
	if n > 0 {
		out.control = make([]byte, n)
		if e.tr.ReadFull(t.pid, binary.LittleEndian.Uint64(h[msgControl:]), out.control) != 0 {
			return nil, out, unix.EFAULT
		}
	}
	return h, out, 0
}

// incomingAt reads where recvmsg wants what it receives.
func (e *engine) incomingAt(t *task, addr, flags uint64) (in incoming, errno unix.Errno) {
	var h []byte
	if h, in.spans, in.total, errno = e.msghdr(t, addr); errno != 0 {
		return in, errno
	}
	in.flags, in.msg = flags, addr
	if in.name = binary.LittleEndian.Uint64(h[msgName:]); in.name != 0 {
		in.nameRoom, in.nameLen = binary.LittleEndian.Uint32(h[msgNameLen:]), addr+msgNameLen
		if int32(in.nameRoom) < 0 {
			return in, unix.EINVAL
		}
	}
	in.control, in.controlRoom = binary.LittleEndian.Uint64(h[msgControl:]), binary.LittleEndian.Uint64(h[msgControlLen:])
	return in, 0
}

// control is what a task sends beside bytes.
type control struct {
	fds   []int32
	cred  ucred
	creds bool
}

// control reads control messages.
func (e *engine) control(t *task, b []byte) (c control, errno unix.Errno) {
	for len(b) >= cmsgHeader {
		n := binary.LittleEndian.Uint64(b)
		if n < cmsgHeader || n > uint64(len(b)) {
			return c, unix.EINVAL
		}
		level, kind, data := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:]), b[cmsgHeader:n]
		b = b[min((n+7)&^7, uint64(len(b))):]
		if level != unix.SOL_SOCKET {
			continue
		}
		switch kind {
		case unix.SCM_RIGHTS:
			for ; len(data) >= 4; data = data[4:] {
				c.fds = append(c.fds, int32(binary.LittleEndian.Uint32(data)))
			}
			if len(c.fds) > maxPassed {
				return c, unix.EINVAL
			}
		case unix.SCM_CREDENTIALS:
			if len(data) != credSize {
				return c, unix.EINVAL
			}
			u := binary.LittleEndian.Uint32
			if c.cred, c.creds = (ucred{u(data), u(data[4:]), u(data[8:])}), true; c.cred != e.cred(t) {
				return c, unix.EPERM
			}
		default:
			return c, unix.EINVAL
		}
	}
	for _, fd := range c.fds {
		if fl, errno := e.flags(t, fd); errno != 0 {
			return c, unix.EBADF
		} else if fl&unix.O_PATH != 0 {
			e.refuse(callName(t) + "(O_PATH)")
			return c, unix.EBADF
		}
	}
	return c, 0
}

// passed is a descriptor that is in flight: sent, and not received.
type passed struct {
	local  int // the engine's own
	key    vfs.Key
	socket *socket
	pipe   *pipe
	ends   sched.Ends
	holder *sched.Task // of the pipe's ends, meanwhile
}

// passes takes descriptors of a task's that it sends.
func (e *engine) passes(t *task, fds []int32) (all []*passed, errno unix.Errno) {
	if len(fds) == 0 {
		return nil, 0
	}
	if soft := t.limits[unix.RLIMIT_NOFILE].Soft; uint64(e.inFlight+len(fds)) > min(soft, maxFlight) {
		return nil, unix.ETOOMANYREFS
	}
	for _, fd := range fds {
		p := &passed{local: -1}
		if p.local, errno = e.borrow(t, fd); errno != 0 {
			for _, p := range all {
				e.unpass(t, p)
			}
			return nil, errno
		}
		e.inFlight++
		all = append(all, p)
		var st unix.Stat_t
		if unix.Fstat(p.local, &st) != nil {
			continue
		}
		k := vfs.KeyOf(&st)
		p.key = k
		e.flight[k]++
		switch {
		case e.socketTable[k] != nil:
			p.socket = e.socketTable[k]
			p.socket.inFlight++
		case st.Mode&unix.S_IFMT == unix.S_IFIFO && !e.outer(k):
			fl, _ := unix.FcntlInt(uintptr(p.local), unix.F_GETFL, 0)
			p.pipe, p.ends = e.pipeOf(t, k), endsOf(fl)
			p.holder = &sched.Task{Path: t.path, Phase: sched.Gone}
			p.pipe.Hold(p.holder, p.ends)
		}
	}
	return all, 0
}

// unpass closes a descriptor in flight.
func (e *engine) unpass(t *task, p *passed) {
	unix.Close(p.local)
	e.inFlight--
	e.changes++
	if e.flight[p.key]--; e.flight[p.key] <= 0 {
		delete(e.flight, p.key)
		if e.objects[p.key] != nil || len(e.watchers[p.key]) > 0 {
			e.letsGo(t, func(int) bool { return false })
		}
	}
	if s := p.socket; s != nil {
		s.inFlight--
		e.abandoned(t, s)
	}
	if p.pipe != nil {
		by := e.did(t)
		by.Task = p.holder
		p.pipe.Drop(by, p.ends, t.clk.B)
		e.unwatch(p.pipe.key, func(it *epollItem) bool { return !p.pipe.Held(endsOf(it.mode)) })
		e.notify(p.pipe.key, 0)
		if !p.pipe.Held(sched.Reads|sched.Writes) && !p.pipe.named {
			delete(e.pipeTable, p.pipe.key)
		}
	}
}

// tellCred writes the credentials of a packet's sender where a call that receives it wants
// control messages. It returns how many bytes it has written, and whether there was no room.
func (e *engine) tellCred(t *task, s *socket, in *incoming) (used uint64, short bool) {
	if !s.passCred || in.source == nil || s.inet() {
		return 0, false
	}
	if in.controlRoom < cmsgHeader {
		return 0, true
	}
	c := in.source.cred
	if !in.source.creds {
		const overflow = 65534
		c = ucred{0, overflow, overflow}
	}
	b := binary.LittleEndian.AppendUint64(nil, min(cmsgHeader+credSize, in.controlRoom))
	for _, v := range [...]uint32{unix.SOL_SOCKET, unix.SCM_CREDENTIALS, c.pid, c.uid, c.gid} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	short = in.controlRoom < uint64(len(b))
	b = b[:min(uint64(len(b)), in.controlRoom)]
	if e.tr.WriteFull(t.pid, in.control, b) != 0 {
		return 0, short
	}
	return min(cmsgHeader+(credSize+7)&^7, in.controlRoom), short
}

// installs gives a task the descriptors that it has received, as the kernel does it: they
// are put into the socket of the kernel that stands for the guest's, and the guest's own
// call takes them out.
func (e *engine) installs(t *task, in *incoming, used uint64, flags uint32, done func()) verdict {
	room := in.controlRoom - min(used, in.controlRoom)
	scratch := (t.call.SP - redZone - msgSize - 16 - 8) &^ 15
	iov := scratch + msgSize + 8
	hdr := make([]byte, msgSize)
	binary.LittleEndian.PutUint64(hdr[msgIov:], iov)
	binary.LittleEndian.PutUint64(hdr[msgIovLen:], 1)
	binary.LittleEndian.PutUint64(hdr[msgControl:], in.control+used)
	binary.LittleEndian.PutUint64(hdr[msgControlLen:], room)
	one := binary.LittleEndian.AppendUint64(nil, scratch+msgFlags+4) // padding
	one = binary.LittleEndian.AppendUint64(one, 1)
	put := room >= cmsgHeader+4 && e.tr.WriteFull(t.pid, scratch, hdr) == 0 && e.tr.WriteFull(t.pid, iov, one) == 0
	if !put || e.feeds(t, in.fds) != nil {
		done()
		return e.endsMessage(t, in, used, flags|unix.MSG_CTRUNC)
	}
	e.tr.SetNr(t.pid, unix.SYS_RECVMSG)
	e.setArg(t, 1, scratch)
	e.setArg(t, 2, unix.MSG_DONTWAIT|in.flags&unix.MSG_CMSG_CLOEXEC)
	return runThen(func(ret int64) {
		defer done()
		n := 0
		if ret >= 0 && e.tr.ReadFull(t.pid, scratch, hdr) == 0 {
			size := binary.LittleEndian.Uint64(hdr[msgControlLen:])
			flags |= binary.LittleEndian.Uint32(hdr[msgFlags:]) & unix.MSG_CTRUNC
			if size >= cmsgHeader {
				var b [8]byte
				e.tr.ReadFull(t.pid, in.control+used, b[:])
				n = int(min(binary.LittleEndian.Uint64(b[:])-cmsgHeader, 4*uint64(len(in.fds))) / 4)
			}
			used += size
		}
		for _, p := range in.fds[:n] {
			e.receivedFD(t, p)
		}
		e.tr.SetResult(t.pid, int64(in.got))
		if errno := e.tellMessage(t, in, used, flags); errno != 0 {
			e.tr.SetResult(t.pid, -int64(errno))
		}
	})
}

// receivedFD notes that a task has a descriptor now that was in flight.
func (e *engine) receivedFD(t *task, p *passed) {
	var st unix.Stat_t
	if flags, err := unix.FcntlInt(uintptr(p.local), unix.F_GETFL, 0); err == nil && unix.Fstat(p.local, &st) == nil {
		e.comesBy(t, &st, flags)
	}
	if p.socket != nil {
		e.holdSocket(t, p.socket)
	}
	if p.pipe != nil {
		e.hold(t, p.pipe, p.ends)
	}
}

// feeds puts descriptors into the socket of the kernel that a call is about: it sends them to
// itself.
func (e *engine) feeds(t *task, fds []*passed) error {
	local, errno := e.borrow(t, t.fd(0))
	if errno != 0 {
		return errno
	}
	defer unix.Close(local)
	// One of a pair is connected to the other.
	if err := disconnect(local); err != nil {
		return err
	}
	unix.GetsockoptInt(local, unix.SOL_SOCKET, unix.SO_ERROR)
	name, err := unix.Getsockname(local)
	if err != nil {
		return err
	}
	if u, ok := name.(*unix.SockaddrUnix); ok && (u.Name == "" || u.Name == "@") { // it has none
		if err := unix.Bind(local, &unix.SockaddrUnix{}); err != nil {
			return err
		}
		if name, err = unix.Getsockname(local); err != nil {
			return err
		}
	}
	var all []int
	for _, p := range fds {
		all = append(all, p.local)
	}
	_, err = unix.SendmsgN(local, []byte{0}, unix.UnixRights(all...), name, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return err
}

// disconnect makes a datagram socket of the kernel's one that is connected to nothing.
func disconnect(fd int) error {
	none := unix.RawSockaddrUnix{Family: unix.AF_UNSPEC}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), 2)
	if errno != 0 {
		return errno
	}
	return nil
}

// mmsgSize is the size of struct mmsghdr; its length is after the struct msghdr.
const mmsgSize = msgSize + 8

// sendmmsgEnter handles sendmmsg: what cannot be sent at once waits only if it is the
// first.
func sendmmsgEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	count := min(uint64(uint32(t.arg(2))), 1024)
	for i := range count {
		addr := t.arg(1) + i*mmsgSize
		_, out, errno := e.outgoingAt(t, addr, t.arg(3))
		if i > 0 {
			out.flags |= unix.MSG_DONTWAIT
		}
		v := fail(errno)
		if errno == 0 {
			v = e.sends(t, s, &out)
		}
		if v.do == doBlock {
			return e.sentFirst(t, v)
		}
		if v.do != doAnswer {
			return v
		}
		if v.ret < 0 {
			if i > 0 {
				return answer(int64(i))
			}
			return v
		}
		if e.tr.WriteFull(t.pid, addr+msgSize, binary.LittleEndian.AppendUint32(nil, uint32(v.ret))) != 0 {
			return fail(unix.EFAULT)
		}
	}
	return answer(int64(count))
}

// sentFirst turns what becomes of the first of several messages, which may have to wait again
// and again, into the call's result.
func (e *engine) sentFirst(t *task, v verdict) verdict {
	if v.do == doBlock {
		then, timeUp, broken := v.then, v.timeUp, v.broken
		v.then = func() verdict { return e.sentFirst(t, then()) }
		v.broken = func() verdict { return e.sentFirst(t, broken()) }
		if timeUp != nil {
			v.timeUp = func() verdict { return e.sentFirst(t, timeUp()) }
		}
		return v
	}
	if v.do != doAnswer || v.ret < 0 {
		return v
	}
	if e.tr.WriteFull(t.pid, t.arg(1)+msgSize, binary.LittleEndian.AppendUint32(nil, uint32(v.ret))) != 0 {
		return fail(unix.EFAULT)
	}
	return answer(1)
}

// recvmmsgEnter handles recvmmsg. Messages that descriptors come with, and those after the
// first that is waited for, are left to the next call.
func recvmmsgEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	if t.arg(4) != 0 {
		e.refuse("recvmmsg(timeout)")
		return fail(unix.EINVAL)
	}
	count := min(uint64(uint32(t.arg(2))), 1024)
	const waitForOne = 0x10000 // MSG_WAITFORONE
	for i := range count {
		addr := t.arg(1) + i*mmsgSize
		in, errno := e.incomingAt(t, addr, t.arg(3)&^waitForOne)
		if i > 0 {
			if len(s.queue) == 0 || len(s.queue[0].fds) > 0 {
				return answer(int64(i))
			}
			in.flags |= unix.MSG_DONTWAIT
		}
		v := fail(errno)
		if errno == 0 {
			v = e.receives(t, s, &in)
		}
		switch {
		case v.do == doBlock:
			return e.sentFirst(t, v)
		case v.do == doRunThen:
			exit := v.exit
			return runThen(func(ret int64) {
				exit(ret)
				if n, errno := e.tr.Result(t.pid); errno == 0 && n >= 0 {
					e.tr.WriteFull(t.pid, addr+msgSize, binary.LittleEndian.AppendUint32(nil, uint32(n)))
					e.tr.SetResult(t.pid, 1)
				}
			})
		case v.do != doAnswer:
			return v
		case v.ret < 0 && i > 0:
			return answer(int64(i))
		case v.ret < 0:
			return v
		}
		if e.tr.WriteFull(t.pid, addr+msgSize, binary.LittleEndian.AppendUint32(nil, uint32(v.ret))) != 0 {
			return fail(unix.EFAULT)
		}
	}
	return answer(int64(count))
}
