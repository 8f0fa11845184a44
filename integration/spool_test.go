package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// wrote writes to both streams, makes a file that shows from outside that it has, and runs
// until it is ended.
const wrote = `echo early; echo wrong >&2; echo x > file; while :; do :; done`

// startWriting starts wrote with a pipe as standard output and error, and returns when it
// has written.
func startWriting(t *testing.T, script string, flags ...string) (l *lasting, r *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l = startLasting(t, script, func(cmd *exec.Cmd) {
		cmd.Args = slices.Insert(cmd.Args, 2, flags...)
		cmd.Stdout, cmd.Stderr = w, w
	})
	w.Close()
	until(t, "the script has written", func() bool {
		files, _ := filepath.Glob(filepath.Join(l.state, "laplace/v*/boxes/*/overlay-*/upper/file"))
		return len(files) > 0
	})
	return l, r
}

// waiting is how many bytes a pipe holds.
func waiting(t *testing.T, r *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSpool: what a box writes to a pipe comes out when it has ended, however that is, and
// at once with --stream.
func TestSpool(t *testing.T) {
	const text = "early\nwrong\n"
	for _, test := range []struct {
		name   string
		flags  []string
		script string
		end    func(t *testing.T, l *lasting) // nil: the box ends by itself
		status int
		after  string // what Laplace itself says, or the beginning of it
	}{
		{name: "Ctrl-C", status: 130, end: func(t *testing.T, l *lasting) { kill(t, l.cmd.Process.Pid, unix.SIGINT) }},
		{name: "Ctrl-C with --stream", flags: []string{"--stream"}, status: 130,
			end: func(t *testing.T, l *lasting) { kill(t, l.cmd.Process.Pid, unix.SIGINT) }},
		{name: "kill -9 of the supervisor", status: 125, after: "laplace: supervisor: it died",
			end: func(t *testing.T, l *lasting) { kill(t, l.find(t, "laplace-supervisor").pid, unix.SIGKILL) }},
		{name: "kill -9 of the box", status: 125, after: "laplace: box: box killed from outside",
			end: func(t *testing.T, l *lasting) { kill(t, l.guest(t).pid, unix.SIGKILL) }},
		{name: "--timeout", flags: []string{"--timeout", "10"}, status: 124, after: "laplace: box: timed out"},
		{name: "deadlock", script: `echo early; echo wrong >&2; echo x > file; mkfifo fifo; cat fifo`, status: 125,
			after: "laplace: box: deadlock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			script := test.script
			if script == "" {
				script = wrote
			}
			l, r := startWriting(t, script, test.flags...)
			if test.end != nil {
				switch n := waiting(t, r); {
				case test.flags == nil && n > 0:
					t.Errorf("%d bytes are out already", n)
				case test.flags != nil && n != len(text):
					t.Errorf("%d bytes are out, want %d", n, len(text))
				}
				test.end(t, l)
			}
			all, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := l.end(t); got != test.status {
				t.Errorf("exit status %d, want %d", got, test.status)
			}
			said, ok := bytes.CutPrefix(all, []byte(text))
			if !ok || !bytes.HasPrefix(said, []byte(test.after)) || (len(said) > 0) != (test.after != "") {
				t.Errorf("output %q, want %q and then %q", all, text, test.after)
			}
			l.gone(t)
		})
	}
}

func kill(t *testing.T, pid int, sig unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// TestSpoolKilled: kill -9 of laplace leaves nothing of what was kept.
func TestSpoolKilled(t *testing.T) {
	l, r := startWriting(t, wrote)
	kill(t, l.cmd.Process.Pid, unix.SIGKILL)
	if all, err := io.ReadAll(r); err != nil || len(all) > 0 {
		t.Errorf("output %q, %v", all, err)
	}
	if got := l.end(t); got != 128+int(unix.SIGKILL) {
		t.Errorf("exit status %d", got)
	}
	l.gone(t)
}

// TestSpoolReader: a reader that is gone before anything was released ends the box, one
// that goes while the output is released has it fail, and one that is slow gets it all. A
// second Ctrl-C ends the wait for one who does not read.
func TestSpoolReader(t *testing.T) {
	t.Run("gone", func(t *testing.T) {
		l, r := startWriting(t, `echo early; echo x > file; while :; do echo more; done`)
		r.Close()
		if got := l.end(t); got != 128+int(unix.SIGPIPE) {
			t.Errorf("exit status %d", got)
		}
		l.gone(t)
	})
	const big = 300_000 // more than a pipe holds
	for _, test := range []struct {
		name   string
		script string
		read   func(t *testing.T, l *lasting, r *os.File)
		status int
	}{
		{"goes", `head -c300000 /dev/zero; echo x > file`, func(t *testing.T, l *lasting, r *os.File) {
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			r.Close()
		}, 128 + int(unix.SIGPIPE)},
		{"interrupted", `head -c300000 /dev/zero; echo x > file; while :; do :; done`, func(t *testing.T, l *lasting, r *os.File) {
			kill(t, l.cmd.Process.Pid, unix.SIGINT)
			until(t, "the pipe is full", func() bool { return waiting(t, r) == 65536 })
			kill(t, l.cmd.Process.Pid, unix.SIGINT)
		}, 128 + int(unix.SIGINT)},
		{"slow", `head -c300000 /dev/zero; echo x > file; while :; do :; done`, func(t *testing.T, l *lasting, r *os.File) {
			kill(t, l.cmd.Process.Pid, unix.SIGINT)
			until(t, "the pipe is full", func() bool { return waiting(t, r) == 65536 })
			if n, err := io.Copy(io.Discard, r); err != nil || n != big {
				t.Errorf("%d bytes came out, %v", n, err)
			}
		}, 128 + int(unix.SIGINT)},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, r := startWriting(t, test.script)
			test.read(t, l, r)
			if got := l.end(t); got != test.status {
				t.Errorf("exit status %d, want %d", got, test.status)
			}
			l.gone(t)
		})
	}
}

// TestSpoolMemory: 200 MB of output take no more memory than none.
func TestSpoolMemory(t *testing.T) {
	const size = 200_000_000
	for _, flags := range [][]string{nil, {"--stream"}} {
		peak := func(n int) int64 {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			l := startLasting(t, fmt.Sprintf("head -c%d /dev/zero", n), func(cmd *exec.Cmd) {
				cmd.Args = slices.Insert(cmd.Args, 2, flags...)
				cmd.Stdout = w
			})
			w.Close()
			sum, zeros := sha256.New(), sha256.New()
			if _, err := io.Copy(sum, r); err != nil {
				t.Fatal(err)
			}
			if got := l.end(t); got != 0 {
				t.Fatalf("exit status %d\nstderr:\n%s", got, l.stderr.String())
			}
			zero := make([]byte, 1<<20)
			for left := n; left > 0; left -= min(left, len(zero)) {
				zeros.Write(zero[:min(left, len(zero))])
			}
			if !bytes.Equal(sum.Sum(nil), zeros.Sum(nil)) {
				t.Errorf("flags %v: not the %d bytes that were written", flags, n)
			}
			return l.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
		}
		if none, all := peak(0), peak(size); all > none+32<<10 {
			t.Errorf("flags %v: %d KiB of memory for no output, %d for 200 MB", flags, none, all)
		}
	}
}
