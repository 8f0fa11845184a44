package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"

	"laplace.dev/laplace/determinize/prng"
)

// getrandomEnter handles getrandom.
func getrandomEnter(e *engine, t *task) verdict {
	n, flags := t.arg(1), t.arg(2)
	if flags&^(unix.GRND_NONBLOCK|unix.GRND_RANDOM|unix.GRND_INSECURE) != 0 ||
		flags&(unix.GRND_RANDOM|unix.GRND_INSECURE) == unix.GRND_RANDOM|unix.GRND_INSECURE {
		return fail(unix.EINVAL)
	}
	size := int(min(n, maxRW))
	if t.weakRead && size == 8 && flags == unix.GRND_NONBLOCK {
		// The C library seeds its allocator at start-up. Were this the exec's
		// own randomness, every program that allocates would depend on its
		// place in the tree.
		t.weakRead = false
		s := prng.NewStream(t.exec.weak, "startup")
		var b [8]byte
		s.Read(b[:])
		if e.tr.WriteFull(t.pid, t.arg(0), b[:]) != 0 {
			return fail(unix.EFAULT)
		}
		return answer(8)
	}
	return e.randomTo(t, []span{{t.arg(0), size}}, size)
}

// maxRandom is the most that one call gets; getrandom(2).
const maxRandom = 33554431

// randomTo fills the guest's buffers from its random stream.
func (e *engine) randomTo(t *task, spans []span, total int) verdict {
	if r := t.rec(); r != nil {
		r.Observed.Random = true
		if w := t.whole(); w != nil {
			w.seed = true
		}
	}
	if len(e.buf) < sched.Capacity {
		e.buf = make([]byte, sched.Capacity)
	}
	done := 0
	for _, s := range spans {
		for at := 0; at < s.size && done < maxRandom; {
			b := e.buf[:min(sched.Capacity, s.size-at, maxRandom-done)]
			t.rnd.Read(b)
			n, errno := e.tr.Write(t.pid, s.addr+uint64(at), b)
			done += n
			at += n
			if errno != 0 || n < len(b) {
				if done == 0 {
					return fail(unix.EFAULT)
				}
				return answer(int64(done))
			}
		}
	}
	return answer(int64(done))
}
