package determinize

import (
	"encoding/binary"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/sched"
)

// uptime is how long the machine has been up when a box starts, as it shows
// in the monotonic clocks: they are offsets of the one clock that a process
// has.
const uptime = int64(1000 * time.Second)

// readClock is a clock read: nanoseconds since the epoch.
func (e *engine) readClock(t *task) int64 {
	return t.clk.Read(func(n uint64) int64 { return prng.Digits(t.seed, n) })
}

// clockValue is the value of a clock, or EINVAL.
func (e *engine) clockValue(t *task, id int32) (int64, unix.Errno) {
	switch id {
	case unix.CLOCK_REALTIME, unix.CLOCK_REALTIME_COARSE, unix.CLOCK_REALTIME_ALARM:
		return e.epoch() + e.readClock(t), 0
	case unix.CLOCK_TAI:
		return e.epoch() + e.readClock(t) + 37*int64(time.Second), 0
	case unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_MONOTONIC_COARSE,
		unix.CLOCK_BOOTTIME, unix.CLOCK_BOOTTIME_ALARM:
		return uptime + e.readClock(t), 0
	case unix.CLOCK_PROCESS_CPUTIME_ID, unix.CLOCK_THREAD_CPUTIME_ID:
		return int64(t.clk.Own()), 0
	}
	if id < 0 && id&7 <= 6 {
		// CPU-time clock of a process or thread: clock_getcpuclockid(3).
		pid := ^(id >> 3)
		if u := e.who(t, int(pid)); u != nil && u.process == t.process {
			return int64(t.clk.Own()), 0
		}
	}
	return 0, unix.EINVAL
}

func clockGettimeEnter(e *engine, t *task) verdict {
	return e.readsAlone(t, func() verdict { return e.clockGettime(t) })
}

