package auxv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wait makes the test program say that it runs and then wait for its stdin.
const wait = "AUXV_TEST_WAIT"

func TestMain(m *testing.M) {
	if os.Getenv(wait) != "" {
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a program whose initial stack can still be read.
type process struct {
	t    *testing.T
	dir  string // in /proc
	mem  *os.File
	base uint64 // rsp when it started
}

// start runs the test program with the given arguments and environment.
func start(t *testing.T, args, env []string) process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = args
	cmd.Env = env
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p := process{t: t, dir: fmt.Sprintf("/proc/%d/", cmd.Process.Pid)}
	if p.mem, err = os.Open(p.dir + "mem"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.mem.Close() })
	// Field 28 of stat is the address of the bottom of the stack, which for
	// the kernel is rsp at the start. Field 3 follows the name in brackets.
	stat := string(p.file("stat"))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if p.base, err = strconv.ParseUint(fields[28-3], 10, 64); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p process) file(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(p.dir + name)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// bytes returns up to n bytes at an address.
func (p process) bytes(addr uint64, n int) []byte {
	p.t.Helper()
	b := make([]byte, n)
	if n, _ = p.mem.ReadAt(b, int64(addr)); n == 0 {
		p.t.Fatalf("nothing at %#x", addr)
	}
	return b[:n]
}

func (p process) strings(addrs []uint64) (out []string) {
	p.t.Helper()
	for _, a := range addrs {
		s, _, _ := bytes.Cut(p.bytes(a, 4096), []byte{0})
		out = append(out, string(s))
	}
	return out
}

// The stacks that this machine's kernel has built are understood.
func TestProcess(t *testing.T) {
	many := make([]string, 20000)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for _, tt := range []struct{ args, env []string }{
		{[]string{"one"}, []string{wait + "=1"}},
		{[]string{"", "-x", "two words"}, []string{"A=b", wait + "=1", "EMPTY="}},
		{many, append([]string{wait + "=1"}, many...)},
	} {
		p := start(t, tt.args, tt.env)
		stack := p.bytes(p.base, MaxStack)
		v, err := Parse(stack, p.base)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.args, p.strings(v.Argv)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(tt.env, p.strings(v.Envp)); diff != "" {
			t.Error(diff)
		}
		if got := le.Uint64(p.bytes(v.ArgvAddr, 8)); got != v.Argv[0] {
			t.Errorf("argv[0] is %#x, not %#x", got, v.Argv[0])
		}
		if got := le.Uint64(p.bytes(v.EnvpAddr, 8)); got != v.Envp[0] {
			t.Errorf("envp[0] is %#x, not %#x", got, v.Envp[0])
		}

		// The kernel keeps a copy of the vector.
		auxv := p.file("auxv")
		var want []byte
		for _, it := range v.Items {
			want = le.AppendUint64(le.AppendUint64(want, uint64(it.Type)), it.Value)
		}
		if diff := cmp.Diff(unwords(auxv), unwords(append(want, make([]byte, 16)...))); diff != "" {
			t.Errorf("not what /proc/PID/auxv says: %s", diff)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		for typ, want := range map[Type]string{ExecFn: self, Platform: "x86_64"} {
			addr, ok := v.Value(typ)
			if got := p.strings([]uint64{addr}); !ok || got[0] != want {
				t.Errorf("type %d: %q, want %q", typ, got, want)
			}
		}
		for _, typ := range []Type{Base, Entry, Random, SysinfoEhdr, HWCap, Secure} {
			if _, ok := v.Value(typ); !ok {
				t.Errorf("no entry of type %d", typ)
			}
		}
		if n, ok := v.Value(MinSigStackSize); ok && n > Baseline.MinSigStackSize {
			t.Errorf("signal frames of up to %d bytes", n)
		}

		// What the program needs is left as it is.
		for i, it := range unwords(v.Bytes(Baseline)) {
			old := unwords(auxv)[i]
			switch Type(unwords(auxv)[i&^1]) {
			case HWCap, HWCap2, MinSigStackSize, RseqFeatureSize, RseqAlign:
			default:
				if it != old {
					t.Errorf("word %d of auxv: %#x, was %#x", i, it, old)
				}
			}
		}

		// Once the edits are made, the stack says what Bytes does.
		for _, e := range v.Edits(Baseline) {
			binary.LittleEndian.PutUint64(stack[e.Addr-p.base:], e.Value)
		}
		v2, err := Parse(stack, p.base)
		if err != nil {
			t.Fatal(err)
		}
		at := v.Items[0].Addr - p.base
		pinned := v.Bytes(Baseline)
		if diff := cmp.Diff(unwords(pinned), unwords(stack[at:at+uint64(len(pinned))])); diff != "" {
			t.Error(diff)
		}
		if e := v2.Edits(Baseline); e != nil {
			t.Errorf("edits are not all: %v", e)
		}
	}
}

// words returns 64-bit little-endian words as bytes.
func words(w ...uint64) []byte {
	var b []byte
	for _, x := range w {
		b = le.AppendUint64(b, x)
	}
	return b
}

// unwords is the inverse of words.
func unwords(b []byte) []uint64 {
	w := make([]uint64, len(b)/8)
	for i := range w {
		w[i] = le.Uint64(b[8*i:])
	}
	return w
}

const base = 0x7ffe_0000_1000

func TestParse(t *testing.T) {
	stack := words(2, 0xa, 0xb, 0, 0xe, 0, 6, 4096, 9, 0x401000, 25, 0x7fff, 0, 0)
	want := &Vector{
		Argv: []uint64{0xa, 0xb}, ArgvAddr: base + 8,
		Envp: []uint64{0xe}, EnvpAddr: base + 32,
		Items: []Item{
			{base + 48, PageSize, 4096},
			{base + 64, Entry, 0x401000},
			{base + 80, Random, 0x7fff},
		},
	}
	for extra := range 3 {
		got, err := Parse(append(bytes.Clone(stack), make([]byte, extra)...), base)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
	for n := range stack {
		if v, err := Parse(stack[:n], base); !errors.Is(err, ErrShort) {
			t.Errorf("of %d bytes: %v, %v", n, v, err)
		}
	}
	if v, ok := want.Value(Random); v != 0x7fff || !ok {
		t.Errorf("Random: %#x, %v", v, ok)
	}
	if v, ok := want.Value(Base); ok {
		t.Errorf("Base: %#x", v)
	}
	empty, err := Parse(words(0, 0, 0, 0, 0), base)
	if diff := cmp.Diff(&Vector{ArgvAddr: base + 8, EnvpAddr: base + 16, Argv: []uint64{}, Envp: []uint64{}}, empty); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestParseMalformed(t *testing.T) {
	good := words(1, 0xa, 0, 0xe, 0, 6, 4096, 0, 0)
	items := func(n int) []byte {
		return append(append(words(1, 0xa, 0, 0), bytes.Repeat(words(6, 4096), n)...), words(0, 0)...)
	}
	if v, err := Parse(items(maxItems), base); err != nil || len(v.Items) != maxItems {
		t.Errorf("longest vector: %v", err)
	}
	for name, tt := range map[string]struct {
		stack []byte
		base  uint64
	}{
		"unaligned":       {good, base + 8},
		"end of memory":   {good, 1<<64 - 32},
		"argc too small":  {words(0, 0xa, 0, 0, 0, 0), base},
		"argc too large":  {words(2, 0xa, 0, 0, 0, 0), base},
		"negative argc":   {words(1<<64-1, 0, 0, 0, 0), base},
		"too many items":  {items(maxItems + 1), base},
		"no end":          {bytes.Repeat(words(1), MaxStack/8), base},
		"too long":        {append(bytes.Repeat(words(1), MaxStack/8-8), make([]byte, 100)...), base},
		"no end of auxv":  {append(words(0, 0, 0), bytes.Repeat(words(1), MaxStack/8)...), base},
		"end after limit": {append(append(words(MaxStack/8), bytes.Repeat(words(1), MaxStack/8)...), words(0, 0, 0, 0)...), base},
	} {
		if v, err := Parse(tt.stack, tt.base); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

func TestEdits(t *testing.T) {
	pin := Pin{HWCap: 1, HWCap2: 2, MinSigStackSize: 16384}
	for _, tt := range []struct {
		name      string
		typ       Type
		value     uint64
		newTyp    Type
		newValue  uint64
		wantEdits int
	}{
		{"hwcap", 16, 0xbfebfbff, 16, 1, 1},
		{"hwcap as pinned", 16, 1, 16, 1, 0},
		{"hwcap2", 26, 3, 26, 2, 1},
		{"signal frame without AVX-512", 51, 1776, 51, 16384, 1},
		{"signal frame with AMX", 51, 11952, 51, 16384, 1},
		{"signal frame of the future", 51, 20000, 51, 20000, 0},
		{"rseq size", 27, 28, 1, 0, 2},
		{"rseq alignment", 28, 32, 1, 0, 2},
		{"hwcap3", 29, 5, 1, 0, 2},
		{"unknown", 99, 0, 1, 0, 1},
		{"huge type", 1<<64 - 1, 7, 1, 0, 2},
		{"vDSO", 33, 0x7fff0000, 33, 0x7fff0000, 0},
		{"random", 25, 0x7ffe0000, 25, 0x7ffe0000, 0},
		{"platform", 15, 0x7ffe0000, 15, 0x7ffe0000, 0},
		{"ignored", 1, 5, 1, 5, 0},
	} {
		// Twice, as a hostile vector may have it.
		stack := words(0, 0, 0, uint64(tt.typ), tt.value, 6, 4096, uint64(tt.typ), tt.value, 0, 0)
		v, err := Parse(stack, base)
		if err != nil {
			t.Fatal(err)
		}
		edits := v.Edits(pin)
		if len(edits) != 2*tt.wantEdits {
			t.Errorf("%s: edits %v", tt.name, edits)
		}
		for _, e := range edits {
			le.PutUint64(stack[e.Addr-base:], e.Value)
		}
		want := words(0, 0, 0, uint64(tt.newTyp), tt.newValue, 6, 4096, uint64(tt.newTyp), tt.newValue, 0, 0)
		if diff := cmp.Diff(unwords(want), unwords(stack)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if diff := cmp.Diff(unwords(want[24:]), unwords(v.Bytes(pin))); diff != "" {
			t.Errorf("%s: Bytes: %s", tt.name, diff)
		}
	}
}

// Whatever the stack is, what was found in it is there, and edits touch nothing
// but the vector.
func FuzzParse(f *testing.F) {
	f.Add(words(2, 0xa, 0xb, 0, 0xe, 0, 6, 4096, 16, 0xbfebfbff, 25, 0x7fff, 0, 0), uint64(base))
	f.Add(words(0, 0, 0, 51, 1776, 27, 28, 99, 1, 0, 0, 77), uint64(0))
	f.Fuzz(func(t *testing.T, stack []byte, base uint64) {
		v, err := Parse(stack, base)
		if err != nil {
			return
		}
		rebuilt := words(uint64(len(v.Argv)))
		rebuilt = append(append(rebuilt, words(v.Argv...)...), words(0)...)
		if v.EnvpAddr != base+uint64(len(rebuilt)) {
			t.Errorf("environment at %#x", v.EnvpAddr)
		}
		rebuilt = append(append(rebuilt, words(v.Envp...)...), words(0)...)
		start := base + uint64(len(rebuilt))
		for _, it := range v.Items {
			if it.Addr != base+uint64(len(rebuilt)) {
				t.Errorf("item at %#x", it.Addr)
			}
			rebuilt = append(rebuilt, words(uint64(it.Type), it.Value)...)
		}
		end := base + uint64(len(rebuilt))
		rebuilt = append(rebuilt, words(0)...)
		if !bytes.HasPrefix(stack, rebuilt) {
			t.Errorf("read %x from %x", rebuilt, stack)
		}
		last := uint64(0)
		for _, e := range v.Edits(Baseline) {
			if e.Addr < start || e.Addr > end-8 || e.Addr <= last {
				t.Errorf("edit at %#x, not in [%#x, %#x)", e.Addr, start, end)
			}
			last = e.Addr
		}
	})
}

func BenchmarkParse(b *testing.B) {
	stack := words(3, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0)
	for i := range uint64(21) {
		stack = append(stack, words(i+1, i)...)
	}
	stack = append(stack, words(0, 0)...)
	b.ReportAllocs()
	for b.Loop() {
		v, err := Parse(stack, base)
		if err != nil {
			b.Fatal(err)
		}
		v.Edits(Baseline)
	}
}
