package seccomp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// dead are calls of x86-64 that no kernel has any more: whatever their arguments, they do
// nothing and return ENOSYS.
var dead = []string{"create_module", "get_kernel_syms", "query_module", "nfsservctl", "getpmsg", "putpmsg", "afs_syscall", "tuxcall",
	"security", "epoll_ctl_old", "epoll_wait_old", "vserver"}

// maxErrno is the greatest error, -4095.
const maxErrno = 1<<64 - 4095

// underFilter installs a filter for a thread of its own and makes calls there. It returns
// their errors, or the error of installing the filter. The filter must allow what Go's
// runtime calls, or answer with an errno.
func underFilter(filter []unix.SockFilter, flags uint, calls []*Data) (results []unix.Errno, err error) {
	results = make([]unix.Errno, len(calls))
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)}
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return
		}
		const setModeFilter = 1
		if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, setModeFilter, uintptr(flags), uintptr(unsafe.Pointer(&program))); errno != 0 {
			err = errno
			return
		}
		for i, d := range calls {
			var result uintptr
			result, _, results[i] = unix.RawSyscall6(uintptr(d.Number), uintptr(d.Args[0]), uintptr(d.Args[1]), uintptr(d.Args[2]),
				uintptr(d.Args[3]), uintptr(d.Args[4]), uintptr(d.Args[5]))
			if result == maxErrno { // Go takes it for a result
				results[i] = 4095
			}
		}
	}()
	<-done
	runtime.KeepAlive(filter)
	return results, err
}

// errnoOf is the error of a dead call when a filter answers action.
func errnoOf(action uint32) unix.Errno {
	if action&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_ERRNO {
		return unix.Errno(min(action&unix.SECCOMP_RET_DATA, 4095))
	}
	return unix.ENOSYS
}

// TestKernel installs filters and compares what the kernel says with Evaluate and with
// what the profile means.
func TestKernel(t *testing.T) {
	var living []string // all others: Go's runtime is among them
	for name := range callTable() {
		if _, ok := x86_64.number(name); ok && !slices.Contains(dead, name) {
			living = append(living, name)
		}
	}
	slices.Sort(living)
	answers := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno}
	rapid.Check(t, func(t *rapid.T) {
		p := profile(t, dead, answers, answers)
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: living, Action: specs.ActAllow})
		filter, flags, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		var calls []*Data
		for range 20 {
			d := data(t, p)
			number, _ := Number(rapid.SampledFrom(dead).Draw(t, "dead"))
			d.Number, d.Arch = int32(number), unix.AUDIT_ARCH_X86_64
			calls = append(calls, d)
		}
		results, err := underFilter(filter, flags, calls)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range calls {
			if want := interpret(p, d); Evaluate(filter, d) != want || results[i] != errnoOf(want) {
				t.Fatalf("%+v: the kernel says %d, Evaluate %#x, want %#x", d, results[i], Evaluate(filter, d), want)
			}
		}
	})
}

// TestKernelPrograms compares Evaluate and Check with the kernel for programs that no
// profile would give, as guests may bring them.
func TestKernelPrograms(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	accepted := 0
	for round := range 400 {
		body := randomProgram(random, round%2 == 0)
		filter := guarded(body)
		err := Check(filter)
		var calls []*Data
		if round%2 == 0 { // ends with an errno, whatever it does
			for range 10 {
				number, _ := Number(dead[random.IntN(len(dead))])
				d := &Data{Number: int32(number), Arch: unix.AUDIT_ARCH_X86_64}
				for i := range d.Args {
					d.Args[i] = random.Uint64() >> random.IntN(64)
				}
				calls = append(calls, d)
			}
		}
		results, kernel := underFilter(filter, 0, calls)
		if (err == nil) != (kernel == nil) || kernel != nil && !errors.Is(kernel, unix.EINVAL) {
			t.Fatalf("program %d: the kernel says %v, Check %v\n%s", round, kernel, err, listing(filter))
		}
		if err != nil {
			if !errors.Is(err, ErrNotFilter) {
				t.Fatal(err)
			}
			continue
		}
		accepted++
		for i, d := range calls {
			if got := Evaluate(filter, d); results[i] != errnoOf(got) {
				t.Fatalf("program %d: %+v: the kernel says %d, Evaluate %#x\n%s", round, d, results[i], got, listing(filter))
			}
		}
	}
	if accepted < 200 || accepted == 400 {
		t.Errorf("%d of 400 programs are accepted", accepted)
	}
}

