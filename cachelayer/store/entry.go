package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of entries.
const (
	// MaxEntries is how many entries a key has; the one that was not used for the longest
	// time makes room for the next.
	MaxEntries = 16
	// MaxEntry is the size of the largest entry, in bytes.
	MaxEntry = 256 << 20
)

// Entry is what is known under a key.
type Entry struct {
	Contents []Digest // that it refers to
	Body     []byte   // the caller's
}

// The file of an entry: magic, the number of contents, little endian, their digests, the body.
const (
	entryMagic  = "lapentry"
	entryHeader = len(entryMagic) + 4
)

// encode is the entry's file.
func (e *Entry) encode() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(entryMagic), uint32(len(e.Contents)))
	for _, d := range e.Contents {
		b = append(b, d[:]...)
	}
	return append(b, e.Body...)
}

// parseEntry reads an entry's file.
func parseEntry(b []byte) (e Entry, ok bool) {
	if len(b) < entryHeader || string(b[:len(entryMagic)]) != entryMagic {
		return Entry{}, false
	}
	n := uint64(binary.LittleEndian.Uint32(b[len(entryMagic):]))
	b = b[entryHeader:]
	if n*sha256.Size > uint64(len(b)) {
		return Entry{}, false
	}
	e.Contents = make([]Digest, n)
	for i := range e.Contents {
		b = b[copy(e.Contents[i][:], b):]
	}
	e.Body = bytes.Clone(b)
	return e, true
}

// entryDir is where the entries of a key are.
func (s *Store) entryDir(key Digest) string { return s.sharded("entries", key) }

// Add adds an entry to a key, and returns its name there. An error is of the file system, or
// ErrReadOnly.
func (s *Store) Add(key Digest, e Entry) (name Digest, err error) {
	st, err := s.Stage(key, e)
	if err != nil {
		return Digest{}, err
	}
	return st.Commit()
}

// Staged is an entry that has been written, and that nobody finds yet. It is an open file.
type Staged struct {
	store *Store
	key   Digest
	name  Digest
	file  *os.File
}

// Stage writes an entry, to be added by Commit or thrown away by Discard, one of which the caller
// calls. An error is of the file system, or ErrReadOnly.
func (s *Store) Stage(key Digest, e Entry) (*Staged, error) {
	if s.readOnly {
		return nil, ErrReadOnly
	}
	b := e.encode()
	if len(b) > MaxEntry {
		return nil, fmt.Errorf("entry of %d bytes: %w", len(b), unix.EFBIG)
	}
	f, err := s.temp()
	if err != nil {
		return nil, err
	}
	st := &Staged{store: s, key: key, name: sha256.Sum256(b), file: f}
	if _, err = f.Write(b); err == nil {
		err = os.MkdirAll(s.entryDir(key), 0o700)
	}
	if err != nil {
		st.Discard()
		return nil, err
	}
	return st, nil
}

// Commit adds a staged entry to its key, and returns its name there.
func (st *Staged) Commit() (name Digest, err error) {
	defer st.file.Close()
	s := st.store
	if err := s.settle(st.file, filepath.Join(s.entryDir(st.key), st.name.String())); err != nil {
		return Digest{}, err
	}
	all, err := s.Entries(st.key)
	for i := MaxEntries; err == nil && i < len(all); i++ {
		s.Remove(st.key, all[i].Name)
	}
	return st.name, nil
}

// Discard throws a staged entry away.
func (st *Staged) Discard() {
	os.Remove(st.file.Name())
	st.file.Close()
}

// Found is an entry of a key that is there.
type Found struct {
	Name Digest
	Used time.Time // last
	Size int64     // of its file, in bytes
}

// Entries are those of a key, the one that was used last first.
func (s *Store) Entries(key Digest) ([]Found, error) { return s.found(s.entryDir(key)) }

// found are the entries in the directory of a key.
func (s *Store) found(dir string) (all []Found, err error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		d, ok := ParseDigest(n.Name())
		if !ok {
			continue
		}
		if fi, err := n.Info(); err == nil && fi.Mode().IsRegular() {
			all = append(all, Found{Name: d, Used: fi.ModTime(), Size: fi.Size()})
		}
	}
	slices.SortFunc(all, func(a, b Found) int {
		if c := b.Used.Compare(a.Used); c != 0 {
			return c
		}
		return bytes.Compare(a.Name[:], b.Name[:])
	})
	return all, nil
}

// Load reads an entry, and says that it is in use. The errors are those of Get.
func (s *Store) Load(key, name Digest) (Entry, error) {
	return s.load(filepath.Join(s.entryDir(key), name.String()), name, true)
}

// load reads the entry at a path.
func (s *Store) load(path string, name Digest, use bool) (Entry, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, fmt.Errorf("entry %s: %w", name, ErrMissing)
	}
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Entry{}, fmt.Errorf("entry %s: %w", name, err)
	}
	damaged := func() (Entry, error) {
		s.quarantine(path)
		return Entry{}, fmt.Errorf("entry %s: %w", name, ErrDamaged)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > MaxEntry {
		return damaged()
	}
	b := make([]byte, st.Size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return Entry{}, fmt.Errorf("entry %s: %w", name, err)
	}
	e, ok := parseEntry(b)
	if !ok || sha256.Sum256(b) != name {
		return damaged()
	}
	if use {
		s.used(f, &st)
	}
	return e, nil
}

// Quarantine puts an entry away that is not damaged, but wrong.
func (s *Store) Quarantine(key, name Digest) error {
	if s.readOnly {
		return ErrReadOnly
	}
	s.quarantine(filepath.Join(s.entryDir(key), name.String()))
	return nil
}

// Remove removes an entry, if it is there. Its contents stay until the next GC.
func (s *Store) Remove(key, name Digest) error {
	if s.readOnly {
		return ErrReadOnly
	}
	err := os.Remove(filepath.Join(s.entryDir(key), name.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
