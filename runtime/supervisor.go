package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/exe"
	"laplace.dev/laplace/determinize/exe/statcache"
	"laplace.dev/laplace/determinize/vdso"
	"laplace.dev/laplace/project"
	"laplace.dev/laplace/runtime/boxcache"
)

// SupervisorName is the argv[0] that makes the program a supervisor: see
// SupervisorMain.
const SupervisorName = "laplace-supervisor"

// supervisorSocket is the supervisor's descriptor of its socket to the client.
const supervisorSocket = 3

// What the client asks for while the box runs, one byte each. The end of the
// socket means that the client is gone, and ends the box.
const (
	askCancel = 'c'
	askPause  = 'p'
	askResume = 'r'
)

// superviseRequest is what the client sends, with the descriptors of its
// stdin, stdout, stderr, of the spool, of what keeps the input and of the trace, where there is one.
type superviseRequest struct {
	Box *Box
	Dir string // the box's own directory, which the client made
	Log bool   // debug messages go to stderr
	// Rootless says that the supervisor is root of a user namespace of its own.
	Rootless bool
	// Job, if not nil, is to be done instead of running a box.
	Job *job
	// Locked are the projects whose locks this process holds from now on too: their
	// descriptors come after the others.
	Locked []string
	// Spooled are the streams, stdout and stderr, that the spool keeps, and Hears says that
	// what is read of stdin is kept.
	Spooled [2]bool
	Hears   bool
	// Attempt says how the box is run.
	Attempt attempt
	Who     project.Who // the client
}

// superviseReply is how it went.
type superviseReply struct {
	// Paused answers askPause; nothing else is set then.
	Paused bool `json:",omitempty"`

	// Outcome and Err may both be there; see Runner in package cli.
	Outcome *Outcome
	Err     *wireError
	Again   *again    `json:",omitempty"` // the run does not count, and nothing of it is left
	Did     *jobReply `json:",omitempty"` // of a Job
}

// wireError is an Error on its way to the client.
type wireError struct {
	Op, On, Hint, Err string
	Exit              int
	Canceled, Output  bool
}

// SupervisorMain is the process that runs one box: what the program does
// instead of everything else when its argv[0] is SupervisorName. It is root of
// its user namespace. It never returns.
func SupervisorMain() {
	// The engine's goroutine must not get this thread: see determinize.Start.
	runtime.LockOSThread()
	tuneMemory()
	unix.CloseOnExec(supervisorSocket)
	var req superviseRequest
	fds, err := ReadMessage(supervisorSocket, &req)
	if err != nil || req.Box == nil || len(fds) < 3+len(req.Locked) {
		fmt.Fprintf(os.Stderr, "%s: request: %v\n", SupervisorName, err)
		os.Exit(ExitFailure)
	}
	// Nobody needs the locks' descriptors. They are closed when this process ends.
	fds = fds[:len(fds)-len(req.Locked)]
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), [...]string{"stdin", "stdout", "stderr", "kept"}[min(i, 3)])
	}
	req.Box.Stdin, req.Box.Stdout, req.Box.Stderr = files[0], files[1], files[2]
	rest := files[3:]
	var spool *spool
	if req.Spooled != [2]bool{} && len(rest) > 0 {
		spool, rest = openSpool(rest[0]), rest[1:]
	}
	var heard *heard
	if req.Hears && len(rest) > 0 {
		if heard, err = openHeard(rest[0]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", SupervisorName, err)
			os.Exit(ExitFailure)
		}
		rest = rest[1:]
	}
	if req.Box.Trace != nil && len(rest) > 0 {
		req.Box.Trace.Writer = rest[0]
	}
	log := slog.New(slog.DiscardHandler)
	if req.Log {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := &supervisor{box: req.Box, dir: req.Dir, rootless: req.Rootless, locked: req.Locked, cpu: tracerCPU(), spool: spool, kept: req.Spooled,
		heard: heard, attempt: req.Attempt, who: req.Who, log: log}
	var reply superviseReply
	if req.Job != nil {
		reply.Did, err = s.do(req.Job)
	} else {
		reply.Outcome, reply.Again, err = s.main()
		s.cleanUp()
	}
	if err != nil {
		reply.Err = wire(err)
	}
	s.reply(reply)
	os.Exit(0)
}

// reply answers the client.
func (s *supervisor) reply(r superviseReply) {
	s.replies.Lock()
	defer s.replies.Unlock()
	if err := WriteMessage(supervisorSocket, r); err != nil {
		s.log.Debug("reply", "err", err)
	}
}

// wire makes an error ready to travel.
func wire(err error) *wireError {
	hint := ""
	switch {
	case errors.Is(err, determinize.ErrDeadlock):
		hint = "laplace trace shows what came before"
	case errors.Is(err, determinize.ErrLost):
		hint = "find out who killed it (the out-of-memory killer?), and run the command again"
	case errors.Is(err, vdso.ErrData):
		hint = "a kernel without CONFIG_MSEAL_SYSTEM_MAPPINGS"
	}
	w := &wireError{Op: "box", Err: err.Error(), Hint: hint,
		Canceled: errors.Is(err, determinize.ErrCanceled) || errors.Is(err, context.Canceled), Output: errors.Is(err, determinize.ErrOutput)}
	if e, ok := errors.AsType[*Error](err); ok {
		w.Op, w.On, w.Hint, w.Exit = e.Op, e.On, e.Hint, e.Exit
		if e.Err != nil {
			w.Err = e.Err.Error()
		}
	}
	return w
}

