// Package determinize runs a tree of processes so that what they do is a
// function of what they were given.
//
// The engine sits between the guest and the kernel. Calls that the policy
// table (package policy) passes never stop. All others stop their task, and
// the engine decides: it answers them itself, lets them run and rewrites what
// they returned, or holds the task back until the call is the next one in
// order. Ordered calls go by (B, task path): of all tasks that could run, the
// one whose logical clock is least goes first, ties broken by its place in
// the fork tree (package sched). Calls that nobody else can affect are decided at
// once, so that tasks run at the same time.
//
// The engine belongs to one locked thread, the tracer's; nothing else touches its
// state.
package determinize

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/determinize/exe"
	"laplace.dev/laplace/determinize/exe/statcache"
	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// Config is what a box's engine is given. The caller owns every descriptor in
// it and closes them after Run has returned.
type Config struct {
	// Command is the box's first process, waiting to be released.
	Command Command

	// Init is the box's first process, as the engine sees it.
	Init int
	// MountNS is the box's mount namespace, HostProc a descriptor of the /proc
	// in which host pids are names.
	MountNS  *os.File
	HostProc *os.File

	// PlacePID makes the next process of the box get the given pid.
	PlacePID func(pid int) error
	// LastPID is the greatest pid that the box's namespace can have: prng.MaxPid. A
	// lesser one taints.
	LastPID int

	// FSUID and FSGID are the guest's ids as the engine's user namespace calls
	// them: paths are resolved with the guest's own rights.
	FSUID, FSGID int
	// OwnsFiles says that files of the host may belong to that user: that it
	// is not one which exists for boxes only.
	OwnsFiles bool
	// Foreign says that a directory that the box may change belongs to another
	// user, whom the guest would be if root ran the box.
	Foreign bool

	// Users says that the guest's processes have users, groups and capabilities as the kernel
	// has them: those of a container in its caller's user namespace. OwnsFiles and Foreign are
	// false then.
	Users bool

	// Pinned.
	Epoch time.Time
	// Stamps is the modification time of the first file that the box makes, in nanoseconds
	// since Epoch, and Times gives those of files that were there before, by canonical path
	// in the box; nil, and not ok, stand for vfs.LowerMtime.
	Stamps int64
	Times  func(path string) (mtime int64, ok bool)

	Seed       prng.Seed
	CPUs       int
	Hostname   string
	Domainname string
	UID, GID   int
	Cwd        string
	Mounts     []vfs.Mount

	// Stdin is what the command reads when its standard input is not a file
	// that it holds itself. nil is an input at its end.
	Stdin    *os.File
	StdinKey vfs.Key
	// Repeat is what an earlier run of the box has read of Stdin, which comes first, and
	// Heard is told what is read of Stdin itself. Both may be nil.
	Repeat io.Reader
	Heard  func(b []byte)
	// StdinFile is the file that the command holds as its standard input, if
	// it is one of the caller's and not of the box.
	StdinFile vfs.Key
	// Terminal is the outside of the command's terminal, if it has one, and TerminalSize the size
	// that it begins with.
	Terminal     Terminal
	TerminalSize unix.Winsize
	// Live says that Stdin is read as it comes, which taints.
	Live bool
	// Service says that somebody outside may signal the box at any time, as a container's users do: when
	// everybody waits, times pass as they do outside, and whoever waits for ever is no deadlock.
	Service bool
	// Stdout and Stderr are the pipes that the command's output goes to, and
	// Output takes what a program, a path in the box, wrote. An error ends the box:
	// from outside if it is context.Canceled.
	Stdout, Stderr vfs.Key
	Output         func(stream int, program string, b []byte) error
	// Outlets take it in place of Output, where they are not nil: standard output's and standard error's.
	Outlets [2]Outlet

	// Executables caches what is known of executable files, and Links, which
	// may be nil, what other names hard-linked files of the host have.
	Executables *exe.Cache
	Links       *statcache.Links

	// Self is the digest of Laplace's own executable, and Direct the program of
	// the box that takes its place there. Zero: nothing does.
	Self   [32]byte
	Direct string

	// Hold says, when a task has stopped while others run, how many of their stops are dealt
	// with first: to show that the order in which tasks stop does not matter. 0 is none. Rest
	// takes a fraction of a millisecond, in which they may stop. nil: nobody is held back.
	Hold func() int
	Rest func()
	// Shuffle is called, if it is not nil, with what the kernel has listed of a
	// directory, and may swap any two of the n: to show that the order does not matter.
	Shuffle func(n int, swap func(i, j int))
	// Unpinned are the pins that are off. The caller says so in the verdict.
	Unpinned Pins
	// SpinLimit is the CPU time that a task may use without a call while others wait; 0
	// sets no limit.
	SpinLimit time.Duration
	// CPUTime returns how much CPU time the process with this pid has used.
	CPUTime func(pid int) time.Duration
	// Costs are what execs have cost in an earlier run, and Weigh asks for what they cost
	// in this one, as Report.Costs.
	Costs costs.Table
	Weigh bool
	// CPU is where the engine and its tasks run, and Away where tasks may run beside it.
	CPU  int
	Away []int

	// Canonical has the calls made one at a time, always the one with the least stamp. Serial
	// does too, from the start: it is what a run comes to that cannot be ordered otherwise.
	Canonical, Serial bool
	// Ordered are paths in the box at which accesses, to files and directories and to their
	// names, are made in the order of the canonical run.
	Ordered []string

	// Record asks for Report.Records. Unwatched has no conflicts looked for, which taints, and
	// nothing recorded.
	Record, Unwatched bool

	// Cache, if it is not nil, has what earlier runs have found, and has the box's execs skipped that
	// would do the same again, unless NoSkips. Report.Memos is for it. It takes Record.
	Cache   Cache
	NoSkips bool
	// Verify has everything run, and compared with what would have been skipped: Report.Mismatches.
	Verify bool
	// StdinDigest is that of all that Stdin, or StdinFile, has; nil if it is not known.
	StdinDigest []byte

	// Conflicting has the box end with ErrConflict at the first access that is in conflict with another one.
	Conflicting bool

	// Trace is told of the intercepted calls, when it is not nil.
	Trace *Trace

	// Started is called once the command has been released.
	Started func()

	Log *slog.Logger
}

