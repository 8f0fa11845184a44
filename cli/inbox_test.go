package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"laplace.dev/laplace/oci"
)

// TestInBox checks that laplace in a box replaces itself by the command.
func TestInBox(t *testing.T) {
	s := newSession(t)
	s.write(filepath.Join(s.Root, oci.Marker), "", 0o444)
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

// TestReplaceSelf says where the script stands in for laplace.
func TestReplaceSelf(t *testing.T) {
	for _, test := range []struct {
		name       string
		executable string // TOP stands for the fake host's root directory
		args       string
		want       []string
	}{
		{"installed", "/usr/bin/laplace", "", []string{"/usr/bin/laplace"}},
		{"given", "/home/tools/laplace", "--ro TOP/home/tools", []string{"TOP/home/tools/laplace"}},
		{"given itself", "/home/tools/laplace", "--ro TOP/home/tools/laplace", []string{"TOP/home/tools/laplace"}},
		{"given twice", "/home/tools/laplace", "--ro TOP/home/tools --ro TOP/home/link", []string{"TOP/home/link/laplace", "TOP/home/tools/laplace"}},
		{"not in the box", "/home/tools/laplace", "", nil},
		{"in the project", "/home/project/laplace", "", nil},
		{"in a project that hides it", "/usr/bin/laplace", "--at /usr/bin", nil},
		{"unknown", "", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t)
			if test.executable != "" {
				s.Executable = s.write(filepath.Join(s.Root, test.executable), "", 0o755)
			}
			s.mkdir(filepath.Join(s.home, "tools"))
			if err := os.Symlink("tools", filepath.Join(s.home, "link")); err != nil {
				t.Fatal(err)
			}
			args := append(append([]string{"do"}, strings.Fields(strings.ReplaceAll(test.args, "TOP", s.Root))...), "true")
			if _, _, stderr := s.run(args...); s.box == nil {
				t.Fatal(stderr)
			}
			var got []string
			for _, f := range s.box.Files {
				if filepath.Base(f.Path) == "laplace" {
					got = append(got, strings.ReplaceAll(f.Path, s.Root, "TOP"))
				}
				for _, m := range s.box.Spec.Mounts {
					if m.Destination == f.Path {
						t.Errorf("%s is a mount and a file", f.Path)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if !slices.IsSortedFunc(s.box.Files, func(a, b oci.File) int {
				if oci.Before(a.Path, b.Path) {
					return -1
				}
				return 1
			}) {
				t.Error("the files are not in order")
			}
		})
	}
}
