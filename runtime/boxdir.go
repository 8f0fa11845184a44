package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
	"laplace.dev/laplace/project"
)

// boxDir is the directory in which one box keeps what it writes, while it
// runs. Its lock is held for as long, by whoever will remove it.
type boxDir struct {
	path string
	lock *os.File
}

// boxesDir is where the boxes of one state directory are. The number of the
// format is in its name, so that other versions never meet.
func boxesDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "boxes")
}

// newBoxDir makes a box's directory, and removes those whose owners died.
func newBoxDir(state string) (*boxDir, error) {
	base := boxesDir(state)
	fail := func(err error) error {
		return &Error{Op: "state directory", On: state, Err: cause(err), Hint: "set XDG_STATE_HOME to a directory that can be written"}
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fail(err)
	}
	sweep(base)
	for {
		path, err := os.MkdirTemp(base, "box-")
		if err != nil {
			return nil, fail(err)
		}
		d, err := lockBoxDir(path)
		if err == nil && d != nil {
			return d, nil
		}
		_ = os.RemoveAll(path)
		if err != nil {
			return nil, fail(err)
		}
	}
}

// lockBoxDir makes and takes the lock of a new box directory; nil if somebody has swept the
// directory away before the lock was taken.
func lockBoxDir(path string) (*boxDir, error) {
	name := filepath.Join(path, "lock")
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	var have, named unix.Stat_t
	if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = errors.Join(unix.Fstat(int(lock.Fd()), &have), unix.Lstat(name, &named))
	}
	if err == nil && have.Ino == named.Ino {
		return &boxDir{path: path, lock: lock}, nil
	}
	lock.Close()
	if err == nil || errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return nil, err
}

// Scratch makes a directory in a state directory, for as long as remove has not
// been called and this process lives.
func Scratch(state string) (path string, remove func(), err error) {
	d, err := newBoxDir(state)
	if err != nil {
		return "", nil, err
	}
	return d.path, d.remove, nil
}

// remove deletes the directory.
func (d *boxDir) remove() {
	_ = project.RemoveAll(d.path)
	d.lock.Close()
}

// sweep removes the directories of boxes whose processes were killed.
func sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(base, e.Name())
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			// Being made, or being removed, by somebody else; or left between
			// the two. An old one is nobody's.
			if fi, err := e.Info(); err == nil && stale(fi) {
				_ = project.RemoveAll(path)
			}
			continue
		}
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = project.RemoveAll(path)
		}
		lock.Close()
	}
}

// uppers are the directories of one overlay.
type uppers struct {
	upper, work string
	hidden      string // a lower one above the project's, or ""
}

// prepareUppers makes the directories that the overlays of a box write to.
func (s *supervisor) prepareUppers() ([]uppers, error) {
	out := make([]uppers, len(s.box.Overlays))
	for i := range s.box.Overlays {
		base := project.OverlayDir(s.dir, i)
		out[i] = uppers{upper: project.UpperDir(s.dir, i), work: filepath.Join(base, "work")}
		for _, d := range []string{base, out[i].upper, out[i].work} {
			if err := os.Mkdir(d, 0o755); err != nil {
				return nil, &Error{Op: "state directory", On: d, Err: cause(err), Hint: "set XDG_STATE_HOME to a directory that can be written"}
			}
		}
		if err := mirrorRoot(out[i].upper, s.box.Overlays[i].Source); err != nil {
			return nil, err
		}
		var err error
		if out[i].hidden, err = s.hiding(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mirrorRoot makes the root of an overlay look as the directory below it does.
func mirrorRoot(upper, lower string) error {
	u, err := os.Open(upper)
	if err != nil {
		return &Error{Op: "state directory", On: upper, Err: cause(err)}
	}
	defer u.Close()
	l, err := os.Open(lower)
	if err != nil {
		return &Error{Op: "project", On: lower, Err: cause(err), Hint: "a directory that can be read"}
	}
	defer l.Close()
	if err := layer.MirrorRoot(u, l); err != nil {
		return &Error{Op: "state directory", On: upper, Err: err}
	}
	return nil
}

// cause is the errno of an error about a path, which the message names by
// itself.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// cleanUp removes what the box wrote. The client does the same, for when the
// supervisor could not; and whoever comes next, for when neither could.
func (s *supervisor) cleanUp() { _ = project.RemoveAll(s.dir) }
