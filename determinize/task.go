package determinize

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
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
	stateWaking               // about to stop: newly born, or a vfork or a group stop is over
	stateSpin                 // stopped while it computed; goes on when nobody else can
	stateStopped              // in a group stop (SIGSTOP and the like)
	stateAlone                // goes on once nobody else runs
	stateReaping              // goes on once children of its are dead
	stateExiting              // about to exit; its parent has not been told
	stateLeft                 // a thread that is to end with its process
	stateDying                // will be gone without another decision
	stateDead
)

// inTransit tells whether an event of a task in this state will come by itself.
func (s state) inTransit() bool { return s == stateRunning || s == stateWaking || s == stateDying }

// process is what the threads of a process have in common. The kernel's signal_struct and
// sighand_struct, with what they share by CLONE_FILES and CLONE_FS.
type process struct {
	vpid        int // as the box names it: the tid of its first thread
	pidfd       int
	first       int         // its first thread, as the engine names it: the process
	leader      *task       // the thread that stands for it: its first one, or the one that ends it
	threads     []*task     // that go on, oldest first
	lastRan     *task       // of several threads, who ran last
	memory      bool        // others may see what it writes to its memory
	execing     *task       // that starts another program
	parent      *task       // nil: the box's init, or, of one that has joined it, somebody outside
	visit       *visit      // that it is of; nil: of none
	forker      *task       // that forked it, dead or alive
	orphans     sched.Scope // of a subreaper, whose children its descendants become whose parents die: who may leave it one
	adopted     sched.Stamp // when its parent died and a subreaper got it
	sawParent   uint64      // B at which it last asked who its parent is
	kids        []*task     // that have not been waited for
	end         sched.Task  // what its parent is told of its end
	floor       uint64      // the B before which it is not
	exitHeld    bool        // its end was held until its parent was told
	weighed     []weighing
	weighedIn   bool
	kidsUsed    time.Duration // CPU time of those that it has forked, and that have ended
	pgid, sid   int
	born        int64       // clock at birth, for start times
	bornAt      sched.Stamp // of the fork
	seed        prng.Seed
	rnd         prng.Stream
	forks       uint32 // since its exec
	births      uint32 // in all, for the paths of its children
	made        uint64 // things made, for inode numbers
	nice        int
	limits      procfs.Limits
	auxv        []byte        // as /proc shows it
	kidOwn      time.Duration // own time of children that were waited for
	kidAny      bool          // there was one
	dump        uint64        // 1 when it is not dumpable; PR_SET_DUMPABLE
	undumpable  bool          // the kernel takes it as such, since its user changed: its descriptors are closed to it in /proc
	exec        *execution
	leftWhole   bool                // it has been counted as one that does nothing any more
	clockSeen   bool                // its program has slept, or set a timer
	interp      uint64              // where its program's loader is
	syscallAt   uint64              // where its program's vDSO makes a system call
	party       *conflict.Task      // as which conflicts name it; nil before its first access
	cwd         *folder             // nil: not known
	reopened    map[*vfs.Inode]bool // for writing, and not written to since
	mapsNoted   bool                // what it has mapped has been, for the last time
	leftExec    bool                // it has come to the end of its exec
	started     []*vfs.Inode        // files that its program started from, of those that may change
	dataLeft    uint64              // where it gets SIGILL if the vDSO's data could not be taken away
	vdso        uint64              // where its vDSO is
	reads       *clockPage          // from which it reads its clock by itself, or nil
	weakRead    bool                // the C library's start-up read of randomness is still to come
	chldIgnored bool                // SIGCHLD is ignored
	noWait      bool                // its children leave no zombies: SIGCHLD ignored, or SA_NOCLDWAIT
	signalfds   bool                // it has made a signalfd, or inherited one
	chldCaught  bool                // it may notice SIGCHLD: it has had a handler, or waited for it
	locker      bool                // it may hold a file lock
	forked      bool                // it has not started a program since it was forked
	startedAt   sched.Stamp         // when it did
	cloned      bool                // made with another exit signal than SIGCHLD; wait4's __WCLONE
	vforkOf     *task               // parent that waits for this vfork child
	pidfds      []vfs.Key           // that lead to it
	closing     []closing           // what it closes if the program that it is about to start does start
	pipes       []*pipe             // of which it has ends open
	netlinks    uint32              // netlink sockets that have another address than its pid
	sockets     []*socket           // of which it has descriptors
	several     map[*socket]bool    // of which it may have more than one
	family      *family             // that counts the programs that it starts; nil before the first
	counted     bool                // it is one of those that were forked in it
	awaitedBy   *task               // who goes on when it is dead
	sharedFDs   sharedFDs
	timedOut    bool            // the SIGXCPU that it was sent is the engine's
	parentDeath unix.Signal     // that it gets when its parent dies, or 0; prctl(2)
	status      unix.WaitStatus // dead
	reaped      bool
	waiter      *task       // who waited for it
	deaths      uint64      // B of the last child that died without a trace
	stopped     unix.Signal // stop signal
	mailed      []letter    // signals that it was sent, and has not been shown
	timers      []*timer    // in the order in which they were made
	timersMade  int32       // by timer_create
	busySleeps  bool        // a thread of it has slept by CPU time
	halting     bool        // one thread has stopped, and the others are to
	stopSeen    bool        // its parent has seen that
	contd       bool        // continuation
	contdAt     sched.Stamp // when
}

