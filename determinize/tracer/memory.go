package tracer

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	pageSize = 4096

	// MaxPath is PATH_MAX, with its terminating zero.
	MaxPath = 4096
)

// Read copies len(b) bytes from a task's memory. It returns how many could be
// copied, and EFAULT when none could.
func (t *Tracer) Read(pid int, addr uint64, b []byte) (int, unix.Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	local := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	remote := unix.RemoteIovec{Base: uintptr(addr), Len: len(b)}
	n, _, e := unix.RawSyscall6(unix.SYS_PROCESS_VM_READV, uintptr(pid),
		uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// ReadFull is Read of all of b, or EFAULT.
func (t *Tracer) ReadFull(pid int, addr uint64, b []byte) unix.Errno {
	n, e := t.Read(pid, addr, b)
	if e == 0 && n != len(b) {
		e = unix.EFAULT
	}
	return e
}

// Write copies b into a task's memory, where the task itself could write.
// It returns how many bytes could be copied, and EFAULT when none could.
func (t *Tracer) Write(pid int, addr uint64, b []byte) (int, unix.Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	local := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	remote := unix.RemoteIovec{Base: uintptr(addr), Len: len(b)}
	n, _, e := unix.RawSyscall6(unix.SYS_PROCESS_VM_WRITEV, uintptr(pid),
		uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// WriteFull is Write of all of b, or EFAULT.
func (t *Tracer) WriteFull(pid int, addr uint64, b []byte) unix.Errno {
	n, e := t.Write(pid, addr, b)
	if e == 0 && n != len(b) {
		e = unix.EFAULT
	}
	return e
}

// ReadString copies a string that ends with a zero byte, of at most limit
// bytes without it. A longer one is ENAMETOOLONG, one that leaves the task's
// memory EFAULT.
func (t *Tracer) ReadString(pid int, addr uint64, limit int) (string, unix.Errno) {
	var small [256]byte
	buf := small[:0]
	for {
		// Up to the end of the page: the next one may not be there.
		n := min(pageSize-int(addr%pageSize), limit+1-len(buf), 256)
		if n <= 0 {
			return "", unix.ENAMETOOLONG
		}
		at := len(buf)
		buf = append(buf, make([]byte, n)...)
		got, e := t.Read(pid, addr, buf[at:])
		if e != 0 {
			return "", unix.EFAULT
		}
		buf = buf[:at+got]
		if i := bytes.IndexByte(buf[at:], 0); i >= 0 {
			return string(buf[:at+i]), 0
		}
		addr += uint64(got)
	}
}

// Poke writes b, whose length is a multiple of 8, where the task itself could
// not write: to its code. The pages written to become the task's own.
func (t *Tracer) Poke(pid int, addr uint64, b []byte) unix.Errno {
	for ; len(b) >= 8; b, addr = b[8:], addr+8 {
		word := *(*uintptr)(unsafe.Pointer(&b[0]))
		if e := ptrace(unix.PTRACE_POKETEXT, uintptr(pid), uintptr(addr), word); e != 0 {
			return e
		}
	}
	return 0
}
