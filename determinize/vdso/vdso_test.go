package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/arch/x86/x86asm"
	"golang.org/x/sys/unix"
)

// own returns the vDSO of this process.
func own(t testing.TB) []byte {
	t.Helper()
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		t.Fatal(err)
	}
	const atSysinfoEhdr = 33
	for ; len(auxv) >= 16; auxv = auxv[16:] {
		if le.Uint64(auxv) == atSysinfoEhdr {
			mem, err := os.Open("/proc/self/mem")
			if err != nil {
				t.Fatal(err)
			}
			defer mem.Close()
			image := make([]byte, MaxSize)
			n, err := mem.ReadAt(image, int64(le.Uint64(auxv[8:])))
			if n == 0 {
				t.Fatalf("read the vDSO: %v", err)
			}
			return image[:n]
		}
	}
	t.Fatal("no vDSO")
	return nil
}

// patch returns a copy of image with the patches applied.
func patch(image []byte, patches []Patch) []byte {
	image = bytes.Clone(image)
	for _, p := range patches {
		copy(image[p.Offset:], p.Code)
	}
	return image
}

// disassemble decodes n instructions.
func disassemble(t *testing.T, code []byte, n int) string {
	t.Helper()
	var out []string
	for range n {
		inst, err := x86asm.Decode(code, 64)
		if err != nil {
			t.Fatalf("decode % x: %v", code, err)
		}
		out = append(out, inst.String())
		code = code[inst.Len:]
	}
	return strings.Join(out, "; ")
}

// The functions of this machine's vDSO, as debug/elf finds them through the
// section headers, are all replaced, whatever names they have.
func TestOwn(t *testing.T) {
	image := own(t)
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	patches, err := Patches(image)
	if err != nil {
		t.Fatal(err)
	}
	patched := patch(image, patches)
	calls := map[string]int{
		"clock_gettime": 228, "gettimeofday": 96, "time": 201, "getcpu": 309, "clock_getres": 229,
	}
	seen := map[uint64]bool{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		seen[s.Value] = true
		var got, want string
		if nr, ok := calls[strings.TrimPrefix(s.Name, "__vdso_")]; ok {
			got = disassemble(t, patched[s.Value:], 3)
			want = fmt.Sprintf("MOV EAX, %#x; SYSCALL ; RET ", nr)
		} else {
			got = disassemble(t, patched[s.Value:], 2)
			want = fmt.Sprintf("MOV RAX, -%#x; RET ", int(unix.ENOSYS))
		}
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s, want %s", s.Name, got, want)
		}
	}
	if len(patches) != len(seen) {
		t.Errorf("%d patches for %d functions", len(patches), len(seen))
	}
	for name := range calls {
		if !strings.Contains(fmt.Sprint(patches), name) {
			t.Errorf("no patch for %s", name)
		}
	}
	again, err := Patches(patched)
	if diff := cmp.Diff(patches, again); err != nil || diff != "" {
		t.Errorf("of the patched image: %v %s", err, diff)
	}
	for _, image := range [][]byte{image, patched} {
		if c, ok := Clocks(image); ok {
			for _, p := range c.Patches(0) {
				if p.Offset+uint64(len(p.Code)) > uint64(len(image)) {
					t.Fatalf("%s does not lie in the image: %+v", p.Name, p)
				}
			}
		}
		off, ok := Room(image)
		if !ok || !inside(symbols, off) {
			t.Errorf("room at %#x, %v", off, ok)
		}
	}
}

// inside tells whether EntrySize bytes at an offset lie in one function, behind
// its patch, and in no other.
func inside(symbols []elf.Symbol, off uint64) bool {
	found := false
	for _, s := range symbols {
		switch {
		case elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value >= off+EntrySize || s.Value+patchSize <= off:
			found = found || s.Value+patchSize <= off && off+EntrySize <= s.Value+s.Size
		default:
			return false
		}
	}
	return found
}

// sym describes a symbol of an image that build makes.
type sym struct {
	name        string
	value, size uint64
	kind        elf.SymType
	shndx       elf.SectionIndex
}

// fn is an exported function.
func fn(name string, value, size uint64) sym {
	return sym{name, value, size, elf.STT_FUNC, 12}
}

// textAt is where the segment of build's images may hold functions.
const textAt = 0x1000

