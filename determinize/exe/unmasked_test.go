package exe

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// build compiles testdata/unmasked.c and returns the program's path.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "a.out")
	args := append([]string{"-O1", "-o", out, "testdata/unmasked.c"}, flags...)
	if b, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %v: %v\n%s", args, err, b)
	}
	return out
}

func scanPath(t *testing.T, path string) Info {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := Scan(f)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestUnmaskedCompiled(t *testing.T) {
	for _, tt := range []struct {
		flags string
		want  []string
	}{
		{"-DRDRAND16", []string{"rdrand"}},
		{"-DRDRAND32", []string{"rdrand"}},
		{"-DRDRAND64", []string{"rdrand"}},
		{"-DRDSEED16", []string{"rdseed"}},
		{"-DRDSEED32", []string{"rdseed"}},
		{"-DRDSEED64", []string{"rdseed"}},
		{"-DRDPID", []string{"rdpid"}},
		{"-DRDPID_R8", []string{"rdpid"}},
		{"-DRDRAND_INTRINSIC -mrdrnd", []string{"rdrand"}},
		{"-DRDSEED_INTRINSIC -mrdseed -O3", []string{"rdseed"}},
		{"-DALL", []string{"rdpid", "rdrand", "rdseed"}},
		{"-DALL -shared -fPIC", []string{"rdpid", "rdrand", "rdseed"}},
		{"-DRDRAND64 -s -Wl,-z,noseparate-code", []string{"rdrand"}},
		{"-DAFTER_AVX", []string{"rdrand"}},
		{"-DIMMEDIATE", nil},
		{"-DDISPLACEMENT", nil},
		{"-DOTHERS", nil},
		{"-DRODATA", nil},
		// Read-only data in the executable segment.
		{"-DRODATA -s -Wl,-z,noseparate-code", nil},
		{"", nil},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			info := scanPath(t, build(t, strings.Fields(tt.flags)...))
			if diff := cmp.Diff(tt.want, info.Unmasked); diff != "" {
				t.Error(diff)
			}
			if info.Kind != ELF64 {
				t.Errorf("kind %v", info.Kind)
			}
		})
	}
}

// image returns an ELF64 file with one executable segment that holds code at
// file offset 4096, and the given sections.
func image(code []byte, sections ...section) []byte {
	le := binary.LittleEndian
	b := make([]byte, 4096, 4096+len(code))
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 2)  // ET_EXEC
	le.PutUint16(b[18:], 62) // EM_X86_64
	le.PutUint64(b[32:], 64) // e_phoff
	le.PutUint16(b[54:], phdrSize)
	le.PutUint16(b[56:], 1)
	p := b[64:]
	le.PutUint32(p, 1)     // PT_LOAD
	le.PutUint32(p[4:], 5) // PF_R|PF_X
	le.PutUint64(p[8:], 4096)
	le.PutUint64(p[32:], uint64(len(code)))
	if len(sections) > 0 {
		le.PutUint64(b[40:], 512) // e_shoff
		le.PutUint16(b[58:], shdrSize)
		le.PutUint16(b[60:], uint16(len(sections)))
	}
	for i, s := range sections {
		h := b[512+i*shdrSize:]
		le.PutUint32(h[4:], s.kind)
		le.PutUint64(h[8:], s.flags)
		le.PutUint64(h[24:], s.off)
		le.PutUint64(h[32:], s.size)
	}
	return append(b, code...)
}

type section struct {
	kind             uint32
	flags, off, size uint64
}

