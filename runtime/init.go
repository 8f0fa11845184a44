package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/runtime/rootfs"
)

// initError is a failure whose kind is known where it happens.
type initError struct {
	kind InitErrorKind
	err  error
}

func (e *initError) Error() string { return e.err.Error() }
func (e *initError) Unwrap() error { return e.err }

// failure makes an error of a kind.
func failure(kind InitErrorKind, format string, args ...any) error {
	return &initError{kind, fmt.Errorf(format, args...)}
}

// replyTo turns an error into a reply.
func replyTo(err error) InitReply {
	r := InitReply{Kind: InitInternal, Error: err.Error(), Hint: ns.Hint(err)}
	if r.Hint == "" && errors.Is(err, unix.ENOSYS) {
		r.Hint = "use Linux 5.6 or later, outside of a container that hides its system calls"
	}
	if r.Hint != "" {
		r.Kind = InitHost
	}
	if _, ok := errors.AsType[*rootfs.SubmountError](err); ok {
		r.Kind = InitSubmount
	}
	if e, ok := errors.AsType[*rootfs.IDMapError](err); ok {
		r.Kind, r.Owner = InitIDMap, e.UID
	}
	if e, ok := errors.AsType[*initError](err); ok {
		r.Kind = e.kind
	}
	return r
}

// InitMain is the first process of a box: what the program does instead of
// everything else when its argv[0] is InitName. It never returns.
//
// It is started by the supervisor, in new mount, pid, UTS, IPC, cgroup and,
// without the host's network, network namespaces that belong to the user
// namespace in which both are root. It composes the root file system, forks the
// command into one more user namespace, in which the guest is the only user,
// and stays as the box's reaper and placer of pids.
func InitMain() {
	// Credentials, CPU affinity and namespaces are a thread's.
	runtime.LockOSThread()
	// A collection would stop the loop of serve, or wait for it.
	debug.SetGCPercent(-1)
	// With one P, which this thread never gives away while it makes raw calls, the
	// runtime has no reason to start a thread: one would take the pid that is
	// being placed.
	runtime.GOMAXPROCS(1)
	syscall.Umask(0)
	unix.CloseOnExec(initSocket)

	b, err := newInit()
	if err == nil {
		err = b.start()
	}
	if err != nil {
		r := replyTo(err)
		if werr := WriteMessage(initSocket, r); werr != nil {
			fmt.Fprintf(os.Stderr, "%s: %v (%v)\n", InitName, err, werr)
		}
		os.Exit(ExitFailure)
	}
	b.serve()
}

// boxInit is what init knows of its box.
type boxInit struct {
	req      InitRequest
	stdio    [3]int // the guest's
	terminal int    // master, or -1
	proc     int    // procfs of the box, attached nowhere
	lastPID  int    // ns_last_pid, for writing
	pidMax   int    // that of InitReply
}

// newInit reads the request.
func newInit() (*boxInit, error) {
	b := &boxInit{terminal: -1}
	fds, err := ReadMessage(initSocket, &b.req)
	if err != nil {
		return nil, fmt.Errorf("init request: %w", err)
	}
	if len(fds) != len(b.stdio) {
		return nil, failure(InitConfig, "init request with %d descriptors instead of %d: %w", len(fds), len(b.stdio), unix.EINVAL)
	}
	copy(b.stdio[:], fds)
	return b, b.validate()
}

// validate refuses requests that can't be honoured.
func (b *boxInit) validate() error {
	invalid := func(format string, args ...any) error {
		return failure(InitConfig, format+": %w", append(args, unix.EINVAL)...)
	}
	s := b.req.Spec
	switch {
	case s == nil || s.Process == nil:
		return invalid("configuration without a process")
	case len(s.Process.Args) == 0 || s.Process.Args[0] == "":
		return invalid("process without a command")
	case !path.IsAbs(s.Process.Cwd):
		return invalid("working directory %q is not absolute", s.Process.Cwd)
	case len(s.Process.User.AdditionalGids) > 0:
		return invalid("additional groups: a box has one user and one group")
	case b.req.Network != NetworkNone && b.req.Network != NetworkHost:
		return invalid("network %q", b.req.Network)
	}
	return nil
}

// start makes the box and forks the command.
func (b *boxInit) start() error {
	// What the supervisor's caller left open, or ignored, is not the box's.
	if err := closeOnExecAll(); err != nil {
		return err
	}
	// setgroups(2) is denied in the guest's user namespace; groups that can't
	// be dropped (rootless) stay, and give the guest no more than its user has.
	if err := syscall.Setgroups(nil); err != nil && err != syscall.EPERM {
		return fmt.Errorf("drop supplementary groups: %w", err)
	}
	if err := b.isolate(); err != nil {
		return err
	}
	var err error
	if b.proc, err = ns.OpenProc(); err != nil {
		return err
	}
	// For writing, before /proc/sys becomes read-only; and by this procfs,
	// which nothing is mounted on.
	if b.lastPID, err = unix.Openat(b.proc, "sys/kernel/ns_last_pid", unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
		return lastPIDError(err)
	}
	if b.pidMax, err = b.readPIDMax(); err != nil {
		return err
	}
	if err := b.compose(); err != nil {
		return err
	}
	b.deafen()
	return b.launch()
}

