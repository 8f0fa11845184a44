package seccomp

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data, see linux/seccomp.h. Numbers are little-endian.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetIP     = 8
	offsetArgs   = 16
	sizeData     = 64
)

// Jumps that compare with a constant.
const (
	jumpEqual        = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpGreater      = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	jumpGreaterEqual = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// branch does one thing if the comparison holds, and another if not. Both end the filter,
// so that nothing follows. A conditional jump goes 255 instructions at most.
func branch(jump uint16, k uint32, then, otherwise []unix.SockFilter) []unix.SockFilter {
	var program []unix.SockFilter
	if len(otherwise) <= 255 {
		program = append(program, unix.SockFilter{Code: jump, Jt: uint8(len(otherwise)), K: k})
	} else {
		program = append(program,
			unix.SockFilter{Code: jump, Jf: 1, K: k},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(otherwise))})
	}
	program = append(program, otherwise...)
	return append(program, then...)
}

// A rule is an action that depends on conditions, of which there is at least one, all on
// different arguments.
type rule struct {
	conditions []specs.LinuxSeccompArg
	action     uint32
}

// Where a jump of a condition goes, in place of an offset.
const (
	holds = 0xfe // the condition holds: to what follows it
	fails = 0xff // to what follows the rule
)

// code returns the rule's action if its conditions are met; else it goes on behind itself.
func (r *rule) code(wide bool) []unix.SockFilter {
	var program []unix.SockFilter
	for i := range r.conditions {
		part := condition(&r.conditions[i], wide)
		for j := range part {
			replace(&part[j].Jt, holds, len(part)-j-1)
			replace(&part[j].Jf, holds, len(part)-j-1)
		}
		program = append(program, part...)
	}
	program = append(program, ret(r.action))
	for i := range program {
		if program[i].Code&7 == unix.BPF_JMP {
			replace(&program[i].Jt, fails, len(program)-i-1)
			replace(&program[i].Jf, fails, len(program)-i-1)
		}
	}
	return program
}

// replace puts an offset where a place is named. A rule has six conditions of at most six
// instructions: its offsets are never names.
func replace(jump *uint8, place uint8, offset int) {
	if *jump == place {
		*jump = uint8(offset)
	}
}

// condition compares an argument. Its jumps go to the next instructions, or to holds and
// fails; at its end it holds.
func condition(c *specs.LinuxSeccompArg, wide bool) []unix.SockFilter {
	mask, value := uint64(1<<64-1), c.Value
	if c.Op == specs.OpMaskedEqual {
		mask, value = c.Value, c.ValueTwo&c.Value
	}
	low := offsetArgs + 8*uint32(c.Index)
	lower := append(masked(low, uint32(mask)), compare(c.Op, uint32(value)))
	if !wide {
		return lower
	}
	return append(append(masked(low+4, uint32(mask>>32)), upper(c.Op, uint32(value>>32))...), lower...)
}

// masked loads a half of an argument.
func masked(offset, mask uint32) []unix.SockFilter {
	program := []unix.SockFilter{load(offset)}
	if mask != 1<<32-1 {
		program = append(program, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask})
	}
	return program
}

// compare compares the lower half, or all of a short argument.
func compare(op specs.LinuxSeccompOperator, k uint32) unix.SockFilter {
	jump := func(code uint16, jt, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: code, Jt: jt, Jf: jf, K: k}
	}
	switch op {
	case specs.OpNotEqual:
		return jump(jumpEqual, fails, holds)
	case specs.OpLessThan:
		return jump(jumpGreaterEqual, fails, holds)
	case specs.OpLessEqual:
		return jump(jumpGreater, fails, holds)
	case specs.OpGreaterEqual:
		return jump(jumpGreaterEqual, holds, fails)
	case specs.OpGreaterThan:
		return jump(jumpGreater, holds, fails)
	}
	return jump(jumpEqual, holds, fails) // equal, and masked equal
}

// upper compares the upper half: when the upper halves are equal, the lower ones decide.
func upper(op specs.LinuxSeccompOperator, k uint32) []unix.SockFilter {
	equal := func(otherwise uint8) unix.SockFilter { return unix.SockFilter{Code: jumpEqual, Jf: otherwise, K: k} }
	greater := func(then uint8) unix.SockFilter { return unix.SockFilter{Code: jumpGreater, Jt: then, K: k} }
	switch op {
	case specs.OpNotEqual:
		return []unix.SockFilter{equal(holds)}
	case specs.OpLessThan, specs.OpLessEqual:
		return []unix.SockFilter{greater(fails), equal(holds)}
	case specs.OpGreaterEqual, specs.OpGreaterThan:
		return []unix.SockFilter{greater(holds), equal(fails)}
	}
	return []unix.SockFilter{equal(fails)}
}
