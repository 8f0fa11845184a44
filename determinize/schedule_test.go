package determinize

import (
	"strings"
	"testing"
)

// However many tasks are in a deadlock, what is said of it can be read.
func TestDeadlockNamesFew(t *testing.T) {
	e := &engine{tasks: make(map[int]*task)}
	for pid := range 40 {
		e.tasks[pid] = &task{process: &process{vpid: 300 + pid}, state: stateBlocked, wait: wait{why: saying("a child")}}
	}
	said := e.waits()
	if n := strings.Count(said, "waits for a child"); n != maxWaits || !strings.HasSuffix(said, "; and 30 more") {
		t.Errorf("%d of 40 tasks are named: %s", n, said)
	}
}
