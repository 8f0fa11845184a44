package determinize

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What the kernel makes descriptors of without a file, eventfds and their like, cannot be
// told apart there: all have one inode. So the engine holds them. What a descriptor leads
// to is a socket that nothing else is done with, which stands for the object: it can be
// duplicated, inherited and closed, and cannot be mapped, opened anew or have a position.
// A box with any makes one call at a time.

// object is what the engine holds behind a descriptor; anon_inode in the kernel.
type object interface {
	// title is what it is called in /proc/PID/fd, after "anon_inode:".
	title() string
	// read and write handle a task's call that reads it or writes to it.
	read(e *engine, t *task) verdict
	write(e *engine, t *task) verdict
	pollable
	// closed is called when the last descriptor of it has been closed.
	closed(e *engine)
}

// pollable is what the engine can be asked about readiness.
type pollable interface {
	// ready is what a task can do with it without waiting, as poll(2) says it, and since
	// when it can do something of what is asked.
	ready(e *engine, t *task) int16
	since(e *engine, t *task, asked int16) (at sched.Stamp, ok bool)
}

// standIn gives a task a descriptor of a new object instead of what its call asks for. flags
// are O_CLOEXEC and O_NONBLOCK; made is called with the object's key.
func (e *engine) standIn(t *task, flags uint64, made func(vfs.Key) object) verdict {
	if v, wait := e.serially(t); wait {
		return v
	}
	e.kernelSocket(t, unix.SYS_SOCKET, flags) // O_CLOEXEC is SOCK_CLOEXEC, O_NONBLOCK is SOCK_NONBLOCK
	return runThen(func(ret int64) { e.standsIn(t, ret, made) })
}

// standsIn notes what a new socket of a task stands for.
func (e *engine) standsIn(t *task, ret int64, made func(vfs.Key) object) {
	var st unix.Stat_t
	if e.exhausted(t, ret); ret >= 0 && e.statFD(t, int32(ret), &st) == 0 {
		e.sockets = st.Dev
		e.objects[vfs.KeyOf(&st)] = made(vfs.KeyOf(&st))
	}
}

// objectAt is the object that a descriptor of a task leads to, or nil.
func (e *engine) objectAt(t *task, fd int32) object {
	var st unix.Stat_t
	if len(e.objects) == 0 || e.statFD(t, fd, &st) != 0 {
		return nil
	}
	return e.objects[vfs.KeyOf(&st)]
}

// objectAnswers is what calls on an object return, for which the kernel would ask what
// stands for it.
var objectAnswers = map[uint64]int64{
	unix.SYS_LSEEK:        0, // moves nothing; noop_llseek in fs/read_write.c
	unix.SYS_FSYNC:        -int64(unix.EINVAL),
	unix.SYS_FDATASYNC:    -int64(unix.EINVAL),
	unix.SYS_FCHMOD:       -int64(unix.EOPNOTSUPP),
	unix.SYS_FCHOWN:       -int64(unix.EOPNOTSUPP),
	unix.SYS_FSETXATTR:    -int64(unix.EPERM),
	unix.SYS_FREMOVEXATTR: -int64(unix.EPERM),
	unix.SYS_FGETXATTR:    -int64(unix.ENODATA),
	unix.SYS_FLISTXATTR:   0,
}

// onObject answers a call on an object.
func (e *engine) onObject(t *task) (verdict, bool) {
	if ret, ok := objectAnswers[t.call.Nr]; ok && e.objectAt(t, t.fd(0)) != nil {
		return answer(ret), true
	}
	return verdict{}, false
}

// showObject rewrites a stat result of what stands for an object, and tells whether it is
// one: there is one inode for all, without a type.
func (e *engine) showObject(st *unix.Stat_t) bool {
	if e.objects[vfs.KeyOf(st)] == nil {
		return false
	}
	n := e.fs.Lower(vfs.Key{Dev: e.sockets}, "anon_inode:") // no socket has number 0
	st.Size = 0
	n.Show(st, e.epoch(), nil)
	st.Mode, st.Nlink = 0o600, 1
	return true
}

