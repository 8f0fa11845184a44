package vdso

import (
	"golang.org/x/sys/unix"
)

// Page is what the clock functions that ClockCode gives read the time from, in the
// process's own memory: so many times, without a system call. All times are in
// nanoseconds.
type Page struct {
	Left int64 // how many reads are left; when there are none, the functions make their system call
	Last int64 // the value of the last read
	Step int64 // by which each one is greater than the one before
	Real int64 // what the real-time clocks add to that
	Mono int64 // what the monotonic clocks add
}

// PageSize is the length of an encoded Page in bytes.
const PageSize = 40

// Encode returns the page as the functions expect it in memory.
func (p Page) Encode() []byte {
	b := make([]byte, 0, PageSize)
	for _, v := range [...]int64{p.Left, p.Last, p.Step, p.Real, p.Mono} {
		b = le.AppendUint64(b, uint64(v))
	}
	return b
}

// DecodeLeft returns the Left of an encoded page, which its process may have written
// anything to. b has at least 8 bytes.
func DecodeLeft(b []byte) int64 { return int64(le.Uint64(b)) }

// ClockCode is where an image has its clock functions.
type ClockCode struct {
	gettime, timeofday uint64 // offsets
}

// Clocks finds the clock functions of an image. ok is false if it has not both, or too
// little room for them.
func Clocks(image []byte) (c ClockCode, ok bool) {
	symbols, err := dynamicSymbols(image)
	if err != nil {
		return c, false
	}
	patches, err := Patches(image)
	if err != nil {
		return c, false
	}
	room := func(at, n uint64) bool {
		for _, s := range symbols {
			if s.offset != at && s.offset < at+n && s.offset+s.size > at || s.offset == at && s.size < n {
				return false
			}
		}
		return true
	}
	for _, p := range patches {
		switch p.Name {
		case "clock_gettime":
			if room(p.Offset, uint64(len(clockGettime(0)))) {
				c.gettime = p.Offset
			}
		case "gettimeofday":
			if room(p.Offset, uint64(len(gettimeofday(0)))) {
				c.timeofday = p.Offset
			}
		}
	}
	return c, c.gettime != 0 && c.timeofday != 0
}

// Patches returns code for the clock functions that reads a Page at an address. It is
// longer than that of the package's Patches, and obeys the same convention, but clobbers rdx too.
func (c ClockCode) Patches(page uint64) []Patch {
	return []Patch{
		{Name: "gettimeofday", Offset: c.timeofday, Code: gettimeofday(page)},
		{Name: "clock_gettime", Offset: c.gettime, Code: clockGettime(page)},
	}
}

// assembly is code with jumps to its end, where the system call is made.
type assembly struct {
	code  []byte
	jumps []int // where the distances are
}

func (a *assembly) add(b ...byte) { a.code = append(a.code, b...) }

// orCall jumps to the system call on a condition, which the opcode of a short jump gives.
func (a *assembly) orCall(jcc byte) {
	a.add(jcc, 0)
	a.jumps = append(a.jumps, len(a.code)-1)
}

// begin begins the code such that who is in the call that the patch at the same place
// makes, and returns, finds what was there: its system call and its end.
func (a *assembly) begin() {
	a.add(0xeb, patchSize-2) // jmp to what follows
	a.add(0xcc, 0xcc, 0xcc)  // int3
	a.add(0x0f, 0x05, 0xc3)  // syscall; ret
}

// call ends the code with the system call, and fills it up to a multiple of 8 bytes.
func (a *assembly) call(nr uint32) []byte {
	for _, j := range a.jumps {
		a.code[j] = byte(len(a.code) - j - 1)
	}
	a.add(0xb8) // mov eax, imm32
	a.code = le.AppendUint32(a.code, nr)
	a.add(0x0f, 0x05, 0xc3) // syscall; ret
	for len(a.code)%8 != 0 {
		a.add(0xcc) // int3
	}
	return a.code
}

// Opcodes of short jumps.
const (
	jc, jnc, jz, jnz, ja, jle = 0x72, 0x73, 0x74, 0x75, 0x77, 0x7e
)

