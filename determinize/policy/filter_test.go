package policy

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// call is what a filter sees of a system call.
type call struct {
	arch uint32
	nr   uint32
	args [6]uint64
}

func (c call) String() string {
	return fmt.Sprintf("arch %#x nr %#x args %#x", c.arch, c.nr, c.args)
}

// packet lays a call out as struct seccomp_data of a little-endian kernel, and
// writes each 32-bit word big-endian, as the packet machine loads it.
func (c call) packet() []byte {
	b := make([]byte, sizeData)
	word := func(off int, v uint32) { binary.BigEndian.PutUint32(b[off:], v) }
	word(offNumber, c.nr)
	word(offArch, c.arch)
	word(8, 0xdeadbeef) // instruction_pointer: nothing may depend on it
	word(12, 0x7f00)
	for i, a := range c.args {
		word(offArgs+8*i, uint32(a))
		word(offArgs+8*i+4, uint32(a>>32))
	}
	return b
}

// machine is a filter under the packet machine.
func machine(t testing.TB, prog []bpf.Instruction) *bpf.VM {
	t.Helper()
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatalf("the machine refuses the filter: %v", err)
	}
	return vm
}

// filterProgram is what Filter returns, disassembled.
func filterProgram(t testing.TB) []bpf.Instruction {
	t.Helper()
	raw, err := Filter()
	if err != nil {
		t.Fatal(err)
	}
	rs := make([]bpf.RawInstruction, len(raw))
	for i, f := range raw {
		rs[i] = bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	prog, ok := bpf.Disassemble(rs)
	if !ok {
		t.Fatal("the filter has instructions that can't be disassembled")
	}
	return prog
}

// expect is what the table says about a call.
func expect(c call) uint32 {
	if c.arch != unix.AUDIT_ARCH_X86_64 {
		return unix.SECCOMP_RET_TRACE
	}
	row, _ := Lookup(uint64(c.nr))
	if row.Stops(c.args) {
		return unix.SECCOMP_RET_TRACE
	}
	return unix.SECCOMP_RET_ALLOW
}

func run(t testing.TB, vm *bpf.VM, c call) uint32 {
	t.Helper()
	got, err := vm.Run(c.packet())
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	return uint32(got)
}

// around are the argument values that could tell a condition from a wrong one.
func around(c Cond) []uint64 {
	m := c.mask()
	vs := []uint64{
		0, 1, ^uint64(0), m, ^m, c.Value, c.Value - 1, c.Value + 1, c.Value | ^m, c.Value ^ m,
		uint64(uint32(c.Value)), c.Value &^ 0xffffffff, c.Value<<32 | c.Value>>32,
		c.Value | 1<<32, c.Value ^ 1<<32, c.Value | 1<<63, uint64(int64(int32(c.Value))),
	}
	for bit := range 64 {
		vs = append(vs, 1<<bit, c.Value^1<<bit)
	}
	return vs
}

// probes are argument vectors around the conditions of a row: each argument
// varied alone, before a background that passes and others that may not, and
// every pair of boundary values.
func probes(row Row) [][6]uint64 {
	backgrounds := [][6]uint64{
		{},
		{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, ^uint64(0), 0},
		{archSetFS, 1, 1, 1, 1, 1},
		{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)},
	}
	out := slices.Clone(backgrounds)
	for _, bg := range backgrounds {
		for _, c := range row.Trap {
			for _, v := range around(c) {
				args := bg
				args[c.Arg] = v
				out = append(out, args)
				for _, d := range row.Trap {
					for _, w := range []uint64{d.Value - 1, d.Value, d.Value + 1} {
						pair := args
						pair[d.Arg] = w
						out = append(out, pair)
					}
				}
			}
		}
	}
	return out
}

func TestFilterAgreesWithTable(t *testing.T) {
	vm := machine(t, filterProgram(t))
	arches := []uint32{
		unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64,
		unix.AUDIT_ARCH_X86_64 ^ 0x80000000, 0,
	}
	const x32 = 0x40000000
	numbers := []uint32{x32 - 1, x32 + 1024, 1 << 31, ^uint32(0)}
	for nr := range uint32(1024) {
		numbers = append(numbers, nr, nr|x32)
	}
	allowed := 0
	for _, arch := range arches {
		for _, nr := range numbers {
			row, _ := Lookup(uint64(nr & 1023))
			for _, args := range probes(row) {
				c := call{arch, nr, args}
				got, want := run(t, vm, c), expect(c)
				if got != want {
					t.Fatalf("%v (%s): filter says %#x, the table %#x", c, row.Name, got, want)
				}
				if got == unix.SECCOMP_RET_ALLOW {
					allowed++
					if nr >= Size || arch != unix.AUDIT_ARCH_X86_64 {
						t.Fatalf("%v passes", c)
					}
				}
			}
		}
	}
	if allowed == 0 {
		t.Fatal("the filter lets nothing pass")
	}
}