// Command is a process that waits, unseized, for a byte on Go before it
// becomes the box's first program.
type Command struct {
	PID  int      // as the engine sees it
	VPID int      // in the box
	Go   *os.File // write one byte to release it
}

// Reasons for which Run returns an error.
var (
	// ErrCanceled says that the context ended the box.
	ErrCanceled = errors.New("box ended from outside")
	// ErrDeadlock says that every task waits and nothing can wake one.
	ErrDeadlock = errors.New("deadlock in the box")
	// ErrOutput says that nobody reads the command's output any more.
	ErrOutput = errors.New("output closed")
	// ErrKernel says that the kernel lacks what the engine needs.
	ErrKernel = errors.New("kernel too old, Linux 5.10 is needed")
	// ErrConflict says that accesses are in conflict, where that is to end the box.
	ErrConflict = errors.New("the order of accesses was left to chance")
	// ErrLost says that the box died of something that was not in the box.
	ErrLost = errors.New("box killed from outside")
)

// engine is the state of a run.
type engine struct {
	cfg Config
	tr  *tracer.Tracer
	log *slog.Logger

	acting creds // whose rights to files the engine's thread has
	lent   []int // copies of descriptors of a task, see fdPath

	tasks     map[int]*task // by the engine's pid
	vpids     map[int]*task // by the box's pid
	early     map[int]bool  // new tasks that stopped before their parent's event
	root      *task
	init      *task // the box's first process, which is not traced: for /proc
	cancel    atomic.Bool
	paused    atomic.Bool
	idling    atomic.Bool // paused, and nothing runs
	asking    atomic.Int32
	questions chan func() // Run.asks
	// resting says that all processes of a container wait, and it for the outside.
	resting atomic.Bool
	ear     ear         // the terminal's
	stirred atomic.Bool // something has come from outside: input, room for output, a signal
	tty     tty

	lookedAt time.Duration // outside's time when it last looked whether something had

	// What execs cost.
	weights  map[costs.Key]weight // of those that have ended
	floors   uint64               // counts what raised a floor
	floored  sched.Stamp          // the last end of which a parent was told at its floor
	locked   bool                 // a file lock may have been taken, since
	lockedAt sched.Stamp

	// The order of calls.
	live     []*task // those that live, oldest first
	turns    sched.Order
	upIn     time.Duration // in a live box: when somebody's time is up, from now on
	serial   bool          // calls are made one at a time
	transit  int           // tasks of which an event will come
	changes  uint64        // counts what those that wait may wait for
	foreseen uint64        // a value of changes
	forking  *task         // for which a pid has been placed
	alone    *task         // that waits for the others to stop
	outboxes []*outbox     // of the box, first, and of those that have joined it
	stops    uint64        // of all tasks
	held     heldStop      // the task that is held back
	counting bool          // crowd is asked for
	crowd    crowd
	posts    uint64 // counts the signals that the engine has sent
	futexSeq uint64 // counts those that wait for futexes
	acts     uint64 // counts what is done to pipes

	socketTable map[vfs.Key]*socket
	abstract    map[abstractName]*socket // by names that are no paths
	socketFiles map[vfs.Key]*socket      // by the files at their paths
	internet    []*socket                // that have an address and port, in the order in which they got them
	autobound   uint64                   // counts names of the engine's choice
	ports       uint64                   // counts ports of the engine's choice
	flight      map[vfs.Key]int          // descriptors that were sent and not received, by what they lead to
	inFlight    int                      // how many
	socketCost  int                      // of all packets

	unlocks  uint64      // counts what may have released a file lock
	lockFree sched.Stamp // when one was last released

	accessWatch
	wholesNoted

	subreapers bool // there are, or were, some

	ending  bool        // the box is being killed
	ended   bool        // its first process has made its last call
	endedAt sched.Stamp // when
	late    []calls     // of those that have ended

	typedEnd  bool // the key that ends input was typed for a program that reads keys
	typedVain byte // a key that should have ended input, and did not; 0 says that there is none

	fs           *vfs.Table
	judged       judgements
	walks        map[walkKey]linkGroups
	pipes        uint64  // device of anonymous pipes
	proc         uint64  // device of the box's /proc
	glances      int     // looks around since the last event, in a container that waits
	comparing    bool    // names are looked up for the engine itself
	glimpsed     []*name // that have become known by that
	pipeTable    map[vfs.Key]*pipe
	dirs         map[dirKey]*dirStream
	fifos        map[vfs.Key]*fifoOpens
	objects      map[vfs.Key]object
	sockets      uint64                   // device of what stands for them
	watchers     map[vfs.Key][]*epollItem // of a file, by epolls
	watched      int                      // items of all epolls
	inotifies    int                      // of the box
	watchedFiles map[*vfs.Inode][]*inotifyWatch
	fileWatches  int
	moveCookie   uint32 // of the last rename that was told
	truncated    bool   // the open that is being decided has truncated what was there
	notices      uint64 // counts what those who watch were told
	looks        uint64 // counts looks at what is ready
	lookDepth    int    // of epolls in epolls, in the look that is under way
	procFiles    map[vfs.Key]procFile
	procfs       procfs.Box
	pids         *pids.Allocator
	usedPIDs     map[int]*pidUse
	vdso         *vdsoPlan

	sources map[vfs.Key]*source
	outs    map[vfs.Key]*outstream
	// stdinFiles are the files that commands hold as their standard input.
	stdinFiles map[vfs.Key]bool
	visits     uint64  // processes that have joined the box, or were about to
	gone       carried // what those of them leave that have ended

	report  Report
	refusal bool    // the call that is being decided has been refused
	about   *task   // whose place in /proc the call that is being decided is about
	ends    []*task // that have died and have not been traced
	buf     []byte  // scratch for what is copied from and to tasks
	fatal   error
}

