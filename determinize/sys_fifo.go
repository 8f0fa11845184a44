package determinize

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// fifoOpens is how often the ends of a FIFO were opened, for those who wait
// for the other end, and how many writers wait.
type fifoOpens struct {
	past             conflict.Past // what those who opened it have left behind
	readers, writers uint64
	waiting          int
	at               sched.Stamp // when one of these last changed
}

// openFIFO opens a FIFO. An open that waits for the other end waits here, not
// in the kernel, which is asked not to wait: a reader stays closed until a
// writer is there or waits, a writer until the kernel knows of a reader.
func (e *engine) openFIFO(t *task, o opening, st *unix.Stat_t) verdict {
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	k := vfs.KeyOf(st)
	if st.Dev == e.pipes {
		// An anonymous pipe, by its link in /proc: never waits.
		return runThen(func(ret int64) { e.openedFIFO(t, k, ret, o.flags) })
	}
	f := e.fifos[k]
	if f == nil {
		f = &fifoOpens{}
		e.fifos[k] = f
	}
	if p := e.pipeTable[k]; p != nil && !p.Held(sched.Reads|sched.Writes) {
		p.Clear() // what is left when the last descriptor closes is lost
	}
	mode := o.flags & unix.O_ACCMODE
	waits := o.flags&unix.O_NONBLOCK == 0 && o.flagsArg >= 0
	count := func(ret int64) {
		if ret >= 0 {
			e.openedFIFO(t, k, ret, o.flags)
			f.at = t.stamp()
			t.clk.Past.Follow(&f.past)
			f.past.Leave(&t.clk.Past)
			if mode != unix.O_WRONLY {
				f.readers++
			}
			if mode != unix.O_RDONLY {
				f.writers++
			}
		}
	}
	if !waits || mode == unix.O_RDWR {
		return runThen(count)
	}
	if mode == unix.O_RDONLY {
		seen := f.writers
		if !t.looked {
			t.looked, t.seenWriters = true, seen
		}
		if f.waiting == 0 && f.writers == t.seenWriters && !e.heldBy(k, sched.Writes) {
			w := o.w.raw
			at := t.seenWriters
			return block(func() string { return "a writer of " + strconv.Quote(w) }, nil, func() (sched.Stamp, bool) { return f.at, f.waiting > 0 || f.writers != at })
		}
		came := f.writers != t.seenWriters
		e.setArg(t, o.flagsArg, uint64(o.flags|unix.O_NONBLOCK))
		return runThen(func(ret int64) {
			count(ret)
			if ret < 0 {
				return
			}
			e.setBlocking(t, int32(ret))
			if came || e.heldBy(k, sched.Writes) {
				return
			}
			// The writer that waits opens next.
			at := f.writers
			goOn := func() verdict { return verdict{do: doResume} }
			e.waitHere(t, wait{
				why:   saying("a writer of a FIFO"),
				event: func() (sched.Stamp, bool) { return f.at, f.writers != at },
				then: func() verdict {
					t.clk.Past.Follow(&f.past)
					return goOn()
				},
				broken: goOn,
			})
		})
	}
	e.setArg(t, o.flagsArg, uint64(o.flags|unix.O_NONBLOCK))
	return runThen(func(ret int64) {
		count(ret)
		if ret >= 0 {
			e.setBlocking(t, int32(ret))
		}
		if ret != -int64(unix.ENXIO) {
			return
		}
		f.waiting++
		f.at = t.stamp()
		seen := f.readers
		e.waitHere(t, wait{
			why:   saying("a reader of a FIFO"),
			event: func() (sched.Stamp, bool) { return f.at, f.readers != seen },
			then: func() verdict {
				f.waiting--
				return e.again(t)
			},
			broken: func() verdict {
				f.waiting--
				return e.restartAtExit(t)
			},
		})
	})
}

// openedFIFO notes that a task has opened a FIFO, or a pipe, by its name.
func (e *engine) openedFIFO(t *task, k vfs.Key, fd int64, flags int) {
	if fd < 0 {
		return
	}
	p := e.pipeTable[k]
	if p == nil {
		p = &pipe{key: k, by: e.madeAt(k)}
		e.pipeTable[k] = p
	}
	p.named = true
	e.hold(t, p, endsOf(flags))
	e.changes++
}

// heldBy tells whether anybody has an end of a FIFO open.
func (e *engine) heldBy(k vfs.Key, ends sched.Ends) bool {
	p := e.pipeTable[k]
	return p != nil && p.Held(ends)
}

// setBlocking undoes the O_NONBLOCK with which a descriptor was opened.
func (e *engine) setBlocking(t *task, fd int32) {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return
	}
	defer unix.Close(local)
	if fl, err := unix.FcntlInt(uintptr(local), unix.F_GETFL, 0); err == nil {
		unix.FcntlInt(uintptr(local), unix.F_SETFL, fl&^unix.O_NONBLOCK)
	}
}
