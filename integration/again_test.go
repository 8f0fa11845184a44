package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRunAgainAtTerminal: a box whose processes raced runs again, and its output starts
// over; a signal ends the second attempt as it ends the first.
func TestRunAgainAtTerminal(t *testing.T) {
	const race = `echo begun; echo a > f & echo b > f & wait; i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done; echo ended; `
	s, l := openScreen(t, race+"exit 3")
	s.wait("ended", 2)
	if status := l.end(t); status != 3 {
		t.Errorf("exit status %d, want 3", status)
	}
	s.wait("the command runs again, and its output starts over", 1)
	l.gone(t)

	s, l = openScreen(t, race+"echo > done")
	s.wait("begun", 2)
	_ = l.cmd.Process.Signal(syscall.SIGINT)
	if status := l.end(t); status != 128+int(syscall.SIGINT) {
		t.Errorf("exit status %d after SIGINT", status)
	}
	l.gone(t)
	if _, err := os.Stat(filepath.Join(l.project, "done")); err == nil {
		t.Error("an interrupted run is committed")
	}
	if err := leftovers(l.state, l.project); err != nil {
		t.Error(err)
	}
}
