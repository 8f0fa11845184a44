// Package store keeps what execs have read and left behind: contents, by their SHA-256
// digests, and entries, which say under a key what is known of it and which contents that
// takes.
//
// A store is a directory. Any number of processes use it at the same time, without a daemon
// and without waiting for each other. What is in it never changes: a file appears by rename,
// as a whole, and goes by unlink. Whoever is killed in between leaves a file in tmp, which the
// next GC removes.
//
// What a store promises: a content that it hands out has the digest that was asked for, and an
// entry is one that somebody has added, byte for byte; both are hashed when they are read. What
// is damaged is moved to quarantine, and is missing from then on. What it does not promise:
// that anything is still there. A user who may write to the directory can add entries that
// are lies; the store is for one user, or for those who trust each other.
//
//	format                 "laplace cache 1\n"
//	contents/ab/cdef...    a content, named by its digest; the modification time is its last use
//	entries/ab/cdef.../D   an entry of the key abcdef..., named by the digest of the file
//	sessions/              a file of each process that has the store open, which holds its lock
//	tmp/                   what is being written
//	quarantine/            what was not what its name says
package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of a store. All but ErrFormat leave it usable.
var (
	// ErrMissing says that there is no such content or entry: it was never added, or has been
	// removed, or was damaged.
	ErrMissing = errors.New("not in the cache")
	// ErrDamaged says that a file was not what its name says. It is in quarantine now, and
	// missing: errors.Is(err, ErrMissing) too.
	ErrDamaged = fmt.Errorf("damaged file in the cache, put into quarantine: %w", ErrMissing)
	// ErrReadOnly says that the store may not be changed.
	ErrReadOnly = errors.New("the cache is read-only")
	// ErrFormat says that the directory is not a store, or one of another version.
	ErrFormat = errors.New("not a cache of this version of Laplace")
	// ErrBusy says that another process collects garbage.
	ErrBusy = errors.New("another process is tidying up the cache")
)

// formatText is what the file format says.
const formatText = "laplace cache 1\n"

// Digest is a SHA-256 digest.
type Digest [sha256.Size]byte

// String is the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes.
func ParseDigest(s string) (d Digest, ok bool) {
	if len(s) != hex.EncodedLen(len(d)) {
		return d, false
	}
	n, err := hex.Decode(d[:], []byte(s))
	return d, err == nil && n == len(d) && d.String() == s
}

// Options say how a store is opened. Now is needed.
type Options struct {
	Now func() time.Time
	// ReadOnly has nothing in the store change, not even when something was used last.
	ReadOnly bool
}

// Store is an open store. Its methods may be called at the same time.
type Store struct {
	dir      string
	now      func() time.Time
	readOnly bool
	session  *os.File  // nil where the store is read-only
	start    time.Time // of the session: what is used from then on stays
}

// subdirs are the directories of a store.
var subdirs = []string{"contents", "entries", "sessions", "tmp", "quarantine"}

// Open opens the store in a directory, and makes one where there is nothing. A directory that
// may not be written to is opened for reading. Close it.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, now: o.Now, readOnly: o.ReadOnly}
	if !s.readOnly {
		err := s.create()
		switch {
		case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			s.readOnly = true
		case err != nil:
			return nil, err
		}
	}
	text, err := os.ReadFile(s.path("format"))
	if err != nil {
		return nil, err
	}
	if string(text) != formatText {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: ErrFormat}
	}
	if !s.readOnly {
		if err := s.begin(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// create makes the store's directories and its format file, where they are not there.
func (s *Store) create() error {
	if _, err := os.Stat(s.path("format")); err == nil {
		return unix.Access(s.path("tmp"), unix.W_OK)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		// Another process may be making the same store.
		if !e.IsDir() || !known(e.Name()) {
			return &fs.PathError{Op: "open", Path: s.dir, Err: ErrFormat}
		}
	}
	for _, name := range subdirs {
		if err := os.Mkdir(s.path(name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	f, err := s.temp()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.WriteString(formatText); err == nil {
		err = os.Rename(f.Name(), s.path("format"))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// known tells whether a store has a directory of this name.
func known(name string) bool {
	for _, d := range subdirs {
		if d == name {
			return true
		}
	}
	return false
}

// begin begins a session: what it uses from now on is not removed before it ends.
func (s *Store) begin() error {
	for {
		f, err := os.OpenFile(s.path("sessions", rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close() // it was taken for a dead one's
			continue
		}
		s.start = s.now()
		if err := touch(f, s.start); err != nil {
			f.Close()
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 0 {
			f.Close()
			continue
		}
		s.session = f
		return nil
	}
}

// Close ends the session. The store may not be used any more.
func (s *Store) Close() error {
	if s.session == nil {
		return nil
	}
	os.Remove(s.session.Name())
	return s.session.Close()
}

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

// ReadOnly tells whether the store may not be changed.
func (s *Store) ReadOnly() bool { return s.readOnly }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// sharded is the path of a digest below one of the store's directories.
func (s *Store) sharded(dir string, d Digest) string {
	name := d.String()
	return s.path(dir, name[:2], name[2:])
}

// newPrefix begins the names of files that are being written.
const newPrefix = "new-"

// temp makes a file to write to, whose lock this process holds until it closes the file.
func (s *Store) temp() (*os.File, error) {
	for {
		f, err := os.CreateTemp(s.path("tmp"), newPrefix)
		if err != nil {
			return nil, err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			var st unix.Stat_t
			if unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink > 0 {
				return f, nil
			}
		}
		f.Close() // GC was faster
	}
}

// maxTries is how often a file is given a name in a directory that somebody removes meanwhile.
const maxTries = 100

// settle gives a temporary file its name, and is done with it.
func (s *Store) settle(f *os.File, path string) error {
	err := f.Chmod(0o444)
	if err == nil {
		err = touch(f, s.now())
	}
	for tries := 0; err == nil; tries++ {
		if err = os.Rename(f.Name(), path); !errors.Is(err, fs.ErrNotExist) || tries == maxTries {
			break
		}
		// GC removes directories that are empty.
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// touch sets when a file was used last.
func touch(f *os.File, at time.Time) error {
	ts := unix.NsecToTimespec(at.UnixNano())
	return unix.UtimesNanoAt(int(f.Fd()), "", []unix.Timespec{ts, ts}, unix.AT_EMPTY_PATH)
}

// used notes that a file is in use, once a session.
func (s *Store) used(f *os.File, st *unix.Stat_t) {
	if !s.readOnly && time.Unix(st.Mtim.Unix()).Before(s.start) {
		_ = touch(f, s.now()) // at worst it is removed early
	}
}

// quarantine puts a damaged file away.
func (s *Store) quarantine(path string) {
	if !s.readOnly {
		_ = os.Rename(path, s.path("quarantine", filepath.Base(filepath.Dir(path))+filepath.Base(path)+"-"+rand.Text()))
	}
}
