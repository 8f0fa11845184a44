// Package exe tells what the engine has to know of an executable file before
// it runs: the digest that enters seeds and cache keys, what loads it, and
// which instructions in it read state that cannot be pinned. A Cache keeps the
// answers from run to run, so that an unchanged file is not read again.
//
// Files come from the guest. Nothing in one is trusted: reads are bounded,
// sizes are checked before memory is allocated for them.
package exe

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Kind is how the kernel would load a file.
type Kind uint8

const (
	// Other is a file that no built-in format of an x86-64 kernel loads:
	// execve answers ENOEXEC, unless the host's binfmt_misc knows it.
	Other Kind = iota
	// ELF64 is an x86-64 ELF executable or shared object (elf(5)).
	ELF64
	// ELF32 is an ELF file for the i386 or the x32 ABI.
	ELF32
	// Script is a file that starts with a valid #! line (execve(2)).
	Script
)

// String returns the lower-case name of the kind.
func (k Kind) String() string {
	switch k {
	case ELF64:
		return "elf64"
	case ELF32:
		return "elf32"
	case Script:
		return "script"
	}
	return "other"
}

// Info is what Scan found in a file. It depends on the file's content alone.
// It is shared by all who asked for the same file: treat Unmasked as read-only.
type Info struct {
	// Digest is the SHA-256 of the whole content.
	Digest [sha256.Size]byte
	// Kind is how the kernel would load the file.
	Kind Kind
	// Interp is the path of the dynamic loader (PT_INTERP of an ELF64) or of
	// the script's interpreter, as it stands in the file: at most 4,095
	// bytes without a NUL, possibly relative, otherwise unchecked. Empty for
	// the other kinds, for an ELF64 without PT_INTERP, and for a script such
	// as "#!" alone, where execve answers EACCES.
	Interp string
	// InterpArg is the one optional argument of a script's #! line, or "".
	InterpArg string
	// Unmasked names the instructions in the file's executable segments
	// whose results cannot be pinned: of RDPID, RDRAND and RDSEED, in this
	// order. It is nil where there is none, and for all kinds but ELF64.
	Unmasked []string
	// Static says that an ELF64 has no PT_INTERP: a static or static-pie
	// program, or the dynamic loader itself.
	Static bool
}

// MaxSize is the size in bytes of the largest file that Scan reads.
const MaxSize = 4 << 30

// Errors of Scan and Cache.Info, besides those of fstat(2) and read(2).
var (
	// ErrNotRegular: execve refuses such a file with EACCES.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge: the file has more than MaxSize bytes.
	ErrTooLarge = errors.New("file too large")
	// ErrChanged: the file was written to or truncated while it was read.
	ErrChanged = errors.New("file changed while it was read")
)

// Scan reads a regular file that is open for reading, once from start to end,
// and says what it is. It neither uses nor moves the file offset. Time is
// linear in the size (bounded by MaxSize), memory is bounded whatever the
// content. A file that is no valid executable is no error: its kind is Other.
func Scan(f *os.File) (Info, error) {
	st, err := statRegular(f)
	if err != nil {
		return Info{}, err
	}
	info, err := scan(f, st.Size, chunk)
	if err != nil {
		return Info{}, fmt.Errorf("scan %s: %w", f.Name(), err)
	}
	return info, nil
}

// statRegular returns the status of f, or an error if it is not a regular file
// or too large to be scanned.
func statRegular(f *os.File) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return st, fmt.Errorf("fstat %s: %w", f.Name(), err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return st, fmt.Errorf("scan %s: %w", f.Name(), ErrNotRegular)
	}
	if st.Size > MaxSize {
		return st, fmt.Errorf("scan %s: %w", f.Name(), ErrTooLarge)
	}
	return st, nil
}

// chunk is how many bytes Scan reads at a time.
const chunk = 256 << 10

// scan is Scan of size bytes. The result does not depend on chunk.
func scan(r io.ReaderAt, size, chunk int64) (Info, error) {
	info, text, err := classify(r, size)
	if err != nil {
		return Info{}, err
	}
	hash := sha256.New()
	find := finder{text: text, budget: maxCandidates}
	// The buffer holds [bytes kept from before | a chunk], so that a
	// candidate is always judged with all the bytes around it.
	buf := make([]byte, keep+min(size, chunk))
	var have, done int // bytes in buf; of these, already searched
	for off := int64(0); off < size; {
		want := int(min(size-off, chunk))
		n, err := r.ReadAt(buf[have:have+want], off)
		if n < want {
			if err == nil || errors.Is(err, io.EOF) {
				err = ErrChanged
			}
			return Info{}, err
		}
		hash.Write(buf[have : have+want])
		off += int64(want)
		have += want
		end := have
		if off < size {
			end = max(done, have-lookAhead)
		}
		find.search(buf[:have], off-int64(have), done, end)
		drop := max(0, end-lookBack)
		copy(buf, buf[drop:have])
		have -= drop
		done = end - drop
	}
	hash.Sum(info.Digest[:0])
	info.Unmasked = find.names()
	return info, nil
}

// classify reads the headers and returns all of Info but Digest and Unmasked,
// and the file ranges that hold instructions.
func classify(r io.ReaderAt, size int64) (Info, []span, error) {
	head := make([]byte, headSize) // padded with NULs, as the kernel's
	if err := readFull(r, head[:min(size, headSize)], 0); err != nil {
		return Info{}, nil, err
	}
	if interp, arg, ok := parseScript(head); ok {
		return Info{Kind: Script, Interp: interp, InterpArg: arg}, nil, nil
	}
	return parseELF(r, head, size)
}

// readFull fills b from offset off. That the file ends before is ErrChanged:
// callers ask only for what lies below the size they know.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return ErrChanged
	}
	return err
}
