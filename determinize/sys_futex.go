package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// Futexes are the engine's: who waits is stopped, and is woken in the order in which they
// began to wait. futex(2).

// Operations of futex, and what may be added to them.
const (
	futexWait, futexWake, futexRequeue, futexCmpRequeue, futexWakeOp = 0, 1, 3, 4, 5
	futexWaitBitset, futexWakeBitset                                 = 9, 10

	futexPrivate  = 128
	futexRealtime = 256
)

// futexKey names a word of memory: what shares it has the same.
type futexKey struct {
	process *process
	addr    uint64
}

// futexKey is the key of an address in a task's memory.
func (e *engine) futexKey(t *task, addr uint64) futexKey { return futexKey{t.process, addr} }

// futexWaiter is a task that waits for a futex.
type futexWaiter struct {
	key   futexKey
	word  uint32 // what it held then
	bits  uint32
	seq   uint64 // the order in which they came
	woken bool
	at    sched.Stamp // since when
}

// futexEnter handles futex.
func futexEnter(e *engine, t *task) verdict {
	op, addr := t.arg(1), t.arg(0)
	switch command := op & 0x7f; command {
	case futexWait, futexWake, futexRequeue, futexCmpRequeue, futexWakeOp, futexWaitBitset, futexWakeBitset:
		if op&^(0x7f|futexPrivate|futexRealtime) != 0 || op&futexRealtime != 0 && command != futexWait && command != futexWaitBitset {
			return fail(unix.ENOSYS)
		}
	default:
		e.refuse("futex")
		return fail(unix.ENOSYS)
	}
	if addr&3 != 0 {
		return fail(unix.EINVAL)
	}
	if !t.threaded() && op&0x7f != futexWait && op&0x7f != futexWaitBitset {
		return answer(0) // nobody else is in its memory
	}
	switch op & 0x7f {
	case futexWait:
		return e.futexWaits(t, op, ^uint32(0))
	case futexWaitBitset:
		return e.futexWaits(t, op, uint32(t.arg(5)))
	case futexWake:
		return answer(e.wake(t, e.futexKey(t, addr), t.arg(2), ^uint32(0)))
	case futexWakeBitset:
		if uint32(t.arg(5)) == 0 {
			return fail(unix.EINVAL)
		}
		return answer(e.wake(t, e.futexKey(t, addr), t.arg(2), uint32(t.arg(5))))
	case futexWakeOp:
		return e.futexWakesOp(t)
	}
	if op&0x7f == futexCmpRequeue {
		word, errno := e.word(t, addr)
		if errno != 0 {
			return fail(errno)
		}
		if word != uint32(t.arg(5)) {
			return fail(unix.EAGAIN)
		}
	}
	if int32(t.arg(2)) < 0 || int32(t.arg(3)) < 0 || t.arg(4)&3 != 0 {
		return fail(unix.EINVAL)
	}
	from, to := e.futexKey(t, addr), e.futexKey(t, t.arg(4))
	n := e.wake(t, from, t.arg(2), ^uint32(0))
	for range uint32(t.arg(3)) {
		w := e.firstWaiter(from, ^uint32(0))
		if w == nil || from == to {
			break
		}
		e.futexSeq++
		w.futex.key, w.futex.seq = to, e.futexSeq
		n++
	}
	return answer(n)
}

// word reads a word of a task's memory.
func (e *engine) word(t *task, addr uint64) (uint32, unix.Errno) {
	var b [4]byte
	if e.tr.ReadFull(t.pid, addr, b[:]) != 0 {
		return 0, unix.EFAULT
	}
	return binary.LittleEndian.Uint32(b[:]), 0
}

// futexWaits has a task wait for a futex, if its word still is what the task has seen.
func (e *engine) futexWaits(t *task, op uint64, bits uint32) verdict {
	if bits == 0 {
		return fail(unix.EINVAL)
	}
	deadline, timed := int64(0), t.arg(3) != 0
	if timed {
		d, errno := e.readTimespec(t, t.arg(3))
		if errno != 0 {
			return fail(errno)
		}
		switch {
		case op&0x7f == futexWait:
			deadline = t.clk.Now() + d
		case op&futexRealtime != 0:
			deadline = d - e.epoch()
		default:
			deadline = d - uptime
		}
	}
	word, errno := e.word(t, t.arg(0))
	if errno != 0 {
		return fail(errno)
	}
	if word != uint32(t.arg(2)) {
		return fail(unix.EAGAIN)
	}
	e.futexSeq++
	t.futex = &futexWaiter{key: e.futexKey(t, t.arg(0)), word: word, bits: bits, seq: e.futexSeq}
	return e.futexBlocks(t, deadline, timed, op&0x7f == futexWait)
}

