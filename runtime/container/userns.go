package container

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// UserNSAuto is the value of Options.UserNS that adds a user namespace to a configuration that has none.
const UserNSAuto = "auto"

// Of containers with a user namespace that is added, root has mappedIDs ids, one of mappedRanges ranges of the host's that
// no users have: from oci.HostIDs on, after those of boxes.
const (
	mappedIDs    = 1 << 16
	mappedRanges = 1 << 12
)

// addUserNamespace adds a user namespace to a configuration that has none, and tells whether it has; id is the container's.
func addUserNamespace(s *specs.Spec, id string) bool {
	if namespaceOf(s, specs.UserNamespace) != nil {
		return false
	}
	if s.Linux == nil {
		s.Linux = &specs.Linux{}
	}
	l := s.Linux
	if ns.Rootless() {
		l.UIDMappings = callerMappings(os.Geteuid(), "newuidmap", "/etc/subuid")
		l.GIDMappings = callerMappings(os.Getegid(), "newgidmap", "/etc/subgid")
	} else {
		// Others may have the same: what keeps containers apart are the namespaces, and the files are the ones they see.
		h := fnv.New32a()
		h.Write([]byte(id))
		l.UIDMappings = []specs.LinuxIDMapping{{HostID: oci.HostIDs + mappedIDs*(1+h.Sum32()%mappedRanges), Size: mappedIDs}}
		l.GIDMappings = slices.Clone(l.UIDMappings)
	}
	l.Namespaces = append(slices.Clone(l.Namespaces), specs.LinuxNamespace{Type: specs.UserNamespace})
	for i := range s.Mounts {
		s.Mounts[i].Options = slices.DeleteFunc(s.Mounts[i].Options, func(option string) bool { return unmapped(l, option) })
	}
	return true
}

// callerMappings are the caller's own id as root, and, where the host gives the caller more and has the tool that maps
// them, those from 1 on; subuid(5).
func callerMappings(id int, tool, file string) []specs.LinuxIDMapping {
	m := []specs.LinuxIDMapping{{HostID: uint32(id), Size: 1}}
	if _, err := exec.LookPath(tool); err != nil {
		return m
	}
	names := []string{strconv.Itoa(os.Geteuid())}
	if u, err := user.LookupUid(os.Geteuid()); err == nil {
		names = append(names, u.Name)
	}
	ranges, err := user.ParseSubIDFileFilter(file, func(r user.SubID) bool { return slices.Contains(names, r.Name) })
	if err != nil || len(ranges) == 0 {
		return m
	}
	return append(m, specs.LinuxIDMapping{ContainerID: 1, HostID: uint32(ranges[0].SubID), Size: uint32(min(ranges[0].Count, mappedIDs-1))})
}

// unmapped tells whether an option of a mount names an owner that a user namespace has not.
func unmapped(l *specs.Linux, option string) bool {
	name, value, _ := strings.Cut(option, "=")
	mappings := l.UIDMappings
	switch name {
	case "uid":
	case "gid":
		mappings = l.GIDMappings
	default:
		return false
	}
	id, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return false
	}
	_, ok := oci.HostID(mappings, uint32(id))
	return !ok
}

// openMappedRoot is a detached mount of the root of a container whose user namespace has been added: files of the host's
// root are there its own root's.
func openMappedRoot(s *specs.Spec, root string) (int, error) {
	o := oci.MountOptions{IDMap: true}
	o.Set = unix.MS_REC
	fd, err := openSource("", s, &specs.Mount{Source: root}, &o)
	if errors.Is(err, unix.EINVAL) {
		return -1, fmt.Errorf("--userns %s: root: its file system cannot map owners, give linux.uidMappings and files of theirs: %w", UserNSAuto, err)
	}
	if err != nil {
		return -1, fmt.Errorf("root: %w", err)
	}
	return fd, nil
}
