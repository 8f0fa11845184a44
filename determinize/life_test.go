package determinize

import (
	"strings"
	"testing"

	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/sched"
)

// forkEngine is an engine that only places pids, to last, and a task of it that another
// one is behind.
func forkEngine(last int) (e *engine, t, behind *task) {
	e = &engine{
		cfg:  Config{LastPID: last, PlacePID: func(int) error { return nil }},
		pids: pids.New(last), usedPIDs: map[int]*pidUse{},
	}
	t, behind = &task{process: &process{vpid: 300}, path: sched.Path{0}, fresh: true}, &task{process: &process{vpid: 301}, path: sched.Path{1}}
	t.clk.B = 10
	for _, u := range []*task{t, behind} {
		u.ord = sched.Task{Path: u.path, Next: u.clk.B, Of: u}
		e.live = append(e.live, u)
	}
	return e, t, behind
}

// TestForkRange: pids lie in the range that the kernel has, and a narrow one taints.
func TestForkRange(t *testing.T) {
	for _, last := range []int{prng.MaxPid, 32767, 1999} {
		e, p, _ := forkEngine(last)
		for range 200 {
			p.plan, e.forking = nil, nil
			if e.planFork(p, forkPlan{}); p.plan == nil || p.plan.vpid < prng.MinPid || p.plan.vpid > last {
				t.Fatalf("to %d: %+v", last, p.plan)
			}
			p.forks++
			p.fresh = false
		}
		taints := e.report.Taints
		if last == prng.MaxPid && len(taints) > 0 {
			t.Errorf("tainted: %v", taints)
		}
		if last < prng.MaxPid && (len(taints) != 1 || taints[0].Kind != "pid" || !strings.HasSuffix(taints[0].Detail, ": sysctl kernel.pid_max=4194304")) {
			t.Errorf("to %d: taints %v", last, taints)
		}
	}
}

// TestForkOfUsedPID: a fork waits for others only if what became of its pid may depend on
// them.
func TestForkOfUsedPID(t *testing.T) {
	for _, test := range []struct {
		name           string
		placed, reaped bool // by a fork; by the task itself
		byOther        bool // who reaps is another
		member         bool // another process was in its group
		wait           bool
	}{
		{name: "never used"},
		{name: "in use", placed: true, wait: true},
		{name: "reaped by the task", placed: true, reaped: true},
		{name: "reaped by the task, but a group", placed: true, reaped: true, member: true, wait: true},
		{name: "reaped by another", placed: true, reaped: true, byOther: true, wait: true},
	} {
		e, p, behind := forkEngine(prng.MaxPid)
		want := p.seed.Pid(0, prng.MaxPid)
		k := &task{process: &process{vpid: want, pgid: want, sid: want}}
		if test.placed {
			e.pids.Place(want, pids.IDs{PGID: want, SID: want})
			e.usedPIDs[want] = &pidUse{}
		}
		if test.member {
			e.inGroup(&task{process: &process{vpid: want + 1, pgid: want, sid: 300}})
		}
		e.inGroup(k)
		if test.reaped {
			if k.waiter = p; test.byOther {
				k.waiter = behind
			}
			e.reap(k)
		}
		v := e.planFork(p, forkPlan{})
		if wait := v.do == doOrder; wait != test.wait {
			t.Errorf("%s: waits: %v", test.name, wait)
		}
		if !test.wait && (p.plan == nil || p.plan.vpid != want || len(e.report.Taints) > 0) {
			t.Errorf("%s: plan %+v, taints %v", test.name, p.plan, e.report.Taints)
		}
	}
}
