package cgroup

import (
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// alwaysAllowed are the devices that every container may use, whatever its list says: those that
// the section "Default Devices" of config-linux gives it, and making nodes of any, by which
// alone nothing can be done.
var alwaysAllowed = []specs.LinuxDeviceCgroup{
	device("c", -1, -1, "m"), device("b", -1, -1, "m"),
	device("c", 1, 3, "rwm"), // null
	device("c", 1, 5, "rwm"), // zero
	device("c", 1, 7, "rwm"), // full
	device("c", 1, 8, "rwm"), // random
	device("c", 1, 9, "rwm"), // urandom
	device("c", 5, 0, "rwm"), // tty
	device("c", 5, 2, "rwm"), // ptmx
	device("c", 136, -1, "rwm"),
}

func device(kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
	return specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: access}
}

// setDevices says which devices may be used.
func (g *Group) setDevices(list []specs.LinuxDeviceCgroup) error {
	if len(list) == 0 {
		return nil
	}
	list = append(slices.Clone(list), alwaysAllowed...)
	if dir := g.V1["devices"]; dir != "" {
		for i, d := range list {
			name := map[bool]string{true: "devices.allow", false: "devices.deny"}[d.Allow]
			if err := writeFile(path.Join(dir, name), deviceRule(d)); err != nil {
				return &FieldError{fmt.Sprintf("devices[%d]", i), err}
			}
		}
		return nil
	}
	if g.V2 == "" {
		return &FieldError{"devices", ErrNoGroup}
	}
	program, license, err := cgroup2.DeviceFilter(list)
	if err != nil {
		return &FieldError{"devices", err}
	}
	dir, err := os.OpenFile(g.V2, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return &FieldError{"devices", err}
	}
	defer dir.Close()
	if _, err := cgroup2.LoadAttachCgroupDeviceFilter(program, license, int(dir.Fd())); err != nil {
		return &FieldError{"devices", err}
	}
	return nil
}

// deviceRule is a rule as v1's devices controller reads it.
func deviceRule(d specs.LinuxDeviceCgroup) string {
	part := func(n *int64) string {
		if n == nil || *n < 0 {
			return "*"
		}
		return number(*n)
	}
	kind, access := d.Type, d.Access
	if kind == "" {
		kind = "a"
	}
	if access == "" {
		access = "rwm"
	}
	return kind + " " + part(d.Major) + ":" + part(d.Minor) + " " + access
}
