package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Join puts a process, by its pid here, into the group. init is the container's first process, or 0:
// a v2 group takes no more once init has given controllers to groups below it, and then the
// process goes where init is.
func (g *Group) Join(pid, init int) error {
	for _, dir := range g.dirs() {
		err := writeFile(path.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
		if dir == g.V2 && init > 0 && (errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EOPNOTSUPP)) {
			err = joinBeside(dir, pid, init, err)
		}
		if err != nil {
			return fmt.Errorf("join cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// joinBeside puts a process into that group below a directory in which another is. If that is nowhere
// the error is why.
func joinBeside(dir string, pid, other int, why error) error {
	return errors.Join(walk(unix.AT_FDCWD, dir, func(group *os.File) error {
		pids, err := members(group)
		if err != nil || !slices.Contains(pids, other) {
			return err
		}
		fd, err := unix.Openat(int(group.Fd()), "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte(strconv.Itoa(pid)))
		why = nil
		return err
	}), why)
}

// Below is a group below the container's, for a process that is to have less than the container: `exec
// --cgroup`. Each of names is a path, below the container's group, or "controller,...:path" for some
// controllers of v1. The group must be there, and is not to be removed by itself.
func (g *Group) Below(names []string) (*Group, error) {
	if !g.Exists() {
		return nil, ErrNoGroup
	}
	b := &Group{V1: maps.Clone(g.V1), V2: g.V2, Controllers: g.Controllers, Rootless: g.Rootless}
	chosen := make(map[string]bool)
	for _, n := range names {
		controllers, rest, some := strings.Cut(n, ":")
		if !some {
			controllers, rest = "", n
		}
		if chosen[""] || controllers == "" && len(chosen) > 0 {
			return nil, fmt.Errorf("cgroup %q: one is for all controllers: %w", n, unix.EINVAL)
		}
		if err := checkPath(rest); err != nil {
			return nil, err
		}
		if controllers == "" {
			chosen[""] = true
			for c := range b.V1 {
				b.V1[c] = path.Join(b.V1[c], rest)
			}
			if b.V2 != "" {
				b.V2 = path.Join(b.V2, rest)
			}
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if chosen[c] || b.V1[c] == "" {
				return nil, fmt.Errorf("cgroup %q: %q: %w", n, c, ErrNoController)
			}
			chosen[c] = true
			b.V1[c] = path.Join(b.V1[c], rest)
		}
	}
	for _, dir := range b.dirs() {
		if _, err := os.Stat(path.Join(dir, "cgroup.procs")); err != nil {
			return nil, err
		}
	}
	return b, nil
}
