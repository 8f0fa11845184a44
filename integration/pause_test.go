package integration

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// forks is a program whose processes fork, wait, sleep and talk to each other.
const forks = `
i=0
trap 'echo usr1' USR1
while [ $i -lt 300 ]; do
	i=$((i + 1)); x=$(true)$(echo $i)
	case $i in *0)
		echo $x | cat | cat
		(exit 3) & sleep 0.1; wait $!; echo $?
		(kill -USR1 $$) & wait; date +%s.%N
	esac
done`

// TestPauses: nothing in a box shows that it was stopped, however often.
func TestPauses(t *testing.T) {
	run := func(pauses int) (string, report) {
		var stdout bytes.Buffer
		var file string
		l := startLasting(t, forks, func(cmd *exec.Cmd) {
			file = filepath.Join(filepath.Dir(cmd.Dir), "report")
			// The project's path, and arguments, are inputs: the same in each run.
			cmd.Args = slices.Concat(cmd.Args[:1], []string{"do", "--at", "/work", "--report", file, "--", "sh", "-c", forks})
			cmd.Stdout = &stdout
		})
		stopped := 0
		for ; stopped < pauses && l.stop(); stopped++ {
			// For as long the box may run; any will do.
			time.Sleep(time.Duration(stopped%7) * 500 * time.Microsecond)
		}
		if got := l.end(t); got != 0 {
			t.Fatalf("stopped %d times: exit status %d\nstderr:\n%s", stopped, got, l.stderr.String())
		}
		l.gone(t)
		rep, err := readReport(file)
		if err != nil {
			t.Fatal(err)
		}
		return stdout.String(), rep
	}
	want, wantReport := run(0)
	got, gotReport := run(1000)
	if got != want {
		t.Errorf("stopped again and again it says\n%s\nwant\n%s", clip(got), clip(want))
	}
	diffReports(t, "stopped again and again", wantReport, gotReport)
}

// TestStopStarting: Ctrl-Z stops a box that is about to start, or to go on, too.
func TestStopStarting(t *testing.T) {
	l := startLasting(t, spin, nil)
	for i := range 500 {
		if !l.stop() {
			t.Fatalf("the %dth time it did not stop within %v\nstderr:\n%s", i+1, patience, l.stderr.String())
		}
		if i < 100 { // some of them come while it starts; the others at once
			time.Sleep(time.Millisecond)
		}
	}
	l.guest(t)
	if err := unix.Kill(l.cmd.Process.Pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := l.end(t); got != 128+int(unix.SIGTERM) {
		t.Errorf("exit status %d\nstderr:\n%s", got, l.stderr.String())
	}
	l.gone(t)
}

// stop stops laplace, as Ctrl-Z does, and lets it go on once it has stopped. It returns
// false when laplace has ended; it kills one that does not stop.
func (l *lasting) stop() bool {
	if l.cmd.Process.Signal(unix.SIGTSTP) != nil {
		return false
	}
	kill := time.AfterFunc(patience, func() { _ = l.cmd.Process.Kill() })
	defer kill.Stop()
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, l.cmd.Process.Pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		const stopped = 5 // CLD_STOPPED
		switch {
		case err == nil && info.Code == stopped:
			return l.cmd.Process.Signal(unix.SIGCONT) == nil
		case err != unix.EINTR:
			return false // it has ended
		}
	}
}
