package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Operations of futexes that are locks whose owner's tid is in the word; futex(2), "Priority-
// inheritance futexes". Priorities mean nothing in a box: who has waited longest is next.
const (
	futexLockPI    = 6
	futexUnlockPI  = 7
	futexTrylockPI = 8
	futexLockPI2   = 13
)

// What such a word holds; futex(2) and include/uapi/linux/futex.h.
const (
	futexOwner     = 0x3fffffff // a tid, or 0
	futexOwnerDied = 0x40000000
	futexWaiters   = 0x80000000
)

// futexLocks handles FUTEX_LOCK_PI, FUTEX_LOCK_PI2 and FUTEX_TRYLOCK_PI.
func (e *engine) futexLocks(t *task, op uint64, key futexKey) verdict {
	l := noLimit
	if op&0x7f != futexTrylockPI && t.arg(3) != 0 {
		d, errno := e.readTimespec(t, t.arg(3))
		if errno != 0 {
			return fail(errno)
		}
		l = e.until(d, op&0x7f == futexLockPI || op&futexRealtime != 0)
	}
	return e.takeLock(t, key, l, op&0x7f == futexTrylockPI)
}

// takeLock gives a task a lock, or has it wait until it is given it.
func (e *engine) takeLock(t *task, key futexKey, l limit, try bool) verdict {
	addr := t.arg(0)
	word, errno := e.word(t, addr)
	if errno != 0 {
		return fail(errno)
	}
	owner := word & futexOwner
	switch {
	case owner == uint32(t.tid):
		return fail(unix.EDEADLK)
	case owner == 0:
		word = word&futexOwnerDied | uint32(t.tid)
		if u, _ := e.firstWaiter(key, ^uint32(0)); u != nil {
			word |= futexWaiters
		}
		return e.setWord(t, addr, word)
	case e.threadByID(int(owner)) == nil:
		return fail(unix.ESRCH)
	case try:
		return fail(unix.EAGAIN)
	}
	if v := e.setWord(t, addr, word|futexWaiters); v.ret != 0 {
		return v
	}
	e.futexSeq++
	t.futex = &futexWaiter{words: []futexWord{{key, addr, word | futexWaiters, ^uint32(0)}}, seq: e.futexSeq, locks: true}
	return e.futexBlocks(t, l, func() verdict {
		if now, errno := e.word(t, addr); errno == 0 && now&futexOwner == uint32(t.tid) {
			return answer(0) // by futexUnlocks
		}
		return e.takeLock(t, key, l, false) // its owner has died
	})
}

// futexUnlocks handles FUTEX_UNLOCK_PI: who has waited longest owns the lock then.
func (e *engine) futexUnlocks(t *task, key futexKey) verdict {
	addr := t.arg(0)
	word, errno := e.word(t, addr)
	if errno != 0 {
		return fail(errno)
	}
	if word&futexOwner != uint32(t.tid) {
		return fail(unix.EPERM)
	}
	next, i := e.firstWaiter(key, ^uint32(0))
	if next == nil {
		return e.setWord(t, addr, 0)
	}
	if !next.futex.locks {
		return fail(unix.EINVAL)
	}
	next.futex.wake(t, i)
	e.changes++
	word = uint32(next.tid)
	if u, _ := e.firstWaiter(key, ^uint32(0)); u != nil {
		word |= futexWaiters
	}
	for _, u := range e.live { // they expect what is there from now on
		if f := u.futex; f != nil && f.locks && f.words[0].key == key {
			f.words[0].held = word
		}
	}
	return e.setWord(t, addr, word)
}

// setWord writes a word of a task's memory.
func (e *engine) setWord(t *task, addr uint64, word uint32) verdict {
	return e.put(t, addr, binary.LittleEndian.AppendUint32(nil, word))
}
