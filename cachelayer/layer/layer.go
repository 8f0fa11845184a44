// Package layer reads the upper directory of an overlay file system and turns
// it into results: a sorted list of the changed paths (Walk), a digest of them
// (Digest), a copy of them (Export), and their application to the directory
// that the overlay was mounted over (Commit).
//
// The upper directory must have been mounted with the option userxattr
// (Documentation/filesystems/overlayfs.rst in the Linux source) and must be
// unmounted, or at rest, while it is read: neither the kernel nor this package
// defines what a reader of a changing upper sees. In it
//
//   - a character device 0/0 is a whiteout: the name was deleted;
//   - an empty regular file with the attribute user.overlay.whiteout, in a
//     directory with user.overlay.opaque=x, is a whiteout too;
//   - a directory with user.overlay.opaque=y hides everything that the lower
//     directory of that name holds;
//   - every other attribute user.overlay.* is the overlay's own bookkeeping,
//     and is skipped. Escaped ones (user.overlay.overlay.*, which a process
//     creates by setting user.overlay.* on the mount) are ordinary attributes
//     here, under their escaped name: below the next overlay they look again
//     as the process left them, and they never gain a meaning.
//
// The features redirect_dir and metacopy cannot be on together with userxattr;
// an upper that shows traces of them is refused.
//
// Whoever wrote the upper directory is not trusted. Every path is walked one
// name at a time from a descriptor of its root, symbolic links are never
// followed, and mount points are never crossed.
package layer

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// MaxPath is the greatest length in bytes of a path in a layer, 16 times the
// kernel's PATH_MAX. Longer ones, which only a chain of mkdirat and openat can
// make, are refused, to bound the memory that a layer can claim.
const MaxPath = 64 << 10

var (
	// ErrDevice says that a layer holds a device node. An unprivileged process
	// cannot have made one, and none is ever carried out of a box.
	ErrDevice = errors.New("device nodes are not supported")

	// ErrForeign says that an upper directory was written with an overlay
	// feature (redirect_dir, metacopy) that a mount with userxattr cannot have.
	ErrForeign = errors.New("the upper directory uses an overlay feature that is not supported")

	// ErrMoved says that a directory was moved, or replaced, by someone else
	// while its tree was being walked.
	ErrMoved = errors.New("the directory was moved meanwhile")

	// ErrChanged says that a file was changed by someone else while it was
	// being read.
	ErrChanged = errors.New("the file was changed meanwhile")

	// ErrNotRegular says that the path of a content is not a regular file.
	ErrNotRegular = errors.New("not a regular file")

	// ErrNotEmpty says that the destination of Export holds something.
	ErrNotEmpty = errors.New("the directory is not empty")

	// ErrReserved says that a layer holds a path that Export needs for itself.
	ErrReserved = errors.New("the name is reserved for the list of deletions")
)

// Kind is what an entry is.
type Kind uint8

// The kinds of entries. Their values are written to no file.
const (
	File     Kind = iota + 1 // regular file
	Dir                      // directory
	Symlink                  // symbolic link
	Fifo                     // named pipe
	Socket                   // name of a Unix domain socket
	Whiteout                 // the name was deleted
)

var kindNames = [...]string{File: "file", Dir: "directory", Symlink: "symlink", Fifo: "fifo", Socket: "socket", Whiteout: "whiteout"}

// String returns the kind's English name.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Xattr is one extended attribute (xattr(7)).
type Xattr struct {
	Name  string // with its namespace, for example user.mime_type
	Value []byte
}

// Extent is a range of a regular file that holds data.
type Extent struct {
	Off, Len int64 // bytes
}

// Entry is one changed path of a layer.
type Entry struct {
	// Path is relative to the layer's root, slash separated and clean. It holds
	// any bytes that the kernel allows in names. The root itself is ".".
	Path string

	// Kind says what is there. Of a Whiteout nothing but Path is set.
	Kind Kind

	// Opaque says of a directory that it hides what the lower layers hold there.
	Opaque bool

	// Mode is the permission bits with set-user-ID, set-group-ID and sticky
	// (07777); always 0777 for a symbolic link.
	Mode uint32

	// UID and GID are the owner that the box's processes see.
	UID, GID int

	// Size is a file's size in bytes, or the length of a symbolic link's
	// target; 0 for the other kinds.
	Size int64

	// Target is what a symbolic link contains.
	Target string

	// Mtime is the time of the last modification that the box's processes see,
	// in nanoseconds since 1970.
	Mtime int64

	// Xattrs are the attributes that belong to the file rather than to the
	// host, sorted by name: user.* without the overlay's own,
	// system.posix_acl_access and _default, security.capability.
	Xattrs []Xattr

	// LinkTo is set on the second and every later name of an inode that has
	// several names in the layer: it is the first of them, in Walk's order. The
	// other fields, but for Extents, are set as for the first.
	LinkTo string

	// Extents are the ranges of a sparse file that hold data, in order; nil
	// means that the file has no hole. Where the holes end depends on the file
	// system, so they are no part of a digest.
	Extents []Extent
}

// Virtual gives the metadata that the box's processes see instead of the
// host's. A nil Virtual stands for the host's own metadata.
type Virtual interface {
	// Lookup returns the modification time (nanoseconds since 1970) and the
	// owner of the entry at path, as in Entry.Path. st is what the host's
	// stat(2) says of its inode in the upper directory; it may be kept.
	Lookup(path string, st *unix.Stat_t) (mtime int64, uid, gid int)
}

// lookup applies v, which may be nil.
func lookup(v Virtual, path string, st *unix.Stat_t) (mtime int64, uid, gid int) {
	if v == nil {
		return st.Mtim.Nano(), int(st.Uid), int(st.Gid)
	}
	return v.Lookup(path, st)
}

// failed says what failed on which path.
func failed(what, path string, err error) error {
	return fmt.Errorf("%s %s: %w", what, shown(path), err)
}

// shown quotes a path, which can hold any bytes, for a message. It leaves out
// the middle of one that is much too long to be read.
func shown(path string) string {
	const head, tail = 100, 200
	if len(path) <= 2*(head+tail) {
		return strconv.Quote(path)
	}
	return strconv.Quote(path[:head]) + "..." + strconv.Quote(path[len(path)-tail:])
}
