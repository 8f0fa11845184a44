package determinize

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// maxTimers is how many timers a process can make with timer_create.
const maxTimers = 4096

// itimer is one of the timers of setitimer(2) of a task's process; nil if it was never set.
func (t *task) itimer(which int32) *timer {
	for _, m := range t.timers {
		if !m.posix && m.id == which {
			return m
		}
	}
	return nil
}

// itimerSignals are the signals of the timers of setitimer(2), by their numbers.
var itimerSignals = [...]unix.Signal{unix.ITIMER_REAL: unix.SIGALRM, unix.ITIMER_VIRTUAL: unix.SIGVTALRM, unix.ITIMER_PROF: unix.SIGPROF}

// setItimer sets one of them, and returns what was left of it and its interval.
func (t *task) setItimer(which int32, first, interval int64) (left, was int64) {
	m := t.itimer(which)
	if m == nil {
		m = &timer{id: which, cpu: which != int32(unix.ITIMER_REAL), sig: itimerSignals[which]}
		t.timers = append(t.timers, m)
	}
	left, was = m.left(t), m.interval
	m.arm(t, first, interval, false)
	return left, was
}

// alarmEnter handles alarm.
func alarmEnter(e *engine, t *task) verdict {
	left, _ := t.setItimer(int32(unix.ITIMER_REAL), int64(uint32(t.arg(0)))*int64(time.Second), 0)
	sec := left / int64(time.Second)
	if rest := left % int64(time.Second); rest >= int64(time.Second/2) || left > 0 && sec == 0 {
		sec++ // as the kernel rounds
	}
	return answer(sec)
}

// itimerval is struct itimerval with an interval and what is left, in nanoseconds.
func itimerval(interval, left int64) []byte {
	if left > 0 {
		left = max(left, int64(time.Microsecond)) // 0 says that it is not set
	}
	i, l := unix.NsecToTimeval(interval), unix.NsecToTimeval(left)
	return append(append([]byte(nil), bytesOf(&i)...), bytesOf(&l)...)
}

// getitimerEnter handles getitimer.
func getitimerEnter(e *engine, t *task) verdict {
	which := t.fd(0)
	if which < 0 || int(which) >= len(itimerSignals) {
		return fail(unix.EINVAL)
	}
	var left, interval int64
	if m := t.itimer(which); m != nil {
		left, interval = m.left(t), m.interval
	}
	return e.put(t, t.arg(1), itimerval(interval, left))
}

// setitimerEnter handles setitimer.
func setitimerEnter(e *engine, t *task) verdict {
	which := t.fd(0)
	var first, interval int64
	if t.arg(1) != 0 { // else it is switched off
		var v [4]int64
		if e.tr.ReadFull(t.pid, t.arg(1), bytesOf(&v)) != 0 {
			return fail(unix.EFAULT)
		}
		for i := range 2 {
			if sec, usec := v[2*i], v[2*i+1]; sec < 0 || usec < 0 || usec >= 1e6 {
				return fail(unix.EINVAL)
			}
		}
		interval, first = saturate(v[0], v[1]*1000), saturate(v[2], v[3]*1000)
	}
	if which < 0 || int(which) >= len(itimerSignals) {
		return fail(unix.EINVAL)
	}
	left, was := t.setItimer(which, first, interval)
	if t.arg(2) == 0 {
		return answer(0)
	}
	return e.put(t, t.arg(2), itimerval(was, left))
}

// clockOffset is what a clock shows more than a process's own, and whether it is one of the
// time that it has spent.
func (e *engine) clockOffset(t *task, id int32) (offset int64, cpu bool, errno unix.Errno) {
	switch id {
	case unix.CLOCK_REALTIME:
		return e.epoch(), false, 0
	case unix.CLOCK_TAI:
		return e.epoch() + 37*int64(time.Second), false, 0
	case unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME:
		return uptime, false, 0
	case unix.CLOCK_PROCESS_CPUTIME_ID, unix.CLOCK_THREAD_CPUTIME_ID:
		return 0, true, 0
	case unix.CLOCK_REALTIME_ALARM, unix.CLOCK_BOOTTIME_ALARM:
		return 0, false, unix.EPERM // CAP_WAKE_ALARM
	}
	if id < 0 && id&7 <= 6 {
		if u := e.who(t, int(^(id >> 3))); u != nil && u.process == t.process {
			return 0, true, 0
		}
		return 0, false, unix.EINVAL
	}
	if id == unix.CLOCK_MONOTONIC_RAW || id == unix.CLOCK_REALTIME_COARSE || id == unix.CLOCK_MONOTONIC_COARSE {
		return 0, false, unix.EOPNOTSUPP
	}
	return 0, false, unix.EINVAL
}

