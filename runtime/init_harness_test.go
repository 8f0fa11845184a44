package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// The stages of the test program, by argv[0].
const (
	hostName       = "test-host"       // a host: as root, a mount namespace of its own
	callerName     = "test-caller"     // an ordinary user
	supervisorName = "test-supervisor" // root of its user namespace

	guestEnv  = "LAPLACE_TEST_GUEST"   // in the environment: does nothing, as a Go program
	pidMaxEnv = "LAPLACE_TEST_PID_MAX" // in that of an init: kernel.pid_max of its namespace
)

// The stages branch off before any test does.
func init() {
	switch os.Args[0] {
	case InitName:
		lowerPIDMax()
		InitMain()
	case hostName:
		hostMain()
	case callerName:
		callerMain()
	case supervisorName:
		supervisorMain()
	}
	if os.Getenv(guestEnv) != "" {
		os.Exit(0)
	}
}

// A caller is who runs a box.
type caller struct {
	name string
	uid  int
}

// guestID is the host id of the guest, in the supervisor's user namespace.
func (c caller) guestID() uint32 {
	if c.uid == 0 {
		return 0x70000000 + 1000
	}
	return 0
}

// callers are root, if we are, and an ordinary user.
func callers() []caller {
	if uid := os.Getuid(); uid != 0 {
		return []caller{{"rootless", uid}}
	}
	return []caller{{"root", 0}, {"rootless", 12345}}
}

// eachCaller runs a test as each of them.
func eachCaller(t *testing.T, f func(t *testing.T, c caller)) {
	for _, c := range callers() {
		t.Run(c.name, func(t *testing.T) { f(t, c) })
	}
}

// dir makes an empty directory that belongs to the caller.
func (c caller) dir(t *testing.T, name string) string {
	t.Helper()
	base, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Of mode 0, as an overlay leaves it behind.
		if err := os.Chmod(filepath.Join(base, name, "work"), 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(base, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(base, 0o755), os.Chmod(dir, 0o755), os.Chown(base, c.uid, c.uid), os.Chown(dir, c.uid, c.uid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// scenario is what the test's supervisor does.
type scenario struct {
	Request InitRequest
	// Stdin is written to the guest's standard input.
	Stdin string
	// Deny makes system calls fail with an errno, for init and the guest.
	Deny []denial
	// Before is run by a shell on the host, as root, before everything.
	Before string
	// Place are last pids to place once the guest has written a line; the next
	// line of standard input is sent after them.
	Place []uint32
	// PlaceTimes places a pid so often before the command runs, from the CPU
	// PlaceCPU.
	PlaceTimes, PlaceCPU int
	// KillInit kills init once the guest has written a line.
	KillInit bool
	// NoGo closes the go pipe without a byte.
	NoGo bool
	// PIDMax lowers kernel.pid_max of the box's PID namespace, if not 0. It must have
	// one of its own: see ownPIDMax.
	PIDMax int
	// Inherit makes the supervisor ignore signals, hold groups and have another
	// descriptor open, for the guest to inherit.
	Inherit bool
}

// denial is a call that a host lacks or forbids.
type denial struct {
	Nr    uint32
	Errno uint16
	// ArgBits restricts it to calls with one of these bits in the lower half of
	// the argument Arg; 0 is all calls.
	Arg     uint8
	ArgBits uint32
}

// outcome is what came of it.
type outcome struct {
	Reply   InitReply
	Failure *ns.ScriptError // what the command process reported
	Stdout  string
	Stderr  string
	Status  int // the command's exit status, or 1000 + signal
	HostPID int
	Errnos  []unix.Errno // of Place
	Init    string       // how init ended
	// Wall are the microseconds from before the start of init to the reply and to
	// the exec of the command.
	ReplyUS, ExecUS int64
	PlaceNS         int64  // each, of PlaceTimes
	Error           string // of the supervisor itself
}

// run runs a scenario as a caller.
func (c caller) run(t testing.TB, s scenario) outcome {
	t.Helper()
	in, err := encode(nil, s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", strconv.Itoa(c.uid))
	cmd.Args[0] = hostName
	cmd.Env = []string{"PATH=" + defaultPath}
	runtime.LockOSThread() // the death of the thread is the parent's
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	}
	cmd.Stdin = bytes.NewReader(in)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("host: %v\n%s", err, stderr.String())
	}
	var o outcome
	if err := decode(out.Bytes(), &o); err != nil {
		t.Fatalf("supervisor's answer %q: %v\n%s", out.String(), err, stderr.String())
	}
	if o.Error != "" {
		t.Fatalf("supervisor: %s\n%s", o.Error, stderr.String())
	}
	return o
}

// hostMain is a host whose mounts are shared, so that one that a box leaks
// shows.
func hostMain() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "host:", err)
		os.Exit(1)
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	var s scenario
	if err := decode(in, &s); err != nil {
		fail(err)
	}
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{supervisorName}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid, _ := strconv.Atoi(os.Args[1]); uid != 0 {
		cmd.Args = []string{callerName}
		if os.Getuid() == 0 {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
		}
	}
	if os.Getuid() == 0 {
		if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")); err != nil {
			fail(err)
		}
	}
	if s.Before != "" {
		if out, err := exec.Command("/bin/sh", "-ec", s.Before).CombinedOutput(); err != nil {
			fail(fmt.Errorf("before: %w: %s", err, out))
		}
	}
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		fail(err)
	}
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fail(err)
	}
	after, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		fail(err)
	}
	if !bytes.Equal(before, after) {
		fail(fmt.Errorf("mounts before:\n%s\nand after:\n%s", before, after))
	}
	os.Exit(0)
}

