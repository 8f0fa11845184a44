package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The newer futex calls, whose words have their size in their flags: only 32 bits are there,
// as in the pinned kernel; futex(2) and Documentation/userspace-api/futex2.rst.
const (
	futex2Size32  = 2
	futex2Private = 128
)

// maxWaitv is how many futexes one can wait for at once; FUTEX_WAITV_MAX.
const maxWaitv = 128

// futex2Enter handles futex_wait, futex_wake, futex_requeue and futex_waitv.
func futex2Enter(e *engine, t *task) verdict {
	var v verdict
	switch t.call.Nr {
	case unix.SYS_FUTEX_WAKE:
		w := futexV{addr: t.arg(0), flags: uint32(t.arg(3))}
		key, v, wait := e.futexVKey(t, w)
		switch {
		case wait:
			return v
		case !w.valid() || uint64(uint32(t.arg(1))) != t.arg(1) || t.arg(1) == 0:
			return fail(unix.EINVAL)
		}
		return answer(e.wake(t, key, t.arg(2), uint32(t.arg(1))))
	case unix.SYS_FUTEX_WAIT:
		w := futexV{value: t.arg(1), addr: t.arg(0), flags: uint32(t.arg(3))}
		if !w.valid() || uint64(uint32(t.arg(2))) != t.arg(2) || t.arg(2) == 0 {
			return fail(unix.EINVAL)
		}
		v = e.futexWaitsFor(t, []futexV{w}, uint32(t.arg(2)), t.arg(4), t.fd(5), func(int) int64 { return 0 })
	case unix.SYS_FUTEX_REQUEUE:
		ws, errno := e.futexVs(t, t.arg(0), 2)
		if errno == 0 && (t.arg(1) != 0 || !ws[0].valid() || !ws[1].valid() || int32(t.arg(2)) < 0 || int32(t.arg(3)) < 0) {
			errno = unix.EINVAL
		}
		if errno != 0 {
			return fail(errno)
		}
		from, v, wait := e.futexVKey(t, ws[0])
		if wait {
			return v
		}
		to, v, wait := e.futexVKey(t, ws[1])
		if wait {
			return v
		}
		if word, errno := e.word(t, ws[0].addr); errno != 0 || word != uint32(ws[0].value) {
			return fail(firstErrno(errno, unix.EAGAIN))
		}
		return answer(e.requeue(t, from, to, ws[1].addr, int32(t.arg(2)), int32(t.arg(3))))
	case unix.SYS_FUTEX_WAITV:
		if n := uint32(t.arg(1)); t.arg(0) == 0 || t.arg(2) != 0 || n == 0 || n > maxWaitv {
			return fail(unix.EINVAL)
		}
		ws, errno := e.futexVs(t, t.arg(0), int(uint32(t.arg(1))))
		if errno != 0 {
			return fail(errno)
		}
		v = e.futexWaitsFor(t, ws, ^uint32(0), t.arg(3), t.fd(4), func(by int) int64 { return int64(by) })
	}
	return v
}

func firstErrno(errnos ...unix.Errno) unix.Errno {
	for _, e := range errnos {
		if e != 0 {
			return e
		}
	}
	return 0
}

// futexV is a struct futex_waitv.
type futexV struct {
	value, addr uint64
	flags       uint32
	reserved    uint32
}

// valid tells whether the kernel takes it.
func (w futexV) valid() bool {
	return w.flags&^futex2Private == futex2Size32 && w.reserved == 0 && w.addr&3 == 0 && w.value <= 1<<32-1
}

// futexVs reads several, as they are.
func (e *engine) futexVs(t *task, addr uint64, n int) ([]futexV, unix.Errno) {
	const size = 24
	b := make([]byte, n*size)
	if e.tr.ReadFull(t.pid, addr, b) != 0 {
		return nil, unix.EFAULT
	}
	ws := make([]futexV, n)
	for i := range ws {
		le := binary.LittleEndian
		v := b[i*size:]
		ws[i] = futexV{le.Uint64(v), le.Uint64(v[8:]), le.Uint32(v[16:]), le.Uint32(v[20:])}
	}
	return ws, 0
}

// futexVKey is the key of one; wait says that it is not the task's turn yet.
func (e *engine) futexVKey(t *task, w futexV) (key futexKey, v verdict, wait bool) {
	if key = e.futexKey(t, w.addr, w.flags&futex2Private != 0); key.process == nil {
		v, wait = e.serially(t)
	}
	return key, v, wait
}

// futexWaitsFor has a task wait for one of some futexes, each of which must hold what the task has
// seen, until a time of a clock. result is what its call returns for the one that it was woken by.
func (e *engine) futexWaitsFor(t *task, ws []futexV, bits uint32, timeout uint64, clock int32, result func(by int) int64) verdict {
	f := &futexWaiter{}
	for _, w := range ws {
		if !w.valid() {
			return fail(unix.EINVAL)
		}
		key, v, wait := e.futexVKey(t, w)
		if wait {
			return v
		}
		f.words = append(f.words, futexWord{key, w.addr, uint32(w.value), bits})
	}
	l := noLimit
	if timeout != 0 {
		d, errno := e.readTimespec(t, timeout)
		switch {
		case errno != 0:
			return fail(errno)
		case clock != unix.CLOCK_REALTIME && clock != unix.CLOCK_MONOTONIC:
			return fail(unix.EINVAL)
		}
		l = e.until(d, clock == unix.CLOCK_REALTIME)
	}
	for _, w := range f.words {
		if word, errno := e.word(t, w.addr); errno != 0 || word != w.held {
			return fail(firstErrno(errno, unix.EAGAIN))
		}
	}
	e.futexSeq++
	f.seq = e.futexSeq
	t.futex = f
	return e.futexBlocks(t, l, func() verdict { return answer(result(f.by)) })
}