// TestCalls holds filter and table to decisions written down by hand.
func TestCalls(t *testing.T) {
	const (
		anon = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
		rw   = unix.PROT_READ | unix.PROT_WRITE
		high = 1 << 32
	)
	tests := []struct {
		name  string
		nr    uint32
		args  [6]uint64
		stops bool
	}{
		{"private anonymous memory", unix.SYS_MMAP, [6]uint64{0, 4096, rw, anon, ^uint64(0), 0}, false},
		{"a thread's stack", unix.SYS_MMAP, [6]uint64{0, 1 << 20, unix.PROT_NONE, anon | unix.MAP_STACK | unix.MAP_NORESERVE, ^uint64(0), 0}, false},
		{"a library's segment", unix.SYS_MMAP, [6]uint64{0x7ffff7000000, 1 << 20, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE | unix.MAP_FIXED | unix.MAP_DENYWRITE, 3, 4096}, false},
		{"one page less than 2 MiB", unix.SYS_MMAP, [6]uint64{0, 2<<20 - 4096, rw, anon, 0, 0}, false},
		{"2 MiB", unix.SYS_MMAP, [6]uint64{0, 2 << 20, rw, anon, 0, 0}, true},
		{"4 GiB and a page", unix.SYS_MMAP, [6]uint64{0, 4<<30 + 4096, rw, anon, 0, 0}, true},
		{"shared memory", unix.SYS_MMAP, [6]uint64{0, 4096, rw, unix.MAP_SHARED | unix.MAP_ANONYMOUS, 0, 0}, true},
		{"shared memory, validated", unix.SYS_MMAP, [6]uint64{0, 4096, rw, unix.MAP_SHARED_VALIDATE, 0, 0}, true},
		{"huge pages", unix.SYS_MMAP, [6]uint64{0, 4096, rw, anon | unix.MAP_HUGETLB, 0, 0}, true},
		{"locked", unix.SYS_MMAP, [6]uint64{0, 4096, rw, anon | unix.MAP_LOCKED, 0, 0}, true},
		{"populated", unix.SYS_MMAP, [6]uint64{0, 4096, rw, anon | unix.MAP_POPULATE, 0, 0}, true},
		{"a mmap flag above 32 bits", unix.SYS_MMAP, [6]uint64{0, 4096, rw, anon | high, 0, 0}, true},
		{"an unknown protection", unix.SYS_MMAP, [6]uint64{0, 4096, 0x10, anon, 0, 0}, true},
		{"above 47 bits", unix.SYS_MMAP, [6]uint64{1 << 47, 4096, rw, anon, 0, 0}, true},
		{"grow in place", unix.SYS_MREMAP, [6]uint64{0x7ffff7000000, 4096, 8192, 0, 0}, false},
		{"grow elsewhere", unix.SYS_MREMAP, [6]uint64{0x7ffff7000000, 4096, 8192, unix.MREMAP_MAYMOVE, 0}, false},
		{"grow past 2 MiB", unix.SYS_MREMAP, [6]uint64{0x7ffff7000000, 4096, 2 << 20, unix.MREMAP_MAYMOVE, 0}, true},
		{"move and keep", unix.SYS_MREMAP, [6]uint64{0x7ffff7000000, 4096, 4096, unix.MREMAP_MAYMOVE | unix.MREMAP_DONTUNMAP, 0}, true},
		{"read only", unix.SYS_MPROTECT, [6]uint64{0x7ffff7000000, 4096, unix.PROT_READ}, false},
		{"executable stack", unix.SYS_MPROTECT, [6]uint64{0x7ffff7000000, 4096, rw | unix.PROT_EXEC | unix.PROT_GROWSDOWN}, true},
		{"drop pages", unix.SYS_MADVISE, [6]uint64{0x7ffff7000000, 4096, unix.MADV_DONTNEED}, false},
		{"drop pages some time", unix.SYS_MADVISE, [6]uint64{0x7ffff7000000, 4096, unix.MADV_FREE}, true},
		{"drop pages some time, high half set", unix.SYS_MADVISE, [6]uint64{0x7ffff7000000, 4096, high | unix.MADV_FREE}, true},
		{"no huge pages", unix.SYS_MADVISE, [6]uint64{0x7ffff7000000, 4096, unix.MADV_NOHUGEPAGE}, true},
		{"seek to a place", unix.SYS_LSEEK, [6]uint64{3, 100, unix.SEEK_SET}, true},
		{"ask for the place", unix.SYS_LSEEK, [6]uint64{3, 0, unix.SEEK_CUR}, true},
		{"go to a place", unix.SYS_LSEEK, [6]uint64{3, 5, unix.SEEK_SET}, true},
		{"seek back", unix.SYS_LSEEK, [6]uint64{3, ^uint64(99), unix.SEEK_CUR}, true},
		{"seek to the end", unix.SYS_LSEEK, [6]uint64{3, 0, unix.SEEK_END}, true},
		{"seek to a hole", unix.SYS_LSEEK, [6]uint64{3, 0, unix.SEEK_HOLE}, true},
		{"seek to a hole, high half set", unix.SYS_LSEEK, [6]uint64{3, 0, high | unix.SEEK_HOLE}, true},
		{"descriptor flags", unix.SYS_FCNTL, [6]uint64{3, unix.F_GETFD}, false},
		{"close on exec", unix.SYS_FCNTL, [6]uint64{3, unix.F_SETFD, unix.FD_CLOEXEC}, false},
		{"status flags", unix.SYS_FCNTL, [6]uint64{3, unix.F_GETFL}, true},
		{"set status flags", unix.SYS_FCNTL, [6]uint64{3, unix.F_SETFL, unix.O_NONBLOCK}, true},
		{"duplicate", unix.SYS_FCNTL, [6]uint64{3, unix.F_DUPFD, 10}, true},
		{"duplicate, high half set", unix.SYS_FCNTL, [6]uint64{3, high | unix.F_DUPFD, 10}, true},
		{"duplicate, closed on exec", unix.SYS_FCNTL, [6]uint64{3, unix.F_DUPFD_CLOEXEC, 10}, true},
		{"lock", unix.SYS_FCNTL, [6]uint64{3, unix.F_SETLKW}, true},
		{"pipe size", unix.SYS_FCNTL, [6]uint64{3, unix.F_GETPIPE_SZ}, true},
		{"thread pointer", unix.SYS_ARCH_PRCTL, [6]uint64{archSetFS, 0x7ffff7000000}, false},
		{"read gs", unix.SYS_ARCH_PRCTL, [6]uint64{archGetGS, 0x7ffff7000000}, false},
		{"option below", unix.SYS_ARCH_PRCTL, [6]uint64{0x1000}, true},
		{"option above", unix.SYS_ARCH_PRCTL, [6]uint64{0x1005}, true},
		{"cpuid faulting", unix.SYS_ARCH_PRCTL, [6]uint64{0x1012}, true},
		{"cpuid faulting, high half set", unix.SYS_ARCH_PRCTL, [6]uint64{high | 0x1012}, true},
		{"map the vdso", unix.SYS_ARCH_PRCTL, [6]uint64{0x2003}, true},
		{"option zero", unix.SYS_ARCH_PRCTL, [6]uint64{}, true},
		{"who am I", unix.SYS_GETUID, [6]uint64{}, false},
		{"heap", unix.SYS_BRK, [6]uint64{}, false},
		{"heap of a program at a fixed place", unix.SYS_BRK, [6]uint64{0x80000000}, false},
		{"heap of others", unix.SYS_BRK, [6]uint64{0x5555deadb000}, false},
		{"heap that grew by 4 GiB", unix.SYS_BRK, [6]uint64{0x555655559000}, true},
		{"heap that grew by 16 TiB", unix.SYS_BRK, [6]uint64{0x655555559000}, true},
		{"protect a page", unix.SYS_MPROTECT, [6]uint64{0x7ffff7000000, 4096, unix.PROT_READ | unix.PROT_WRITE}, false},
		{"protect 2 MiB", unix.SYS_MPROTECT, [6]uint64{0x7ffff7000000, 2 << 20, unix.PROT_READ | unix.PROT_WRITE}, true},
		{"pid", unix.SYS_GETPID, [6]uint64{}, true},
		{"time", unix.SYS_CLOCK_GETTIME, [6]uint64{}, true},
		{"random", unix.SYS_GETRANDOM, [6]uint64{}, true},
		{"read", unix.SYS_READ, [6]uint64{}, true},
		{"open", unix.SYS_OPENAT, [6]uint64{}, true},
		{"socket", unix.SYS_SOCKET, [6]uint64{}, true},
		{"restartable sequences", unix.SYS_RSEQ, [6]uint64{}, true},
		{"a gap of the number space", 400, [6]uint64{}, true},
		{"later than 6.18", Size, [6]uint64{}, true},
	}
	vm := machine(t, filterProgram(t))
	for _, tt := range tests {
		want := uint32(unix.SECCOMP_RET_ALLOW)
		if tt.stops {
			want = unix.SECCOMP_RET_TRACE
		}
		c := call{unix.AUDIT_ARCH_X86_64, tt.nr, tt.args}
		if got := run(t, vm, c); got != want {
			t.Errorf("%s: %v: filter says %#x, want %#x", tt.name, c, got, want)
		}
	}
}

