package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"laplace.dev/laplace/oci"
)

// TestInBox checks that laplace in a box replaces itself by the command.
func TestInBox(t *testing.T) {
	s := newSession(t)
	s.write(filepath.Join(s.Root, oci.Direct), "", 0o444)
	s.Env = []string{"A=1", "B=2"}
	status, _, stderr := s.run("do", "--timeout", "5", "--env", "B=3", "--", "sh", "-c", "true")
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.direct) == 0 || s.box != nil {
		t.Fatalf("not run directly: status %d, %s", status, stderr)
	}
	if got, err := filepath.EvalSymlinks(s.direct[0]); err != nil || got != sh {
		t.Errorf("executed %s, %v", got, err)
	}
	if diff := cmp.Diff([]string{"sh", "-c", "true", "A=1", "B=3"}, s.direct[1:]); diff != "" {
		t.Error(diff)
	}
	s.direct = nil
	if status, _, stderr := s.run("do", "nonsense"); status != 127 || s.direct != nil || stderr != "laplace: command: nonsense: not found\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	s.err = syscall.EACCES
	if status, _, stderr := s.run("do", "sh"); status != 126 || stderr != "laplace: command: sh: permission denied\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// TestDirectScript runs the script that stands in for laplace in a box, natively.
func TestDirectScript(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "laplace")
	if err := os.WriteFile(script, directScript(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		want   string // on stdout
		status int
	}{
		{[]string{"do", "echo", "a b", "-C", "x"}, "a b -C x\n", 0},
		{[]string{"do", "--", "echo", "--"}, "--\n", 0},
		{[]string{"do", "-v", "--timeout", "5", "--strict", "--ro=/x", "-ti", "echo", "a"}, "a\n", 0},
		{[]string{"do", "-C", "sub dir", "--", "basename", "$PWD"}, "$PWD\n", 0},
		{[]string{"do", "-Csub dir", "sh", "-c", "basename \"$PWD\""}, "sub dir\n", 0},
		{[]string{"do", "--directory=sub dir", "sh", "-c", "basename \"$PWD\""}, "sub dir\n", 0},
		{[]string{"do", "--env", "A=b c", "--env=D=e=f", "--pass-env", "PATH", "sh", "-c", "echo $A $D"}, "b c e=f\n", 0},
		{[]string{"trace", "-e", "openat", "--json", "-o", "file", "echo", "a"}, "a\n", 0},
		{[]string{"trace", "-eopenat", "-ofile", "echo", "a"}, "a\n", 0},
		{[]string{"do", "sh", "-c", "exit 7"}, "", 7},
		{[]string{"do", "nonsense-command"}, "", 127},
		{[]string{"do"}, "", 125},
		{[]string{"do", "-C", "nowhere", "true"}, "", 125},
		{[]string{"host"}, "", 125},
	} {
		cmd := exec.Command(script, test.args...)
		cmd.Dir = dir
		var out strings.Builder
		cmd.Stdout = &out
		_ = cmd.Run() // the exit status says it
		if got := cmd.ProcessState.ExitCode(); out.String() != test.want || got != test.status {
			t.Errorf("%q: status %d, output %q; want %d, %q", test.args, got, out.String(), test.status, test.want)
		}
	}
}
