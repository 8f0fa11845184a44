package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// symbol is a symbol that the image defines.
type symbol struct {
	name     string
	offset   uint64 // in the image; size bytes from there lie in it
	size     uint64
	function bool // something that could be called
}

const (
	phdrSize = 56 // Elf64_Phdr
	dynSize  = 16 // Elf64_Dyn
	symSize  = 24 // Elf64_Sym
)

// le is the byte order of x86-64.
var le = binary.LittleEndian

// object is an image with its program headers.
type object struct {
	image []byte
	loads []elf.Prog64
}

// dynamicSymbols returns the symbols that a dynamic linker finds in the image:
// those of its dynamic section, as section headers may lie or be absent.
func dynamicSymbols(image []byte) ([]symbol, error) {
	if len(image) > MaxSize {
		return nil, errors.New("too large")
	}
	var h elf.Header64
	if _, err := binary.Decode(image, le, &h); err != nil {
		return nil, errors.New("no ELF header")
	}
	if string(h.Ident[:4]) != elf.ELFMAG || h.Ident[elf.EI_CLASS] != byte(elf.ELFCLASS64) ||
		h.Ident[elf.EI_DATA] != byte(elf.ELFDATA2LSB) ||
		elf.Machine(h.Machine) != elf.EM_X86_64 || elf.Type(h.Type) != elf.ET_DYN {
		return nil, errors.New("not an x86-64 ELF shared object")
	}
	table, ok := cut(image, h.Phoff, uint64(h.Phnum)*phdrSize)
	if h.Phentsize != phdrSize || !ok {
		return nil, errors.New("bad program headers")
	}
	o := object{image: image}
	var dynamic []byte
	for ; len(table) > 0; table = table[phdrSize:] {
		var p elf.Prog64
		if _, err := binary.Decode(table, le, &p); err != nil {
			return nil, errors.New("bad program headers")
		}
		switch elf.ProgType(p.Type) {
		case elf.PT_LOAD:
			if _, ok := cut(image, p.Off, p.Filesz); !ok {
				return nil, errors.New("segment not in the image")
			}
			o.loads = append(o.loads, p)
		case elf.PT_DYNAMIC:
			if dynamic, ok = cut(image, p.Off, p.Filesz); !ok {
				return nil, errors.New("dynamic section not in the image")
			}
		}
	}
	return o.symbols(dynamic)
}

// cut returns the n bytes of b at off. ok is false if b has not so many.
func cut(b []byte, off, n uint64) (part []byte, ok bool) {
	if off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, false
	}
	return b[off : off+n : off+n], true
}

// find returns the offset in the image of n bytes at a virtual address, and the
// segment they are in.
func (o *object) find(addr, n uint64) (off uint64, in elf.Prog64, ok bool) {
	for _, p := range o.loads {
		if addr >= p.Vaddr && addr-p.Vaddr <= p.Filesz && n <= p.Filesz-(addr-p.Vaddr) {
			return p.Off + (addr - p.Vaddr), p, true
		}
	}
	return 0, elf.Prog64{}, false
}

// at returns the n bytes at a virtual address.
func (o *object) at(addr, n uint64) ([]byte, bool) {
	off, _, ok := o.find(addr, n)
	if !ok {
		return nil, false
	}
	return o.image[off : off+n], true
}

// symbols returns the symbols of the dynamic section.
func (o *object) symbols(dynamic []byte) ([]symbol, error) {
	tags := map[elf.DynTag]uint64{}
	for ; len(dynamic) >= dynSize; dynamic = dynamic[dynSize:] {
		tag := elf.DynTag(le.Uint64(dynamic))
		if tag == elf.DT_NULL {
			break
		}
		tags[tag] = le.Uint64(dynamic[8:])
	}
	n, ok := o.countSymbols(tags)
	if !ok {
		return nil, errors.New("bad symbol hash table")
	}
	table, ok := o.at(tags[elf.DT_SYMTAB], n*symSize)
	if !ok || tags[elf.DT_SYMENT] != symSize {
		return nil, errors.New("bad symbol table")
	}
	names, ok := o.at(tags[elf.DT_STRTAB], tags[elf.DT_STRSZ])
	if !ok {
		return nil, errors.New("bad string table")
	}
	var out []symbol
	for ; len(table) > 0; table = table[symSize:] {
		var s elf.Sym64
		if _, err := binary.Decode(table, le, &s); err != nil {
			return nil, errors.New("bad symbol table")
		}
		if i := elf.SectionIndex(s.Shndx); i == elf.SHN_UNDEF || i == elf.SHN_ABS {
			continue
		}
		if uint64(s.Name) >= uint64(len(names)) {
			return nil, errors.New("bad symbol name")
		}
		name := names[s.Name:]
		end := bytes.IndexByte(name, 0)
		if end < 0 {
			return nil, errors.New("bad symbol name")
		}
		off, p, ok := o.find(s.Value, s.Size)
		if !ok {
			return nil, fmt.Errorf("symbol %q not in a segment", name[:end])
		}
		out = append(out, symbol{
			name:     string(name[:end]),
			offset:   off,
			size:     s.Size,
			function: elf.ST_TYPE(s.Info) != elf.STT_OBJECT && elf.ProgFlag(p.Flags)&elf.PF_X != 0,
		})
	}
	return out, nil
}

// countSymbols returns how many entries the symbol table has, which only the
// hash tables say.
func (o *object) countSymbols(tags map[elf.DynTag]uint64) (n uint64, ok bool) {
	if addr, there := tags[elf.DT_HASH]; there {
		b, ok := o.at(addr, 8) // nbucket, nchain
		if !ok {
			return 0, false
		}
		return uint64(le.Uint32(b[4:])), true
	}
	addr, there := tags[elf.DT_GNU_HASH]
	if !there {
		return 0, false
	}
	b, ok := o.at(addr, 16) // nbuckets, symoffset, bloom words, bloom shift
	if !ok {
		return 0, false
	}
	buckets, first, bloom := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
	addr += 16 + 8*bloom
	b, ok = o.at(addr, 4*buckets)
	if !ok {
		return 0, false
	}
	last := uint64(0) // of the symbols that chains begin with
	for ; len(b) > 0; b = b[4:] {
		last = max(last, uint64(le.Uint32(b)))
	}
	if last < first {
		return first, true // all chains are empty
	}
	// The chain of that symbol is the last one; its end has the low bit set.
	for addr += 4 * buckets; ; last++ {
		b, ok := o.at(addr+4*(last-first), 4)
		if !ok {
			return 0, false
		}
		if b[0]&1 != 0 {
			return last + 1, true
		}
	}
}