// deafen leaves init without a handler for any signal. As first process of a pid
// namespace it is immune to every signal that it has no handler for
// (pid_namespaces(7)): the guest, whose user may own it, must not have a handler
// to call. It is done before there is a guest.
func (b *boxInit) deafen() {
	for sig := 1; sig <= 64; sig++ {
		if s := unix.Signal(sig); s != unix.SIGKILL && s != unix.SIGSTOP && s != unix.SIGCHLD {
			_ = setSignal(s, sigDfl) // can't fail for these
		}
	}
}

// isolate sets up the namespaces other than that of mounts.
func (b *boxInit) isolate() error {
	// The kernel reaps what is orphaned in the box and ends there. The status
	// of a traced process goes to its tracer all the same.
	if err := setSignal(unix.SIGCHLD, sigIgn); err != nil {
		return fmt.Errorf("ignore SIGCHLD: %w", err)
	}
	s := b.req.Spec
	if s.Hostname != "" {
		if err := unix.Sethostname([]byte(s.Hostname)); err != nil {
			return failure(InitConfig, "set hostname %q: %w", s.Hostname, err)
		}
	}
	domain := s.Domainname
	if domain == "" {
		domain = "(none)" // the kernel's own default; else the host's is inherited
	}
	if err := unix.Setdomainname([]byte(domain)); err != nil {
		return failure(InitConfig, "set domainname %q: %w", domain, err)
	}
	if b.req.Network == NetworkNone {
		if err := ns.LoopbackUp(); err != nil {
			return err
		}
	}
	return nil
}

func (b *boxInit) compose() error {
	s := b.req.Spec
	c := rootfs.Config{
		Proc:     b.proc,
		Mounts:   s.Mounts,
		Extra:    b.req.Extra,
		Readonly: s.Root == nil || s.Root.Readonly,
		Guest:    b.req.GuestHostID,
		UID:      s.Process.User.UID,
		GID:      s.Process.User.GID,
	}
	if s.Linux != nil {
		c.ReadonlyPaths, c.MaskedPaths = s.Linux.ReadonlyPaths, s.Linux.MaskedPaths
	}
	if b.req.SysCPUs > 0 {
		c.Extra.Append(sysfs(b.req.SysCPUs))
	}
	return rootfs.Compose(c)
}

// sysfs is the content of /sys. Its directories are what is made on the way to
// its files.
func sysfs(cpus int) (x rootfs.Extra) {
	for _, n := range procfs.Sys(procfs.Box{CPUs: cpus}) {
		if n.Kind == procfs.File {
			x.Files = append(x.Files, rootfs.File{Path: "/sys/" + n.Path, Content: []byte(n.Content), Mode: n.Perm()})
		}
	}
	return x
}

// launch forks the command process up to the point where the supervisor lets it
// go, and tells the supervisor.
func (b *boxInit) launch() error {
	if s := b.req.Spec; s.Process.Terminal {
		if err := b.openTerminal(); err != nil {
			return err
		}
	}
	if err := b.giveStdio(); err != nil {
		return err
	}
	file, err := b.lookCommand()
	if err != nil {
		return err
	}
	if b.req.CPU >= 0 {
		var set unix.CPUSet
		set.Set(b.req.CPU)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("run on CPU %d: %w", b.req.CPU, err)
		}
	}
	if err := raiseHard(b.req.Spec.Process.Rlimits); err != nil {
		return err
	}
	var goPipe [2]int
	if err := unix.Pipe2(goPipe[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("go pipe: %w", err)
	}
	s, err := b.script(file, goPipe)
	if err != nil {
		return err
	}
	for _, last := range []int{b.req.LastPID, b.req.PID - 1} {
		if last <= 0 {
			continue
		}
		if e := b.setLastPID(uint32(last)); e != 0 {
			return lastPIDError(e)
		}
	}
	child, err := ns.ForkScript(unix.CLONE_NEWUSER, s.calls, s.keep...)
	if err != nil {
		// The box's own /proc may be anywhere.
		if cerr := unix.Fchdir(b.proc); cerr != nil {
			return errors.Join(err, cerr)
		}
		return ns.Host{Proc: os.DirFS(".")}.Diagnose("fork the command into its user namespace", err)
	}
	if b.req.PID > 1 && child.PID != b.req.PID {
		return fmt.Errorf("the command's pid is %d instead of %d: %w", child.PID, b.req.PID, unix.EEXIST)
	}
	user := b.req.Spec.Process.User
	// setgroups is denied even where it need not be: what the guest may do must
	// not depend on who runs the box.
	err = ns.WriteIDMaps(b.proc, child.PID,
		[]syscall.SysProcIDMap{{ContainerID: int(user.UID), HostID: int(b.req.GuestHostID), Size: 1}},
		[]syscall.SysProcIDMap{{ContainerID: int(user.GID), HostID: int(b.req.GuestHostID), Size: 1}}, false)
	if err != nil {
		return &ns.Error{Op: "map the guest's ids", Err: err,
			Hint: "the ids from 1879048192 on must exist in the caller's user namespace: run as an ordinary user, or in a container with a larger id map"}
	}
	fds := []int{child.FD, goPipe[1], child.Report}
	if b.terminal >= 0 {
		fds = append(fds, b.terminal)
	}
	reply := InitReply{OK: true, PID: child.PID, PIDMax: b.pidMax, Path: file, Steps: s.names}
	if err := WriteMessage(initSocket, reply, fds...); err != nil {
		return err
	}
	// The command's streams must end with the command, not with init.
	for _, fd := range append(append(fds, goPipe[0], b.proc), b.stdio[:]...) {
		unix.Close(fd)
	}
	return nil
}