// constAllow is the kernel's seccomp_is_const_allow: it follows the filter
// with the number and architecture known and reports whether that alone leads
// to RET_ALLOW, in which case the kernel skips the filter for that number.
func constAllow(t *testing.T, prog []unix.SockFilter, nr, arch uint32) bool {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			switch in.K {
			case offNumber:
				a = nr
			case offArch:
				a = arch
			default:
				return false
			}
		case unix.BPF_RET | unix.BPF_K:
			return in.K == unix.SECCOMP_RET_ALLOW
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(a == in.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(a >= in.K)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			jump(a > in.K)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			jump(a&in.K != 0)
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= in.K
		default:
			return false
		}
	}
	t.Fatal("the filter runs past its end")
	return false
}

func TestNumberOnlyDecisionsAreCached(t *testing.T) {
	prog, err := Filter()
	if err != nil {
		t.Fatal(err)
	}
	for nr := range uint32(Size) {
		row := Table[nr]
		want := row.Class == Pass && len(row.Trap) == 0
		if got := constAllow(t, prog, nr, unix.AUDIT_ARCH_X86_64); got != want {
			t.Errorf("%d %s: allowed by number alone: %v, want %v", nr, row.Name, got, want)
		}
		if constAllow(t, prog, nr, unix.AUDIT_ARCH_I386) {
			t.Errorf("%d: allowed by number alone for i386", nr)
		}
	}
}

