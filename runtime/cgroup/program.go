package cgroup

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// rulesProgram is a program of the type BPF_PROG_TYPE_CGROUP_DEVICE, which decides on an access to
// a device: for each of reading, writing and making, the last rule that speaks of it counts, and
// where none does it is denied. It does what the v1 controller does with the same rules.
//
// The library's filter takes a rule that allows reading for one that allows reading together with
// writing, and expects every rule to have its type and its numbers.
func rulesProgram(rules []rule) asm.Instructions {
	const (
		scratch = asm.R1
		kind    = asm.R2
		asked   = asm.R3 // what is not allowed yet
		major   = asm.R4
		minor   = asm.R5
	)
	kinds := map[byte]int32{'b': unix.BPF_DEVCG_DEV_BLOCK, 'c': unix.BPF_DEVCG_DEV_CHAR}
	bits := map[rune]int32{'m': unix.BPF_DEVCG_ACC_MKNOD, 'r': unix.BPF_DEVCG_ACC_READ, 'w': unix.BPF_DEVCG_ACC_WRITE}
	answer := func(n int32) []asm.Instruction {
		return []asm.Instruction{asm.Mov.Imm32(asm.R0, n), asm.Return()}
	}
	// R1 is a struct bpf_cgroup_dev_ctx: the access in the high half and the type in the low half of
	// its first word, and the two numbers.
	p := asm.Instructions{
		asm.LoadMem(asked, asm.R1, 0, asm.Word),
		asm.LoadMem(major, asm.R1, 4, asm.Word),
		asm.LoadMem(minor, asm.R1, 8, asm.Word),
		asm.Mov.Reg(kind, asked),
		asm.And.Imm(kind, 0xffff),
		asm.RSh.Imm(asked, 16),
	}
	label := ""
	add := func(ins ...asm.Instruction) {
		if label != "" {
			ins[0] = ins[0].WithSymbol(label)
			label = ""
		}
		p = append(p, ins...)
	}
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.everything() {
			// What the rules before it say does not matter.
			if r.allow {
				add(answer(1)...)
				return p
			}
			break
		}
		next := fmt.Sprintf("before %d", i)
		var mask int32
		for _, a := range r.access {
			mask |= bits[a]
		}
		if r.kind != 'a' {
			add(asm.JNE.Imm(kind, kinds[r.kind], next))
		}
		if r.major >= 0 {
			add(asm.JNE.Imm(major, int32(r.major), next))
		}
		if r.minor >= 0 {
			add(asm.JNE.Imm(minor, int32(r.minor), next))
		}
		if r.allow {
			add(asm.And.Imm(asked, ^mask), asm.JNE.Imm(asked, 0, next))
			add(answer(1)...)
		} else {
			add(asm.Mov.Reg(scratch, asked), asm.And.Imm(scratch, mask), asm.JEq.Imm(scratch, 0, next))
			add(answer(0)...)
		}
		label = next
	}
	add(answer(0)...)
	return p
}

// attachProgram attaches a program to a v2 group, and then detaches those that were: meanwhile what
// both allow is allowed.
func attachProgram(dir *os.File, instructions asm.Instructions) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.CGroupDevice, Instructions: instructions, License: "Apache"})
	if err != nil {
		return fmt.Errorf("eBPF: %w", err)
	}
	defer program.Close()
	fd := int(dir.Fd())
	before, err := link.QueryPrograms(link.QueryOptions{Target: fd, Attach: ebpf.AttachCGroupDevice})
	if err != nil {
		return fmt.Errorf("eBPF programs of the cgroup: %w", err)
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: fd, Program: program, Attach: ebpf.AttachCGroupDevice, Flags: unix.BPF_F_ALLOW_MULTI})
	if err != nil {
		return fmt.Errorf("eBPF: %w", err)
	}
	for _, p := range before.Programs {
		old, err := ebpf.NewProgramFromID(p.ID)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("eBPF program before: %w", err)
		}
		err = link.RawDetachProgram(link.RawDetachProgramOptions{Target: fd, Program: old, Attach: ebpf.AttachCGroupDevice})
		old.Close()
		if err != nil {
			return fmt.Errorf("eBPF program before: %w", err)
		}
	}
	return nil
}
