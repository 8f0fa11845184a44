package ns

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestForkScript(t *testing.T) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	closed, err := os.Open("/dev/null") // at its end at once
	if err != nil {
		t.Fatal(err)
	}
	text, buf, name := []byte("from the child"), new([8]byte), append([]byte("/no/such/file"), 0)
	write := Call{Nr: unix.SYS_WRITE, Args: [6]uintptr{uintptr(p[1]), addr(&text[0]), uintptr(len(text))}, Min: uintptr(len(text))}
	bad := Call{Nr: unix.SYS_CLOSE, Args: [6]uintptr{1 << 20}}
	end := Call{Nr: unix.SYS_READ, Args: [6]uintptr{closed.Fd(), addr(buf), 1}, Min: 1}
	var two [2]int
	if err := unix.Pipe2(two[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(two[1], []byte("12")); err != nil {
		t.Fatal(err)
	}
	unix.Close(two[1])
	defer unix.Close(two[0])
	input := Call{Nr: unix.SYS_READ, Args: [6]uintptr{uintptr(two[0]), addr(buf), 1}, Min: 1}
	again := Call{Nr: unix.SYS_GETPID, Again: 1}
	exec := Call{Nr: unix.SYS_EXECVE, Args: [6]uintptr{addr(&name[0]), 0, 0}}
	ignored := bad
	ignored.Ignore = true
	tests := []struct {
		name   string
		calls  []Call
		failed *ScriptError
		status int
		text   string
	}{
		{"nothing", nil, nil, 0, ""},
		{"all", []Call{write, write}, nil, 0, "from the childfrom the child"},
		{"ignored failure", []Call{ignored, write}, nil, 0, "from the child"},
		{"failure", []Call{write, bad, write}, &ScriptError{1, unix.EBADF}, ExitFailed, "from the child"},
		{"end of input", []Call{end, write}, &ScriptError{0, unix.EPIPE}, ExitFailed, ""},
		{"loop", []Call{write, input, again}, &ScriptError{1, unix.EPIPE}, ExitFailed, "from the childfrom the childfrom the child"},
		{"last not found", []Call{write, exec}, &ScriptError{1, unix.ENOENT}, ExitNotFound, "from the child"},
		{"last fails", []Call{bad}, &ScriptError{0, unix.EBADF}, ExitNotExecutable, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ForkScript(0, test.calls, text, buf, name)
			if err != nil {
				t.Fatal(err)
			}
			if pid, err := PIDOf(c.FD); err != nil || pid != c.PID {
				t.Errorf("the pidfd is of %d, %v; want %d", pid, err, c.PID)
			}
			report := os.NewFile(uintptr(c.Report), "report")
			defer report.Close()
			err = ReadScriptError(report)
			if got, _ := errors.AsType[*ScriptError](err); (got == nil) != (test.failed == nil) || got != nil && *got != *test.failed {
				t.Errorf("reported %v, want %v", err, test.failed)
			}
			var ws unix.WaitStatus
			if _, err := unix.Wait4(c.PID, &ws, unix.WALL, nil); err != nil {
				t.Fatal(err)
			}
			if ws.ExitStatus() != test.status {
				t.Errorf("status %d, want %d", ws.ExitStatus(), test.status)
			}
			if pid, err := PIDOf(c.FD); pid != -1 {
				t.Errorf("the pidfd of the dead is of %d, %v", pid, err)
			}
			unix.Close(c.FD)
			got := make([]byte, len(test.text))
			if _, err := io.ReadFull(pipeEnd(p[0]), got); err != nil || string(got) != test.text {
				t.Errorf("wrote %q, %v; want %q", got, err, test.text)
			}
		})
	}
}

// pipeEnd reads a descriptor.
type pipeEnd int

func (p pipeEnd) Read(b []byte) (int, error) { return unix.Read(int(p), b) }

func TestReadScriptErrorTruncated(t *testing.T) {
	if err := ReadScriptError(bytes.NewReader(make([]byte, 7))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a report: %v", err)
	}
}

func TestPIDOfNoPidfd(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if pid, err := PIDOf(int(f.Fd())); err == nil {
		t.Errorf("/dev/null is process %d", pid)
	}
}

// TestForkScriptMany forks from a program that is busy allocating and
// scheduling, which the child must not notice.
func TestForkScriptMany(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		var keep [][]byte
		for {
			select {
			case <-stop:
				return
			default:
				keep = append(keep, make([]byte, 1<<12))
				if len(keep) > 1000 {
					keep = nil
				}
			}
		}
	}()
	for range 200 {
		c, err := ForkScript(0, []Call{{Nr: unix.SYS_GETPID, Min: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
