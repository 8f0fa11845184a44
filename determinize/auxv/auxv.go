// Package auxv reads the stack that the kernel builds for a new x86-64 program
// (System V ABI AMD64 supplement, 3.4.1 "Initial Stack"), and says what to
// change in its auxiliary vector, getauxval(3), so that it tells nothing of the
// machine.
package auxv

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type says what an entry of the vector means, as in Linux's uapi
// linux/auxvec.h and x86's asm/auxvec.h.
type Type uint64

// The types that Linux gives to x86-64 programs.
const (
	Null            Type = 0  // end of the vector
	Ignore          Type = 1  // to be skipped
	ExecFD          Type = 2  // descriptor of the program, from binfmt_misc
	Phdr            Type = 3  // address of the program headers
	Phent           Type = 4  // size of one
	Phnum           Type = 5  // how many
	PageSize        Type = 6  // 4096
	Base            Type = 7  // where the dynamic loader is, 0 without one
	Flags           Type = 8  // from binfmt_misc
	Entry           Type = 9  // address of the program's first instruction
	UID             Type = 11 // the four ids are those of the user namespace
	EUID            Type = 12
	GID             Type = 13
	EGID            Type = 14
	Platform        Type = 15 // address of the string "x86_64"
	HWCap           Type = 16 // edx of CPUID leaf 1
	ClockTick       Type = 17 // 100
	Secure          Type = 23 // 1 after set-user-ID
	Random          Type = 25 // address of 16 random bytes
	HWCap2          Type = 26 // bit 0: MONITOR in user mode; bit 1: FSGSBASE
	RseqFeatureSize Type = 27 // of the kernel's struct rseq
	RseqAlign       Type = 28
	HWCap3          Type = 29 // not on x86, so far
	HWCap4          Type = 30
	ExecFn          Type = 31 // address of the path that execve was given
	SysinfoEhdr     Type = 33 // where the vDSO is
	MinSigStackSize Type = 51 // size of the largest signal frame, in bytes
)

// Item is an entry of the vector.
type Item struct {
	// Addr is where the type stands in the program's memory. The value
	// follows 8 bytes later.
	Addr  uint64
	Type  Type
	Value uint64
}

// Vector is what the initial stack says. All addresses are the program's.
type Vector struct {
	// Argv and Envp are the addresses of the NUL-terminated strings of the
	// arguments and of the environment. ArgvAddr and EnvpAddr are where the
	// first element of each array stands.
	Argv, Envp         []uint64
	ArgvAddr, EnvpAddr uint64
	// Items are the entries of the auxiliary vector up to Null, exclusively.
	Items []Item
}

// MaxStack is how many bytes from rsp on the arrays may take at most: the
// kernel bounds the pointers by 6 MiB (bprm_stack_limits in fs/exec.c), and the
// auxiliary vector by maxItems.
const MaxStack = 6<<20 + 16*(maxItems+2)

// maxItems bounds the vector. Linux 6.18 has 21 entries.
const maxItems = 64

// Errors of Parse.
var (
	// ErrShort: the vector does not end within the bytes given. Give more,
	// up to MaxStack.
	ErrShort = errors.New("initial stack is cut off")
	// ErrMalformed: no kernel builds such a stack.
	ErrMalformed = errors.New("malformed initial stack")
)

// le is the byte order of x86-64.
var le = binary.LittleEndian

// Parse reads a stack as the kernel has built it: the bytes from rsp on of a
// program that has not executed an instruction yet, rsp being base. It keeps
// nothing of stack. What the addresses point to is not looked at, nor are they
// checked: a caller that follows them has to expect a failure.
func Parse(stack []byte, base uint64) (*Vector, error) {
	if base%16 != 0 || base+MaxStack < base {
		return nil, fmt.Errorf("%w: it is at %#x", ErrMalformed, base)
	}
	r := reader{rest: stack[:min(len(stack), MaxStack)], addr: base}
	argc := r.word()
	v := &Vector{ArgvAddr: r.addr}
	v.Argv = r.pointers()
	v.EnvpAddr = r.addr
	v.Envp = r.pointers()
	for !r.short {
		item := Item{Addr: r.addr}
		item.Type = Type(r.word())
		item.Value = r.word()
		if r.short {
			break
		}
		if item.Type == Null {
			if uint64(len(v.Argv)) != argc {
				return nil, fmt.Errorf("%w: argc is %d, with %d arguments", ErrMalformed, argc, len(v.Argv))
			}
			return v, nil
		}
		if len(v.Items) == maxItems {
			return nil, fmt.Errorf("%w: no end of the auxiliary vector", ErrMalformed)
		}
		v.Items = append(v.Items, item)
	}
	if len(stack) >= MaxStack {
		return nil, fmt.Errorf("%w: too large", ErrMalformed)
	}
	return nil, ErrShort
}

