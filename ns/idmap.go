package ns

import (
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// WriteIDMaps writes the user and group id maps of a process that was just
// cloned into a user namespace of its own. proc is a procfs of the caller's
// pid namespace in which pid is the process. Without setgroups, setgroups(2)
// is denied in the namespace for good. Each map is written once, by a process
// that has CAP_SETUID and CAP_SETGID in the parent namespace
// (user_namespaces(7)).
func WriteIDMaps(proc, pid int, uids, gids []syscall.SysProcIDMap, setgroups bool) error {
	dir := strconv.Itoa(pid)
	if !setgroups {
		if err := writeProcFile(proc, dir+"/setgroups", []byte("deny")); err != nil {
			return err
		}
	}
	if err := writeProcFile(proc, dir+"/uid_map", formatIDMap(uids)); err != nil {
		return fmt.Errorf("map user ids %v: %w", uids, err)
	}
	if err := writeProcFile(proc, dir+"/gid_map", formatIDMap(gids)); err != nil {
		return fmt.Errorf("map group ids %v: %w", gids, err)
	}
	return nil
}

func formatIDMap(m []syscall.SysProcIDMap) []byte {
	var b []byte
	for _, e := range m {
		b = fmt.Appendf(b, "%d %d %d\n", e.ContainerID, e.HostID, e.Size)
	}
	return b
}

// maxID is one more than the greatest user or group id: -1 is none.
const maxID = 1<<32 - 1

// SwapIDs returns the map that exchanges a and b and keeps every other id.
// Used for an id-mapped mount (mount_setattr(2)) it shows b as the owner of
// what a owns without making any other owner unknown: with an unmapped owner a
// file could neither be written nor copied up by an overlay. a and b differ.
func SwapIDs(a, b uint32) []syscall.SysProcIDMap {
	low, high := int(min(a, b)), int(max(a, b))
	var m []syscall.SysProcIDMap
	keep := func(from, to int) {
		if from < to {
			m = append(m, syscall.SysProcIDMap{ContainerID: from, HostID: from, Size: to - from})
		}
	}
	keep(0, low)
	m = append(m, syscall.SysProcIDMap{ContainerID: low, HostID: high, Size: 1})
	keep(low+1, high)
	m = append(m, syscall.SysProcIDMap{ContainerID: high, HostID: low, Size: 1})
	keep(high+1, maxID)
	return m
}

// NewUserNS makes a user namespace with the given maps that no process is in,
// for MOUNT_ATTR_IDMAP, and returns a descriptor of it (close-on-exec, owned
// by the caller). proc is a procfs of the caller's pid namespace.
func NewUserNS(proc int, uids, gids []syscall.SysProcIDMap) (int, error) {
	// The namespace needs a process until it is open: one that waits for the
	// end of a pipe.
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("pipe for a user namespace: %w", err)
	}
	buf := new([8]byte)
	child, err := ForkScript(unix.CLONE_NEWUSER, []Call{
		{Nr: unix.SYS_CLOSE, Args: [6]uintptr{uintptr(p[1])}},
		{Nr: unix.SYS_READ, Args: [6]uintptr{uintptr(p[0]), addr(buf), 1}},
	}, buf)
	unix.Close(p[0])
	if err != nil {
		unix.Close(p[1])
		return -1, fmt.Errorf("new user namespace: %w", err)
	}
	fd := -1
	if err = WriteIDMaps(proc, child.PID, uids, gids, true); err == nil {
		fd, err = unix.Openat(proc, strconv.Itoa(child.PID)+"/ns/user", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	unix.Close(p[1])
	if werr := child.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, fmt.Errorf("new user namespace: %w", err)
	}
	return fd, nil
}
