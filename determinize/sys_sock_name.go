package determinize

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// nameSize is the size of struct sockaddr_storage, the longest address there is.
const nameSize = 128

// maxUnixName is the size of struct sockaddr_un.
const maxUnixName = 110

// sockName is the address of a socket.
type sockName struct {
	path  string // sun_path; it begins with a zero byte if it is no path, and ends with one if it is
	named bool   // path is one
	at    netip.AddrPort
	id    uint32 // of a netlink socket; 0 is the kernel
}

// bound tells whether it is an address at all.
func (n sockName) bound() bool { return n.named || n.at.IsValid() || n.id != 0 }

// encode is a struct sockaddr of a family.
func (n sockName) encode(family int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(family))
	switch family {
	case unix.AF_UNIX:
		return append(b, n.path...)
	case unix.AF_NETLINK:
		b = append(b, 0, 0)
		return append(binary.LittleEndian.AppendUint32(b, n.id), make([]byte, 4)...) // no groups
	case unix.AF_INET:
		a := [4]byte{}
		if n.at.IsValid() {
			a = n.at.Addr().Unmap().As4()
		}
		b = binary.BigEndian.AppendUint16(b, n.at.Port())
		return append(append(b, a[:]...), make([]byte, 8)...)
	}
	a := [16]byte{}
	if n.at.IsValid() {
		a = n.at.Addr().As16()
	}
	b = binary.BigEndian.AppendUint16(b, n.at.Port())
	b = append(b, make([]byte, 4)...) // flow
	return append(append(b, a[:]...), make([]byte, 4)...)
}

// readName copies a socket address.
func (e *engine) readName(t *task, addr, size uint64) ([]byte, unix.Errno) {
	if uint32(size) > nameSize {
		return nil, unix.EINVAL
	}
	b := make([]byte, uint32(size))
	if e.tr.ReadFull(t.pid, addr, b) != 0 {
		return nil, unix.EFAULT
	}
	return b, 0
}

// putName writes a socket address where the guest wants it.
func (e *engine) putName(t *task, addr, sizeAt uint64, name []byte) unix.Errno {
	room, errno := e.word(t, sizeAt)
	if errno != 0 {
		return errno
	}
	if int32(room) < 0 {
		return unix.EINVAL
	}
	if n := min(int(room), len(name)); n > 0 && e.tr.WriteFull(t.pid, addr, name[:n]) != 0 {
		return unix.EFAULT
	}
	if e.tr.WriteFull(t.pid, sizeAt, binary.LittleEndian.AppendUint32(nil, uint32(len(name)))) != 0 {
		return unix.EFAULT
	}
	return 0
}

// family is that of a socket address.
func nameFamily(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	return int(binary.LittleEndian.Uint16(b))
}

// unixName reads an address of a Unix socket: its path, or its name that begins with a
// zero byte.
func unixName(b []byte) (path string, errno unix.Errno) {
	if nameFamily(b) != unix.AF_UNIX || len(b) > maxUnixName || len(b) <= 2 {
		return "", unix.EINVAL
	}
	path = string(b[2:])
	if path[0] != 0 {
		if i := strings.IndexByte(path, 0); i >= 0 {
			path = path[:i]
		}
	}
	return path, 0
}

// abstractName is what finds a socket whose name is no path: each type has names of its own.
type abstractName struct {
	typ  int
	name string
}

// findUnix is the socket with an address. ok is false if there is none, or the task's
// turn has not come.
func (e *engine) findUnix(t *task, s *socket, to []byte) (other *socket, v verdict, ok bool) {
	path, errno := unixName(to)
	if errno != 0 {
		return nil, fail(errno), false
	}
	if path[0] == 0 {
		if v, wait := e.serially(t); wait {
			return nil, v, false
		}
		if other = e.abstract[abstractName{s.typ, path}]; other == nil {
			return nil, fail(unix.ECONNREFUSED), false
		}
		return other, verdict{}, true
	}
	w, errno := e.locate(t, unix.AT_FDCWD, path, false)
	if errno != 0 {
		return nil, fail(errno), false
	}
	defer func() { w.close() }()
	if v, wait := e.readsPath(t, path, true, metadata); wait {
		return nil, v, false
	}
	var st unix.Stat_t
	if errno := e.find(t, &w, true, &st); errno != 0 {
		return nil, fail(errno), false
	}
	if errno := e.mayUse(&st, w, true, 0); errno != 0 {
		return nil, fail(errno), false
	}
	if st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		if v, wait := e.serially(t); wait {
			return nil, v, false
		}
	}
	if err := unix.Faccessat(w.dir, w.path, unix.W_OK, unix.AT_EACCESS); err == unix.EACCES {
		return nil, fail(unix.EACCES), false
	}
	if other = e.socketFiles[vfs.KeyOf(&st)]; other == nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, fail(unix.ECONNREFUSED), false
	}
	if other.typ != s.typ {
		return nil, fail(unix.EPROTOTYPE), false
	}
	return other, verdict{}, true
}

