package tracer

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTraceShell follows a shell that forks: every way in which a task stops
// must be seen, and its exit status must come through.
func TestTraceShell(t *testing.T) {
	type result struct {
		err   error
		forks int
		code  int
		str   string
	}
	hold, release, _ := os.Pipe()
	cmd := exec.Command("/bin/sh", "-c", "read x; (exit 3); (exit 4); exit 7")
	cmd.Stdin = hold
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan result)
	go func() {
		// The goroutine keeps its thread until the test process ends.
		var r result
		defer func() { done <- r; select {} }()
		tr, err := New(-1)
		if err != nil {
			r.err = err
			return
		}
		root := cmd.Process.Pid
		if r.err = tr.Seize(root); r.err != nil {
			return
		}
		release.Write([]byte("\n"))
		for {
			pid, ws, e := tr.Wait()
			if e == unix.EINTR {
				continue
			}
			if e != 0 {
				return
			}
			switch {
			case ws.Exited():
				if pid == root {
					r.code = ws.ExitStatus()
				}
			case ws.Stopped():
				switch ev := int(ws) >> 16; ev {
				case 0:
					tr.Cont(pid, ws.StopSignal())
				case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
					r.forks++
					var regs unix.PtraceRegs
					tr.Regs(pid, &regs)
					b := make([]byte, 4)
					if e := tr.ReadFull(pid, regs.Rsp, b); e != 0 {
						r.err = e
					}
					_, e := tr.ReadString(pid, 1, 10)
					if e != unix.EFAULT {
						r.str = "reading a string at address 1: " + e.Error()
					}
					tr.Cont(pid, 0)
				default:
					tr.Cont(pid, 0)
				}
			}
		}
	}()
	r := <-done
	if r.err != nil || r.str != "" {
		t.Fatal(r.err, r.str)
	}
	if r.forks != 2 || r.code != 7 {
		t.Errorf("saw %d forks and exit status %d, want 2 and 7", r.forks, r.code)
	}
}