// Run is one run of a box.
type Run struct {
	e       *engine
	done    chan struct{}
	asks    chan func()
	report  Report
	err     error
	started chan error
}

// Start seizes the command, releases it and runs the box on a thread of its
// own. It returns when the command has been released; the context ends the
// box.
//
// The caller must keep the process's first thread for itself, with
// runtime.LockOSThread: it is the only one that would not end with the
// engine's goroutine.
func Start(ctx context.Context, cfg Config) (*Run, error) {
	r := &Run{done: make(chan struct{}), asks: make(chan func()), started: make(chan error)}
	go r.main(ctx, cfg)
	if err := <-r.started; err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Run) main(ctx context.Context, cfg Config) {
	e, err := newEngine(cfg)
	if err == nil {
		r.e, e.questions = e, r.asks
		err = e.release()
	}
	r.started <- err
	if err != nil {
		select {}
	}
	stop := context.AfterFunc(ctx, func() {
		e.cancel.Store(true)
		for r.prod() {
		}
	})
	if cfg.SpinLimit > 0 || len(cfg.Away) > 0 {
		go r.watch()
	}
	err = e.loop()
	stop()
	if err != nil && !errors.Is(err, ErrOutput) {
		e.salvage()
	}
	e.end()
	e.tellEnds()
	r.report, r.err = e.finish(), err
	close(r.done)
	for ask := range r.asks {
		ask()
	}
	e.tr.Close()
	// Everything is dead. To return ends the thread, since it is locked, and
	// with it the last hold on the box's mounts.
}

