package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/seccomp"
)

// become makes this process the command: it takes on what the configuration says of the
// process, waits for start, and executes. It returns only an error.
func (s *stage) become() error {
	p := s.Spec.Process
	filter, flags, err := s.filter()
	if err != nil {
		return err
	}
	if err := s.setAttributes(p); err != nil {
		return err
	}
	if p.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("process.noNewPrivileges: %w", err)
		}
	}
	// A filter takes privileges, or that there never are new ones. With the latter it
	// comes last, and need not allow what happens here.
	if !p.NoNewPrivileges && s.Supervisor == 0 {
		if err := install(filter, flags); err != nil {
			return err
		}
		filter = nil
	}
	env := s.environ()
	// As the namespace's root, which may have to look where the user may not.
	entered := unix.Chdir(p.Cwd) == nil
	if err := s.setCredentials(p); err != nil {
		return err
	}
	if !entered {
		if err := unix.Chdir(p.Cwd); err != nil {
			return fmt.Errorf("chdir to cwd (%q) set in config.json failed: %w", p.Cwd, err)
		}
	}
	if err := checkCwd(); err != nil {
		return err
	}
	file, err := lookPath(p.Args[0], env)
	if err != nil {
		return err
	}
	mask := 0o022
	if p.User.Umask != nil {
		mask = int(*p.User.Umask)
	}
	syscall.Umask(mask)
	if err := ask(s.Socket, message{Step: stepReady}, -1); err != nil {
		return err
	}
	unix.Close(s.Socket)
	s.Socket = -1
	if !s.Exec {
		if err := s.waitForStart(); err != nil {
			return err
		}
	}
	if err := setRlimits(p.Rlimits); err != nil {
		return err
	}
	if s.Supervisor != 0 {
		err = s.executeTraced(file, p.Args, byName(env), filter, flags)
	} else {
		err = execute(file, p.Args, env, filter, flags)
	}
	if err != nil {
		return fmt.Errorf("exec %s: %w", file, err)
	}
	return nil
}

// setRlimits sets the limits of the command: this program may not work with them.
func setRlimits(list []specs.POSIXRlimit) error {
	for _, l := range list {
		resource, _ := oci.RlimitNumber(l.Type)
		// Not by the package, which would let Go's runtime know.
		new := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
		if _, _, e := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&new)), 0, 0, 0); e != 0 {
			return rlimitError(&l, e)
		}
	}
	return nil
}

// waitForStart waits until somebody writes to the FIFO, and runs the hooks that come then.
func (s *stage) waitForStart() error {
	b := make([]byte, 1)
	for {
		n, err := unix.Read(s.FIFO, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			return fmt.Errorf("wait for start: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		break
	}
	state := s.State
	state.Pid, state.Status = os.Getpid(), specs.ContainerState(oci.Created)
	return runHooks(s.Spec.Hooks, "startContainer", state)
}

// filter compiles the seccomp filter.
func (s *stage) filter() ([]unix.SockFilter, uint, error) {
	if s.Spec.Linux == nil {
		return nil, 0, nil
	}
	return seccomp.Compile(s.Spec.Linux.Seccomp)
}

// setAttributes sets what takes the privileges of the namespace's root.
func (s *stage) setAttributes(p *specs.Process) error {
	if err := s.setLabels(p); err != nil {
		return err
	}
	if sc := p.Scheduler; sc != nil {
		if err := setScheduler(sc); err != nil {
			return fmt.Errorf("process.scheduler: %w", err)
		}
	}
	if p.IOPriority != nil {
		const whoProcess = 1 // IOPRIO_WHO_PROCESS
		if _, _, e := unix.RawSyscall(unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(oci.IOPriority(p.IOPriority))); e != 0 {
			return fmt.Errorf("process.ioPriority: %w", e)
		}
	}
	l := s.Spec.Linux
	if l == nil {
		return nil
	}
	if l.Personality != nil {
		persona, _ := oci.Personality(l.Personality.Domain)
		if _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, uintptr(persona), 0, 0); e != 0 {
			return fmt.Errorf("linux.personality: %w", e)
		}
	}
	if l.MemoryPolicy != nil {
		mode, nodes := oci.MemoryPolicy(l.MemoryPolicy)
		var mask *uintptr
		if len(nodes) > 0 {
			mask = (*uintptr)(unsafe.Pointer(&nodes[0]))
		}
		bits := uintptr(len(nodes)) * unsafe.Sizeof(uintptr(0)) * 8
		if bits > 0 {
			bits++ // the kernel takes one off
		}
		if _, _, e := unix.RawSyscall(unix.SYS_SET_MEMPOLICY, uintptr(mode), uintptr(unsafe.Pointer(mask)), bits); e != 0 {
			return fmt.Errorf("linux.memoryPolicy: %w", e)
		}
	}
	return nil
}

func setScheduler(sc *specs.Scheduler) error {
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: sc.Nice, Priority: uint32(sc.Priority),
		Runtime: sc.Runtime, Deadline: sc.Deadline, Period: sc.Period}
	attr.Policy, _ = oci.SchedulerPolicy(sc.Policy)
	for _, name := range sc.Flags {
		flag, _ := oci.SchedulerFlag(name)
		attr.Flags |= flag
	}
	return unix.SchedSetAttr(0, attr, 0)
}