func mustScan(t *testing.T, b []byte, chunk int64) Info {
	t.Helper()
	info, err := scan(bytes.NewReader(b), int64(len(b)), chunk)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

var rdrandInsn = []byte{0x48, 0x0f, 0xc7, 0xf0}

// The place of an instruction in the file does not matter, in particular not
// whether it straddles two chunks.
func TestUnmaskedEverywhere(t *testing.T) {
	nops := bytes.Repeat([]byte{0x90}, 600)
	for at := range len(nops) - len(rdrandInsn) + 1 {
		code := bytes.Clone(nops)
		copy(code[at:], rdrandInsn)
		for _, chunk := range []int64{1, 16, 100, 256, 1 << 20} {
			if got := mustScan(t, image(code), chunk).Unmasked; !cmp.Equal(got, []string{"rdrand"}) {
				t.Fatalf("at %d in chunks of %d: %v", at, chunk, got)
			}
		}
	}
	// Nor does it for bytes inside an instruction that straddles them: a mov
	// that, cut off by one byte, would decode up to the wrong place.
	decoy := []byte{0xc7, 0x05, 0x90, 0x90, 0x90, 0x90, 0x0f, 0xc7, 0xf0, 0x12}
	for at := 200; at < 300; at++ {
		code := bytes.Clone(nops)
		copy(code[at:], decoy)
		if got := mustScan(t, image(code), 256).Unmasked; got != nil {
			t.Fatalf("immediate at %d: %v", at, got)
		}
	}
	// Cut off by the end of the segment it is no instruction.
	code := append(bytes.Clone(nops), 0x0f, 0xc7)
	if got := mustScan(t, append(image(code), 0xf0), 256).Unmasked; got != nil {
		t.Errorf("beyond the segment: %v", got)
	}
}

func TestUnmaskedSections(t *testing.T) {
	const alloc, execinstr = 2, 4
	code := bytes.Repeat([]byte{0x90}, 300)
	copy(code[100:], rdrandInsn)
	for _, tt := range []struct {
		name     string
		sections []section
		want     []string
	}{
		{"none", nil, []string{"rdrand"}},
		{"code", []section{{1, alloc | execinstr, 4096, 300}}, []string{"rdrand"}},
		{"read-only data", []section{{1, alloc, 4096, 300}}, nil},
		{"data before and after", []section{{1, alloc, 4096, 100}, {1, alloc, 4196 + 4, 100}}, []string{"rdrand"}},
		{"data in two parts", []section{{1, alloc, 4180, 18}, {1, alloc, 4198, 100}}, nil},
		{"not loaded", []section{{1, 0, 4096, 300}}, []string{"rdrand"}},
		{"bss", []section{{8, alloc, 4096, 300}}, []string{"rdrand"}},
		{"overflow", []section{{1, alloc, 1 << 63, 1 << 63}}, []string{"rdrand"}},
	} {
		if diff := cmp.Diff(tt.want, mustScan(t, image(code, tt.sections...), chunk).Unmasked); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// A file made to keep the decoder busy is given up on, and named.
func TestUnmaskedBudget(t *testing.T) {
	// Each candidate is the immediate of a mov between nops.
	decoy := append(bytes.Repeat([]byte{0x90}, 60), 0xb8, 0x0f, 0xc7, 0xf0, 0x12)
	code := bytes.Repeat(decoy, maxCandidates)
	if got := mustScan(t, image(code), chunk).Unmasked; got != nil {
		t.Errorf("within the budget: %v", got)
	}
	if got := mustScan(t, image(append(code, decoy...)), chunk).Unmasked; !cmp.Equal(got, []string{"rdrand"}) {
		t.Errorf("beyond the budget: %v", got)
	}
}

func TestLength(t *testing.T) {
	for _, tt := range []struct {
		code string
		want int
	}{
		{"\x90", 1},
		{"\x06", 1}, // no instruction
		{"\xe8\x01\x02\x03\x04", 5},
		{"\xe8\x01", 1}, // cut off
		{"\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 10},
		{"\xc5\xf8\x77", 3},         // vzeroupper
		{"\xc5\xfc\x77", 3},         // vzeroall
		{"\xc4\xe1\x78\x77", 4},     // vzeroupper
		{"\xc5\xed\xfe\xd9", 4},     // vpaddd
		{"\x0f\xc7\xf0", 3},         // rdrand
		{"\x66\x41\x0f\xc7\xf9", 5}, // rdseed
		{"\xf3\x0f\xc7\xf8", 4},     // rdpid
		{"\x48\x0f\xc7\x4f\x08", 5}, // cmpxchg16b
	} {
		code := append([]byte(tt.code), bytes.Repeat([]byte{0x90}, 16)...)
		if tt.want < len(tt.code) {
			code = code[:len(tt.code)]
		}
		if got := length(code); got != tt.want {
			t.Errorf("% x: length %d, want %d", tt.code, got, tt.want)
		}
	}
}

// Random bytes before an instruction rarely hide it, and random immediates are
// rarely taken for one: x86 sweeps fall into step.
func TestVote(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var missed, invented int
	const n = 2000
	for range n {
		// Code as compilers make it: mov r32,imm32; mov rax,[rip+x]; call; add.
		var code []byte
		for len(code) < 80 {
			imm := binary.LittleEndian.AppendUint32(nil, rng.Uint32N(1<<12))
			op := [][]byte{{0xb9}, {0x48, 0x8b, 0x05}, {0xe8}, {0x48, 0x81, 0xc3}}[rng.IntN(4)]
			code = append(append(code, op...), imm...)
		}
		at := len(code)
		real := append(append(bytes.Clone(code), 0x0f, 0xc7, 0xf0), code...)
		if vote(real, at) != rdrand {
			missed++
		}
		fake := append(append(bytes.Clone(code), 0xe8, 0x0f, 0xc7, 0xf8, 0xff), code...)
		if vote(fake, at+1) != 0 {
			invented++
		}
	}
	if missed > 0 || invented > 0 {
		t.Errorf("of %d: missed %d, invented %d", n, missed, invented)
	}
}
