package cgroup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

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

// A rule allows or denies accesses to devices.
type rule struct {
	allow        bool
	kind         byte  // 'a', 'b' or 'c'
	major, minor int64 // -1 is any
	access       string
}

// everything tells whether a rule is of every access to every device.
func (r rule) everything() bool {
	return r.kind == 'a' && r.major < 0 && r.minor < 0 && r.access == "rwm"
}

// parseRule reads a rule of config.json, where what is missing means any.
func parseRule(d specs.LinuxDeviceCgroup) (rule, error) {
	r := rule{allow: d.Allow, kind: 'a', major: -1, minor: -1}
	switch d.Type {
	case "", "a":
	case "b", "c":
		r.kind = d.Type[0]
	default:
		return rule{}, fmt.Errorf("type %q: %w", d.Type, unix.EINVAL)
	}
	for _, n := range []struct {
		from *int64
		to   *int64
	}{{d.Major, &r.major}, {d.Minor, &r.minor}} {
		switch {
		case n.from == nil || *n.from == -1:
		case *n.from < 0 || *n.from > 1<<20:
			return rule{}, fmt.Errorf("number %d: %w", *n.from, unix.EINVAL)
		default:
			*n.to = *n.from
		}
	}
	if strings.Trim(d.Access, "rwm") != "" {
		return rule{}, fmt.Errorf("access %q: %w", d.Access, unix.EINVAL)
	}
	r.access = accesses(func(c rune) bool { return d.Access == "" || strings.ContainsRune(d.Access, c) })
	return r, nil
}

// setDevices says which devices may be used. Who has no privileges on the host may not say so, and
// needs not: the container can make no nodes, and open none that its user may not.
func (g *Group) setDevices(list []specs.LinuxDeviceCgroup) error {
	if len(list) == 0 {
		return nil
	}
	rules := make([]rule, 0, len(list)+len(alwaysAllowed))
	for i, d := range slices.Concat(list, alwaysAllowed) {
		r, err := parseRule(d)
		if err != nil {
			return &FieldError{fmt.Sprintf("devices[%d]", i), err}
		}
		rules = append(rules, r)
	}
	var err error
	switch dir := g.V1["devices"]; {
	case dir != "":
		err = writeRules(dir, rules)
	case g.V2 != "":
		err = attachRules(g.V2, rules)
	default:
		err = ErrNoGroup
	}
	if err == nil || g.Rootless && (denied(err) || errors.Is(err, ErrNoGroup)) {
		return nil
	}
	return &FieldError{"devices", err}
}

// attachRules gives a v2 group a program that decides by rules, in place of the one that it has.
func attachRules(dir string, rules []rule) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return attachProgram(f, rulesProgram(rules))
}
