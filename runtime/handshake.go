package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime/rootfs"
)

// The protocol between supervisor and init, over a Unix stream socket that is
// init's descriptor 3:
//
//  1. The supervisor sends one InitRequest, with the guest's stdin, stdout and
//     stderr as descriptors.
//  2. Init sends one InitReply. If it is OK, these descriptors go with it: a
//     pidfd of the command, the write end of the go pipe, the read end of the
//     report pipe, and, if the process has a terminal, the terminal's master.
//  3. The supervisor seizes the command, writes one byte to the go pipe, and
//     learns from the report pipe, or the exec stop, how it went.
//  4. From then on each PlacePID is four bytes there and four back.
//  5. The end of the socket ends init, and with it the box.

// InitName is the argv[0] that makes the program an init: see InitMain.
const InitName = "laplace-init"

// initSocket is init's descriptor of the socket.
const initSocket = 3

// InitRequest is what a box is made of.
type InitRequest struct {
	// Spec is read for Process (args, env, cwd, user, capabilities, rlimits,
	// terminal and its size), Root.Readonly, Hostname, Domainname, Mounts,
	// Linux.ReadonlyPaths and Linux.MaskedPaths. Of a mount's types and options
	// see rootfs.Config.
	Spec *specs.Spec
	// Extra are the entries of the root that are not mounts.
	Extra rootfs.Extra
	// SysCPUs is how many CPUs the files in /sys tell of; there are none if 0.
	// Init makes them itself: they are hundreds, too many to send.
	SysCPUs int
	// Filter is the seccomp program, installed last; none if empty.
	Filter Filter
	// GuestHostID is the host id, in the supervisor's user namespace, that the
	// guest's user and group map to: 0 rootless.
	GuestHostID uint32
	// TSC makes rdtsc raise SIGSEGV (PR_SET_TSC).
	TSC bool
	// Network is "none", with lo up, or "host", which is left as it is.
	Network string
	// CPU is the only CPU that the command, and the thread of init that places
	// pids, may run on; none in particular if negative.
	CPU int
	// LastPID is the process id after which the box's are given, where nobody asks
	// for another; as many as there are processes already if 0.
	LastPID int
	// PID is the process id that the command gets in the box; any if 0.
	PID int
	// Randomize leaves the address space as random as the host has it.
	Randomize bool
}

// Networks of an InitRequest.
const (
	NetworkNone = "none"
	NetworkHost = "host"
)

// InitErrorKind says what the supervisor can do about init's failure.
type InitErrorKind string

// Kinds of init's failure.
const (
	InitNotFound      InitErrorKind = "not-found"      // the command: exit status 127
	InitNotExecutable InitErrorKind = "not-executable" // the command: 126
	InitCwd           InitErrorKind = "cwd"            // the working directory is not there or not the guest's to enter
	InitIDMap         InitErrorKind = "idmap"          // try again with GuestHostID = InitReply.Owner
	InitSubmount      InitErrorKind = "submount"       // a directory has a mount below it
	InitConfig        InitErrorKind = "config"         // the request asks for what can't be
	InitHost          InitErrorKind = "host"           // the host refuses; see the hint
	InitInternal      InitErrorKind = "internal"       // anything else
)

// InitReply is what became of a request.
type InitReply struct {
	OK bool
	// Kind, Error and Hint say what failed; Hint may be empty.
	Kind  InitErrorKind
	Error string
	Hint  string
	// Owner is the owner of the directory of an InitIDMap.
	Owner uint32
	// PID is the command's process id in the box.
	PID int
	// PIDMax is what all process ids of the box are below: its PID namespace's own
	// kernel.pid_max, before Linux 6.14 the host's.
	PIDMax int
	// Path is the command's executable as a path in the box; relative to the
	// working directory if it was found that way.
	Path string
	// Steps name the calls that the command process makes before it is the
	// command, by the index of ns.ScriptError.
	Steps []string
}

// Filter is a classic BPF program for seccomp(2).
type Filter []unix.SockFilter

// maxMessage bounds a message of the handshake, in bytes.
const maxMessage = 64 << 20

