package journal

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// racy is how long after a change of a file another one may leave its times as they are,
// in nanoseconds: file systems count time in steps.
const racy = int64(1e9)

// A Place is one path of a project, and what lstat(2) says of it.
type Place struct {
	Path  string // as layer.Entry.Path
	Stamp layer.Stamp
}

// Look reads what a project holds. root is its directory, places everything in it in the
// order of layer.Compare, tracked tells what git has in its index (nil: nothing). Content
// is read only where a stamp has changed since the journal was brought up to date, or may
// not have changed with the content. Of a directory .git, files that are not objects count, as
// if git tracked them: builds depend on HEAD, references, the index.
func (j *Journal) Look(root *os.File, places []Place, tracked func(path string) bool) ([]Seen, error) {
	r := reader{root: int(root.Fd()), buf: make([]byte, 1<<17), sum: sha256.New()}
	seen := make([]Seen, 0, len(places))
	for i := 0; i < len(places); i++ {
		p := &places[i]
		s := Seen{Path: p.Path, Stamp: p.Stamp, Tracked: tracked != nil && tracked(p.Path)}
		switch {
		case inGit(p.Path) && (p.Stamp.IsDir() || objects(p.Path)):
			continue
		case p.Stamp.IsDir():
			below := i + 1
			for below < len(places) && under(places[below].Path, p.Path) {
				below++
			}
			s.Digest = names(p.Path, places[i+1:below])
		default:
			if old := j.Paths[p.Path]; old != nil && !old.Gone && old.Stamp == p.Stamp && p.Stamp.Ctime < j.Looked-racy {
				s.Digest = old.Digest
			} else if d, err := r.digest(p); err != nil {
				return nil, err
			} else {
				s.Digest = d
			}
		}
		s.Tracked = s.Tracked || inGit(p.Path)
		seen = append(seen, s)
	}
	return seen, nil
}

// under tells whether a path lies in a directory.
func under(path, dir string) bool {
	return dir == "." && path != "." || len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// names is the digest of a directory whose contents are below.
func names(dir string, below []Place) Digest {
	h := sha256.New()
	h.Write([]byte("directory\x00"))
	for i := range below {
		if path.Dir(below[i].Path) == dir {
			h.Write(append([]byte(path.Base(below[i].Path)), 0))
		}
	}
	return Digest(h.Sum(nil))
}

// reader reads contents.
type reader struct {
	root int
	buf  []byte
	sum  hash.Hash
}

// digest reads what is at a path. The zero Digest stands for what cannot be read, or is
// something else by now.
func (r *reader) digest(p *Place) (Digest, error) {
	r.sum.Reset()
	switch p.Stamp.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		r.sum.Write([]byte("file\x00"))
	case unix.S_IFLNK:
		n, err := readlinkBeneath(r.root, p.Path, r.buf)
		if err != nil {
			return Digest{}, nil
		}
		r.sum.Write([]byte("link\x00"))
		r.sum.Write(r.buf[:n])
		return Digest(r.sum.Sum(nil)), nil
	default:
		r.sum.Write([]byte("other\x00"))
		return Digest(r.sum.Sum(nil)), nil
	}
	fd, err := openBeneath(r.root, p.Path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return Digest{}, nil
	}
	f := os.NewFile(uintptr(fd), p.Path)
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return Digest{}, nil
	}
	if _, err := io.CopyBuffer(onlyWriter{r.sum}, onlyReader{f}, r.buf); err != nil {
		return Digest{}, err
	}
	return Digest(r.sum.Sum(nil)), nil
}

// onlyReader and onlyWriter keep io.CopyBuffer from going around its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// openBeneath opens a path below a directory, without following symbolic links or leaving
// the file system; openat2(2).
func openBeneath(root int, path string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(root, path, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// readlinkBeneath reads a symbolic link into buf.
func readlinkBeneath(root int, path string, buf []byte) (int, error) {
	fd, err := openBeneath(root, path, unix.O_PATH)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return unix.Readlinkat(fd, "", buf)
}

// Clean tells whether a project is like a clean clone: git has all of it in its index.
func Clean(seen []Seen) bool {
	return !slices.ContainsFunc(seen, func(s Seen) bool { return !s.Tracked && !s.Stamp.IsDir() })
}
