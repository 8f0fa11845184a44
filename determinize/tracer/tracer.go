// Package tracer drives other processes through ptrace(2): it waits for their
// stops, reads and writes their registers and memory, and lets them go on.
//
// It knows nothing of what a stop means. A Tracer belongs to one operating
// system thread, the one that New locked: the kernel lets only the thread
// that seized a task speak to it, and PTRACE_O_EXITKILL fires when that
// thread, not its process, exits. The goroutine that called New must
// therefore never return while tasks live.
//
// The loop is written for cost: a stop costs about ten microseconds when the
// tracer and the task share a CPU, and what is done here beyond the kernel's
// own work must not show beside that. Hence raw system calls, no allocation
// and no channel on the way of a stop.
package tracer

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Options are the ptrace options that every task is seized with: all ways to
// make a task are followed, and no task outlives its tracer.
const Options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEVFORKDONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP

// Ptrace requests and options that x/sys/unix lacks or types differently.
const (
	requestSyscallInfo = 0x420e
	getSigmask         = 0x420a

	// siginfoSize is the size of siginfo_t; sigaction(2).
	siginfoSize = 128
)

// Offsets of registers in struct user, for PTRACE_POKEUSER; sys/user.h.
const (
	offR10     = 7 * 8
	offR9      = 8 * 8
	offR8      = 9 * 8
	offRAX     = 10 * 8
	offRDX     = 12 * 8
	offRSI     = 13 * 8
	offRDI     = 14 * 8
	offOrigRAX = 15 * 8
	offRIP     = 16 * 8
)

// argOffsets are the registers that carry system call arguments; syscall(2).
var argOffsets = [6]uintptr{offRDI, offRSI, offRDX, offR10, offR8, offR9}

// Tracer traces tasks from one locked thread.
type Tracer struct {
	tid  int
	info syscallInfo
	stat uint32
}

// syscallInfo is struct ptrace_syscall_info; ptrace(2).
type syscallInfo struct {
	op   uint8
	_    [3]byte
	arch uint32
	ip   uint64
	sp   uint64
	// entry and seccomp: nr and args; exit: rval and is_error.
	nr   uint64
	args [6]uint64
	_    [16]byte
}

// Syscall is a system call as it was made, copied out of the task once.
type Syscall struct {
	Arch uint32 // AUDIT_ARCH_*
	Nr   uint64
	Args [6]uint64
	IP   uint64 // address after the syscall instruction
	SP   uint64
}

// New makes the calling goroutine's thread a tracer. cpu pins the thread to
// one CPU when it is not negative: a stop costs five times as much across two.
// The goroutine must not start processes (rdtsc would be disabled in them, too)
// and must keep the thread until both end, which Close comes before.
func New(cpu int) (*Tracer, error) {
	runtime.LockOSThread()
	t := &Tracer{tid: unix.Gettid()}
	if err := quietSignals(); err != nil {
		return nil, err
	}
	if cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return nil, fmt.Errorf("pin tracer to cpu %d: %w", cpu, err)
		}
	}
	if err := disableCounter(); err != nil {
		return nil, err
	}
	return t, nil
}

// Close makes the tracer's thread, which calls it, ready to end.
func (t *Tracer) Close() { enableCounter() }

// sigaction is struct kernel_sigaction of x86-64.
type sigaction struct {
	handler, flags, restorer, mask uint64
}

const (
	saNoCldStop = 0x00000001
	saRestart   = 0x10000000
)

// quietSignals changes how two signals reach this process. Every stop of a
// task raises SIGCHLD in its tracer's process unless SA_NOCLDSTOP is set,
// which costs more than the stop itself. And SIGURG, with which Go's
// scheduler asks a thread to stop for garbage collection, must interrupt
// wait4 instead of restarting it, or a collection would wait for the next
// stop of a task.
func quietSignals() error {
	change := func(sig unix.Signal, set, clear uint64) error {
		var sa sigaction
		if err := sigactionOf(sig, nil, &sa); err != nil {
			return err
		}
		sa.flags = sa.flags&^clear | set
		return sigactionOf(sig, &sa, nil)
	}
	if err := change(unix.SIGCHLD, saNoCldStop, 0); err != nil {
		return err
	}
	return change(unix.SIGURG, 0, saRestart)
}

