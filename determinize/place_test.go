package determinize

import (
	"testing"
	"time"
)

// TestCPUFor checks where tasks run: one alone at home, one that stops often there too, one
// that computes beside others elsewhere.
func TestCPUFor(t *testing.T) {
	const us = time.Microsecond
	for _, c := range []struct {
		what    string
		pace    time.Duration
		cpu     int   // where it is
		running []int // where the others run
		serial  bool
		want    int
	}{
		{"alone", 0, 0, nil, false, 0},
		{"alone, back from elsewhere", time.Second, 2, nil, false, 0},
		{"home is free", time.Second, 1, []int{1}, false, 0},
		{"not measured", 0, 0, []int{0}, false, 1},
		{"it stops often", 10 * us, 1, []int{0}, false, 0},
		{"as do others", 10 * us, 0, []int{0, 0, 0}, false, 0},
		{"too many of them", 10 * us, 0, []int{0, 0, 0, 0}, false, 1},
		{"it computes", 100 * us, 0, []int{0}, false, 1},
		{"it computes where it is", 100 * us, 2, []int{0}, false, 2},
		{"the other CPU is free", 100 * us, 0, []int{0, 1}, false, 2},
		{"all are busy", 100 * us, 1, []int{0, 1, 2}, false, 0},
		{"one call at a time", 100 * us, 1, []int{0}, true, 0},
	} {
		task0 := &task{process: &process{}, cpu: c.cpu, pace: pace{perStop: c.pace}, state: stateRunning}
		e := &engine{cfg: Config{CPU: 0, Away: []int{1, 2}}, live: []*task{task0}, serial: c.serial}
		for _, cpu := range c.running {
			e.live = append(e.live, &task{process: &process{}, cpu: cpu, state: stateRunning}, &task{process: &process{}, cpu: cpu, state: stateBlocked})
		}
		if got := e.cpuFor(task0); got != c.want {
			t.Errorf("%s: CPU %d, want %d", c.what, got, c.want)
		}
	}
}

// TestPace checks by what a task is taken for one that computes.
func TestPace(t *testing.T) {
	const us = time.Microsecond
	var p pace
	for _, step := range []struct {
		stops    uint64
		used     time.Duration
		computes bool
		want     time.Duration // for each stop
	}{
		{10, 50 * us, false, 0}, // too few
		{32, 320 * us, false, 10 * us},
		{32, 900 * us, false, 10 * us}, // none since, and not for long
		{32, 1320 * us, true, 1000 * us},
		{33, 9320 * us, true, 8000 * us},
		{933, 9321 * us, false, 1},
	} {
		if got := p.measure(step.stops, step.used); got != step.computes || p.perStop != step.want {
			t.Errorf("%d stops, %v: %v, %v each, want %v, %v", step.stops, step.used, got, p.perStop, step.computes, step.want)
		}
	}
}
