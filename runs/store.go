package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
)

// Errors of a store.
var (
	// ErrUnknown says that there is no such run.
	ErrUnknown = errors.New("no such run")
	// ErrAmbiguous says that several runs have such a name.
	ErrAmbiguous = errors.New("several runs begin like this")
	// ErrExists says that there is a run of this ID already.
	ErrExists = errors.New("there is a run of this ID already")
	// ErrForeign says that a store is not a directory of the user's alone: records tell the
	// environment and arguments of programs.
	ErrForeign = errors.New("not a directory of yours alone")
)

// DefaultCap and DefaultMost are the Store.Cap and Store.Most of Open.
const (
	DefaultCap  = 1 << 30
	DefaultMost = 500
)

// Store is a directory of runs: ID.run is one, new-* one that is being written, whose writer
// holds its lock, flock(2). Several processes may use it at a time: they never wait for each
// other.
type Store struct {
	dir string
	// Cap is how many bytes the files may take before Write removes the oldest; 0 sets no limit.
	Cap int64
	// Most is how many there may be likewise: each run has the directory read.
	Most int
}

// Open is the store in a directory, which need not exist before the first Write.
func Open(dir string) *Store { return &Store{dir: dir, Cap: DefaultCap, Most: DefaultMost} }

const (
	suffix  = ".run"
	newName = "new-"
)

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+suffix) }

// Write keeps a run: its file is there as a whole or not at all. Older runs go as far as the
// files take more than Cap, or are more than Most, but neither the newest nor the one that was
// written. The digest is that of Head. An error is of the file system, or ErrExists, ErrForeign.
func (s *Store) Write(r *conflict.Run) (conflict.Digest, error) {
	if !ValidID(r.ID) {
		return conflict.Digest{}, fmt.Errorf("the ID of a run is %q: %w", r.ID, unix.EINVAL)
	}
	file, digest := Encode(r)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return conflict.Digest{}, err
	}
	if err := s.private(); err != nil {
		return conflict.Digest{}, err
	}
	for {
		done, err := s.add(r.ID, file)
		if err != nil {
			return conflict.Digest{}, err
		}
		if done {
			break
		}
	}
	s.trim(r.ID)
	return digest, nil
}

// private refuses a directory of others, or that others may look into.
func (s *Store) private() error {
	fi, err := os.Lstat(s.dir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.IsDir() || fi.Mode().Perm()&0o077 != 0 || int(st.Uid) != os.Geteuid() {
		return &fs.PathError{Op: "open", Path: s.dir, Err: ErrForeign}
	}
	return nil
}

// add writes a file and gives it its name; done is false if somebody has swept it away before
// it was locked.
func (s *Store) add(id string, file []byte) (done bool, err error) {
	f, err := os.CreateTemp(s.dir, newName)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if _, err = f.Write(file); err == nil {
		if err = unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, s.path(id), unix.RENAME_NOREPLACE); err == nil {
			return true, nil
		}
		if errors.Is(err, unix.EEXIST) {
			err = ErrExists
		}
		err = &fs.PathError{Op: "write", Path: s.path(id), Err: err}
	}
	if rerr := os.Remove(f.Name()); errors.Is(rerr, fs.ErrNotExist) && errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return false, err
}

// sweep removes a file that was being written when its writer died: while one lives, it holds
// the file's lock.
func sweep(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.Remove(path)
	}
}

// trim removes the oldest runs until the rest is within Cap and Most. What cannot be removed
// now may be by the next one: the run that was written is there in any case.
func (s *Store) trim(written string) {
	ids, unfinished, err := s.read()
	if err != nil {
		return
	}
	for _, name := range unfinished {
		sweep(filepath.Join(s.dir, name))
	}
	count, total, sizes := len(ids), int64(0), make([]int64, len(ids))
	for i, id := range ids {
		if fi, err := os.Lstat(s.path(id)); err == nil {
			sizes[i] = fi.Size()
			total += sizes[i]
		}
	}
	over := func() bool { return s.Cap > 0 && total > s.Cap || s.Most > 0 && count > s.Most }
	for i := len(ids) - 1; i > 0 && over(); i-- { // but the newest
		if ids[i] == written {
			continue
		}
		if err := os.Remove(s.path(ids[i])); err == nil || errors.Is(err, fs.ErrNotExist) { // another trim has
			count, total = count-1, total-sizes[i]
		}
	}
}

// read reads the directory: the IDs of all runs, the newest first, and the names of files that
// are not finished.
func (s *Store) read() (ids, unfinished []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		switch {
		case ok && ValidID(id):
			ids = append(ids, id)
		case !ok && strings.HasPrefix(e.Name(), newName):
			unfinished = append(unfinished, e.Name())
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, unfinished, nil
}

// Entry is a run in a store.
type Entry struct {
	Head
	// Size is that of the file, in bytes.
	Size int64
	// Err says why the file's head cannot be read; of Head there is only the ID then.
	Err error
}

// List lists the runs, the newest first. Of a file it reads the head: that of one that is
// damaged elsewhere is as it was.
func (s *Store) List() ([]Entry, error) {
	ids, _, err := s.read()
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(ids))
	for _, id := range ids {
		f, err := s.open(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		e := Entry{Err: err}
		if err == nil {
			e.Head, e.Size = f.Head, f.size
			f.Close()
		}
		e.ID = id
		list = append(list, e)
	}
	return list, nil
}

// Find is the ID of the run whose ID is, or alone begins with, prefix; the newest one for "".
// The error is ErrUnknown or ErrAmbiguous, or of the file system.
func (s *Store) Find(prefix string) (string, error) {
	ids, _, err := s.read()
	if err != nil {
		return "", err
	}
	if prefix == "" && len(ids) > 0 {
		return ids[0], nil
	}
	found := ""
	for _, id := range ids {
		switch {
		case id == prefix:
			return id, nil
		case !strings.HasPrefix(id, prefix):
		case found != "":
			return "", ErrAmbiguous
		default:
			found = id
		}
	}
	if found == "" {
		return "", ErrUnknown
	}
	return found, nil
}

// An OpenFile is a File of a store.
type OpenFile struct {
	*File
	size int64
	file *os.File
}

// Close closes the file.
func (f *OpenFile) Close() error { return f.file.Close() }

// Open opens the run that Find finds. The errors are those of Find and Parse, and the file
// system's.
func (s *Store) Open(prefix string) (*OpenFile, error) {
	for range 10 {
		id, err := s.Find(prefix)
		if err != nil {
			return nil, err
		}
		f, err := s.open(id)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		// Somebody has removed it since it was found.
	}
	return nil, ErrUnknown
}

func (s *Store) open(id string) (*OpenFile, error) {
	f, err := os.OpenFile(s.path(id), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, ErrNotRun // a symbolic link
	}
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = ErrNotRun
	}
	o := &OpenFile{file: f}
	if err == nil {
		o.size = fi.Size()
		o.File, err = Parse(f, fi.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	o.ID = id
	return o, nil
}

// Remove removes runs by their IDs and tells how many bytes they took. One that is no more is
// no error.
func (s *Store) Remove(ids ...string) (bytes int64, err error) {
	if err := s.private(); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if !ValidID(id) {
			return bytes, fmt.Errorf("%q: %w", id, ErrUnknown)
		}
		fi, err := os.Lstat(s.path(id))
		if err == nil {
			err = os.Remove(s.path(id))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return bytes, err
		default:
			bytes += fi.Size()
		}
	}
	return bytes, nil
}
