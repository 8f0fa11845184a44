package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
)

// An open file description that several processes hold, by a descriptor that one has
// inherited from another, has one offset: what is read and written through it goes in
// the order of the stamps. Which descriptors may be such ones is known from the forks.

// sharedFDs are the descriptors of a task that others may hold too. The zero value is
// none.
type sharedFDs map[int32]sharing

// sharing says of a descriptor whether others may hold it.
type sharing uint8

const (
	notShared    sharing = iota
	sharedAny            // what it leads to has not been asked yet
	sharedFile           // a regular file
	sharedDir            // a directory
	sharedStream         // something without an offset
)

// shareFDs notes that a task forks: all descriptors that it has are the child's, too.
func (e *engine) shareFDs(t, child *task) {
	e.onFDs(t, func() { e.shareFDsOf(t, child) })
}

func (e *engine) shareFDsOf(t, child *task) {
	dir := strconv.Itoa(t.pid) + "/fd"
	at, err := unix.Openat(e.procFD(), dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(at)
	t.sharedFDs, child.sharedFDs = make(sharedFDs), make(sharedFDs)
	e.anyEntry(at, func(name string) bool {
		if fd, err := strconv.ParseInt(name, 10, 32); err == nil {
			t.sharedFDs[int32(fd)], child.sharedFDs[int32(fd)] = sharedAny, sharedAny
		}
		return false
	})
}

// unshareFDs notes that a task has started a program: those of its descriptors that were
// closed by that are its own when they are given out again.
func (e *engine) unshareFDs(t *task) {
	for fd := range t.sharedFDs {
		var st unix.Stat_t
		if unix.Fstatat(e.procFD(), strconv.Itoa(t.pid)+"/fd/"+strconv.Itoa(int(fd)), &st, unix.AT_SYMLINK_NOFOLLOW) == unix.ENOENT {
			delete(t.sharedFDs, fd)
		}
	}
}

// sharedTurn holds a task back that makes a call on a file by a shared description.
func (e *engine) sharedTurn(t *task) (verdict, bool) {
	if len(t.sharedFDs) == 0 {
		return verdict{}, false
	}
	for _, i := range fdArgs[t.call.Nr] {
		switch e.shares(t, t.fd(i)) {
		case sharedFile:
			if v, wait := e.order(t, e.relatives()); wait {
				return v, true
			}
			e.inTurn(t, t.fd(i))
		case sharedDir:
			if nr := t.call.Nr; nr == unix.SYS_GETDENTS || nr == unix.SYS_GETDENTS64 || nr == unix.SYS_LSEEK {
				return e.order(t, e.relatives())
			}
		}
	}
	return verdict{}, false
}

// shares tells how others may hold one of a task's descriptors.
func (e *engine) shares(t *task, fd int32) sharing {
	how := t.sharedFDs[fd]
	if how != sharedAny {
		return how
	}
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return notShared
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		how = sharedFile
	case unix.S_IFDIR:
		how = sharedDir
	default:
		how = sharedStream
	}
	t.sharedFDs[fd] = how
	return how
}

// flagsTurn holds a task back that asks for the status flags of a description that is
// shared, or sets them.
func (e *engine) flagsTurn(t *task) (verdict, bool) {
	if t.sharedFDs[t.fd(0)] == notShared {
		return verdict{}, false
	}
	return e.order(t, e.relatives())
}

// fdArgs are the arguments of calls that are descriptors, of which the call asks or
// changes something.
var fdArgs = func() (args [policy.Size][]int) {
	for nr := range args {
		row := &policy.Table[nr]
		if row.Class != policy.Data && row.Class != policy.Order {
			continue
		}
		for i, arg := range strings.Fields(row.Args) {
			if _, kind, _ := strings.Cut(arg, ":"); kind == "fd" || kind == "dirfd" {
				args[nr] = append(args[nr], i)
			}
		}
	}
	return args
}()

// relatives is the scope of those who may share descriptions.
func (e *engine) relatives() sched.Scope {
	return func(visit func(*sched.Task)) {
		for _, u := range e.live {
			if len(u.sharedFDs) > 0 {
				visit(&u.ord)
			}
		}
	}
}

// dupEnter handles dup and the fcntl commands that duplicate.
func dupEnter(e *engine, t *task) verdict {
	how, s := t.sharedFDs[t.fd(0)], e.socketAt(t, t.fd(0))
	if how == notShared && s == nil {
		return run()
	}
	return runThen(func(ret int64) {
		if ret >= 0 && how != notShared {
			t.sharedFDs[int32(ret)] = how
		}
		if ret >= 0 && s != nil {
			t.duplicated(s)
		}
	})
}