// futexBlocks has a task wait that is a futex's waiter.
func (e *engine) futexBlocks(t *task, deadline int64, timed, relative bool) verdict {
	f := t.futex
	w := wait{
		why:   saying("another thread (futex)"),
		event: func() (sched.Stamp, bool) { return f.at, f.woken },
		then: func() verdict {
			t.futex = nil
			return answer(0)
		},
		broken: func() verdict {
			t.futex = nil
			t.clk.Join(t.sender)
			if timed && relative {
				return e.resumable(t, func() verdict {
					e.futexSeq++
					f.seq = e.futexSeq
					t.futex = f
					return e.futexBlocks(t, deadline, timed, relative)
				})
			}
			return e.interrupt(t, restartSys)
		},
	}
	if timed {
		deadline = min(deadline, forever)
		w.wake = t.wakeAt(deadline)
		w.timeUp = func() verdict {
			t.futex = nil
			t.clk.SleepUntil(deadline)
			return fail(unix.ETIMEDOUT)
		}
	}
	return verdict{do: doBlock, wait: w}
}

// firstWaiter is who has waited longest for a futex with one of some bits.
func (e *engine) firstWaiter(key futexKey, bits uint32) (first *task) {
	for _, u := range e.live {
		f := u.futex
		if f != nil && !f.woken && f.key == key && f.bits&bits != 0 && (first == nil || f.seq < first.futex.seq) {
			first = u
		}
	}
	return first
}

// wake wakes up to n of those who wait for a futex, and returns how many.
func (e *engine) wake(t *task, key futexKey, n uint64, bits uint32) (woken int64) {
	for woken < int64(max(int32(n), 1)) {
		u := e.firstWaiter(key, bits)
		if u == nil {
			break
		}
		u.futex.woken, u.futex.at = true, t.stamp()
		woken++
	}
	if woken > 0 {
		e.changes++
	}
	return woken
}

// futexWakesOp handles FUTEX_WAKE_OP: one word is changed, and who waits for it is woken
// if it was as some condition has it.
func (e *engine) futexWakesOp(t *task) verdict {
	addr2, code := t.arg(4), uint32(t.arg(5))
	if addr2&3 != 0 {
		return fail(unix.EINVAL)
	}
	sign := func(v uint32) int32 { return int32(v<<20) >> 20 } // of 12 bits
	oparg, cmparg := sign(code>>12), sign(code)
	if code>>31 != 0 {
		oparg = 1 << (oparg & 31)
	}
	was, errno := e.word(t, addr2)
	if errno != 0 {
		return fail(errno)
	}
	now := was
	switch code >> 28 & 7 {
	case 0:
		now = uint32(oparg)
	case 1:
		now += uint32(oparg)
	case 2:
		now |= uint32(oparg)
	case 3:
		now &^= uint32(oparg)
	case 4:
		now ^= uint32(oparg)
	default:
		return fail(unix.ENOSYS)
	}
	old, yes := int32(was), false
	switch code >> 24 & 15 {
	case 0:
		yes = old == cmparg
	case 1:
		yes = old != cmparg
	case 2:
		yes = old < cmparg
	case 3:
		yes = old <= cmparg
	case 4:
		yes = old > cmparg
	case 5:
		yes = old >= cmparg
	default:
		return fail(unix.ENOSYS)
	}
	if e.tr.WriteFull(t.pid, addr2, binary.LittleEndian.AppendUint32(nil, now)) != 0 {
		return fail(unix.EFAULT)
	}
	n := e.wake(t, e.futexKey(t, t.arg(0)), t.arg(2), ^uint32(0))
	if yes {
		n += e.wake(t, e.futexKey(t, addr2), t.arg(3), ^uint32(0))
	}
	return answer(n)
}
