package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// openGroup opens a group's directory, and lists the groups in it. What is below a container's group is
// reached by descriptors: it may make groups whose paths are longer than a path may be.
func openGroup(at int, name string) (group *os.File, below []string, err error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	group = os.NewFile(uintptr(fd), name)
	entries, err := group.ReadDir(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		group.Close()
		return nil, nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			below = append(below, e.Name())
		}
	}
	return group, below, nil
}

// walk calls f for each group below a directory, and last for that, which must be there.
func walk(at int, name string, f func(group *os.File) error) error {
	group, below, err := openGroup(at, name)
	if err != nil {
		return err
	}
	defer group.Close()
	for _, b := range below {
		if err := walk(int(group.Fd()), b, f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f(group)
}

func count(dir string) (int, error) {
	pids, err := processes(dir)
	return len(pids), err
}

// How long is waited for the kernel at most.
const (
	step    = time.Millisecond
	maxWait = 10 * time.Second
)

// until asks f again and again until it is done, at most for maxWait, and tells whether it was.
func until(f func() (done bool, err error)) (bool, error) { return within(maxWait, f) }

func within(limit time.Duration, f func() (done bool, err error)) (bool, error) {
	wait := step
	for waited := time.Duration(0); ; waited += wait {
		done, err := f()
		if done || err != nil || waited >= limit {
			return done, err
		}
		time.Sleep(wait)
		wait = min(2*wait, 100*time.Millisecond)
	}
}

// Kill ends all processes in the group and below it by SIGKILL, frozen or not, and does not wait
// for that. A group that is gone has none.
func (g *Group) Kill() error {
	if !g.Exists() {
		return ErrNoGroup
	}
	if g.V2 != "" {
		err := writeFile(path.Join(g.V2, "cgroup.kill"), "1")
		if err == nil {
			g.thawAllV1()
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	// Linux before 5.14. They may fork meanwhile; who is born in a group that freezes is frozen.
	defer g.thawAllV1()
	if dir := g.V1["freezer"]; dir != "" {
		_ = writeFile(path.Join(dir, "freezer.state"), "FROZEN")
	}
	known := make(map[int]bool)
	done, err := until(func() (bool, error) {
		news := false
		for _, dir := range g.dirs() {
			pids, err := processes(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
			for _, pid := range pids {
				if !known[pid] && unix.Kill(pid, unix.SIGKILL) == nil {
					known[pid], news = true, true
				}
			}
		}
		return !news, nil
	})
	if err == nil && !done {
		err = errors.New("the container's processes fork faster than they can be killed")
	}
	return err
}

// thawAllV1 lets what v1 has frozen go on, in the groups that the container has made, too: it does
// not die otherwise.
func (g *Group) thawAllV1() {
	dir := g.V1["freezer"]
	if dir == "" {
		return
	}
	_ = walk(unix.AT_FDCWD, dir, func(group *os.File) error {
		fd, err := unix.Openat(int(group.Fd()), "freezer.state", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil
		}
		defer unix.Close(fd)
		_, _ = unix.Write(fd, []byte("THAWED"))
		return nil
	})
}

// Remove removes the group, and those below it: the error is ErrNotEmpty if processes are left after
// a while. What is not there any more is no error.
func (g *Group) Remove() error { return g.remove(maxWait) }

func (g *Group) remove(limit time.Duration) error {
	g.thawAllV1()
	left := g.dirs()
	var errs []error
	_, _ = within(limit, func() (bool, error) {
		left = slices.DeleteFunc(left, func(dir string) bool {
			err := removeTree(unix.AT_FDCWD, dir)
			if err == unix.EBUSY {
				return false
			}
			if err != nil {
				errs = append(errs, &fs.PathError{Op: "rmdir", Path: dir, Err: err})
			}
			return true
		})
		return len(left) == 0, nil
	})
	if len(left) > 0 {
		n, _ := count(left[0])
		errs = append(errs, fmt.Errorf("%s: %w: %d process(es) found", left[0], ErrNotEmpty, n))
	}
	if g.Unit != "" {
		errs = append(errs, removeUnit(g.Unit))
	}
	return errors.Join(errs...)
}

// removeTree removes a directory of groups. Files in it are the kernel's, and go with it.
func removeTree(at int, name string) error {
	err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	group, below, err := openGroup(at, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer group.Close()
	for _, b := range below {
		if err := removeTree(int(group.Fd()), b); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return err
	}
	return nil
}