// guarded is a filter that only asks a program about dead calls.
func guarded(body []unix.SockFilter) []unix.SockFilter {
	filter := []unix.SockFilter{load(offsetNumber)}
	for i, name := range dead {
		number, _ := Number(name)
		// to the body, behind the other comparisons and the return
		filter = append(filter, unix.SockFilter{Code: jumpEqual, Jt: uint8(len(dead) - i), K: number})
	}
	return append(append(filter, ret(unix.SECCOMP_RET_ALLOW)), body...)
}

// randomProgram is one of a few instructions. A tame one is a filter, and returns an
// errno; a wild one may be anything.
func randomProgram(random *rand.Rand, tame bool) []unix.SockFilter {
	var codes []uint16
	for code := range allowed {
		codes = append(codes, code)
	}
	if !tame {
		codes = append(codes, unix.BPF_ALU|0x90, unix.BPF_LD|unix.BPF_H|unix.BPF_ABS, unix.BPF_LD|unix.BPF_IND|unix.BPF_W, 0xffff)
	}
	slices.Sort(codes)
	offsets := []uint32{0, 4, 16, 20, 24, 28, 32, 36, 40, 44, 56, 60} // not the instruction pointer
	length := 5 + random.IntN(25)
	var program []unix.SockFilter
	if tame {
		for k := range uint32(scratch) { // so that each word has a value
			program = append(program, unix.SockFilter{Code: opStore, K: k})
		}
	}
	for i := 0; i < length; i++ {
		in := unix.SockFilter{Code: codes[random.IntN(len(codes))], K: random.Uint32() >> random.IntN(32)}
		left := length - i // the tame end follows
		switch class := in.Code & 7; {
		case in.Code == opReturnK, in.Code == opReturnA, in.Code == unix.BPF_ALU|unix.BPF_DIV|unix.BPF_X:
			if tame {
				i-- // another one: jumps are counted
				continue
			}
		case in.Code == opLoad:
			in.K = offsets[random.IntN(len(offsets))]
		case class == unix.BPF_LD, class == unix.BPF_LDX, class == unix.BPF_ST, class == unix.BPF_STX:
			if in.Code&unix.BPF_MEM != 0 || class == unix.BPF_ST || class == unix.BPF_STX {
				in.K %= scratch
			}
		case class == unix.BPF_ALU:
			if in.Code&0xf0 == unix.BPF_LSH || in.Code&0xf0 == unix.BPF_RSH || in.Code&0xf0 == unix.BPF_DIV {
				in.K = in.K%31 + 1
			}
		case in.Code == opJump:
			in.K = uint32(random.IntN(left))
		case class == unix.BPF_JMP:
			in.Jt, in.Jf = uint8(random.IntN(left)), uint8(random.IntN(left))
		}
		if !tame && random.IntN(40) == 0 {
			in.K = random.Uint32()
		}
		program = append(program, in)
	}
	if tame {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 4095},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_OR | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO})
	}
	return append(program, unix.SockFilter{Code: opReturnA})
}

func listing(filter []unix.SockFilter) (text string) {
	for i, in := range filter {
		text += fmt.Sprintf("%3d %#04x %d %d %#x\n", i, in.Code, in.Jt, in.Jf, in.K)
	}
	return text
}

