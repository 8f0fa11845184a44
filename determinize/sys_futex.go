package determinize

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
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

// futexKey names a word of memory: who shares it has the same.
type futexKey struct {
	process *process // whose memory it is in; nil where processes share it
	file    vfs.Key  // what is mapped there then
	addr    uint64   // in that memory, or in the file
}

// futexKey is the key of an address in a task's memory. private says that no other process
// uses the futex, whatever is there.
func (e *engine) futexKey(t *task, addr uint64, private bool) futexKey {
	if !private {
		if maps, errno := readAll(e.procFD(), strconv.Itoa(t.pid)+"/maps"); errno == 0 {
			for line := range strings.Lines(string(maps)) {
				if k, ok := sharedWord(line, addr); ok {
					return k
				}
			}
		}
	}
	return futexKey{process: t.process, addr: addr}
}

// sharedWord is the key of an address that lies in the mapping that a line of
// /proc/PID/maps tells of, if processes share that; proc_pid_maps(5).
func sharedWord(line string, addr uint64) (k futexKey, ok bool) {
	f := strings.Fields(line)
	if len(f) < 5 || !strings.HasSuffix(f[1], "s") {
		return k, false
	}
	start, end, _ := strings.Cut(f[0], "-")
	major, minor, _ := strings.Cut(f[3], ":")
	var n [5]uint64
	for i, hex := range [...]string{start, end, f[2], major, minor} {
		v, err := strconv.ParseUint(hex, 16, 64)
		if err != nil {
			return k, false
		}
		n[i] = v
	}
	ino, err := strconv.ParseUint(f[4], 10, 64)
	if err != nil || addr < n[0] || addr >= n[1] {
		return k, false
	}
	return futexKey{file: vfs.Key{Dev: unix.Mkdev(uint32(n[3]), uint32(n[4])), Ino: ino}, addr: n[2] + addr - n[0]}, true
}

// futexWord is a word that somebody waits for.
type futexWord struct {
	key  futexKey
	addr uint64 // in its own memory
	held uint32 // what it held then
	bits uint32
}

// futexWaiter is a task that waits for futexes: one, but for futex_waitv(2).
type futexWaiter struct {
	words []futexWord
	seq   uint64 // the order in which they came
	locks bool   // it waits to own the word; see futexLocks
	woken bool
	by    int         // the index of the word that it was woken by
	at    sched.Stamp // since when
	edge  clock.Edge  // of who woke it: what it finds in the memory may tell of a time
}

