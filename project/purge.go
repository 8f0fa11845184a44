package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Purged is the state of one project that Purge has removed, or not.
type Purged struct {
	Project string // its path; "" where it is not known
	Bytes   int64  // how much space was freed
	Busy    bool   // not removed: somebody works on it
	Pending bool   // not removed: a commit was interrupted, see Locks.Repair
}

// Projects are the paths of all projects that have a state, sorted.
func Projects(base string) (list []string, err error) {
	entries, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		// Whose state it is must agree with its name.
		p, err := os.ReadFile(filepath.Join(base, e.Name(), pathName))
		if err == nil && Dir(base, string(p)) == filepath.Join(base, e.Name()) {
			list = append(list, string(p))
		}
	}
	slices.Sort(list)
	return list, err
}

// Purge removes the state of a project, unless somebody works on it or a commit of
// it was interrupted. Where there is none, ok is false.
func Purge(base, project string) (p Purged, ok bool, err error) {
	p.Project = project
	s := &State{project: project, dir: Dir(base, project)}
	if _, err := os.Lstat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	got, err := s.tryLock()
	if err != nil {
		return p, true, err
	}
	if !got {
		p.Busy = true
		return p, true, nil
	}
	defer s.lock.Close()
	if _, err := os.Lstat(project); err == nil { // else nobody will go on with it
		_, err := os.Lstat(s.at(commitName))
		_, part := os.Lstat(s.at(partName))
		if err == nil || part == nil {
			p.Pending = true
			return p, true, nil
		}
	}
	if p.Bytes, err = removeCounted(base, s.dir); err != nil {
		return p, true, err
	}
	return p, true, nil
}

// removeCounted removes a directory in base, as a whole, and returns how much space
// it took.
func removeCounted(base, dir string) (bytes int64, err error) {
	old, err := os.MkdirTemp(base, oldPrefix)
	if err != nil {
		return 0, err
	}
	moved := filepath.Join(old, filepath.Base(dir))
	if err = os.Rename(dir, moved); err == nil {
		bytes = Usage(moved)
	}
	return bytes, errors.Join(err, RemoveAll(old))
}

// Sweep removes what an interrupted Purge has left.
func Sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), oldPrefix) {
			_ = RemoveAll(filepath.Join(base, e.Name()))
		}
	}
}

// Usage is how much space a tree takes, in bytes, as far as it can be read.
func Usage(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				bytes += st.Blocks * 512
			}
		}
		return nil
	})
	return bytes
}
