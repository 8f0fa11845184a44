// Package cgroup makes the control groups of a container, sets their limits, counts what they
// use, freezes and kills what is in them, and removes them: cgroups(7), the kernel's
// admin-guide/cgroup-v1 and admin-guide/cgroup-v2. It is the only part of the program that
// knows of control groups.
//
// There are three kinds of hosts: v1, with a hierarchy a controller or two; v2, with one
// hierarchy; and hybrid, where controllers are in v1 hierarchies beside a v2 one that has
// few of them, or none. A container has a directory in every hierarchy there is. Limits go where
// the controller is; the v2 directory, if there is one, is for membership, freezing and killing:
// a process that v1 has frozen neither stops for a tracer nor dies before it is thawed.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// ErrNone says that the host has no control groups that this process sees.
var ErrNone = errors.New("no control groups are mounted")

// A hierarchy is a tree of control groups that is mounted.
type hierarchy struct {
	controllers []string // of v1: memory, or cpu and cpuacct, or name=systemd; of v2 those that it has
	v2          bool
	point       string // where it is mounted
	root        string // the group that is mounted there
	own         string // this process's group; absolute in the hierarchy
}

// Host is what control groups a host has.
type Host struct{ hierarchies []hierarchy }

// Detect finds out what control groups the host has. The error is ErrNone or of reading /proc.
func Detect() (*Host, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer mounts.Close()
	own, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	h, err := parseHost(mounts, own, mounted)
	if err != nil {
		return nil, err
	}
	for i := range h.hierarchies {
		if y := &h.hierarchies[i]; y.v2 {
			text, err := os.ReadFile(path.Join(y.point, "cgroup.controllers"))
			if err != nil {
				return nil, err
			}
			y.controllers = strings.Fields(string(text))
		}
	}
	return h, nil
}

// v1Controllers are those that v1 hierarchies may have, as mount options name them.
var v1Controllers = []string{"blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "misc", "net_cls", "net_prio", "perf_event", "pids", "rdma"}

// mounted tells whether control groups are what is seen at a mount point: something else may be mounted
// over them, and it would take directories, too.
func mounted(point string, v2 bool) bool {
	var st unix.Statfs_t
	err := unix.Statfs(point, &st)
	return err == nil && uint32(st.Type) == map[bool]uint32{false: unix.CGROUP_SUPER_MAGIC, true: unix.CGROUP2_SUPER_MAGIC}[v2]
}

// parseHost reads what proc_pid_mountinfo(5) and the /proc/PID/cgroup of cgroups(7) describe. Of
// several mounts of one hierarchy that are seen the first counts.
func parseHost(mounts, own io.Reader, seen func(point string, v2 bool) bool) (*Host, error) {
	groups, err := parseOwn(own)
	if err != nil {
		return nil, err
	}
	infos, err := mountinfo.GetMountsFromReader(mounts, mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("mounts of control groups: %w", err)
	}
	h := &Host{}
	known := make(map[string]bool)
	for _, m := range infos {
		y := hierarchy{v2: m.FSType == "cgroup2", point: m.Mountpoint, root: m.Root}
		if !y.v2 {
			for _, o := range strings.Split(m.VFSOptions, ",") {
				if slices.Contains(v1Controllers, o) || strings.HasPrefix(o, "name=") {
					y.controllers = append(y.controllers, o)
				}
			}
			if len(y.controllers) == 0 {
				continue
			}
		}
		id := strings.Join(y.controllers, ",")
		if known[id] || !seen(y.point, y.v2) {
			continue
		}
		known[id] = true
		y.own = "/"
		if len(y.controllers) == 0 {
			y.own = groups[""]
		} else if g, ok := groups[y.controllers[0]]; ok {
			y.own = g
		}
		h.hierarchies = append(h.hierarchies, y)
	}
	if len(h.hierarchies) == 0 {
		return nil, ErrNone
	}
	return h, nil
}

// parseOwn reads a process's groups: by controllers of v1, and "" for v2.
func parseOwn(r io.Reader) (map[string]string, error) {
	groups := map[string]string{"": "/"}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		_, rest, ok := strings.Cut(lines.Text(), ":")
		controllers, group, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 || !strings.HasPrefix(group, "/") {
			return nil, fmt.Errorf("unknown line in /proc/self/cgroup: %q", lines.Text())
		}
		for _, c := range strings.Split(controllers, ",") {
			groups[c] = group
			// It is outside of what this process sees, or removed.
			if strings.HasPrefix(group, "/..") || strings.HasSuffix(group, " (deleted)") {
				groups[c] = "/"
			}
		}
	}
	return groups, lines.Err()
}

// Unified tells whether all controllers are in one v2 hierarchy.
func (h *Host) Unified() bool {
	return len(h.hierarchies) == 1 && h.hierarchies[0].v2
}

// with is the hierarchy that has a controller, or nil.
func (h *Host) with(controller string) *hierarchy {
	for i := range h.hierarchies {
		if slices.Contains(h.hierarchies[i].controllers, controller) {
			return &h.hierarchies[i]
		}
	}
	return nil
}

// dir is the directory of a group: an absolute one in the hierarchy, or one below this process's. Of v2
// it is one beside this process's: a group that has processes gives no controllers to those below it.
func (y *hierarchy) dir(group string) string {
	if path.IsAbs(group) {
		return path.Join(y.point, group)
	}
	own := y.own
	if y.root != "/" {
		rest, ok := strings.CutPrefix(own, y.root)
		if !ok || rest != "" && rest[0] != '/' {
			rest = "/" // what is mounted is not above this process's group
		}
		own = rest
	}
	if y.v2 {
		own = path.Dir(path.Join("/", own))
	}
	return path.Join(y.point, own, path.Join("/", group))
}
