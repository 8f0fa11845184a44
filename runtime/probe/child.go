package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/tracer"
)

// ChildName is the argv[0] with which the process starts itself for a trial.
const ChildName = "laplace-probe"

// hold is the trial that waits until its standard input ends.
const hold Name = "hold"

// arch_prctl(2) codes that x/sys does not have.
const archSetCPUID = 0x1012

// trials are what a child does. Each returns the error of the call that failed.
var trials = map[Name]func(args []string) error{
	UserNamespaces: func([]string) error { return nil }, // being here is the trial
	Overlay:        tryOverlay,
	Proc:           func([]string) error { return inProc(func(string) error { return nil }) },
	Pids:           func([]string) error { return inProc(tryPids) },
	PidMax:         func([]string) error { return inProc(tryPidMax) },
	Ptrace:         func([]string) error { return tryPtrace() },
	Seccomp:        func([]string) error { return trySeccomp() },
	ASLR:           func([]string) error { return tryASLR() },
	TSC:            func([]string) error { return unix.Prctl(unix.PR_SET_TSC, unix.PR_TSC_ENABLE, 0, 0, 0) },
	CPUID:          func([]string) error { return tryCPUID() },
	PMU:            func([]string) error { return tryPMU() },
	hold: func([]string) error {
		_, err := os.Stdin.Read(make([]byte, 1))
		_ = err // the end of the input is the signal to go
		return nil
	},
}

// An answer is what a child writes about its trial.
type answer struct {
	Text  string        `json:"text"`  // the error, "" for none
	Errno syscall.Errno `json:"errno"` // the errno in it
}

// A trialError is an error that a child met.
type trialError answer

func (e trialError) Error() string { return e.Text }
func (e trialError) Unwrap() error { return e.Errno }

// ChildMain is the process's main function when its argv[0] is ChildName: it does the
// trial that argv[1] names, writes the answer to its standard output and exits.
func ChildMain() {
	runtime.LockOSThread() // prctl(2) and personality(2) are the thread's
	a := answer{Text: "no such trial", Errno: syscall.EINVAL}
	if len(os.Args) > 1 && trials[Name(os.Args[1])] != nil {
		a = answer{}
		if err := trials[Name(os.Args[1])](os.Args[2:]); err != nil {
			a.Text = err.Error()
			_ = errors.As(err, &a.Errno) // stays 0 where there is none
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// command is the child that does a trial, in new namespaces. In a user namespace the
// caller is root.
func (h *Host) command(ctx context.Context, name Name, namespaces uintptr, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = append([]string{ChildName, string(name)}, args...)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if namespaces&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: h.UID, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: h.GID, Size: 1}}
	}
	return cmd
}

// try does a trial in a child and returns the error that it met.
func (h *Host) try(ctx context.Context, name Name, namespaces uintptr, args ...string) error {
	runtime.LockOSThread() // the thread that clones must live as long as the child, see PR_SET_PDEATHSIG
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	cmd := h.command(ctx, name, namespaces, args...)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			return fmt.Errorf("clone: %w", errno)
		}
		return fmt.Errorf("trial: %w", err)
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return fmt.Errorf("trial: %w", err)
	}
	if a.Text != "" {
		return trialError(a)
	}
	return nil
}

// call wraps the error of a system call.
func call(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// tryOverlay mounts an overlay in args[0], an empty directory on the host, with the
// option args[1].
func tryOverlay(args []string) error {
	if len(args) != 2 {
		return syscall.EINVAL
	}
	if err := call("mount private", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); err != nil {
		return err
	}
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	for _, dir := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	options := "lowerdir=lower,upperdir=upper,workdir=work," + args[1]
	if err := call("mount overlay", unix.Mount("overlay", "merged", "overlay", 0, options)); err != nil {
		return err
	}
	return os.WriteFile("merged/file", nil, 0o644)
}

// inProc mounts the procfs of a new PID namespace and calls f with its path.
func inProc(f func(proc string) error) error {
	if err := call("mount private", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); err != nil {
		return err
	}
	const at = "/proc" // the one directory that every host has and that we can cover
	if err := call("mount proc", unix.Mount("proc", at, "proc", 0, "")); err != nil {
		return err
	}
	return f(at)
}

// tryPids chooses the next PID, see ns_last_pid in namespaces(7).
func tryPids(proc string) error {
	return os.WriteFile(filepath.Join(proc, "sys/kernel/ns_last_pid"), []byte("299"), 0)
}

// tryPidMax reads how many PIDs there are, see pid_max in proc_sys_kernel(5): ERANGE if
// they are too few.
func tryPidMax(proc string) error {
	text, err := os.ReadFile(filepath.Join(proc, "sys", strings.ReplaceAll(sysctlPidMax, ".", "/")))
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(string(bytes.TrimSpace(text))); err != nil || n <= prng.MaxPid {
		return fmt.Errorf("%s is %s: %w", sysctlPidMax, bytes.TrimSpace(text), unix.ERANGE)
	}
	return nil
}

// tryPtrace traces a child until its execve(2).
func tryPtrace() error {
	runtime.LockOSThread() // who traces is a thread
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{ChildName, string(hold)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	var status unix.WaitStatus
	_, err := unix.Wait4(cmd.Process.Pid, &status, 0, nil)
	if err == nil && status.Stopped() {
		err = tracer.CanReadCalls(cmd.Process.Pid)
	}
	err = errors.Join(err, cmd.Process.Kill())
	if werr := cmd.Wait(); werr != nil && err == nil && !status.Stopped() {
		err = werr
	}
	if err == nil && status.StopSignal() != unix.SIGTRAP {
		err = fmt.Errorf("traced child: status %#x", status)
	}
	return err
}

// trySeccomp installs a filter that allows everything and asks for RET_TRACE.
func trySeccomp() error {
	if err := call("no_new_privs", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); err != nil {
		return err
	}
	action := uint32(unix.SECCOMP_RET_TRACE)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno != 0 {
		return call("seccomp RET_TRACE", errno)
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	program := unix.SockFprog{Len: 1, Filter: &allow}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return call("seccomp filter", errno)
	}
	return nil
}

// tryASLR switches address randomisation off, see personality(2).
func tryASLR() error {
	const addrNoRandomize = 0x0040000
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, addrNoRandomize, 0, 0); errno != 0 {
		return call("personality", errno)
	}
	return nil
}

// tryCPUID allows CPUID, which it is already: ENODEV where it could not be forbidden.
func tryCPUID() error {
	if _, _, errno := unix.Syscall(unix.SYS_ARCH_PRCTL, archSetCPUID, 1, 0); errno != 0 {
		return call("CPUID faulting", errno)
	}
	return nil
}

// tryPMU opens a counter of branches in user mode, see perf_event_open(2).
func tryPMU() error {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return call("perf_event_open", err)
	}
	return unix.Close(fd)
}

// tryIDMap clones the mount of the state directory with the ID map of a child's user
// namespace, see mount_setattr(2).
func (h *Host) tryIDMap(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := h.command(ctx, hold, unix.CLONE_NEWUSER)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = h.idMap(cmd.Process.Pid)
	return errors.Join(err, stdin.Close(), cmd.Wait())
}

func (h *Host) idMap(pid int) error {
	userns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", pid))
	if err != nil {
		return err
	}
	defer func() { _ = userns.Close() }()
	tree, err := unix.OpenTree(unix.AT_FDCWD, h.State, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return call("open_tree", err)
	}
	defer func() { _ = unix.Close(tree) }()
	return call("mount_setattr", unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns.Fd()),
	}))
}
