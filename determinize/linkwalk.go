package determinize

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// walker finds the names of hard-linked files by what directories say, without
// looking at each file.
type walker struct {
	e   *engine
	dev uint64 // the roots on this device count; 0: all, since an overlay's files may be on others
	// asking says that directories do not tell the numbers that stat tells, as
	// when an overlay has layers on several file systems: each file is asked.
	asking bool
	buf    []byte
}

// seen is a name that is no directory's: what number it has, and in which
// directory it is, counted in the order of the walk. -1: it is a root itself.
type seen struct {
	ino uint64
	dir int
}

// groups walks roots and returns the names of files that may have several.
// known is the number of a file that is there.
func (w *walker) groups(roots []string, known uint64) linkGroups {
	w.buf = make([]byte, 1<<16)
	var all []seen
	var dirs []string
	collect := func(dir string, ino uint64, _ []byte) {
		if len(dirs) == 0 || dirs[len(dirs)-1] != dir {
			dirs = append(dirs, dir)
		}
		all = append(all, seen{ino, len(dirs) - 1})
	}
	w.files(roots, func(_ string, ino uint64, _ []byte) { all = append(all, seen{ino, -1}) })
	w.walk(roots, collect)
	if !slices.ContainsFunc(all, func(s seen) bool { return s.ino == known }) {
		all = slices.DeleteFunc(all, func(s seen) bool { return s.dir >= 0 })
		dirs, w.asking = nil, true
		w.walk(roots, collect)
	}
	slices.SortFunc(all, func(a, b seen) int { return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.dir, b.dir)) })
	g := make(linkGroups)
	again := make(map[int]bool) // directories with such names
	for i, s := range all {
		if i > 0 && all[i-1].ino == s.ino || i+1 < len(all) && all[i+1].ino == s.ino {
			g[s.ino] = nil
			if s.dir >= 0 {
				again[s.dir] = true
			}
		}
	}
	name := func(dir string, ino uint64, base []byte) {
		if names, several := g[ino]; several {
			g[ino] = append(names, strings.TrimSuffix(dir, "/")+"/"+string(base))
		}
	}
	w.files(roots, name)
	for i, dir := range dirs {
		if !again[i] {
			continue
		}
		if fd := w.open(unix.AT_FDCWD, dir); fd >= 0 {
			w.entries(fd, dir, name)
			unix.Close(fd)
		}
	}
	return g
}

// visitor is called for each name that is no directory's.
type visitor func(dir string, ino uint64, base []byte)

// files visits the roots that are no directories.
func (w *walker) files(roots []string, visit visitor) {
	for _, root := range roots {
		var st unix.Stat_t
		if unix.Lstat(root, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR && (w.dev == 0 || st.Dev == w.dev) {
			dir, base := split(root)
			visit(dir, st.Ino, []byte(base))
		}
	}
}

// walk visits everything below the roots.
func (w *walker) walk(roots []string, visit visitor) {
	for _, root := range roots {
		var st unix.Stat_t
		if unix.Lstat(root, &st) == nil && isDir(&st) && (w.dev == 0 || st.Dev == w.dev) {
			w.dir(unix.AT_FDCWD, root, root, st.Dev, visit)
		}
	}
}

// dir walks a directory, which is on the device dev: others are not walked
// into. parent and base say how to open it, path where it is.
func (w *walker) dir(parent int, base, path string, dev uint64, visit visitor) {
	fd := w.open(parent, base)
	if fd < 0 {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != dev {
		return
	}
	for _, name := range w.entries(fd, path, visit) {
		sub := strings.TrimSuffix(path, "/") + "/" + name
		if m, ok := w.e.fs.MountOf(sub); ok && m.Path == sub {
			continue // another mount, walked by itself if it counts
		}
		w.dir(fd, name, sub, dev, visit)
	}
}

// entries visits the names in one directory and returns the directories in it.
func (w *walker) entries(fd int, path string, visit visitor) (below []string) {
	for {
		n, err := unix.Getdents(fd, w.buf)
		if err != nil || n <= 0 {
			return below
		}
		for b := w.buf[:n]; len(b) > 19; {
			size := int(binary.LittleEndian.Uint16(b[16:]))
			if size < 20 || size > len(b) {
				break
			}
			ino, kind, name := binary.LittleEndian.Uint64(b), b[18], b[19:size]
			b = b[size:]
			if i := bytes.IndexByte(name, 0); i >= 0 {
				name = name[:i]
			}
			if string(name) == "." || string(name) == ".." {
				continue
			}
			if kind == unix.DT_UNKNOWN || w.asking && kind != unix.DT_DIR {
				var st unix.Stat_t
				if unix.Fstatat(fd, string(name), &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil {
					continue
				}
				ino = st.Ino
				if isDir(&st) {
					kind = unix.DT_DIR
				}
			}
			if kind == unix.DT_DIR {
				below = append(below, string(name))
			} else {
				visit(path, ino, name)
			}
		}
	}
}

// open opens a directory as the guest could; its own ones even if it would
// have to change their mode first.
func (w *walker) open(parent int, base string) int {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(parent, base, flags, 0)
	if err == unix.EACCES {
		var st unix.Stat_t
		if unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && int(st.Uid) == w.e.cfg.FSUID {
			w.e.privileged(func() { fd, err = unix.Openat(parent, base, flags, 0) })
		}
	}
	if err != nil {
		return -1
	}
	return fd
}
