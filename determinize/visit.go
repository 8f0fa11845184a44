package determinize

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// A process that somebody outside makes in a container's namespaces while it runs, as the exec of
// an OCI runtime does, joins the box: it is traced as all others are, and lives in the same time.
// Its parent is outside. When it comes is outside's doing, which taints.
//
// It comes after everything that has been done in the box so far. From then on, what it and those
// that come of it do has an order among them, and so has what the others do; between the two,
// what comes first does: neither waits for the other to come as far, since either may be idle,
// or compute, for as long as it likes.

// TaintExec is the kind of the taint of a box that somebody has joined.
const TaintExec = "exec"

// ErrOver says that the box has ended, or is about to.
var ErrOver = errors.New("the box has ended")

// visit is a process that has joined the box, and what comes of it.
type visit struct {
	box   *outbox
	sinks int // that are open

	terminal bool
	ear      *visitEar // waits for input of it
}

// A Visitor is a process that is to join the box.
type Visitor struct {
	// Command is the process: VPID is not used.
	Command
	// Stdin is the input behind the pipe StdinKey, nil where standard input is no such pipe; Join
	// takes it over, if it succeeds. It is read as it comes. StdinFile is the file that the process holds in its place, if it is one
	// of the caller's and not of the box.
	Stdin               *os.File
	StdinKey, StdinFile vfs.Key
	// Outlets take what is written to the pipes Outputs, of standard output and standard error.
	Outputs [2]vfs.Key
	Outlets [2]Outlet
	// Terminal tells that it has one.
	Terminal bool
}

// A Reservation is a place in the box for a process that is to be made at once.
type Reservation struct {
	r    *Run
	pid  int
	slot *task // stands for the one who forks; nil: given back
	open bool  // the process is neither there nor given up
}

// Reserve has the next process of the box's pid namespace get a pid of the engine's choice, and
// nobody fork until Made is called. ErrOver where the box has ended.
func (r *Run) Reserve() (v *Reservation, err error) {
	for v == nil && err == nil {
		r.ask(func() { v, err = r.e.reserve(r) })
		if v == nil && err == nil {
			time.Sleep(time.Millisecond) // somebody forks
		}
	}
	return v, err
}

// Made says that the process is there, or will not be.
func (v *Reservation) Made() { v.r.ask(func() { v.r.e.forksAgain(v) }) }

// Cancel says that the process does not join the box.
func (v *Reservation) Cancel() {
	v.r.ask(func() {
		v.r.e.forksAgain(v)
		v.r.e.giveBack(v)
	})
}

// Join seizes and releases the process, which waits. ErrOver where the box has ended.
func (v *Reservation) Join(g *Visitor) (err error) {
	v.r.ask(func() {
		v.r.e.forksAgain(v)
		if err = v.r.e.joins(v, g); err != nil {
			v.r.e.giveBack(v)
		}
	})
	return err
}

// Leaves says that nobody has one of the pipes of a Visitor open any more, and Stir that an Outlet
// is not full any more.
func (r *Run) Leaves(pipe vfs.Key) { r.ask(func() { r.e.closesStream(pipe) }) }

// Stir has those look again that wait for something outside.
func (r *Run) Stir() {
	r.e.stirred.Store(true)
	r.ask(func() {})
}

// isOver tells whether nobody can join the box any more.
func (e *engine) isOver() bool { return e.ended || e.ending || e.root.ended() }

func (e *engine) reserve(r *Run) (*Reservation, error) {
	if e.isOver() {
		return nil, ErrOver
	}
	if e.forking != nil && e.forking.plan != nil {
		return nil, nil
	}
	e.taint(TaintExec, "a process was started from outside, by exec", nil)
	e.visits++
	want := e.visitSeed().Pid(0, e.cfg.LastPID)
	pid, ok := e.pids.Place(want, pids.IDs{})
	if !ok {
		return nil, unix.EAGAIN
	}
	e.pids.SetIDs(pid, pids.IDs{PGID: pid, SID: pid})
	if err := e.cfg.PlacePID(pid); err != nil {
		e.pids.Free(pid)
		return nil, err
	}
	slot := &task{process: &process{}, plan: &forkPlan{vpid: pid}}
	e.forking = slot
	return &Reservation{r: r, pid: pid, slot: slot, open: true}, nil
}

