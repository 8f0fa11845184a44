package determinize

import (
	"bytes"
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

// groups walks roots and returns the names of files that may have several.
// known is the number of a file that is there.
func (w *walker) groups(roots []string, known uint64) linkGroups {
	w.buf = make([]byte, 1<<16)
	var all []uint64
	collect := func(_ string, ino uint64, _ []byte) { all = append(all, ino) }
	w.walk(roots, collect)
	if !slices.Contains(all, known) {
		all, w.asking = nil, true
		w.walk(roots, collect)
	}
	slices.Sort(all)
	g := make(linkGroups)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			g[all[i]] = nil
		}
	}
	if len(g) == 0 {
		return g
	}
	w.walk(roots, func(dir string, ino uint64, base []byte) {
		if names, several := g[ino]; several {
			g[ino] = append(names, strings.TrimSuffix(dir, "/")+"/"+string(base))
		}
	})
	return g
}

// visitor is called for each name that is no directory's.
type visitor func(dir string, ino uint64, base []byte)

func (w *walker) walk(roots []string, visit visitor) {
	for _, root := range roots {
		var st unix.Stat_t
		if unix.Lstat(root, &st) != nil {
			continue
		}
		if w.dev != 0 && st.Dev != w.dev {
			continue
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			dir, base := split(root)
			visit(dir, st.Ino, []byte(base))
			continue
		}
		w.dir(unix.AT_FDCWD, root, root, st.Dev, visit)
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
	var below []string
	for {
		n, err := unix.Getdents(fd, w.buf)
		if err != nil || n <= 0 {
			break
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
				if unix.Fstatat(fd, string(name), &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil {
					continue
				}
				ino = st.Ino
				if st.Mode&unix.S_IFMT == unix.S_IFDIR {
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
	for _, name := range below {
		sub := strings.TrimSuffix(path, "/") + "/" + name
		if m, ok := w.e.fs.MountOf(sub); ok && m.Path == sub {
			continue // another mount, walked by itself if it counts
		}
		w.dir(fd, name, sub, dev, visit)
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
