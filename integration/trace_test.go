package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// tracedScript does something of everything that a trace tells of: programs
// that start and fail to, pipes, FIFOs, locks, sleeps, signals that are handled,
// that end, stop and continue processes and groups, standard error; and compiles a program.
const tracedScript = `
trap 'echo terminated' TERM
echo to stderr >&2
date +%s.%N
head -c 8 /dev/urandom | od -An -tx1
gcc -O1 -o prog prog.c && ./prog
(sleep 5; echo late) &
(sleep 3; kill -TERM $$) &
wait
wait
sh -c 'kill -KILL $$'; echo $?
sh -c 'kill -STOP $$; echo continued' &
sleep 1; kill -CONT $!; wait
mkfifo fifo; cat fifo & echo through a FIFO > fifo; wait
(sleep 100; echo never) & (sleep 100; echo never) & sleep 1
kill -KILL $!; wait $!; echo $?
./no-such-program 2>/dev/null
ls -l
exit 3
`

// tracedProgram makes calls that shells do not.
const tracedProgram = `
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

int main(void) {
	int fds[2], fd = open("lock", O_CREAT | O_RDWR, 0600);
	if (fd < 0 || pipe(fds) != 0 || flock(fd, LOCK_EX) != 0)
		return 1;
	pid_t child = fork();
	if (child == 0) {
		int own = open("lock", O_RDWR);
		flock(own, LOCK_EX); // waits
		write(fds[1], "x", 1);
		_exit(4);
	}
	usleep(1000);
	flock(fd, LOCK_UN);
	struct pollfd p = {fds[0], POLLIN, 0};
	int status;
	printf("%d", poll(&p, 1, -1));
	printf(" %d", waitpid(child, &status, 0) == child);
	if ((child = fork()) == 0) { // a group that ends itself
		setpgid(0, 0);
		for (int i = 0; i < 3; i++)
			if (fork() == 0)
				pause();
		kill(0, SIGKILL);
	}
	waitpid(child, NULL, 0);
	printf(" %d %llu %d\n", WEXITSTATUS(status), __rdtsc(), socket(AF_VSOCK, SOCK_STREAM, 0));
	return 0;
}
`

// tracing is a project whose traces are compared.
type tracing struct {
	dir, project string
}