// setLabels has the next execve change the security label.
func (s *stage) setLabels(p *specs.Process) error {
	if p.ApparmorProfile != "" {
		if err := s.setLabel("apparmor/exec", "exec "+p.ApparmorProfile); errors.Is(err, unix.ENOENT) {
			err = s.setLabel("exec", "exec "+p.ApparmorProfile) // before Linux 5.8
			if err != nil {
				return fmt.Errorf("process.apparmorProfile: %w", err)
			}
		} else if err != nil {
			return fmt.Errorf("process.apparmorProfile: %w", err)
		}
	}
	if p.SelinuxLabel != "" {
		if err := s.setLabel("exec", p.SelinuxLabel); err != nil {
			return fmt.Errorf("process.selinuxLabel: %w", err)
		}
	}
	return nil
}

// setLabel writes a file of attr, proc_pid_attr(5), on what is a procfs.
func (s *stage) setLabel(name, label string) error {
	if s.proc < 0 {
		return fmt.Errorf("no procfs: %w", unix.ENOENT)
	}
	thread := strconv.Itoa(unix.Getpid()) + "/task/" + strconv.Itoa(unix.Gettid())
	if self, err := readLinkAt(s.proc, "thread-self"); err == nil {
		thread = self // as that procfs counts
	}
	fd, err := unix.Openat2(s.proc, thread+"/attr/"+name, &unix.OpenHow{
		Flags:   unix.O_WRONLY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(label))
	return err
}

func readLinkAt(dir int, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// setCredentials makes this thread the user's: it keeps no more capabilities than the
// configuration says.
func (s *stage) setCredentials(p *specs.Process) error {
	own, err := capabilities(p.Capabilities)
	if err != nil {
		return err
	}
	if err := own.Apply(capability.BOUNDING); err != nil {
		return fmt.Errorf("process.capabilities.bounding: %w", err)
	}
	if err := giveStdio(p); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	if err := setUser(&p.User); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	if err := s.setCapabilities(own); err != nil {
		return fmt.Errorf("process.capabilities: %w", err)
	}
	if err := own.Apply(capability.AMBIENT); err != nil {
		return fmt.Errorf("process.capabilities.ambient: %w", err)
	}
	return nil
}

// setCapabilities gives this thread the capabilities of the command. One that is traced, and whose programs may get new
// privileges, installs its filters by one of its own, which it gives up before the command.
func (s *stage) setCapabilities(own capability.Capabilities) error {
	const which, installs = capability.PERMITTED | capability.EFFECTIVE, capability.CAP_SYS_ADMIN
	p := s.Spec.Process
	if s.Supervisor == 0 || p.NoNewPrivileges || own.Get(capability.PERMITTED, installs) && own.Get(capability.EFFECTIVE, installs) {
		return own.Apply(capability.CAPS)
	}
	had := [...]bool{own.Get(capability.PERMITTED, installs), own.Get(capability.EFFECTIVE, installs)}
	own.Set(which, installs)
	if err := own.Apply(capability.CAPS); err != nil {
		return err
	}
	s.last = &lastCapabilities{hdr: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}
	if err := unix.Capget(&s.last.hdr, &s.last.data[0]); err != nil {
		return err
	}
	const bit = 1 << installs
	if !had[0] {
		s.last.data[0].Permitted &^= bit
	}
	if !had[1] {
		s.last.data[0].Effective &^= bit
	}
	return nil
}

// lastCapabilities are those that a thread sets last, as capset(2) takes them.
type lastCapabilities struct {
	hdr  unix.CapUserHeader
	data [2]unix.CapUserData
}

// capabilities are the sets of a configuration. Those that this kernel doesn't have are
// left out; without any sets there are none.
func capabilities(c *specs.LinuxCapabilities) (capability.Capabilities, error) {
	own, err := capability.NewPid2(0)
	if err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	last, err := capability.LastCap()
	if err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	own.Clear(capability.CAPS | capability.BOUNDS | capability.AMBS)
	if c == nil {
		return own, nil
	}
	for _, set := range []struct {
		which capability.CapType
		names []string
	}{
		{capability.BOUNDING, c.Bounding}, {capability.EFFECTIVE, c.Effective}, {capability.PERMITTED, c.Permitted},
		{capability.INHERITABLE, c.Inheritable}, {capability.AMBIENT, c.Ambient},
	} {
		for _, name := range set.names {
			known, ok := oci.Capability(name)
			if !ok || known > last {
				continue
			}
			// The kernel has no ambient ones that are not inheritable too: capabilities(7).
			// Clients ask for such, and runc goes without.
			if set.which == capability.AMBIENT && !(own.Get(capability.INHERITABLE, known) && own.Get(capability.PERMITTED, known)) {
				continue
			}
			own.Set(set.which, known)
		}
	}
	return own, nil
}

// setUser changes the IDs of this thread alone, which is all that is left of the process
// after execve.
func setUser(u *specs.User) error {
	groups := append([]uint32{}, u.AdditionalGids...)
	var first *uint32
	if len(groups) > 0 {
		first = &groups[0]
	}
	// Where setgroups is denied, rootless, groups that can't be dropped stay: they give
	// no more than the caller has.
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(first)), 0); e != 0 && (e != unix.EPERM || len(groups) > 0) {
		return fmt.Errorf("setgroups %v: %w", groups, e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID)); e != 0 {
		return fmt.Errorf("setgid %d: %w", u.GID, e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID)); e != 0 {
		return fmt.Errorf("setuid %d: %w", u.UID, e)
	}
	return nil
}

