package determinize

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// A skipped exec's process makes the calls that leave behind what its memo says, in the place of
// the program that has been loaded and never runs. They are calls like any: they stop, are in
// conflict with others, wait for their turn. What they would give in times and numbers is put
// right afterwards.

// ErrReplay says that what a memo says could not be put in place: the box is to be run again
// without skipping anything.
var ErrReplay = errors.New("a result from the cache could not be put in place")

// replay is what a skipped exec's process does.
type replay struct {
	w      *whole
	m      *memo.Memo
	steps  []func(*replay) // each adds to calls
	calls  []replayCall
	now    replayCall // that it makes
	made   bool       // and that has been made once
	inCall bool
	b      uint64 // when its calls are made
	count  uint64 // of its calls
	sp     uint64
	most   int64  // that was known at the start, or came with the inputs
	fd     uint64 // that the last open returned
	in     io.ReadCloser
	open   func(memo.Digest) io.ReadCloser
	dates  map[string]date // of what keeps its time, before
	end    func()          // before its last call
}

// date is a file's modification time.
type date struct {
	mtime   int64
	stamped bool
}

// replayCall is a call that it makes.
type replayCall struct {
	nr    uint64
	args  [6]uint64
	texts map[int]string // arguments that are paths
	data  []byte         // argument dataArg
	at    uint64         // B since the start; 0: as soon as it can
	known int64          // clock value that comes with it
	may   unix.Errno     // with which it may fail
	after func(r *replay, ret int64)
}

// Where a call's arguments lie in memory: below the stack of the program that does not run, of
// which the kernel has made 128 KiB.
const (
	replayTexts = 16 << 10
	replayData  = 96 << 10
	dataArg     = 1
	maxReplayed = 64 << 10 // bytes of a call
)

// replay begins to replay a memo in a task that is at the stop of its exec.
func (e *engine) replay(t *task, w *whole, kept Kept) {
	m := kept.Memo
	var regs unix.PtraceRegs
	if e.tr.Regs(t.pid, &regs) != 0 {
		e.fatal = ErrLost
		return
	}
	r := &replay{w: w, m: m, b: t.clk.B + 1, sp: regs.Rsp &^ 15, most: w.start.known, dates: make(map[string]date)}
	r.open = func(d memo.Digest) io.ReadCloser {
		content, err := e.cfg.Cache.Content(d)
		if err != nil {
			e.log.Debug("content of a skipped exec", "err", err)
			return nil
		}
		return content
	}
	w.skipped = kept.Name
	e.observes(t, m)
	for _, s := range w.inOrder {
		r.most = max(r.most, s.Known)
	}
	e.skipped(t, w, m)
	e.plan(t, r)
	t.replay = r
	t.exit = func(int64) {} // of execve itself: then comes the first call
	e.resume(t)
}

// skipped notes what a memo adds to the report, and to the wholes that its exec is a part of.
func (e *engine) skipped(t *task, w *whole, m *memo.Memo) {
	w.seed, w.ids, w.stampSeen = w.seed || m.Seed != nil, w.ids || m.IDs != nil, w.stampSeen || m.Stamp != nil
	if w.clock, w.reads = m.Clock != nil, m.Clock != nil; m.Heard {
		w.learners = []uint64{w.id}
	}
	w.execs, w.ticks = m.Execs, m.Ticks
	for a := w; a != nil; a = a.up {
		a.processes += m.Processes
		a.seed = a.seed || m.Processes > 0 && a != w
	}
	for _, c := range m.Refused {
		w.refuses(c.Name, c.N)
		e.report.Refused[c.Name] += c.N
	}
	e.conflicts.list = append(e.conflicts.list, m.Conflicts...)
	w.unmasked = slices.Clone(m.Unmasked)
	e.report.Unmasked = append(e.report.Unmasked, m.Unmasked...)
	e.report.Execs += m.Execs - 1
	e.report.Skipped += m.Execs
	e.report.SavedTicks += m.Ticks
	e.report.Processes += m.Processes
	w.saved = m.Execs
}