// objectLink is what a link of /proc says that leads to an object.
func (e *engine) objectLink(ino uint64) (string, bool) {
	if o := e.objects[vfs.Key{Dev: e.sockets, Ino: ino}]; o != nil {
		return "anon_inode:" + o.title(), true
	}
	return "", false
}

// eachFD visits the descriptors of a process.
func (e *engine) eachFD(t *task, visit func(fd int, st *unix.Stat_t)) {
	e.onFDs(t, func() { e.eachFDIn(t, visit) })
}

func (e *engine) eachFDIn(t *task, visit func(fd int, st *unix.Stat_t)) {
	at, err := unix.Openat(e.procFD(), strconv.Itoa(t.leader.pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(at)
	e.anyEntry(at, func(name string) bool {
		var st unix.Stat_t
		if fd, err := strconv.Atoi(name); err == nil && unix.Fstatat(at, name, &st, 0) == nil {
			visit(fd, &st)
		}
		return false
	})
}

// letsGo notes that a task gives up those of its descriptors that closes accepts: objects to
// which none leads any more are gone, and so is what an epoll waits for.
func (e *engine) letsGo(t *task, closes func(fd int) bool) {
	if len(e.objects) == 0 && len(e.watchers) == 0 {
		return
	}
	e.closesFiles(t, closes)
	open := make(map[vfs.Key]bool)
	for _, u := range e.live {
		if u == u.leader && (u.process == t.process || !u.ended()) {
			e.eachFD(u, func(fd int, st *unix.Stat_t) {
				if u.process != t.process || !closes(fd) {
					open[vfs.KeyOf(st)] = true
				}
			})
		}
	}
	for k := range e.flight {
		open[k] = true
	}
	for k := range e.watchers {
		if !open[k] {
			e.unwatch(k, func(*epollItem) bool { return true })
		}
	}
	for k, o := range e.objects {
		if !open[k] {
			delete(e.objects, k)
			o.closed(e)
			e.changes++
		}
	}
}

// letsGoOf is letsGo of one descriptor.
func (e *engine) letsGoOf(t *task, fd int32) {
	if len(e.objects) == 0 && len(e.watchers) == 0 {
		return
	}
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return
	}
	if e.watchesFiles() {
		e.closesFiles(t, func(n int) bool { return n == int(fd) })
	}
	if k := vfs.KeyOf(&st); e.objects[k] != nil || len(e.watchers[k]) > 0 {
		e.letsGo(t, func(n int) bool { return n == int(fd) })
	}
}

// waitsNot tells whether the descriptor that a call reads or writes is one that it does not
// wait for.
func (e *engine) waitsNot(t *task) bool {
	fl, errno := e.flags(t, t.fd(0))
	return errno != 0 || fl&unix.O_NONBLOCK != 0
}

// readsAt tells whether a call reads or writes at a place of its own, which objects have
// none of.
func readsAt(t *task) bool {
	switch t.call.Nr {
	case unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_PREADV, unix.SYS_PWRITEV:
		return true
	case unix.SYS_PREADV2, unix.SYS_PWRITEV2:
		return int64(t.arg(3)) != -1
	}
	return false
}

// carried is what travels with what several tasks leave in an object.
type carried struct {
	edge clock.Edge
	past conflict.Past
	by   *process // the only one whose tasks did, or nil
	used bool
}

// from adds what a task leaves.
func (c *carried) from(t *task) {
	if !c.used {
		c.by, c.used = t.process, true
	} else if c.by != t.process {
		c.by = nil
	}
	c.past.Leave(&t.clk.Past)
	c.edge.B = max(c.edge.B, t.clk.B)
	c.edge.W = max(c.edge.W, t.clk.W)
	c.edge.Over = max(c.edge.Over, t.clk.Over)
	c.edge.O = max(c.edge.O, t.clk.O)
}

// to gives it to a task: what it left itself it knows.
func (c *carried) to(t *task) {
	if c.by != t.process {
		t.clk.Receive(c.edge)
		t.clk.Past.Follow(&c.past)
	}
}