// visitSeed is the seed of the process that joins now.
func (e *engine) visitSeed() prng.Seed { return e.cfg.Seed.Derive("exec", e.visits) }

// forksAgain lets others fork again.
func (e *engine) forksAgain(v *Reservation) {
	if v.slot != nil && e.forking == v.slot {
		e.forking = nil
	}
	if v.slot != nil {
		v.slot.plan, v.slot = nil, nil
		e.changes++
	}
}

// giveBack gives a pid back.
func (e *engine) giveBack(v *Reservation) {
	if v.open {
		v.open = false
		e.pids.Free(v.pid)
	}
}

// joins seizes a process and lets it go.
func (e *engine) joins(v *Reservation, g *Visitor) error {
	if e.isOver() {
		return ErrOver
	}
	vpid, ok := e.pidInBox(g.PID)
	if !ok {
		return unix.ESRCH
	}
	if err := e.tr.Seize(g.PID); err != nil {
		return err
	}
	t := &task{
		process: &process{
			vpid: v.pid, pidfd: openPidfd(g.PID), pgid: v.pid, sid: v.pid,
			seed: e.visitSeed(), limits: procfs.DefaultLimits(),
			visit: &visit{box: &outbox{}, terminal: g.Terminal},
		},
		pid: g.PID, tid: v.pid, state: stateRunning, cpu: e.cfg.CPU,
		// After all that are forked.
		path: sched.Path{^uint32(0) - uint32(e.visits)},
		clk:  clock.New(e.cfg.Stamps),
	}
	v.open = false
	t.leader, t.threads, t.first = t, []*task{t}, t.pid
	e.vpids[t.vpid] = t
	e.hasPID(t, vpid)
	t.clk.Past = e.chains.First()
	t.clk.Receive(e.present())
	t.clk.Past.Follow(&e.gone.past)
	for _, u := range e.live {
		t.clk.Past.Join(&u.clk.Past)
		t.clk.B = max(t.clk.B, u.clk.B, u.ord.Relied.B, u.end.Relied.B)
	}
	t.clk.B++
	t.rnd = prng.NewStream(t.seed, "random")
	t.ord = sched.Task{Path: t.path, Of: t}
	t.end = sched.End(&t.ord, 0)
	t.born, t.bornAt = t.clk.Now(), t.stamp()
	e.usedPIDs[t.vpid] = &pidUse{at: t.stamp(), by: t}
	e.learnsCreds(t)
	e.opensStreamsOf(t.visit, g)
	e.report.Processes++
	e.live = append(e.live, t)
	e.tasks[t.pid] = t
	e.transit++
	t.sync()
	e.changes++
	if _, err := g.Go.Write([]byte{1}); err != nil {
		e.log.Debug("release a process that joins", "err", err) // it is gone, which will be seen
	}
	return nil
}

// opensStreamsOf makes the streams of a process that joins.
func (e *engine) opensStreamsOf(v *visit, g *Visitor) {
	v.box.of = v
	e.outboxes = append(e.outboxes, v.box)
	if g.Stdin != nil {
		e.opensSource(&source{file: g.Stdin, key: g.StdinKey, live: true, of: v})
		e.fs.Created(g.StdinKey, "pipe:", []byte("exec"), 3*e.visits, e.owner())
	}
	if g.StdinFile != (vfs.Key{}) {
		e.stdinFiles[g.StdinFile] = true
	}
	for i, k := range g.Outputs {
		if g.Outlets[i] != nil {
			e.outs[k] = &outstream{key: k, stream: i + 1, box: v.box, out: g.Outlets[i]}
			e.fs.Created(k, "pipe:", []byte("exec"), 3*e.visits+uint64(i)+1, e.owner())
			v.sinks++
		}
	}
}

// closesStream notes that nobody in the box has a pipe of outside open any more.
func (e *engine) closesStream(k vfs.Key) {
	if s := e.sources[k]; s != nil && s.of != nil {
		delete(e.sources, k)
		s.over.Store(true)
		close(s.wanted) // the file is closed then
		e.fs.Drop(k)
	}
	s := e.outs[k]
	if s == nil || s.box.of == nil {
		return
	}
	delete(e.outs, k)
	e.fs.Drop(k)
	if s.closes = true; s.queued == 0 {
		s.out.Close()
	}
	if s.box.of.sinks--; s.box.of.sinks == 0 {
		e.dropsOutboxes()
	}
}

