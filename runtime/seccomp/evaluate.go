package seccomp

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Data is what a filter judges, struct seccomp_data of linux/seccomp.h.
type Data struct {
	Number int32     // of the call; with the x32 bit where it has one
	Arch   uint32    // AUDIT_ARCH_*
	IP     uint64    // instruction pointer
	Args   [6]uint64 // of a 32-bit call, the upper halves are 0
}

// word is the word of the struct at an offset, which is a multiple of 4 below its size.
func (d *Data) word(offset uint32) uint32 {
	value := d.IP
	switch {
	case offset == offsetNumber:
		return uint32(d.Number)
	case offset == offsetArch:
		return d.Arch
	case offset >= offsetArgs:
		value = d.Args[(offset-offsetArgs)/8]
	}
	if offset%8 == 4 {
		value >>= 32
	}
	return uint32(value)
}

// scratch is the number of words that a filter may keep, BPF_MEMWORDS.
const scratch = 16

// failed is what the kernel makes of a filter that goes wrong.
const failed = unix.SECCOMP_RET_KILL_PROCESS

// Evaluate returns what the kernel's answer would be for a filter, SECCOMP_RET_* with its
// data. A program that [Check] does not accept kills the process, whatever it says.
//
// It is as fast as an interpreter is: a filter that decides often should be in the kernel.
func Evaluate(filter []unix.SockFilter, d *Data) uint32 {
	var a, x uint32
	var memory [scratch]uint32
	for pc := 0; pc < len(filter); pc++ {
		in := &filter[pc]
		k := in.K
		switch in.Code {
		case opLoad:
			if k%4 != 0 || k >= sizeData {
				return failed
			}
			a = d.word(k)
		case opLoadLength:
			a = sizeData
		case opLoadXLength:
			x = sizeData
		case opLoadK:
			a = k
		case opLoadXK:
			x = k
		case opLoadMemory, opLoadXMemory, opStore, opStoreX:
			if k >= scratch {
				return failed
			}
			switch in.Code {
			case opLoadMemory:
				a = memory[k]
			case opLoadXMemory:
				x = memory[k]
			case opStore:
				memory[k] = a
			default:
				memory[k] = x
			}
		case opTAX:
			x = a
		case opTXA:
			a = x
		case opReturnK:
			return k
		case opReturnA:
			return a
		case opJump:
			if uint64(k) >= uint64(len(filter)-pc) {
				return failed
			}
			pc += int(k)
		default:
			operand := k
			if in.Code&unix.BPF_X != 0 {
				operand = x
			}
			switch in.Code & 7 {
			case unix.BPF_ALU:
				result, ok := calculate(in.Code, a, operand)
				if !ok {
					return 0 // what a division by zero returns: the thread is killed
				}
				a = result
			case unix.BPF_JMP:
				if compares(in.Code, a, operand) {
					pc += int(in.Jt)
				} else {
					pc += int(in.Jf)
				}
			default:
				return failed
			}
		}
	}
	return failed
}

// Instructions that a filter for seccomp(2) may have, beside arithmetic and jumps.
const (
	opLoad        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opLoadLength  = unix.BPF_LD | unix.BPF_W | unix.BPF_LEN
	opLoadXLength = unix.BPF_LDX | unix.BPF_W | unix.BPF_LEN
	opLoadK       = unix.BPF_LD | unix.BPF_IMM
	opLoadXK      = unix.BPF_LDX | unix.BPF_IMM
	opLoadMemory  = unix.BPF_LD | unix.BPF_MEM
	opLoadXMemory = unix.BPF_LDX | unix.BPF_MEM
	opStore       = unix.BPF_ST
	opStoreX      = unix.BPF_STX
	opTAX         = unix.BPF_MISC | unix.BPF_TAX
	opTXA         = unix.BPF_MISC | unix.BPF_TXA
	opReturnK     = unix.BPF_RET | unix.BPF_K
	opReturnA     = unix.BPF_RET | unix.BPF_A
	opJump        = unix.BPF_JMP | unix.BPF_JA
	opNegate      = unix.BPF_ALU | unix.BPF_NEG
)

// calculate does what an instruction of class BPF_ALU does; not ok is a division by zero.
func calculate(code uint16, a, operand uint32) (result uint32, ok bool) {
	switch code & 0xf0 {
	case unix.BPF_ADD:
		return a + operand, true
	case unix.BPF_SUB:
		return a - operand, true
	case unix.BPF_MUL:
		return a * operand, true
	case unix.BPF_DIV:
		if operand == 0 {
			return 0, false
		}
		return a / operand, true
	case unix.BPF_AND:
		return a & operand, true
	case unix.BPF_OR:
		return a | operand, true
	case unix.BPF_XOR:
		return a ^ operand, true
	case unix.BPF_LSH:
		return a << (operand & 31), true
	case unix.BPF_RSH:
		return a >> (operand & 31), true
	case unix.BPF_NEG:
		return -a, true
	}
	return 0, false
}

// compares does what a conditional instruction of class BPF_JMP does.
func compares(code uint16, a, operand uint32) bool {
	switch code & 0xf0 {
	case unix.BPF_JEQ:
		return a == operand
	case unix.BPF_JGT:
		return a > operand
	case unix.BPF_JGE:
		return a >= operand
	}
	return a&operand != 0 // BPF_JSET
}

