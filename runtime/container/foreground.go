package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Foreground is what run, and exec, do while the process that they have started lives:
// signals are passed on, and what comes from its terminal and goes there.
type Foreground struct {
	stdin, stdout *os.File
	signals       chan os.Signal
	master        *os.File
	saved         *unix.Termios
	drained       chan struct{}
}

// NewForeground begins to collect signals. stdin and stdout are the caller's; they are used
// for a process that has a terminal.
func NewForeground(stdin, stdout *os.File) *Foreground {
	f := &Foreground{stdin: stdin, stdout: stdout, signals: make(chan os.Signal, 2048)}
	signal.Notify(f.signals)
	return f
}

// AdoptOrphans makes the caller the parent of processes of the container whose own has
// ended: PR_SET_CHILD_SUBREAPER(2const).
func AdoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	return nil
}

// Terminal is for Options: it connects a terminal with stdin and stdout. If stdin is a
// terminal, its keys are the container's.
func (f *Foreground) Terminal(master int) error {
	// A Go file that is in blocking mode cannot be interrupted; this one has to be.
	if err := unix.SetNonblock(master, true); err != nil {
		return err
	}
	f.master = os.NewFile(uintptr(master), "terminal")
	if t, err := unix.IoctlGetTermios(int(f.stdin.Fd()), unix.TCGETS); err == nil {
		raw := *t
		raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		raw.Oflag &^= unix.OPOST
		raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(int(f.stdin.Fd()), unix.TCSETS, &raw); err != nil {
			return fmt.Errorf("raw mode: %w", err)
		}
		f.saved = t
		f.resize()
	}
	f.drained = make(chan struct{})
	go func() {
		_, _ = io.Copy(f.stdout, f.master) // ends with EIO when nobody has the terminal open
		close(f.drained)
	}()
	go func() { _, _ = io.Copy(f.master, f.stdin) }()
	return nil
}

// resize gives the container's terminal the size of ours.
func (f *Foreground) resize() {
	if f.master == nil {
		return
	}
	size, err := unix.IoctlGetWinsize(int(f.stdin.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	if c, err := f.master.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// Wait waits for the end of a process, a child of the caller's, reaps it and what else has
// become one, and returns its exit status, or 128 + the signal that ended it.
// of may be told of signals that the process has been sent.
func (f *Foreground) Wait(pid int, of *Container) (status int, err error) {
	go func() {
		for s := range f.signals {
			switch s {
			case unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE:
			case unix.SIGWINCH:
				f.resize()
			default:
				_ = unix.Kill(pid, s.(syscall.Signal))
				of.Signalled()
			}
		}
	}()
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("wait for process %d: %w", pid, err)
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case got == pid:
			return ws.ExitStatus(), nil
		}
	}
}

// Close gives the terminal back, when what the container has written to it is out.
func (f *Foreground) Close() error {
	signal.Stop(f.signals)
	var err error
	if f.master != nil {
		// Processes that the container has left may hold the terminal open.
		select {
		case <-f.drained:
		case <-time.After(drainTime):
		}
		err = f.master.Close()
	}
	if f.saved != nil {
		err = errors.Join(err, unix.IoctlSetTermios(int(f.stdin.Fd()), unix.TCSETS, f.saved))
	}
	return err
}

// drainTime is how long the output of a terminal may take to arrive after the end of its
// process.
const drainTime = 5 * time.Second
