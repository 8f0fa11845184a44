package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// caller is who starts a program, and from what surroundings.
type caller struct {
	UID   int      // uid and gid; negative: those of the tests
	Umask int      // file mode creation mask
	CPU   int      // the only CPU to run on; negative: as the tests
	Leak  bool     // leaves descriptors open that are not meant for the program
	Env   []string // whole environment
}

// result is what a run did, as its caller sees it.
type result struct {
	Exit   int // 128+N for signal N
	Stdout string
	Stderr string
}

const (
	// stageName as first argument makes the test binary take a caller's
	// place and execute the rest of its arguments.
	stageName = "laplace-test-stage"
	// nativeUmask is the mask that a guest starts with.
	nativeUmask = 0o022
	// defaultEpoch is where time begins in a box: 2020-01-01T00:00:00Z.
	defaultEpoch = 1577836800
)

// stageExec becomes a caller: its arguments are umask, CPU, uid and the number
// of descriptors to leak in decimal, then the command. It does not return. (These attributes belong to a process
// or a thread, so setting them in the tests themselves would touch others.)
func stageExec(args []string) {
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "%s: %s: %v\n", stageName, what, err)
		os.Exit(125)
	}
	var num [4]int
	for i := range num {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			fail("argument", err)
		}
		num[i] = n
	}
	runtime.LockOSThread()
	unix.Umask(num[0])
	if cpu := num[1]; cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			fail("sched_setaffinity", err)
		}
	}
	if id := num[2]; id >= 0 {
		// The outputs belong to whoever they are for, or opening /dev/stdout
		// would fail.
		for _, fd := range []int{1, 2} {
			if err := unix.Fchown(fd, id, id); err != nil {
				fail("fchown of an output", err)
			}
		}
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)); err != nil {
			fail("becoming another user", err)
		}
	}
	// What the tests inherited is not for the program.
	if err := unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fail("close_range", err)
	}
	for range num[3] {
		if _, err := unix.Open("/dev/null", unix.O_RDWR, 0); err != nil {
			fail("open", err)
		}
	}
	argv := args[len(num):]
	// A process that another test has just forked may still hold the descriptor by which the
	// program was written (go.dev/issue/22315).
	err := syscall.Exec(argv[0], argv, os.Environ())
	for deadline := time.Now().Add(10 * time.Second); err == unix.ETXTBSY && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		err = syscall.Exec(argv[0], argv, os.Environ())
	}
	fail("exec "+argv[0], err)
}

// run runs argv in dir for a caller. It takes a slot while it runs.
func run(t *testing.T, c caller, dir string, stdin *string, argv ...string) result {
	t.Helper()
	slots <- struct{}{}
	defer func() { <-slots }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	leak := 0
	if c.Leak {
		leak = 5
	}
	stage := []string{stageName, strconv.Itoa(c.Umask), strconv.Itoa(c.CPU), strconv.Itoa(c.UID), strconv.Itoa(leak)}
	cmd := exec.CommandContext(ctx, self, append(stage, argv...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Dir, cmd.Env = dir, c.Env
	if stdin != nil {
		cmd.Stdin = strings.NewReader(*stdin)
	}
	// The whole process group ends at the timeout, and what still holds the
	// pipes then is not waited for.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within %v\nstdout:\n%s\nstderr:\n%s", argv, runTimeout, stdout.String(), stderr.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %q: %v", argv, err)
	}
	r := result{Stdout: stdout.String(), Stderr: stderr.String()}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if r.Exit = ws.ExitStatus(); ws.Signaled() {
		r.Exit = 128 + int(ws.Signal())
	}
	return r
}

// runSetup runs a setup script in dir, which it fills.
func runSetup(dir, script string) error {
	cmd := exec.Command("/bin/sh", "-eu")
	cmd.Stdin = strings.NewReader("umask 022\n" + script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "TZ=UTC"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("setup script in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// diffResults fails the test if two runs differ.
func diffResults(t *testing.T, what string, want, got result) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the runs differ (-want +got)\n%s", what, diff)
	}
}

// nativeCaller runs a program natively as much like a guest as possible.
func nativeCaller(home string, uid int) caller {
	return caller{UID: uid, Umask: nativeUmask, CPU: -1, Env: []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8", "TZ=UTC", "USER=user",
		"SOURCE_DATE_EPOCH=" + strconv.Itoa(defaultEpoch)}}
}

// nativeUID is the uid of native runs: the guest's, if the tests may choose.
func nativeUID() int {
	if os.Getuid() == 0 {
		return guestID
	}
	return -1
}

// disturbedUID is the uid of disturbed runs: nobody's, if the tests may choose.
func disturbedUID() int {
	if os.Getuid() == 0 {
		return strangerID
	}
	return -1
}

// plainCaller runs laplace as the tests run.
func plainCaller(home string) caller {
	return caller{UID: -1, Umask: nativeUmask, CPU: -1, Env: callerEnv(home)}
}

// disturbedCaller runs laplace in surroundings that differ in everything that
// must not matter.
func disturbedCaller(t *testing.T, home string, uid int) caller {
	t.Helper()
	return caller{UID: uid, Umask: 0o077, CPU: lastCPU(t), Leak: true, Env: append(callerEnv(home),
		"TZ=Pacific/Auckland", "LANG=de_DE.UTF-8", "LC_ALL=tr_TR.UTF-8", "USER=stranger", "LOGNAME=stranger",
		"COLUMNS=40", "LINES=7", "TERM=dumb", "MAKEFLAGS=-j7", "OLDPWD=/var", "SHLVL=9",
		"NOISE="+strings.Repeat("x", 3000), "MALLOC_PERTURB_=165", "POSIXLY_CORRECT=1")}
}

// callerEnv is the environment in which laplace is called.
func callerEnv(home string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home,
		"XDG_STATE_HOME=" + filepath.Join(home, ".state"), "XDG_CACHE_HOME=" + filepath.Join(home, ".cache"),
		"XDG_RUNTIME_DIR=" + filepath.Join(home, ".run")}
}

// lastCPU is the greatest CPU that the tests may run on.
func lastCPU(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	last := -1
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			last = cpu
		}
	}
	return last
}
