package container

import (
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// pinnedSys is the source of the tmpfs that a deterministic container has in place of a sysfs, which would show
// the host.
const pinnedSys = "sysfs"

// pinnedMounts are a configuration's mounts, with others in place of those that show the host.
func pinnedMounts(mounts []specs.Mount) []specs.Mount {
	var pinned []specs.Mount
	for _, m := range mounts {
		o := options(&m)
		source := path.Clean(m.Source)
		p := specs.Mount{Destination: m.Destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "mode=755"}}
		switch {
		case m.Type == "sysfs", o.Bind() && source == "/sys":
			p.Source = pinnedSys
		case m.Type == "cgroup", m.Type == "cgroup2", o.Bind() && (source+"/" == groupsAt || strings.HasPrefix(source, groupsAt)):
		default:
			pinned = append(pinned, m)
			continue
		}
		if o.Set&unix.MS_RDONLY != 0 {
			p.Options = append(p.Options, "ro")
		}
		pinned = append(pinned, p)
	}
	return pinned
}

// groupsAt is where hosts have the hierarchies of control groups.
const groupsAt = "/sys/fs/cgroup/"

// fillSys makes the files that a box has in /sys, in a mount that nobody sees yet.
func (s *stage) fillSys(dir int) error {
	settings, err := oci.ParseSettings(s.Spec.Annotations)
	if err != nil {
		return err
	}
	for _, n := range procfs.Sys(procfs.Box{CPUs: settings.CPUs}) {
		if err := fillNode(dir, &n); err != nil {
			return fmt.Errorf("%s: %w", n.Path, err)
		}
	}
	return nil
}

func fillNode(dir int, n *procfs.Node) error {
	if n.Kind == procfs.Dir {
		return unix.Mkdirat(dir, n.Path, n.Perm())
	}
	fd, err := ns.OpenIn(dir, n.Path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, n.Perm(), unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(n.Content))
	return err
}
