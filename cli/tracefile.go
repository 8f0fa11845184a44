package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
)

// traceFile opens the file of a trace. In a directory that the box sees, it would be in
// the box, and grow there: it has no name until done is called, after the box.
func (c *Caller) traceFile(path string, box *oci.Options) (f *os.File, done func() error, err error) {
	fail := func(err error) error {
		return &runtime.Error{Op: "-o", On: path, Err: cause(err), Hint: "a file that you may write to"}
	}
	real := path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		real = target
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		real = filepath.Join(dir, filepath.Base(path))
	}
	if fi, err := os.Stat(real); (err != nil || fi.Mode().IsRegular()) && shows(box, real) {
		fd, err := unix.Open(filepath.Dir(real), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
			return nil, nil, &runtime.Error{Op: "-o", On: path, Err: errors.New("the box would see it grow"), Hint: "a file outside of the project"}
		}
		if err != nil {
			return nil, nil, fail(err)
		}
		f = os.NewFile(uintptr(fd), real)
		return f, func() error {
			defer f.Close()
			if err := nameFile(fd, real); err != nil {
				return fail(err)
			}
			return nil
		}, nil
	}
	// Not os.Create: it would be a reader, too, of a FIFO.
	if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666); err != nil {
		return nil, nil, fail(err)
	}
	return f, func() error {
		if err := f.Close(); err != nil {
			return fail(err)
		}
		return nil
	}, nil
}

// nameFile gives a file without a name the name path, in the place of what is there.
func nameFile(fd int, path string) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".laplace-trace-%d", os.Getpid()))
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, temp, unix.AT_SYMLINK_FOLLOW); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// shows reports whether a file of the host would be in the box.
func shows(box *oci.Options, path string) bool {
	sources := []string{box.Project.Source}
	for _, w := range box.Writable {
		sources = append(sources, w.Source)
	}
	for _, r := range box.ReadOnly {
		sources = append(sources, r.Source)
	}
	for _, dir := range sources {
		if vfs.Within(path, dir) {
			return true
		}
	}
	return false
}