// read takes the next value of a page into rax, with rdx the page's address.
func (a *assembly) read(page uint64) {
	a.add(0x48, 0xba) // mov rdx, imm64
	a.code = le.AppendUint64(a.code, page)
	a.add(0x48, 0x8b, 0x0a) // mov rcx, [rdx]
	a.add(0x48, 0x85, 0xc9) // test rcx, rcx
	a.orCall(jle)
	a.add(0x48, 0xff, 0xc9)       // dec rcx
	a.add(0x48, 0x89, 0x0a)       // mov [rdx], rcx
	a.add(0x48, 0x8b, 0x42, 0x08) // mov rax, [rdx+8]
	a.add(0x48, 0x03, 0x42, 0x10) // add rax, [rdx+16]
	a.add(0x48, 0x89, 0x42, 0x08) // mov [rdx+8], rax
}

// divide divides rax by a number, with the rest in rdx.
func (a *assembly) divide(by uint32) {
	a.add(0x31, 0xd2) // xor edx, edx
	a.add(0xb9)       // mov ecx, imm32
	a.code = le.AppendUint32(a.code, by)
	a.add(0x48, 0xf7, 0xf1) // div rcx
}

// Bits of the clocks that have their time from a Page: all but the CPU time's, and those
// above 7; clock_gettime(2).
const (
	pageClocks = 1<<unix.CLOCK_REALTIME | 1<<unix.CLOCK_MONOTONIC | 1<<unix.CLOCK_MONOTONIC_RAW |
		1<<unix.CLOCK_REALTIME_COARSE | 1<<unix.CLOCK_MONOTONIC_COARSE | 1<<unix.CLOCK_BOOTTIME
	realClocks = 1<<unix.CLOCK_REALTIME | 1<<unix.CLOCK_REALTIME_COARSE
)

// clockGettime is clock_gettime(edi, rsi).
func clockGettime(page uint64) []byte {
	var a assembly
	a.begin()
	a.add(0x83, 0xff, 0x07) // cmp edi, 7
	a.orCall(ja)
	a.add(0xb8, pageClocks, 0, 0, 0) // mov eax, imm32
	a.add(0x0f, 0xa3, 0xf8)          // bt eax, edi
	a.orCall(jnc)
	a.read(page)
	a.add(0xb9, realClocks, 0, 0, 0) // mov ecx, imm32
	a.add(0x0f, 0xa3, 0xf9)          // bt ecx, edi
	a.add(jc, 6)                     // over the next two
	a.add(0x48, 0x03, 0x42, 0x20)    // add rax, [rdx+32]
	a.add(0xeb, 4)                   // jmp over the next
	a.add(0x48, 0x03, 0x42, 0x18)    // add rax, [rdx+24]
	a.divide(1e9)
	a.add(0x48, 0x89, 0x06)       // mov [rsi], rax
	a.add(0x48, 0x89, 0x56, 0x08) // mov [rsi+8], rdx
	a.add(0x31, 0xc0, 0xc3)       // xor eax, eax; ret
	return a.call(unix.SYS_CLOCK_GETTIME)
}

// gettimeofday is gettimeofday(rdi, rsi).
func gettimeofday(page uint64) []byte {
	var a assembly
	a.begin()
	a.add(0x48, 0x85, 0xf6) // test rsi, rsi
	a.orCall(jnz)
	a.add(0x48, 0x85, 0xff) // test rdi, rdi
	a.orCall(jz)
	a.read(page)
	a.add(0x48, 0x03, 0x42, 0x18) // add rax, [rdx+24]
	a.divide(1e9)
	a.add(0x48, 0x89, 0x07) // mov [rdi], rax
	a.add(0x48, 0x89, 0xd0) // mov rax, rdx
	a.divide(1e3)
	a.add(0x48, 0x89, 0x47, 0x08) // mov [rdi+8], rax
	a.add(0x31, 0xc0, 0xc3)       // xor eax, eax; ret
	return a.call(unix.SYS_GETTIMEOFDAY)
}
