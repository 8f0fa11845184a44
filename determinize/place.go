package determinize

import "golang.org/x/sys/unix"

// A stop costs five times as much where the task is on another CPU than its tracer. So
// all tasks run where the engine does, its home, as long as one runs at a time; those
// that run beside others are sent to other CPUs.

// place chooses the CPU on which a task that has stopped runs next.
func (e *engine) place(t *task) {
	if len(e.cfg.Away) == 0 || e.cfg.Canonical {
		return
	}
	if e.serial {
		e.runOn(t, e.cfg.CPU)
		return
	}
	var load [maxCPU]uint16
	for _, u := range e.live {
		if u != t && u.state == stateRunning {
			load[u.cpu]++
		}
	}
	best := e.cfg.CPU
	for _, cpu := range e.cfg.Away {
		if load[cpu] < load[best] || load[cpu] == load[best] && cpu == t.cpu && best != e.cfg.CPU {
			best = cpu
		}
	}
	e.runOn(t, best)
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
