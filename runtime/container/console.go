package container

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// checkConsole returns an error where somebody would wait for a terminal in vain, or
// nobody for one that there is.
func checkConsole(p *specs.Process, o *Options) error {
	switch {
	case p.Terminal && o.ConsoleSocket == "" && o.Terminal == nil:
		return oci.ErrNoConsoleSocket
	case o.ConsoleSocket != "" && (!p.Terminal || o.Terminal != nil):
		return oci.ErrConsoleSocket
	}
	return nil
}

// handConsole hands the master of a terminal to whoever holds it from now on, and the other end to the
// supervisor, which may be nil. The descriptor comes from a process in the container: it must be what it is said
// to be.
func handConsole(o *Options, fd int, sv *supervisor) error {
	if fd < 0 {
		return fmt.Errorf("init sent no terminal: %w", unix.EPROTO)
	}
	if _, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN); err != nil {
		return fmt.Errorf("what init sent is no terminal: %w", err)
	}
	if sv != nil {
		if err := sv.watch(fd); err != nil {
			return err
		}
	}
	if o.Terminal != nil {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		return o.Terminal(own)
	}
	if err := sendDescriptor(o.ConsoleSocket, fd, "/dev/ptmx"); err != nil {
		return fmt.Errorf("console socket: %w", err)
	}
	return nil
}

// sendDescriptor sends a descriptor, and a name for it, to a listening Unix socket.
func sendDescriptor(path string, fd int, name string) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if err := unix.Connect(s, &unix.SockaddrUnix{Name: path}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := unix.Sendmsg(s, []byte(name), unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// A terminal is the pair of a pseudoterminal's ends.
type terminal struct{ master, slave int }

// openTerminal makes a terminal of the devpts that is mounted below a root. Nothing is
// opened by a name that the container could have changed but ptmx, which must be one.
func openTerminal(root int, p *specs.Process) (*terminal, error) {
	master, err := ns.OpenIn(root, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	t := &terminal{master, -1}
	if err := t.unlock(p); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *terminal) unlock(p *specs.Process) error {
	var st unix.Stat_t
	if err := unix.Fstat(t.master, &st); err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(5, 2) {
		return fmt.Errorf("/dev/ptmx is not the multiplexer of terminals: %w", unix.ENODEV)
	}
	if err := unix.SetNonblock(t.master, false); err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(t.master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock terminal: %w", err)
	}
	var err error
	if t.slave, err = ioctl(t.master, unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("open terminal: %w", err)
	}
	if size := p.ConsoleSize; size != nil {
		w := &unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
		if err := unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, w); err != nil {
			return fmt.Errorf("size of terminal: %w", err)
		}
	}
	if err := unix.Fchown(t.slave, int(p.User.UID), -1); err != nil {
		return fmt.Errorf("owner of terminal: %w", err)
	}
	return nil
}

// take makes the terminal the standard streams, and the controlling terminal, of this
// process.
func (t *terminal) take() error {
	for fd := range 3 {
		if err := unix.Dup3(t.slave, fd, 0); err != nil {
			return fmt.Errorf("terminal as descriptor %d: %w", fd, err)
		}
	}
	if err := unix.IoctlSetInt(0, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("controlling terminal: %w", err)
	}
	return nil
}

func (t *terminal) close() { closeAll([]int{t.master, t.slave}) }

// ioctl is ioctl(2) with a number, which returns one.
func ioctl(fd int, request, arg uintptr) (int, error) {
	r, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg)
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}
