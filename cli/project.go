package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime"
)

// findProject returns the project that dir, an absolute path without symbolic links,
// belongs to: the nearest directory at or above it with a .git, and dir itself where
// there is none. The search does not reach the home directory or what it lies in.
func (c *Caller) findProject(dir string) (string, error) {
	home := c.homeDir()
	if err := refuse(dir, home); err != nil {
		return "", &runtime.Error{Op: "project", On: dir, Err: err, Hint: "cd to a project, or -C DIR"}
	}
	for at := dir; refuse(at, home) == nil; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
	}
	return dir, nil
}

// refuse returns an error when the box must not get dir to change: the home directory
// of the caller, or anything that contains it.
func refuse(dir, home string) error {
	switch {
	case dir == "/":
		return errors.New("a box must not change the root directory")
	case home == "":
		return nil
	case dir == home:
		return errors.New("a box must not change your home directory")
	case strings.HasPrefix(home, dir+"/"):
		return errors.New("a box must not change what your home directory lies in")
	}
	return nil
}

// homeDir is the caller's home directory without symbolic links; "" where there is none.
func (c *Caller) homeDir() string {
	home, _ := c.getenv("HOME")
	resolved, err := filepath.EvalSymlinks(home)
	if err != nil || !filepath.IsAbs(resolved) {
		return ""
	}
	return resolved
}

// writable returns an error unless the caller may write to dir.
func writable(what, dir string) error {
	err := unix.Access(dir, unix.W_OK)
	if err == nil {
		return nil
	}
	return &runtime.Error{Op: what, On: dir, Err: notWritable{err}, Hint: "--no-commit, or --out DIR"}
}

// notWritable says what could not be done to a directory.
type notWritable struct{ err error }

func (e notWritable) Error() string { return "not writable: " + e.err.Error() }
func (e notWritable) Unwrap() error { return e.err }

// stateDir is where boxes keep their upper layers: laplace in $XDG_STATE_HOME, see the
// XDG Base Directory Specification; for root in /var/lib.
func (c *Caller) stateDir() (string, error) {
	if dir, ok := c.getenv("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "laplace"), nil
	}
	if c.UID == 0 {
		return "/var/lib/laplace", nil
	}
	home, _ := c.getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", &runtime.Error{Op: "state directory", Err: errors.New("HOME is not set"), Hint: "set XDG_STATE_HOME"}
	}
	return filepath.Join(home, ".local/state/laplace"), nil
}

// outDir checks that a flag names a directory that is new or empty.
func (c *Caller) outDir(flag, path string) (string, error) {
	path, err := c.abs(path)
	if err != nil {
		return "", err
	}
	list, err := os.ReadDir(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		parent, err := c.realDir(flag, filepath.Dir(path))
		if err != nil {
			return "", err
		}
		return filepath.Join(parent, filepath.Base(path)), nil
	case err != nil:
		return "", &runtime.Error{Op: flag, On: path, Err: cause(err), Hint: "a new directory"}
	case len(list) > 0:
		return "", &runtime.Error{Op: flag, On: path, Err: syscall.ENOTEMPTY, Hint: "a new directory"}
	}
	return c.realDir(flag, path)
}
