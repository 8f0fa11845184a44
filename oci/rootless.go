package oci

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ValidateRootless returns an error that names the first field of a valid configuration
// that a caller without privileges cannot have: one that is not root in its user
// namespace. The rules are runc's.
func ValidateRootless(s *specs.Spec) error {
	v := validator{spec: s}
	if !v.has(specs.UserNamespace) {
		return located(ConfigName, nil, nil, under(errors.New("a caller without privileges needs a user namespace"), "linux", "namespaces"))
	}
	if len(s.Linux.NetDevices) > 0 {
		return located(ConfigName, nil, nil, under(errors.New("only root moves network devices"), "linux", "netDevices"))
	}
	return located(ConfigName, nil, nil, under(each(s.Mounts, v.mountRootless), "mounts"))
}

// mountRootless refuses mapped owners, and owners that the new user namespace has not.
func (v *validator) mountRootless(m specs.Mount) error {
	o := ParseMountOptions(m.Options)
	if idMapped(&m, &o) {
		return wrong("options", "only root maps the owners of a mount")
	}
	if !v.private(specs.UserNamespace) {
		return nil // whose mappings the configuration doesn't have
	}
	for option := range strings.SplitSeq(o.Data, ",") {
		name, value, _ := strings.Cut(option, "=")
		mappings := v.spec.Linux.UIDMappings
		switch name {
		case "gid":
			mappings = v.spec.Linux.GIDMappings
		case "uid":
		default:
			continue
		}
		id, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			continue // the file system will say what it thinks of it
		}
		if _, ok := HostID(mappings, uint32(id)); !ok {
			return under(fmt.Errorf("%s is not in linux.%sMappings", quote(option), name), "options")
		}
	}
	return nil
}

// HostID is the ID outside of a user namespace of one inside, by its mappings.
func HostID(mappings []specs.LinuxIDMapping, id uint32) (host uint32, ok bool) {
	for _, m := range mappings {
		if id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size) {
			return m.HostID + (id - m.ContainerID), true
		}
	}
	return 0, false
}
