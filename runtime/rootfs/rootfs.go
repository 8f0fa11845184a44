// Package rootfs composes the root file system of a box from the mounts of a
// runtime-spec configuration, entry by entry on a fresh tmpfs, and makes it
// the root of the calling process.
//
// It does everything by descriptors: sources are opened before anything is
// mounted over them, mount points are resolved inside the new root by
// openat2(2), and mounts are made detached and then moved onto the descriptor
// that was resolved (fsopen(2), open_tree(2), move_mount(2)). No path of the
// new root is resolved by a string twice, so no symbolic link in it can lead a
// mount, or a file, to the host.
//
// It runs unprivileged, as the root of a user namespace, where the kernel
// allows it less: see mount_namespaces(7) on locked mounts.
package rootfs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// Config is a root file system to compose.
type Config struct {
	// Proc is a procfs of the caller's pid namespace, as ns.OpenProc makes it.
	// The caller owns it.
	Proc int
	// Mounts are made in order. Destinations are absolute in the new root;
	// missing directories (mode 755), or for a file source a missing file, are
	// made on the way. Sources are absolute paths of the host. One with
	// destination "/", if any, comes first and is the root; else the root is an
	// empty tmpfs of mode 755. Types and options: see the tables in fs.go. A
	// tmpfs on /dev is filled with the runtime-spec's default devices and
	// symbolic links and is read-only in the end. It should be of mode 755: in a
	// sticky directory that is not the guest's, fs.protected_regular makes a
	// shell's "> /dev/null" (O_CREAT) fail.
	Mounts []specs.Mount
	// Extra are the entries that are not mounts.
	Extra Extra
	// ReadonlyPaths and MaskedPaths are those of the runtime-spec: existing
	// files and directories that become read-only, or empty. Missing ones are
	// passed over.
	ReadonlyPaths, MaskedPaths []string
	// Readonly makes the root mount itself read-only in the end.
	Readonly bool
	// Guest is the host id, in the caller's user namespace, of the box's user
	// and group: the owner of what Extra marks as the guest's, and the id that
	// overlays with the option "idmap" map their owner to. 0 is the caller
	// itself, for whom there is nothing to map.
	Guest uint32
	// UID and GID are the same user and group as the box knows them: what the
	// options uid= and gid= of a tmpfs say.
	UID, GID uint32
}

// Extra are directories, symbolic links and small files of a root. Those that
// lie below a mount's destination are made when all mounts have been made, in
// that mount; all others before the first.
type Extra struct {
	Dirs     []Dir
	Symlinks []Symlink
	Files    []File
	// Omitted are paths that are left out of a patched bind.
	Omitted []string
}

// Dir is a directory. One that exists keeps its content and gets the mode and
// the owner.
type Dir struct {
	Path string
	// Mode are the permission bits, set-id and sticky bits included.
	Mode uint32
	// Guest makes the guest its owner instead of root.
	Guest bool
}

// Symlink is a symbolic link; its target is not looked at.
type Symlink struct{ Path, Target string }

// File is a regular file. Where one exists already, it is mounted over it.
type File struct {
	Path    string
	Content []byte
	// Mode are the permission bits.
	Mode uint32
	// Guest makes the guest its owner instead of root.
	Guest bool
}

// Append adds the entries of o.
func (e *Extra) Append(o Extra) {
	e.Dirs = append(e.Dirs, o.Dirs...)
	e.Symlinks = append(e.Symlinks, o.Symlinks...)
	e.Files = append(e.Files, o.Files...)
	e.Omitted = append(e.Omitted, o.Omitted...)
}

// composer is a composition under way.
type composer struct {
	Config
	// root is the root mount, slash what "/" was when it started: the place
	// that the root mount is attached to.
	root, slash int
	// late are mounts that become read-only when all is in place, because
	// mount points have to be made in them first.
	late []int
	// idmaps are user namespaces in which the guest and an owner change places.
	idmaps map[owner]int
	// held are the descriptors that are needed to the end, open those that are
	// needed until the step is done: see done.
	held, open []int
	// visiting is the directory of the root that is called visited; "" is none.
	// inherits says that its entries have its group.
	visiting int
	visited  string
	inherits bool
	// host is the mount table as it was, or nil.
	host []*mountinfo.Info
	// patched are the directories whose replacements have been made.
	patched map[string]bool
}

// Compose makes the root and moves the calling process into it: root and
// working directory are the new root, and nothing of the old one is mounted
// any more. The caller must be the first process of its pid namespace, have a
// mount namespace and a root user of its own, and a umask of 0; it must not
// have other threads that use relative paths meanwhile. After an error the
// process is in an undefined place and can only end.
//
// Errors that the user can do something about are an *ns.Error, an
// *IDMapError or a *SubmountError.
func Compose(c Config) error {
	k := &composer{Config: c, root: -1, slash: -1, idmaps: map[owner]int{}}
	k.Extra.Symlinks = slices.Clone(c.Extra.Symlinks)
	defer func() {
		k.done()
		for _, fd := range k.held {
			unix.Close(fd)
		}
	}()
	if err := k.compose(); err != nil {
		return fmt.Errorf("compose the root file system: %w", err)
	}
	return nil
}