// WriteMessage sends v, in the form of encode, with descriptors, which stay the
// caller's.
func WriteMessage(sock int, v any, fds ...int) error {
	b, err := encode(make([]byte, 4, 4<<10), v)
	if err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	size := len(b) - 4
	if size > maxMessage {
		return fmt.Errorf("write message of %d bytes: %w", size, unix.EMSGSIZE)
	}
	binary.LittleEndian.PutUint32(b, uint32(size))
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	for len(b) > 0 {
		n, err := unix.SendmsgN(sock, b, oob, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write message: %w", err)
		}
		b, oob = b[n:], nil
	}
	return nil
}

// maxFDs is the most descriptors that go with a message: SCM_MAX_FD of the kernel's
// net/scm.h.
const maxFDs = 253

// ReadMessage receives what WriteMessage sent into v, which points to a zero
// value of the same type. The caller owns the
// descriptors (close-on-exec). The error is io.EOF if the other side is gone.
func ReadMessage(sock int, v any) (fds []int, err error) {
	defer func() {
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			fds = nil
		}
	}()
	read := func(b []byte) error {
		oob := make([]byte, unix.CmsgSpace(4*maxFDs))
		for got := 0; got < len(b); {
			n, oobn, flags, _, err := unix.Recvmsg(sock, b[got:], oob, unix.MSG_CMSG_CLOEXEC)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return fmt.Errorf("read message: %w", err)
			}
			more, err := parseRights(oob[:oobn])
			fds = append(fds, more...)
			switch {
			case err != nil:
				return fmt.Errorf("read message: %w", err)
			case flags&unix.MSG_CTRUNC != 0:
				return fmt.Errorf("read message: descriptors lost: %w", unix.EMFILE)
			case n == 0 && got == 0:
				return io.EOF
			case n == 0:
				return io.ErrUnexpectedEOF
			}
			got += n
		}
		return nil
	}
	var size [4]byte
	if err := read(size[:]); err != nil {
		return fds, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n > maxMessage {
		return fds, fmt.Errorf("read message of %d bytes: %w", n, unix.EMSGSIZE)
	}
	body := make([]byte, n)
	if err := read(body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fds, err
	}
	if err := decode(body, v); err != nil {
		return fds, fmt.Errorf("read message: %w", err)
	}
	return fds, nil
}

func parseRights(oob []byte) (fds []int, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

// InitCommand prepares the start of an init in new namespaces and returns the
// supervisor's end of its socket (close-on-exec, the caller's) and init's, which
// the caller closes after starting it. stderr is where init's own crash would
// be seen; the guest never gets it.
func InitCommand(network string, stderr *os.File) (cmd *exec.Cmd, sock int, end *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, nil, fmt.Errorf("socket for init: %w", err)
	}
	end = os.NewFile(uintptr(pair[1]), "init")
	cmd = &exec.Cmd{
		Path: "/proc/self/exe",
		Args: []string{InitName},
		// Not ours. A thread that is long in one call is not to be prodded.
		Env:        []string{"GODEBUG=asyncpreemptoff=1"},
		Dir:        "/",
		ExtraFiles: []*os.File{end}, // becomes initSocket
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP,
		},
	}
	if stderr != nil {
		cmd.Stderr = stderr
	}
	if network != NetworkHost {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	}
	return cmd, pair[0], end, nil
}

// PlacePID sets the last process id that was given out in the box's pid
// namespace to last: the next fork gets last+1, or the next free one. It makes
// two system calls and allocates nothing; the caller's thread blocks meanwhile.
// EPIPE: init is gone.
//
// It must not be called from two threads at once.
func PlacePID(sock int, last uint32) unix.Errno {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], last)
	send := func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall6(unix.SYS_SENDTO, uintptr(sock), uintptr(unsafe.Pointer(&b)), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	}
	if e := Exchange(sock, b[:], send); e != 0 {
		return e
	}
	return unix.Errno(binary.LittleEndian.Uint32(b[:]))
}

// Exchange has send, a raw call, send b over a stream socket, and overwrites it by as many bytes
// that come back. It makes two system calls and allocates nothing; the caller's thread blocks
// meanwhile. EPIPE: nobody is there any more.
func Exchange(sock int, b []byte, send func() (n, _ uintptr, e unix.Errno)) unix.Errno {
	size := uintptr(len(b))
	for {
		n, _, e := send()
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return e
		}
		if n != size {
			return unix.EPIPE
		}
		break
	}
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(sock), uintptr(unsafe.Pointer(&b[0])), size, unix.MSG_WAITALL, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return e
		}
		if n != size {
			return unix.EPIPE
		}
		return 0
	}
}
