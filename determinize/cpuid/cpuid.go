// Package cpuid says which CPU programs find when they ask the instruction
// CPUID, which a box cannot answer for it on most machines. Libraries choose
// their code by it, so what a box did may depend on the model.
//
// Leaves and registers are those of the Intel SDM, volume 2, CPUID, and of the
// AMD64 APM, volume 3, appendix E.
package cpuid

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Model is a CPU as CPUID describes it. Two CPUs with equal Models have the same
// instructions; how large their caches are is not part of it.
type Model struct {
	// Vendor is the twelve letters of leaf 0: "GenuineIntel", "AuthenticAMD".
	Vendor string `json:"vendor"`
	// Family, Model and Stepping are those of leaf 1, with the extended parts
	// added as /proc/cpuinfo does.
	Family   uint32 `json:"family"`
	Model    uint32 `json:"model"`
	Stepping uint32 `json:"stepping"`
	// Features is the digest ("sha256:" and 64 hexadecimal digits) of the leaves
	// that say which instructions there are, of XCR0, which says which
	// registers the kernel keeps, and of the name of a virtual machine's monitor.
	Features string `json:"features"`
}

// String is the model in a few words.
func (m Model) String() string {
	return fmt.Sprintf("%s family %d model %d stepping %d", m.Vendor, m.Family, m.Model, m.Stepping)
}

// registers are what CPUID gives: eax, ebx, ecx, edx.
type registers [4]uint32

const eax, ebx, ecx, edx = 0, 1, 2, 3

// extended is the first leaf of the second range.
const extended = 0x80000000

// features are the registers that say which instructions there are, masked by
// what differs between the CPUs of one machine or from boot to boot.
var features = []struct {
	leaf, sub uint32
	mask      registers
}{
	// ebx tells which CPU this is.
	{0x1, 0, registers{ecx: all, edx: all}},
	{0x7, 0, registers{ebx: all, ecx: all, edx: all}},
	{0x7, 1, registers{all, all, all, all}},
	{0x7, 2, registers{edx: all}},
	// ebx is the size of what is in use.
	{0xd, 1, registers{eax: all}},
	{0x14, 0, registers{ebx: all, ecx: all}},
	{0x19, 0, registers{eax: all, ebx: all, ecx: all}},
	{0x1e, 1, registers{eax: all}},
	{0x24, 0, registers{ebx: all}},
	{extended + 0x1, 0, registers{ecx: all, edx: all}},
	{extended + 0x7, 0, registers{edx: all}},
	{extended + 0x8, 0, registers{ebx: all}},
	{extended + 0x21, 0, registers{eax: all}},
}

const all = 0xffffffff

// hypervisor is the leaf in which a virtual machine's monitor names itself, and
// hypervised the bit of leaf 1, ecx, that says that there is one.
const (
	hypervisor = 0x40000000
	hypervised = 1 << 31
)

// osxsave is the bit of leaf 1, ecx, that allows XGETBV.
const osxsave = 1 << 27

// This is the CPU that the calling thread runs on. All CPUs of a machine have
// the same Model, as a rule.
func This() Model {
	return model(func(leaf, sub uint32) registers {
		a, b, c, d := cpuid(leaf, sub)
		return registers{a, b, c, d}
	}, func() uint64 {
		lo, hi := xgetbv()
		return uint64(hi)<<32 | uint64(lo)
	})
}

// model asks ask and, where that is allowed, xcr0.
func model(ask func(leaf, sub uint32) registers, xcr0 func() uint64) Model {
	first := ask(0, 0)
	last := map[uint32]uint32{0: first[eax], extended: ask(extended, 0)[eax]}
	var vendor []byte
	for _, r := range []int{ebx, edx, ecx} {
		vendor = binary.LittleEndian.AppendUint32(vendor, first[r])
	}
	one := ask(1, 0)
	m := Model{
		Vendor:   string(vendor),
		Family:   one[eax] >> 8 & 0xf,
		Model:    one[eax] >> 4 & 0xf,
		Stepping: one[eax] & 0xf,
	}
	if m.Family == 0xf {
		m.Family += one[eax] >> 20 & 0xff
	}
	if m.Family >= 6 {
		m.Model |= one[eax] >> 16 & 0xf << 4
	}
	h := sha256.New()
	for _, f := range features {
		var r registers
		if f.leaf <= last[f.leaf&extended] {
			r = ask(f.leaf, f.sub)
		}
		for i := range r {
			r[i] &= f.mask[i]
		}
		binary.Write(h, binary.LittleEndian, r)
	}
	var monitor registers
	if one[ecx]&hypervised != 0 {
		monitor = ask(hypervisor, 0)
		monitor[eax] = 0 // its last leaf
	}
	binary.Write(h, binary.LittleEndian, monitor)
	var state uint64
	if one[ecx]&osxsave != 0 {
		state = xcr0()
	}
	binary.Write(h, binary.LittleEndian, state)
	m.Features = fmt.Sprintf("sha256:%x", h.Sum(nil))
	return m
}

// cpuid executes CPUID.
func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// xgetbv reads XCR0. It must be allowed.
func xgetbv() (eax, edx uint32)