// timerCreateEnter handles timer_create.
func timerCreateEnter(e *engine, t *task) verdict {
	const sigevSignal, sigevNone, sigevThread, sigevThreadID = 0, 1, 2, 4
	offset, cpu, errno := e.clockOffset(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	m := &timer{posix: true, cpu: cpu, offset: offset, sig: unix.SIGALRM, id: t.timersMade, value: uint64(t.timersMade)}
	if t.arg(1) != 0 {
		var ev [64]byte // struct sigevent: value, signal, how, thread
		if e.tr.ReadFull(t.pid, t.arg(1), ev[:]) != 0 {
			return fail(unix.EFAULT)
		}
		m.value = binary.LittleEndian.Uint64(ev[:])
		m.sig = unix.Signal(binary.LittleEndian.Uint32(ev[8:]))
		switch how := binary.LittleEndian.Uint32(ev[12:]); how {
		case sigevNone:
			m.notify = notifyNone
		case sigevThreadID:
			m.notify = notifyThread
			m.thread = e.threadByID(int(int32(binary.LittleEndian.Uint32(ev[16:]))))
			if m.thread == nil || m.thread.process != t.process {
				return fail(unix.EINVAL)
			}
		case sigevSignal, sigevThread: // the latter is the C library's: the kernel signals
		default:
			return fail(unix.EINVAL)
		}
		if m.notify != notifyNone && (m.sig < 1 || m.sig > maxSignal) {
			return fail(unix.EINVAL)
		}
	}
	made := 0
	for _, o := range t.timers {
		if o.posix {
			made++
		}
	}
	if made >= maxTimers {
		return fail(unix.EAGAIN)
	}
	if e.tr.WriteFull(t.pid, t.arg(2), binary.LittleEndian.AppendUint32(nil, uint32(m.id))) != 0 {
		return fail(unix.EFAULT)
	}
	t.timersMade++
	t.timers = append(t.timers, m)
	return answer(0)
}

// timerArg is the timer that a call's first argument names.
func (t *task) timerArg() *timer {
	for _, m := range t.timers {
		if m.posix && m.id == t.fd(0) {
			return m
		}
	}
	return nil
}

// itimerspec is struct itimerspec with an interval and what is left, in nanoseconds.
func itimerspec(interval, left int64) []byte {
	i, l := unix.NsecToTimespec(interval), unix.NsecToTimespec(left)
	return append(append([]byte(nil), bytesOf(&i)...), bytesOf(&l)...)
}

// readItimerspec reads a struct itimerspec and checks it as the kernel does.
func (e *engine) readItimerspec(t *task, addr uint64) (interval, first int64, errno unix.Errno) {
	var v [2]unix.Timespec
	if e.tr.ReadFull(t.pid, addr, bytesOf(&v)) != 0 {
		return 0, 0, unix.EFAULT
	}
	if interval, errno = duration(v[0]); errno == 0 {
		first, errno = duration(v[1])
	}
	return interval, first, errno
}

// timerSettimeEnter handles timer_settime.
func timerSettimeEnter(e *engine, t *task) verdict {
	if t.arg(2) == 0 {
		return fail(unix.EINVAL)
	}
	interval, first, errno := e.readItimerspec(t, t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	m := t.timerArg()
	if m == nil {
		return fail(unix.EINVAL)
	}
	was := itimerspec(m.interval, m.left(t))
	if first == 0 {
		interval = 0
	}
	m.arm(t, first, interval, t.arg(1)&unix.TIMER_ABSTIME != 0)
	if t.arg(3) == 0 {
		return answer(0)
	}
	return e.put(t, t.arg(3), was)
}

// timerGettimeEnter handles timer_gettime.
func timerGettimeEnter(e *engine, t *task) verdict {
	m := t.timerArg()
	if m == nil {
		return fail(unix.EINVAL)
	}
	return e.put(t, t.arg(1), itimerspec(m.interval, m.left(t)))
}

// timerOverrunEnter handles timer_getoverrun.
func timerOverrunEnter(e *engine, t *task) verdict {
	m := t.timerArg()
	if m == nil {
		return fail(unix.EINVAL)
	}
	return answer(m.overrun)
}

// timerDeleteEnter handles timer_delete.
func timerDeleteEnter(e *engine, t *task) verdict {
	m := t.timerArg()
	if m == nil {
		return fail(unix.EINVAL)
	}
	t.timers = slices.DeleteFunc(t.timers, func(o *timer) bool { return o == m })
	m.set++
	return answer(0)
}
