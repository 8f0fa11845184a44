package rootfs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
)

// IDMapError says that a directory's file system, or the kernel, has no
// id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP; Linux 5.12, below an
// overlay 5.19). The box can only run with the directory's owner as its user.
type IDMapError struct {
	// Path is the directory; UID and GID its owner.
	Path     string
	UID, GID uint32
	Err      error
}

// Error names the directory.
func (e *IDMapError) Error() string { return fmt.Sprintf("id-mapped mount of %q: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *IDMapError) Unwrap() error { return e.Err }

// maxValue is the most bytes that fsconfig(2) takes as a string, its end
// included.
const maxValue = 256

// layers are the directories of an overlay, by the options of mount(8).
type layers struct {
	lower       []string // top first
	upper, work string
	rest        []string // options for the kernel
}

// parseLayers takes lowerdir= (a list separated by ':', in which '\' takes away
// the meaning of the next character), lowerdir+= (one path, literally; may be
// repeated), upperdir= and workdir= (paths, literally) out of the options.
func parseLayers(data []string) (layers, error) {
	var l layers
	for _, s := range data {
		key, value, _ := strings.Cut(s, "=")
		switch key {
		case "lowerdir":
			l.lower = append(l.lower, splitLower(value)...)
		case "lowerdir+":
			l.lower = append(l.lower, value)
		case "upperdir":
			l.upper = value
		case "workdir":
			l.work = value
		default:
			l.rest = append(l.rest, s)
		}
	}
	if len(l.lower) == 0 {
		return l, fmt.Errorf("%w: no lowerdir", unix.EINVAL)
	}
	if (l.upper == "") != (l.work == "") {
		return l, fmt.Errorf("%w: upperdir and workdir belong together", unix.EINVAL)
	}
	dirs := l.lower
	if l.upper != "" {
		dirs = append([]string{l.upper, l.work}, dirs...)
	}
	for _, p := range dirs {
		if !path.IsAbs(p) {
			return l, fmt.Errorf("%w: the directory %q is not absolute", unix.EINVAL, p)
		}
	}
	return l, nil
}

func splitLower(s string) []string {
	list := []string{""}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ':':
			list = append(list, "")
			continue
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		list[len(list)-1] += string(s[i : i+1])
	}
	return list
}

// newOverlay makes an overlay. Its directories are named to the kernel by
// descriptor: fsconfig(2) takes no more than 255 bytes, and paths may contain
// the characters that the kernel's lists are made of.
func newOverlay(c *composer, m *specs.Mount, o *options, target int) (int, error) {
	l, err := parseLayers(o.data)
	if err != nil {
		return -1, err
	}
	var staged []int
	var stagedOwner owner // of the first
	var lower []string
	for i, p := range l.lower {
		fd, err := c.openLayer(p)
		if err != nil {
			return -1, fmt.Errorf("lower directory %q: %w", p, err)
		}
		if under := c.submountsOf(fd); len(under) > 0 {
			return -1, &SubmountError{Path: p, Under: under, Err: unix.EINVAL}
		}
		if o.idmap {
			mapped, err := c.idmap(fd, p)
			if err != nil {
				return -1, err
			}
			if mapped != fd {
				// An overlay only takes layers that are attached (before Linux
				// 6.15): the mount point is a place for it that is covered next.
				if err := Attach(mapped, target); err != nil {
					return -1, err
				}
				if len(staged) == 0 {
					if stagedOwner, err = ownerOf(fd); err != nil {
						return -1, err
					}
				}
				staged = append(staged, mapped)
				fd = mapped
			}
		}
		lower = append(lower, fdPath(fd))
		if i == 0 && l.upper != "" {
			if err := c.prepareUpper(l.upper, fd); err != nil {
				return -1, fmt.Errorf("upper directory %q: %w", l.upper, err)
			}
		}
	}
	data := []string{"lowerdir=" + strings.Join(lower, ":")}
	if len(data[0])-len("lowerdir=") >= maxValue {
		data = nil
		for _, p := range lower {
			data = append(data, "lowerdir+="+p)
		}
	}
	if l.upper != "" {
		upper, err := c.openLayer(l.upper)
		if err != nil {
			return -1, fmt.Errorf("upper directory %q: %w", l.upper, err)
		}
		work, err := c.openLayer(l.work)
		if err != nil {
			return -1, fmt.Errorf("work directory %q: %w", l.work, err)
		}
		data = append(data, "upperdir="+fdPath(upper), "workdir="+fdPath(work))
	}
	fd, err := FSMount("overlay", m.Source, append(data, l.rest...), o.attr)
	if i := slices.Index(l.rest, "volatile"); i >= 0 && errors.Is(err, unix.EINVAL) {
		// Before Linux 5.10. An overlay that is not volatile is only slower.
		fd, err = FSMount("overlay", m.Source, append(data, slices.Delete(l.rest, i, i+1)...), o.attr)
	}
	for i := len(staged) - 1; i >= 0; i-- {
		if uerr := unix.Unmount(fdPath(staged[i]), unix.MNT_DETACH); uerr != nil && err == nil {
			unix.Close(fd)
			err = fmt.Errorf("unmount a staged layer: %w", uerr)
		}
	}
	switch {
	case err == nil:
		return fd, nil
	case len(staged) > 0 && errors.Is(err, unix.EINVAL):
		return -1, &IDMapError{Path: l.lower[0], UID: stagedOwner.uid, GID: stagedOwner.gid, Err: err}
	case l.upper != "" && errors.Is(err, unix.EINVAL):
		return -1, &ns.Error{Op: "overlay", Err: err,
			Hint: "set XDG_STATE_HOME to a directory on a local file system that is not an overlay itself: in a container, a volume"}
	case errors.Is(err, unix.ENODEV):
		return -1, &ns.Error{Op: "overlay", Err: err, Hint: "load the overlay module: modprobe overlay"}
	case errors.Is(err, unix.EPERM):
		return -1, &ns.Error{Op: "overlay", Err: err,
			Hint: "an ordinary user's overlay needs Linux 5.11 and a security module that allows it: run as root"}
	}
	return -1, err
}

// openLayer opens a directory of the host.
func (c *composer) openLayer(p string) (int, error) {
	fd, err := unix.Open(p, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return c.keep(fd), nil
}

// owner is a user and a group.
type owner struct{ uid, gid uint32 }

// mapped says whether the owner has to change places with the guest.
func (c *composer) mapped(o owner) bool {
	return c.Guest != 0 && o != owner{c.Guest, c.Guest}
}

func ownerOf(fd int) (owner, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return owner{st.Uid, st.Gid}, err
}

// makeIDMaps makes the user namespaces for the id-mapped layers of all mounts.
// It does so before the new root lies over "/": a process whose root is covered
// counts as chrooted, and may not make any.
func (c *composer) makeIDMaps(mounts []specs.Mount) error {
	for i := range mounts {
		o, err := parseOptions(&mounts[i])
		if err != nil || !o.idmap {
			continue // the error is the mount's, when its turn comes
		}
		l, err := parseLayers(o.data)
		if err != nil {
			continue
		}
		for _, p := range l.lower {
			var st unix.Stat_t
			if unix.Stat(p, &st) != nil {
				continue
			}
			who := owner{st.Uid, st.Gid}
			if _, made := c.idmaps[who]; made || !c.mapped(who) {
				continue
			}
			fd, err := ns.NewUserNS(c.Proc, ns.SwapIDs(who.uid, c.Guest), ns.SwapIDs(who.gid, c.Guest))
			if err != nil {
				return &IDMapError{Path: p, UID: who.uid, GID: who.gid, Err: err}
			}
			c.idmaps[who] = c.hold(fd)
		}
	}
	return nil
}

// idmap returns a detached mount of the directory on which its owner and the
// guest have changed places, or the directory itself where there is nothing to
// map.
func (c *composer) idmap(fd int, name string) (int, error) {
	who, err := ownerOf(fd)
	if err != nil || !c.mapped(who) {
		return fd, err
	}
	userns, ok := c.idmaps[who]
	if !ok {
		return -1, fmt.Errorf("%q changed its owner: %w", name, unix.EAGAIN)
	}
	tree, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, fmt.Errorf("open_tree: %w", err)
	}
	c.keep(tree)
	a := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns)}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &a); err != nil {
		return -1, &IDMapError{Path: name, UID: who.uid, GID: who.gid, Err: fmt.Errorf("mount_setattr: %w", err)}
	}
	return tree, nil
}

// prepareUpper gives an upper directory the owner, mode and times of the top
// lower one, which it stands for in the overlay.
func (c *composer) prepareUpper(name string, lower int) error {
	var st unix.Stat_t
	if err := unix.Fstat(lower, &st); err != nil {
		return err
	}
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// An owner that our user namespace does not know can't be given.
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil && err != unix.EINVAL {
		return fmt.Errorf("change owner: %w", err)
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return fmt.Errorf("change mode: %w", err)
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, fdPath(fd), times, 0); err != nil {
		return fmt.Errorf("change times: %w", err)
	}
	return nil
}