// TID is the thread id of the tracer, the one to send SIGURG to so that Wait
// returns early.
func (t *Tracer) TID() int { return t.tid }

//go:nosplit
func ptrace(req, pid, addr, data uintptr) unix.Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, req, pid, addr, data, 0, 0)
	return e
}

// Seize attaches to a task without stopping it.
func (t *Tracer) Seize(pid int) error {
	if e := ptrace(unix.PTRACE_SEIZE, uintptr(pid), 0, Options); e != 0 {
		return os.NewSyscallError("ptrace seize", e)
	}
	return nil
}

// Wait waits for the next event of any task. It returns EINTR when a signal
// arrived at the tracer's thread and ECHILD when there is no task left.
//
// Raw: the thread does not tell Go's scheduler that it blocks, which is why
// EINTR has to be passed on quickly and why GOMAXPROCS must exceed the number
// of tracers.
func (t *Tracer) Wait() (pid int, ws unix.WaitStatus, errno unix.Errno) { return t.wait(0) }

// Rest is Wait where nothing is likely to happen for a long time: Go's scheduler is told, which otherwise
// interrupts the thread every ten milliseconds, as one that computes.
func (t *Tracer) Rest() (pid int, ws unix.WaitStatus, errno unix.Errno) {
	p, _, e := unix.Syscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&t.stat)), unix.WALL|unix.WNOTHREAD, 0, 0, 0)
	return int(p), unix.WaitStatus(t.stat), e
}

// Poll is Wait without waiting: pid is 0 when there is no event.
func (t *Tracer) Poll() (pid int, ws unix.WaitStatus, errno unix.Errno) { return t.wait(unix.WNOHANG) }

func (t *Tracer) wait(flags uintptr) (pid int, ws unix.WaitStatus, errno unix.Errno) {
	p, _, e := unix.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&t.stat)),
		unix.WALL|unix.WNOTHREAD|flags, 0, 0, 0)
	return int(p), unix.WaitStatus(t.stat), e
}

// Syscall returns the system call at which a task has stopped, before it
// enters the kernel: at a seccomp stop.
func (t *Tracer) Syscall(pid int, c *Syscall) unix.Errno {
	e := ptrace(requestSyscallInfo, uintptr(pid), unsafe.Sizeof(t.info), uintptr(unsafe.Pointer(&t.info)))
	if e != 0 {
		return e
	}
	*c = Syscall{Arch: t.info.arch, Nr: t.info.nr, Args: t.info.args, IP: t.info.ip, SP: t.info.sp}
	return 0
}

// Result returns what the system call returned at whose exit a task has
// stopped: a value, or minus an errno.
func (t *Tracer) Result(pid int) (int64, unix.Errno) {
	e := ptrace(requestSyscallInfo, uintptr(pid), unsafe.Sizeof(t.info), uintptr(unsafe.Pointer(&t.info)))
	return int64(t.info.nr), e
}

func poke(pid int, off, val uintptr) unix.Errno {
	return ptrace(unix.PTRACE_POKEUSR, uintptr(pid), off, val)
}

// CanReadCalls tells whether the kernel has PTRACE_GET_SYSCALL_INFO, since Linux
// 5.3, by asking about a task that the calling thread traces and that has
// stopped.
func CanReadCalls(pid int) error {
	var info syscallInfo
	if e := ptrace(requestSyscallInfo, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info))); e != 0 {
		return os.NewSyscallError("PTRACE_GET_SYSCALL_INFO", e)
	}
	return nil
}

// Skip answers the system call that a task is about to make: the kernel does
// not see it, and it returns ret.
func (t *Tracer) Skip(pid int, ret int64) unix.Errno {
	if e := poke(pid, offOrigRAX, ^uintptr(0)); e != 0 {
		return e
	}
	return poke(pid, offRAX, uintptr(ret))
}

