package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/exe"
	"laplace.dev/laplace/determinize/exe/statcache"
	"laplace.dev/laplace/determinize/vdso"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/project"
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
// stdin, stdout, stderr, of the spool and of the trace, where there is one.
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
	// Spooled are the streams, stdout and stderr, that the spool keeps.
	Spooled [2]bool
}

// superviseReply is how it went.
type superviseReply struct {
	// Paused answers askPause; nothing else is set then.
	Paused bool `json:",omitempty"`

	// Outcome and Err may both be there; see Runner in package cli.
	Outcome *Outcome
	Err     *wireError
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
	// The guest's garbage is small; the tracer must not wait for ours.
	debug.SetGCPercent(400)
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
		files[i] = os.NewFile(uintptr(fd), [...]string{"stdin", "stdout", "stderr", "spool", "trace"}[min(i, 4)])
	}
	req.Box.Stdin, req.Box.Stdout, req.Box.Stderr = files[0], files[1], files[2]
	rest := files[3:]
	var spool *spool
	if req.Spooled != [2]bool{} && len(rest) > 0 {
		spool, rest = openSpool(rest[0]), rest[1:]
	}
	if req.Box.Trace != nil && len(rest) > 0 {
		req.Box.Trace.Writer = rest[0]
	}
	log := slog.New(slog.DiscardHandler)
	if req.Log {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := &supervisor{box: req.Box, dir: req.Dir, rootless: req.Rootless, locked: req.Locked, cpu: tracerCPU(), spool: spool, kept: req.Spooled, log: log}
	var reply superviseReply
	if req.Job != nil {
		reply.Did, err = s.do(req.Job)
	} else {
		reply.Outcome, err = s.main()
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

	init *initProcess
	run  *determinize.Run

	trace       *traceWriter // nil without a trace
	writers     *Writers     // nil unless asked for
	executables *exe.Cache
	links       *statcache.Links
	epoch       int64 // where the box's time starts, in nanoseconds since 1970
	stamps      int64 // the first modification time that the box gives, in nanoseconds since then
	lastStamp   int64 // the greatest one
	cancel      context.CancelFunc

	mu      sync.Mutex // guards run and paused
	paused  bool       // as the client has asked for
	replies sync.Mutex // one message at a time
}

// main runs the box and deals with its results.
func (s *supervisor) main() (*Outcome, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	defer cancel()
	go s.listen()
	if err := s.lookBefore(); err != nil {
		return nil, err
	}
	var disturbed *Disturbed
	if s.box.Disturb != nil {
		disturbed = s.disturb()
	}
	s.unpin()
	if s.box.Writers {
		s.writers = &Writers{Files: map[string]string{}}
	}
	start := time.Now()
	upper, err := s.prepareUppers()
	if err != nil {
		return nil, err
	}
	streams, err := s.openStreams(ctx)
	if err != nil {
		return nil, err
	}
	defer streams.close()
	if s.init, err = s.startInit(upper, streams); err != nil {
		return nil, err
	}
	defer s.init.stop()
	run, err := s.startEngine(ctx, streams)
	if err != nil {
		return nil, &Error{Op: "trace the box", Err: err,
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
		return nil, err
	}
	if err := s.init.execError(report.Refused); err != nil && report.Execs == 0 {
		return nil, err
	}
	// What was not read has not succeeded: before anything is committed.
	if err := streams.release(); err != nil {
		if ctx.Err() != nil {
			err = determinize.ErrCanceled
		}
		return nil, err
	}
	out := s.outcome(report, streams)
	out.Disturbed = disturbed
	out.Report.WallMS = time.Since(start).Milliseconds()
	if err := s.results(ctx, out, upper); err != nil {
		if out.Kept == "" {
			return nil, err
		}
		out.Exit, out.Report.Exit = ExitFailure, ExitFailure
		return out, err
	}
	return out, nil
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

// Run runs a box: it starts a supervisor, passes requests on to it and waits
// for its end. When the context ends, the box is ended.
//
// The error is an *Error where a user can do something about it. The outcome
// is nil when there is an error.
func Run(ctx context.Context, box *Box, log *slog.Logger) (*Outcome, error) {
	if err := checkLimits(box); err != nil {
		return nil, err
	}
	locks, err := lockProjects(ctx, box, log)
	if err != nil {
		return nil, err
	}
	defer locks.Close()
	dir, err := newBoxDir(box.State)
	if err != nil {
		return nil, err
	}
	defer dir.remove()
	c, err := startSupervisor(box, superviseRequest{Box: box, Dir: dir.path}, locks, log)
	if err != nil {
		return nil, err
	}
	out, _, err := c.wait(ctx, box)
	return out, err
}

// startSupervisor starts the supervisor process and hands the box, or the job, over.
func startSupervisor(box *Box, req superviseRequest, locks *project.Locks, log *slog.Logger) (*client, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket for the supervisor: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "supervisor")
	defer theirs.Close()
	c := &client{sock: pair[0], paused: make(chan struct{}, 1)}
	if req.Job == nil {
		req.Spooled = spooled(box)
	}
	if req.Spooled != [2]bool{} {
		if c.spool, err = newSpool(req.Dir); err != nil {
			unix.Close(c.sock)
			return nil, err
		}
	}
	p, err := os.StartProcess("/proc/self/exe", []string{SupervisorName}, &os.ProcAttr{
		Dir: "/", Env: []string{"GODEBUG=" + os.Getenv("GODEBUG")},
		Files: []*os.File{nil, nil, os.Stderr, theirs},
		Sys:   supervisorAttr(),
	})
	if err != nil {
		unix.Close(c.sock)
		return nil, diagnose(err)
	}
	c.process = p
	fds := []int{int(box.Stdin.Fd()), int(box.Stdout.Fd()), int(box.Stderr.Fd())}
	if c.spool != nil {
		fds = append(fds, int(c.spool.file.Fd()))
	}
	if box.Trace != nil && box.Trace.Writer != nil {
		fds = append(fds, int(box.Trace.Writer.Fd()))
	}
	for _, lock := range locks.States {
		req.Locked = append(req.Locked, lock.Project())
	}
	for _, f := range locks.Files() {
		fds = append(fds, int(f.Fd()))
	}
	req.Rootless, req.Log = ns.Rootless(), log.Enabled(context.Background(), slog.LevelDebug)
	if err := WriteMessage(c.sock, req, fds...); err != nil {
		c.kill()
		return nil, err
	}
	runtime.KeepAlive(box)
	runtime.KeepAlive(locks)
	return c, nil
}

// client is the side of a box that the user's process holds.
type client struct {
	sock    int
	process *os.Process
	paused  chan struct{} // one for each pause that has taken effect
	spool   *spool        // nil if nothing is kept of the output
}

func (c *client) kill() {
	c.process.Kill()
	c.process.Wait()
	unix.Close(c.sock)
}

func (c *client) ask(b byte) { unix.SendmsgN(c.sock, []byte{b}, nil, nil, unix.MSG_NOSIGNAL) }

// wait waits for the supervisor's answer.
func (c *client) wait(ctx context.Context, box *Box) (*Outcome, *jobReply, error) {
	var timeout <-chan time.Time
	if box.Timeout > 0 {
		t := time.NewTimer(box.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	type answer struct {
		reply superviseReply
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		for {
			var a answer
			_, a.err = ReadMessage(c.sock, &a.reply)
			if a.err == nil && a.reply.Paused {
				c.paused <- struct{}{}
				continue
			}
			answers <- a
			close(c.paused)
			return
		}
	}()
	raw, restore := rawTerminal(box)
	raw()
	defer restore()
	stop := c.forwardStops(raw, restore)
	defer stop()
	var cause error
	done := ctx.Done()
	for {
		select {
		case <-done:
			cause, done = context.Cause(ctx), nil
			c.ask(askCancel)
		case <-timeout:
			cause = &Error{Op: "box", Err: fmt.Errorf("timed out after %v", box.Timeout), Exit: ExitTimeout,
				Hint: "a longer --timeout; laplace trace shows what it does all the time"}
			c.ask(askCancel)
		case a := <-answers:
			how, _ := c.process.Wait()
			unix.Close(c.sock)
			c.release(box)
			switch {
			case a.err != nil && errors.Is(a.err, io.EOF):
				return nil, nil, &Error{Op: "supervisor", Err: fmt.Errorf("it died (%v), and the box with it", how), Hint: "run the command again"}
			case a.err != nil:
				return nil, nil, a.err
			case a.reply.Err == nil:
				return a.reply.Outcome, a.reply.Did, nil
			case a.reply.Err.Canceled && cause != nil:
				return a.reply.Outcome, nil, cause
			case a.reply.Err.Output:
				return &Outcome{Exit: 128 + int(syscall.SIGPIPE)}, nil, nil
			}
			e := a.reply.Err
			return a.reply.Outcome, a.reply.Did, &Error{Op: e.Op, On: e.On, Hint: e.Hint, Err: errors.New(e.Err), Exit: e.Exit}
		}
	}
}
