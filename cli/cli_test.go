package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	if os.Args[0] == probe.ChildName {
		probe.ChildMain()
	}
	os.Exit(m.Run())
}

// A session is a Caller whose host is a temporary directory, and what it saw.
type session struct {
	Caller
	t      *testing.T
	dir    string       // where it is
	home   string       // its HOME
	box    *runtime.Box // the last box that was run
	direct []string     // the last command that replaced the process
	ctx    context.Context

	// What the fake runtime.Run answers.
	outcome *runtime.Outcome
	err     error
}

// newSession is an ordinary user who is in ~/project, a git repository.
func newSession(t *testing.T) *session {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &session{
		t: t, home: filepath.Join(top, "home"), dir: filepath.Join(top, "home/project"),
		outcome: &runtime.Outcome{Report: runtime.Report{Verdict: runtime.Deterministic}},
	}
	s.mkdir(filepath.Join(s.dir, ".git"))
	s.mkdir(filepath.Join(top, "usr/bin"))
	s.Caller = Caller{
		Stdin: s.file(), Stdout: s.file(), Stderr: s.file(),
		Env: []string{"HOME=" + s.home, "PATH=/usr/bin:/bin", "XDG_STATE_HOME=" + filepath.Join(top, "state")},
		Dir: func() (string, error) { return s.dir, nil },
		UID: 1234, GID: 1235, Root: top,
		Run: func(ctx context.Context, box *runtime.Box, _ *slog.Logger) (*runtime.Outcome, error) {
			s.box, s.ctx = box, ctx
			return s.outcome, s.err
		},
		Exec: func(path string, argv, env []string) error {
			s.direct = append(append([]string{path}, argv...), env...)
			return s.err
		},
	}
	return s
}

// mkdir makes a directory on the way to which nothing needs to exist.
func (s *session) mkdir(path string) string {
	s.t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// write makes a file.
func (s *session) write(path, text string, mode os.FileMode) string {
	s.t.Helper()
	s.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// file is an empty, open file.
func (s *session) file() *os.File {
	s.t.Helper()
	f, err := os.CreateTemp(s.t.TempDir(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = f.Close() })
	return f
}

// run calls Main and returns its status and what it wrote meanwhile.
func (s *session) run(args ...string) (status int, stdout, stderr string) {
	s.t.Helper()
	s.Stdout, s.Stderr = s.file(), s.file()
	status = Main(args, s.Caller)
	return status, s.text(s.Stdout), s.text(s.Stderr)
}

// text is all that was written to f.
func (s *session) text(f *os.File) string {
	s.t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), s.Root, "TOP")
}

