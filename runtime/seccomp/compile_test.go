package seccomp

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/determinize/policy"
)

// machine is golang.org/x/net/bpf's virtual machine with a filter.
func machine(t testing.TB, filter []unix.SockFilter) func(*Data) uint32 {
	t.Helper()
	raw := make([]bpf.RawInstruction, len(filter))
	for i, in := range filter {
		raw[i] = bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("not all of the filter can be disassembled")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return func(d *Data) uint32 {
		packet := make([]byte, sizeData)
		for offset := uint32(0); offset < sizeData; offset += 4 {
			binary.BigEndian.PutUint32(packet[offset:], d.word(offset)) // it loads big-endian words
		}
		result, err := vm.Run(packet)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(result)
	}
}

// TestCompile compares filters with what profiles mean.
func TestCompile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := profile(t, sampleNames, allActions, allActions)
		filter, _, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(filter); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			d := data(t, p)
			got, want := Evaluate(filter, d), interpret(p, d)
			if got != want {
				t.Fatalf("%+v: %#x, want %#x", d, got, want)
			}
		}
	})
}

// TestEvaluate compares the evaluation of filters with another one's.
func TestEvaluate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := profile(rt, sampleNames, allActions, allActions)
		filter, _, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		run, traced := machine(t, filter), machine(t, Traced(filter))
		for range 20 {
			d := data(rt, p)
			got, want := Evaluate(filter, d), run(d)
			if got != want {
				rt.Fatalf("%+v: %#x, want %#x", d, got, want)
			}
			want = unix.SECCOMP_RET_TRACE
			if got == unix.SECCOMP_RET_ALLOW {
				want = got
			}
			if got := traced(d); got != want {
				rt.Fatalf("traced: %+v: %#x, want %#x", d, got, want)
			}
		}
	})
}

// everyday is a profile of the size and kind that engines have by default.
func everyday() *specs.LinuxSeccomp {
	refused := strings.Fields(`acct add_key bpf clock_adjtime clock_settime clone clone3 create_module delete_module finit_module
		get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount
		move_pages nfsservctl open_by_handle_at perf_event_open personality pivot_root process_vm_readv ptrace query_module
		quotactl reboot request_key set_mempolicy setns settimeofday stime swapon swapoff _sysctl umount umount2 unshare
		uselib userfaultfd ustat vm86 vm86old listns rseq_slice_yield socket`)
	var names []string
	for name := range callTable() {
		if !slices.Contains(refused, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	errno := uint(unix.ENOSYS)
	p := &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
		Syscalls: []specs.LinuxSyscall{
			{Names: names, Action: specs.ActAllow},
			{Names: []string{"socket"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 0, Value: 40, Op: specs.OpNotEqual}}},
			{Names: []string{"clone"}, Action: specs.ActAllow,
				Args: []specs.LinuxSeccompArg{{Index: 0, Value: 0x7e020000, Op: specs.OpMaskedEqual}}},
			{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &errno},
		},
	}
	for _, persona := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"personality"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: persona, Op: specs.OpEqualTo}}})
	}
	return p
}

// TestEveryday checks calls that everybody knows the answer of, and that a usual profile
// stays short.
func TestEveryday(t *testing.T) {
	filter, _, err := Compile(everyday())
	if err != nil {
		t.Fatal(err)
	}
	const limit = 600 // instructions, for three sets of calls
	if len(filter) > limit {
		t.Errorf("%d instructions, more than %d", len(filter), limit)
	}
	eperm := uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	for _, test := range []struct {
		arch uint32
		nr   int32
		arg  uint64
		want uint32
	}{
		{unix.AUDIT_ARCH_X86_64, unix.SYS_READ, 0, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_MOUNT, 0, eperm},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_CLONE3, 0, enosys},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_CLONE, unix.CLONE_VM, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_CLONE, unix.CLONE_NEWNS, eperm},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_CLONE, 1<<32 | unix.CLONE_VM, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_SOCKET, unix.AF_VSOCK, eperm},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_SOCKET, unix.AF_UNIX, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_PERSONALITY, 8, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, unix.SYS_PERSONALITY, 9, eperm},
		{unix.AUDIT_ARCH_X86_64, 9999, 0, enosys},
		{unix.AUDIT_ARCH_X86_64, -1, 0, enosys},
		{unix.AUDIT_ARCH_I386, 3, 0, unix.SECCOMP_RET_ALLOW}, // read
		{unix.AUDIT_ARCH_I386, 21, 0, eperm},                 // mount
		{unix.AUDIT_ARCH_I386, 102, 1, unix.SECCOMP_RET_ALLOW},
		{unix.AUDIT_ARCH_X86_64, x32Bit | unix.SYS_MOUNT, 0, eperm},
		{unix.AUDIT_ARCH_X86_64, x32Bit | 520, 0, unix.SECCOMP_RET_ALLOW}, // execve
		{unix.AUDIT_ARCH_AARCH64, 63, 0, badArch},
	} {
		d := &Data{Number: test.nr, Arch: test.arch, Args: [6]uint64{test.arg}}
		if got := Evaluate(filter, d); got != test.want {
			t.Errorf("%+v: %#x, want %#x", d, got, test.want)
		}
	}
}