// reader takes words from a stack.
type reader struct {
	rest  []byte
	addr  uint64 // of rest
	short bool   // it had too few bytes
}

// word takes the next 8 bytes.
func (r *reader) word() uint64 {
	if len(r.rest) < 8 {
		r.short = true
		return 0
	}
	w := le.Uint64(r.rest)
	r.rest = r.rest[8:]
	r.addr += 8
	return w
}

// pointers takes an array that ends with a null pointer.
func (r *reader) pointers() []uint64 {
	n := 0
	for n < len(r.rest)/8 && le.Uint64(r.rest[8*n:]) != 0 {
		n++
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.word()
	}
	r.word() // the null pointer, or what is not there
	return out
}

// Value returns the value of the first entry of type t.
func (v *Vector) Value(t Type) (value uint64, ok bool) {
	for _, it := range v.Items {
		if it.Type == t {
			return it.Value, true
		}
	}
	return 0, false
}

// Pin has the values for the entries that differ between machines.
type Pin struct {
	// HWCap and HWCap2 are AT_HWCAP and AT_HWCAP2.
	HWCap, HWCap2 uint64
	// MinSigStackSize is AT_MINSIGSTKSZ, in bytes. Where the kernel's is
	// larger, that stays: a program that makes its signal stacks smaller
	// than a signal frame crashes.
	MinSigStackSize uint64
}

// Baseline describes the least x86-64 CPU, and so none in particular.
//
// HWCap is what CPUID says of that CPU: fpu vme de pse tsc msr pae mce cx8 apic
// sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2. Nobody needs more
// of it: glibc since 2.26 and musl take features from CPUID itself.
// FSGSBASE is not announced, and arch_prctl(2) used instead. 16384 bytes hold
// the signal frame with the state of all extensions up to AMX.
var Baseline = Pin{HWCap: 0x078b_fbff, HWCap2: 0, MinSigStackSize: 16384}

// kept are the types whose entries depend on the program and the box alone, or
// are the same wherever Linux runs on x86-64. The bytes at Random are to be
// overwritten, and so is the code at SysinfoEhdr.
var kept = map[Type]bool{
	Ignore: true, ExecFD: true, Phdr: true, Phent: true, Phnum: true,
	PageSize: true, Base: true, Flags: true, Entry: true, UID: true,
	EUID: true, GID: true, EGID: true, Platform: true, ClockTick: true,
	Secure: true, Random: true, ExecFn: true, SysinfoEhdr: true,
}

// pinned returns it as the program is to see it. Entries of types that only
// some kernels have are made to be skipped: those of rseq (since Linux 6.3),
// without which libcs use its first version, and those that are not known here.
func (p *Pin) pinned(it Item) Item {
	switch it.Type {
	case HWCap:
		it.Value = p.HWCap
	case HWCap2:
		it.Value = p.HWCap2
	case MinSigStackSize:
		it.Value = max(it.Value, p.MinSigStackSize)
	default:
		if !kept[it.Type] {
			it.Type, it.Value = Ignore, 0
		}
	}
	return it
}

// Edit is 8 bytes, little-endian, to write into the program's memory.
type Edit struct{ Addr, Value uint64 }

// Edits returns what to write so that the program sees the pinned vector, in
// the order of addresses.
func (v *Vector) Edits(p Pin) []Edit {
	var out []Edit
	for _, it := range v.Items {
		q := p.pinned(it)
		if q.Type != it.Type {
			out = append(out, Edit{it.Addr, uint64(q.Type)})
		}
		if q.Value != it.Value {
			out = append(out, Edit{it.Addr + 8, q.Value})
		}
	}
	return out
}

// Bytes returns the pinned vector with its end, as /proc/PID/auxv has it
// (proc_pid_auxv(5)) and PR_GET_AUXV gives it (prctl(2)): the kernel has copies
// that Edits does not reach.
func (v *Vector) Bytes(p Pin) []byte {
	out := make([]byte, 0, 16*(len(v.Items)+1))
	for _, it := range v.Items {
		it = p.pinned(it)
		out = le.AppendUint64(out, uint64(it.Type))
		out = le.AppendUint64(out, it.Value)
	}
	return append(out, make([]byte, 16)...)
}
