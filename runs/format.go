package runs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"laplace.dev/laplace/conflict"
)

// Version is the version of the format that is written and read.
const Version = 2

// magic is what every file begins with.
const magic = "laplrun\n"

// Errors of a file.
var (
	// ErrNotRun says that a file is something else.
	ErrNotRun = errors.New("not a record of a run")
	// ErrVersion says that another version of Laplace wrote a file.
	ErrVersion = errors.New("the record is of another version of laplace")
	// ErrTruncated says that the end of a file is missing.
	ErrTruncated = errors.New("the record is cut off")
	// ErrDamaged says that a file is not what was written.
	ErrDamaged = errors.New("the record is damaged")
)

// The sections of a file, in their order. The last two are the same whenever a box is
// deterministic and starts from the same. Which conflicts are found depends on the schedule.
const (
	hostSection = iota
	conflictSection
	cacheSection
	summarySection
	execSection
	sections
)

// The header: magic, version and number of sections (32 bits each, little endian), for each
// section its length (64 bits) and SHA-256 digest; and the digest of all that.
const (
	entryAt    = len(magic) + 8
	entrySize  = 8 + sha256.Size
	sumAt      = entryAt + sections*entrySize
	headerSize = sumAt + sha256.Size
)

// maxGrowth is how much memory a parsed file takes at most, in multiples of its size: a
// string of two bytes may repeat 255 bytes of the one before.
const maxGrowth = 160

// Encode is the file of a run and the digest of its last two sections.
func Encode(r *conflict.Run) (file []byte, digest conflict.Digest) {
	return seal([sections][]byte{encodeHost(r), encodeConflicts(r.Conflicts), encodeCached(r.Cached), encodeSummary(r), encodeExecs(r.Execs)})
}

// seal puts the header before the sections.
func seal(bodies [sections][]byte) (file []byte, digest conflict.Digest) {
	size := headerSize
	for _, b := range bodies {
		size += len(b)
	}
	file = make([]byte, 0, size)
	file = append(file, magic...)
	file = binary.LittleEndian.AppendUint32(file, Version)
	file = binary.LittleEndian.AppendUint32(file, sections)
	for _, b := range bodies {
		sum := sha256.Sum256(b)
		file = binary.LittleEndian.AppendUint64(file, uint64(len(b)))
		file = append(file, sum[:]...)
	}
	digest = digestOf(file)
	sum := sha256.Sum256(file)
	file = append(file, sum[:]...)
	for _, b := range bodies {
		file = append(file, b...)
	}
	return file, digest
}

// digestOf is the digest of what is the same from run to run: that of the version and the
// lengths and digests of the sections, as they stand in the header.
func digestOf(header []byte) conflict.Digest {
	h := sha256.New()
	h.Write(header[len(magic) : len(magic)+4])
	h.Write(header[entryAt+summarySection*entrySize : sumAt])
	return conflict.Digest(h.Sum(nil))
}

// Head is what is known of a run without its conflicts and execs.
type Head struct {
	conflict.Host
	conflict.Summary
	// Conflicts and Execs are how many are in the record.
	Conflicts int `json:"conflict_count"`
	// Cached is of how many execs it is known what the cache had to do with them: all or none.
	Cached int `json:"-"`
	Execs  int `json:"record_count"`
	// Digest is that of the summary and the execs: equal ones mean that they are equal.
	Digest conflict.Digest `json:"digest"`
}

// File is a run's file. Its sections are read when they are asked for.
type File struct {
	Head
	from io.ReaderAt
	at   [sections]int64
	len  [sections]int64
	sum  [sections][sha256.Size]byte
}

// Parse reads a file's header and the head of the run. The errors are those above, and what
// reading fails with. The reader is the caller's, who closes it after the last use of the File.
func Parse(from io.ReaderAt, size int64) (*File, error) {
	f := &File{from: from}
	if err := f.header(size); err != nil {
		return nil, err
	}
	host, err := f.section(hostSection)
	if err != nil {
		return nil, err
	}
	if err := decodeHost(host, &f.Head); err != nil {
		return nil, err
	}
	summary, err := f.section(summarySection)
	if err != nil {
		return nil, err
	}
	return f, decodeSummary(summary, &f.Head)
}

