package ns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The exit statuses of a child whose script fails. They follow the shell's
// convention, so that a caller that can't read Child.Report still knows.
const (
	ExitFailed        = 125 // a call before the last one failed
	ExitNotExecutable = 126 // the last call failed
	ExitNotFound      = 127 // the last call failed with ENOENT
)

// Call is one raw system call of a script that ForkScript's child runs.
// Arguments that are addresses must point to the heap or to static data, and
// the objects must be handed to ForkScript to be kept alive.
type Call struct {
	Nr   uintptr
	Args [6]uintptr
	// Min is the least result that counts as success: 1 for a read that must
	// not meet the end of its pipe. A smaller one is the failure EPIPE.
	Min uintptr
	// Ignore lets the script go on after a failure.
	Ignore bool
	// Unless, when not 0, is one more than the index of an earlier call: where that one
	// succeeded, this one is left out.
	Unless int
	// Again, when not 0, is one more than the index of the call that the script goes on with
	// after this one: an endless loop, until a call fails.
	Again int
	// Heir marks a clone3(2) whose child goes on with the script; the process that made
	// the call exits, see ForkHeir.
	Heir bool
}

// Child is a process that ForkScript made. The caller owns both descriptors
// (close-on-exec).
type Child struct {
	// PID is the child's process id in the caller's pid namespace.
	PID int
	// FD is a pidfd of the child.
	FD int
	// Report is the read end of the pipe on which the child reports the first
	// call that failed; see ReadScriptError. It ends without a byte when the
	// child executes another program or its script ends.
	Report int
}

// ScriptError is the first call of a script that failed and was not to be
// ignored.
type ScriptError struct {
	Index int // of the call in the script
	Errno unix.Errno
}

// Error names the call by its index; the caller knows what it was for.
func (e *ScriptError) Error() string {
	return fmt.Sprintf("call %d of the child's script: %v", e.Index, e.Errno)
}

// Unwrap returns the errno.
func (e *ScriptError) Unwrap() error { return e.Errno }

// ReadScriptError reads the report of a child until its end. It returns nil
// where every call went well, else a *ScriptError or what kept it from reading.
func ReadScriptError(r io.Reader) error {
	var b [16]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("report of the forked child: %w", err)
	}
	return &ScriptError{
		Index: int(binary.LittleEndian.Uint64(b[0:])),
		Errno: unix.Errno(binary.LittleEndian.Uint64(b[8:])),
	}
}

//go:linkname runtime_BeforeFork syscall.runtime_BeforeFork
func runtime_BeforeFork()

//go:linkname runtime_AfterFork syscall.runtime_AfterFork
func runtime_AfterFork()

//go:linkname runtime_AfterForkInChild syscall.runtime_AfterForkInChild
func runtime_AfterForkInChild()

// script is everything that the child touches. It lives on the heap, because
// the kernel writes to it and the child reads it by address.
type script struct {
	flags  uintptr
	calls  []Call
	report uintptr   // descriptor
	failed [2]uint64 // index, errno: what the child writes to report
	pidfd  int32
	done   []bool  // which calls succeeded
	heir   *uint64 // the heir's pid, in memory that is shared with the child; or nil
}

// ForkScript forks the calling process, without sharing memory, into the new
// namespaces that flags names (CLONE_NEW*; SIGCHLD and CLONE_PIDFD are added).
// The child is single-threaded, with all signals unblocked and every caught
// one back at its default, and does nothing but the calls of the script, in
// order, retrying a read that a signal interrupts. Where one fails it writes
// a report and exits with one of the Exit statuses; after the last one it
// exits with status 0.
//
// A Go program can't continue as Go in a forked child, but it can make system
// calls: an in-between that is seizable, single-threaded and needs no second
// executable (os/exec offers no place to stop and wait in).
//
// The parent's descriptors are open in the child. Those objects that the
// script's arguments point to are passed as keep.
func ForkScript(flags uintptr, calls []Call, keep ...any) (Child, error) {
	return fork(flags, calls, nil, keep)
}

// fork is ForkScript; heir is where the child of a call that is marked so has its pid.
func fork(flags uintptr, calls []Call, heir *uint64, keep []any) (Child, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return Child{}, fmt.Errorf("pipe for the forked child: %w", err)
	}
	s := &script{
		flags:  flags | uintptr(syscall.SIGCHLD) | unix.CLONE_PIDFD,
		calls:  calls,
		report: uintptr(p[1]),
		pidfd:  -1,
		done:   make([]bool, len(calls)),
		heir:   heir,
	}
	syscall.ForkLock.Lock()
	pid, errno := forkScript(s)
	syscall.ForkLock.Unlock()
	runtime.KeepAlive(keep)
	unix.Close(p[1])
	if errno != 0 {
		unix.Close(p[0])
		return Child{}, fmt.Errorf("clone: %w", errno)
	}
	return Child{PID: int(pid), FD: int(s.pidfd), Report: p[0]}, nil
}

// forkScript clones. In the child it never returns. Nothing here may allocate,
// grow the stack, or be preempted: in the child there is no runtime to do it.
//
//go:noinline
//go:norace
//go:nosplit
func forkScript(s *script) (uintptr, syscall.Errno) {
	runtime_BeforeFork()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, s.flags, 0, uintptr(unsafe.Pointer(&s.pidfd)), 0, 0, 0)
	if errno != 0 || pid != 0 {
		runtime_AfterFork()
		return pid, errno
	}
	runtime_AfterForkInChild()
	status := uintptr(0)
	for i := 0; i < len(s.calls); i++ {
		c := &s.calls[i]
		if c.Unless > 0 && s.done[c.Unless-1] {
			continue
		}
		var r uintptr
		var e syscall.Errno
		for {
			r, _, e = syscall.RawSyscall6(c.Nr, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4], c.Args[5])
			if e != syscall.EINTR || c.Nr != syscall.SYS_READ {
				break
			}
		}
		if e == 0 && r < c.Min {
			e = syscall.EPIPE
		}
		s.done[i] = e == 0
		if e == 0 && c.Heir && r != 0 {
			*s.heir = uint64(r)
			break
		}
		if e == 0 && c.Again > 0 {
			i = c.Again - 2
			continue
		}
		if e == 0 || c.Ignore {
			continue
		}
		status = ExitFailed
		if i == len(s.calls)-1 {
			status = ExitNotExecutable
			if e == syscall.ENOENT {
				status = ExitNotFound
			}
		}
		s.failed[0], s.failed[1] = uint64(i), uint64(e)
		syscall.RawSyscall(syscall.SYS_WRITE, s.report, uintptr(unsafe.Pointer(&s.failed)), unsafe.Sizeof(s.failed))
		break
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, status, 0, 0)
	}
}

// Wait closes the report and the pidfd of a child that has no further part to
// play, after waiting for its end and reaping it, and returns what it reported.
func (c Child) Wait() error {
	f := os.NewFile(uintptr(c.Report), "report")
	err := ReadScriptError(f)
	f.Close()
	for {
		// ECHILD is not a failure: the kernel reaps for a caller that ignores SIGCHLD.
		if _, werr := unix.Wait4(c.PID, nil, unix.WALL, nil); werr != unix.EINTR {
			break
		}
	}
	unix.Close(c.FD)
	return err
}
