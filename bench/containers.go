package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// containerRuns is the name of what is measured here: what it costs to run /bin/true in a container,
// by laplace in both modes and by the runtimes that it takes the place of.
const containerRuns = "container runs"

// A containerKind is a runtime, and for laplace its mode.
type containerKind struct {
	name   string
	binary string // "" is laplace
	mode   string // value of the annotation, of laplace
	target string // greatest ratio to the first kind
}

var containerKinds = []containerKind{
	{name: "runc", binary: "runc"},
	{name: "crun", binary: "crun"},
	{name: "laplace, plain", mode: "plain", target: "1.10"},
	{name: "laplace, deterministic", mode: "deterministic", target: "1.40"},
}

// containerFormat is a line of their table.
const containerFormat = "%-24s %12s %12s %7s %8s %12s %10s\n"

// containers measures them in turns and prints what came of it. The ratio is the median of those of each
// turn: what else the machine does slows neighbours alike.
func (c *config) containers() error {
	if os.Geteuid() != 0 {
		return errors.New("it takes root")
	}
	const turns = 3 // to one of the other workloads: these are short
	runs := turns * c.runs
	took := make([][]time.Duration, len(containerKinds))
	failed := make([]error, len(containerKinds))
	peak := make([]int64, len(containerKinds))
	bundles := make([]string, len(containerKinds))
	for i, k := range containerKinds {
		bundles[i] = filepath.Join(c.dir, fmt.Sprint("bundle", i))
		if err := c.bundle(bundles[i], k.mode, "/bin/true"); err != nil {
			return err
		}
	}
	for n := range runs + 1 {
		for i, k := range containerKinds {
			if failed[i] != nil {
				continue
			}
			var p *process
			if p, failed[i] = c.containerRun(k, bundles[i]); failed[i] != nil {
				continue
			}
			peak[i] = max(peak[i], p.peak())
			if n > 0 {
				took[i] = append(took[i], p.took)
			}
		}
	}
	fmt.Printf("\n"+containerFormat, "run /bin/true", fmt.Sprint("median of ", runs), "least", "ratio", "target", "peak memory", "idle CPU")
	for i, k := range containerKinds {
		if failed[i] != nil {
			first, _, _ := strings.Cut(failed[i].Error(), "\n")
			fmt.Printf("%-24s not measured: %s\n", k.name, first)
			continue
		}
		ratio, idle := "-", "-"
		if failed[0] == nil {
			ratio = fmt.Sprintf("%.2f", medianRatio(took[i], took[0]))
		}
		if k.mode == "deterministic" {
			share, err := c.idle(bundles[i])
			if err != nil {
				return err
			}
			idle = fmt.Sprintf("%.2f %%", 100*share)
		}
		fmt.Printf(containerFormat, k.name, ms(median(took[i])), ms(slices.Min(took[i])), ratio, k.target, fmt.Sprintf("%.1f MB", float64(peak[i])/1e6), idle)
		if c.times {
			fmt.Printf("  %v\n", took[i])
		}
	}
	return nil
}

// bundle makes a bundle of busybox in a directory.
func (c *config) bundle(dir, mode string, args ...string) error {
	bin := filepath.Join(dir, "rootfs", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := command(dir, "cp", busybox, filepath.Join(bin, "busybox")); err != nil {
		return err
	}
	for _, name := range []string{"true", "cat"} {
		if err := os.Symlink("busybox", filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	if err := command(dir, c.laplace, "spec"); err != nil {
		return err
	}
	file := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		return err
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s: no process", file)
	}
	process["terminal"], process["args"] = false, args
	spec["ociVersion"] = "1.0.2" // crun knows no later one
	if mode != "" {
		spec["annotations"] = map[string]string{"dev.laplace.mode": mode}
	}
	if data, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// containerRun is one run of a bundle.
func (c *config) containerRun(k containerKind, bundle string) (p *process, err error) {
	binary := k.binary
	if binary == "" {
		binary = c.laplace
	}
	argv := []string{binary, "--root", filepath.Join(c.dir, "state-"+filepath.Base(binary)), "run", "--bundle", bundle, "laplace-bench"}
	if k.binary != "crun" {
		return finish(bundle, argv)
	}
	// crun refuses hosts that have controllers of version 2 beside those of version 1. It is shown one that
	// has not, by a thread with mounts of its own, which ends with it.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = hideUnified(); err == nil {
			p, err = finish(bundle, argv)
		}
	}()
	<-done
	return p, err
}

// finish runs a command to its end.
func finish(dir string, argv []string) (*process, error) {
	p, err := begin(dir, argv)
	if err != nil {
		return nil, err
	}
	return p, p.wait()
}

// hideUnified unmounts, for this thread, the control groups of version 2 of a host that has both.
func hideUnified() error {
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified + "/cgroup.controllers"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Unmount(unified, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", unified, err)
	}
	return nil
}

// idleTime is how long an idle container is watched.
const idleTime = 5 * time.Second

// idle is the share of a CPU that the processes of laplace use for a deterministic container whose command
// waits for input.
func (c *config) idle(bundle string) (share float64, err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("become a subreaper: %w", err)
	}
	waiting := bundle + "-waiting"
	if err := c.bundle(waiting, "deterministic", "/bin/cat"); err != nil {
		return 0, err
	}
	root := filepath.Join(c.dir, "state-laplace")
	input, writer, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer writer.Close()
	defer input.Close()
	cmd := exec.Command(c.laplace, "--root", root, "run", "--bundle", waiting, "--detach", "laplace-bench-idle")
	cmd.Stdin = input
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("container that waits: %w", err)
	}
	defer func() {
		err = errors.Join(err, command(c.dir, c.laplace, "--root", root, "delete", "--force", "laplace-bench-idle"))
		for { // what has become ours
			if _, werr := unix.Wait4(-1, nil, 0, nil); werr != nil && werr != unix.EINTR {
				return
			}
		}
	}()
	time.Sleep(time.Second) // it begins
	before, err := cpuTime(descendants(os.Getpid()))
	if err != nil {
		return 0, err
	}
	time.Sleep(idleTime)
	after, err := cpuTime(descendants(os.Getpid()))
	return float64(after-before) / float64(idleTime), err
}

// descendants are the processes below one.
func descendants(pid int) (out []int) {
	for _, child := range children(pid) {
		out = append(append(out, child), descendants(child)...)
	}
	return out
}

// cpuTime is how long the threads of processes have run: schedstat, see Documentation/scheduler/sched-stats.rst
// of Linux.
func cpuTime(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if len(threads) == 0 {
			return 0, fmt.Errorf("process %d of the container has ended", pid)
		}
		for _, name := range threads {
			b, err := os.ReadFile(name)
			if err != nil {
				continue // the thread has ended
			}
			var ns int64
			if _, err := fmt.Fscan(bytes.NewReader(b), &ns); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}
