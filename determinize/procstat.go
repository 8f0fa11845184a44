package determinize

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// signalSets is what /proc/PID/status tells of a task's signals; bit n-1 is
// signal n.
type signalSets struct {
	pending, blocked, ignored, caught uint64
}

// signalState reads a task's signal sets. ok is false when the task is gone.
func (e *engine) signalState(t *task) (s signalSets, ok bool) {
	b, errno := e.readProc(strconv.Itoa(t.pid) + "/status")
	if errno != 0 {
		return s, false
	}
	for line := range bytes.Lines(b) {
		key, val, found := bytes.Cut(line, []byte(":\t"))
		if !found || len(key) != 6 {
			continue
		}
		var dst *uint64
		switch string(key) {
		case "SigPnd", "ShdPnd":
			dst = &s.pending
		case "SigBlk":
			dst = &s.blocked
		case "SigIgn":
			dst = &s.ignored
		case "SigCgt":
			dst = &s.caught
		default:
			continue
		}
		v, err := strconv.ParseUint(string(bytes.TrimSpace(val)), 16, 64)
		if err == nil {
			*dst |= v
		}
	}
	return s, true
}

// readProc reads a small file of the host's /proc, in scratch memory that the
// next call reuses.
func (e *engine) readProc(path string) ([]byte, unix.Errno) {
	fd, err := unix.Openat(e.procFD(), path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer unix.Close(fd)
	if len(e.buf) < 1<<16 {
		e.buf = make([]byte, 1<<16)
	}
	n := 0
	for n < len(e.buf) {
		k, err := unix.Read(fd, e.buf[n:])
		if err != nil {
			return nil, errnoOf(err)
		}
		if k == 0 {
			break
		}
		n += k
	}
	return e.buf[:n], 0
}

// errnoOf is the errno in an error of package unix.
func errnoOf(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(unix.Errno); ok {
		return e
	}
	return unix.EIO
}
