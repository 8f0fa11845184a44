package determinize

import (
	"testing"
	"time"
)

// What watch saw of one task must not stop the next one.
func TestSpelled(t *testing.T) {
	e := &engine{}
	e.events.Store(7)
	if got := e.spelled(); got != 0 {
		t.Errorf("before watch has looked: %v", got)
	}
	e.spun.Store(&spell{events: 7, used: 11 * time.Second})
	if got := e.spelled(); got != 11*time.Second {
		t.Errorf("of the task that runs: %v", got)
	}
	e.events.Add(1)
	if got := e.spelled(); got != 0 {
		t.Errorf("after an event: %v", got)
	}
}

// Without a limit nobody is stopped, however long it computes.
func TestNoSpinLimit(t *testing.T) {
	e := &engine{running: &task{state: stateRunning, stopping: true}}
	e.tasks = map[int]*task{1: {state: stateReady}}
	for _, used := range []time.Duration{0, time.Second, 1 << 60} {
		e.spun.Store(&spell{used: used})
		if e.lookForSpin(); e.spinning != nil {
			t.Errorf("stopped after %v", used)
		}
	}
}

// Whoever is ready may have effects: it is asked only after a long time.
func TestLookForSpinAsksLate(t *testing.T) {
	e := &engine{cfg: Config{SpinLimit: time.Minute}, running: &task{state: stateRunning}}
	asked := 0
	e.tasks = map[int]*task{1: {state: stateBlocked, ready: func() bool { asked++; return false }}}
	e.spun.Store(&spell{used: timerSpin - 1})
	e.lookForSpin()
	if asked != 0 {
		t.Error("asked before the task had computed for long")
	}
	e.spun.Store(&spell{used: timerSpin})
	e.lookForSpin()
	if asked != 1 || e.spinning != nil {
		t.Errorf("asked %d times; interrupted: %v", asked, e.spinning != nil)
	}
}
