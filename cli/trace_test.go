package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"laplace.dev/laplace/runtime"
)

// TestTraceFile: a trace's file is not in the box while it runs, and there afterwards
// with what was written, whatever was there before and however the box ended.
func TestTraceFile(t *testing.T) {
	for _, test := range []struct {
		name, output, before string
		shown                bool // while the box runs
		exit                 int
	}{
		{name: "in the project", output: "calls"},
		{name: "in a directory of the project", output: "sub/calls"},
		{name: "in the project, by an absolute path", output: "TOP/calls"},
		{name: "in the project, by a link", output: "../link/calls"},
		{name: "in the project, over an older one", output: "calls", before: "old", shown: true},
		{name: "the command fails", output: "calls", exit: 3},
		{name: "outside", output: "../calls", shown: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t)
			s.mkdir(filepath.Join(s.dir, "sub"))
			if err := os.Symlink("project", filepath.Join(s.home, "link")); err != nil {
				t.Fatal(err)
			}
			output := test.output
			if filepath.Dir(output) == "TOP" {
				output = filepath.Join(s.dir, "calls")
			}
			file := output
			if !filepath.IsAbs(file) {
				file = filepath.Join(s.dir, output)
			}
			if test.before != "" {
				if err := os.WriteFile(file, []byte(test.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s.Run = func(_ context.Context, box *runtime.Box, _ *slog.Logger) (*runtime.Outcome, error) {
				now, err := os.ReadFile(file)
				if (err == nil) != test.shown || string(now) != test.before {
					t.Errorf("during the run: %q, %v", now, err)
				}
				if _, err := box.Trace.Writer.WriteString("new\n"); err != nil {
					t.Error(err)
				}
				return &runtime.Outcome{Exit: test.exit}, nil
			}
			if status, _, stderr := s.run("trace", "-o", output, "true"); status != test.exit || stderr != "" {
				t.Errorf("status %d, want %d; %s", status, test.exit, stderr)
			}
			got, err := os.ReadFile(file)
			if err != nil || string(got) != "new\n" {
				t.Errorf("afterwards: %q, %v", got, err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".laplace*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestWarnings: what an outcome warns of is on standard error, also of a failed command.
func TestWarnings(t *testing.T) {
	s := newSession(t)
	s.outcome = &runtime.Outcome{Exit: 1, Warnings: []string{"trace: broken pipe"}}
	s.outcome.Report.Verdict = runtime.Deterministic
	status, _, stderr := s.run("trace", "true")
	if status != 1 || stderr != "laplace: trace: broken pipe\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}
