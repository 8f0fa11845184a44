// Command bench measures what a box costs: programs run natively and in boxes, taking
// turns in one run, and the medians of wall time are compared; and what a container costs,
// beside other OCI runtimes. It measures the laplace
// binary in the working directory, which `make bench` builds. No result makes it fail:
// timings depend on the machine and on what else it does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

func main() {
	var c config
	flag.StringVar(&c.laplace, "laplace", "laplace", "the `binary` to measure")
	flag.IntVar(&c.runs, "runs", 7, "measured `runs` of each kind, after one that is not measured")
	only := flag.String("run", "", "only the workloads whose names match `regexp`")
	list := flag.Bool("list", false, "print the names of the workloads and end")
	flag.BoolVar(&c.times, "times", false, "print every run")
	flag.Parse()
	if err := c.main(*only, *list); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// config is what one run of the program does.
type config struct {
	laplace string
	runs    int
	times   bool
	dir     string // for everything that is made
}

func (c *config) main(only string, list bool) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if c.runs < 1 {
		return errors.New("-runs: at least 1")
	}
	if c.laplace, err = filepath.Abs(c.laplace); err != nil {
		return err
	}
	if _, err := os.Stat(c.laplace); err != nil && !list {
		return fmt.Errorf("%w: build it, or -laplace FILE", err)
	}
	if c.dir, err = os.MkdirTemp("", "laplace-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	if !list {
		c.heading()
	}
	for _, w := range workloads {
		switch {
		case !match.MatchString(w.name):
		case list:
			fmt.Println(w.name)
		default:
			c.row(w)
		}
	}
	switch {
	case !match.MatchString(containerRuns):
	case list:
		fmt.Println(containerRuns)
	default:
		if err := c.containers(); err != nil {
			fmt.Printf("%-20s not measured: %v\n", containerRuns, err)
		}
	}
	return nil
}

// heading says on what is measured.
func (c *config) heading() {
	load, _ := os.ReadFile("/proc/loadavg")
	before, _, _ := strings.Cut(string(load), " ")
	kernel, _ := exec.Command("uname", "-r").Output()
	fmt.Printf("%d CPUs, Linux %s, load %s, medians of %d\n", runtime.NumCPU(), strings.TrimSpace(string(kernel)), before, c.runs)
	fmt.Printf(format, "workload", "native", "boxed", "ratio", "target", "stops", "supervisor")
}

// row measures a workload and prints what came of it.
func (c *config) row(w workload) {
	r, err := c.measure(w)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Printf("%-20s not measured: %s\n", w.name, first)
		return
	}
	native, ratio := "-", "-"
	if len(r.native) > 0 {
		native = ms(median(r.native))
		ratio = fmt.Sprintf("%.2f", float64(median(r.boxed))/float64(median(r.native)))
	}
	fmt.Printf(format, w.name, native, ms(median(r.boxed)), ratio, w.target, fmt.Sprint(r.ticks), fmt.Sprintf("%.1f MB", float64(r.peak)/1e6))
	if c.times {
		fmt.Printf("  native %v\n  boxed  %v\n", r.native, r.boxed)
	}
	if w.note != nil {
		fmt.Printf("  %s\n", w.note(r))
	}
}

// format is a line of the table: each is printed when it is known.
const format = "%-20s %12s %12s %7s %8s %8s %11s\n"
