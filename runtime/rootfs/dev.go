package rootfs

import (
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// deviceNames are the default devices of the runtime-spec but for the console,
// which no box has. They are bound from the host, because a user namespace
// can't make one.
var deviceNames = []string{"full", "null", "random", "tty", "urandom", "zero"}

// devSymlinks are the default symbolic links of the runtime-spec.
var devSymlinks = []Symlink{
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/ptmx", "pts/ptmx"},
	{"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
}

// addDev adds to mounts that put a tmpfs on /dev the devices and links that
// belong in it, and makes it read-only: rootless the guest and the maker of the
// tmpfs are one user, who else could make files in it.
func (c *composer) addDev(mounts []specs.Mount) []specs.Mount {
	i := slices.IndexFunc(mounts, func(m specs.Mount) bool {
		return path.Clean(m.Destination) == "/dev" && m.Type == "tmpfs"
	})
	if i < 0 {
		return mounts
	}
	mounts[i].Options = append(slices.Clone(mounts[i].Options), "ro")
	has := func(dest string) bool {
		return slices.ContainsFunc(mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == dest })
	}
	for _, name := range deviceNames {
		if dest := "/dev/" + name; !has(dest) {
			mounts = append(mounts, specs.Mount{Destination: dest, Type: "bind", Source: dest, Options: []string{"nosuid", "noexec"}})
		}
	}
	for _, l := range devSymlinks {
		own := func(s Symlink) bool { return path.Clean(s.Path) == l.Path }
		if !has(l.Path) && !slices.ContainsFunc(c.Extra.Symlinks, own) {
			c.Extra.Symlinks = append(c.Extra.Symlinks, l)
		}
	}
	return mounts
}
