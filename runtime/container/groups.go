package container

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/cgroup"
	"laplace.dev/laplace/runtime/rootfs"
)

// groupOptions say which control group the container gets; pid is its first process.
func (c *Container) groupOptions(pid int) cgroup.Options {
	return cgroup.Options{
		Path: c.record.Config.Linux.CgroupsPath, ID: c.record.ID, Systemd: c.runtime.SystemdCgroup, Pid: pid,
		Rootless: c.runtime.Rootless || ns.Rootless(),
	}
}

// makeGroup makes the container's control group, which begins with a process where systemd
// makes it: then it is made when there is one, pid, else before, with 0.
func (c *Container) makeGroup(h *cgroup.Host, pid int) error {
	if h == nil || c.record.Group != nil || c.runtime.SystemdCgroup != (pid > 0) {
		return nil
	}
	group, err := cgroup.Create(h, c.groupOptions(pid))
	if err != nil {
		return err
	}
	c.record.Group = group
	return c.save()
}

// detectGroups finds the host's control groups; nil if it has none.
func detectGroups() (*cgroup.Host, error) {
	h, err := cgroup.Detect()
	if errors.Is(err, cgroup.ErrNone) {
		return nil, nil
	}
	return h, err
}

// group is the container's control group; the zero one is none.
func (c *Container) group() *cgroup.Group {
	if c.record.Group == nil {
		return &cgroup.Group{}
	}
	return c.record.Group
}

// removeGroup removes the container's control group, and kills what is in it.
func (c *Container) removeGroup() error {
	if c.record.Group == nil {
		if c.record.Status != oci.Creating || c.runtime.SystemdCgroup {
			return nil
		}
		// Whoever made the container may have died between making the group and saying so.
		// What is empty, and called like it, is it.
		h, err := detectGroups()
		if h == nil || err != nil {
			return err
		}
		if c.record.Group, err = cgroup.Create(h, c.groupOptions(0)); err != nil {
			c.record.Group = nil
			return nil // it has never been there, or is another's
		}
	}
	return errors.Join(c.killGroup(), c.group().Remove())
}

// killGroup kills what is in the container's control group; without one there is nothing to
// be found.
func (c *Container) killGroup() error {
	if err := c.group().Kill(); !errors.Is(err, cgroup.ErrNoGroup) {
		return err
	}
	return nil
}

// frozen reports whether the container is paused.
func (c *Container) frozen() (bool, error) {
	if c.record.Group == nil {
		return false, nil
	}
	return c.record.Group.Frozen()
}

// Processes are the pids, in the caller's PID namespace, of the container's processes.
func (c *Container) Processes() ([]int, error) {
	if err := c.allowed(oci.Ps); err != nil {
		return nil, err
	}
	pids, err := c.group().Processes()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, cgroup.ErrNoGroup) && c.alive():
		return []int{c.record.Pid}, nil // all that is known of a container without a group
	case errors.Is(err, cgroup.ErrNoGroup):
		return nil, nil
	}
	return pids, err
}

// killAll sends a signal to all processes of the container.
func (c *Container) killAll(sig unix.Signal) error {
	pids, err := c.Processes()
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return oci.ErrNotRunning
	}
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("signal %d to process %d: %w", sig, pid, err))
		}
	}
	c.Signalled()
	return errors.Join(errs...)
}

// Pause stops all processes of the container, and returns when they have stopped. The
// caller has the container's lock.
func (c *Container) Pause() error {
	if err := c.allowed(oci.Pause); err != nil {
		return err
	}
	return c.group().Freeze()
}

// Resume lets them go on. The caller has the container's lock.
func (c *Container) Resume() error {
	if err := c.allowed(oci.Resume); err != nil {
		return err
	}
	return c.group().Thaw()
}

// Update changes limits of the container: those that resources has. The caller has the
// container's lock.
func (c *Container) Update(resources *specs.LinuxResources) error {
	if err := c.allowed(oci.Update); err != nil {
		return err
	}
	return c.group().Set(resources)
}

// Stats are what the container has used.
func (c *Container) Stats() (*cgroup.Stats, error) {
	if err := c.allowed(oci.Events); err != nil {
		return nil, err
	}
	return c.group().Stats()
}

// Watch calls stats now and then, and oom whenever a process of the container is killed for
// want of memory, until the container has no control group any more.
func (c *Container) Watch(interval time.Duration, stats func(*cgroup.Stats) error, oom func() error) error {
	if err := c.allowed(oci.Events); err != nil {
		return err
	}
	watch, err := c.group().WatchOOM()
	if err != nil {
		return err
	}
	defer watch.Close()
	killed := make(chan error)
	go func() {
		for {
			err := watch.Wait()
			killed <- err
			if err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case err := <-killed:
			if err != nil {
				return nil // the group is gone
			}
			if err := oom(); err != nil {
				return err
			}
		case <-tick.C:
			s, err := c.group().Stats()
			if err != nil {
				return nil
			}
			if err := stats(s); err != nil {
				return err
			}
		}
	}
}

// mountGroups shows the container its own control groups: the one hierarchy of v2, or a
// directory of those of v1.
func (s *stage) mountGroups(m *specs.Mount, o *oci.MountOptions) error {
	target, err := s.target(m, false, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	attr := mountAttr(o).Attr_set
	one := slices.IndexFunc(s.Views, func(v cgroup.View) bool { return v.Name == "" || m.Type == "cgroup2" && v.Type == "cgroup2" })
	if one >= 0 {
		return s.mountView(&s.Views[one], target, attr, o)
	}
	fd, err := rootfs.FSMount("tmpfs", "tmpfs", []string{"mode=755"}, attr&^unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	if attr&unix.MOUNT_ATTR_RDONLY != 0 {
		s.readonly = append(s.readonly, fd)
	} else {
		defer unix.Close(fd)
	}
	if err := rootfs.Attach(fd, target); err != nil {
		return err
	}
	for i := range s.Views {
		v := &s.Views[i]
		if v.Type == "cgroup2" {
			continue // beside those of v1 it is the runtime's alone
		}
		if err := s.mountNamed(v, fd, attr, o); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// mountNamed shows a hierarchy in a directory of its name.
func (s *stage) mountNamed(v *cgroup.View, dir int, attr uint64, o *oci.MountOptions) error {
	name := path.Base(v.Name)
	target, err := ns.MkdirIn(dir, name, 0o755, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	for _, alias := range v.Aliases {
		if err := unix.Symlinkat(name, dir, path.Base(alias)); err != nil && err != unix.EEXIST {
			return err
		}
	}
	return s.mountView(v, target, attr, o)
}

// mountView shows a hierarchy: as it is from the container's namespace, or if that is the
// host's, only the container's part.
func (s *stage) mountView(v *cgroup.View, target int, attr uint64, o *oci.MountOptions) (err error) {
	var fd int
	if namespaceOf(s.Spec, specs.CgroupNamespace) != nil {
		var data []string
		if v.Data != "" {
			data = strings.Split(v.Data, ",")
		}
		fd, err = rootfs.FSMount(v.Type, v.Type, data, attr)
	} else {
		fd, err = unix.OpenTree(unix.AT_FDCWD, v.Dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err == nil {
			err = setAttr(fd, unix.MountAttr{Attr_set: attr}, false)
		}
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return s.attach(fd, target, o)
}