// callerMain becomes root of a fresh user namespace.
func callerMain() {
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{supervisorName}
	cmd.Env = os.Environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = ns.UserNSAttr(os.Getuid(), os.Getgid())
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "caller:", ns.Host{Proc: os.DirFS("/proc")}.Diagnose("start", err))
		os.Exit(1)
	}
	os.Exit(0)
}

func supervisorMain() {
	runtime.LockOSThread() // the tracer
	var s scenario
	var o outcome
	in, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = decode(in, &s)
	}
	if err == nil {
		err = supervise(&s, &o)
	}
	if err != nil {
		o.Error = err.Error()
	}
	out, err := encode(nil, o)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// supervise plays the supervisor: no policy, but seizing, letting go and
// reaping.
func supervise(s *scenario, o *outcome) error {
	if s.Inherit {
		_ = syscall.Setgroups([]int{4, 27}) // rootless it is denied; it needs its signal
		for sig := unix.Signal(1); sig < 65; sig++ {
			if sig != unix.SIGCHLD && sig != unix.SIGSEGV && sig != unix.SIGURG {
				_ = setSignal(sig, sigIgn)
			}
		}
		f, err := os.Open("/proc/self/exe")
		if err != nil {
			return err
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, 50); err != nil {
			return err
		}
	}
	if err := deny(s.Deny); err != nil {
		return err
	}
	start := time.Now()
	cmd, sock, end, err := InitCommand(s.Request.Network, os.Stderr)
	if err != nil {
		return err
	}
	if s.PIDMax > 0 {
		cmd.Env = append(cmd.Env, pidMaxEnv+"="+strconv.Itoa(s.PIDMax))
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start init: %w", err)
	}
	end.Close()
	defer func() {
		unix.Close(sock)
		if err := cmd.Wait(); err != nil {
			o.Init = err.Error()
		}
	}()

	var ours [3]*os.File
	var theirs [3]int
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		if i == 0 {
			r, w = w, r
		}
		ours[i], theirs[i] = r, int(w.Fd())
		defer r.Close()
	}
	if err := WriteMessage(sock, s.Request, theirs[:]...); err != nil {
		return err
	}
	fds, err := ReadMessage(sock, &o.Reply)
	for _, fd := range theirs {
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	o.ReplyUS = time.Since(start).Microseconds()
	if !o.Reply.OK {
		return nil
	}
	pid, err := ns.PIDOf(fds[0])
	if err != nil {
		return err
	}
	o.HostPID = pid
	if len(fds) == 4 { // terminal: what it shows is the output
		ours[1].Close()
		ours[1] = os.NewFile(uintptr(fds[3]), "terminal")
	}
	if s.PlaceTimes > 0 {
		var set unix.CPUSet
		set.Set(s.PlaceCPU)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return err
		}
		start := time.Now()
		for range s.PlaceTimes {
			if e := PlacePID(sock, 5000); e != 0 {
				return e
			}
		}
		o.PlaceNS = time.Since(start).Nanoseconds() / int64(s.PlaceTimes)
	}
	const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC
	if _, _, e := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, options, 0, 0); e != 0 {
		return fmt.Errorf("seize: %w", e)
	}
	if !s.NoGo {
		if _, err := unix.Write(fds[1], []byte{1}); err != nil {
			return err
		}
	}
	unix.Close(fds[1])

	var wg sync.WaitGroup
	lines := make(chan struct{}, 1000)
	for i, to := range []*string{&o.Stdout, &o.Stderr} {
		wg.Go(func() {
			var b strings.Builder
			buf := make([]byte, 4096)
			for {
				n, err := ours[1+i].Read(buf)
				b.Write(buf[:n])
				for range bytes.Count(buf[:n], []byte("\n")) {
					lines <- struct{}{}
				}
				if err != nil {
					break
				}
			}
			*to = b.String()
		})
	}
	wg.Go(func() {
		defer ours[0].Close()
		if s.KillInit {
			<-lines
			_ = cmd.Process.Kill()
			return
		}
		if s.Place == nil {
			_, _ = io.WriteString(ours[0], s.Stdin)
			return
		}
		for _, p := range s.Place {
			<-lines
			o.Errnos = append(o.Errnos, PlacePID(sock, p))
			_, _ = io.WriteString(ours[0], "\n")
		}
	})
	o.Status = trace(pid, start, o)
	wg.Wait()
	report := os.NewFile(uintptr(fds[2]), "report")
	defer report.Close()
	if err := ns.ReadScriptError(report); err != nil {
		if f, ok := errors.AsType[*ns.ScriptError](err); ok {
			o.Failure = f
			return nil
		}
		return err
	}
	return nil
}

