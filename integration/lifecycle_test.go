package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A lasting is a laplace whose box runs until something ends it.
type lasting struct {
	cmd     *exec.Cmd
	token   string // an argument that the guest's processes, and laplace, have
	state   string // XDG_STATE_HOME
	project string
	stderr  bytes.Buffer
	ended   chan error
}

// patience is how long the tests wait for what should happen at once.
const patience = 20 * time.Second

var tokens atomic.Int64

// startLasting starts laplace on a shell script. The script's $0 is the token.
func startLasting(t *testing.T, script string, set func(*exec.Cmd)) *lasting {
	t.Helper()
	l := &lasting{token: fmt.Sprintf("laplace-test-%d-%d", os.Getpid(), tokens.Add(1)), ended: make(chan error, 1)}
	dir := filepath.Join(base, l.token)
	home := filepath.Join(dir, "home")
	l.project, l.state = filepath.Join(dir, "project"), filepath.Join(home, ".state")
	for _, d := range []string{l.project, home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l.cmd = exec.Command(laplace(t), "do", "--", "sh", "-c", script, l.token)
	l.cmd.Dir, l.cmd.Env, l.cmd.Stderr = l.project, callerEnv(home), &l.stderr
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	l.cmd.WaitDelay = patience
	if set != nil {
		set(l.cmd)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { l.ended <- l.cmd.Wait() }()
	t.Cleanup(func() {
		// Not by the number of laplace's process group: it may be somebody else's by now.
		for _, p := range processes() {
			if p.has(l.token) {
				_ = unix.Kill(p.pid, unix.SIGKILL)
			}
		}
	})
	return l
}

// process is what /proc tells of a process.
type process struct {
	pid, ppid int
	state     string
	ticks     int64 // user and system time
	argv      []string
}

func (p process) has(arg string) bool {
	for _, a := range p.argv {
		if a == arg {
			return true
		}
	}
	return false
}

// processes are all processes of the host that still have an argv.
func processes() []process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var all []process
	for _, dir := range dirs {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it ended
		}
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(cmdline) == 0 {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		p := process{state: fields[0], argv: strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		p.ppid, _ = strconv.Atoi(fields[1])
		utime, _ := strconv.ParseInt(fields[11], 10, 64)
		stime, _ := strconv.ParseInt(fields[12], 10, 64)
		p.ticks = utime + stime
		all = append(all, p)
	}
	return all
}

// until polls until cond holds, or fails the test.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// guest waits until the script runs, and returns its process.
func (l *lasting) guest(t *testing.T) process {
	t.Helper()
	var found process
	until(t, "the script runs", func() bool {
		for _, p := range processes() {
			if p.argv[0] == "sh" && p.has(l.token) && p.ticks > 0 {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

// find returns the process of the box with that argv[0]: one that is above
// the script, or below laplace.
func (l *lasting) find(t *testing.T, argv0 string) process {
	t.Helper()
	guest := l.guest(t)
	byPID := make(map[int]process)
	for _, p := range processes() {
		byPID[p.pid] = p
	}
	for p := guest; p.pid > 1; p = byPID[p.ppid] {
		if p.argv[0] == argv0 {
			return p
		}
	}
	for _, p := range byPID {
		for up := p; up.pid > 1; up = byPID[up.ppid] {
			if up.pid == l.cmd.Process.Pid && p.argv[0] == argv0 {
				return p
			}
		}
	}
	t.Fatalf("no process %s", argv0)
	return process{}
}

// end waits for laplace and returns its exit status, 128+N for signal N.
func (l *lasting) end(t *testing.T) int {
	t.Helper()
	select {
	case err := <-l.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatalf("laplace did not end within %v\nstderr:\n%s", patience, l.stderr.String())
	}
	ws := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// gone waits until nothing of the box is left: no process, mount or file.
func (l *lasting) gone(t *testing.T) {
	t.Helper()
	until(t, "all processes end", func() bool {
		for _, p := range processes() {
			if p.has(l.token) {
				return false
			}
		}
		return true
	})
	var err error
	for deadline := time.Now().Add(patience / 4); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = leftovers(l.state, l.project); err == nil {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(l.project); err != nil || len(names) > 0 {
		t.Errorf("the project has changed: %v %v", names, err)
	}
}

// spin runs until it is ended, in a child too, and changes the project.
const spin = `echo x > file; (while :; do :; done) & while :; do :; done`

// TestSignals: a signal to laplace ends the box, and nothing is left of it.
func TestSignals(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			l := startLasting(t, spin, nil)
			l.guest(t)
			if err := unix.Kill(l.cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			if got, want := l.end(t), 128+int(sig); got != want {
				t.Errorf("exit status %d, want %d\nstderr:\n%s", got, want, l.stderr.String())
			}
			l.gone(t)
		})
	}
	// As a terminal does it: to the whole process group, by an impatient user.
	t.Run("twice", func(t *testing.T) {
		l := startLasting(t, `trap "" INT; `+spin, nil)
		l.guest(t)
		for range 2 {
			if err := unix.Kill(-l.cmd.Process.Pid, unix.SIGINT); err != nil && err != unix.ESRCH {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got := l.end(t); got != 128+int(unix.SIGINT) {
			t.Errorf("exit status %d\nstderr:\n%s", got, l.stderr.String())
		}
		l.gone(t)
	})
}

// TestStop: Ctrl-Z stops the box with laplace, and fg continues it.
func TestStop(t *testing.T) {
	l := startLasting(t, spin, nil)
	guest := l.guest(t)
	state := func(pid int) (string, int64) {
		for _, p := range processes() {
			if p.pid == pid {
				return p.state, p.ticks
			}
		}
		return "", 0
	}
	if err := unix.Kill(-l.cmd.Process.Pid, unix.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	until(t, "laplace stops", func() bool { s, _ := state(l.cmd.Process.Pid); return s == "T" })
	var before int64
	until(t, "the guest stops", func() bool {
		last := before
		_, before = state(guest.pid)
		time.Sleep(100 * time.Millisecond)
		return before == last
	})
	time.Sleep(300 * time.Millisecond)
	if _, after := state(guest.pid); after != before {
		t.Errorf("the guest ran for %d ticks while laplace was stopped", after-before)
	}
	if err := unix.Kill(-l.cmd.Process.Pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the guest continues", func() bool { _, now := state(guest.pid); return now > before+5 })
	if err := unix.Kill(l.cmd.Process.Pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := l.end(t); got != 128+int(unix.SIGTERM) {
		t.Errorf("exit status %d", got)
	}
	l.gone(t)
}

// TestKilled: kill -9 of any process of ours ends the box, and leaves nothing.
func TestKilled(t *testing.T) {
	for _, victim := range []string{"laplace", "laplace-supervisor", "laplace-init"} {
		t.Run(victim, func(t *testing.T) {
			l := startLasting(t, spin, nil)
			pid, want := l.cmd.Process.Pid, 128+int(unix.SIGKILL)
			if victim == "laplace" {
				l.guest(t)
			} else {
				pid, want = l.find(t, victim).pid, 125
			}
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if got := l.end(t); got != want {
				t.Errorf("exit status %d, want %d", got, want)
			}
			if text := l.stderr.String(); want == 125 && (!strings.HasPrefix(text, "laplace: ") || strings.Count(text, "\n") != 1) {
				t.Errorf("standard error is not one line of Laplace's: %q", text)
			}
			l.gone(t)
		})
	}
}

// TestReaderGone: when nobody reads the box's output any more, the box ends.
func TestReaderGone(t *testing.T) {
	for name, script := range map[string]string{
		"writer":         `while echo line; do :; done`,
		"ignores errors": `trap "" PIPE; while :; do echo line 2>&1; done`,
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			l := startLasting(t, script, func(cmd *exec.Cmd) {
				cmd.Args = slices.Insert(cmd.Args, 2, "--stream")
				cmd.Stdout = w
			})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReaderSize(r, 16).ReadString('\n'); err != nil || line != "line\n" {
				t.Fatalf("first line %q, %v\nstderr:\n%s", line, err, l.stderr.String())
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if got := l.end(t); got == 0 {
				t.Errorf("exit status 0")
			}
			l.gone(t)
		})
	}
}
