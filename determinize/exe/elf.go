package exe

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// The package reads ELF files itself, with debug/elf's types: what counts is
// what the kernel's fs/binfmt_elf.c accepts, which ignores the class and byte
// order in e_ident, and the bounds are those of the kernel.
const (
	phdrSize = 56    // Elf64_Phdr
	shdrSize = 64    // Elf64_Shdr
	maxPhdrs = 65536 // bytes of program headers that the kernel takes
	maxShdrs = 65536 // bytes of section headers that are worth reading
)

// span is a range [lo, hi) of file offsets.
type span struct{ lo, hi int64 }

// parseELF is classify of a file that is no script. head is the first headSize
// bytes, padded with NULs. The only errors are those of reading.
func parseELF(r io.ReaderAt, head []byte, size int64) (Info, []span, error) {
	other := Info{Kind: Other}
	if string(head[:len(elf.ELFMAG)]) != elf.ELFMAG {
		return other, nil, nil
	}
	var h elf.Header64
	if _, err := binary.Decode(head, binary.LittleEndian, &h); err != nil {
		return other, nil, nil
	}
	if t := elf.Type(h.Type); t != elf.ET_EXEC && t != elf.ET_DYN {
		return other, nil, nil
	}
	progs, err := readTable[elf.Prog64](r, h.Phoff, int(h.Phnum), int(h.Phentsize), phdrSize, maxPhdrs, size)
	if err != nil {
		return other, nil, err
	}
	machine := elf.Machine(h.Machine)
	if machine != elf.EM_X86_64 || progs == nil {
		class32 := h.Ident[elf.EI_CLASS] == byte(elf.ELFCLASS32)
		if machine == elf.EM_386 || machine == elf.EM_486 || machine == elf.EM_X86_64 && class32 {
			return Info{Kind: ELF32}, nil, nil
		}
		return other, nil, nil
	}

	info := Info{Kind: ELF64, Static: true}
	var text []span
	for _, p := range progs {
		switch elf.ProgType(p.Type) {
		case elf.PT_INTERP:
			if !info.Static {
				continue // the kernel looks at the first one only
			}
			info.Static = false
			interp, ok, err := readInterp(r, p, size)
			if err != nil || !ok {
				return other, nil, err
			}
			info.Interp = interp
		case elf.PT_LOAD:
			if elf.ProgFlag(p.Flags)&elf.PF_X != 0 {
				text = append(text, fileSpan(p.Off, p.Filesz, size))
			}
		}
	}
	sections, err := readTable[elf.Section64](r, h.Shoff, int(h.Shnum), int(h.Shentsize), shdrSize, maxShdrs, size)
	if err != nil {
		return other, nil, err
	}
	return info, subtract(merge(text), merge(dataSections(sections, size))), nil
}

// readTable reads n entries of type T at file offset off. It returns nil where
// there are none, where an entry has not the size want, where they are more
// than limit bytes, or where they do not lie within the file.
func readTable[T any](r io.ReaderAt, off uint64, n, entry, want, limit int, size int64) ([]T, error) {
	if n == 0 || entry != want || n*want > limit {
		return nil, nil
	}
	s := fileSpan(off, uint64(n*want), size)
	if s.hi-s.lo != int64(n*want) {
		return nil, nil
	}
	b := make([]byte, n*want)
	if err := readFull(r, b, s.lo); err != nil {
		return nil, err
	}
	table := make([]T, n)
	if _, err := binary.Decode(b, binary.LittleEndian, table); err != nil {
		return nil, nil
	}
	return table, nil
}

// readInterp reads the path of a PT_INTERP segment. ok is false where the
// kernel refuses the file because of it.
func readInterp(r io.ReaderAt, p elf.Prog64, size int64) (path string, ok bool, err error) {
	if p.Filesz < 2 || p.Filesz > unix.PathMax {
		return "", false, nil
	}
	s := fileSpan(p.Off, p.Filesz, size)
	b := make([]byte, p.Filesz)
	if s.hi-s.lo != int64(len(b)) {
		return "", false, nil
	}
	if err := readFull(r, b, s.lo); err != nil {
		return "", false, err
	}
	if b[len(b)-1] != 0 {
		return "", false, nil
	}
	return cString(b), true, nil
}

// dataSections returns the ranges of the sections that the section headers
// declare to be loaded but not executed. Linkers put read-only data into the
// executable segment (`ld -z noseparate-code`).
func dataSections(sections []elf.Section64, size int64) []span {
	var out []span
	for _, s := range sections {
		flags := elf.SectionFlag(s.Flags)
		if elf.SectionType(s.Type) != elf.SHT_NOBITS &&
			flags&elf.SHF_ALLOC != 0 && flags&elf.SHF_EXECINSTR == 0 {
			out = append(out, fileSpan(s.Off, s.Size, size))
		}
	}
	return out
}

// fileSpan returns the range of n bytes at off, cut to the size of the file.
func fileSpan(off, n uint64, size int64) span {
	end := uint64(size)
	off = min(off, end)
	return span{int64(off), int64(off + min(n, end-off))}
}

// merge sorts spans and joins those that overlap or touch; empty ones vanish.
func merge(in []span) []span {
	slices.SortFunc(in, func(a, b span) int { return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi)) })
	out := in[:0]
	for _, s := range in {
		switch last := len(out) - 1; {
		case s.lo >= s.hi:
		case last >= 0 && s.lo <= out[last].hi:
			out[last].hi = max(out[last].hi, s.hi)
		default:
			out = append(out, s)
		}
	}
	return out
}

// subtract returns what of the spans in from lies in none of those in cut.
// Both are merged, and so is the result.
func subtract(from, cut []span) []span {
	var out []span
	for _, s := range from {
		for len(cut) > 0 && cut[0].hi <= s.lo {
			cut = cut[1:]
		}
		for _, c := range cut {
			if c.lo >= s.hi {
				break
			}
			if c.lo > s.lo {
				out = append(out, span{s.lo, c.lo})
			}
			s.lo = min(c.hi, s.hi)
		}
		if s.lo < s.hi {
			out = append(out, s)
		}
	}
	return out
}
