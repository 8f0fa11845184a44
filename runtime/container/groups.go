package container

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/rootfs"
)

// warnGroups tells of resources: a container stays in the control groups of its caller.
func (c *Container) warnGroups() {
	if l := c.record.Config.Linux; l.Resources != nil {
		c.runtime.Log.Warn("linux.resources has no effect: the container is in the control groups of its caller")
	}
}

// mountGroups mounts an empty directory in the place of control groups: those of the
// caller are not the container's to see.
func (s *stage) mountGroups(m *specs.Mount, o *oci.MountOptions) error {
	target, err := s.target(m, false, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	fd, err := rootfs.FSMount("tmpfs", "cgroup", []string{"mode=755"}, mountAttr(o).Attr_set|unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return rootfs.Attach(fd, target)
}
