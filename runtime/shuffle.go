package runtime

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// What copyShuffled copies at most; more would take longer than the run.
const (
	maxShuffledFiles = 200_000
	maxShuffledBytes = 4 << 30
)

// copyShuffled copies a directory to a new one, in an order that c chooses: names,
// content, holes, modes, owners, links and extended attributes are the same; times,
// numbers and the order of directories are not.
func copyShuffled(from, to string, c *chooser) error {
	s := shuffler{c: c, links: map[[2]uint64]string{}}
	return s.dir(from, to)
}

type shuffler struct {
	c     *chooser
	links map[[2]uint64]string // device and inode to the first copy
	files int
	bytes int64
}

func (s *shuffler) dir(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	s.c.shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	for _, e := range entries {
		if err := s.entry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return s.metadata(from, to)
}

func (s *shuffler) entry(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: from, Err: err}
	}
	if s.files++; s.files > maxShuffledFiles {
		return fmt.Errorf("more than %d files", maxShuffledFiles)
	}
	format := st.Mode & unix.S_IFMT
	if format == unix.S_IFDIR {
		return s.dir(from, to)
	}
	key := [2]uint64{st.Dev, st.Ino}
	if first, ok := s.links[key]; ok {
		return os.Link(first, to)
	}
	if st.Nlink > 1 {
		s.links[key] = to
	}
	switch format {
	case unix.S_IFREG:
		if err := s.file(from, to, &st); err != nil {
			return err
		}
	case unix.S_IFLNK:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, to); err != nil {
			return err
		}
	default:
		if err := unix.Mknod(to, st.Mode, int(st.Rdev)); err != nil {
			return &fs.PathError{Op: "mknod", Path: to, Err: err}
		}
	}
	return s.metadata(from, to)
}

// file copies the content of a regular file, and its holes.
func (s *shuffler) file(from, to string, st *unix.Stat_t) error {
	if s.bytes += st.Blocks * 512; s.bytes > maxShuffledBytes {
		return fmt.Errorf("more than %d bytes", int64(maxShuffledBytes))
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	for end := int64(0); ; {
		start, err := in.Seek(end, unix.SEEK_DATA)
		if err != nil {
			break // ENXIO: no more data
		}
		if end, err = in.Seek(start, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := in.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, end-start); err != nil {
			return err
		}
	}
	return out.Truncate(st.Size)
}

// metadata copies owner, extended attributes and mode.
func (s *shuffler) metadata(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: from, Err: err}
	}
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return fmt.Errorf("give %s its owner: %w", filepath.Base(from), cause(err))
	}
	names, err := xattr.LList(from)
	if err != nil && !errors.Is(err, unix.ENOTSUP) { // of a file system that has none
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		value, err := xattr.LGet(from, name)
		if err != nil {
			return err
		}
		if err := xattr.LSet(to, name, value); err != nil {
			return err
		}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	return os.Chmod(to, fileMode(st.Mode))
}

// fileMode is a mode of stat(2) as package os has it.
func fileMode(mode uint32) os.FileMode {
	m := os.FileMode(mode & 0o777)
	for _, b := range []struct {
		bit uint32
		go_ os.FileMode
	}{{unix.S_ISUID, os.ModeSetuid}, {unix.S_ISGID, os.ModeSetgid}, {unix.S_ISVTX, os.ModeSticky}} {
		if mode&b.bit != 0 {
			m |= b.go_
		}
	}
	return m
}
