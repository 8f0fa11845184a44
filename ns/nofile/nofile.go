// Package nofile keeps the limit of open files that the program was started with. Go's package
// syscall raises the soft one when it begins, and gives the old one back only to programs that
// os/exec starts.
package nofile

import "unsafe"

// Limit is the kernel's struct rlimit64, prlimit(2).
type Limit struct{ Soft, Hard uint64 }

// Caller is RLIMIT_NOFILE as the caller of this program has it; zero if it could not be read.
//
// Packages begin in the order of their paths as soon as all that they import have begun, says
// "Program initialization" in the specification of Go: this one, which imports nothing, begins
// before syscall.
var Caller = read()

//go:linkname rawSyscall6 syscall.RawSyscall6
func rawSyscall6(nr, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

func read() Limit {
	const (
		prlimit64 = 302 // of amd64
		noFile    = 7   // RLIMIT_NOFILE
	)
	now := new(Limit)
	if _, _, e := rawSyscall6(prlimit64, 0, noFile, 0, uintptr(unsafe.Pointer(now)), 0, 0); e != 0 {
		return Limit{}
	}
	return *now
}