// futexEnter handles futex.
func futexEnter(e *engine, t *task) verdict {
	op, addr := t.arg(1), t.arg(0)
	switch command := op & 0x7f; command {
	case futexWait, futexWake, futexRequeue, futexCmpRequeue, futexWakeOp, futexWaitBitset, futexWakeBitset,
		futexLockPI, futexUnlockPI, futexTrylockPI, futexLockPI2:
		if op&^(0x7f|futexPrivate|futexRealtime) != 0 ||
			op&futexRealtime != 0 && command != futexWait && command != futexWaitBitset && command != futexLockPI2 {
			return fail(unix.ENOSYS)
		}
	default:
		e.refuse("futex")
		return fail(unix.ENOSYS)
	}
	if addr&3 != 0 {
		return fail(unix.EINVAL)
	}
	private := op&futexPrivate != 0
	key := e.futexKey(t, addr, private)
	if key.process == nil {
		if v, wait := e.serially(t); wait {
			return v
		}
	} else if !t.threaded() && (op&0x7f == futexWake || op&0x7f == futexWakeBitset) {
		return answer(0) // nobody else is in its memory
	}
	switch op & 0x7f {
	case futexWait:
		return e.futexWaits(t, op, key, ^uint32(0))
	case futexWaitBitset:
		return e.futexWaits(t, op, key, uint32(t.arg(5)))
	case futexWake:
		return answer(e.wake(t, key, t.arg(2), ^uint32(0)))
	case futexWakeBitset:
		if uint32(t.arg(5)) == 0 {
			return fail(unix.EINVAL)
		}
		return answer(e.wake(t, key, t.arg(2), uint32(t.arg(5))))
	case futexWakeOp:
		return e.futexWakesOp(t, key, private)
	case futexLockPI, futexLockPI2, futexTrylockPI:
		return e.futexLocks(t, op, key)
	case futexUnlockPI:
		return e.futexUnlocks(t, key)
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
	return answer(e.requeue(t, key, e.futexKey(t, t.arg(4), private), t.arg(4), int32(t.arg(2)), int32(t.arg(3))))
}

// requeue wakes some of those who wait for a futex, has others wait for another one, which
// is at an address of the caller's, and returns how many.
func (e *engine) requeue(t *task, from, to futexKey, addr uint64, wakes, moves int32) (n int64) {
	if wakes > 0 {
		n = e.wake(t, from, uint64(wakes), ^uint32(0))
	}
	held, _ := e.word(t, addr)
	for range moves {
		u, i := e.firstWaiter(from, ^uint32(0))
		if u == nil || from == to {
			break
		}
		e.futexSeq++
		w := &u.futex.words[i]
		w.key, w.held, u.futex.seq = to, held, e.futexSeq
		if u.process == t.process {
			w.addr = addr
		}
		n++
	}
	return n
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
func (e *engine) futexWaits(t *task, op uint64, key futexKey, bits uint32) verdict {
	if bits == 0 {
		return fail(unix.EINVAL)
	}
	limit := noLimit
	if t.arg(3) != 0 {
		d, errno := e.readTimespec(t, t.arg(3))
		switch {
		case errno != 0:
			return fail(errno)
		case op&0x7f == futexWait:
			limit = within(t, d)
		default:
			limit = e.until(d, op&futexRealtime != 0)
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
	t.futex = &futexWaiter{words: []futexWord{{key, t.arg(0), word, bits}}, seq: e.futexSeq}
	return e.futexBlocks(t, limit, func() verdict { return answer(0) })
}

// limit is how long a task waits.
type limit struct {
	at       int64 // on its clock
	timed    bool  // it does not wait for ever
	relative bool  // it asked for a time from now on
}

var noLimit limit

// within is a limit a time from now on.
func within(t *task, d int64) limit { return limit{at: t.clk.Now() + d, timed: true, relative: true} }

// until is a limit at a time that a clock shows.
func (e *engine) until(d int64, wall bool) limit {
	if wall {
		return limit{at: d - e.epoch(), timed: true}
	}
	return limit{at: d - uptime, timed: true}
}

// futexBlocks has a task wait that is a futex's waiter, and then go on.
func (e *engine) futexBlocks(t *task, l limit, then func() verdict) verdict {
	f := t.futex
	w := wait{
		why:   saying("another thread or process (futex)"),
		event: func() (sched.Stamp, bool) { return f.at, f.woken },
		then: func() verdict {
			t.futex = nil
			t.clk.Share(f.edge)
			return then()
		},
		broken: func() verdict {
			t.futex = nil
			t.clk.Join(t.sender)
			if l.timed && l.relative {
				return e.resumable(t, func() verdict {
					e.futexSeq++
					f.seq = e.futexSeq
					t.futex = f
					return e.futexBlocks(t, l, then)
				})
			}
			if f.locks {
				return e.interrupt(t, restartNoIntr)
			}
			return e.interrupt(t, restartSys)
		},
	}
	if l.timed {
		l.at = min(l.at, forever)
		w.wake = t.wakeAt(l.at)
		w.timeUp = func() verdict {
			t.futex = nil
			t.clk.SleepUntil(l.at)
			return fail(unix.ETIMEDOUT)
		}
	}
	return verdict{do: doBlock, wait: w}
}

// firstWaiter is who has waited longest for a futex with one of some bits, and for which of
// its words that is.
func (e *engine) firstWaiter(key futexKey, bits uint32) (first *task, word int) {
	for _, u := range e.live {
		f := u.futex
		if f == nil || f.woken || first != nil && f.seq > first.futex.seq {
			continue
		}
		if i := slices.IndexFunc(f.words, func(w futexWord) bool { return w.key == key && w.bits&bits != 0 }); i >= 0 {
			first, word = u, i
		}
	}
	return first, word
}

// wake wakes up to n of those who wait for a futex, and returns how many.
func (e *engine) wake(t *task, key futexKey, n uint64, bits uint32) (woken int64) {
	for woken < int64(max(int32(n), 1)) {
		u, i := e.firstWaiter(key, bits)
		if u == nil {
			break
		}
		u.futex.wake(t, i)
		woken++
	}
	if woken > 0 {
		e.changes++
	}
	return woken
}

// wake has a waiter go on because of one of its words, as of a task's stamp.
func (f *futexWaiter) wake(t *task, word int) {
	f.woken, f.by, f.at, f.edge = true, word, t.stamp(), t.clk.Edge
}

// futexWakesOp handles FUTEX_WAKE_OP: one word is changed, and who waits for it is woken
// if it was as some condition has it.
func (e *engine) futexWakesOp(t *task, key futexKey, private bool) verdict {
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
	n := e.wake(t, key, t.arg(2), ^uint32(0))
	if yes {
		n += e.wake(t, e.futexKey(t, addr2, private), t.arg(3), ^uint32(0))
	}
	return answer(n)
}