// Wait waits for the end of the box and returns what happened. The error says
// why the box ended when its first process did not end by itself.
func (r *Run) Wait() (Report, error) {
	<-r.done
	return r.report, r.err
}

// Pause stops all tasks, and returns when they have stopped or ended; Resume
// lets them go on.
func (r *Run) Pause() {
	r.e.paused.Store(true)
	for !r.e.idling.Load() && r.prod() {
	}
}

// prod makes the engine look at what is asked of it from outside. It does not
// where it was about to wait: call it again. It returns false when the box has
// ended.
func (r *Run) prod() bool {
	r.e.nudge()
	return r.every(time.Millisecond)
}

// Resume undoes Pause.
func (r *Run) Resume() {
	r.e.paused.Store(false)
	r.e.nudge()
}

// Meta is the metadata of a path as the box's processes saw it.
type Meta struct {
	Mtime  int64 // nanoseconds since 1970
	Owner  vfs.Owner
	Writer string // the program that wrote to it last, or made it; "" if none did
}

// Metadata looks paths of the box up after Wait, while the box's mounts still
// exist. A path that is not there has the zero Meta.
func (r *Run) Metadata(paths []string) []Meta {
	out := make([]Meta, len(paths))
	done := make(chan struct{})
	r.asks <- func() {
		defer close(done)
		for i, p := range paths {
			out[i] = r.e.meta(p)
		}
	}
	<-done
	return out
}

// ask has the engine's thread do something and waits until it has; what is asked after the
// end of the box is done too. Not after Leave.
func (r *Run) ask(f func()) {
	done := make(chan struct{})
	r.e.asking.Add(1)
	ask := func() {
		defer close(done)
		f()
	}
	for r.e.nudge(); ; r.e.nudge() {
		select {
		case r.asks <- ask:
			<-done
			r.e.asking.Add(-1)
			return
		case <-time.After(again):
		}
	}
}

// answers does what is asked of the engine's thread.
func (e *engine) answers() {
	for {
		select {
		case ask := <-e.questions:
			ask()
		default:
			return
		}
	}
}

// Leave ends the engine's thread, which is in the box's mount namespace, after
// Wait and Metadata. Nothing may be asked of the Run any more.
func (r *Run) Leave() {
	tid := r.e.tr.TID()
	close(r.asks)
	for range 1000 {
		if unix.Tgkill(unix.Getpid(), tid, 0) != nil {
			return
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 100_000}, nil)
	}
}