// giveStdio makes pipes and the like that are the command's standard streams its user's, so
// that it can open /dev/stdout. The null device stays everybody's.
func giveStdio(p *specs.Process) error {
	for fd := range 3 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			if err == unix.EBADF {
				continue
			}
			return fmt.Errorf("standard stream: %w", err)
		}
		if st.Uid == p.User.UID || st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3) {
			continue
		}
		err := unix.Fchown(fd, int(p.User.UID), -1)
		// Of another user namespace, or on a read-only file system: it stays as it is.
		if err != nil && err != unix.EINVAL && err != unix.EPERM && err != unix.EROFS {
			return fmt.Errorf("owner of a standard stream: %w", err)
		}
	}
	return nil
}

// checkCwd makes sure that the working directory is one of the container: a descriptor of
// the host's would lead out, CVE-2024-21626.
func checkCwd() error {
	dir, err := unix.Getwd()
	if err != nil || !strings.HasPrefix(dir, "/") {
		return fmt.Errorf("current working directory is outside of container mount namespace root -- possible container breakout: %w",
			errors.Join(err, unix.ENOENT))
	}
	return nil
}

// environ is the command's environment; HOME is the user's, if it is not set.
func (s *stage) environ() []string {
	env := s.Spec.Process.Env
	if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") && e != "HOME=" }) {
		return env
	}
	return append(slices.Clone(env), "HOME="+s.home(s.Spec.Process.User.UID))
}

// byName is an environment sorted by names: podman's has another order each time.
func byName(env []string) []string {
	name := func(e string) string {
		name, _, _ := strings.Cut(e, "=")
		return name
	}
	return slices.SortedStableFunc(slices.Values(env), func(a, b string) int { return strings.Compare(name(a), name(b)) })
}

// home is a user's directory, passwd(5).
func (s *stage) home(uid uint32) string {
	const none, limit = "/", 1 << 20
	fd, err := ns.OpenIn(s.root, "/etc/passwd", unix.O_RDONLY|unix.O_NONBLOCK, 0, 0)
	if err != nil {
		return none
	}
	f := os.NewFile(uintptr(fd), "passwd")
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return none
	}
	text, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return none
	}
	for line := range bytes.Lines(text) {
		fields := strings.Split(strings.TrimRight(string(line), "\n"), ":")
		if len(fields) > 5 && fields[2] == strconv.FormatUint(uint64(uid), 10) && fields[5] != "" {
			return fields[5]
		}
	}
	return none
}

// lookPath finds the command as its user would, in the words of os/exec, which clients of
// runc know.
func lookPath(name string, env []string) (string, error) {
	path := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			path = v
		}
	}
	if err := os.Setenv("PATH", path); err != nil {
		return "", err
	}
	file, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) {
		err = nil // PATH says that it is meant
	}
	if err != nil && errors.Is(err, exec.ErrNotFound) && !strings.Contains(name, "/") {
		return "", oci.NotFound(name)
	}
	return file, err
}

// install installs a seccomp filter; nil is none.
func install(filter []unix.SockFilter, flags uint) error {
	if len(filter) == 0 {
		return nil
	}
	prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if e := installRaw(prog, flags); e != 0 {
		return fmt.Errorf("linux.seccomp: %w", e)
	}
	return nil
}

func installRaw(prog *unix.SockFprog, flags uint) syscall.Errno {
	const setModeFilter = 1 // SECCOMP_SET_MODE_FILTER
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, setModeFilter, uintptr(flags), uintptr(unsafe.Pointer(prog)))
	return e
}

// execute installs the filter and executes the command, with nothing in between that the
// filter would have to allow.
func execute(file string, args, env []string, filter []unix.SockFilter, flags uint) error {
	path, err := unix.BytePtrFromString(file)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	if err := install(filter, flags); err != nil {
		return err
	}
	_, _, e := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
	return e
}
