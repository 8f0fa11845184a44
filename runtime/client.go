package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/project"
)

// supervisorAttr says how the supervisor is started: in a session of its own,
// which the terminal's signals do not reach, and as root of a user namespace
// where the caller is nobody in particular.
func supervisorAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if ns.Rootless() {
		attr = ns.UserNSAttr(os.Geteuid(), os.Getegid())
	}
	attr.Setsid = true
	return attr
}

// diagnose turns the failure to make namespaces into what a user can act on.
func diagnose(err error) error {
	d := ns.Host{Proc: os.DirFS("/proc")}.Diagnose("user namespace", err)
	if e, ok := errors.AsType[*ns.Error](d); ok {
		return &Error{Op: e.Op, Err: cause(e.Err), Hint: e.Hint}
	}
	return &Error{Op: "start of the box", Err: cause(err), Hint: "laplace host shows what this host can't do"}
}

// rawTerminal has the user's terminal pass on every key where the box has a
// terminal of its own that treats them: lines, echo and signals are made
// there. set sets it so, restore takes that back.
func rawTerminal(box *Box) (set, restore func()) {
	nothing := func() {}
	if !box.Terminal || box.StdinKind != StdinLive {
		return nothing, nothing
	}
	fd := int(box.Stdin.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nothing, nothing // a file or a pipe
	}
	// cfmakeraw(3)
	raw := *was
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, &raw) }, func() { unix.IoctlSetTermios(fd, unix.TCSETS, was) }
}

// forwardStops has Ctrl-Z stop the box before it stops this process, and go on
// with it. The terminal is as it was meanwhile.
func (c *client) forwardStops(raw, restore func()) (stop func()) {
	if signal.Ignored(unix.SIGTSTP) {
		return func() {}
	}
	sigs := make(chan os.Signal, 1)
	done, ended := make(chan struct{}), make(chan struct{})
	signal.Notify(sigs, unix.SIGTSTP)
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-sigs:
				c.ask(askPause)
				<-c.paused // or the end of the box
				// Another thread may be the one that the signal stops first: this
				// one goes on only when it has been told to.
				restore()
				continued := make(chan os.Signal, 1)
				signal.Notify(continued, unix.SIGCONT)
				stopped := true
				for stopped {
					unix.Kill(unix.Getpid(), unix.SIGSTOP)
					select {
					case <-continued:
						raw()
						c.ask(askResume)
						stopped = false
					case <-sigs: // so soon that the kernel has dropped the SIGCONT for it
					case <-done:
						stopped = false
					}
				}
				signal.Stop(continued)
			}
		}
	}()
	return func() {
		signal.Stop(sigs)
		close(done)
		<-ended // the terminal stays as it is from here on
	}
}

// startSupervisor starts the supervisor process and hands the box, or the job, over. heard
// may be nil; see there.
func startSupervisor(box *Box, req superviseRequest, locks *project.Locks, heard *os.File, log *slog.Logger) (*client, error) {
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
	if req.Hears = heard != nil; req.Hears {
		fds = append(fds, int(heard.Fd()))
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
	req.Who = project.Who{PID: os.Getpid(), Command: commandLine()}
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

// wait waits for the supervisor's answer, of which the error is what comes second. timeout
// may be nil.
func (c *client) wait(ctx context.Context, box *Box, timeout <-chan time.Time) (superviseReply, error) {
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
			if a.reply.Again != nil && cause == nil {
				c.discard()
				return a.reply, nil
			}
			c.release(box)
			switch {
			case a.err != nil && errors.Is(a.err, io.EOF):
				return superviseReply{}, &Error{Op: "supervisor", Err: fmt.Errorf("it died (%v), and the box with it", how), Hint: "run the command again"}
			case a.err != nil:
				return superviseReply{}, a.err
			case a.reply.Again != nil: // too late
				return superviseReply{}, cause
			case a.reply.Err == nil:
				return a.reply, nil
			case a.reply.Err.Canceled && cause != nil:
				return a.reply, cause
			case a.reply.Err.Output:
				return superviseReply{Outcome: &Outcome{Exit: 128 + int(syscall.SIGPIPE)}}, nil
			}
			e := a.reply.Err
			return a.reply, &Error{Op: e.Op, On: e.On, Hint: e.Hint, Err: errors.New(e.Err), Exit: e.Exit}
		}
	}
}
