// Package vdso finds out how to overwrite the functions of a vDSO, vdso(7), so
// that the clocks, the CPU number and the random bytes they give come from
// system calls, which can be intercepted.
//
// It only computes: the caller reads the image from a fresh program's memory
// and writes the patches there. All programs on one boot of a kernel have the
// same image.
package vdso

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxSize is how many bytes to read from AT_SYSINFO_EHDR on, at most: the
// images of all kernels are smaller, and Patches takes no more. Fewer may be
// there, and what follows the image does no harm.
const MaxSize = 64 << 10

// Patch is a piece of code to write over a function.
type Patch struct {
	// Name of the function, without the prefix __vdso_.
	Name string
	// Offset from the start of the image, and so from AT_SYSINFO_EHDR.
	Offset uint64
	// Code is position-independent, obeys the functions' C calling
	// convention and clobbers rax, rcx and r11 only.
	Code []byte
}

// ErrUnpatchable: the image is no x86-64 vDSO, or one that cannot be patched.
var ErrUnpatchable = errors.New("vDSO cannot be patched")

// entryCalls are the functions that have a system call of the same arguments
// and result. All others, also those of future kernels, are made to return
// -ENOSYS. Of __vdso_getrandom that is the documented fallback; the callers of
// the others, too, have to handle it as they would an absent vDSO.
var entryCalls = map[string]uint32{
	"clock_getres":  unix.SYS_CLOCK_GETRES,
	"clock_gettime": unix.SYS_CLOCK_GETTIME,
	"getcpu":        unix.SYS_GETCPU,
	"gettimeofday":  unix.SYS_GETTIMEOFDAY,
	"time":          unix.SYS_TIME,
}

// patchSize is the length of every patch.
const patchSize = 8

// stub returns the code for the function of that name.
func stub(name string) []byte {
	nr, ok := entryCalls[name]
	if !ok {
		enosys := -int32(unix.ENOSYS)
		code := []byte{0x48, 0xc7, 0xc0} // mov rax, sign-extended imm32
		code = binary.LittleEndian.AppendUint32(code, uint32(enosys))
		return append(code, 0xc3) // ret
	}
	code := binary.LittleEndian.AppendUint32([]byte{0xb8}, nr) // mov eax, imm32
	return append(code, 0x0f, 0x05, 0xc3)                      // syscall; ret
}

// Patches returns what to write over the functions of a vDSO image, in order of
// their offsets: one patch for each function, by whatever names it is exported.
// It fails with ErrUnpatchable unless every exported function can be patched
// without touching another one, so that no way to the kernel's data is left.
// The image may be hostile.
func Patches(image []byte) ([]Patch, error) {
	symbols, err := dynamicSymbols(image)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnpatchable, err)
	}
	slices.SortFunc(symbols, func(a, b symbol) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.name, b.name))
	})
	var patches []Patch
	for _, s := range symbols {
		if !s.function {
			continue
		}
		name := strings.TrimPrefix(s.name, "__vdso_")
		if last := len(patches) - 1; last >= 0 && patches[last].Offset == s.offset {
			if patches[last].Name != name {
				return nil, fmt.Errorf("%w: %s and %s are one function", ErrUnpatchable, patches[last].Name, name)
			}
		} else {
			patches = append(patches, Patch{Name: name, Offset: s.offset, Code: stub(name)})
		}
		if n := len(patches[len(patches)-1].Code); s.size < uint64(n) {
			return nil, fmt.Errorf("%w: %s has only %d bytes", ErrUnpatchable, s.name, s.size)
		}
	}
	for _, p := range patches {
		end := p.Offset + uint64(len(p.Code))
		for _, s := range symbols {
			if s.offset < end && s.offset+s.size > p.Offset && s.offset != p.Offset {
				return nil, fmt.Errorf("%w: %s overlaps %s", ErrUnpatchable, p.Name, s.name)
			}
		}
	}
	if len(patches) == 0 {
		return nil, fmt.Errorf("%w: it exports no function", ErrUnpatchable)
	}
	return patches, nil
}
