package tracer

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tasks run with rdtsc disabled (PR_SET_TSC; prctl(2)), a bit of CR4. Where the
// tracer's thread has it enabled, each of the two switches of a stop writes CR4,
// for which a virtual machine may have to leave the guest: 5 µs each, measured,
// as much as all the rest of a stop. So the tracer's thread does without rdtsc too.
// Go's clock is then a system call; and the one place where its runtime executes
// rdtsc by itself, a contended lock, gets a constant, which only profiles of
// contention would show.

// vdsoClockgettimeSym is where the Go runtime keeps the address of the vDSO's
// clock_gettime. Zero means that there is none.
//
//go:linkname vdsoClockgettimeSym runtime.vdsoClockgettimeSym
var vdsoClockgettimeSym uintptr

// goFault is the handler of SIGSEGV before ours.
var goFault uint64

func counterFault()
func counterFaultPC() uintptr

var handleFaults = sync.OnceValue(func() error {
	var sa sigaction
	if err := sigactionOf(unix.SIGSEGV, nil, &sa); err != nil {
		return err
	}
	goFault = sa.handler
	sa.handler = uint64(counterFaultPC())
	if err := sigactionOf(unix.SIGSEGV, &sa, nil); err != nil {
		return err
	}
	vdsoClockgettimeSym = 0
	return nil
})

// disableCounter disables rdtsc for the calling thread, which must be locked, must
// never be given back to the Go runtime, and must not end before enableCounter: it ends
// with all signals blocked, and a fault then is the end of the process. An error of the kernel, which may
// not offer it, only means that stops stay expensive.
func disableCounter() error {
	if err := handleFaults(); err != nil {
		return err
	}
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TSC, unix.PR_TSC_SIGSEGV, 0)
	return nil
}

// enableCounter undoes disableCounter.
func enableCounter() {
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TSC, unix.PR_TSC_ENABLE, 0)
}

// sigactionOf is rt_sigaction(2) behind the back of the Go runtime.
func sigactionOf(sig unix.Signal, set, old *sigaction) error {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(sigaction{}.mask), 0, 0)
	if e != 0 {
		return fmt.Errorf("action of %s: %w", unix.SignalName(sig), e)
	}
	return nil
}