// TestLong checks a filter whose jumps are longer than an instruction has bits for, and
// one that is too long.
func TestLong(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	add := func(name string, n uint64) {
		for value := range n {
			errno := uint(value)%4095 + 1
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{name}, Action: specs.ActErrno, ErrnoRet: &errno,
				Args: []specs.LinuxSeccompArg{{Index: 1, Value: value << 30, Op: specs.OpEqualTo}}})
		}
	}
	for _, name := range []string{"read", "write", "mmap", "fork"} {
		add(name, 150)
	}
	filter, _, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(filter); err != nil {
		t.Fatal(err)
	}
	for value := range uint64(152) {
		for nr := range int32(70) {
			d := &Data{Number: nr, Arch: unix.AUDIT_ARCH_X86_64, Args: [6]uint64{0, value << 30}}
			if got, want := Evaluate(filter, d), interpret(p, d); got != want {
				t.Fatalf("%+v: %#x, want %#x", d, got, want)
			}
		}
	}
	add("close", 1000)
	if _, _, err := Compile(p); err == nil || !strings.Contains(err.Error(), "instructions") {
		t.Errorf("a filter that is too long: %v", err)
	}
}

func TestRefused(t *testing.T) {
	errno := uint(1)
	for want, p := range map[string]*specs.LinuxSeccomp{
		"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY": {DefaultAction: specs.ActNotify},
		"linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY": {DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}}},
		"linux.seccomp.flags[0]":        {DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"NONE"}},
		"linux.seccomp.defaultErrnoRet": {DefaultAction: specs.ActAllow, DefaultErrnoRet: &errno},
	} {
		if _, _, err := Compile(p); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s...", err, want)
		}
	}
	for _, p := range []*specs.LinuxSeccomp{nil, {}} {
		if filter, flags, err := Compile(p); filter != nil || flags != 0 || err != nil {
			t.Errorf("no profile: %v, %#x, %v", filter, flags, err)
		}
	}
}

func TestFlags(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	for _, test := range []struct {
		flags []specs.LinuxSeccompFlag
		want  uint
	}{
		{nil, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{[]specs.LinuxSeccompFlag{}, 0},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagWaitKillableRecv}, unix.SECCOMP_FILTER_FLAG_LOG},
	} {
		p.Flags = test.flags
		if _, flags, err := Compile(p); err != nil || flags != test.want {
			t.Errorf("%v: %#x, %v, want %#x", test.flags, flags, err, test.want)
		}
	}
}

// TestNumbers compares the table of numbers with that of the engine, and with itself.
func TestNumbers(t *testing.T) {
	known := 0
	for number, row := range policy.Table {
		if row.Name == "" {
			continue
		}
		known++
		if got, ok := Number(row.Name); !ok || got != uint32(number) {
			t.Errorf("%s: %d, %v, want %d", row.Name, got, ok, number)
		}
	}
	if known < 350 {
		t.Errorf("the engine knows only %d calls", known)
	}
	for _, arch := range []*architecture{&x86_64, &x32, &x86} {
		names := map[uint32]string{}
		for name := range callTable() {
			if n, ok := arch.number(name); ok {
				if names[n] != "" {
					t.Errorf("%d: %s and %s", n, names[n], name)
				}
				names[n] = name
			}
		}
	}
	for name, d := range x86.multiplexed {
		if through, _ := x86.number(map[uint32]string{socketcall: "socketcall", ipc: "ipc"}[d.number]); through != d.number {
			t.Errorf("%s is made through %d", name, d.number)
		}
	}
}

// FuzzCompile makes a profile of bytes. No profile may do harm, and one that compiles must
// be a filter.
func FuzzCompile(f *testing.F) {
	seed := rand.NewChaCha8([32]byte{1})
	bytes := make([]byte, 1<<16)
	seed.Read(bytes)
	f.Add(bytes)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		text := func(label string, known ...string) string {
			return rapid.OneOf(rapid.SampledFrom(known), rapid.String()).Draw(t, label)
		}
		p := &specs.LinuxSeccomp{DefaultAction: specs.LinuxSeccompAction(text("default", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"))}
		for range rapid.IntRange(0, 30).Draw(t, "entries") {
			number := rapid.Uint().Draw(t, "errno")
			entry := specs.LinuxSyscall{Action: specs.LinuxSeccompAction(text("action", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL"))}
			if rapid.Bool().Draw(t, "has errno") {
				entry.ErrnoRet = &number
			}
			for range rapid.IntRange(0, 3).Draw(t, "names") {
				entry.Names = append(entry.Names, text("name", sampleNames...))
			}
			for range rapid.IntRange(0, 8).Draw(t, "args") {
				entry.Args = append(entry.Args, specs.LinuxSeccompArg{
					Index: rapid.UintRange(0, 7).Draw(t, "index"), Value: rapid.Uint64().Draw(t, "value"),
					ValueTwo: rapid.Uint64().Draw(t, "two"),
					Op:       specs.LinuxSeccompOperator(text("op", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_LT", "SCMP_CMP_NE")),
				})
			}
			p.Syscalls = append(p.Syscalls, entry)
		}
		filter, _, err := Compile(p)
		if err != nil || filter == nil {
			return
		}
		if err := Check(filter); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			d := data(t, p)
			if got, want := Evaluate(filter, d), interpret(p, d); got != want {
				t.Fatalf("%+v: %#x, want %#x", d, got, want)
			}
		}
	}))
}
