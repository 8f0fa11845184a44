package exe

import (
	"bytes"

	"golang.org/x/arch/x86/x86asm"
)

// The instructions that Scan looks for. All are encoded as 0F C7 /r with a
// register operand (Intel SDM vol. 2, RDPID, RDRAND, RDSEED). RDTSC and RDTSCP
// are not among them: PR_SET_TSC makes them trap. It does not make RDPID trap,
// which returns the number of the CPU and of the node.
const (
	rdpid  = 1 << iota // F3 0F C7 /7
	rdrand             // 0F C7 /6
	rdseed             // 0F C7 /7
	all    = rdpid | rdrand | rdseed
)

// unmaskedNames are the values of Info.Unmasked, in the order of the bits.
var unmaskedNames = [...]string{"rdpid", "rdrand", "rdseed"}

const (
	// lookBack is how many bytes before a candidate are decoded.
	lookBack = 64
	// maxInsn is the longest instruction, in bytes.
	maxInsn = 15
	// lookAhead is how many bytes from a candidate on must be in the buffer
	// while the file goes on: the longest instruction.
	lookAhead = maxInsn
	// keep is how much room the buffer needs besides a chunk.
	keep = lookBack + lookAhead
	// maxCandidates bounds the work on a file that is full of candidates:
	// 4 µs each. cc1 (33 MB) has about 20.
	maxCandidates = 1 << 14
)

var opcode = []byte{0x0f, 0xc7}

// finder searches the executable ranges of a file for the instructions above.
type finder struct {
	text   []span // merged; those already passed are dropped
	budget int    // candidates that may still be decoded
	found  int    // bits
}

// names returns what was found.
func (f *finder) names() []string {
	var out []string
	for i, name := range unmaskedNames {
		if f.found&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// search looks at the candidates whose opcode starts at a position in
// [from, to) of data; base is the file offset of data[0]. Calls come in order.
func (f *finder) search(data []byte, base int64, from, to int) {
	for len(f.text) > 0 && f.found != all {
		s := f.text[0]
		if s.lo >= base+int64(to) {
			return
		}
		lo := int(max(s.lo-base, 0))
		hi := int(min(s.hi-base, int64(len(data))))
		for at := max(lo, from); ; at++ {
			// The whole instruction, three bytes, lies in the span.
			last := min(to-1, hi-3)
			if at > last {
				break
			}
			i := bytes.Index(data[at:last+2], opcode)
			if i < 0 {
				break
			}
			at += i
			f.judge(data[lo:hi], at-lo)
		}
		if s.hi > base+int64(to) {
			return
		}
		f.text = f.text[1:]
	}
}

// judge decides whether the candidate at position at of code is an instruction
// of its own.
func (f *finder) judge(code []byte, at int) {
	var possible int
	switch code[at+2] >> 3 {
	case 3<<3 | 6:
		possible = rdrand
	case 3<<3 | 7:
		possible = rdseed | rdpid
	}
	if possible &^= f.found; possible == 0 {
		return
	}
	if f.budget == 0 {
		// Somebody made this file so that it can't be searched.
		f.found |= possible
		return
	}
	f.budget--
	f.found |= vote(code, at)
}

// vote decodes code from each of the lookBack positions before the candidate at
// position at. x86 code read from a wrong position falls into step within a
// few instructions, so where the candidate is an instruction most of these
// sweeps stop at its start, and where it is part of an immediate or a
// displacement most step over it. It returns the bit of the instruction that
// at least half of the sweeps stop at, or 0. In 3,100 ELF files of a Debian
// system, 2.8 GB, no candidate had between 30 % and 80 % of the sweeps.
func vote(code []byte, at int) int {
	n := min(at, lookBack)
	first := at - n
	// outcome[i] is where the sweep from first+i ends: a bit, or 0.
	var outcome [lookBack + 1]int
	outcome[n] = identify(code[at:at], code[at+2])
	var votes [all + 1]int
	votes[outcome[n]]++ // keeps the candidate at the start of a span
	for i := n - 1; i >= 0; i-- {
		pos := first + i
		if bit := identify(code[pos:at], code[at+2]); bit != 0 {
			outcome[i] = bit
		} else if next := i + length(code[pos:]); next <= n {
			outcome[i] = outcome[next]
		}
		votes[outcome[i]]++
	}
	for bit := rdpid; bit < all; bit <<= 1 {
		if 2*votes[bit] >= n+1 {
			return bit
		}
	}
	return 0
}

// identify returns the bit of the instruction 0F C7 modrm with the given
// prefixes, or 0 if these are no prefixes or make it another instruction.
func identify(prefixes []byte, modrm byte) int {
	if countPrefixes(prefixes) < len(prefixes) {
		return 0
	}
	rep := bytes.IndexByte(prefixes, 0xf3) >= 0
	switch reg := modrm >> 3 & 7; {
	case reg == 6 && !rep:
		return rdrand
	case reg == 7 && !rep:
		return rdseed
	case reg == 7:
		return rdpid
	}
	return 0
}

// countPrefixes returns how many prefixes the instruction at the start of code
// has. F0 and F2 are not counted: they would make the instructions that are
// looked for here invalid.
func countPrefixes(code []byte) int {
	for i, p := range code {
		switch {
		case p&0xf0 == 0x40: // REX
		case p == 0x66, p == 0x67, p == 0xf3, p == 0x26, p == 0x2e, p == 0x36, p == 0x3e, p == 0x64, p == 0x65:
		default:
			return i
		}
	}
	return len(code)
}

// length returns the length of the instruction at the start of code; of what
// is none, one byte, so that a sweep goes on behind it.
func length(code []byte) int {
	code = code[:min(len(code), maxInsn)]
	// The decoder does not know RDSEED and RDPID.
	n := countPrefixes(code)
	if op := code[n:]; len(op) >= 3 && bytes.HasPrefix(op, opcode) && op[2] >= 3<<6 {
		return n + 3
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil {
		return 1
	}
	switch inst.Op {
	case x86asm.VZEROUPPER, x86asm.VZEROALL:
		// The decoder counts a ModRM byte, which these do not have.
		return bytes.IndexByte(code[:inst.Len], 0x77) + 1
	}
	return max(inst.Len, 1)
}