func newTracing(t *testing.T) *tracing {
	t.Helper()
	dir, err := os.MkdirTemp(base, "trace-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &tracing{dir, filepath.Join(dir, "project")}
}

// run runs laplace with the given arguments, and script in its box, in a fresh
// project of uid's. It returns the result, the report, and the file "trace" in
// the caller's home, which the arguments may name as HOME/trace.
func (x *tracing) run(t *testing.T, uid int, who func(home string) caller, script string, args ...string) (result, report, string) {
	t.Helper()
	removeAll(x.project)
	home, err := os.MkdirTemp(x.dir, "home-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(x.project, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(x.project, "prog.c"), []byte(tracedProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	if uid >= 0 {
		for _, name := range []string{home, x.project, filepath.Join(x.project, "prog.c")} {
			if err := os.Chown(name, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	argv := []string{laplace(t)}
	for _, a := range args {
		argv = append(argv, strings.ReplaceAll(a, "HOME", home))
	}
	argv = append(argv, "--no-commit", "--report", filepath.Join(home, "report"), "--", "sh", "-c", script)
	r := run(t, who(home), x.project, nil, argv...)
	rep, err := readReport(filepath.Join(home, "report"))
	if err != nil {
		t.Fatalf("%v\n%s", err, clip(r.Stderr))
	}
	rep.Command = nil
	lines, err := os.ReadFile(filepath.Join(home, "trace"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return r, rep, string(lines)
}

// diffLines fails the test at the first lines in which two traces differ.
func diffLines(t *testing.T, what, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			from := max(i-3, 0)
			t.Errorf("%s: the traces differ at line %d of %d and %d (-want +got)\n%s", what, i+1, len(w), len(g),
				cmp.Diff(w[from:min(i+3, len(w))], g[from:min(i+3, len(g))]))
			return
		}
	}
}

// lineForm is what lines of a trace look like: its groups are the process, and
// the call, the program that starts, or the end.
var lineForm = regexp.MustCompile(`^\[(\d+)\] (?:([a-z0-9_]+)\(.*\) = (?:\?|\? E\w+ \(.*\)|-1 E\w+ \(.*\)(?: \(refused\))?|\d+|0x[0-9a-f]+)|\+\+\+ (started) ".*" \[.*\] \+\+\+|\+\+\+ (exited with \d+|killed by SIG\w+) \+\+\+|--- SIG\w+ \{.*\} ---|--- stopped by SIG\w+ ---)$`)

// TestTrace: the trace of a build with all sorts of processes is the same text
// from run to run, whoever runs it, and to run with it changes nothing.
func TestTrace(t *testing.T) {
	x := newTracing(t)
	plainly := plainCaller
	began := time.Now()
	want, wantReport, _ := x.run(t, -1, plainly, tracedScript, "do")
	if want.Exit != 3 {
		t.Fatalf("exit status %d, want 3\n%s\n%s", want.Exit, clip(want.Stdout), clip(want.Stderr))
	}

	same := func(what string, r result, rep report) {
		t.Helper()
		diffResults(t, what, want, r)
		diffReports(t, what, wantReport, rep)
	}
	r, rep, first := x.run(t, -1, plainly, tracedScript, "trace", "-o", "HOME/trace")
	same("traced", r, rep)
	r, rep, second := x.run(t, -1, plainly, tracedScript, "trace", "-o", "HOME/trace")
	same("traced again", r, rep)
	diffLines(t, "traced twice", first, second)

	time.Sleep(time.Until(began.Add(1100 * time.Millisecond)))
	uid := disturbedUID()
	disturbed := func(home string) caller { return disturbedCaller(t, home, uid) }
	r, rep, other := x.run(t, uid, disturbed, tracedScript, "trace", "-o", "HOME/trace")
	same("traced, disturbed", r, rep)
	diffLines(t, "disturbed", first, other)

	t.Run("lines", func(t *testing.T) { testTraceLines(t, first) })
	t.Run("stderr", func(t *testing.T) {
		// Where both go to the same place they do so in one order.
		r, rep, _ := x.run(t, -1, plainly, tracedScript, "trace")
		diffReports(t, "to standard error", wantReport, rep)
		var lines, rest []string
		for line := range strings.Lines(r.Stderr) {
			if lineForm.MatchString(strings.TrimSuffix(line, "\n")) {
				lines = append(lines, line)
			} else {
				rest = append(rest, line)
			}
		}
		diffLines(t, "to standard error", first, strings.Join(lines, ""))
		if got := strings.Join(rest, ""); got != want.Stderr {
			t.Errorf("the command's standard error is %q, want %q", got, want.Stderr)
		}
		again, _, _ := x.run(t, -1, plainly, tracedScript, "trace")
		diffLines(t, "standard error", r.Stderr, again.Stderr)
	})
	t.Run("calls", func(t *testing.T) {
		r, rep, some := x.run(t, -1, plainly, tracedScript, "trace", "-e", "wait4,kill", "-e", "clock_gettime", "-o", "HOME/trace")
		same("some calls", r, rep)
		var picked strings.Builder
		for line := range strings.Lines(first) {
			switch m := lineForm.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m[2] {
			case "wait4", "kill", "clock_gettime":
				picked.WriteString(line)
			}
		}
		diffLines(t, "some calls", picked.String(), some)
	})
	t.Run("json", func(t *testing.T) {
		r, rep, objects := x.run(t, -1, plainly, tracedScript, "trace", "--json", "-o", "HOME/trace")
		same("as JSON", r, rep)
		testTraceJSON(t, first, objects)
	})
}

// testTraceLines looks at what a trace tells.
func testTraceLines(t *testing.T, trace string) {
	alive := make(map[string]bool)
	for i, line := range strings.Split(strings.TrimSuffix(trace, "\n"), "\n") {
		m := lineForm.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %d: %s", i+1, line)
		}
		if ended, known := alive[m[1]]; known && !ended {
			t.Fatalf("line %d, after the end of the process: %s", i+1, line)
		}
		alive[m[1]] = m[4] == ""
	}
	for pid, is := range alive {
		if is {
			t.Errorf("process %s has no end", pid)
		}
	}
	for _, part := range []string{
		`[300] execve("/usr/bin/sh", ["sh", "-c", "\ntrap `,
		`] +++ started "/usr/bin/date" ["date", "+%s.%N"] +++`,
		`clock_gettime(CLOCK_REALTIME, {tv_sec=15778368`,
		`, "prog.c", O_RDONLY`,
		`--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=`,
		`--- stopped by SIGSTOP ---`,
		`--- SIGCONT {`,
		`+++ killed by SIGKILL +++`,
		`+++ exited with 3 +++`,
		`WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL`,
		`socket(AF_VSOCK, SOCK_STREAM, 0) = -1 EAFNOSUPPORT (address family not supported by protocol) (refused)`,
		`, "through a FIFO\n", 131072) = 15`,
		`, "to stderr\n", 10) = 10`,
		`openat(AT_FDCWD, "lock", O_RDWR|O_CREAT, 0600) = 3`,
		`] poll([{fd=4, events=POLLIN}] => [{fd=4, revents=POLLIN}], 1, -1) = 1`,
		`rdtsc() = `,
	} {
		if !strings.Contains(trace, part) {
			t.Errorf("nowhere in the trace: %s", part)
		}
	}
	// Calls that wait are told of once, when they are over.
	if n := strings.Count(trace, "flock("); n != 3 {
		t.Errorf("flock is told of %d times, want 3", n)
	}
}

// testTraceJSON compares the two forms of a trace, line by line.
func testTraceJSON(t *testing.T, text, objects string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	d := json.NewDecoder(strings.NewReader(objects))
	d.DisallowUnknownFields()
	for i, line := range lines {
		var v struct {
			PID     int               `json:"pid"`
			Event   string            `json:"event"`
			Call    string            `json:"call"`
			Args    map[string]string `json:"args"`
			Ret     *int64            `json:"ret"`
			Errno   string            `json:"errno"`
			Refused bool              `json:"refused"`
			Path    string            `json:"path"`
			Argv    []string          `json:"argv"`
			Signal  string            `json:"signal"`
			Info    map[string]string `json:"info"`
			Status  int               `json:"status"`
		}
		if err := d.Decode(&v); err != nil {
			t.Fatalf("object %d: %v", i+1, err)
		}
		parts := []string{"[" + strconv.Itoa(v.PID) + "] "}
		switch v.Event {
		case "call":
			parts = append(parts, v.Call+"(", v.Errno)
			for _, a := range v.Args {
				parts = append(parts, a)
			}
			if v.Ret != nil && *v.Ret >= 0 && !strings.Contains(line, "= 0x") {
				parts = append(parts, ") = "+strconv.FormatInt(*v.Ret, 10))
			}
		case "start":
			parts = append(parts, "+++ started "+v.Path+" ["+strings.Join(v.Argv, ", ")+"] +++")
		case "signal":
			parts = append(parts, "--- "+v.Signal+" {")
			for name, a := range v.Info {
				parts = append(parts, name+"="+a)
			}
		case "stop":
			parts = append(parts, "stopped by "+v.Signal)
		case "killed":
			parts = append(parts, "killed by "+v.Signal)
		case "exit":
			parts = append(parts, "exited with "+strconv.Itoa(v.Status))
		default:
			t.Fatalf("object %d is a %q", i+1, v.Event)
		}
		for _, p := range parts {
			if !strings.Contains(line, p) {
				t.Fatalf("line %d, %s, has no %q", i+1, line, p)
			}
		}
	}
	if err := d.Decode(new(any)); err != io.EOF {
		t.Errorf("after %d objects: %v", len(lines), err)
	}
}

// TestTraceReader: a reader of the trace who goes away does not change what the
// command does, and one line says so; one who does not read stops the box only
// until it is ended.
func TestTraceReader(t *testing.T) {
	x := newTracing(t)
	const script = `i=0; while [ $i -lt 3000 ]; do i=$((i+1)); : > file$((i%7)); done; echo done; exit 4`

	r, _, _ := x.run(t, -1, plainCaller, script, "trace", "-o", "/dev/full")
	if r.Exit != 4 || r.Stdout != "done\n" || strings.Count(r.Stderr, "\n") != 1 || !strings.HasPrefix(r.Stderr, "laplace: trace: no space left on device") {
		t.Errorf("to a full device: %+v", r)
	}

	fifo := filepath.Join(x.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		f, err := os.Open(fifo)
		if err != nil {
			read <- err.Error()
			return
		}
		line, _ := bufio.NewReader(f).ReadString('\n')
		_ = f.Close()
		read <- line
	}()
	r, _, _ = x.run(t, -1, plainCaller, script, "trace", "-o", fifo)
	if line := <-read; !strings.HasPrefix(line, "[300] execve(") {
		t.Errorf("the reader got %q", line)
	}
	if r.Exit != 4 || r.Stdout != "done\n" || r.Stderr != "laplace: trace: broken pipe: the rest of it is lost\n" {
		t.Errorf("to a reader who goes away: %+v", r)
	}

	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer in.Close()
	home := filepath.Join(x.dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(laplace(t), "trace", "-o", "/dev/fd/3", "--", "sh", "-c", script)
	var stdout bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.ExtraFiles = x.project, callerEnv(home), &stdout, []*os.File{in}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait for the reader: %v", err)
	case <-time.After(3 * time.Second):
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
		if got := cmd.ProcessState.ExitCode(); got != 128+int(unix.SIGTERM) || stdout.Len() > 0 {
			t.Errorf("exit status %d, output %q", got, stdout.String())
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Error("it does not end while nobody reads the trace")
	}
}
