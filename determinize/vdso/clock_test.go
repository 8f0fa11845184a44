package vdso

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// TestClockCode checks that each function of the running kernel's image can count, that its
// code is whole instructions whose jumps lead to others, and that a call that is under way
// returns.
func TestClockCode(t *testing.T) {
	image := own(t)
	c, ok := Clocks(image)
	if !ok {
		t.Fatal("no room for the clocks")
	}
	before, err := Patches(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Patches(0x7ffff7fb0000) {
		if len(p.Code)%8 != 0 {
			t.Errorf("%s has %d bytes", p.Name, len(p.Code))
		}
		for _, old := range before {
			if old.Offset == p.Offset && string(old.Code[5:]) != string(p.Code[5:8]) {
				t.Errorf("%s: who is in the call goes on with % x", p.Name, p.Code[5:8])
			}
		}
		starts, targets := map[int]bool{}, map[int]string{}
		var text []string
		for at := 0; at < len(p.Code); {
			inst, err := x86asm.Decode(p.Code[at:], 64)
			if err != nil {
				t.Fatalf("%s at %d: %v", p.Name, at, err)
			}
			starts[at] = true
			text = append(text, inst.String())
			if rel, ok := inst.Args[0].(x86asm.Rel); ok {
				targets[at+inst.Len+int(rel)] = fmt.Sprint(inst)
			}
			at += inst.Len
		}
		for at, jump := range targets {
			if !starts[at] {
				t.Errorf("%s: %s leads to %d, where no instruction is", p.Name, jump, at)
			}
		}
		if !strings.Contains(strings.Join(text, "\n"), "MOV RDX, 0x7ffff7fb0000") {
			t.Errorf("%s does not know its page:\n%s", p.Name, strings.Join(text, "\n"))
		}
	}
}

func TestPageEncodesWhatItsReadersExpect(t *testing.T) {
	b := Page{Left: 7, Last: 2, Step: 3, Real: 4, Mono: 5}.Encode()
	if len(b) != PageSize || DecodeLeft(b) != 7 || b[8] != 2 || b[16] != 3 || b[24] != 4 || b[32] != 5 {
		t.Errorf("% x", b)
	}
}
