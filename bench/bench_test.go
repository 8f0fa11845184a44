package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		in   []time.Duration
		want time.Duration
	}{
		{[]time.Duration{3}, 3}, {[]time.Duration{9, 1, 5}, 5}, {[]time.Duration{1, 9, 3, 5}, 4},
	} {
		if got := median(test.in); got != test.want {
			t.Errorf("%v: %v, want %v", test.in, got, test.want)
		}
	}
}

func TestMedianRatio(t *testing.T) {
	of, to := []time.Duration{3, 40, 10}, []time.Duration{2, 10, 10}
	if got := medianRatio(of, to); got != 1.5 {
		t.Errorf("%v", got)
	}
	if got := medianRatio(of[:2], to[:2]); got != 2.75 {
		t.Errorf("%v", got)
	}
}

// TestPeak checks that the memory of a process counts which the command has waited for.
func TestPeak(t *testing.T) {
	p, err := begin(t.TempDir(), []string{"sh", "-c", "head -c 64M /dev/zero | tail -c 64M | wc -c"})
	if err == nil {
		err = p.wait()
	}
	if err != nil || p.peak() < 64<<20 || p.peak() > 256<<20 {
		t.Errorf("%d bytes, %v", p.peak(), err)
	}
}

// TestRun checks what a run is measured by: its status, its time, and the memory of a
// child of the command.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	took, peak, err := run(dir, []string{"sh", "-c", "sleep 0.2 & touch here; wait"}, true)
	if err != nil || took < 200*time.Millisecond || peak < 100<<10 || peak > 100<<20 {
		t.Errorf("%v, %d bytes, %v", took, peak, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "here")); err != nil {
		t.Error(err)
	}
	if _, _, err := run(dir, []string{"sh", "-c", "echo why >&2; exit 3"}, false); err == nil || err.Error() != "sh -c echo why >&2; exit 3: exit status 3: why" {
		t.Errorf("a failure: %v", err)
	}
}

// TestWorkloads checks that the sources that are generated compile.
func TestWorkloads(t *testing.T) {
	for _, w := range workloads {
		if w.name != "gcc -O2 -c" && w.name != "stops" && w.name != "2 x compute" {
			continue
		}
		dir := t.TempDir()
		if err := w.prepare(dir); err != nil {
			t.Fatal(err)
		}
		if w.name != "gcc -O2 -c" {
			continue // it takes as long as it takes
		}
		if err := command(dir, w.run[0], w.run[1:]...); err != nil {
			t.Error(err)
		}
	}
}

func TestFresh(t *testing.T) {
	dir := t.TempDir()
	template, work := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, f := range []string{template, work} {
		if err := os.Mkdir(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(template, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fresh(template, work); err != nil {
		t.Fatal(err)
	}
	if names, err := filepath.Glob(work + "/*"); err != nil || len(names) != 1 || names[0] != filepath.Join(work, "f") {
		t.Errorf("%v, %v", names, err)
	}
}
