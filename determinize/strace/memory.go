package strace

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// Memory is a process's memory.
type Memory interface {
	// Read copies what it can of len(b) bytes at addr, and returns how many
	// these were, or an errno where none could be.
	Read(addr uint64, b []byte) (int, unix.Errno)
}

// Bounds of what is copied.
const (
	maxPath    = 4095    // bytes of a string
	maxBuffer  = 32      // bytes of a buffer
	maxMembers = 32      // members of an array
	maxEnviron = 4096    // variables that are counted
	maxListing = 1 << 16 // bytes of directory entries that are counted
)

// le is a little-endian structure.
type le []byte

func (b le) u8(at int) uint64  { return uint64(b[at]) }
func (b le) u16(at int) uint64 { return uint64(b[at]) | uint64(b[at+1])<<8 }
func (b le) u32(at int) uint64 { return b.u16(at) | b.u16(at+2)<<16 }
func (b le) i32(at int) int64  { return int64(int32(b.u32(at))) }
func (b le) u64(at int) uint64 { return b.u32(at) | b.u32(at+4)<<32 }
func (b le) i64(at int) int64  { return int64(b.u64(at)) }

// structAt reads all of a structure of at most a page.
func structAt(mem Memory, addr uint64, size int) (le, bool) {
	b := make([]byte, size)
	n, errno := mem.Read(addr, b)
	return b, errno == 0 && n == size
}

// stringAt reads a string that ends with a zero byte, at most limit bytes of
// it; more says that it is longer.
func stringAt(mem Memory, addr uint64, limit int) (s string, more, ok bool) {
	b := make([]byte, 0, 256)
	for {
		n := min(limit+1-len(b), 256)
		if n <= 0 {
			return string(b[:limit]), true, true
		}
		at := len(b)
		b = append(b, make([]byte, n)...)
		got, errno := mem.Read(addr, b[at:])
		if errno != 0 || got == 0 {
			return "", false, false
		}
		b = b[:at+got]
		if i := bytes.IndexByte(b[at:], 0); i >= 0 {
			return string(b[:at+i]), false, true
		}
		addr += uint64(got)
	}
}
