package ns

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestForkHeir checks that the heir is the caller's child, in the namespace that was asked
// for, and that a call is left out where another has succeeded.
func TestForkHeir(t *testing.T) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	out, buf := os.NewFile(uintptr(p[0]), "out"), []byte("mh")
	say := func(i int) Call {
		return Call{Nr: unix.SYS_WRITE, Args: [6]uintptr{uintptr(p[1]), addr(&buf[i]), 1}, Min: 1}
	}
	clone, args := Clone(unix.CLONE_NEWPID|unix.CLONE_NEWUSER, -1)
	left := Call{Nr: unix.SYS_CLOSE, Args: [6]uintptr{1 << 20}, Unless: 1} // would fail
	h, err := ForkHeir([]Call{say(0), left, clone, say(1)}, buf, args)
	unix.Close(p[1])
	if err != nil {
		t.Fatal(err)
	}
	pid := h.PID()
	if pid <= 0 {
		t.Fatalf("no heir: %v", ReadScriptError(os.NewFile(uintptr(h.Middle.Report), "report")))
	}
	var status unix.WaitStatus
	if got, err := unix.Wait4(pid, &status, 0, nil); got != pid || err != nil || status != 0 {
		t.Errorf("wait for the heir: %d, %v, status %d", got, err, status)
	}
	unix.Close(h.Middle.Report)
	defer out.Close()
	if said, err := io.ReadAll(out); err != nil || string(said) != "mh" {
		t.Errorf("said %q, %v", said, err)
	}

	clone, args = Clone(1<<63, -1)
	h, err = ForkHeir([]Call{clone, say(1)}, args)
	if err != nil {
		t.Fatal(err)
	}
	report := os.NewFile(uintptr(h.Middle.Report), "report")
	defer report.Close()
	if pid := h.PID(); pid != 0 {
		t.Errorf("heir %d of a clone that fails", pid)
	}
	if err, ok := ReadScriptError(report).(*ScriptError); !ok || err.Index != 0 || err.Errno != unix.EINVAL {
		t.Errorf("report %v", err)
	}
}
