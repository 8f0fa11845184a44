package determinize

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/strace"
	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// state is what a task is doing.
type state uint8

const (
	stateReady   state = iota // stopped; goes on when it is its turn
	stateOrdered              // stopped before an ordered call that has not been decided
	stateBlocked              // stopped in a call that cannot go on until ready says so
	stateRunning              // runs
	stateVfork                // in the kernel, until its child execs or exits
	stateSpin                 // stopped while it computed; goes on when nobody else can
	stateStopped              // in a group stop (SIGSTOP and the like)
	stateDying                // will be gone without another decision
	stateDead
)

// taskPath is a task's address in the fork tree: the index of each fork on
// the way from the box's first process. It breaks ties of B.
type taskPath []uint32

// before orders task paths: ancestors first, then older siblings.
func (p taskPath) before(q taskPath) bool {
	for i := range min(len(p), len(q)) {
		if p[i] != q[i] {
			return p[i] < q[i]
		}
	}
	return len(p) < len(q)
}

// task is one process of the box; later one thread.
type task struct {
	pid, vpid int // as the engine and as the box name it
	pidfd     int
	parent    *task   // nil: the box's init
	kids      []*task // that have not been waited for
	path      taskPath
	pgid, sid int

	// What it is given instead of the host's.
	clk    clock.Clock
	born   int64 // clock at birth, for start times
	seed   prng.Seed
	rnd    prng.Stream
	forks  uint32 // since its exec
	births uint32 // in all, for the paths of its children
	made   uint64 // things made, for inode numbers
	nice   int
	limits procfs.Limits
	auxv   []byte        // as /proc shows it
	cpus   []byte        // affinity that it was given; nil: all
	kidOwn time.Duration // own time of children that were waited for
	kidAny bool          // there was one
	dump   uint64        // 1 when it is not dumpable; PR_SET_DUMPABLE

	exec        *execution
	dataLeft    uint64 // where it gets SIGILL if the vDSO's data could not be taken away
	weakRead    bool   // the C library's start-up read of randomness is still to come
	chldIgnored bool   // SIGCHLD is ignored
	noWait      bool   // its children leave no zombies: SIGCHLD ignored, or SA_NOCLDWAIT
	cloned      bool   // made with another exit signal than SIGCHLD; wait4's __WCLONE
	plan        *forkPlan
	vforkOf     *task // parent that waits for this vfork child
	vforkParent *task // parent that waited for it until it execed or exited

	// The call that it is in.
	state       state
	call        tracer.Syscall
	stopping    bool            // it is to be stopped, and has not been yet: see stop
	brokenOff   bool            // its last call was, because of that, and will be made again
	fresh       bool            // not decided before
	sig         unix.Signal     // to deliver when it goes on
	exit        func(ret int64) // at the exit of the call
	dirty       bool            // argument registers were changed
	held        []int           // descriptors of the engine's, for the time of the call
	calls       int             // since it last waited
	free        int             // calls since others were last let go first
	looked      bool            // at the FIFO that it opens
	seenWriters uint64          // of that FIFO
	blocker     *task           // holds the record lock that it waits for
	spins       int             // times that it was stopped while it computed
	progress    int             // bytes of a blocking write that went through
	traced      *strace.Call    // while it is not over, for the trace
	left        bool            // it is at its exit
	timedOut    bool            // the SIGXCPU that it was sent is the engine's
	oversize    bool            // it failed at MaxFile: the SIGXFSZ that follows is not for the guest

	// Blocked.
	why    string         // for what, for people
	ready  func() bool    // may it go on?
	then   func() verdict // what to do then; nil: decide the call again
	wake   uint64         // the B at which time is up, or 0
	timeUp func() verdict // what to do then
	broken func() verdict // what to do when a signal arrives
	again  func() verdict // what restart_syscall goes on with, or nil

	// Signals.
	raised      bool        // one may be pending
	sender      clock.Edge  // of the last one that a task of the box sent
	mask        uint64      // blocked for the time of the call
	masked      bool        // mask is in force
	doomed      bool        // SIGKILL is on its way
	victims     []*task     // of the SIGKILL that it is sending
	parentDeath unix.Signal // that it gets when its parent dies, or 0; prctl(2)

	// What its parent has not seen yet.
	status   unix.WaitStatus // dead
	reaped   bool
	waiter   *task       // who waited for it
	bornSeq  uint64      // number of the last write to a pipe before its birth
	stopped  unix.Signal // stop signal
	stopSeen bool        // its parent has seen that
	contd    bool        // continuation
}

// execution is what one execve started.
type execution struct {
	id    uint64
	argv  []string
	path  string
	seed  prng.Seed
	dupes map[prng.Seed]uint64 // children execed with the same identity, so far
	weak  prng.Seed            // of what is known before it runs
}

// forkPlan is a fork that is under way.
type forkPlan struct {
	vpid   int
	vfork  bool
	cloned bool
	child  *task
}

// id is the task's identity for what it makes: its seed and place.
func (t *task) id() []byte {
	b := append([]byte{}, t.seed[:]...)
	for _, i := range t.path {
		b = strconv.AppendUint(b, uint64(i), 10)
		b = append(b, '.')
	}
	return b
}

// nth counts what the task makes.
func (t *task) nth() uint64 {
	t.made++
	return t.made
}

// before tells whether t, with order b, goes before u with order c.
func (t *task) before(b uint64, u *task, c uint64) bool {
	if b != c {
		return b < c
	}
	return t.path.before(u.path)
}

// childPath is the path of the task's next child: no other task ever has it.
func (t *task) childPath() taskPath {
	t.births++
	return append(append(taskPath{}, t.path...), t.births-1)
}

// name describes the task for people.
func (t *task) name() string {
	n := "?"
	if t.exec != nil && len(t.exec.argv) > 0 {
		n = t.exec.argv[0]
	}
	return n + "[" + strconv.Itoa(t.vpid) + "]"
}

// arg is the i-th argument of the call that the task is in.
func (t *task) arg(i int) uint64 { return t.call.Args[i] }

// fd is an argument that is a descriptor: the kernel looks at 32 bits.
func (t *task) fd(i int) int32 { return int32(t.call.Args[i]) }

// writes notes that a task's exec is the one that writes an inode's content now.
func (t *task) writes(n *vfs.Inode) { n.Session, n.Writer = t.exec.id, t.exec.path }