// TestErrors holds every message that package cli gives to its exact text. TOP stands
// for the fake host's root directory.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		args   []string
		change func(*session)
		want   string // on stderr, without "laplace: "
		status int    // 0: 125
	}{
		{name: "unknown verb", args: []string{"frobnicate"}, want: `unknown command: frobnicate. Try: laplace --help`},
		{name: "misspelt verb", args: []string{"versoin"}, want: `unknown command: versoin. Try: laplace version`},
		{name: "unknown flag", args: []string{"do", "--frobnicate", "true"},
			want: `do: unknown flag: --frobnicate. Try: laplace do --help`},
		{name: "unknown short flag", args: []string{"do", "-z", "true"},
			want: `do: unknown shorthand flag: 'z' in -z. Try: laplace do --help`},
		{name: "no command", args: []string{"do", "--strict"}, want: `do: no command. Try: laplace do -- make`},
		{name: "no command to trace", args: []string{"trace", "--"}, want: `trace: no command. Try: laplace trace -- make`},
		{name: "epoch", args: []string{"do", "--epoch", "yesterday", "true"},
			want: `do: invalid argument "yesterday" for "--epoch" flag: neither seconds since 1970 nor like 2020-01-01T00:00:00Z. Try: laplace do --help`},
		{name: "timeout", args: []string{"do", "--timeout", "0", "true"},
			want: `do: invalid argument "0" for "--timeout" flag: not a positive duration like 90, 90s or 1h30m. Try: laplace do --help`},
		{name: "user", args: []string{"do", "--user", "alice", "true"},
			want: `do: invalid argument "alice" for "--user" flag: not root, user, UID or UID:GID with numbers up to 65534. Try: laplace do --help`},
		{name: "cpus", args: []string{"do", "--cpus", "0", "true"},
			want: `box: cpus 0: not between 1 and 1024. Try: laplace do --help`},
		{name: "network", args: []string{"do", "--network", "bridge", "true"},
			want: `box: network "bridge": neither "none" nor "host". Try: laplace do --help`},
		{name: "hostname", args: []string{"do", "--hostname", "a_b", "true"},
			want: `box: hostname "a_b": not up to 64 letters, digits, hyphens and dots. Try: laplace do --help`},
		{name: "env", args: []string{"do", "--env", "PATH", "true"},
			want: `box: environment "PATH": not of the form NAME=VALUE. Try: laplace do --help`},
		{name: "relative at", args: []string{"do", "--at", "build", "true"},
			want: `project: "build": not an absolute, clean path. Try: --at PATH places it elsewhere in the box`},
		{name: "at /proc", args: []string{"do", "--at", "/proc/x", "true"},
			want: `project: /proc/x: /proc of a box is its own. Try: --at PATH places it elsewhere in the box`},
		{name: "caller's epoch", args: []string{"do", "true"},
			change: func(s *session) { s.Env = append(s.Env, "SOURCE_DATE_EPOCH=now") },
			want:   `SOURCE_DATE_EPOCH: now: neither seconds since 1970 nor like 2020-01-01T00:00:00Z. Try: unset it, or --epoch TIME`},
		{name: "no such directory", args: []string{"do", "-C", "nowhere", "true"},
			want: `working directory: TOP/home/project/nowhere: no such file or directory. Try: a path that exists and that you may read`},
		{name: "file as directory", args: []string{"do", "-C", "file", "true"},
			change: func(s *session) { s.write(filepath.Join(s.dir, "file"), "", 0o644) },
			want:   `working directory: TOP/home/project/file: not a directory. Try: a directory that you may read`},
		{name: "deleted working directory", args: []string{"do", "true"},
			change: func(s *session) { s.Dir = func() (string, error) { return "", os.ErrNotExist } },
			want:   `working directory: file does not exist. Try: cd to a directory that exists`},
		{name: "home as project", args: []string{"do", "-C", "..", "true"},
			want: `project: TOP/home: a box must not change your home directory. Try: cd to a project, or -C DIR`},
		{name: "home in project", args: []string{"do", "-C", "../..", "true"},
			want: `project: TOP: a box must not change what your home directory lies in. Try: cd to a project, or -C DIR`},
		{name: "root as project", args: []string{"do", "-C", "/", "true"},
			want: `project: /: a box must not change the root directory. Try: cd to a project, or -C DIR`},
		{name: "ro", args: []string{"do", "--ro", "nowhere", "true"},
			want: `--ro: TOP/home/project/nowhere: no such file or directory. Try: a path that exists and that you may read`},
		{name: "rw", args: []string{"do", "--rw", "..", "true"},
			want: `--rw: ..: a box must not change your home directory. Try: a directory in it`},
		{name: "rootfs", args: []string{"do", "--rootfs", "nowhere", "true"},
			want: `--rootfs: TOP/home/project/nowhere: no such file or directory. Try: a path that exists and that you may read`},
		{name: "given twice", args: []string{"do", "--ro", "/usr", "--ro", "/usr/../usr", "true"},
			want: `box: /usr: given twice. Try: laplace do --help`},
		{name: "out and no-commit", args: []string{"do", "--out", "x", "--no-commit", "true"},
			want: `--out: cannot be with --no-commit. Try: one of the two`},
		{name: "used out", args: []string{"do", "--out", "..", "true"},
			want: `--out: TOP/home: directory not empty. Try: a new directory`},
		{name: "out nowhere", args: []string{"do", "--out", "a/b", "true"},
			want: `--out: TOP/home/project/a: no such file or directory. Try: a path that exists and that you may read`},
		{name: "costs nowhere", args: []string{"do", "--costs", "a/costs", "true"},
			want: `--costs: TOP/home/project/a/costs: no such file or directory. Try: a file in a directory that you may write to`},
		{name: "costs of another kind", args: []string{"do", "--costs", "file", "true"},
			change: func(s *session) { s.write(filepath.Join(s.dir, "file"), "x", 0o644) },
			want:   `--costs: TOP/home/project/file: not a file of costs of this version. Try: a file that laplace has written, or a new one`},
		{name: "costs of another kind to check", args: []string{"check", "--costs", "/dev/null", "true"},
			want: `--costs: /dev/null: not a regular file. Try: a file that laplace has written, or a new one`},
		{name: "costs in a FIFO", args: []string{"do", "--costs", "fifo", "true"},
			change: func(s *session) {
				if err := syscall.Mkfifo(filepath.Join(s.dir, "fifo"), 0o644); err != nil {
					s.t.Fatal(err)
				}
			},
			want: `--costs: TOP/home/project/fifo: not a regular file. Try: a file that laplace has written, or a new one`},
		{name: "report nowhere", args: []string{"do", "--report", "a/b.json", "true"},
			want: `--report: TOP/home/project/a/b.json: no such file or directory. Try: a file in a directory that you may write to`},
		{name: "report is a directory", args: []string{"do", "--report", "..", "true"},
			want: `--report: TOP/home: is a directory. Try: a file in a directory that you may write to`},
		{name: "no state directory", args: []string{"do", "true"},
			change: func(s *session) { s.Env = nil },
			want:   `state directory: HOME is not set. Try: set XDG_STATE_HOME`},
		{name: "state in the project", args: []string{"do", "true"},
			change: func(s *session) { s.Env = append(s.Env, "XDG_STATE_HOME="+filepath.Join(s.dir, "state")) },
			want:   `state directory: TOP/home/project/state/laplace: it is in TOP/home/project, which the box changes. Try: set XDG_STATE_HOME to another directory`},
		{name: "standard input", args: []string{"do", "true"},
			change: func(s *session) {
				f, err := os.Open("/dev/zero")
				if err != nil {
					t.Fatal(err)
				}
				s.Stdin = f
			},
			want: `standard input: neither a file, a pipe, a terminal nor /dev/null. Try: -i, or < /dev/null`},
		{name: "traced call", args: []string{"trace", "-e", "openat,opne", "true"},
			want: `-e: opne: no such system call. Try: laplace syscalls`},
		{name: "trace file", args: []string{"trace", "-o", "a/b", "true"},
			want: `-o: TOP/home/project/a/b: no such file or directory. Try: a file that you may write to`},
		{name: "format", args: []string{"syscalls", "--format", "xml"},
			want: `syscalls: unknown format "xml": table, json or markdown. Try: laplace syscalls --help`},
		{name: "arguments of host", args: []string{"host", "x"}, want: `host: x: takes no arguments. Try: laplace host --help`},
		{name: "error of a run", args: []string{"do", "true"},
			change: func(s *session) {
				s.outcome, s.err = nil, &runtime.Error{Op: "user namespace", Err: os.ErrPermission, Hint: "a kernel"}
			},
			want: `user namespace: permission denied. Try: a kernel`},
		{name: "plain error of a run", args: []string{"do", "true"},
			change: func(s *session) { s.outcome, s.err = nil, io.ErrUnexpectedEOF },
			want:   `unexpected EOF`},
		{name: "two lines", args: []string{"do", "true"},
			change: func(s *session) { s.outcome, s.err = nil, &runtime.Error{Op: "a", On: "x\ny"} },
			want:   `a: x; y`},
		{name: "not executable", args: []string{"do", "./README"},
			change: func(s *session) {
				s.outcome, s.err = nil, &runtime.Error{Op: "command", On: "./README", Err: os.ErrPermission, Exit: runtime.ExitNotExecutable}
			},
			want: `command: ./README: permission denied`, status: 126},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t)
			if test.change != nil {
				test.change(s)
			}
			status, stdout, stderr := s.run(test.args...)
			if want := "laplace: " + test.want + "\n"; stderr != want {
				t.Errorf("got  %swant %s", stderr, want)
			}
			if want := cmp.Or(test.status, runtime.ExitFailure); status != want {
				t.Errorf("exit status %d, want %d", status, want)
			}
			if stdout != "" {
				t.Errorf("on standard output: %q", stdout)
			}
		})
	}
}

