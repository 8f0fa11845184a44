package determinize

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// pipe is a pipe or FIFO. Who has its ends open is known exactly: ends come into being
// with the pipe, are inherited by children, and are given up by calls that stop.
type pipe struct {
	sched.Pipe[clock.Edge]
	key vfs.Key
	by  uint64 // exec that made it; 0: it was there before
	// named says that any task may open it: a FIFO, or a pipe that was opened by its
	// link in /proc.
	named bool
	// told are those who have been told that nobody reads it any more.
	told []*task
	// closed is what those have left behind who gave up its read ends, and its write ends.
	closed [2]conflict.Past
}

// broken tells whether a task can count on it that nobody reads the pipe any more.
func (p *pipe) broken(t *task) bool {
	return slices.Contains(p.told, t) && !p.Held(sched.Reads) || p.ReleasedBefore(sched.Reads, t.ord.Follows)
}

// pipeOf returns the pipe that one of a task's descriptors leads to.
func (e *engine) pipeOf(t *task, k vfs.Key) *pipe {
	p := e.pipeTable[k]
	if p == nil {
		// One that was there before the box.
		p = &pipe{key: k, named: true}
		e.pipeTable[k] = p
		e.hold(t, p, sched.Reads|sched.Writes)
	}
	return p
}

// hold notes that a task has ends of a pipe open.
func (e *engine) hold(t *task, p *pipe, ends sched.Ends) {
	p.Hold(t.hand(), ends)
	if !slices.Contains(t.pipes, p) {
		t.pipes = append(t.pipes, p)
	}
}

// drop notes that a task has given ends of a pipe up.
func (e *engine) drop(t *task, p *pipe, ends sched.Ends) {
	by := e.did(t)
	by.Task = t.hand()
	p.Drop(by, ends, t.clk.B)
	for i, end := range [...]sched.Ends{sched.Reads, sched.Writes} {
		if ends&end != 0 {
			p.closed[i].Leave(&t.clk.Past)
		}
	}
	e.unwatch(p.key, func(it *epollItem) bool { return !p.Held(endsOf(it.mode)) })
	e.notify(p.key, 0)
	if p.Ends(t.hand()) == 0 {
		t.pipes = slices.DeleteFunc(t.pipes, func(q *pipe) bool { return q == p })
	}
	if !p.Held(sched.Reads|sched.Writes) && !p.named {
		delete(e.pipeTable, p.key)
	}
}

// dropPipes notes that a task has no descriptors any more.
func (e *engine) dropPipes(t *task) {
	for len(t.pipes) > 0 {
		e.drop(t, t.pipes[0], sched.Reads|sched.Writes)
	}
	e.dropSockets(t)
}

// inheritPipes gives a child its parent's ends.
func (e *engine) inheritPipes(t, child *task) {
	for _, p := range t.pipes {
		e.hold(child, p, p.Ends(t.hand()))
	}
	e.inheritSockets(t, child)
}

// scope is who else has ends of the pipe open.
func (p *pipe) scope(e *engine, t *task, ends sched.Ends) sched.Scope {
	if p.named {
		return e.everybody(t)
	}
	return p.Others(t.hand(), ends)
}

// writeScope is who can come before a write that waits for room.
func (p *pipe) writeScope(e *engine, t *task) sched.Scope {
	if p.named {
		return e.everybody(t)
	}
	return p.Writers(t.hand())
}

// send puts what a task writes into a pipe.
func (e *engine) send(t *task, p *pipe, data []byte, flags int) {
	packet := flags&unix.O_DIRECT != 0
	e.sinks(t, p.key, p.by, data)
	if w := t.whole(); w != nil {
		w.feeds = true
	}
	for len(data) > 0 {
		n := len(data)
		if packet {
			n = min(n, sched.Atomic)
		}
		p.Write(&sched.Write[clock.Edge]{
			Data: slices.Clone(data[:n]), Edge: t.clk.Edge, At: t.clk.B,
			By: e.did(t), Packet: packet,
		})
		data = data[n:]
	}
	e.notifyEnds(p.key, sched.Reads, pollIn)
}

// did says that a task does something whose order others may ask for.
func (e *engine) did(t *task) sched.Actor {
	e.acts++
	return sched.Actor{Task: &t.ord, Seq: e.acts}
}

