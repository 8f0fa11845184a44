package vdso

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// ErrData: the data pages before a vDSO, which hold the host's time, cannot be
// taken away. The kernel has sealed them (CONFIG_MSEAL_SYSTEM_MAPPINGS).
var ErrData = errors.New("the vDSO's data pages cannot be unmapped")

// EntrySize is the length of the code that Entry gives, a multiple of 8.
const EntrySize = 56

// EntryFailed is where in that code a program gets SIGILL if the pages are
// still there.
const EntryFailed = 27

// EntrySyscall is where in that code the syscall instruction is.
const EntrySyscall = 20

// Room returns the offset of EntrySize bytes of code in an image that nothing
// runs once the patches are written: the rest of a function behind its patch.
// ok is false if the image cannot be patched or has no function so long.
func Room(image []byte) (offset uint64, ok bool) {
	symbols, err := dynamicSymbols(image)
	if err != nil {
		return 0, false
	}
	patches, err := Patches(image)
	if err != nil {
		return 0, false
	}
	for _, s := range symbols {
		lo, hi := s.offset+patchSize, s.offset+s.size
		if !s.function || s.size < patchSize+EntrySize {
			continue
		}
		for _, p := range patches {
			if p.Offset >= lo && p.Offset < hi {
				hi = p.Offset
			}
		}
		if hi-lo >= EntrySize {
			return lo, true
		}
	}
	return 0, false
}

// Entry returns code for a new program to start with, in the place of its first
// instruction: it unmaps the length bytes from start on and jumps to entry,
// with the registers as execve leaves them: all zero but rsp, and the flags
// (System V ABI for x86-64, section 3.4.1). length is less than 4 GiB.
func Entry(start, length, entry uint64) []byte {
	code := append(make([]byte, 0, EntrySize), 0xb8) // mov eax, imm32
	code = le.AppendUint32(code, unix.SYS_MUNMAP)
	code = append(code, 0x48, 0xbf) // mov rdi, imm64
	code = le.AppendUint64(code, start)
	code = append(code, 0xbe) // mov esi, imm32
	code = le.AppendUint32(code, uint32(length))
	code = append(code,
		0x0f, 0x05, // syscall, which changes rax, rcx and r11
		0x48, 0x89, 0xc1, // mov rcx, rax
		0xe3, 0x02, // jrcxz over the next: no flag may change
		0x0f, 0x0b, // ud2
		0x49, 0x89, 0xcb, // mov r11, rcx
		0x89, 0xcf, // mov edi, ecx
		0x89, 0xce, // mov esi, ecx
		0xff, 0x25, 0, 0, 0, 0, // jmp [rip]
	)
	code = binary.LittleEndian.AppendUint64(code, entry)
	for len(code) < EntrySize {
		code = append(code, 0xcc) // int3
	}
	return code
}