// plan makes the steps of a replay.
func (e *engine) plan(t *task, r *replay) {
	outputs := r.m.Outputs
	from := make(map[string]bool)
	for i := range outputs {
		if o := &outputs[i]; o.From != "" {
			from[o.From] = true
		}
	}
	for i := range outputs {
		if o := &outputs[i]; o.Undated {
			at := o.Path
			if o.From != "" {
				at = o.From
			}
			if n := e.nodeAt(at); n != nil {
				r.dates[o.Path] = date{n.Mtime, n.Stamped()}
			}
		}
	}
	step := func(f func(*replay)) { r.steps = append(r.steps, f) }
	for i := range outputs {
		if o := &outputs[i]; o.New && o.Form == memo.Dir && !o.Existed {
			step(func(r *replay) { e.makes(t, r, o) })
		}
	}
	for i := range outputs {
		if o := &outputs[i]; o.From != "" {
			step(func(r *replay) { r.renames(o) })
		}
	}
	for i := len(outputs) - 1; i >= 0; i-- {
		if o := &outputs[i]; o.Existed && !from[o.Path] && o.From == "" && (o.Form == memo.Gone || o.New || o.SameAs != "") {
			step(func(r *replay) { e.removesOld(r, o.Path) })
		}
	}
	for i := range outputs {
		switch o := &outputs[i]; {
		case o.SameAs != "":
			step(func(r *replay) { r.relinks(o) })
		case o.New && !(o.Form == memo.Dir && !o.Existed):
			step(func(r *replay) { e.makes(t, r, o) })
		case !o.New && (o.Form == memo.File || o.Form == memo.Dir || o.Form == memo.Symlink || o.Form == memo.Fifo):
			step(func(r *replay) { e.changesOld(t, r, o) })
		}
	}
	for i := len(outputs) - 1; i >= 0; i-- {
		if o := &outputs[i]; o.Form == memo.Dir && o.SameAs == "" {
			step(func(r *replay) { e.permits(t, r, o) })
		}
	}
	step(func(*replay) { e.putRight(t, r) })
	for i := range r.m.Writes {
		wr := &r.m.Writes[i]
		step(func(r *replay) { r.writes(wr) })
	}
	step(func(r *replay) { e.endsReplay(t, r) })
}

// knows is the clock value that something tells of.
func (r *replay) knows(k memo.Known) int64 {
	switch k.From {
	case memo.Start:
		return r.w.start.known
	case memo.Inputs:
		return r.most
	}
	return k.Is
}

// nextCall has a task that is between two calls of its replay make the next one.
func (e *engine) nextCall(t *task) {
	r := t.replay
	r.inCall = false
	if r.made {
		r.made = false
		ret, errno := e.tr.Result(t.pid)
		if errno != 0 {
			e.lost(t, errno)
			return
		}
		e.hasMade(t, r, ret)
	}
	for {
		for len(r.calls) == 0 && len(r.steps) > 0 && e.fatal == nil {
			step := r.steps[0]
			r.steps = r.steps[1:]
			step(r)
		}
		if e.fatal != nil {
			return
		}
		if len(r.calls) == 0 {
			e.fatal = fmt.Errorf("%w: it does not end", ErrReplay)
			return
		}
		r.now, r.calls = r.calls[0], r.calls[1:]
		r.b = max(r.w.start.b+1, r.w.start.b+r.now.at)
		if !e.makesItself(t, r) {
			e.makeCall(t, r)
			return
		}
	}
}

// hasMade does what follows a call that a replay has made.
func (e *engine) hasMade(t *task, r *replay, ret int64) {
	if ret < 0 && unix.Errno(-ret) != r.now.may {
		e.fatal = fmt.Errorf("%w: %s %s: %w", ErrReplay, callName(t), r.now.texts[1], unix.Errno(-ret))
		return
	}
	if r.now.after != nil {
		r.now.after(r, ret)
	}
}

// makeCall puts a call's arguments into a task's registers and memory.
func (e *engine) makeCall(t *task, r *replay) {
	var regs unix.PtraceRegs
	if e.tr.Regs(t.pid, &regs) != 0 {
		e.park(t, stateDying)
		return
	}
	c := &r.now
	if !slices.Contains(replayCalls, c.nr) {
		e.fatal = fmt.Errorf("%w: call %d is none of a replay's", ErrReplay, c.nr)
		return
	}
	at := r.sp - replayTexts
	for i, text := range c.texts {
		if len(text)+1 > maxPath || e.tr.WriteFull(t.pid, at, append([]byte(text), 0)) != 0 {
			e.fatal = fmt.Errorf("%w: %s", ErrReplay, text)
			return
		}
		c.args[i] = at
		at += uint64(len(text)+1+15) &^ 15
	}
	if c.data != nil {
		if c.args[dataArg] = r.sp - replayData; e.tr.WriteFull(t.pid, r.sp-replayData, c.data) != 0 {
			e.fatal = fmt.Errorf("%w: no memory", ErrReplay)
			return
		}
	}
	regs.Rip, regs.Rsp = t.syscallAt, r.sp
	regs.Rax, regs.Orig_rax = c.nr, ^uint64(0)
	regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9 = c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]
	if e.tr.SetRegs(t.pid, &regs) != 0 {
		e.park(t, stateDying)
		return
	}
	r.made = true
	r.count++
	// What it changes is as late as what was there before is: times are put right in the end.
	t.clk.Reset(r.w.start.world, r.w.start.over, r.now.known)
	if r.end != nil {
		r.end()
	}
	t.exit = nil
	e.resume(t)
}