// TestNotFound checks that the message about a command which is not in the box names
// where the host has it and the --ro that brings it in.
func TestNotFound(t *testing.T) {
	for _, test := range []struct{ name, command, hint, want string }{
		{"in PATH", "tool", "", "laplace: command: tool: not in the box; the host has TOP/home/bin/tool. Try: --ro TOP/home/bin, and call it TOP/home/bin/tool\n"},
		{"by path", "../bin/tool", "", "laplace: command: ../bin/tool: not in the box; the host has TOP/home/bin/tool. Try: --ro TOP/home/bin\n"},
		{"interpreter", "./script", "its interpreter is missing", "laplace: command: TOP/home/bin/tool: not in the box; the host has TOP/home/bin/tool. Try: --ro TOP/home/bin\n"},
		{"nowhere", "nonsense", "", "laplace: command: nonsense: not found\n"},
		{"not executable", "data", "", "laplace: command: data: not found\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t)
			tool := s.write(filepath.Join(s.home, "bin/tool"), "", 0o755)
			s.write(filepath.Join(s.home, "bin/data"), "", 0o644)
			s.write(filepath.Join(s.dir, "script"), "#! "+tool+" -x\n", 0o755)
			s.Env = append(s.Env, "PATH="+filepath.Join(s.home, "bin"))
			s.outcome, s.err = nil, &runtime.Error{Op: "command", On: test.command, Err: errNotFound, Hint: test.hint, Exit: runtime.ExitNotFound}
			status, _, stderr := s.run("do", test.command)
			if stderr != test.want || status != runtime.ExitNotFound {
				t.Errorf("status %d\ngot  %swant %s", status, stderr, test.want)
			}
		})
	}
}