func TestFilterSize(t *testing.T) {
	prog, err := Filter()
	if err != nil {
		t.Fatal(err)
	}
	if len(prog) > maxInstructions {
		t.Fatalf("%d instructions, the kernel takes %d", len(prog), maxInstructions)
	}
	t.Logf("%d instructions", len(prog))
}

// TestBranchReaches puts the targets of a branch at every distance about the
// 255 instructions that a conditional jump can skip.
func TestBranchReaches(t *testing.T) {
	const size = 600
	near := []int{0, 1, size - 1}
	for d := 340; d < 350; d++ {
		near = append(near, d)
	}
	for _, yes := range near {
		for _, no := range near {
			var a assembler
			for i := range size {
				a.push(bpf.RetConstant{Val: uint32(i)})
			}
			a.branch(bpf.JumpEqual, 7, label(yes), label(no))
			a.push(bpf.LoadAbsolute{Off: offNumber, Size: 4})
			vm := machine(t, a.program())
			for nr, want := range map[uint32]int{7: yes, 8: no} {
				if got := run(t, vm, call{nr: nr}); got != uint32(want) {
					t.Fatalf("branch to %d and %d of %d: %d reaches %d", yes, no, size, nr, got)
				}
			}
		}
	}
}

// TestFarJumps compiles rows with ever more conditions, of one to six
// instructions each, past the 255 that a conditional jump can skip.
func TestFarJumps(t *testing.T) {
	kinds := []func(i uint64) Cond{
		func(i uint64) Cond { return Cond{Arg: 0, Op: Eq, Value: i<<32 | i} },
		func(i uint64) Cond { return Cond{Arg: 0, Op: Eq, Mask: 0xffffff, Value: i} },
		func(i uint64) Cond { return Cond{Arg: 1, Op: Ge, Value: 1<<40 - i} },
		func(i uint64) Cond { return Cond{Arg: 2, Op: AnySet, Value: 1 << (i % 64)} },
	}
	for n := range 130 {
		table := new([Size]Row)
		row := &table[unix.SYS_GETUID]
		row.Class = Pass
		for i := range n {
			row.Trap = append(row.Trap, kinds[(i+n)%len(kinds)](uint64(i+1)))
		}
		prog, err := compile(table)
		if err != nil {
			t.Fatal(err)
		}
		vm := machine(t, prog)
		calls := []call{{nr: unix.SYS_GETUID}}
		for _, c := range row.Trap {
			for _, v := range []uint64{c.Value - 1, c.Value, c.Value + 1} {
				hit := call{nr: unix.SYS_GETUID}
				hit.args[c.Arg] = v
				calls = append(calls, hit)
			}
		}
		for _, c := range calls {
			c.arch = unix.AUDIT_ARCH_X86_64
			want := uint32(unix.SECCOMP_RET_ALLOW)
			if row.Stops(c.args) {
				want = unix.SECCOMP_RET_TRACE
			}
			if got := run(t, vm, c); got != want {
				t.Fatalf("%d conditions: %v: filter says %#x, want %#x", n, c, got, want)
			}
		}
	}
}