// atCWD is AT_FDCWD as an argument.
const atCWD = uint64(unix.AT_FDCWD & 0xffffffff)

// putRight gives what has been put in place the times and numbers that it would have.
func (e *engine) putRight(t *task, r *replay) {
	start := &r.w.start
	for i := range r.m.Outputs {
		o := &r.m.Outputs[i]
		switch {
		case o.Form == memo.Passing:
			e.hasPassed(t, o)
			continue
		case o.Form == memo.Gone || o.SameAs != "":
			continue
		}
		n := e.nodeAt(o.Path)
		if n == nil {
			e.fatal = fmt.Errorf("%w: %s is missing", ErrReplay, o.Path)
			return
		}
		if o.Form == memo.Dir && !o.New && !o.Touched && !o.Undated {
			e.touchDir(t, n) // also where all names in it have gone again: it is for those that come after
		}
		mtime := o.Mtime
		if o.Stamped {
			mtime += start.stamp
		}
		stamped := o.Stamped
		if d, ok := r.dates[o.Path]; ok {
			mtime, stamped = d.mtime, d.stamped
		}
		n.Replay(mtime, stamped, start.world+o.World, start.over+o.Over, r.knows(o.Known), &t.ord)
		if o.New {
			n.Writer = o.Writer
			if o.Form != memo.Dir {
				e.numbers(t, n, o)
			}
		}
	}
	for _, s := range r.m.Sinks {
		if to := r.w.sinkAt(s.FD); to != nil && to.node != nil {
			r.steps = slices.Insert(r.steps, len(r.steps)-1, func(*replay) {
				to.node.Replay(start.stamp+s.Mtime, true, 0, 0, 0, &t.ord)
			})
		}
	}
}

// numbers gives something new the inode number that it would have.
func (e *engine) numbers(t *task, n *vfs.Inode, o *memo.Output) {
	if o.Nth != 0 {
		n.Ino, n.Nth = e.fs.NumberMade(t.id(), o.Nth), o.Nth
	} else {
		n.Ino, n.Nth = o.Ino, 0
	}
}

// hasPassed notes that something was at a path for a while.
func (e *engine) hasPassed(t *task, o *memo.Output) {
	d, base, nm := e.nameAtPath(o.Path)
	if d == nil || nm == nil || d.fixed {
		return
	}
	e.onName(t, d, base, nm, conflict.Change)
	e.onFile(t, d.node, conflict.Listing, conflict.Add)
	e.wholeNames(t, &entry{dir: d.node, base: base}, d, nm)
	e.fs.Passed(d.node, base)
}

// endsReplay has the process end as the exec did.
func (e *engine) endsReplay(t *task, r *replay) {
	m := r.m
	last := replayCall{nr: unix.SYS_EXIT_GROUP, args: [6]uint64{uint64(m.End.Status >> 8 & 0xff)}, at: m.End.B}
	if sig := m.End.Status & 0x7f; sig != 0 {
		last = replayCall{nr: unix.SYS_KILL, args: [6]uint64{uint64(t.vpid), uint64(sig)}, at: m.End.B}
		if m.End.B > 0 {
			last.at--
		}
	}
	if m.Read != nil {
		if local, errno := e.borrow(t, int32(m.Read.FD)); errno == 0 {
			unix.Seek(local, m.Read.By, unix.SEEK_CUR)
			unix.Close(local)
		}
	}
	r.end = func() {
		start := &r.w.start
		// The last call takes time of its own, too.
		t.clk.Skip(start.b+last.at, time.Duration(m.End.Own)-time.Microsecond, start.world+m.End.World, start.over+m.End.Over, r.knows(m.End.Known))
		t.memory = m.End.Memory
		t.kidOwn, t.kidAny = time.Duration(m.End.Kids), m.End.Kids > 0
		e.report.Ticks += m.Ticks - r.count
		if len(m.Outputs)+len(m.Writes) > 0 {
			t.altered = t.clk.B
		}
	}
	r.add(last)
}

// readEnds are those of a pipe, and pipeCapacity how many bytes fit into one.
const (
	readEnds     = sched.Reads
	pipeCapacity = sched.Capacity
)
