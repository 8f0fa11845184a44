package determinize

import "golang.org/x/sys/unix"

// To show that it does not matter in which order tasks stop, one of them is held back now
// and then, as if it were slower: its stop is dealt with later than those of others.

// heldStop is a stop that the engine has not looked at yet. The zero value is none.
type heldStop struct {
	pid    int
	ws     unix.WaitStatus
	others int // stops of others that are to come first
	rests  int // how often the engine waits for one of them in vain
}

// restsHeld bounds for how long a task is held back that nobody comes before.
const restsHeld = 10

// nextStop waits for the next event of any task.
func (e *engine) nextStop() (pid int, ws unix.WaitStatus, errno unix.Errno) {
	h := &e.held
	for {
		if h.pid != 0 && (h.others <= 0 || h.rests <= 0 || e.transit < 2 || e.paused.Load() || e.cancel.Load()) {
			pid, ws = h.pid, h.ws
			*h = heldStop{}
			return pid, ws, 0
		}
		if h.pid == 0 {
			pid, ws, errno = e.tr.Wait()
		} else if pid, ws, errno = e.tr.Poll(); pid == 0 && errno == 0 {
			h.rests--
			e.cfg.Rest()
			continue
		}
		switch {
		case errno != 0:
			return pid, ws, errno
		case h.pid == pid: // it was killed
			h.ws, ws, h.others = ws, h.ws, 0
			return pid, ws, 0
		case h.pid != 0:
			h.others--
			return pid, ws, 0
		}
		t := e.tasks[pid]
		if e.cfg.Hold == nil || e.serial || e.transit < 2 || !ws.Stopped() || t == nil || t.state != stateRunning {
			return pid, ws, 0
		}
		n := e.cfg.Hold()
		if n == 0 {
			return pid, ws, 0
		}
		*h = heldStop{pid, ws, n, restsHeld}
	}
}
