package tracer

import "golang.org/x/sys/unix"

// faults are instructions by which the processor raises the fault of which the kernel makes a signal: signal(7).
var faults = map[unix.Signal][8]byte{
	unix.SIGILL:  {0x0f, 0x0b},             // ud2
	unix.SIGFPE:  {0x31, 0xc9, 0xf7, 0xf1}, // xor ecx, ecx; div ecx
	unix.SIGTRAP: {0xcc},                   // int3
	unix.SIGBUS:  {0x8b, 0x44, 0x24, 0x01}, // mov eax, [rsp+1], which must be aligned: see Fault
}

// Fault lets a task go for good, and has it raise a fault at once: the one of a signal for which it has stopped, and whose
// action is the default. Of that it dies, also if it is pid 1 of its namespace, which the kernel does not let die of
// faults while it is traced (force_sig_info_to_task in kernel/signal.c). No event of the task follows. The error
// is EINVAL for other signals than those of faults; the task is as it was, then.
func (t *Tracer) Fault(pid int, sig unix.Signal) unix.Errno {
	const (
		page      = 4096
		alignment = 1 << 18            // EFLAGS.AC
		nowhere   = 0xffff800000000000 // the kernel's half: no program has a page there
	)
	var r unix.PtraceRegs
	if e := t.Regs(pid, &r); e != 0 {
		return e
	}
	if sig == unix.SIGSEGV {
		r.Rip = nowhere
	} else {
		code, ok := faults[sig]
		if !ok {
			return unix.EINVAL
		}
		// The page of the instruction that has just run, or was about to.
		r.Rip = (r.Rip - 1) &^ (page - 1)
		if e := t.Poke(pid, r.Rip, code[:]); e != 0 {
			return e
		}
		if sig == unix.SIGBUS {
			r.Rsp, r.Eflags = r.Rsp&^15, r.Eflags|alignment
		}
	}
	if e := t.SetRegs(pid, &r); e != 0 {
		return e
	}
	return ptrace(unix.PTRACE_DETACH, uintptr(pid), 0, 0)
}
