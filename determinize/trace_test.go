package determinize

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/strace"
	"laplace.dev/laplace/determinize/tracer"
)

// noMemory is a process that has none.
type noMemory struct{}

func (noMemory) Read(uint64, []byte) (int, unix.Errno) { return 0, unix.EFAULT }

// inCall is a task in a call that takes no address.
func inCall(vpid int, path sched.Path, nr uint64, args ...uint64) *task {
	t := &task{tid: vpid, process: &process{vpid: vpid, exec: &execution{}}, path: path, call: tracer.Syscall{Arch: unix.AUDIT_ARCH_X86_64, Nr: nr}}
	copy(t.call.Args[:], args)
	t.traced = strace.Enter(vpid, noMemory{}, true, nr, t.call.Args)
	return t
}

// recorder collects the lines of a trace.
func recorder(calls map[string]bool) (*engine, *[]string) {
	var lines []string
	e := &engine{report: Report{Refused: make(map[string]uint64)}}
	e.cfg.Trace = &Trace{Calls: calls, Event: func(v strace.Event) { lines = append(lines, v.Text()) }}
	return e, &lines
}

// TestTraceEnds: processes that die together are told of in the order of the
// tasks, whichever the kernel reports first, each with the call that it was in,
// and before what comes after them.
func TestTraceEnds(t *testing.T) {
	want := []string{
		"[300] read(0, NULL, 0) = ?",
		"[300] +++ killed by SIGKILL +++",
		"[302] +++ exited with 3 +++",
		"[301] pause() = ?",
		"[301] +++ killed by SIGKILL +++",
		"[303] getppid() = 300",
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		e, lines := recorder(nil)
		dying := []*task{
			inCall(300, path(), unix.SYS_READ),
			{tid: 302, process: &process{vpid: 302, status: 3 << 8}, path: path(0)},
			inCall(301, path(1), unix.SYS_PAUSE),
		}
		dying[0].status, dying[2].status = 9, 9
		for _, i := range order {
			e.traceEnd(dying[i])
		}
		e.traceAnswer(inCall(303, path(2), unix.SYS_GETPPID), 300)
		if !slices.Equal(*lines, want) {
			t.Errorf("%v: %q", order, *lines)
		}
		if e.tellEnds(); len(*lines) != len(want) {
			t.Errorf("%v: %q are told again", order, (*lines)[len(want):])
		}
	}
}

// TestTraceCalls: with a list of calls, of nothing else is told.
func TestTraceCalls(t *testing.T) {
	e, lines := recorder(map[string]bool{"getppid": true})
	u := &task{tid: 300, process: &process{vpid: 300, exec: &execution{}}, call: tracer.Syscall{Arch: unix.AUDIT_ARCH_X86_64, Nr: unix.SYS_GETPPID}}
	e.traceEnter(u)
	if !e.traceRun(u) {
		t.Error("a call of the list does not stop at its exit")
	}
	e.traceAnswer(u, 1)
	u.call.Nr = unix.SYS_GETPID
	e.traceEnter(u)
	if e.traceRun(u) {
		t.Error("a call that is not told of stops at its exit")
	}
	e.traceAnswer(u, 1)
	e.traceSignal(u, unix.SIGTERM, make([]byte, 128))
	e.traceStop(u, unix.SIGTSTP)
	e.traceCounter(u, make([]byte, 2), 7)
	e.traceExec(u, &execution{path: "/bin/sh"})
	e.traceEnd(u)
	e.tellEnds()
	if want := []string{"[300] getppid() = 1"}; !slices.Equal(*lines, want) {
		t.Errorf("%q, want %q", *lines, want)
	}
}

// TestTraceEverything: without a list all that happens is told.
func TestTraceEverything(t *testing.T) {
	e, lines := recorder(nil)
	u := inCall(300, nil, unix.SYS_EXIT_GROUP, 2)
	e.traceSignal(u, unix.SIGTERM, append([]byte{15}, make([]byte, 127)...))
	e.traceStop(u, unix.SIGTSTP)
	e.traceCounter(u, make([]byte, 2), 7)
	e.traceCounter(u, make([]byte, 3), 8)
	if e.traceRun(u) {
		t.Error("exit_group waits for its return")
	}
	e.refuse("bpf")
	u = inCall(300, nil, unix.SYS_GETPID)
	e.traceAnswer(u, -int64(unix.ENOSYS))
	e.traceAnswer(u, 0) // told already
	u.status = 2 << 8
	e.traceEnd(u)
	e.tellEnds()
	if want := []string{
		"[300] --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=0, si_uid=0} ---",
		"[300] --- stopped by SIGTSTP ---",
		"[300] rdtsc() = 7",
		"[300] rdtscp() = 8",
		"[300] exit_group(2) = ?",
		"[300] getpid() = -1 ENOSYS (function not implemented) (refused)",
		"[300] +++ exited with 2 +++",
	}; !slices.Equal(*lines, want) {
		t.Errorf("%q, want %q", *lines, want)
	}
}

// TestTraceOfNobody: without a trace nothing is copied and nothing stops.
func TestTraceOfNobody(t *testing.T) {
	e := &engine{}
	u := &task{process: &process{exec: &execution{}}, call: tracer.Syscall{Arch: unix.AUDIT_ARCH_X86_64, Nr: unix.SYS_GETPID}}
	e.traceEnter(u)
	if u.traced != nil || e.traceRun(u) {
		t.Error("a call is traced")
	}
	e.traceAnswer(u, 0)
	e.traceSignal(u, unix.SIGTERM, nil)
	e.traceStop(u, unix.SIGTERM)
	e.traceCounter(u, nil, 0)
	e.traceExec(u, &execution{})
	e.traceEnd(u)
	e.tellEnds()
}

// TestTraceBeforeTheCommand: calls of Laplace's own are not told of.
func TestTraceBeforeTheCommand(t *testing.T) {
	e, _ := recorder(nil)
	u := &task{process: &process{}, call: tracer.Syscall{Arch: unix.AUDIT_ARCH_X86_64, Nr: unix.SYS_MOUNT}}
	if e.traceEnter(u); u.traced != nil {
		t.Error("mount is traced")
	}
}

func path(indices ...uint32) sched.Path { return indices }
