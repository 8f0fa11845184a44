package determinize

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// What tasks hold of files, besides by name: descriptors, mappings, working
// directories. The host's /proc is asked, which takes a while, so this is for
// what happens seldom.

// eachDescriptor calls f with the magic link of each descriptor of each task,
// until f returns true.
func (e *engine) eachDescriptor(f func(link string) bool) bool {
	for pid, t := range e.tasks {
		found := false
		e.onFDs(t, func() {
			dir := strconv.Itoa(pid) + "/fd"
			fd, err := unix.Openat(e.procFD(), dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				return // dead
			}
			found = e.anyEntry(fd, func(name string) bool { return name[0] != '.' && f(dir+"/"+name) })
			unix.Close(fd)
		})
		if found {
			return true
		}
	}
	return false
}

// anyEntry calls f with the names in a directory until f returns true.
func (e *engine) anyEntry(fd int, f func(name string) bool) bool {
	buf := make([]byte, 1<<14)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n <= 0 {
			return false
		}
		entries, errno := parseDirents(buf[:n], nil)
		if errno != 0 {
			return false
		}
		for _, d := range entries {
			if f(d.name) {
				return true
			}
		}
	}
}

// hasOpen tells whether a task has a descriptor of what st describes.
func (e *engine) hasOpen(st *unix.Stat_t) bool {
	return e.eachDescriptor(func(link string) bool {
		var at unix.Stat_t
		return unix.Fstatat(e.procFD(), link, &at, 0) == nil && vfs.KeyOf(&at) == vfs.KeyOf(st)
	})
}

// othersHave tells whether a process that is not the task's has a descriptor of what st describes, or may get one.
func (e *engine) othersHave(t *task, st *unix.Stat_t) bool {
	if len(e.socketTable) > 0 {
		return true // it may be on its way through one
	}
	own := make(map[int]bool)
	for pid, u := range e.tasks {
		own[pid] = u.process == t.process
	}
	return e.eachDescriptor(func(link string) bool {
		pid, _, _ := strings.Cut(link, "/")
		if n, err := strconv.Atoi(pid); err != nil || own[n] {
			return false
		}
		var at unix.Stat_t
		return unix.Fstatat(e.procFD(), link, &at, 0) == nil && vfs.KeyOf(&at) == vfs.KeyOf(st)
	})
}

// eachMapping calls f with the inode number and the path of each mapped file
// of each task until f returns true.
func (e *engine) eachMapping(f func(ino uint64, path string) bool) bool {
	for pid := range e.tasks {
		maps, errno := readAll(e.procFD(), strconv.Itoa(pid)+"/maps")
		if errno == unix.EFBIG {
			return true // whatever it is looked for may be there
		}
		for line := range bytes.Lines(maps) {
			if ino, path, ok := mappedFile(string(line)); ok && f(ino, path) {
				return true
			}
		}
	}
	return false
}

// mappedFile reads a line of /proc/PID/maps; proc_pid_maps(5). ok is false for
// what is not a mapped file.
func mappedFile(line string) (ino uint64, path string, ok bool) {
	rest := strings.TrimSuffix(line, "\n")
	var field string
	for range 5 { // the last is the inode number
		rest = strings.TrimLeft(rest, " ")
		if field, rest, ok = strings.Cut(rest, " "); !ok {
			return 0, "", false
		}
	}
	ino, err := strconv.ParseUint(field, 10, 64)
	path = strings.TrimLeft(rest, " ")
	if err != nil || ino == 0 || !strings.HasPrefix(path, "/") {
		return 0, "", false
	}
	return ino, unescape(strings.TrimSuffix(path, deletedMark)), true
}

// deletedMark is what the kernel appends to the path of what is gone.
const deletedMark = " (deleted)"

// unescape undoes what /proc/PID/maps does to paths.
func unescape(path string) string { return strings.ReplaceAll(path, `\012`, "\n") }

// mappedNumbers are the device and inode number that are shown of a file that
// /proc/PID/maps tells by the kernel's numbers and its path. Both are 0 for
// what is not a file.
func (e *engine) mappedNumbers(major, minor uint32, ino uint64, path string) (dev, vino uint64) {
	if !strings.HasPrefix(path, "/") {
		return 0, 0
	}
	path = unescape(path)
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil && st.Ino == ino {
		n := e.inode(&st, func() (string, unix.Errno) { return path, 0 })
		return n.Dev, n.Ino
	}
	// Gone. Its device need not be the one that stat tells.
	if n := e.fs.Known(vfs.Key{Dev: unix.Mkdev(major, minor), Ino: ino}); n != nil {
		return n.Dev, n.Ino
	}
	return e.fs.Unseen(strings.TrimSuffix(path, deletedMark))
}

// mapsFile tells whether a task has mapped the file with a number in the mount
// that path is in.
func (e *engine) mapsFile(ino uint64, path string) bool {
	m, _ := e.fs.MountOf(path)
	return e.eachMapping(func(i uint64, p string) bool { return i == ino && vfs.Within(p, m.Path) })
}

// heldBelow tells whether a task holds a directory, or anything in it: a
// descriptor, a working or root directory, a mapping.
func (e *engine) heldBelow(dir string) bool {
	within := func(link string) bool {
		p, errno := e.pathOf(link)
		return errno == unix.ENAMETOOLONG || errno == 0 && vfs.Within(p, dir)
	}
	for pid := range e.tasks {
		for _, link := range [...]string{"/cwd", "/root"} {
			if within(strconv.Itoa(pid) + link) {
				return true
			}
		}
	}
	return e.eachDescriptor(within) || e.eachMapping(func(_ uint64, p string) bool { return vfs.Within(p, dir) })
}
