package cgroup

import (
	"path"
	"slices"
	"strings"
)

// View is a hierarchy as a container sees it that has a mount of the type cgroup.
type View struct {
	// Name is that of the directory in which it is mounted, such as "cpu,cpuacct"; "" is the
	// only hierarchy of a v2 host, which is mounted in place of them all.
	Name string
	// Aliases are symbolic links to Name, for controllers that share a hierarchy.
	Aliases []string
	// Type is what mount(2) calls it, cgroup or cgroup2, and Data its options.
	Type, Data string
	// Dir is the container's group on the host, to be bound where the container has no cgroup
	// namespace of its own.
	Dir string
}

// Views are the hierarchies in which a container has a group, in order of their names.
func (g *Group) Views(h *Host) (all []View) {
	for i := range h.hierarchies {
		y := &h.hierarchies[i]
		if y.v2 {
			v := View{Type: "cgroup2", Dir: g.V2}
			if !h.Unified() {
				v.Name = "unified"
			}
			if v.Dir != "" {
				all = append(all, v)
			}
			continue
		}
		v := View{Name: path.Base(y.point), Type: "cgroup", Data: strings.Join(y.controllers, ","), Dir: g.V1[y.controllers[0]]}
		for _, c := range y.controllers {
			if c != v.Name && !strings.HasPrefix(c, "name=") {
				v.Aliases = append(v.Aliases, c)
			}
		}
		if v.Dir != "" {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b View) int { return strings.Compare(a.Name, b.Name) })
	return all
}
