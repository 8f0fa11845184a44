package vdso

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/arch/x86/x86asm"
)

func TestEntry(t *testing.T) {
	const start, length, entry = 0x7ffff7fc2000, 0x6000, 0x7ffff7fe4b40
	code := Entry(start, length, entry)
	if len(code) != EntrySize || EntrySize%8 != 0 {
		t.Fatalf("%d bytes", len(code))
	}
	var got []string
	at := 0
	for range 11 {
		if len(got) == 6 && at != EntryFailed {
			t.Errorf("the instruction that fails is at %d", at)
		}
		inst, err := x86asm.Decode(code[at:], 64)
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		got = append(got, x86asm.GNUSyntax(inst, 0, nil))
		at += inst.Len
	}
	if target := le.Uint64(code[at:]); target != entry {
		t.Errorf("goes to %#x", target)
	}
	want := []string{
		"mov $0xb,%eax", "mov $0x7ffff7fc2000,%rdi", "mov $0x6000,%esi", "syscall",
		"mov %rax,%rcx", "jrcxz .+0x2", "ud2",
		"mov %rcx,%r11", "mov %ecx,%edi", "mov %ecx,%esi", "jmpq *(%rip)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
