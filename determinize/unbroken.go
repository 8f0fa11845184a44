package determinize

import "golang.org/x/sys/unix"

// Calls on files that the engine makes for the guest may be broken off by the signals that
// wake its thread: an overlay that copies a file up says EINTR. They are made again.

func unbroken(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func renameat(from int, a string, to int, b string) error {
	return unbroken(func() error { return unix.Renameat(from, a, to, b) })
}

func renameat2(from int, a string, to int, b string, flags uint) error {
	return unbroken(func() error { return unix.Renameat2(from, a, to, b, flags) })
}

func mkdirat(dir int, name string, mode uint32) error {
	return unbroken(func() error { return unix.Mkdirat(dir, name, mode) })
}

func unlinkat(dir int, name string, flags int) error {
	return unbroken(func() error { return unix.Unlinkat(dir, name, flags) })
}

func linkat(from int, a string, to int, b string, flags int) error {
	return unbroken(func() error { return unix.Linkat(from, a, to, b, flags) })
}

func fchmod(fd int, mode uint32) error {
	return unbroken(func() error { return unix.Fchmod(fd, mode) })
}

func fchmodat(dir int, path string, mode uint32) error {
	return unbroken(func() error { return unix.Fchmodat(dir, path, mode, 0) })
}

// openFile is open(2), with O_CLOEXEC.
func openFile(path string, flags int) (fd int, err error) {
	err = unbroken(func() error {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}