// allowed are the instructions that seccomp_check_filter of the kernel lets a filter have.
var allowed = func() map[uint16]bool {
	codes := map[uint16]bool{}
	for _, code := range []uint16{
		opLoad, opLoadLength, opLoadXLength, opLoadK, opLoadXK, opLoadMemory, opLoadXMemory, opStore, opStoreX,
		opTAX, opTXA, opReturnK, opReturnA, opJump, opNegate,
	} {
		codes[code] = true
	}
	for _, operation := range []uint16{
		unix.BPF_ALU | unix.BPF_ADD, unix.BPF_ALU | unix.BPF_SUB, unix.BPF_ALU | unix.BPF_MUL, unix.BPF_ALU | unix.BPF_DIV,
		unix.BPF_ALU | unix.BPF_AND, unix.BPF_ALU | unix.BPF_OR, unix.BPF_ALU | unix.BPF_XOR, unix.BPF_ALU | unix.BPF_LSH,
		unix.BPF_ALU | unix.BPF_RSH, unix.BPF_JMP | unix.BPF_JEQ, unix.BPF_JMP | unix.BPF_JGT, unix.BPF_JMP | unix.BPF_JGE,
		unix.BPF_JMP | unix.BPF_JSET,
	} {
		codes[operation|unix.BPF_K], codes[operation|unix.BPF_X] = true, true
	}
	return codes
}()

// Check returns an error that wraps ErrNotFilter unless the kernel would take the program
// as a filter: it follows bpf_check_classic and seccomp_check_filter.
func Check(filter []unix.SockFilter) error {
	if len(filter) == 0 || len(filter) > MaxInstructions {
		return fmt.Errorf("%w: %d instructions", ErrNotFilter, len(filter))
	}
	for pc := range filter {
		if err := checkInstruction(filter, pc); err != "" {
			return fmt.Errorf("%w: instruction %d: %s", ErrNotFilter, pc, err)
		}
	}
	if last := filter[len(filter)-1].Code; last != opReturnK && last != opReturnA {
		return fmt.Errorf("%w: it does not end by returning", ErrNotFilter)
	}
	return checkMemory(filter)
}

// checkInstruction says what is wrong with one instruction.
func checkInstruction(filter []unix.SockFilter, pc int) string {
	in := filter[pc]
	left := uint64(len(filter) - pc - 1) // instructions that follow
	switch {
	case !allowed[in.Code]:
		return fmt.Sprintf("code %#x", in.Code)
	case in.Code == opLoad && (in.K%4 != 0 || in.K >= sizeData):
		return fmt.Sprintf("no word at %d", in.K)
	case (in.Code == opLoadMemory || in.Code == opLoadXMemory || in.Code == opStore || in.Code == opStoreX) && in.K >= scratch:
		return fmt.Sprintf("no scratch word %d", in.K)
	case in.Code == unix.BPF_ALU|unix.BPF_DIV|unix.BPF_K && in.K == 0:
		return "division by zero"
	case (in.Code == unix.BPF_ALU|unix.BPF_LSH|unix.BPF_K || in.Code == unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K) && in.K >= 32:
		return fmt.Sprintf("shift by %d", in.K)
	case in.Code == opJump && uint64(in.K) >= left,
		in.Code&7 == unix.BPF_JMP && in.Code != opJump && uint64(max(in.Jt, in.Jf)) >= left:
		return "jump behind the end"
	}
	return ""
}

// checkMemory finds words of scratch memory that are loaded before they are stored on some
// way, as check_load_and_stores of the kernel does.
func checkMemory(filter []unix.SockFilter) error {
	masks := slices.Repeat([]uint16{0xffff}, len(filter)) // words stored on all ways here
	valid := uint16(0)
	for pc, in := range filter {
		valid &= masks[pc]
		switch in.Code {
		case opStore, opStoreX:
			valid |= 1 << in.K
		case opLoadMemory, opLoadXMemory:
			if valid&(1<<in.K) == 0 {
				return fmt.Errorf("%w: instruction %d: scratch word %d has no value", ErrNotFilter, pc, in.K)
			}
		case opJump:
			masks[pc+1+int(in.K)] &= valid
			valid = 0xffff
		default:
			if in.Code&7 == unix.BPF_JMP {
				masks[pc+1+int(in.Jt)] &= valid
				masks[pc+1+int(in.Jf)] &= valid
				valid = 0xffff
			}
		}
	}
	return nil
}

// Traced returns a filter that asks the tracer about every call that filter does not
// simply allow: SECCOMP_RET_TRACE with data 0. The tracer learns by [Evaluate] what filter
// says. The filter is one that [Check] accepts.
func Traced(filter []unix.SockFilter) []unix.SockFilter {
	traced := slices.Clone(filter)
	for i := range traced {
		in := &traced[i]
		if in.Code == opReturnA || in.Code == opReturnK && in.K&unix.SECCOMP_RET_ACTION_FULL != unix.SECCOMP_RET_ALLOW {
			*in = ret(unix.SECCOMP_RET_TRACE)
		}
	}
	return traced
}
