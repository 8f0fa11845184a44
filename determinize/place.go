package determinize

import (
	"time"

	"golang.org/x/sys/unix"
)

// A stop costs five times as much where the task is on another CPU than its tracer. So
// a task runs where the engine does, its home, as long as it is alone or stops so often
// that to wait for the others there costs less than to stop elsewhere; one that computes
// beside others is sent to other CPUs. Real time decides here: where a task runs shows in
// no result.

const (
	// stopAway is how much longer a stop takes from another CPU.
	stopAway = 40 * time.Microsecond
	// The pace of a task is measured over so many of its stops, or so much CPU time, whatever
	// comes first, and looked at after so many stops of anybody.
	paceStops = 32
	paceTime  = time.Millisecond
	paceEvery = 64
)

// pace is how much CPU time a task has used for each of its last stops.
type pace struct {
	perStop time.Duration // 0: not known yet
	events  uint64        // since when it is measured
	used    time.Duration
}

// measure notes how much CPU time a task has used in all, and tells whether it is better
// off where nobody stops.
func (p *pace) measure(events uint64, used time.Duration) (computes bool) {
	stops, took := events-p.events, used-p.used
	if stops < paceStops && took < paceTime {
		return false
	}
	*p = pace{max(1, took/time.Duration(max(1, stops))), events, used}
	return p.perStop >= stopAway
}

// place chooses the CPU on which a task that has stopped runs next.
func (e *engine) place(t *task) {
	if len(e.cfg.Away) > 0 && !e.cfg.Canonical {
		e.runOn(t, e.cpuFor(t))
	}
}

// cpuFor is the CPU on which a task is to run beside those that run now.
func (e *engine) cpuFor(t *task) int {
	home := e.cfg.CPU
	if e.serial {
		return home
	}
	load := e.loads(t)
	if load[home] == 0 || t.pace.perStop != 0 && time.Duration(load[home])*t.pace.perStop < stopAway {
		return home
	}
	best := home
	for _, cpu := range e.cfg.Away {
		if load[cpu] < load[best] || load[cpu] == load[best] && cpu == t.cpu && best != home {
			best = cpu
		}
	}
	return best
}

// loads is how many tasks, besides one, run on each CPU.
func (e *engine) loads(but *task) (load [maxCPU]uint16) {
	for _, u := range e.live {
		if u != but && u.state == stateRunning {
			load[u.cpu]++
		}
	}
	return load
}

// lookAtPaces measures how often the tasks stop, and sends those away that compute at home
// while others run there.
func (e *engine) lookAtPaces() {
	if len(e.cfg.Away) == 0 || e.serial || len(e.live) < 2 {
		return
	}
	for _, t := range e.live {
		if t.state != stateRunning && t.events == t.pace.events {
			continue
		}
		if t.pace.measure(t.events, e.cfg.CPUTime(t.first)) && t.state == stateRunning && t.cpu == e.cfg.CPU {
			e.runOn(t, e.cpuFor(t))
		}
	}
}

// runOn has a task run on a CPU from now on.
func (e *engine) runOn(t *task, cpu int) {
	if cpu == t.cpu {
		return
	}
	var set unix.CPUSet
	set.Set(cpu)
	if unix.SchedSetaffinity(t.pid, &set) == nil {
		t.cpu = cpu
	}
}

// maxCPU is the number of CPUs that a unix.CPUSet can name.
const maxCPU = len(unix.CPUSet{}) * 64 // as Linux is configured to have at most