// touchDir notes that a task changes the entries of a directory.
func (e *engine) touchDir(t *task, n *vfs.Inode) { n.TouchEntries(&t.clk, e.did(t), t.births) }

// endsOf are the ends that a descriptor's flags open.
func endsOf(flags int) sched.Ends {
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		return sched.Reads
	case unix.O_WRONLY:
		return sched.Writes
	}
	return sched.Reads | sched.Writes
}

// openEnds are the ends of a pipe that a task's descriptors lead to, but for those
// that without accepts.
func (e *engine) openEnds(t *task, k vfs.Key, without func(fd int) bool) (ends sched.Ends) {
	e.onFDs(t, func() { ends = e.openEndsIn(t, k, without) })
	return ends
}

func (e *engine) openEndsIn(t *task, k vfs.Key, without func(fd int) bool) (ends sched.Ends) {
	dir := strconv.Itoa(t.pid) + "/fd"
	at, err := unix.Openat(e.procFD(), dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(at)
	e.anyEntry(at, func(name string) bool {
		var st unix.Stat_t
		fd, err := strconv.Atoi(name)
		if err != nil || without(fd) || unix.Fstatat(at, name, &st, 0) != nil || vfs.KeyOf(&st) != k {
			return false
		}
		if fl, errno := e.flags(t, int32(fd)); errno == 0 && fl&unix.O_PATH == 0 {
			ends |= endsOf(fl)
		}
		return ends == sched.Reads|sched.Writes
	})
	return ends
}

// recount finds out which ends a task still has, which will lose descriptors.
func (e *engine) recount(t *task, p *pipe, without func(fd int) bool) {
	if lost := p.Ends(t.hand()) &^ e.openEnds(t, p.key, without); lost != 0 {
		e.drop(t, p, lost)
	}
}

// recountAll is recount of all of a task's pipes.
func (e *engine) recountAll(t *task, without func(fd int) bool) {
	for _, p := range slices.Clone(t.pipes) {
		e.recount(t, p, without)
	}
	e.recountSockets(t, without)
}

// closeEnter handles the calls that may give descriptors up: close, dup2, dup3,
// close_range. Who may hold a file lock gives it up with them.
func closeEnter(e *engine, t *task) verdict {
	switch t.call.Nr {
	case unix.SYS_CLOSE:
		delete(t.sharedFDs, t.fd(0))
		e.closes(t, t.fd(0))
		e.letsGoOf(t, t.fd(0))
	case unix.SYS_DUP2, unix.SYS_DUP3:
		from, to := t.fd(0), t.fd(1)
		if from == to || t.call.Nr == unix.SYS_DUP3 && t.arg(2)&^unix.O_CLOEXEC != 0 || len(t.sharedFDs) == 0 && len(t.pipes) == 0 && len(t.sockets) == 0 && len(e.objects) == 0 {
			break
		}
		if _, errno := e.flags(t, from); errno != 0 {
			break // it fails
		}
		if how := t.sharedFDs[from]; how != notShared {
			t.sharedFDs[to] = how
		} else {
			delete(t.sharedFDs, to)
		}
		if s := e.socketAt(t, from); s != nil {
			t.duplicated(s)
		}
		e.closes(t, to)
		e.letsGoOf(t, to)
	case unix.SYS_CLOSE_RANGE:
		first, last, flags := uint32(t.arg(0)), uint32(t.arg(1)), t.arg(2)
		if first <= last && flags&^(unix.CLOSE_RANGE_UNSHARE) == 0 {
			in := func(fd int) bool { return uint32(fd) >= first && uint32(fd) <= last }
			e.recountAll(t, in)
			e.letsGo(t, in)
		}
	}
	if t.locker {
		return runThen(func(int64) { e.unlocked(t) })
	}
	return run()
}

// closes notes that a descriptor is about to be closed.
func (e *engine) closes(t *task, fd int32) {
	if len(t.pipes) == 0 && len(t.sockets) == 0 {
		return
	}
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return
	}
	if s := e.socketTable[vfs.KeyOf(&st)]; s != nil {
		e.closesSocket(t, fd, s)
		return
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return
	}
	if p := e.pipeTable[vfs.KeyOf(&st)]; p != nil {
		e.recount(t, p, func(n int) bool { return n == int(fd) })
	}
}