func (e *engine) clockGettime(t *task) verdict {
	v, errno := e.clockValue(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	ts := unix.NsecToTimespec(v)
	return e.put(t, t.arg(1), bytesOf(&ts))
}

func clockGetresEnter(e *engine, t *task) verdict {
	if _, errno := e.peekClock(t.fd(0)); errno != 0 {
		return fail(errno)
	}
	if t.arg(1) == 0 {
		return answer(0)
	}
	ts := unix.Timespec{Nsec: 1}
	if id := t.fd(0); id == unix.CLOCK_REALTIME_COARSE || id == unix.CLOCK_MONOTONIC_COARSE {
		ts.Nsec = 4_000_000
	}
	return e.put(t, t.arg(1), bytesOf(&ts))
}

// peekClock tells whether a clock exists and whether it is the wall clock.
func (e *engine) peekClock(id int32) (wall bool, errno unix.Errno) {
	switch {
	case id >= 0 && id <= 9 || id == unix.CLOCK_TAI:
		return id == unix.CLOCK_REALTIME || id == unix.CLOCK_REALTIME_ALARM || id == unix.CLOCK_TAI || id == unix.CLOCK_REALTIME_COARSE, 0
	case id < 0 && id&7 <= 6:
		return false, 0
	}
	return false, unix.EINVAL
}

func gettimeofdayEnter(e *engine, t *task) verdict {
	return e.readsAlone(t, func() verdict { return e.gettimeofday(t) })
}

func (e *engine) gettimeofday(t *task) verdict {
	if t.arg(0) != 0 {
		tv := unix.NsecToTimeval(e.epoch() + e.readClock(t))
		if v := e.put(t, t.arg(0), bytesOf(&tv)); v.ret != 0 {
			return v
		}
	}
	if t.arg(1) != 0 {
		return e.put(t, t.arg(1), make([]byte, 8)) // struct timezone: UTC
	}
	return answer(0)
}

func timeEnter(e *engine, t *task) verdict {
	sec := (e.epoch() + e.readClock(t)) / int64(time.Second)
	if t.arg(0) != 0 {
		if v := e.put(t, t.arg(0), binary.LittleEndian.AppendUint64(nil, uint64(sec))); v.ret != 0 {
			return v
		}
	}
	return answer(sec)
}

// timesEnter handles times: own time, and the uptime in clock ticks.
func timesEnter(e *engine, t *task) verdict {
	const hz = int64(time.Second / 100)
	own := int64(t.clk.Own()) / hz
	if t.arg(0) != 0 {
		var b []byte
		for _, v := range [4]int64{own, 0, int64(t.kidOwn) / hz, 0} {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
		if v := e.put(t, t.arg(0), b); v.ret != 0 {
			return v
		}
	}
	return answer((uptime + e.readClock(t)) / hz)
}

// rusage is what getrusage and wait4 show: own time, and nothing that depends
// on the host's memory or scheduler.
func rusage(own time.Duration) []byte {
	ru := unix.Rusage{Utime: unix.NsecToTimeval(int64(own)), Maxrss: 8192}
	return append([]byte(nil), bytesOf(&ru)...)
}

func getrusageEnter(e *engine, t *task) verdict {
	switch t.fd(0) {
	case unix.RUSAGE_SELF, 1:
		return e.put(t, t.arg(1), rusage(t.clk.Own()))
	case unix.RUSAGE_CHILDREN:
		if !t.kidAny {
			var none unix.Rusage
			return e.put(t, t.arg(1), bytesOf(&none))
		}
		return e.put(t, t.arg(1), rusage(t.kidOwn))
	}
	return fail(unix.EINVAL)
}

// readTimespec reads a struct timespec and checks it as the kernel does.
func (e *engine) readTimespec(t *task, addr uint64) (ns int64, errno unix.Errno) {
	var ts unix.Timespec
	if e.tr.ReadFull(t.pid, addr, bytesOf(&ts)) != 0 {
		return 0, unix.EFAULT
	}
	return duration(ts)
}

// duration is a struct timespec in nanoseconds, at most forever; EINVAL when
// it is none.
func duration(ts unix.Timespec) (ns int64, errno unix.Errno) {
	if ts.Sec < 0 || ts.Nsec < 0 || ts.Nsec >= 1e9 {
		return 0, unix.EINVAL
	}
	return saturate(ts.Sec, ts.Nsec), 0
}

// forever is the longest time that anything waits: beyond it, nanoseconds
// overflow.
const forever = math.MaxInt64 / 4

func saturate(sec, nsec int64) int64 {
	if sec >= forever/int64(time.Second) {
		return forever
	}
	return sec*int64(time.Second) + nsec
}

func nanosleepEnter(e *engine, t *task) verdict {
	d, errno := e.readTimespec(t, t.arg(0))
	if errno != 0 {
		return fail(errno)
	}
	return e.sleep(t, t.clk.Now()+d, t.arg(1), false)
}

func clockNanosleepEnter(e *engine, t *task) verdict {
	wall, errno := e.peekClock(t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	if id := t.fd(0); id == unix.CLOCK_THREAD_CPUTIME_ID || id == unix.CLOCK_MONOTONIC_RAW ||
		id == unix.CLOCK_REALTIME_COARSE || id == unix.CLOCK_MONOTONIC_COARSE {
		return fail(unix.ENOTSUP)
	}
	d, errno := e.readTimespec(t, t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	deadline, rem := t.clk.Now()+d, t.arg(3)
	absolute := t.arg(1)&unix.TIMER_ABSTIME != 0
	if _, cpu, errno := e.clockOffset(t, t.fd(0)); errno == unix.EINVAL {
		return fail(errno)
	} else if cpu {
		if !absolute {
			d += int64(t.clk.Own())
		}
		return e.sleepBusy(t, d, absolute)
	}
	if absolute {
		rem = 0
		deadline = d - uptime
		if wall {
			deadline = d - e.epoch()
		}
		if t.fd(0) == unix.CLOCK_TAI {
			deadline -= 37 * int64(time.Second)
		}
	}
	return e.sleep(t, deadline, rem, absolute)
}

// sleep passes time without waiting for it: others whose order is less go
// first, then the sleeper's clock moves to the deadline. rem is where the
// guest wants the rest of an interrupted sleep, or 0. A sleep that goes on after a
// stop has the same deadline: one that is absolute, because it is asked for again.
func (e *engine) sleep(t *task, deadline int64, rem uint64, absolute bool) verdict {
	deadline = min(deadline, forever)
	return verdict{do: doBlock, wait: wait{
		why:  saying("time to pass"),
		wake: t.wakeAt(deadline),
		timeUp: func() verdict {
			t.clk.SleepUntil(deadline)
			return answer(0)
		},
		broken: func() verdict {
			t.clk.Join(t.sender)
			if rem != 0 {
				left := unix.NsecToTimespec(max(deadline-t.clk.Now(), 0))
				e.tr.WriteFull(t.pid, rem, bytesOf(&left))
			}
			if absolute {
				return e.interrupt(t, restartNoHand)
			}
			return e.resumable(t, func() verdict { return e.sleep(t, deadline, rem, false) })
		},
	}}
}

// sleepBusy waits until a task's process has spent so much CPU time, which others of its threads may do;
// alone, until a signal comes.
func (e *engine) sleepBusy(t *task, deadline int64, absolute bool) verdict {
	left := func() int64 {
		if t.lastRan != nil {
			return deadline - int64(t.lastRan.clk.Own())
		}
		return deadline - int64(t.clk.Own())
	}
	if left() <= 0 {
		return answer(0)
	}
	t.busySleeps = true
	v := block(saying("CPU time to pass"), e.everybody(t), func() (sched.Stamp, bool) { return t.stamp(), left() <= 0 })
	v.then = func() verdict { return answer(0) }
	v.broken = func() verdict {
		t.clk.Join(t.sender)
		if absolute {
			return e.interrupt(t, restartNoHand)
		}
		if rem := t.arg(3); rem != 0 {
			ts := unix.NsecToTimespec(max(left(), 0))
			e.tr.WriteFull(t.pid, rem, bytesOf(&ts))
		}
		return e.resumable(t, func() verdict { return e.sleepBusy(t, deadline, false) })
	}
	return v
}

// wakeAt is the B of a task that sleeps until a time.
func (t *task) wakeAt(deadline int64) uint64 {
	us := max(deadline-t.clk.Now(), 0) / int64(time.Microsecond)
	return max(t.clk.B+uint64(us), 1)
}