// TestAnyConditionCompiles compares compiled conditions with Cond.Holds, on
// tables that nobody would write.
func TestAnyConditionCompiles(t *testing.T) {
	word := rapid.OneOf(
		rapid.Uint64(),
		rapid.Custom(func(t *rapid.T) uint64 {
			return 1<<rapid.IntRange(0, 63).Draw(t, "bit") - rapid.Uint64Range(0, 2).Draw(t, "less")
		}),
		rapid.SampledFrom([]uint64{0, 1, 1 << 32, 0xffffffff, ^uint64(0), 0xffffffff00000000}),
	)
	cond := rapid.Custom(func(t *rapid.T) Cond {
		c := Cond{Arg: rapid.IntRange(0, 5).Draw(t, "arg"), Op: Op(rapid.IntRange(0, len(opNames)-1).Draw(t, "op"))}
		if c.Op == AnySet {
			c.Value = word.Draw(t, "bits")
			if c.Value == 0 {
				c.Value = 1
			}
			return c
		}
		c.Mask = word.Draw(t, "mask")
		c.Value = word.Draw(t, "value") & c.mask()
		return c
	})
	rapid.Check(t, func(rt *rapid.T) {
		conds := rapid.SliceOfN(cond, 1, 60).Draw(rt, "conditions")
		nr := rapid.OneOf(rapid.IntRange(0, Size-1), rapid.Just(Size-1)).Draw(rt, "number")
		table := new([Size]Row)
		table[nr] = Row{Class: Pass, Trap: conds}
		prog, err := compile(table)
		if err != nil {
			rt.Fatal(err)
		}
		vm := machine(t, prog)
		for range 8 {
			c := call{arch: unix.AUDIT_ARCH_X86_64, nr: uint32(nr)}
			near := conds[rapid.IntRange(0, len(conds)-1).Draw(rt, "near")]
			for i := range c.args {
				c.args[i] = rapid.OneOf(word, rapid.SampledFrom(around(near))).Draw(rt, "value")
			}
			want := uint32(unix.SECCOMP_RET_ALLOW)
			if table[nr].Stops(c.args) {
				want = unix.SECCOMP_RET_TRACE
			}
			if got := run(t, vm, c); got != want {
				rt.Fatalf("%v: filter says %#x, want %#x", c, got, want)
			}
			for _, other := range []call{{c.arch, c.nr + 1, c.args}, {unix.AUDIT_ARCH_I386, c.nr, c.args}} {
				if got := run(t, vm, other); got != unix.SECCOMP_RET_TRACE {
					rt.Fatalf("%v: filter says %#x", other, got)
				}
			}
		}
	})
}

func TestCompileRefusesNonsense(t *testing.T) {
	tests := map[string]Row{
		"no such argument":     {Class: Pass, Trap: []Cond{{Arg: 6, Op: Eq}}},
		"negative argument":    {Class: Pass, Trap: []Cond{{Arg: -1, Op: Eq}}},
		"no such operator":     {Class: Pass, Trap: []Cond{{Op: AnySet + 1}}},
		"value outside mask":   {Class: Pass, Trap: []Cond{{Op: Eq, Mask: 1, Value: 2}}},
		"bits and a mask":      {Class: Pass, Trap: []Cond{{Op: AnySet, Mask: 1, Value: 1}}},
		"no bits":              {Class: Pass, Trap: []Cond{{Op: AnySet}}},
		"conditions on Refuse": {Class: Refuse, Trap: []Cond{{Op: Eq}}},
		"too many conditions":  {Class: Pass, Trap: slices.Repeat([]Cond{{Op: Eq, Value: 1 << 40}}, 2000)},
	}
	for name, row := range tests {
		table := new([Size]Row)
		table[7] = row
		if prog, err := compile(table); err == nil {
			t.Errorf("%s: compiled to %d instructions", name, len(prog))
		}
	}
}