func (c *composer) compose() error {
	// Private, so that nothing that the host mounts or unmounts later reaches
	// the box, nor the other way round.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// Paths of descriptors, where an old interface wants a path, are relative
	// to our own procfs: see fdPath.
	if err := unix.Fchdir(c.Proc); err != nil {
		return fmt.Errorf("enter procfs: %w", err)
	}
	slash, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	c.slash = c.hold(slash)

	mounts := c.addDev(slices.Clone(c.Mounts))
	if len(mounts) == 0 || path.Clean(mounts[0].Destination) != "/" {
		mounts = slices.Insert(mounts, 0, specs.Mount{
			Destination: "/", Type: "tmpfs", Source: "root", Options: []string{"mode=755", "nosuid", "nodev"},
		})
	}
	if err := c.makeIDMaps(mounts); err != nil {
		return err
	}
	if err := c.mount(&mounts[0]); err != nil {
		return err
	}
	points := make(map[string]bool, len(mounts))
	for _, m := range mounts[1:] {
		points[path.Clean("/"+m.Destination)] = true
	}
	inMount := func(p string) bool {
		for ; p != "/"; p = path.Dir(p) {
			if points[p] {
				return true
			}
		}
		return false
	}
	if err := c.extra(func(p string) bool { return !inMount(p) }); err != nil {
		return err
	}
	for i := range mounts[1:] {
		if err := c.mount(&mounts[1+i]); err != nil {
			return err
		}
	}
	if err := c.extra(func(p string) bool { return inMount(p) && !c.patched[path.Dir(p)] }); err != nil {
		return err
	}
	if err := c.protect(); err != nil {
		return err
	}
	if c.Readonly {
		c.late = append(c.late, c.root)
	}
	for _, fd := range c.late {
		if err := c.setAttr(fd, unix.MOUNT_ATTR_RDONLY, false); err != nil {
			return fmt.Errorf("make a mount read-only: %w", err)
		}
	}
	return c.pivot()
}

// hold notes a descriptor to be closed at the end.
func (c *composer) hold(fd int) int {
	c.held = append(c.held, fd)
	return fd
}

// keep notes a descriptor to be closed when the step is done.
func (c *composer) keep(fd int) int {
	c.open = append(c.open, fd)
	return fd
}

// done ends a step: a mount, a file, a protected path. Descriptors are not left
// to pile up, because each time their table grows the kernel waits until no
// other thread can be looking at it: milliseconds.
func (c *composer) done() {
	for _, fd := range c.open {
		unix.Close(fd)
	}
	c.open = c.open[:0]
}

// fdPath names the file of a descriptor for the calls that take a path; it is
// relative to the working directory, our procfs, because the host's /proc may
// be hidden, or be anything.
func fdPath(fd int) string { return "self/fd/" + strconv.Itoa(fd) }

// mount makes one mount and attaches it.
func (c *composer) mount(m *specs.Mount) error {
	dest := path.Clean("/" + m.Destination)
	if !path.IsAbs(m.Destination) {
		return fmt.Errorf("mount on %q: %w: the destination is not absolute", m.Destination, unix.EINVAL)
	}
	if dest == "/" && c.root >= 0 {
		return fmt.Errorf("mount on /: %w: only the first mount can be the root", unix.EINVAL)
	}
	defer c.done()
	o, err := parseOptions(m)
	if err == nil {
		err = c.mountAt(m, o, dest)
	}
	if err != nil {
		return fmt.Errorf("mount %s on %q: %w", m.Type, dest, err)
	}
	return nil
}

func (c *composer) mountAt(m *specs.Mount, o *options, dest string) error {
	if o.patched {
		return c.patch(m, o, dest)
	}
	if o.kind.mount == nil {
		// A bind's source decides what its mount point must be.
		tree, dir, err := c.openSource(m, o)
		if err != nil {
			return err
		}
		target, err := c.target(dest, dir, o.kind.resolve)
		if err != nil {
			return err
		}
		return c.attachTree(tree, target, o.attr, o.recursive)
	}
	target, err := c.target(dest, true, o.kind.resolve)
	if err != nil {
		return err
	}
	fd, err := o.kind.mount(c, m, o, target)
	if err != nil {
		return err
	}
	switch {
	case dest == "/":
		c.root = c.hold(fd)
	case o.late:
		c.hold(fd)
	default:
		c.keep(fd)
	}
	if o.late {
		c.late = append(c.late, fd)
	}
	return Attach(fd, target)
}

// target returns a descriptor of the mount point dest, which is made where it
// is missing.
func (c *composer) target(dest string, dir bool, resolve uint64) (fd int, err error) {
	switch {
	case dest == "/":
		return c.slash, nil
	case dir:
		fd, err = ns.MkdirIn(c.root, dest, 0o755, resolve)
	default:
		fd, err = ns.TouchIn(c.root, dest, 0o644, resolve)
	}
	if err != nil {
		return -1, err
	}
	return c.keep(fd), nil
}

// Attach moves a detached mount onto the file of a descriptor, move_mount(2).
func Attach(fd, target int) error {
	if err := unix.MoveMount(fd, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// pivot makes the root mount the root of this process and detaches the old one.
func (c *composer) pivot() error {
	if err := unix.Fchdir(c.root); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	// pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the
	// new one, where the path "." finds it.
	if err := unix.PivotRoot(".", "."); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return &ns.Error{Op: "pivot_root", Err: err,
				Hint: "the host's root is an initramfs or a chroot: run from a system that has switched to a real root file system"}
		}
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter /: %w", err)
	}
	return nil
}
