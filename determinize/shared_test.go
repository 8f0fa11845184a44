package determinize

import (
	"os"
	"testing"
)

// A program's descriptors are no longer shared that were closed when it started: others
// have nothing to do with the files that get their numbers.
func TestUnshareFDs(t *testing.T) {
	proc, err := os.Open("/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	closed, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	was := int32(closed.Fd())
	closed.Close()
	e := &engine{cfg: Config{HostProc: proc}}
	u := &task{process: &process{sharedFDs: sharedFDs{int32(proc.Fd()): sharedAny, was: sharedAny}}, pid: os.Getpid()}
	e.unshareFDs(u)
	if u.sharedFDs[int32(proc.Fd())] == notShared || u.sharedFDs[was] != notShared {
		t.Errorf("shared: %v; %d is open, %d is not", u.sharedFDs, proc.Fd(), was)
	}
}