// TestPrograms compares Evaluate with another machine for programs that no profile would
// give. That one shifts as Go
// does, knows another length, and cannot negate.
func TestPrograms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 2000 {
		program := randomProgram(random, true)
		if slices.ContainsFunc(program, func(in unix.SockFilter) bool {
			shift := in.Code&7 == unix.BPF_ALU && in.Code&unix.BPF_X != 0 && (in.Code&0xf0 == unix.BPF_LSH || in.Code&0xf0 == unix.BPF_RSH)
			return shift || in.Code == opLoadXLength || in.Code == opLoadLength || in.Code == opNegate
		}) || Check(program) != nil {
			continue
		}
		compared++
		run := machine(t, program)
		for range 5 {
			d := &Data{Number: random.Int32(), Arch: random.Uint32(), IP: random.Uint64()}
			for i := range d.Args {
				d.Args[i] = random.Uint64() >> random.IntN(64)
			}
			if got, want := Evaluate(program, d), run(d); got != want {
				t.Fatalf("%+v: %#x, want %#x\n%s", d, got, want, listing(program))
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d programs", compared)
	}
}

// TestCheck checks single mistakes, and that what Check refuses never makes Evaluate
// panic.
func TestCheck(t *testing.T) {
	end := ret(unix.SECCOMP_RET_ALLOW)
	x := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	for name, filter := range map[string][]unix.SockFilter{
		"empty":               {},
		"too long":            slices.Repeat([]unix.SockFilter{end}, MaxInstructions+1),
		"no return":           {load(0)},
		"unaligned":           {load(2), end},
		"outside":             {load(64), end},
		"half word":           {x(unix.BPF_LD|unix.BPF_H|unix.BPF_ABS, 0), end},
		"modulo":              {x(unix.BPF_ALU|0x90, 3), end},
		"division by zero":    {x(unix.BPF_ALU|unix.BPF_DIV|unix.BPF_K, 0), end},
		"shift":               {x(unix.BPF_ALU|unix.BPF_LSH|unix.BPF_K, 32), end},
		"no scratch":          {x(opStore, 16), end},
		"no value":            {x(opLoadMemory, 3), end},
		"no value on one way": {{Code: jumpEqual, Jt: 1}, x(opStore, 3), x(opLoadMemory, 3), end},
		"jump":                {x(opJump, 1), end},
		"far jump":            {x(opJump, 1<<32-1), end},
		"branch":              {{Code: jumpEqual, Jt: 1}, end},
	} {
		if err := Check(filter); !errors.Is(err, ErrNotFilter) {
			t.Errorf("%s: %v", name, err)
		}
		Evaluate(filter, &Data{})
		if len(filter) == 0 {
			continue
		}
		if _, err := underFilter(filter, 0, nil); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: the kernel says %v", name, err)
		}
	}
	x0 := []unix.SockFilter{x(unix.BPF_LDX|unix.BPF_IMM, 0), x(unix.BPF_ALU|unix.BPF_DIV|unix.BPF_X, 0), end}
	if got := Evaluate(x0, &Data{}); Check(x0) != nil || got != unix.SECCOMP_RET_KILL_THREAD {
		t.Errorf("division by a register that is 0: %#x", got)
	}
	if got := Evaluate(Traced([]unix.SockFilter{x(opLoadK, unix.SECCOMP_RET_ALLOW), x(opReturnA, 0)}), &Data{}); got != unix.SECCOMP_RET_TRACE {
		t.Errorf("a filter that returns what it computes, traced: %#x", got)
	}
	shift := []unix.SockFilter{x(opLoadK, 1), x(opLoadXK, 33), x(unix.BPF_ALU|unix.BPF_LSH|unix.BPF_X, 0), x(opReturnA, 0)}
	if got := Evaluate(shift, &Data{}); got != 2 {
		t.Errorf("shift by 33: %#x", got)
	}
}

// BenchmarkEvaluate is one evaluation of a usual profile's filter.
func BenchmarkEvaluate(b *testing.B) {
	filter, _, err := Compile(everyday())
	if err != nil {
		b.Fatal(err)
	}
	d := &Data{Number: unix.SYS_OPENAT, Arch: unix.AUDIT_ARCH_X86_64}
	for b.Loop() {
		Evaluate(filter, d)
	}
}

func BenchmarkCompile(b *testing.B) {
	p := everyday()
	for b.Loop() {
		if _, _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}