// giveStdio makes pipes that are the guest's stdin, stdout or stderr the guest's
// own, so that it can open /dev/stdout. Those of its own user it can anyway.
func (b *boxInit) giveStdio() error {
	for _, fd := range b.stdio {
		var s unix.Statfs_t
		if err := unix.Fstatfs(fd, &s); err != nil {
			return fmt.Errorf("standard stream: %w", err)
		}
		if b.req.GuestHostID == 0 || s.Type != unix.PIPEFS_MAGIC {
			continue
		}
		if err := unix.Fchown(fd, int(b.req.GuestHostID), int(b.req.GuestHostID)); err != nil {
			return fmt.Errorf("give a standard stream to the guest: %w", err)
		}
	}
	return nil
}

// closeOnExecAll makes sure that no descriptor outlives the command's execve.
func closeOnExecAll() error {
	err := unix.CloseRange(initSocket, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	// Before Linux 5.11.
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list descriptors: %w", err)
	}
	for _, e := range dir {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= initSocket {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

func lastPIDError(err error) error {
	return &ns.Error{Op: "place pids (ns_last_pid)", Err: err,
		Hint: "use a kernel built with CONFIG_CHECKPOINT_RESTORE"}
}

// lowPIDMax, which tests set when they link, is what readPIDMax finds in its place.
var lowPIDMax string

// readPIDMax reads kernel.pid_max of the box's PID namespace. It is not raised: where
// that can be less than PID_MAX_LIMIT it is the host's, and would stay so.
func (b *boxInit) readPIDMax() (int, error) {
	const name = "sys/kernel/pid_max"
	fd, err := unix.Openat(b.proc, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	var buf [32]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	limit, err := strconv.Atoi(cmp.Or(lowPIDMax, strings.TrimSpace(string(buf[:n]))))
	if err != nil || limit <= commandPID {
		return 0, fmt.Errorf("%s is %q: %w", name, buf[:n], unix.EINVAL)
	}
	return limit, nil
}

// serve places pids until the supervisor is gone: four bytes in, the last pid;
// four bytes out, the errno, both little-endian. Placing a pid is part of the
// price of every fork in the box. The scheduler of Go is told of no call here:
// where it saw this thread block it might start another one, which would take
// the pid just placed.
func (b *boxInit) serve() {
	var in [4]byte
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, initSocket, uintptr(unsafe.Pointer(&in)), uintptr(len(in)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 || n != uintptr(len(in)) {
			os.Exit(0)
		}
		e = b.setLastPID(uint32(in[0]) | uint32(in[1])<<8 | uint32(in[2])<<16 | uint32(in[3])<<24)
		out := [4]byte{byte(e), byte(e >> 8)}
		if n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, initSocket, uintptr(unsafe.Pointer(&out)), 4, unix.MSG_NOSIGNAL, 0, 0); e != 0 || n != 4 {
			os.Exit(0)
		}
	}
}

// setLastPID writes ns_last_pid, without allocating.
func (b *boxInit) setLastPID(pid uint32) unix.Errno {
	var buf [10]byte
	text := strconv.AppendUint(buf[:0], uint64(pid), 10)
	_, _, e := unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(b.lastPID), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), 0, 0, 0)
	return e
}

// Dispositions of rt_sigaction(2).
const (
	sigDfl = 0
	sigIgn = 1
)

// sigaction is the kernel's struct sigaction on x86-64.
type sigaction struct {
	handler, flags, restorer, mask uintptr
}

// setSignal sets a disposition behind the back of the Go runtime.
func setSignal(sig unix.Signal, handler uintptr) error {
	a := sigaction{handler: handler}
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&a)), 0, 8, 0, 0); e != 0 {
		return e
	}
	return nil
}
