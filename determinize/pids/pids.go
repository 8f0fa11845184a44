// Package pids decides which process id each new task of a box gets.
//
// A pid is a function of the parent's seed (package prng) unless it is taken;
// then the next free one is used. "Free" must mean here exactly what it means
// to the kernel, which is asked to hand out the number that this package chose:
// a number stays taken while any task uses it as its process id, its process
// group or its session (pid_namespaces(7), setpgid(2), setsid(2); struct pid in
// the kernel). A daemon's session id outlives the process that it names.
package pids

import "fmt"

// The numbers that Place hands out: what the kernel allocates after its first
// wrap (RESERVED_PIDS) and below the greatest pid_max of 64-bit systems
// (PID_MAX_LIMIT, 4194304). Init has pid 1, and helpers that start before the
// first placement have other low numbers.
const (
	First = 300
	Last  = 4194303
)

// IDs is what a task is known by besides its own number. A value of 0 stands
// for a group or session outside the box's PID namespace, as getpgid(2) and
// getsid(2) show it; it occupies no number.
type IDs struct {
	PGID int // process group
	SID  int // session
}

// Allocator holds the numbers in use in one PID namespace. It has the numbers of
// all tasks, threads too. The zero Allocator is not usable: call New. It is not
// safe for concurrent use; the engine that owns the box calls it.
type Allocator struct {
	last  int
	tasks map[int]IDs
	// users counts, for each number in use, the tasks that have it as pid, as group
	// or as session. A session leader counts three times for its own number.
	users map[int]uint32
}

// New returns an allocator of the numbers from First to last, which is Last unless the
// namespace cannot have that many, in which only init exists: pid 1, which leads its
// own process group and session.
func New(last int) *Allocator {
	a := &Allocator{last: last, tasks: map[int]IDs{}, users: map[int]uint32{}}
	a.add(1, IDs{PGID: 1, SID: 1})
	return a
}

// Place returns the number for a new task and marks it as in use: want if that
// is free, else the next free number above it, going on at First after the last. A
// want outside of the range is taken as First. The new task belongs to the
// group and session ids, which for fork(2) are its parent's and for a thread
// its process's.
//
// When every number is in use, ok is false and nothing changes; the guest's call
// fails with EAGAIN, as fork(2) documents for an exhausted namespace.
func (a *Allocator) Place(want int, ids IDs) (pid int, ok bool) {
	if want < First || want > a.last {
		want = First
	}
	pid, ok = a.free(want, a.last)
	if !ok {
		if pid, ok = a.free(First, want-1); !ok {
			return 0, false
		}
	}
	a.add(pid, ids)
	return pid, true
}

// Free forgets a task whose number the kernel has released: a process that was
// reaped (a zombie still has its number, group and session), a thread that
// ended, or the former number of a thread that became leader by execve(2). The
// number can be placed again once no other task has it as group or session.
// A task that does not exist is an error of the caller.
func (a *Allocator) Free(pid int) error {
	ids, ok := a.tasks[pid]
	if !ok {
		return fmt.Errorf("free pid %d: no such task", pid)
	}
	delete(a.tasks, pid)
	a.drop(pid)
	a.drop(ids.PGID)
	a.drop(ids.SID)
	return nil
}

// SetIDs records that a task moved to another process group or session, after
// setpgid(2) or setsid(2) succeeded. A task that does not exist is an error of
// the caller.
func (a *Allocator) SetIDs(pid int, ids IDs) error {
	old, ok := a.tasks[pid]
	if !ok {
		return fmt.Errorf("set group and session of pid %d: no such task", pid)
	}
	a.tasks[pid] = ids
	a.use(ids.PGID)
	a.use(ids.SID)
	a.drop(old.PGID)
	a.drop(old.SID)
	return nil
}

// IDs returns the process group and session of a task. ok is false where there
// is no such task.
func (a *Allocator) IDs(pid int) (ids IDs, ok bool) {
	ids, ok = a.tasks[pid]
	return ids, ok
}

// InUse reports whether a number is taken as process id, group or session.
func (a *Allocator) InUse(pid int) bool {
	return a.users[pid] > 0
}

// Len returns how many tasks there are, init included.
func (a *Allocator) Len() int { return len(a.tasks) }

// add creates a task with a number that is known to be free.
func (a *Allocator) add(pid int, ids IDs) {
	a.tasks[pid] = ids
	a.use(pid)
	a.use(ids.PGID)
	a.use(ids.SID)
}

// use counts one more user of a number. Numbers outside the namespace's range
// are never placed, so they need no count.
func (a *Allocator) use(id int) {
	if id > 0 && id <= a.last {
		a.users[id]++
	}
}

// drop undoes one use.
func (a *Allocator) drop(id int) {
	switch n := a.users[id]; n {
	case 0:
	case 1:
		delete(a.users, id)
	default:
		a.users[id] = n - 1
	}
}

// free returns the least number from low to high that nobody uses.
func (a *Allocator) free(low, high int) (int, bool) {
	for ; low <= high; low++ {
		if a.users[low] == 0 {
			return low, true
		}
	}
	return 0, false
}
