package runtime

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
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