// present is the time in the whole box: nobody has come further. For who waits it passes as outside.
func (e *engine) present() clock.Edge {
	const grain = 10 * time.Millisecond
	now, outside := e.gone.edge, outsideTime()
	for _, u := range e.live {
		edge := u.clk.Edge
		if u.state == stateBlocked && u.wait.since > 0 {
			waited := (outside - u.wait.since) / grain * grain
			edge.W += int64(waited)
			edge.B += uint64(waited / time.Microsecond)
		}
		now.Include(edge)
	}
	return now
}

// leavesVisit notes what those leave behind who have joined the box, and end.
func (e *engine) leavesVisit(t *task) {
	if t.visit != nil {
		e.gone.from(t)
		t.visit.deaf()
	}
}

// kin is the scope of those that have joined the box with one, or, without one, of the box's own.
func (e *engine) kin(v *visit) sched.Scope {
	return func(visit func(*sched.Task)) {
		for _, u := range e.live {
			if u.visit == v {
				visit(&u.ord)
			}
		}
	}
}

// worlds are the tasks that live, those apart that wait for each other.
func (e *engine) worlds() (all [][]*task) {
	at := make(map[*visit]int)
	for _, t := range e.live {
		i, ok := at[t.visit]
		if !ok {
			i = len(all)
			at[t.visit], all = i, append(all, nil)
		}
		all[i] = append(all[i], t)
	}
	return all
}

// parentless tells whether a task's parent is outside of the box's pid namespace.
func (t *task) parentless() bool { return t.vpid == 1 || t.visit != nil && t.forker == nil }

// killedOutside deals with a task's death that nobody in the box has caused. Those of a
// container have users outside who may, and the kernel does where memory runs out.
func (e *engine) killedOutside(t *task) {
	if e.ended && e.init == nil {
		return // with pid 1
	}
	if !e.cfg.Service {
		e.fatal = ErrLost
		return
	}
	e.taint("signal", "killed from outside the box", t)
	if t.process == e.root.process {
		e.fatal = ErrLost
		return
	}
	if e.forking == t {
		e.forking = nil
		if p := t.plan; p != nil && p.child == nil {
			e.pids.Free(p.vpid)
			for pid := range e.early {
				unix.Kill(pid, unix.SIGKILL)
				delete(e.early, pid)
			}
		}
	}
	t.plan = nil
	if e.alone == t {
		e.alone, t.later = nil, nil
	}
	e.changes++
}

// vanished says that a task is gone where it should be stopped: killed from outside, which its end
// tells where that may be.
func (e *engine) vanished() {
	if !e.cfg.Service {
		e.fatal = ErrLost
	}
}

// checkPID finds out which pid a process has that has just been forked: those that are about to
// join the box take some without asking.
func (e *engine) checkPID(c *task) {
	if pid, ok := e.pidInBox(c.pid); ok {
		e.hasPID(c, pid)
	}
}

// hasPID notes that a process has another pid than the engine has asked for.
func (e *engine) hasPID(c *task, pid int) {
	if pid == c.vpid {
		return
	}
	if e.vpids[c.vpid] == c {
		delete(e.vpids, c.vpid)
	}
	e.pids.Free(c.vpid)
	if got, ok := e.pids.Place(pid, pids.IDs{}); ok && got != pid {
		e.pids.Free(got)
	}
	if c.pgid == c.vpid {
		c.pgid, c.sid = pid, pid
	}
	c.vpid, c.tid = pid, pid
	e.pids.SetIDs(pid, pids.IDs{PGID: c.pgid, SID: c.sid})
	e.vpids[pid] = c
}

// pidInBox is the pid that a process has in the box, of the engine's pid; proc_pid_status(5).
func (e *engine) pidInBox(pid int) (int, bool) {
	status, errno := readAll(e.procFD(), strconv.Itoa(pid)+"/status")
	if errno != 0 {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if ids, ok := strings.CutPrefix(lines.Text(), "NSpid:"); ok {
			fields := strings.Fields(ids)
			n, err := strconv.Atoi(fields[len(fields)-1])
			return n, err == nil
		}
	}
	return 0, false
}

// dropsOutboxes forgets those of processes whose streams are all closed.
func (e *engine) dropsOutboxes() {
	e.outboxes = slices.DeleteFunc(e.outboxes, func(o *outbox) bool { return o.of != nil && o.of.sinks == 0 && len(o.pieces) == 0 })
}
