package rootfs

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// kind is a mount type of the specification.
type kind struct {
	// mount makes the detached mount; target is where it will be attached. nil
	// is a bind.
	mount func(c *composer, m *specs.Mount, o *options, target int) (int, error)
	// resolve restricts the resolution of the mount point further: openat2(2)
	// RESOLVE_*.
	resolve uint64
	// late: "ro" takes effect when everything is in place, because other mount
	// points may have to be made in it first.
	late bool
	// recursive: the type alone means the source's submounts too.
	recursive bool
}

// kinds are the mount types that are known. procfs is what the runtime's own
// protections rely on: no symbolic link may choose its place.
var kinds = map[string]kind{
	"tmpfs":   {mount: newTmpfs, late: true},
	"proc":    {mount: newFS, resolve: unix.RESOLVE_NO_SYMLINKS},
	"devpts":  {mount: newDevpts},
	"mqueue":  {mount: newFS},
	"sysfs":   {mount: newFS},
	"overlay": {mount: newOverlay, late: true},
	"bind":    {},
	"rbind":   {recursive: true},
}

// attrs are the options that all mounts have, as mount_setattr(2) flags. 0 is
// an option that asks for the default, or for what always holds: every mount
// of a box is private.
var attrs = map[string]uint64{
	"ro":          unix.MOUNT_ATTR_RDONLY,
	"rw":          0,
	"nosuid":      unix.MOUNT_ATTR_NOSUID,
	"suid":        0,
	"nodev":       unix.MOUNT_ATTR_NODEV,
	"dev":         0,
	"noexec":      unix.MOUNT_ATTR_NOEXEC,
	"exec":        0,
	"noatime":     unix.MOUNT_ATTR_NOATIME,
	"strictatime": unix.MOUNT_ATTR_STRICTATIME,
	"relatime":    0,
	"nodiratime":  unix.MOUNT_ATTR_NODIRATIME,
	"nosymfollow": unix.MOUNT_ATTR_NOSYMFOLLOW,
	"private":     0,
	"rprivate":    0,

	// Of a recursive bind all attributes are recursive, with or without the "r":
	// nothing below a read-only directory of the host may be writable.
	"rro":          unix.MOUNT_ATTR_RDONLY,
	"rnosuid":      unix.MOUNT_ATTR_NOSUID,
	"rnodev":       unix.MOUNT_ATTR_NODEV,
	"rnoexec":      unix.MOUNT_ATTR_NOEXEC,
	"rnosymfollow": unix.MOUNT_ATTR_NOSYMFOLLOW,
}

// options are the parsed options of one mount.
type options struct {
	kind      kind
	attr      uint64   // mount_setattr(2) flags to set
	data      []string // the file system's own, in order: "key" or "key=value"
	recursive bool
	late      bool // becomes read-only at the end
	idmap     bool
	patched   bool // see composer.patch
}

func parseOptions(m *specs.Mount) (*options, error) {
	name := m.Type
	// In the specification the option makes a bind, whatever the type.
	switch {
	case slices.Contains(m.Options, "rbind"):
		name = "rbind"
	case slices.Contains(m.Options, "bind") && name != "rbind":
		name = "bind"
	}
	k, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("%w: unknown mount type", unix.EINVAL)
	}
	if len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 {
		return nil, fmt.Errorf("%w: id mappings of a mount are not supported", unix.EINVAL)
	}
	o := &options{kind: k, recursive: k.recursive}
	for _, s := range m.Options {
		a, known := attrs[s]
		switch {
		case known:
			o.attr |= a
		case s == "bind" || s == "rbind":
		case s == "idmap" && name == "overlay":
			o.idmap = true
		case s == "patched" && k.mount == nil:
			o.patched = true
		case k.mount == nil:
			return nil, fmt.Errorf("%w: unknown option %q", unix.EINVAL, s)
		default:
			o.data = append(o.data, s)
		}
	}
	if k.late && o.attr&unix.MOUNT_ATTR_RDONLY != 0 {
		o.attr &^= unix.MOUNT_ATTR_RDONLY
		o.late = true
	}
	return o, nil
}

// newFS makes a mount of a file system that needs nothing but its options.
func newFS(_ *composer, m *specs.Mount, o *options, _ int) (int, error) {
	return FSMount(m.Type, m.Source, o.data, o.attr)
}

// newDevpts gives a devpts to the guest, whose it is in any case where an
// ordinary user makes it.
func newDevpts(c *composer, m *specs.Mount, o *options, target int) (int, error) {
	fd, err := newFS(c, m, o, target)
	if err != nil || c.Guest == 0 {
		return fd, err
	}
	for _, name := range [...]string{"", "ptmx"} {
		if err := unix.Fchownat(fd, name, int(c.Guest), int(c.Guest), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("give %q to the guest: %w", "/"+name, err)
		}
	}
	return fd, nil
}