// TestOutcome checks what the user gets of a box that ran.
func TestOutcome(t *testing.T) {
	report := runtime.Report{
		Command: []string{"make"}, Exit: 2, Verdict: runtime.Tainted,
		Taints:  []runtime.Taint{{Kind: "live", Detail: "stdin"}, {Kind: "network", Detail: "host"}},
		Refused: []runtime.Refusal{{Syscall: "io_uring_setup", Count: 3}},
		Execs:   runtime.Execs{Total: 1, Run: 1}, Ticks: 12, WallMS: 7,
	}
	s := newSession(t)
	s.outcome = &runtime.Outcome{Report: report, Exit: 2}
	path := filepath.Join(s.home, "report.json")

	if status, stdout, stderr := s.run("do", "--report", path, "make"); status != 2 || stdout+stderr != "" {
		t.Errorf("status %d, output %q and %q", status, stdout, stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got runtime.Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := report
	want.Version, want.Unmasked, want.Conflicts = version(), []string{}, []conflict.Conflict{}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	const line = "laplace: tainted: exit 2, 1 exec, 12 ticks, 7 ms; because of live (stdin), network (host); refused io_uring_setup\n"
	if status, _, stderr := s.run("do", "-v", "make"); status != 2 || stderr != line {
		t.Errorf("status %d, verdict line %q", status, stderr)
	}

	const strict = "laplace: --strict: the verdict is tainted; because of live (stdin), network (host). Try: another run without what taints it, or without --strict\n"
	if status, _, stderr := s.run("do", "--strict", "make"); status != 125 || stderr != strict {
		t.Errorf("status %d, stderr %q", status, stderr)
	}

	// A run may fail and have an outcome: then the report is written all the same.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.err = &runtime.Error{Op: "--strict", Err: io.ErrNoProgress}
	if status, _, stderr := s.run("do", "--report", path, "make"); status != 125 || stderr != "laplace: --strict: "+io.ErrNoProgress.Error()+"\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(s.home, ".laplace*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// TestInterrupted checks that a run which a signal ended says nothing and ends like it.
func TestInterrupted(t *testing.T) {
	s := newSession(t)
	s.outcome, s.err = nil, fmt.Errorf("run: %w", runtime.Interrupt{Signal: syscall.SIGTERM})
	if status, stdout, stderr := s.run("do", "make"); status != 128+15 || stdout+stderr != "" {
		t.Errorf("status %d, output %q and %q", status, stdout, stderr)
	}
}

// TestCheckOutputLost checks that runs without a verdict, whose output could not be kept,
// are not the same.
func TestCheckOutputLost(t *testing.T) {
	s := newSession(t)
	s.outcome = &runtime.Outcome{Exit: 128 + int(syscall.SIGPIPE)}
	status, _, stderr := s.run("check", "make")
	if status != 125 || !strings.Contains(stderr, "not all of the output could be kept. Try: free space") {
		t.Errorf("status %d, errors %q", status, stderr)
	}
}

// TestOutputLost checks that nothing is said of a run whose output nobody read to its end.
func TestOutputLost(t *testing.T) {
	s := newSession(t)
	s.outcome = &runtime.Outcome{Exit: 128 + int(syscall.SIGPIPE)}
	file := filepath.Join(t.TempDir(), "report.json")
	if status, stdout, stderr := s.run("do", "-v", "--strict", "--report", file, "make"); status != 128+13 || stdout+stderr != "" {
		t.Errorf("status %d, output %q and %q", status, stdout, stderr)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a report without a verdict")
	}
}

// TestCosts checks that a run is given what an earlier one left, and leaves its own when it
// succeeds.
func TestCosts(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(s.home, "costs")
	for i, run := range []struct {
		exit        int
		given, want string
	}{
		{exit: 1, given: "", want: ""},
		{exit: 0, given: "", want: "laplace costs 1\n"},
		{exit: 2, given: "laplace costs 1\n", want: "laplace costs 1\n"},
	} {
		s.outcome.Exit, s.outcome.Costs = run.exit, []byte("laplace costs 1\n")
		if status, _, stderr := s.run("do", "--costs", file, "make"); status != run.exit || stderr != "" {
			t.Errorf("run %d: status %d, %s", i, status, stderr)
		}
		if s.box.Costs == nil || string(s.box.Costs.Text) != run.given {
			t.Errorf("run %d is given %q, want %q", i, s.box.Costs, run.given)
		}
		if text, _ := os.ReadFile(file); string(text) != run.want {
			t.Errorf("run %d leaves %q, want %q", i, text, run.want)
		}
	}
	if s.run("do", "make"); s.box.Costs != nil {
		t.Error("costs are asked for without --costs")
	}
}

func TestVersion(t *testing.T) {
	s := newSession(t)
	status, stdout, _ := s.run("version", "--json")
	var got struct {
		Version string
		Format  int
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s", status, err, stdout)
	}
	if got.Version == "" || got.Format != runtime.Format {
		t.Errorf("got %+v", got)
	}
	if _, stdout, _ = s.run("version"); !strings.HasPrefix(stdout, "laplace version ") {
		t.Errorf("got %q", stdout)
	}
}

func TestHost(t *testing.T) {
	s := newSession(t)
	status, stdout, stderr := s.run("host", "--json")
	var got struct {
		Usable bool
		Probes []probe.Result
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Probes) == 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, stdout, stderr)
	}
	if got.Usable != (status == 0) {
		t.Errorf("usable is %v and the exit status %d", got.Usable, status)
	}
	_, table, _ := s.run("host")
	for _, r := range got.Probes {
		if !strings.Contains(table, "\n"+string(r.Name)) {
			t.Errorf("%s is not in the table:\n%s", r.Name, table)
		}
	}
}

func TestSyscalls(t *testing.T) {
	s := newSession(t)
	for _, format := range []string{"table", "json", "markdown"} {
		status, stdout, stderr := s.run("syscalls", "--format", format)
		if status != 0 || !strings.Contains(stdout, "openat2") {
			t.Errorf("%s: status %d, %s%.200s", format, status, stderr, stdout)
		}
	}
}

// TestHelp keeps the help texts in a golden file, to be read when they change.
func TestHelp(t *testing.T) {
	s := newSession(t)
	var all strings.Builder
	for _, verb := range []string{"", "do", "trace", "host", "runs", "runs show", "runs rm", "conflicts", "syscalls", "version"} {
		args := append(strings.Fields(verb), "--help")
		status, stdout, stderr := s.run(args...)
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", verb, status, stderr)
		}
		all.WriteString("$ laplace " + strings.Join(args, " ") + "\n" + stdout + "\n")
	}
	const golden = "testdata/help.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("help differs from %s (go test ./cli -update):\n%s", golden, diff)
	}
}