// build returns a vDSO with the given symbols and with one hash table, or both.
func build(hash, gnuHash bool, symbols ...sym) []byte {
	image := make([]byte, 0x2000)
	copy(image, "\x7fELF\x02\x01\x01")
	put := func(off int, v any) int {
		n, err := binary.Encode(image[off:], le, v)
		if err != nil {
			panic(err)
		}
		return off + n
	}
	const dynAt, symAt, strAt, hashAt, gnuAt = 0x100, 0x200, 0x600, 0x900, 0xa00
	put(16, uint16(elf.ET_DYN))
	put(18, uint16(elf.EM_X86_64))
	put(32, uint64(64)) // e_phoff
	put(54, uint16(phdrSize))
	put(56, uint16(2))
	size := uint64(len(image))
	off := put(64, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: size, Memsz: size})
	put(off, elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: dynAt, Vaddr: dynAt, Filesz: 0x100})

	names := "\x00"
	off = symAt + symSize // the first one is all zero
	for _, s := range symbols {
		off = put(off, elf.Sym64{Name: uint32(len(names)), Info: byte(s.kind), Shndx: uint16(s.shndx), Value: s.value, Size: s.size})
		names += s.name + "\x00"
	}
	put(strAt, []byte(names))
	n := uint32(len(symbols) + 1)
	put(hashAt, []uint32{1, n})
	// One bucket, one bloom word, one chain of all symbols.
	end := put(gnuAt, []uint32{1, 1, 1, 0, 0, 0, 1})
	if n > 1 {
		put(end+4*int(n-2), uint32(1))
	} else {
		put(gnuAt+24, uint32(0)) // the bucket is empty
	}
	off = put(dynAt, []uint64{uint64(elf.DT_SYMTAB), symAt, uint64(elf.DT_SYMENT), symSize,
		uint64(elf.DT_STRTAB), strAt, uint64(elf.DT_STRSZ), uint64(len(names))})
	if hash {
		off = put(off, []uint64{uint64(elf.DT_HASH), hashAt})
	}
	if gnuHash {
		off = put(off, []uint64{uint64(elf.DT_GNU_HASH), gnuAt})
	}
	put(off, []uint64{uint64(elf.DT_NULL), 0, uint64(elf.DT_SYMTAB), 1})
	return image
}

func TestPatches(t *testing.T) {
	enosys := []byte{0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3}
	for _, tt := range []struct {
		name    string
		symbols []sym
		want    []Patch
		room    uint64
	}{
		{
			"aliases", []sym{fn("__vdso_time", textAt, 8), fn("time", textAt, 9)},
			[]Patch{{"time", textAt, []byte{0xb8, 201, 0, 0, 0, 0x0f, 0x05, 0xc3}}}, 0,
		},
		{
			"in order, without a gap", []sym{fn("clock_gettime", textAt+16, 8), fn("__vdso_getrandom", textAt, 8), fn("getcpu", textAt+8, 8)},
			[]Patch{
				{"getrandom", textAt, enosys},
				{"getcpu", textAt + 8, []byte{0xb8, 0x35, 0x01, 0, 0, 0x0f, 0x05, 0xc3}},
				{"clock_gettime", textAt + 16, []byte{0xb8, 228, 0, 0, 0, 0x0f, 0x05, 0xc3}},
			}, 0,
		},
		{
			"unknown functions", []sym{fn("__vdso_sgx_enter_enclave", textAt, 100), {"odd", textAt + 200, 8, elf.STT_NOTYPE, 12}},
			[]Patch{{"sgx_enter_enclave", textAt, enosys}, {"odd", textAt + 200, enosys}}, textAt + 8,
		},
		{
			"room", []sym{fn("time", textAt, 63), fn("getrandom", textAt+64, 64)},
			[]Patch{{"time", textAt, []byte{0xb8, 201, 0, 0, 0, 0x0f, 0x05, 0xc3}}, {"getrandom", textAt + 64, enosys}}, textAt + 72,
		},
		{
			"no functions", []sym{
				fn("__vdso_gettimeofday", textAt, 8),
				{"LINUX_2.6", 0, 0, elf.STT_OBJECT, elf.SHN_ABS},
				{"time", 0, 0, elf.STT_FUNC, elf.SHN_UNDEF},
				{"getcpu", textAt + 16, 8, elf.STT_FUNC, elf.SHN_ABS},
				{"data", textAt + 8, 4, elf.STT_OBJECT, 8},
			},
			[]Patch{{"gettimeofday", textAt, []byte{0xb8, 96, 0, 0, 0, 0x0f, 0x05, 0xc3}}}, 0,
		},
	} {
		for _, tables := range [][2]bool{{true, false}, {false, true}, {true, true}} {
			image := build(tables[0], tables[1], tt.symbols...)
			got, err := Patches(image)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%s, hash tables %v: %v %s", tt.name, tables, err, diff)
			}
			if off, ok := Room(image); off != tt.room || ok != (tt.room != 0) {
				t.Errorf("%s: room at %#x, %v", tt.name, off, ok)
			}
		}
	}
}

