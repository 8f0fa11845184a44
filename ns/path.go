package ns

import (
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// openat2 with RESOLVE_IN_ROOT fails with EAGAIN when anything was renamed or
// mounted meanwhile, anywhere on the host: try again, this often.
const resolveTries = 64

// OpenIn opens name below the directory root as if root were "/": "..", and
// absolute symbolic links, stay inside, and magic links of procfs are refused
// (openat2(2) RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS). resolve adds
// restrictions, RESOLVE_NO_SYMLINKS for one. O_CLOEXEC is added to flags. The
// error is a bare unix.Errno.
func OpenIn(root int, name string, flags int, mode uint32, resolve uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | resolve,
	}
	for range resolveTries {
		fd, err := unix.Openat2(root, name, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}

// MkdirIn returns an O_PATH descriptor of the directory name below root,
// resolved as by OpenIn, after making what is missing of it with mode perm:
// also what a dangling symbolic link leads to. Anything on the way that is
// neither a link nor a directory is an error.
func MkdirIn(root int, name string, perm uint32, resolve uint64) (int, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY
	name = path.Clean("/" + name)
	fd, err := OpenIn(root, name, flags, 0, resolve)
	if err != unix.ENOENT || name == "/" {
		return fd, wrapPath("directory", name, err)
	}
	if name, resolve, err = withoutLinks(root, name, resolve); err != nil {
		return -1, err
	}
	parent, err := MkdirIn(root, path.Dir(name), perm, resolve)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	base := path.Base(name)
	if err := unix.Mkdirat(parent, base, perm); err != nil && err != unix.EEXIST {
		return -1, wrapPath("make directory", name, err)
	}
	fd, err = OpenIn(parent, base, flags, 0, resolve|unix.RESOLVE_NO_SYMLINKS)
	return fd, wrapPath("directory", name, err)
}

// TouchIn returns an O_PATH descriptor of the file name below root, which is
// made (regular, empty, mode perm) with the directories above it (mode 755)
// where it is missing, if need be where a dangling symbolic link leads to. What
// exists may be of any type.
func TouchIn(root int, name string, perm uint32, resolve uint64) (int, error) {
	name = path.Clean("/" + name)
	fd, err := OpenIn(root, name, unix.O_PATH, 0, resolve)
	if err != unix.ENOENT {
		return fd, wrapPath("file", name, err)
	}
	if name, resolve, err = withoutLinks(root, name, resolve); err != nil {
		return -1, err
	}
	parent, err := MkdirIn(root, path.Dir(name), 0o755, resolve)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	const create = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_NOFOLLOW
	made, err := OpenIn(parent, path.Base(name), create, perm, resolve)
	if err != nil {
		return -1, wrapPath("make file", name, err)
	}
	unix.Close(made)
	fd, err = OpenIn(parent, path.Base(name), unix.O_PATH|unix.O_NOFOLLOW, 0, resolve)
	return fd, wrapPath("file", name, err)
}

// withoutLinks is where in root a name leads to of which not all is there, and restrictions
// with which to go there: what is a link by then is none of those that have been followed.
func withoutLinks(root int, name string, resolve uint64) (string, uint64, error) {
	if resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		return name, resolve, nil
	}
	followed, err := securejoin.SecureJoinVFS("/", name, inRoot(root))
	return followed, resolve | unix.RESOLVE_NO_SYMLINKS, wrapPath("follow", name, err)
}

// inRoot is a directory, a descriptor, that securejoin takes for the root.
type inRoot int

// Lstat implements securejoin.VFS.
func (r inRoot) Lstat(name string) (os.FileInfo, error) {
	f, err := r.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// Readlink implements securejoin.VFS.
func (r inRoot) Readlink(name string) (string, error) {
	f, err := r.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", text)
	if err != nil {
		return "", err
	}
	return string(text[:n]), nil
}

// open opens what is called name, without following it if it is a link.
func (r inRoot) open(name string) (*os.File, error) {
	fd, err := OpenIn(int(r), name, unix.O_PATH|unix.O_NOFOLLOW, 0, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// wrapPath says what err happened to; nil stays nil.
func wrapPath(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", what, name, err)
}

// Below says whether the clean absolute path p is dir or below it.
func Below(p, dir string) bool {
	return dir == "/" || p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

func addr[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
