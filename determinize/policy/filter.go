package policy

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h).
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
	sizeData  = 64
)

// maxInstructions is the kernel's limit on a filter (BPF_MAXINSNS).
const maxInstructions = 4096

// Filter returns the seccomp program of [Table]. It answers RET_ALLOW for a
// Pass row none of whose conditions hold, and RET_TRACE, with data 0, for
// everything else: other rows, numbers without a row, x32 entries and every
// architecture but AUDIT_ARCH_X86_64. Where no tracer listens, the kernel
// answers a traced call with ENOSYS.
//
// A call decided by its number alone is decided without loading anything else,
// so that the kernel precomputes it (SECCOMP_CACHE, since 5.11). The error is
// for a table that can't be compiled; that of this package can.
func Filter() ([]unix.SockFilter, error) {
	prog, err := compile(&Table)
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(prog)
	if err != nil {
		return nil, fmt.Errorf("assemble the seccomp filter: %w", err)
	}
	out := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		out[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return out, nil
}

// span is a run of numbers with one decision: it reaches from first to the
// next span's first.
type span struct {
	first  uint32
	action uint32 // SECCOMP_RET_*, when there are no conditions
	trap   []Cond // conditions of the one number of the span
}

// spans cuts the number space into runs of equal decision.
func spans(t *[Size]Row) ([]span, error) {
	var out []span
	add := func(s span) {
		if n := len(out); n > 0 && out[n-1].trap == nil && s.trap == nil && out[n-1].action == s.action {
			return
		}
		out = append(out, s)
	}
	for nr := range t {
		row := &t[nr]
		for _, c := range row.Trap {
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("row %d, %s: %w", nr, row.Name, err)
			}
		}
		s := span{first: uint32(nr), action: unix.SECCOMP_RET_TRACE}
		switch {
		case row.Class == Pass && len(row.Trap) > 0:
			s.trap = row.Trap
		case row.Class == Pass:
			s.action = unix.SECCOMP_RET_ALLOW
		case len(row.Trap) > 0:
			return nil, fmt.Errorf("row %d, %s: conditions on class %v", nr, row.Name, row.Class)
		}
		add(s)
	}
	add(span{first: Size, action: unix.SECCOMP_RET_TRACE})
	return out, nil
}

// compile turns a table into a program.
func compile(t *[Size]Row) ([]bpf.Instruction, error) {
	ss, err := spans(t)
	if err != nil {
		return nil, err
	}
	var a assembler
	trace := a.push(bpf.RetConstant{Val: unix.SECCOMP_RET_TRACE})
	search := a.search(ss)
	a.fallInto(search)
	a.push(bpf.LoadAbsolute{Off: offNumber, Size: 4})
	a.branch(bpf.JumpEqual, unix.AUDIT_ARCH_X86_64, a.here(), trace)
	a.push(bpf.LoadAbsolute{Off: offArch, Size: 4})
	prog := a.program()
	if len(prog) > maxInstructions {
		return nil, fmt.Errorf("the seccomp filter has %d instructions, more than %d", len(prog), maxInstructions)
	}
	return prog, nil
}

// assembler builds a program from its last instruction to its first. Jumps of
// classic BPF go forward only, so every target exists when its jump is made,
// and its distance is known.
type assembler struct {
	rev []bpf.Instruction // the program, backwards
}

// label names an instruction by its place in assembler.rev.
type label int

// push puts an instruction before the program and returns its label.
func (a *assembler) push(i bpf.Instruction) label {
	a.rev = append(a.rev, i)
	return a.here()
}

// here is the label of the program's first instruction so far.
func (a *assembler) here() label { return label(len(a.rev) - 1) }

// skip is how many instructions the next one pushed must skip to reach l.
func (a *assembler) skip(l label) int { return len(a.rev) - 1 - int(l) }

// fallInto makes l what runs after the next instruction pushed.
func (a *assembler) fallInto(l label) {
	if a.skip(l) > 0 {
		a.push(bpf.Jump{Skip: uint32(a.skip(l))})
	}
}

// near returns a label that a conditional jump reaches, though one more
// instruction be pushed between: l itself, or an unconditional jump to it.
func (a *assembler) near(l label) label {
	if a.skip(l) < 255 {
		return l
	}
	return a.push(bpf.Jump{Skip: uint32(a.skip(l))})
}

// branch pushes a test of the accumulator against a constant.
func (a *assembler) branch(test bpf.JumpTest, val uint32, yes, no label) label {
	yes = a.near(yes)
	no = a.near(no)
	return a.push(bpf.JumpIf{
		Cond: test, Val: val,
		SkipTrue: uint8(a.skip(yes)), SkipFalse: uint8(a.skip(no)),
	})
}

// search pushes a binary search for the span of the number in the accumulator.
func (a *assembler) search(ss []span) label {
	if len(ss) == 1 {
		if ss[0].trap != nil {
			return a.conditions(ss[0].trap)
		}
		return a.push(bpf.RetConstant{Val: ss[0].action})
	}
	mid := len(ss) / 2
	upper := a.search(ss[mid:])
	lower := a.search(ss[:mid])
	return a.branch(bpf.JumpGreaterOrEqual, ss[mid].first, upper, lower)
}

// conditions pushes tests that trace if one of them holds, else allow.
func (a *assembler) conditions(cs []Cond) label {
	next := a.push(bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
	trace := a.push(bpf.RetConstant{Val: unix.SECCOMP_RET_TRACE})
	for i := len(cs) - 1; i >= 0; i-- {
		next = a.condition(cs[i], trace, next)
	}
	return next
}

// condition pushes the test of one 64-bit condition as tests of its halves.
// The accumulator is lost.
func (a *assembler) condition(c Cond, yes, no label) label {
	if c.Op == Ne {
		c.Op, yes, no = Eq, no, yes
	}
	mask := c.mask()
	low := half{off: uint32(offArgs + 8*c.Arg), mask: uint32(mask), val: uint32(c.Value)}
	high := half{off: low.off + 4, mask: uint32(mask >> 32), val: uint32(c.Value >> 32)}
	switch c.Op {
	case Eq:
		then := a.test(low, bpf.JumpEqual, yes, no)
		if high.mask == 0 {
			return then
		}
		return a.test(high, bpf.JumpEqual, then, no)
	case Ge:
		then := a.test(low, bpf.JumpGreaterOrEqual, yes, no)
		if high.mask == 0 {
			return then
		}
		// The test for equality reuses the accumulator of the one before it.
		then = a.branch(bpf.JumpEqual, high.val, then, no)
		return a.test(high, bpf.JumpGreaterThan, yes, then)
	default: // AnySet; Cond.check has let through no other
		then := no
		if low.val != 0 {
			then = a.test(low, bpf.JumpBitsSet, yes, no)
		}
		if high.val == 0 {
			return then
		}
		return a.test(high, bpf.JumpBitsSet, yes, then)
	}
}

// half is 32 bits of an argument.
type half struct{ off, mask, val uint32 }

// test pushes a load of a half, its mask, and a test of it.
func (a *assembler) test(h half, test bpf.JumpTest, yes, no label) label {
	a.branch(test, h.val, yes, no)
	if h.mask != ^uint32(0) {
		a.push(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: h.mask})
	}
	return a.push(bpf.LoadAbsolute{Off: h.off, Size: 4})
}

// program returns the instructions in running order.
func (a *assembler) program() []bpf.Instruction {
	out := make([]bpf.Instruction, len(a.rev))
	for i, ins := range a.rev {
		out[len(out)-1-i] = ins
	}
	return out
}
