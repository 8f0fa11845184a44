package determinize

import (
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/tracer"
)

// TestHandlers: every call that can stop, and is not refused, has a handler;
// no other call has one, as it would never be asked.
func TestHandlers(t *testing.T) {
	for nr, row := range policy.Table {
		stops := row.Class != policy.Refuse && (row.Class != policy.Pass || len(row.Trap) > 0)
		switch {
		case row.Name == "" && handlers[nr] != nil:
			t.Errorf("%d is no call, and has a handler", nr)
		case stops && handlers[nr] == nil:
			t.Errorf("%s (%v) stops, and has no handler: it would be refused", row.Name, row.Class)
		case !stops && handlers[nr] != nil:
			t.Errorf("%s (%v) has a handler that is never asked", row.Name, row.Class)
		}
	}
}

// TestRefusals: what the table refuses is answered with its errno and counted
// under its name, and so is what has no row.
func TestRefusals(t *testing.T) {
	refused := func(arch uint32, nr uint64) (verdict, map[string]uint64) {
		e := &engine{report: Report{Refused: make(map[string]uint64)}}
		v := e.judge(&task{process: &process{exec: &execution{}}, call: tracer.Syscall{Arch: arch, Nr: nr}})
		return v, e.report.Refused
	}
	check := func(arch uint32, nr uint64, name string, want unix.Errno) {
		t.Helper()
		v, counts := refused(arch, nr)
		if v.do != doAnswer || v.ret != -int64(want) || len(counts) != 1 || counts[name] != 1 {
			t.Errorf("%d: %d, %v, %v; want %s refused with %v", nr, v.do, v.ret, counts, name, want)
		}
	}
	for nr, row := range policy.Table {
		if row.Name != "" && row.Class == policy.Refuse {
			check(unix.AUDIT_ARCH_X86_64, uint64(nr), row.Name, row.Refusal())
		}
	}
	check(unix.AUDIT_ARCH_X86_64, policy.Size+1, "syscall 471", unix.ENOSYS)
	check(unix.AUDIT_ARCH_X86_64, x32|1, "x32", unix.ENOSYS)
	check(unix.AUDIT_ARCH_X86_64, ^uint64(0), "x32", unix.ENOSYS)
	check(unix.AUDIT_ARCH_I386, 20, "int 0x80", unix.ENOSYS)
	check(unix.AUDIT_ARCH_I386, unix.SYS_EXECVE, "int 0x80", unix.ENOSYS)
}

// TestBeforeTheCommand: until the command is executed, calls are Laplace's own
// and go through; but not through another entry.
func TestBeforeTheCommand(t *testing.T) {
	e := &engine{report: Report{Refused: make(map[string]uint64)}}
	own := &task{process: &process{}, call: tracer.Syscall{Arch: unix.AUDIT_ARCH_X86_64, Nr: unix.SYS_MOUNT}}
	if v := e.judge(own); v.do != doRun {
		t.Errorf("a call of Laplace's own: %d", v.do)
	}
	own.call.Arch = unix.AUDIT_ARCH_I386
	if v := e.judge(own); v.do != doAnswer || v.ret != -int64(unix.ENOSYS) {
		t.Errorf("through int 0x80: %d, %d", v.do, v.ret)
	}
}
