package seccomp

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// interpret says what a profile means for a call, entry by entry, as the package comment
// has it: it is what filters are tested against.
func interpret(p *specs.LinuxSeccomp, d *Data) uint32 {
	number := uint32(d.Number)
	byDefault := action(p.DefaultAction, p.DefaultErrnoRet)
	var arch *architecture
	switch listed := func(a specs.Arch) bool { return slices.Contains(p.Architectures, a) }; {
	case d.Arch == unix.AUDIT_ARCH_I386 && listed(specs.ArchX86):
		arch = &x86
	case d.Arch != unix.AUDIT_ARCH_X86_64:
		return badArch
	case number&x32Bit == 0:
		arch = &x86_64
	case listed(specs.ArchX32):
		arch = &x32
	case number == 1<<32-1:
		return byDefault
	default:
		return badArch
	}

	newest := uint32(0)
	for _, entry := range p.Syscalls {
		for _, name := range entry.Names {
			n, ok := arch.number(name)
			_, through := arch.multiplexed[name]
			if ok && !through {
				newest = max(newest, n)
			}
		}
	}
	if !permissive(p.DefaultAction) && newest > 0 && number > newest {
		return enosys
	}
	if arch == &x86_64 && number >= x32Bit && !slices.Contains(p.Architectures, specs.ArchX32) {
		return badArch
	}

	strictest, met := int32(0), false
	result := byDefault
	for _, entry := range p.Syscalls {
		act := action(entry.Action, entry.ErrnoRet)
		if act == byDefault {
			continue
		}
		for _, name := range entry.Names {
			for _, t := range arch.targets(name) {
				if t.number != number {
					continue
				}
				through := t.demultiplex != (demultiplex{})
				if len(entry.Args) == 0 && !through {
					return act // no entry with conditions counts beside it
				}
				if !matches(&entry, d, arch, &t, through) {
					continue
				}
				if rank := int32(act & unix.SECCOMP_RET_ACTION_FULL); !met || rank < strictest {
					strictest, met, result = rank, true, act
				}
			}
		}
	}
	return result
}

// matches reports whether the conditions of an entry are met.
func matches(entry *specs.LinuxSyscall, d *Data, arch *architecture, t *target, through bool) bool {
	perIndex := map[uint]int{}
	for _, arg := range entry.Args {
		perIndex[arg.Index]++
	}
	any := slices.ContainsFunc(entry.Args, func(a specs.LinuxSeccompArg) bool { return perIndex[a.Index] > 1 })
	if through && uint32(d.Args[0]) != uint32(t.first) {
		return false
	}
	some := false
	for _, arg := range entry.Args {
		ok := meets(&arg, d.Args[arg.Index], arch.wide) || through && arg.Index == 0
		if !ok && !any {
			return false
		}
		some = some || ok
	}
	return some || len(entry.Args) == 0
}

func meets(c *specs.LinuxSeccompArg, arg uint64, wide bool) bool {
	value, two := c.Value, c.ValueTwo
	if !wide {
		arg, value, two = arg&0xffffffff, value&0xffffffff, two&0xffffffff
	}
	switch c.Op {
	case specs.OpEqualTo:
		return arg == value
	case specs.OpNotEqual:
		return arg != value
	case specs.OpLessThan:
		return arg < value
	case specs.OpLessEqual:
		return arg <= value
	case specs.OpGreaterThan:
		return arg > value
	case specs.OpGreaterEqual:
		return arg >= value
	}
	return arg&value == two&value
}

// Generators of profiles and calls. Arguments and values are few, so that they meet.

var somewhere = []uint64{0, 1, 2, 3, 7, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1 << 63, 1<<64 - 1, 0x1_0000_0007}

func argument() *rapid.Generator[uint64] {
	return rapid.OneOf(rapid.SampledFrom(somewhere), rapid.SampledFrom(somewhere), rapid.Uint64())
}

func errnoFor(t *rapid.T, a specs.LinuxSeccompAction, label string) *uint {
	if (a == specs.ActErrno || a == specs.ActTrace) && rapid.Bool().Draw(t, label+" has") {
		e := rapid.UintRange(0, 4095).Draw(t, label)
		return &e
	}
	return nil
}

// profile draws one of entries about some names, with some actions.
func profile(t *rapid.T, names []string, actions, defaults []specs.LinuxSeccompAction) *specs.LinuxSeccomp {
	p := &specs.LinuxSeccomp{
		DefaultAction: rapid.SampledFrom(defaults).Draw(t, "default"),
		Architectures: rapid.SliceOfDistinct(rapid.SampledFrom([]specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32, specs.ArchAARCH64}),
			func(a specs.Arch) specs.Arch { return a }).Draw(t, "architectures"),
	}
	p.DefaultErrnoRet = errnoFor(t, p.DefaultAction, "default errno")
	for range rapid.IntRange(0, 12).Draw(t, "entries") {
		e := specs.LinuxSyscall{
			Names:  rapid.SliceOfN(rapid.SampledFrom(names), 1, 6).Draw(t, "names"),
			Action: rapid.SampledFrom(actions).Draw(t, "action"),
		}
		e.ErrnoRet = errnoFor(t, e.Action, "errno")
		for range rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3, 6}).Draw(t, "args") {
			e.Args = append(e.Args, specs.LinuxSeccompArg{
				Index: rapid.UintRange(0, 5).Draw(t, "index"),
				Value: argument().Draw(t, "value"), ValueTwo: argument().Draw(t, "two"),
				Op: rapid.SampledFrom([]specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual,
					specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual}).Draw(t, "op"),
			})
		}
		p.Syscalls = append(p.Syscalls, e)
	}
	return p
}

// data draws a call, mostly one that the profile names.
func data(t *rapid.T, p *specs.LinuxSeccomp) *Data {
	d := &Data{Arch: rapid.SampledFrom([]uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64}).Draw(t, "arch")}
	numbers := []uint32{0, 1, 471, 472, 1 << 29, x32Bit - 1, x32Bit, x32Bit | 600, 1<<31 - 1, 1 << 31, 1<<31 | 5, 1<<31 | x32Bit, 1<<32 - 1}
	for _, entry := range p.Syscalls {
		for _, name := range entry.Names {
			for _, arch := range []*architecture{&x86_64, &x86, &x32} {
				for _, target := range arch.targets(name) {
					numbers = append(numbers, target.number, target.number, target.number+1)
				}
			}
		}
	}
	d.Number = int32(rapid.SampledFrom(numbers).Draw(t, "number"))
	for i := range d.Args {
		d.Args[i] = argument().Draw(t, "argument")
	}
	if rapid.Bool().Draw(t, "multiplexed") {
		d.Args[0] = rapid.Uint64Range(0, 25).Draw(t, "first")
	}
	return d
}

// Names of all kinds: alike, far apart, of some architectures only, multiplexed, unknown.
var sampleNames = []string{
	"read", "write", "open", "close", "stat", "clone", "clone3", "execve", "execveat", "ioctl", "personality", "socket", "socketcall",
	"accept", "accept4", "connect", "send", "semop", "semtimedop", "shmat", "ipc", "mmap2", "waitpid", "rt_sigaction", "readv", "listns",
	"openat2", "faccessat2", "no_such_call", "vserver", "sendmmsg", "ptrace",
}

var allActions = []specs.LinuxSeccompAction{
	specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActTrace, specs.ActLog,
}
