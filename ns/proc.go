package ns

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenProc makes a new procfs of the caller's pid namespace and returns a
// descriptor of its root directory (close-on-exec, owned by the caller). It is
// attached nowhere, so that nothing mounted anywhere can stand in for it, and
// what is opened below it is what procfs says it is.
//
// A user namespace's root is only allowed it where an unobscured procfs is
// mounted already: in many containers none is. The error then is an *Error.
// Linux 5.2, fsopen(2).
func OpenProc() (int, error) {
	ctx, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err == unix.ENOSYS {
		return -1, fmt.Errorf("fsopen proc: %w", err)
	}
	if err != nil {
		return -1, procError(err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, procError(err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, procError(err)
	}
	return fd, nil
}

func procError(err error) error {
	return &Error{
		Op:   "mount procfs for the box",
		Hint: "inside a container, run it with an unmasked /proc (docker: --security-opt systempaths=unconfined; podman: --security-opt unmask=ALL)",
		Err:  err,
	}
}

// IsProc says whether a descriptor is of a file on a procfs (fstatfs(2)).
func IsProc(fd int) bool {
	var s unix.Statfs_t
	return unix.Fstatfs(fd, &s) == nil && s.Type == unix.PROC_SUPER_MAGIC
}

// openProcFile opens a file of a procfs without following a symbolic link or
// crossing a mount.
func openProcFile(proc int, path string, flags int) (int, error) {
	return unix.Openat2(proc, path, &unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
}

// PIDOf returns the process id, as the procfs behind /proc shows it, of the
// process that a pidfd refers to: the way to learn one's own name for a
// process of another pid namespace. It is -1 once the process has been reaped
// and 0 where it is not visible here.
func PIDOf(pidfd int) (int, error) {
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return 0, fmt.Errorf("pid of a pidfd: %w", err)
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("Pid:")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	return 0, fmt.Errorf("pid of a pidfd: descriptor %d: %w", pidfd, unix.EBADF)
}

// writeProcFile writes a small file of a procfs in one write(2), as the kernel
// demands of id maps.
func writeProcFile(proc int, path string, b []byte) error {
	fd, err := openProcFile(proc, path, unix.O_WRONLY)
	if err != nil {
		return fmt.Errorf("open /proc/%s: %w", path, err)
	}
	defer unix.Close(fd)
	switch n, err := unix.Write(fd, b); {
	case err != nil:
		return fmt.Errorf("write /proc/%s: %w", path, err)
	case n != len(b):
		return fmt.Errorf("write /proc/%s: %w", path, io.ErrShortWrite)
	}
	return nil
}