// bindEnter handles bind.
func bindEnter(e *engine, t *task) verdict {
	s, errno := e.socketOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	b, errno := e.readName(t, t.arg(1), t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	if s.netlink() {
		return e.bindNetlink(t, s, b)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	if s.inet() {
		return e.bindInet(t, s, b)
	}
	if nameFamily(b) == unix.AF_UNIX && len(b) == 2 {
		if !s.local.bound() {
			e.autobind(t, s)
		}
		return answer(0)
	}
	path, errno := unixName(b)
	switch {
	case errno != 0:
		return fail(errno)
	case path[0] != 0:
		return e.bindPath(t, s, path)
	case s.local.bound():
		return fail(unix.EINVAL)
	case e.abstract[abstractName{s.typ, path}] != nil:
		return fail(unix.EADDRINUSE)
	}
	e.bindAbstract(s, path)
	return answer(0)
}

// bindAbstract gives a socket a name that is no path.
func (e *engine) bindAbstract(s *socket, name string) {
	s.local = sockName{path: name, named: true}
	e.abstract[abstractName{s.typ, name}] = s
	e.changes++
}

// autobind gives a socket a name of the engine's choice: five hexadecimal digits, counted up.
func (e *engine) autobind(t *task, s *socket) {
	for {
		digits := strconv.FormatUint(1<<20|e.autobound&0xfffff, 16)[1:]
		e.autobound++
		if name := "\x00" + digits; e.abstract[abstractName{s.typ, name}] == nil {
			e.bindAbstract(s, name)
			return
		}
	}
}

// bindPath gives a socket a path, at which its file is made as by mknod.
func (e *engine) bindPath(t *task, s *socket, path string) verdict {
	if s.local.bound() {
		return fail(unix.EINVAL)
	}
	text := append([]byte(path), 0)
	at := (t.call.SP - redZone - uint64(len(text))) &^ 15
	if e.tr.WriteFull(t.pid, at, text) != 0 {
		return fail(unix.ENOMEM)
	}
	if v, wait := e.readsPath(t, path, false, nameOnly); wait {
		return v
	}
	n, errno := e.nameAt(t, unix.AT_FDCWD, at)
	if errno != 0 {
		return fail(errno)
	}
	e.tr.SetNr(t.pid, unix.SYS_MKNOD)
	e.setArg(t, 0, at)
	e.setArg(t, 1, unix.S_IFSOCK|0o777)
	e.setArg(t, 2, 0)
	v := e.named(t, func() {
		st, ok := n.now()
		if !ok {
			return
		}
		e.made(t, n, &st)
		s.local = sockName{path: string(text), named: true}
		s.file = vfs.KeyOf(&st)
		e.socketFiles[s.file] = s
		e.changes++
	})
	exit := v.exit
	return runThen(func(ret int64) {
		if exit(ret); ret == -int64(unix.EEXIST) {
			e.tr.SetResult(t.pid, -int64(unix.EADDRINUSE))
		}
	})
}

// unbind takes a socket's address from it.
func (e *engine) unbind(s *socket) {
	if k := (abstractName{s.typ, s.local.path}); e.abstract[k] == s {
		delete(e.abstract, k)
	}
	if e.socketFiles[s.file] == s {
		delete(e.socketFiles, s.file)
	}
	e.internet = slices.DeleteFunc(e.internet, func(o *socket) bool { return o == s })
}

// getnameEnter handles getsockname and getpeername.
func getnameEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	name := s.local
	if t.call.Nr == unix.SYS_GETPEERNAME {
		switch {
		case s.netlink():
			name = sockName{}
		case s.inet() && s.connects() && s.state != sockConnected, s.inet() && !s.remote.bound(), !s.inet() && s.peer == nil:
			return fail(unix.ENOTCONN)
		case s.inet():
			name = s.remote
		default:
			name = s.peer.local
		}
	}
	if errno := e.putName(t, t.arg(1), t.arg(2), name.encode(s.family)); errno != 0 {
		return fail(errno)
	}
	return answer(0)
}

// isZero tells whether all bytes are zero.
func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