// SetResult replaces the result of the system call at whose exit a task has
// stopped.
func (t *Tracer) SetResult(pid int, ret int64) unix.Errno {
	return poke(pid, offRAX, uintptr(ret))
}

// SetNr turns the system call that a task is about to make into another.
func (t *Tracer) SetNr(pid int, nr uint64) unix.Errno {
	return poke(pid, offOrigRAX, uintptr(nr))
}

// SetArg changes the i-th argument, 0 to 5. The register keeps the value
// after the call: whoever changes it puts the guest's own value back at the
// exit, since compilers rely on argument registers being preserved.
func (t *Tracer) SetArg(pid, i int, v uint64) unix.Errno {
	return poke(pid, argOffsets[i], uintptr(v))
}

// SetIP sets the address at which a task goes on.
func (t *Tracer) SetIP(pid int, addr uint64) unix.Errno {
	return poke(pid, offRIP, uintptr(addr))
}

// Cont lets a task run to its next stop, delivering sig when it is not 0.
func (t *Tracer) Cont(pid int, sig unix.Signal) unix.Errno {
	return ptrace(unix.PTRACE_CONT, uintptr(pid), 0, uintptr(sig))
}

// ContToExit lets a task run to the exit of the system call it is in.
func (t *Tracer) ContToExit(pid int, sig unix.Signal) unix.Errno {
	return ptrace(unix.PTRACE_SYSCALL, uintptr(pid), 0, uintptr(sig))
}

// Listen leaves a task in its group stop, but lets it be woken by SIGCONT.
func (t *Tracer) Listen(pid int) unix.Errno {
	return ptrace(unix.PTRACE_LISTEN, uintptr(pid), 0, 0)
}

// Interrupt stops a running task at once.
func (t *Tracer) Interrupt(pid int) unix.Errno {
	return ptrace(unix.PTRACE_INTERRUPT, uintptr(pid), 0, 0)
}

// EventMessage is the number that comes with a ptrace event: the new task's
// id at a fork event, the former id at an exec event.
func (t *Tracer) EventMessage(pid int) (uint64, unix.Errno) {
	var msg uint64
	e := ptrace(unix.PTRACE_GETEVENTMSG, uintptr(pid), 0, uintptr(unsafe.Pointer(&msg)))
	return msg, e
}

// Regs reads all general registers of a stopped task.
func (t *Tracer) Regs(pid int, r *unix.PtraceRegs) unix.Errno {
	return ptrace(unix.PTRACE_GETREGS, uintptr(pid), 0, uintptr(unsafe.Pointer(r)))
}

// SetRegs writes all general registers of a stopped task.
func (t *Tracer) SetRegs(pid int, r *unix.PtraceRegs) unix.Errno {
	return ptrace(unix.PTRACE_SETREGS, uintptr(pid), 0, uintptr(unsafe.Pointer(r)))
}

// Siginfo reads the first 128 bytes of the siginfo_t of the signal at whose
// delivery a task has stopped.
func (t *Tracer) Siginfo(pid int) (info [siginfoSize]byte, errno unix.Errno) {
	errno = ptrace(unix.PTRACE_GETSIGINFO, uintptr(pid), 0, uintptr(unsafe.Pointer(&info)))
	return info, errno
}

// SetSiginfo replaces it.
func (t *Tracer) SetSiginfo(pid int, info *[siginfoSize]byte) unix.Errno {
	return ptrace(unix.PTRACE_SETSIGINFO, uintptr(pid), 0, uintptr(unsafe.Pointer(info)))
}

// Sigmask reads the signals that a task has blocked; bit n-1 is signal n.
func (t *Tracer) Sigmask(pid int) (uint64, unix.Errno) {
	var m uint64
	e := ptrace(getSigmask, uintptr(pid), 8, uintptr(unsafe.Pointer(&m)))
	return m, e
}
