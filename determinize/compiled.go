package determinize

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// A compiled Python module carries the modification time and the size of its
// source (PEP 552), and Python compiles anew what does not carry those that it
// sees: here, where all that was there before has one date, every module, in
// every process. So a compiled file that is fresh by the host's times is shown
// with the time that its source is shown with. One that is not stays as it is,
// and is not used, as natively.

// Offsets in the header of a .pyc file.
const (
	pycFlags  = 4 // 0: it goes by the source's time
	pycTime   = 8
	pycSize   = 12
	pycHeader = 16
)

// dateCompiled prepares a file that is being opened for reading, at which w
// leads, for being shown with another time in its header.
func (e *engine) dateCompiled(w where, st *unix.Stat_t) {
	n := e.fs.Find(st)
	if n != nil && n.Made || !strings.HasSuffix(w.raw, ".pyc") {
		return
	}
	path, errno := e.canonical(w, true)
	if errno != 0 {
		return
	}
	source, ok := sourceOf(path)
	if m, _ := e.fs.MountOf(path); !ok || !m.Host {
		return
	}
	if n == nil {
		n = e.inode(st, func() (string, unix.Errno) { return path, 0 })
	}
	n.Shown = e.shownTime(path, source)
}

// sourceOf is the path of the source of a compiled file of the cache that PEP
// 3147 describes: DIR/__pycache__/NAME.TAG.pyc is made of DIR/NAME.py.
func sourceOf(path string) (string, bool) {
	dir, base := split(path)
	name, _, ok := strings.Cut(base, ".")
	parent, cached := strings.CutSuffix(strings.TrimSuffix(dir, "/"), "/__pycache__")
	return parent + "/" + name + ".py", ok && cached && name != ""
}

// shownTime returns what to show in place of a compiled file's own bytes, or
// nil if it is not fresh.
func (e *engine) shownTime(path, source string) *vfs.Shown {
	var st unix.Stat_t
	if unix.Fstatat(unix.AT_FDCWD, source, &st, unix.AT_NO_AUTOMOUNT) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	var head [pycHeader]byte
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if n, err := unix.Pread(fd, head[:], 0); err != nil || n < len(head) {
		return nil
	}
	le := binary.LittleEndian
	if le.Uint32(head[pycFlags:]) != 0 || le.Uint32(head[pycTime:]) != uint32(st.Mtim.Sec) || le.Uint32(head[pycSize:]) != uint32(st.Size) {
		return nil
	}
	n := e.inode(&st, func() (string, unix.Errno) { return source, 0 })
	n.Show(&st, e.epoch(), nil)
	s := &vfs.Shown{Offset: pycTime}
	le.PutUint32(s.Bytes[:], uint32(st.Mtim.Sec))
	return s
}

// readShown lets a read of a file through some of whose bytes are shown as
// others, and puts those in their place.
func (e *engine) readShown(t *task, s *vfs.Shown) verdict {
	spans, _, errno := e.rwSpans(t)
	if errno != 0 {
		return run() // fails
	}
	at := int64(t.arg(3)) // of those that say where to read
	seeks := t.call.Nr == unix.SYS_READ || t.call.Nr == unix.SYS_READV || t.call.Nr == unix.SYS_PREADV2 && at == -1
	fd := t.fd(0)
	return runThen(func(ret int64) {
		if ret <= 0 {
			return
		}
		if seeks {
			local, errno := e.borrow(t, fd)
			if errno != 0 {
				return
			}
			defer unix.Close(local)
			end, err := unix.Seek(local, 0, unix.SEEK_CUR)
			if err != nil {
				return
			}
			at = end - ret
		}
		for i, b := range s.Bytes {
			if addr, ok := addressOf(spans, s.Offset+int64(i)-at, ret); ok {
				e.tr.Write(t.pid, addr, []byte{b})
			}
		}
	})
}
