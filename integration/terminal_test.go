package integration

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A screen is a user at a terminal, in which laplace runs.
type screen struct {
	t      *testing.T
	master *os.File

	mu   sync.Mutex
	text bytes.Buffer
}

// openScreen starts a shell script with laplace do and flags at a terminal.
func openScreen(t *testing.T, script string, flags ...string) (*screen, *lasting) {
	t.Helper()
	// Not by os.OpenFile: what the runtime polls it would make non-blocking for all.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if e != 0 {
		t.Fatal(e)
	}
	s := &screen{t: t, master: os.NewFile(uintptr(fd), "terminal")}
	tty := os.NewFile(slave, "slave")
	defer tty.Close()
	l := startLasting(t, script, func(cmd *exec.Cmd) {
		rest := cmd.Args[2:]
		cmd.Args = append(append([]string{cmd.Args[0], "do"}, flags...), rest...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := s.master.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return // EIO when nobody has the other end any more
			}
		}
	}()
	t.Cleanup(func() { s.master.Close() })
	return s, l
}

// wait waits until the screen shows a text n times.
func (s *screen) wait(text string, n int) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		shown := s.text.String()
		s.mu.Unlock()
		if strings.Count(shown, text) >= n {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal does not show %q %d times: %q", text, n, shown)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *screen) typ(keys string) {
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// mode is the terminal's local mode; see termios(3).
func (s *screen) mode() uint32 {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.master.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return m.Lflag
}

// TestTerminalKeys: with -t -i the keys are the guest's, those that make
// signals included; others of the box run while one waits for a key; the
// user's terminal is afterwards as it was.
func TestTerminalKeys(t *testing.T) {
	s, l := openScreen(t, `
		trap "echo interrupted" INT
		(sleep 1; echo behind) &
		stty -a | grep -q "rows 24; columns 80" && echo ready
		read line; echo "line=$line"
		(sleep 1; echo behind) &
		while [ -z "$key" ]; do cat; key=1; done
		read line; exit "$line"`, "-t", "-i")
	before := uint32(unix.ICANON | unix.ECHO | unix.ISIG)
	s.wait("ready", 1)
	s.wait("behind", 1)
	if m := s.mode(); m&before != 0 {
		t.Errorf("the user's terminal has local mode %#x while a box has a terminal", m)
	}
	s.typ("a b\r")
	s.wait("line=a b\r\n", 1)
	s.wait("behind", 2)
	s.typ("\x03")
	s.wait("interrupted", 1)
	s.typ("7\r")
	if status := l.end(t); status != 7 {
		t.Errorf("exit status %d, want 7", status)
	}
	l.gone(t)
	if m := s.mode(); m&before != before {
		t.Errorf("the user's terminal is left with local mode %#x", m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := strings.Count(s.text.String(), "a b"); n != 2 {
		t.Errorf("a line is shown %d times, not as echo and as output: %q", n, s.text.String())
	}
}

// TestTerminalCtrlC: without -i keys are laplace's. So Ctrl-C ends the box.
func TestTerminalCtrlC(t *testing.T) {
	s, l := openScreen(t, `trap "" INT; echo ready; while :; do :; done`, "-t")
	s.wait("ready", 1)
	s.typ("\x03")
	if status := l.end(t); status != 130 {
		t.Errorf("exit status %d, want 130", status)
	}
}
