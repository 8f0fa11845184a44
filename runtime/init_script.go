package runtime

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// script is what the command process does between fork and execve.
type script struct {
	calls []ns.Call
	names []string // of the calls
	keep  []any    // what their arguments point to
}

// call adds a call and returns it, to be qualified until the next one is added.
func (s *script) call(name string, nr uintptr, args ...uintptr) *ns.Call {
	c := ns.Call{Nr: nr}
	copy(c.Args[:], args)
	s.calls = append(s.calls, c)
	s.names = append(s.names, name)
	return &s.calls[len(s.calls)-1]
}

// ptr returns the address of a heap object that it keeps alive.
func ptr[T any](s *script, v *T) uintptr {
	s.keep = append(s.keep, v)
	return uintptr(unsafe.Pointer(v))
}

// text returns the address of a C string.
func (s *script) text(v string) (uintptr, error) {
	p, err := unix.BytePtrFromString(v)
	if err != nil {
		return 0, failure(InitConfig, "%q contains a zero byte: %w", v, err)
	}
	return ptr(s, p), nil
}

// vector returns the address of an array of C strings.
func (s *script) vector(v []string) (uintptr, error) {
	p, err := syscall.SlicePtrFromStrings(v)
	if err != nil {
		return 0, failure(InitConfig, "%q contains a zero byte: %w", v, err)
	}
	s.keep = append(s.keep, p)
	return uintptr(unsafe.Pointer(&p[0])), nil
}

// personality(2)
const addrNoRandomize = 0x0040000

// script writes down the life of the command process, which begins in a user
// namespace of its own as a user without a name, with all capabilities there.
func (b *boxInit) script(file string, goPipe [2]int) (*script, error) {
	s := new(script)
	p := b.req.Spec.Process

	// The write end is closed so that the death of the supervisor is the end of
	// the pipe. The byte says that the id maps are written and that the
	// supervisor has seized the process. It must come before the process becomes
	// the guest: until then it belongs to the supervisor's user and is dumpable,
	// so that seizing it needs no right over the guest's ids, and a program whose
	// file can't be read is held before the kernel hides it (ptrace(2), "access
	// mode checking"). What is not seized here never runs: without the byte the
	// script ends.
	s.call("close go pipe", unix.SYS_CLOSE, uintptr(goPipe[1]))
	s.call("wait for go", unix.SYS_READ, uintptr(goPipe[0]), ptr(s, new([8]byte)), 1).Min = 1

	uid, gid := uintptr(p.User.UID), uintptr(p.User.GID)
	s.call("setresgid", unix.SYS_SETRESGID, gid, gid, gid)
	s.call("setresuid", unix.SYS_SETRESUID, uid, uid, uid)
	if err := s.capabilities(p.Capabilities); err != nil {
		return nil, err
	}

	s.call("setsid", unix.SYS_SETSID)
	for i, fd := range b.stdio {
		s.call(fmt.Sprintf("descriptor %d", i), unix.SYS_DUP2, uintptr(fd), uintptr(i))
	}
	if p.Terminal {
		s.call("controlling terminal", unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0)
	}
	// Ours are close-on-exec one and all; this is for what is not ours. Before
	// Linux 5.11 closeOnExecAll did it.
	s.call("close_range", unix.SYS_CLOSE_RANGE, 3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC).Ignore = true

	cwd, err := s.text(p.Cwd)
	if err != nil {
		return nil, err
	}
	s.call(fmt.Sprintf("working directory %q", p.Cwd), unix.SYS_CHDIR, cwd)
	umask := uint32(0o022)
	if p.User.Umask != nil {
		umask = *p.User.Umask
	}
	s.call("umask", unix.SYS_UMASK, uintptr(umask&0o777))
	limits, err := limitsOf(p.Rlimits)
	if err != nil {
		return nil, err
	}
	for _, l := range limits {
		if l.resource == unix.RLIMIT_FSIZE {
			l.soft = min(l.soft, determinize.MaxFile)
		}
		s.call(l.name, unix.SYS_PRLIMIT64, 0, uintptr(l.resource), ptr(s, &unix.Rlimit{Cur: l.soft, Max: l.hard}), 0)
	}

	personality := uintptr(addrNoRandomize)
	if b.req.Randomize {
		personality = 0
	}
	s.call("personality", unix.SYS_PERSONALITY, personality)
	s.call("no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	if b.req.TSC {
		s.call("rdtsc", unix.SYS_PRCTL, unix.PR_SET_TSC, unix.PR_TSC_SIGSEGV)
	}
	// Changing the user made it undumpable.
	s.call("dumpable", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1)
	s.signals()

	if len(b.req.Filter) > 0 {
		if len(b.req.Filter) > unix.BPF_MAXINSNS {
			return nil, failure(InitConfig, "seccomp filter of %d instructions: %w", len(b.req.Filter), unix.E2BIG)
		}
		s.keep = append(s.keep, b.req.Filter)
		prog := &unix.SockFprog{Len: uint16(len(b.req.Filter)), Filter: &b.req.Filter[0]}
		s.call("seccomp", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, ptr(s, prog))
	}
	path, err := s.text(file)
	if err != nil {
		return nil, err
	}
	argv, err := s.vector(p.Args)
	if err != nil {
		return nil, err
	}
	env, err := s.vector(p.Env)
	if err != nil {
		return nil, err
	}
	s.call(fmt.Sprintf("execve %q", file), unix.SYS_EXECVE, path, argv, env)
	return s, nil
}

// signals makes every signal unblocked and not ignored.
func (s *script) signals() {
	dfl := ptr(s, new(sigaction))
	for sig := uintptr(1); sig <= 64; sig++ {
		if unix.Signal(sig) != unix.SIGKILL && unix.Signal(sig) != unix.SIGSTOP {
			s.call("signal", unix.SYS_RT_SIGACTION, sig, dfl, 0, 8)
		}
	}
	s.call("signal mask", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, ptr(s, new(uint64)), 0, 8)
}

// capabilities leaves the process those that the specification names, and no
// execve can bring back others. A user other than 0 has none after execve(2)
// unless they are ambient (capabilities(7)).
func (s *script) capabilities(want *specs.LinuxCapabilities) error {
	if want == nil {
		want = new(specs.LinuxCapabilities)
	}
	var sets [5]uint64
	for i, names := range [][]string{want.Effective, want.Permitted, want.Inheritable, want.Bounding, want.Ambient} {
		for _, name := range names {
			c, ok := oci.Capability(name)
			if !ok {
				return failure(InitConfig, "unknown capability %q: %w", name, unix.EINVAL)
			}
			sets[i] |= 1 << c
		}
	}
	effective, permitted, inheritable, bounding, ambient := sets[0], sets[1], sets[2], sets[3], sets[4]
	for c := uintptr(0); c < 64; c++ {
		// The kernel says EINVAL to those that it does not know. Our own set does
		// not matter: in a new user namespace the set is full.
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); err != nil || bounding&(1<<c) != 0 {
			continue
		}
		s.call("capability bounding set", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
	}
	hdr := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := new([2]unix.CapUserData)
	for i := range data {
		data[i] = unix.CapUserData{
			Effective:   uint32(effective >> (32 * i)),
			Permitted:   uint32(permitted >> (32 * i)),
			Inheritable: uint32(inheritable >> (32 * i)),
		}
	}
	s.call("capabilities", unix.SYS_CAPSET, ptr(s, hdr), ptr(s, data))
	s.call("ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	for c := uintptr(0); c < 64; c++ {
		if ambient&(1<<c) != 0 {
			s.call("ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c)
		}
	}
	return nil
}
