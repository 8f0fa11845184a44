package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
)

// SIGKILL ends its target at the sender's stamp. A target that runs beside its sender
// may have made calls of greater stamps by then. If it has only looked at files, nobody
// can tell, and it is as if it had not.

// lookCalls are the calls that change nothing that others see.
var lookCalls = func() (is [policy.Size]bool) {
	for nr := range is {
		row := &policy.Table[nr]
		is[nr] = row.Class == policy.Pass || row.Class == policy.Emulate || row.Class == policy.Data
		for _, access := range row.Accesses() {
			switch access {
			case "probe entry", "read entry", "read metadata", "read content", "read listing", "read symlink":
			default:
				is[nr] = false
			}
		}
	}
	return is
}()

// looks tells whether the call that a task is in changes nothing that others see.
func (t *task) looks() bool {
	nr := t.call.Nr
	if nr >= policy.Size {
		return false
	}
	const changes = unix.O_ACCMODE | unix.O_CREAT | unix.O_TRUNC
	switch nr {
	case unix.SYS_OPEN:
		return t.arg(1)&changes == 0
	case unix.SYS_OPENAT:
		return t.arg(2)&changes == 0
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_LSEEK:
		return t.sharedFDs[t.fd(0)] == notShared
	case unix.SYS_CLOSE:
		return t.sharedFDs[t.fd(0)] == notShared && !t.locker
	case unix.SYS_PRLIMIT64:
		return t.arg(2) == 0 // no new limit
	case unix.SYS_FUTEX:
		const wake = 1
		return t.arg(1)&0x7f == wake // nobody
	}
	return lookCalls[nr]
}

// advances notes that a task has come to its next call.
func (t *task) advances(done uint64) {
	if !t.looking {
		t.acted = done
	}
	t.looking = t.looks()
}

// actedAfter tells whether a task has done something that others see after a stamp.
func (t *task) actedAfter(at sched.Stamp) bool {
	return at.Before(sched.Stamp{B: t.acted, Path: t.path}) || t.state == stateRunning && !t.looking && at.Before(t.stamp())
}

// cutOff ends a task at a stamp: what it did later does not count.
func (e *engine) cutOff(t *task, at sched.Stamp) {
	i := slices.IndexFunc(t.recent, func(b uint64) bool { return at.Before(sched.Stamp{B: b, Path: t.path}) })
	n := uint64(0)
	if i >= 0 {
		n = uint64(len(t.recent) - i)
		t.recent = t.recent[:i]
	}
	if !e.ended {
		e.report.Ticks -= n
		if w := t.whole(); w != nil {
			w.ticks -= min(w.ticks, n)
		}
	}
	t.clk.Rewind(at.B, n)
	e.forgetsAfter(t, at)
}
