package determinize

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// Contents of files, for records: each that an exec has seen or left is digested once, when it
// is about to go, or when the box has ended.

// maxVersions is of how many contents of one file digests are kept: a log that one exec writes
// and another follows has as many as it has lines.
const maxVersions = 256

// maxDigested is of how many bytes of one file digests are made before the box has ended, which
// waits meanwhile.
const maxDigested = 1 << 30

// changesContent notes that a task is about to change a file's content. Unless it replaces the
// whole of it, what comes of that depends on what is there.
func (e *engine) changesContent(t *task, n *vfs.Inode, whole bool) {
	r := t.rec()
	if r == nil {
		return
	}
	e.seesBase(t, n)
	e.wholeTouches(t, n, touched{content: true})
	f := e.accesses(n)
	if f.Writer == int(t.exec.id) && !f.Seen {
		return
	}
	if made := n.Made && f.Version == 0; !whole && !made {
		e.sawContent(t, n, nil)
	}
	e.touches(t, n)
	e.keepContent(n)
	f.Version++
	f.Writer, f.Seen = int(t.exec.id), false
}

// keepContent digests a content that somebody has seen, or left, before it goes.
func (e *engine) keepContent(n *vfs.Inode) {
	f := n.Accesses
	if f == nil || !f.Seen || len(f.Digests) > int(f.Version) || f.Version > maxVersions || f.Digested > maxDigested {
		return
	}
	for len(f.Digests) < int(f.Version) {
		f.Digests = append(f.Digests, conflict.Digest{})
	}
	f.Digests = append(f.Digests, e.contentOf(n))
}

// maxContent is the size of the largest content, in bytes, that has a digest: nobody waits for
// the holes of a file of petabytes to be read.
const maxContent = 4 << 30

// contentOf is the digest of a file's content; the zero Digest is of what cannot be read, is
// larger than maxContent, or has no name that is known.
func (e *engine) contentOf(n *vfs.Inode) conflict.Digest {
	at := e.places[n]
	dir, path, done, errno := e.namePath(at.in, at.base)
	defer done()
	if errno != 0 {
		return conflict.Digest{}
	}
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return conflict.Digest{}
	}
	f := os.NewFile(uintptr(fd), "content")
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || e.fs.Find(&st) != n || st.Size > maxContent {
		return conflict.Digest{}
	}
	h := sha256.New()
	k, err := io.Copy(h, io.LimitReader(f, maxContent+1))
	e.accesses(n).Digested += k
	if err != nil || k > maxContent {
		return conflict.Digest{}
	}
	return conflict.Digest(h.Sum(nil))
}

// xattrsOf is the digest of a file's extended attributes that the guest sees; zero if it has none.
func (e *engine) xattrsOf(dir int, path string) conflict.Digest {
	fd, err := unix.Openat(dir, path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return conflict.Digest{}
	}
	defer unix.Close(fd)
	if unix.Fchdir(e.procFD()) != nil { // there is no listxattrat before Linux 6.13
		return conflict.Digest{}
	}
	link := "self/fd/" + strconv.Itoa(fd)
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Listxattr(link, b) })
	h, value := sha256.New(), []byte(nil)
	some := false
	for _, name := range names {
		if err != nil || !visibleXattr(name) {
			continue
		}
		if value == nil {
			value = make([]byte, xattrSizeMax)
		}
		n, _ := unix.Getxattr(link, name, value)
		h.Write(append([]byte(name), 0))
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(max(n, 0))))
		h.Write(value[:max(n, 0)])
		some = true
	}
	if !some {
		return conflict.Digest{}
	}
	return conflict.Digest(h.Sum(nil))
}

// versionOf is the digest of a version of a file's content: of the last one, of what it has now.
func (e *engine) versionOf(n *vfs.Inode, version uint32) conflict.Digest {
	f := n.Accesses
	switch {
	case int(version) < len(f.Digests):
		return f.Digests[version]
	case version != f.Version:
		return conflict.Digest{} // it is gone, and was not digested
	case f.Last == nil:
		d := e.contentOf(n)
		f.Last = &d
	}
	return *f.Last
}

// fixedContent is the digest of a file that never changes.
func (e *engine) fixedContent(path string) conflict.Digest {
	f, err := os.Open(path)
	if err != nil {
		return conflict.Digest{}
	}
	defer f.Close()
	info, err := e.cfg.Executables.Info(f)
	if err != nil {
		return conflict.Digest{}
	}
	return conflict.Digest(info.Digest)
}