// trace lets a seized process run until its end.
func trace(pid int, start time.Time, o *outcome) int {
	for {
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil {
			if err == unix.EINTR {
				continue
			}
			return -1
		}
		switch {
		case ws.Exited():
			return ws.ExitStatus()
		case ws.Signaled():
			return 1000 + int(ws.Signal())
		}
		sig := uintptr(ws.StopSignal())
		if event := uint32(ws) >> 16; event != 0 {
			if event == unix.PTRACE_EVENT_EXEC && o.ExecUS == 0 {
				o.ExecUS = time.Since(start).Microseconds()
			}
			sig = 0
		}
		unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_CONT, uintptr(pid), 0, sig, 0, 0)
	}
}

// deny installs a seccomp filter in all threads of this process.
func deny(list []denial) error {
	if len(list) == 0 {
		return nil
	}
	const ld, jeq, jset, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	var f []unix.SockFilter
	for _, d := range list {
		f = append(f, unix.SockFilter{Code: ld, K: 0})
		if d.ArgBits == 0 {
			f = append(f, unix.SockFilter{Code: jeq, Jf: 1, K: d.Nr})
		} else {
			f = append(f, unix.SockFilter{Code: jeq, Jf: 3, K: d.Nr},
				unix.SockFilter{Code: ld, K: 16 + 8*uint32(d.Arg)},
				unix.SockFilter{Code: jset, Jf: 1, K: d.ArgBits})
		}
		f = append(f, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(d.Errno)})
	}
	f = append(f, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return nil
}