// header reads and checks the header of a file of size bytes.
func (f *File) header(size int64) error {
	h := make([]byte, min(size, int64(headerSize)))
	if err := readAt(f.from, h, 0); err != nil {
		return err
	}
	if n := min(len(h), len(magic)); string(h[:n]) != magic[:n] {
		return ErrNotRun
	}
	if len(h) < len(magic)+4 {
		return ErrTruncated
	}
	if v := binary.LittleEndian.Uint32(h[len(magic):]); v != Version {
		return fmt.Errorf("%w: it has format %d, this one reads %d", ErrVersion, v, Version)
	}
	if len(h) < headerSize {
		return ErrTruncated
	}
	if sum := sha256.Sum256(h[:sumAt]); string(sum[:]) != string(h[sumAt:]) {
		return fmt.Errorf("%w: its header has another digest", ErrDamaged)
	}
	if n := binary.LittleEndian.Uint32(h[len(magic)+4:]); n != sections {
		return fmt.Errorf("%w: %d sections", ErrDamaged, n)
	}
	at := int64(headerSize)
	for i := range f.at {
		e := h[entryAt+i*entrySize:]
		n := binary.LittleEndian.Uint64(e)
		copy(f.sum[i][:], e[8:])
		if n > uint64(size-at) {
			return ErrTruncated
		}
		f.at[i], f.len[i] = at, int64(n)
		at += int64(n)
	}
	if at != size {
		return fmt.Errorf("%w: %d bytes too many", ErrDamaged, size-at)
	}
	f.Digest = digestOf(h)
	return nil
}

// section reads a section, whose length the file's size has been compared with, and checks
// its digest.
func (f *File) section(i int) ([]byte, error) {
	b := make([]byte, f.len[i])
	if err := readAt(f.from, b, f.at[i]); err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != f.sum[i] {
		return nil, fmt.Errorf("%w: its %s section has another digest", ErrDamaged, [...]string{"host", "conflict", "cache", "summary", "exec"}[i])
	}
	return b, nil
}

func readAt(from io.ReaderAt, b []byte, at int64) error {
	n, err := from.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return ErrTruncated
	}
	return err
}

// ReadConflicts reads the run's conflicts.
func (f *File) ReadConflicts() ([]conflict.Conflict, error) {
	b, err := f.section(conflictSection)
	if err != nil {
		return nil, err
	}
	return decodeConflicts(b, f.Conflicts)
}

// ReadCached reads what the cache had to do with the run's execs.
func (f *File) ReadCached() ([]conflict.Cached, error) {
	b, err := f.section(cacheSection)
	if err != nil {
		return nil, err
	}
	return decodeCached(b, f.Cached)
}

// ReadExecs reads the records of the run's execs. They share what they have in common:
// whoever changes one changes others.
func (f *File) ReadExecs() ([]conflict.Record, error) {
	b, err := f.section(execSection)
	if err != nil {
		return nil, err
	}
	return decodeExecs(b, f.Execs)
}

// Run reads all of the run.
func (f *File) Run() (*conflict.Run, error) {
	r := &conflict.Run{Host: f.Host, Summary: f.Summary}
	var err error
	if r.Conflicts, err = f.ReadConflicts(); err != nil {
		return nil, err
	}
	if r.Cached, err = f.ReadCached(); err != nil {
		return nil, err
	}
	if r.Execs, err = f.ReadExecs(); err != nil {
		return nil, err
	}
	return r, nil
}

// ValidID tells whether id can name a run: 1 to 64 small letters, digits and hyphens, the
// first of which is no hyphen.
func ValidID(id string) bool {
	return id != "" && len(id) <= 64 && id[0] != '-' && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
