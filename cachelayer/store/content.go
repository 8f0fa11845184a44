package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// block is the unit in which contents are copied, and holes are left in them, in bytes.
const block = 4096

// Put adds a content, and returns its digest and size in bytes. Where the store holds it already it
// counts as used. An error is of the reader, of the file system (ENOSPC), or ErrReadOnly;
// nothing of the content is left behind then.
func (s *Store) Put(r io.Reader) (Digest, int64, error) {
	if s.readOnly {
		return Digest{}, 0, ErrReadOnly
	}
	f, err := s.temp()
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := sparsely(f, io.TeeReader(r, h))
	if err != nil {
		os.Remove(f.Name())
		return Digest{}, 0, err
	}
	d := Digest(h.Sum(nil))
	if s.has(d, n) {
		os.Remove(f.Name())
		return d, n, nil
	}
	if err := s.settle(f, s.sharded("contents", d)); err != nil {
		return Digest{}, 0, err
	}
	return d, n, nil
}

// has tells whether there is a content of this digest and size, or of any if that is negative,
// which is in use now. What is damaged without another size is found when it is read.
func (s *Store) has(d Digest, size int64) bool {
	f, err := os.OpenFile(s.sharded("contents", d), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || size >= 0 && st.Size != size {
		return false
	}
	s.used(f, &st)
	return true
}

// sparsely copies all that r has to an empty file, leaving out blocks of zeros.
func sparsely(f *os.File, r io.Reader) (int64, error) {
	buf := make([]byte, 64*block)
	zeros := make([]byte, block)
	var n, end int64 // read, and written as far as
	for {
		k, err := io.ReadFull(r, buf)
		for at := 0; at < k; at += block {
			b := buf[at:min(at+block, k)]
			if bytes.Equal(b, zeros[:len(b)]) {
				continue
			}
			if _, err := f.WriteAt(b, n+int64(at)); err != nil {
				return n, err
			}
			end = n + int64(at+len(b))
		}
		n += int64(k)
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			if end == n {
				return n, nil
			}
			return n, f.Truncate(n)
		case err != nil:
			return n, err
		}
	}
}

// Get opens a content, at its beginning, whose digest has been verified. The caller closes
// the file, which it must not write to nor change in any other way. ErrMissing or ErrDamaged
// says that there is none; another error is of the file system.
func (s *Store) Get(d Digest) (*os.File, error) { return s.open(d, true) }

// open is Get, which says that the content is in use.
func (s *Store) open(d Digest, use bool) (*os.File, error) {
	path := s.sharded("contents", d)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("content %s: %w", d, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, fmt.Errorf("content %s: %w", d, err)
	}
	h := sha256.New()
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		_, err = io.Copy(h, f)
	}
	switch {
	case err != nil:
	case Digest(h.Sum(nil)) != d || st.Mode&unix.S_IFMT != unix.S_IFREG:
		s.quarantine(path)
		err = fmt.Errorf("content %s: %w", d, ErrDamaged)
	default:
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if use {
		s.used(f, &st)
	}
	return f, nil
}

// Uses tells whether there is a content, which counts as in use now. It is not read.
func (s *Store) Uses(d Digest) bool { return s.has(d, -1) }