func TestUnpatchable(t *testing.T) {
	good := fn("time", textAt, 8)
	if _, err := Patches(build(true, true, good)); err != nil {
		t.Fatal(err)
	}
	edit := func(off int, v any) []byte {
		image := build(true, true, good)
		if _, err := binary.Encode(image[off:], le, v); err != nil {
			t.Fatal(err)
		}
		return image
	}
	many := make([]sym, 30)
	for i := range many {
		many[i] = fn(fmt.Sprint("f", i), textAt+uint64(i)*8, 8)
	}
	for name, image := range map[string][]byte{
		"empty":                       nil,
		"too large":                   append(build(true, true, good), make([]byte, MaxSize)...),
		"header only":                 build(true, true, good)[:64],
		"cut in the segment":          build(true, true, good)[:0x1800],
		"not ELF":                     edit(0, uint8(0)),
		"32 bits":                     edit(4, uint8(1)),
		"big-endian":                  edit(5, uint8(2)),
		"executable":                  edit(16, uint16(elf.ET_EXEC)),
		"i386":                        edit(18, uint16(elf.EM_386)),
		"program headers far away":    edit(32, uint64(1<<63)),
		"many program headers":        edit(56, uint16(60000)),
		"size of program headers":     edit(54, uint16(32)),
		"no dynamic section":          edit(64+phdrSize, uint32(elf.PT_NOTE)),
		"dynamic section far away":    edit(64+phdrSize+8, uint64(1<<63)),
		"symbols far away":            edit(0x108, uint64(1<<63)),
		"strange symbols":             edit(0x118, uint64(16)),
		"strings far away":            edit(0x128, uint64(1<<64-1)),
		"no strings":                  edit(0x138, uint64(0)),
		"strings not terminated":      edit(0x138, uint64(3)),
		"hash table far away":         edit(0x148, uint64(1<<64-4)),
		"too many symbols":            edit(0x904, uint32(1<<32-1)),
		"no hash table":               build(false, false, good),
		"no symbol":                   build(true, false),
		"no symbol, GNU hash":         build(false, true),
		"no function":                 build(true, true, sym{"time", textAt, 8, elf.STT_OBJECT, 8}),
		"too short":                   build(true, true, fn("time", textAt, 7)),
		"alias too short":             build(true, true, good, fn("__vdso_time", textAt, 7)),
		"unknown and too short":       build(true, true, good, fn("new", textAt+8, 4)),
		"two functions in one place":  build(true, true, good, fn("getcpu", textAt, 8)),
		"overlap":                     build(true, true, good, fn("getcpu", textAt+7, 8)),
		"inside another one":          build(true, true, fn("getcpu", textAt, 20), fn("time", textAt+10, 8)),
		"data inside":                 build(true, true, good, sym{"data", textAt + 4, 0, elf.STT_OBJECT, 8}),
		"data around":                 build(true, true, good, sym{"data", textAt - 4, 100, elf.STT_OBJECT, 8}),
		"function outside":            build(true, true, good, fn("getcpu", 0x1ffc, 8)),
		"function far away":           build(true, true, good, fn("getcpu", 1<<64-4, 8)),
		"segment not executable":      edit(68, uint32(elf.PF_R)),
		"gnu hash without an end":     editOf(build(false, true, good), 0xa00+28, uint32(0), t),
		"gnu hash bucket far away":    editOf(build(false, true, many...), 0xa00+24, uint32(1<<31), t),
		"gnu hash with many buckets":  editOf(build(false, true, good), 0xa00, uint32(1<<32-1), t),
		"gnu hash with a large bloom": editOf(build(false, true, good), 0xa00+8, uint32(1<<32-1), t),
	} {
		if got, err := Patches(image); !errors.Is(err, ErrUnpatchable) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if off, ok := Room(image); ok {
			t.Errorf("%s: room at %#x", name, off)
		}
	}
}

// editOf writes v at an offset of image and returns it.
func editOf(image []byte, off int, v any, t *testing.T) []byte {
	t.Helper()
	if _, err := binary.Encode(image[off:], le, v); err != nil {
		t.Fatal(err)
	}
	return image
}

// Whatever the image is, patches and the room lie in it, apart.
func FuzzPatches(f *testing.F) {
	f.Add(own(f))
	f.Add(build(true, false, fn("time", textAt, 8), fn("getrandom", textAt+8, 30)))
	f.Add(build(false, true, fn("time", textAt, 8), fn("__vdso_time", textAt, 30)))
	f.Fuzz(func(t *testing.T, image []byte) {
		patches, err := Patches(image)
		if (err == nil) != (len(patches) > 0) {
			t.Fatalf("%d patches, error %v", len(patches), err)
		}
		var end uint64
		for _, p := range patches {
			if p.Offset < end || p.Offset+uint64(len(p.Code)) > uint64(len(image)) {
				t.Fatalf("patch %+v of %d bytes after %#x", p, len(image), end)
			}
			end = p.Offset + uint64(len(p.Code))
		}
		off, ok := Room(image)
		if ok && off+EntrySize > uint64(len(image)) {
			t.Fatalf("room at %#x of %#x", off, len(image))
		}
		for _, p := range patches {
			if ok && off < p.Offset+uint64(len(p.Code)) && off+EntrySize > p.Offset {
				t.Fatalf("room at %#x overlaps %s", off, p.Name)
			}
		}
	})
}

func BenchmarkPatches(b *testing.B) {
	image := own(b)
	for b.Loop() {
		if _, err := Patches(image); err != nil {
			b.Fatal(err)
		}
	}
}