// newTmpfs translates the owner, which is given as the box knows it.
func newTmpfs(c *composer, m *specs.Mount, o *options, _ int) (int, error) {
	data := slices.Clone(o.data)
	for i, s := range data {
		key, value, _ := strings.Cut(s, "=")
		var guest uint32
		switch key {
		case "uid":
			guest = c.UID
		case "gid":
			guest = c.GID
		default:
			continue
		}
		id, err := strconv.ParseUint(value, 10, 32)
		switch {
		case err != nil:
			return -1, fmt.Errorf("option %q: %w", s, err)
		case uint32(id) == guest:
			id = uint64(c.Guest)
		case id != 0:
			return -1, fmt.Errorf("option %q: %w: an id that the box does not have", s, unix.EINVAL)
		}
		data[i] = key + "=" + strconv.FormatUint(id, 10)
	}
	return FSMount(m.Type, m.Source, data, o.attr)
}

// FSMount makes a file system instance and a detached mount of it, whose descriptor it
// returns (close-on-exec, owned by the caller). data are the options of the file system, attr
// MOUNT_ATTR_*. What the kernel says about a refusal becomes part of the error.
// fsopen(2), fsmount(2).
func FSMount(fstype, source string, data []string, attr uint64) (int, error) {
	ctx, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen %s: %w", fstype, err)
	}
	defer unix.Close(ctx)
	if source != "" {
		data = append([]string{"source=" + source}, data...)
	}
	for _, s := range data {
		key, value, isString := strings.Cut(s, "=")
		if isString {
			err = unix.FsconfigSetString(ctx, key, value)
		} else {
			err = unix.FsconfigSetFlag(ctx, key)
		}
		if err != nil {
			return -1, kernelError(ctx, fmt.Sprintf("option %q", s), err)
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, kernelError(ctx, "create", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, int(attr))
	if err != nil {
		return -1, kernelError(ctx, "fsmount", err)
	}
	return fd, nil
}

// kernelError adds the messages that the kernel left in a file system context
// (fsopen(2), "message retrieval interface").
func kernelError(ctx int, op string, err error) error {
	var said []string
	b := make([]byte, 512)
	for {
		n, rerr := unix.Read(ctx, b)
		if rerr != nil || n <= 2 {
			break
		}
		said = append(said, strings.TrimSpace(string(b[2:n])))
	}
	if len(said) == 0 {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w (%s)", op, err, strings.Join(said, "; "))
}

// openSource clones the mount tree at a bind's source. dir says whether it is
// a directory.
func (c *composer) openSource(m *specs.Mount, o *options) (tree int, dir bool, err error) {
	if !path.IsAbs(m.Source) {
		return -1, false, fmt.Errorf("%w: the source %q is not absolute", unix.EINVAL, m.Source)
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if o.recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err = unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
	if err == unix.EINVAL && !o.recursive {
		if under := c.submounts(m.Source); len(under) > 0 {
			return -1, false, &SubmountError{Path: m.Source, Under: under, Err: err}
		}
	}
	if err != nil {
		return -1, false, fmt.Errorf("source %q: %w", m.Source, err)
	}
	c.keep(tree)
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return -1, false, fmt.Errorf("source %q: %w", m.Source, err)
	}
	return tree, st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

// protect makes the masked and the read-only paths so.
func (c *composer) protect() error {
	for _, p := range c.MaskedPaths {
		if err := c.mask(p); err != nil {
			return fmt.Errorf("mask %q: %w", p, err)
		}
	}
	for _, p := range c.ReadonlyPaths {
		if err := c.makeReadonly(p); err != nil {
			return fmt.Errorf("make %q read-only: %w", p, err)
		}
	}
	return nil
}

func (c *composer) makeReadonly(p string) error {
	defer c.done()
	target, err := c.protectedPath(p)
	if err != nil || target < 0 {
		return err
	}
	tree, err := unix.OpenTree(target, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	return c.attachTree(c.keep(tree), target, unix.MOUNT_ATTR_RDONLY, true)
}

// protectedPath opens a path to be protected without following a symbolic
// link; -1 is one that does not exist. Below /proc it must be on a procfs:
// what stood in for it would escape its protection.
func (c *composer) protectedPath(p string) (int, error) {
	p = path.Clean("/" + p)
	fd, err := ns.OpenIn(c.root, p, unix.O_PATH, 0, unix.RESOLVE_NO_SYMLINKS)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	c.keep(fd)
	if ns.Below(p, "/proc") && !ns.IsProc(fd) {
		return -1, fmt.Errorf("not a file of a procfs: %w", unix.EINVAL)
	}
	return fd, nil
}

// mask hides a directory under an empty read-only tmpfs and a file under
// /dev/null.
func (c *composer) mask(p string) error {
	defer c.done()
	target, err := c.protectedPath(p)
	if err != nil || target < 0 {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(target, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		fd, err := FSMount("tmpfs", "masked", nil, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
		if err != nil {
			return err
		}
		return Attach(c.keep(fd), target)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/dev/null", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	c.keep(tree)
	if err := unix.Fstat(tree, &st); err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		return fmt.Errorf("the host's /dev/null is not the null device: %w", unix.ENODEV)
	}
	return c.attachTree(tree, target, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, false)
}
