package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
)

// Paths through /proc: its links lead to descriptors, working directories and programs of
// processes, back into the box's tree of names.

// throughLink is where a path leads on that goes out of /proc again: through a link to a directory
// (a working or root directory, or a descriptor), or by "..". ok is false if it goes nowhere else.
func (e *engine) throughLink(t *task, rest string) (to *folder, tail string, ok bool) {
	if t == nil {
		return nil, "", false
	}
	var at []string // below /proc
	for {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return nil, "", false
		}
		base, tail, _ := strings.Cut(rest, "/")
		rest = tail
		switch {
		case base == ".":
			continue
		case base == ".." && len(at) == 0:
			return e.rootFolder(), rest, true
		case base == "..":
			at = at[:len(at)-1]
			continue
		case len(at) == 0 && base == "thread-self":
			at = append(at, "self", "task", "self")
		case len(at) == 0 && (base == "net" || base == "mounts"):
			at = append(at, "self", base)
		default:
			at = append(at, base)
		}
		if to := e.linkTo(t, at); to != nil && strings.TrimLeft(rest, "/") != "" {
			return to, rest, true
		}
	}
}

// linkTo is the folder that a link of /proc leads to, nil if it is none.
func (e *engine) linkTo(t *task, at []string) *folder {
	u := t
	if pid, err := strconv.Atoi(at[0]); err == nil && pid != t.vpid {
		if u = e.vpids[pid]; u == nil {
			return nil
		}
		t.alien = u
	} else if err != nil && at[0] != "self" {
		return nil
	}
	at = at[1:]
	if len(at) > 2 && at[0] == "task" {
		at = at[2:]
	}
	switch {
	case len(at) == 1 && at[0] == "cwd":
		return e.start(u, unix.AT_FDCWD)
	case len(at) == 1 && at[0] == "root":
		return e.rootFolder()
	case len(at) == 2 && at[0] == "fd":
		if fd, err := strconv.ParseInt(at[1], 10, 32); err == nil {
			return e.start(u, int32(fd))
		}
	}
	return nil
}

// alienTurn holds a task back whose path leads through another process's directory of /proc.
func (e *engine) alienTurn(t *task) (verdict, bool) {
	u := t.alien
	if u == nil {
		return verdict{}, false
	}
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v, true
	}
	if !e.serial && u.clk.B > t.clk.B {
		e.overtaken("life", lateLook, t)
	}
	e.looksInProc(t, u, true, "")
	return verdict{}, false
}

// dirOfProc is the path of a directory of /proc that a descriptor, or the working directory, is; "" if
// it is none.
func (e *engine) dirOfProc(t *task, dirfd int32) string {
	link := strconv.Itoa(t.pid) + "/cwd"
	if dirfd != unix.AT_FDCWD {
		link = e.fdPath(t, dirfd)
	}
	var st unix.Stat_t
	if unix.Fstatat(e.procFD(), link, &st, 0) != nil || st.Dev != e.proc {
		return ""
	}
	path, _ := e.pathOf(link)
	return path
}

// throughProc notes what a call asks of what a path of /proc leads to: a descriptor.
func (e *engine) throughProc(t *task, dirfd int32, path string, links bool, reads []conflict.Aspect) {
	w, errno := e.locate(t, dirfd, path, false)
	if errno != 0 {
		return
	}
	defer func() { w.close() }()
	var st unix.Stat_t
	if e.find(t, &w, links, &st) != 0 || !e.mayChange(&st) || st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return
	}
	n := e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, links) })
	for _, a := range reads {
		if a != conflict.Listing {
			e.onFile(t, n, a, conflict.Read)
		}
	}
}