// task is a thread of the box.
type task struct {
	replay  *replay    // of the exec that is skipped, or nil
	sinking *vfs.Inode // that its call changes through what its exec has inherited
	creds   creds      // of a container's process
	fault   bool       // pid 1 dies of a fault of its own, by SIGKILL
	*process
	pid  int // as the engine names it
	path sched.Path
	ord  sched.Task // what the order knows of it

	tid   int          // as the box names it; vpid for the first thread
	futex *futexWaiter // that it is, or nil

	// What it is given instead of the host's.
	clk  clock.Clock
	cpus []byte // affinity that it was given; nil: all

	plan *forkPlan

	// The call that it is in.
	state       state
	call        tracer.Syscall
	stopping    bool            // it is to be stopped, and has not been yet: see stop
	brokenOff   bool            // its last call was, because of that, and will be made again
	fresh       bool            // not decided before
	inOrder     bool            // its turn has been asked for
	here        bool            // it is at an exit, and not parked
	scope       sched.Scope     // who can affect the ordered call; nil: nobody
	gate        func() bool     // it may go on, whatever the order; nil: yes
	due         due             // what it does next, while it is blocked
	heldBy      *task           // that it was last seen to wait for
	heldAt      uint64          // the B at which
	heldFloors  uint64          // a value of floors
	point       bool            // signals reach it before its call
	altered     uint64          // B of its last access to a file that was no read
	acted       uint64          // B of its last call, before the one that it is in, that others can see
	looking     bool            // others cannot see the one that it is in
	pointLate   bool            // the canonical run may not have come to that one yet
	lastPoint   uint64          // B when signals last could reach it
	turn        bool            // its call was let through when nobody could come before it
	alone       bool            // its call was let through when others made none
	paths       [2]readPath     // that it was read for this call
	inbox       []letter        // signals that are on their way to it
	reaping     int             // how many deaths it waits for
	later       func()          // what to do when they have
	sig         unix.Signal     // to deliver when it goes on
	exit        func(ret int64) // at the exit of the call
	dirty       bool            // argument registers were changed
	alien       *task           // whose directory of /proc its path leads through
	going       *vfs.Inode      // that its call takes the last name from
	held        []int           // descriptors of the engine's, for the time of the call
	calls       int             // since it last waited
	looked      bool            // at the FIFO that it opens
	seenWriters uint64          // of that FIFO
	blocker     *task           // holds the record lock that it waits for
	recent      []uint64        // B of its calls, as long as the box may end before them
	ahead       int             // writes to pipes since it last looked whether somebody reads
	asked       bool            // for a file lock, in vain
	askedB      uint64          // B when it first did
	spunAt      uint64          // stops of all tasks when it last was
	spins       int             // times that it was stopped while it computed
	spinning    bool            // it was interrupted because of that, and has not stopped yet
	spell       spell           // how long it has computed
	computed    time.Duration   // how long in the spells before, since its last call
	alarmed     bool            // it was interrupted because a timer of its own expires
	events      uint64          // its stops
	cpu         int             // where it runs
	pace        pace            // how often it stops
	progress    int             // bytes of a blocking write that went through
	traced      *strace.Call    // while it is not over, for the trace
	left        bool            // it is at its exit
	oversize    bool            // it failed at MaxFile: the SIGXFSZ that follows is not for the guest

	wait     wait // while it is blocked
	injected injection
	again    func() verdict // what restart_syscall goes on with, or nil

	// Signals.
	raised   bool        // one may be pending
	raisedAt sched.Stamp // since when
	sender   clock.Edge  // of the last one that a task of the box sent
	mask     uint64      // blocked for the time of the call
	masked   bool        // mask is in force
	doomed   bool        // SIGKILL is on its way
	vain     bool        // the SIGCHLD that is pending was not caught when it came

	// What its parent has not seen yet.
}

// execution is what one execve started.
type execution struct {
	id       uint64
	argv     []string
	path     string
	cwd      string
	mapped   []*vfs.Inode // files that may change
	at       sched.Stamp
	position int        // among all of the run, in the order of their stamps, once it has ended
	record   *recording // nil: none is wanted
	seed     prng.Seed
	weak     prng.Seed  // of what is known before it runs
	whole    *whole     // nil without a cache
	sight    memo.Sight // one more than what times are to its program; 0: not known yet
}

// forkPlan is a fork that is under way.
type forkPlan struct {
	vpid   int
	vfork  bool
	cloned bool
	thread bool
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

// childPath is the path of the task's next child: no other task ever has it.
func (t *task) childPath() sched.Path {
	t.births++
	return t.path.Child(t.births - 1)
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
func (t *task) writes(n *vfs.Inode) {
	n.Session, n.Writer = t.exec.id, t.exec.path
	delete(t.reopened, n)
}

// reopens notes that a task has opened a file for writing, without making it empty: its next
// write is another overwrite. Those of others are what they were, since an open alone is in
// conflict with nobody.
func (t *task) reopens(n *vfs.Inode) {
	if t.reopened == nil {
		t.reopened = make(map[*vfs.Inode]bool)
	}
	t.reopened[n] = true
}
