// Package project keeps what Laplace knows of a project, a directory whose changes
// by boxes are committed: who works on it (Lock), what it was like before a run
// (Snapshot), a commit under way and the changes of a run that were not committed
// (State).
//
// It is in a directory of its own for each project, below the state directory:
//
//	path       the project's path
//	lock       flock(2) by who works on it; his process ID and command
//	new/       changes that are being put together
//	commit/    a commit under way; see State.Commit
//	kept/      the changes of the last run that were not committed
//	part-of    for a directory of --rw: the state of the project whose commit it is part of
//	old-*      what is being deleted
//
// Other names are not touched, so that others can keep more here.
package project

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrForeign says that a state directory belongs to somebody else, or that others
// may look into it.
var ErrForeign = errors.New("not a directory of yours alone (mode 0700)")

// State is the state of one project, which its lock keeps from others. It is for
// one goroutine.
type State struct {
	project string // path
	dir     string
	lock    *os.File // nil: somebody else's business
}

// Dir is where the state of a project is kept. base is the directory of all
// projects; project is a path without symbolic links.
func Dir(base, project string) string {
	sum := sha256.Sum256([]byte(project))
	return filepath.Join(base, hex.EncodeToString(sum[:8]))
}

// Open opens the state of a project, whose lock somebody else holds on behalf of
// this process.
func Open(base, project string) (*State, error) {
	s := &State{project: project, dir: Dir(base, project)}
	if err := private(s.dir); err != nil {
		return nil, err
	}
	return s, nil
}

// Project is the project's path.
func (s *State) Project() string { return s.project }

// Path is the directory of the state.
func (s *State) Path() string { return s.dir }

// make makes the directory.
func (s *State) make() error {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return private(s.dir)
}

// private returns an error unless dir is a directory that its owner alone, this
// user, can look into.
func private(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.IsDir() || fi.Mode().Perm()&0o077 != 0 || int(st.Uid) != os.Geteuid() {
		return &fs.PathError{Op: "open", Path: dir, Err: ErrForeign}
	}
	return nil
}

func (s *State) at(name string) string { return filepath.Join(s.dir, name) }

// Pending says that a commit is under way, or was interrupted, or that changes are
// being put together. Without the lock it is a hint.
func Pending(base, project string) bool {
	dir := Dir(base, project)
	for _, name := range []string{commitName, newName, partName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// writeFile writes a small file so that it is there as a whole or not at all, also
// after a power failure if sync is set.
func writeFile(path string, data []byte, sync bool) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return nil
}

// discard removes a directory of this package's, whatever the modes in it: by
// another name, so that it is there as a whole or not at all.
func (s *State) discard(name string) error {
	if _, err := os.Lstat(s.at(name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	old, err := os.MkdirTemp(s.dir, oldPrefix)
	if err == nil {
		err = os.Rename(s.at(name), filepath.Join(old, name))
	}
	if err != nil {
		return err
	}
	return RemoveAll(old)
}

// sweep removes what was being deleted.
func (s *State) sweep() {
	old, _ := filepath.Glob(filepath.Join(s.dir, oldPrefix+"*"))
	for _, path := range old {
		_ = RemoveAll(path)
	}
}

// RemoveAll is os.RemoveAll for trees with directories whose modes deny it, as
// boxes, and the work directories of overlays, leave them.
func RemoveAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

// syncFS flushes the file system that dir, a descriptor, is on.
func syncFS(dir *os.File) error {
	for {
		if err := unix.Syncfs(int(dir.Fd())); err != unix.EINTR {
			if err != nil {
				return fmt.Errorf("flush %s to the disk: %w", dir.Name(), err)
			}
			return nil
		}
	}
}

// syncDir flushes a directory's names.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// The names in a state directory.
const (
	pathName   = "path"
	lockName   = "lock"
	newName    = "new"
	commitName = "commit"
	keptName   = "kept"
	partName   = "part-of"
	oldPrefix  = "old-"
)
