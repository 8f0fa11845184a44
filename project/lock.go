package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Who does something, to tell others who wait for it.
type Who struct {
	PID     int
	Command string // on one line
}

// Locks are the locks of several projects. Whoever has a descriptor of one of
// Files, a copy too, holds them.
type Locks struct {
	States []*State // by path
}

// pause is the time between two tries.
const pause = 20 * time.Millisecond

// Lock waits until nobody else works on the projects, whose paths have no symbolic
// links, and keeps others from it until Close. base is the directory of all
// projects. The first time it has to wait for a project, waiting, if not nil, is
// called with it and who works on it, in one line; "" if that cannot be told. When
// the context ends, its cause is the error.
//
// The order in which the locks are taken is that of the paths, so that no two who
// need several wait for each other.
func Lock(ctx context.Context, base string, projects []string, who Who, waiting func(project, holder string)) (*Locks, error) {
	projects = slices.Compact(slices.Sorted(slices.Values(projects)))
	l := &Locks{}
	for _, p := range projects {
		s := &State{project: p, dir: Dir(base, p)}
		told := false
		for {
			got, err := s.tryLock()
			if err != nil {
				l.Close()
				return nil, err
			}
			if got {
				break
			}
			if !told && waiting != nil {
				waiting(p, s.holder())
			}
			told = true
			select {
			case <-ctx.Done():
				l.Close()
				return nil, context.Cause(ctx)
			case <-time.After(pause):
			}
		}
		l.States = append(l.States, s)
		if err := s.sign(who); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Files are the descriptors that hold the locks, which stay Locks'.
func (l *Locks) Files() []*os.File {
	var files []*os.File
	for _, s := range l.States {
		files = append(files, s.lock)
	}
	return files
}

// Only gives the locks of all other projects back.
func (l *Locks) Only(projects []string) {
	l.States = slices.DeleteFunc(l.States, func(s *State) bool {
		if slices.Contains(projects, s.project) {
			return false
		}
		s.lock.Close()
		return true
	})
}

// Close gives the locks back, unless others have copies of their descriptors.
func (l *Locks) Close() {
	for _, s := range l.States {
		s.lock.Close()
	}
	l.States = nil
}

// tryLock takes the lock if nobody has it.
func (s *State) tryLock() (bool, error) {
	if err := s.make(); err != nil {
		if _, base := os.Lstat(filepath.Dir(s.dir)); base == nil && errors.Is(err, fs.ErrNotExist) {
			return false, nil // somebody has purged it as it was made
		}
		return false, err
	}
	f, err := os.OpenFile(s.at(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // somebody has purged the directory since
	}
	if err != nil {
		return false, err
	}
	err = unix.EINTR
	for err == unix.EINTR {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == unix.EWOULDBLOCK {
		f.Close()
		return false, nil
	}
	if err != nil {
		f.Close()
		return false, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	// It may be the lock of a directory that somebody has purged since.
	mine, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Lstat(f.Name()); err == nil && os.SameFile(mine, there) {
			s.lock = f
			return true, nil
		}
	}
	f.Close()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return false, err
}

// sign writes down who has the lock, and whose state it is.
func (s *State) sign(who Who) error {
	if err := s.lock.Truncate(0); err != nil {
		return err
	}
	if _, err := s.lock.WriteAt(fmt.Appendf(nil, "%d %s\n", who.PID, who.Command), 0); err != nil {
		return err
	}
	if have, err := os.ReadFile(s.at(pathName)); err == nil && string(have) == s.project {
		return nil
	}
	return writeFile(s.at(pathName), []byte(s.project), false)
}

// holder is who has the lock, as he wrote it down.
func (s *State) holder() string {
	const most = 300
	f, err := os.Open(s.at(lockName))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, most)
	n, _ := f.ReadAt(buf, 0)
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return line
}