// supervisor runs one box.
type supervisor struct {
	box *Box
	dir string
	log *slog.Logger
	cpu int // where the box's engine runs, and its processes one at a time
	// rootless: the host's ids are not at hand.
	rootless bool
	locked   []string        // projects
	before   []projectBefore // by overlay
	lastPID  int             // from which on the box's process ids are given; 0 leaves them alone

	spool *spool // keeps output; may be nil
	kept  [2]bool
	heard *heard // keeps input; may be nil

	who   project.Who // the client
	reads *lease      // on what the box only reads; nil if there is nothing
	met   []string    // what who reads what this one changes

	start    time.Time
	attempt  attempt
	finality string // why conflicts stay as they are
	refused  bool   // the caller does not want such a result

	init *initProcess
	run  *determinize.Run

	warnings []string

	trace       *traceWriter // nil without a trace
	writers     *Writers     // nil unless asked for
	executables *exe.Cache
	cached      *boxcache.Cache // nil: the box has none
	links       *statcache.Links
	epoch       int64 // where the box's time starts, in nanoseconds since 1970
	stamps      int64 // the first modification time that the box gives, in nanoseconds since then
	lastStamp   int64 // the greatest one
	cancel      context.CancelFunc

	mu      sync.Mutex // guards run and paused
	paused  bool       // as the client has asked for
	replies sync.Mutex // one message at a time
}

// main runs the box and deals with its results; or says that it is to be run again.
func (s *supervisor) main() (*Outcome, *again, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	defer cancel()
	go s.listen()
	if err := s.leaseReads(); err != nil {
		return nil, nil, err
	}
	defer s.endReads()
	if err := s.lookBefore(); err != nil {
		return nil, nil, err
	}
	var disturbed *Disturbed
	if s.box.Disturb != nil {
		disturbed = s.disturb()
	}
	s.unpin()
	if s.box.Writers {
		s.writers = &Writers{Files: map[string]string{}}
	}
	s.start = time.Now()
	upper, err := s.prepareUppers()
	if err != nil {
		return nil, nil, err
	}
	streams, err := s.openStreams(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer streams.close()
	if s.init, err = s.startInit(upper, streams); err != nil {
		return nil, nil, err
	}
	defer s.init.stop()
	run, err := s.startEngine(ctx, streams)
	defer s.cached.Close()
	if err != nil {
		return nil, nil, &Error{Op: "trace the box", Err: err,
			Hint: "allow ptrace (kernel.yama.ptrace_scope below 3; in a container --cap-add SYS_PTRACE or --security-opt seccomp=unconfined); laplace host shows what this host can't do"}
	}
	s.mu.Lock()
	s.run = run
	if s.paused { // before there was anything to pause
		run.Pause()
	}
	s.mu.Unlock()
	report, err := run.Wait()
	streams.drain()
	if again := s.runAgain(&report, err, streams); again != nil {
		s.closeCaches()
		return nil, again, nil
	}
	if errors.Is(err, determinize.ErrLost) {
		// The command may have failed before it was one.
		if serr := s.init.execError(report.Refused); serr != nil {
			err = serr
		}
	}
	if errors.Is(err, determinize.ErrKernel) {
		err = &Error{Op: "kernel", Err: err, Hint: "Linux 5.10 or later; laplace host shows what this one lacks"}
	}
	if err != nil {
		return nil, nil, err
	}
	if err := s.init.execError(report.Refused); err != nil && report.Execs == 0 {
		return nil, nil, err
	}
	if err := s.keepJournals(); err != nil {
		return nil, nil, err
	}
	// What was not read has not succeeded: before anything is committed.
	err = streams.whole()
	if err == nil {
		err = streams.release()
	}
	if err != nil {
		if ctx.Err() != nil {
			err = determinize.ErrCanceled
		}
		return nil, nil, err
	}
	out := s.outcome(report, streams)
	out.Disturbed = disturbed
	out.Report.WallMS = (s.attempt.Took + time.Since(s.start)).Milliseconds()
	if out.Report.Verdict == Deterministic {
		s.verified(out, report.Mismatches)
		if err := s.cached.Store(report.Memos); err != nil {
			s.warnings = append(s.warnings, fmt.Sprintf("the cache could not keep all: %v; laplace cache gc makes room", err))
		}
	}
	err = s.results(ctx, out, upper)
	out.Warnings = append(out.Warnings, s.warnings...)
	if err != nil {
		if out.Kept == "" {
			return nil, nil, err
		}
		out.Exit, out.Report.Exit = ExitFailure, ExitFailure
	}
	s.record(out, &report)
	return out, nil, err
}

// listen does what the client asks for.
func (s *supervisor) listen() {
	var b [1]byte
	for {
		n, err := unix.Read(supervisorSocket, b[:])
		if err == unix.EINTR {
			continue
		}
		switch {
		case err != nil || n == 0 || b[0] == askCancel:
			s.cancel()
			if n == 0 || err != nil {
				return
			}
		case b[0] == askPause:
			s.pause(true)
			s.reply(superviseReply{Paused: true})
		case b[0] == askResume:
			s.pause(false)
		}
	}
}

// pause stops the box, or lets it go on.
func (s *supervisor) pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
	switch {
	case s.run == nil: // it starts like this
	case on:
		s.run.Pause()
	default:
		s.run.Resume()
	}
}

// tracerCPU is where the tracer and the box run: where this process runs now,
// which the kernel chose as the least busy when it started it. Both on one CPU
// is five times as fast as on two.
func tracerCPU() int {
	var cpu uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); e != 0 {
		return -1
	}
	return int(cpu)
}
