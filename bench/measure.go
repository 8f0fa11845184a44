package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A workload is a command that is measured.
type workload struct {
	name   string
	target string // what issue and README promise
	// prepare makes the directory that each run gets a copy of. nil is an empty one.
	prepare func(dir string) error
	// run is the command; flags are those of laplace do.
	run, flags []string
	// native is what it is compared with natively, if that is another command.
	native []string
	// base are flags of laplace do: it is not compared with a native run but with a box
	// of these flags.
	base []string
	// boxedOnly has nothing to compare with.
	boxedOnly bool
	// note makes a line of what was measured.
	note func(result) string
}

// A result is what came of a workload.
type result struct {
	native, boxed []time.Duration // wall time; native is the base's if there is one
	ticks         uint64          // stops of one run
	peak          int64           // greatest resident size of the supervisor, in bytes
}

// measure runs a workload natively and boxed in turns, each in a fresh copy of its
// directory at the same path.
func (c *config) measure(w workload) (result, error) {
	template, work := filepath.Join(c.dir, "template"), filepath.Join(c.dir, "work")
	defer os.RemoveAll(template)
	defer os.RemoveAll(work)
	if err := os.MkdirAll(template, 0o755); err != nil {
		return result{}, err
	}
	if w.prepare != nil {
		if err := w.prepare(template); err != nil {
			return result{}, err
		}
	}
	var r result
	report := filepath.Join(c.dir, "report.json")
	box := func(flags ...string) []string {
		return slices.Concat([]string{c.laplace, "do", "--report", report}, w.flags, flags, []string{"--"}, w.run)
	}
	native := w.run
	switch {
	case w.native != nil:
		native = w.native
	case w.base != nil:
		native = box(w.base...)
	}
	for i := range c.runs + 1 {
		if !w.boxedOnly {
			if err := fresh(template, work); err != nil {
				return r, err
			}
			d, _, err := run(work, native, false)
			if err != nil {
				return r, err
			}
			if i > 0 {
				r.native = append(r.native, d)
			}
		}
		if err := fresh(template, work); err != nil {
			return r, err
		}
		// Watching the supervisor would be part of what is measured: the first run,
		// which is not, is for that.
		d, peak, err := run(work, box(), i == 0)
		if err != nil {
			return r, err
		}
		if i == 0 {
			r.peak = peak
			continue
		}
		r.boxed = append(r.boxed, d)
		if r.ticks, err = ticks(report); err != nil {
			return r, err
		}
	}
	return r, nil
}

// fresh makes work a copy of template.
func fresh(template, work string) error {
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", template, work).CombinedOutput(); err != nil {
		return fmt.Errorf("copy: %w: %s", err, out)
	}
	return nil
}

// run runs a command in a directory and says how long it took and, if watched, how much
// memory the supervisor among its descendants had at most.
func run(dir string, argv []string, watch bool) (time.Duration, int64, error) {
	p, err := begin(dir, argv)
	if err != nil {
		return 0, 0, err
	}
	peak, done := make(chan int64, 1), make(chan struct{})
	if watch {
		go func() { peak <- watchSupervisor(p.cmd.Process.Pid, done) }()
	} else {
		peak <- 0
	}
	err = p.wait()
	close(done)
	return p.took, <-peak, err
}

// A process is a command that runs, or has ended.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	start  time.Time
	took   time.Duration // wall time, when it has ended
}

// begin starts a command in a directory.
func begin(dir string, argv []string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), start: time.Now()}
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "TZ=UTC",
		"XDG_STATE_HOME=" + filepath.Join(filepath.Dir(dir), "state")}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return p, nil
}

// wait waits for its end.
func (p *process) wait() error {
	err := p.cmd.Wait()
	p.took = time.Since(p.start)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(p.cmd.Args, " "), err, lastLine(p.stderr.Bytes()))
	}
	return nil
}

// peak is the greatest resident size, in bytes, of any of the processes that it was and waited for,
// getrusage(2).
func (p *process) peak() int64 {
	u, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return u.Maxrss << 10
}

// command runs a program in a directory; its output is for the error.
func command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, lastLine(out))
	}
	return nil
}

func lastLine(b []byte) []byte {
	b = bytes.TrimSpace(b)
	return b[bytes.LastIndexByte(b, '\n')+1:]
}

// watchSupervisor returns the peak resident size of the supervisor that laplace, the
// process pid, starts: VmHWM of proc_pid_status(5), asked for until it is gone.
func watchSupervisor(pid int, done <-chan struct{}) (peak int64) {
	for {
		select {
		case <-done:
			return peak
		case <-time.After(time.Millisecond):
		}
		for _, child := range children(pid) {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(status)) {
				if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
					peak = max(peak, kb<<10)
				}
			}
		}
	}
}

// children are the child processes of all threads of a process.
func children(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// ticks is the number of intercepted calls that a report tells.
func ticks(report string) (uint64, error) {
	b, err := os.ReadFile(report)
	if err != nil {
		return 0, err
	}
	var r struct{ Ticks uint64 }
	if err := json.Unmarshal(b, &r); err != nil {
		return 0, fmt.Errorf("report: %w", err)
	}
	return r.Ticks, nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}

// medianRatio is the median of the ratios of pairs: the runs of one turn.
func medianRatio(of, to []time.Duration) float64 {
	ratios := make([]float64, min(len(of), len(to)))
	for i := range ratios {
		ratios[i] = float64(of[i]) / float64(to[i])
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// ms prints a duration as milliseconds.
func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
