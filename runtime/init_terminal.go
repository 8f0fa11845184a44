package runtime

import (
	"fmt"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// openTerminal makes a pseudo terminal in the box's devpts (pty(7)), whose slave
// becomes the guest's stdin, stdout and stderr and whose master the supervisor's.
func (b *boxInit) openTerminal() error {
	fail := func(err error) error { return fmt.Errorf("terminal in the box: %w", err) }
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(root)
	master, err := ns.OpenIn(root, "/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return fail(err)
	}
	b.terminal = master
	var fs unix.Statfs_t
	if err := unix.Fstatfs(master, &fs); err != nil {
		return fail(err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return fail(fmt.Errorf("/dev/pts is not a devpts: %w", unix.EINVAL))
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fail(fmt.Errorf("unlock: %w", err))
	}
	slave, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if e != 0 {
		return fail(fmt.Errorf("open slave: %w", e))
	}
	if err := unix.Fchown(int(slave), int(b.req.GuestHostID), int(b.req.GuestHostID)); err != nil {
		return fail(fmt.Errorf("give to the guest: %w", err))
	}
	size := b.req.Spec.Process.ConsoleSize
	if size == nil {
		size = &specs.Box{Height: 24, Width: 80}
	}
	ws := unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, slave, unix.TIOCSWINSZ, uintptr(unsafe.Pointer(&ws))); e != 0 {
		return fail(fmt.Errorf("set size: %w", e))
	}
	for i := range b.stdio {
		unix.Close(b.stdio[i])
		if b.stdio[i], err = unix.FcntlInt(slave, unix.F_DUPFD_CLOEXEC, initSocket+1); err != nil {
			return fail(err)
		}
	}
	return unix.Close(int(slave))
}
