package ns

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CloneArgs is the kernel's struct clone_args of clone3(2), as far as heirs need it.
type CloneArgs struct {
	Flags, PidFD, ChildTID, ParentTID, ExitSignal, Stack, StackSize, TLS uint64
	SetTID, SetTIDSize, Cgroup                                           uint64
}

// Clone is the call of a script whose child goes on with the script, while the process
// that made the call exits: see ForkHeir. The child's parent is that process's
// (CLONE_PARENT). flags are CLONE_NEW*; cgroup, when not negative, is a descriptor of a
// directory of cgroup v2 that the child is born into (CLONE_INTO_CGROUP). The arguments
// are to be kept, as those of Call.
func Clone(flags uintptr, cgroup int) (Call, *CloneArgs) {
	// With CLONE_PARENT the signal must be 0: the child has that of its sibling.
	a := &CloneArgs{Flags: uint64(flags) | unix.CLONE_PARENT}
	if cgroup >= 0 {
		a.Flags |= unix.CLONE_INTO_CGROUP
		a.Cgroup = uint64(cgroup)
	}
	return Call{Nr: unix.SYS_CLONE3, Args: [6]uintptr{addr(a), unsafe.Sizeof(*a)}, Heir: true}, a
}

// An Heir is a process that the middle one has made, see ForkHeir.
type Heir struct {
	// Middle is the process that ran the first part of the script.
	Middle Child
	page   []byte
}

// ForkHeir is ForkScript for scripts one of whose calls is that of Clone: what comes
// before it is done by a middle process, which may join namespaces that no program with
// threads can join, and what comes after it by the heir, a sibling of the middle process,
// and so a child of the caller: when that exits it belongs to the caller's subreaper,
// see PR_SET_CHILD_SUBREAPER(2const).
func ForkHeir(calls []Call, keep ...any) (*Heir, error) {
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory to share with the forked child: %w", err)
	}
	child, err := fork(0, calls, (*uint64)(unsafe.Pointer(&page[0])), keep)
	if err != nil {
		_ = unix.Munmap(page)
		return nil, err
	}
	return &Heir{Middle: child, page: page}, nil
}

// PID waits for the end of the middle process, reaps it, and returns the heir's pid in the
// caller's pid namespace: 0 if there is none, and Middle.Report says why. It is called once.
func (h *Heir) PID() int {
	for {
		if _, err := unix.Wait4(h.Middle.PID, nil, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	unix.Close(h.Middle.FD)
	pid := int(*(*uint64)(unsafe.Pointer(&h.page[0])))
	_ = unix.Munmap(h.page)
	return pid
}
