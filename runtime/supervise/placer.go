package supervise

import (
	"fmt"
	"math"
	goruntime "runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/runtime"
)

// A placer is a process in a container's pid namespace that says which pid comes next. The
// container's processes do not see it: the engine shows only those that it traces. It executes
// no program: one takes longer to start than many a container lives.
//
// It has no file open but the socket, where somebody in the container with the privileges for that
// would find it: with each pid comes ns_last_pid, which it closes again.
type placer struct {
	child ns.Child
	sock  int
	file  int // ns_last_pid
	last  int // the greatest pid to place
	out   *transfer
}

// A transfer is a message with a descriptor, as sendmsg(2) and recvmsg(2) have it.
type transfer struct {
	msg     unix.Msghdr
	vec     unix.Iovec
	text    [messageSize]byte
	control struct {
		head unix.Cmsghdr
		fd   int32
		_    int32
	}
}

// newTransfer makes one with a descriptor; for recvmsg it may be any.
func newTransfer(fd int) *transfer {
	t := &transfer{}
	t.vec.Base = &t.text[0]
	t.vec.SetLen(len(t.text))
	t.msg.Iov = &t.vec
	t.msg.SetIovlen(1)
	t.msg.Control = (*byte)(unsafe.Pointer(&t.control))
	t.msg.SetControllen(int(unsafe.Sizeof(t.control)))
	t.control.head.SetLen(unix.CmsgLen(4))
	t.control.head.Level, t.control.head.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
	t.control.fd = int32(fd)
	return t
}

// messageSize is the length of what the placer and its supervisor tell each other: a number in
// decimal digits and white space.
const messageSize = 16

// newPlacer starts the placer of a container whose init has this pid.
func newPlacer(pid int) (*placer, error) {
	target, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("the container's pid namespace: %w", err)
	}
	defer unix.Close(target)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket to the placer: %w", err)
	}
	p := &placer{sock: pair[0], file: -1}
	// A thread whose children are elsewhere cannot come back from a user namespace: it ends. But
	// it waits for the placer first, without which the container's first process does not end.
	started := make(chan error)
	go func() {
		goruntime.LockOSThread()
		err := unix.Setns(target, unix.CLONE_NEWPID)
		if err != nil {
			err = fmt.Errorf("enter the container's pid namespace: %w", err)
		} else {
			p.child, err = placerScript(pair[1])
		}
		started <- err
		if err == nil {
			_ = p.child.Wait()
		}
	}()
	err = <-started
	unix.Close(pair[1])
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("placer of pids: %w", err)
	}
	// It begins with the namespace's kernel.pid_max.
	var most [messageSize]byte
	n, err := unix.Read(p.sock, most[:])
	max, nerr := strconv.Atoi(strings.Trim(string(most[:]), " \n\x00"))
	if err != nil || n != len(most) || nerr != nil {
		p.stop()
		return nil, fmt.Errorf("placer of pids: no answer: %w", unix.EPIPE)
	}
	p.last = min(max-1, prng.MaxPid)
	// Whose pids it is about is found out by who writes.
	if p.file, err = unix.Open("/proc/sys/kernel/ns_last_pid", unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
		p.stop()
		return nil, fmt.Errorf("placer of pids: ns_last_pid: %w", err)
	}
	p.out = newTransfer(p.file)
	return p, nil
}

// place has the next process of the container get a pid.
func (p *placer) place(pid int) error {
	text := p.out.text[:]
	for i := len(strconv.AppendInt(text[:0], int64(pid-1), 10)); i < len(text); i++ {
		text[i] = '\n'
	}
	send := func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall(unix.SYS_SENDMSG, uintptr(p.sock), uintptr(unsafe.Pointer(&p.out.msg)), unix.MSG_NOSIGNAL)
	}
	if e := runtime.Exchange(p.sock, text, send); e != 0 {
		return fmt.Errorf("place pid %d: %w", pid, e)
	}
	return nil
}

// stop ends it: it reads the end of the socket.
func (p *placer) stop() {
	unix.Close(p.sock)
	if p.file >= 0 {
		unix.Close(p.file)
	}
}

// placerScript starts a placer, which has the other end of the socket. First it sends what pid_max has; then it
// writes what it receives to the file that comes with it, and sends it back. When a call fails, and so when the
// socket is at its end, it ends.
func placerScript(sock int) (ns.Child, error) {
	const (
		null = 2 // the greatest of the standard streams, which lead nowhere
		file = null + 1
		here = math.MaxUint64 - 99 // AT_FDCWD
	)
	// Away from where the files come to be.
	sock, err := unix.FcntlInt(uintptr(sock), unix.F_DUPFD_CLOEXEC, file+1)
	if err != nil {
		return ns.Child{}, err
	}
	defer unix.Close(sock)
	var keep []any
	text := func(s string) uintptr {
		b := append([]byte(s), 0)
		keep = append(keep, b)
		return uintptr(unsafe.Pointer(&b[0]))
	}
	call := func(nr uintptr, args ...uintptr) ns.Call {
		c := ns.Call{Nr: nr}
		copy(c.Args[:], args)
		return c
	}
	in := newTransfer(-1)
	keep = append(keep, in)
	at := uintptr(unsafe.Pointer(&in.text))
	out := call(unix.SYS_WRITE, uintptr(sock), at, messageSize)
	out.Min = messageSize
	calls := []ns.Call{
		call(unix.SYS_PRCTL, unix.PR_SET_NAME, text("laplace-placer")),
		call(unix.SYS_CLOSE_RANGE, file, uintptr(sock)-1),
		call(unix.SYS_CLOSE_RANGE, uintptr(sock)+1, math.MaxUint32),
		call(unix.SYS_OPENAT, here, text("/proc/sys/kernel/pid_max"), unix.O_RDONLY),
		call(unix.SYS_READ, file, at, messageSize),
		call(unix.SYS_CLOSE, file),
	}
	calls = append(calls, hide(call, text)...)
	calls = append(calls, out)
	receive := call(unix.SYS_RECVMSG, uintptr(sock), uintptr(unsafe.Pointer(&in.msg)), 0)
	receive.Min = messageSize
	out.Again = len(calls) + 1
	calls = append(calls, receive, call(unix.SYS_PWRITE64, file, at, messageSize, 0), call(unix.SYS_CLOSE, file), out)
	return ns.ForkScript(unix.CLONE_NEWNS, calls, keep...)
}

// hide are the calls that take from the process, which is in a mount namespace of its own, all that there is of the
// host: the container's root may have the privileges to look at processes in its pid namespace, and their root
// directories, whatever /proc shows of them.
func hide(call func(nr uintptr, args ...uintptr) ns.Call, text func(string) uintptr) []ns.Call {
	empty := text("/proc") // a directory that is there
	tmpfs, slash, dot := text("tmpfs"), text("/"), text(".")
	return []ns.Call{
		call(unix.SYS_MOUNT, text(""), slash, text(""), unix.MS_REC|unix.MS_PRIVATE),
		call(unix.SYS_MOUNT, tmpfs, empty, tmpfs, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, text("size=4k")),
		call(unix.SYS_CHDIR, empty),
		// The old root comes to lie over the new one, and goes; pivot_root(2).
		call(unix.SYS_PIVOT_ROOT, dot, dot),
		call(unix.SYS_UMOUNT2, dot, unix.MNT_DETACH),
		call(unix.SYS_CHDIR, slash),
	}
}
