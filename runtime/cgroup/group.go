package cgroup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// Errors of groups.
var (
	// ErrNotEmpty says that there are processes in a group, or groups below it, where none
	// must be.
	ErrNotEmpty = errors.New("container's cgroup is not empty")
	// ErrFrozen says that a group in which a container should begin is frozen.
	ErrFrozen = errors.New("container's cgroup is frozen")
	// ErrNoGroup says that a container has no control group, as where an ordinary user may not make any.
	ErrNoGroup = errors.New("the container has no cgroup")
)

// Group is the control group of a container: a directory in each hierarchy in which one could
// be made. It is what is kept of it, as JSON, for other processes. The zero Group is none.
type Group struct {
	// V1 are the directories by controller, or "name=...". Several may be the same.
	V1 map[string]string `json:"v1,omitempty"`
	// V2 is the directory in the v2 hierarchy, or "".
	V2 string `json:"v2,omitempty"`
	// Controllers are those of the v2 hierarchy.
	Controllers []string `json:"controllers,omitempty"`
	// Unit is the systemd unit that the directories belong to, or "".
	Unit string `json:"unit,omitempty"`
	// Rootless is that of Options.
	Rootless bool `json:"rootless,omitempty"`
}

// Options say which group a container gets.
type Options struct {
	// Path is linux.cgroupsPath: absolute in each hierarchy, or below the caller's own group, of v2
	// beside it. "" is one there that is called as ID. With Systemd it is "slice:prefix:name".
	Path string
	ID   string
	// Systemd has systemd make the group, as a scope, which begins with the process Pid.
	Systemd bool
	Pid     int
	// Rootless lets the container do without groups that the caller may not make, as long as
	// it asks for no limit there.
	Rootless bool
}

// Create makes a container's group. One that is there already is taken if it is empty, else the
// error is ErrNotEmpty. Nothing is left behind where it fails.
func Create(h *Host, o Options) (*Group, error) {
	name := o.Path
	g := &Group{Rootless: o.Rootless}
	switch {
	case o.Systemd:
		u, err := parseUnit(o.Path, o.ID)
		if err != nil {
			return nil, err
		}
		err = withSystemd(func(ctx context.Context, c *systemd.Conn) error {
			name, err = u.start(ctx, c, o.Pid)
			return err
		})
		if err != nil {
			return nil, err
		}
		g.Unit = u.name
	case name == "":
		name = o.ID
	}
	var made []string
	if err := g.create(h, name, &made); err != nil {
		for _, dir := range slices.Backward(made) {
			unix.Rmdir(dir)
		}
		if g.Unit != "" {
			err = errors.Join(err, removeUnit(g.Unit))
		}
		return nil, err
	}
	return g, nil
}

// create makes the group's directories, and adds those that it makes, and those above them, to made.
func (g *Group) create(h *Host, name string, made *[]string) error {
	if err := checkPath(name); err != nil {
		return err
	}
	for i := range h.hierarchies {
		y := &h.hierarchies[i]
		dir := y.dir(name)
		if dir == path.Clean(y.point) {
			return fmt.Errorf("linux.cgroupsPath %q: the root of all groups is no container's", name)
		}
		if err := makeGroup(y, dir, g.Unit != "", made); err != nil {
			if g.Rootless && denied(err) {
				continue
			}
			return err
		}
		g.add(y, dir)
		if slices.Contains(*made, dir) || g.Unit != "" {
			continue
		}
		n, err := count(dir)
		if err == nil && n > 0 {
			err = fmt.Errorf("%s: %w: %d process(es) found", dir, ErrNotEmpty, n)
		}
		if err != nil {
			return err
		}
	}
	return g.checkThawed()
}

// denied tells whether an error is one of those of who may not make groups.
func denied(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

// checkPath refuses paths that lead elsewhere.
func checkPath(name string) error {
	for _, part := range strings.Split(name, "/") {
		if part == ".." || strings.ContainsAny(part, "\n\x00") {
			return fmt.Errorf("linux.cgroupsPath %q: %w", name, unix.EINVAL)
		}
	}
	return nil
}

func (g *Group) add(y *hierarchy, dir string) {
	if y.v2 {
		g.V2, g.Controllers = dir, y.controllers
		return
	}
	if g.V1 == nil {
		g.V1 = make(map[string]string)
	}
	for _, c := range y.controllers {
		g.V1[c] = dir
	}
}

// makeGroup makes a group's directory and those above it.
func makeGroup(y *hierarchy, dir string, theirs bool, made *[]string) error {
	if err := makeDir(dir, made); err != nil {
		return err
	}
	switch {
	case y.v2 && theirs:
		return nil // systemd has chosen its controllers
	case y.v2:
		return enable(y, dir)
	case slices.Contains(y.controllers, "cpuset"):
		return inheritSets(y.point, dir)
	}
	return nil
}

// makeDir makes a directory and those above it, and adds those that were not there to made.
func makeDir(dir string, made *[]string) error {
	for again := 0; ; again++ {
		err := unix.Mkdir(dir, 0o755)
		switch {
		case err == nil:
			*made = append(*made, dir)
			return nil
		case err == unix.EEXIST:
			var st unix.Stat_t
			if err := unix.Lstat(dir, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
				return &fs.PathError{Op: "mkdir", Path: dir, Err: unix.ENOTDIR}
			}
			return nil
		case err != unix.ENOENT || dir == "/" || again > 9: // who fails to make a group removes those above it, too
			return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
		}
		if err := makeDir(path.Dir(dir), made); err != nil {
			return err
		}
	}
}

// enable lets the groups below the v2 hierarchy's root, down to dir, have all controllers that can be
// had. That one is not to be had is an error where somebody asks for it.
func enable(y *hierarchy, dir string) error {
	rel, err := filepath.Rel(y.point, path.Dir(dir))
	if err != nil {
		return err
	}
	at := y.point
	for _, part := range append([]string{"."}, strings.Split(rel, "/")...) {
		at = path.Join(at, part)
		for _, c := range y.controllers {
			_ = writeFile(path.Join(at, "cgroup.subtree_control"), "+"+c)
		}
	}
	return nil
}

// inheritSets gives a v1 cpuset group, and those above it, the CPUs and nodes that its parent has, where
// it has none: it can have no process otherwise; cpuset(7).
func inheritSets(point, dir string) error {
	if dir == point || len(dir) < len(point) {
		return nil
	}
	if err := inheritSets(point, path.Dir(dir)); err != nil {
		return err
	}
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		have, err := os.ReadFile(path.Join(dir, name))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(have)) != "" {
			continue
		}
		above, err := os.ReadFile(path.Join(path.Dir(dir), name))
		if err != nil {
			return err
		}
		if err := writeFile(path.Join(dir, name), strings.TrimSpace(string(above))); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes to a file of a group, which must exist.
func writeFile(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("write %q: %w", value, err)
	}
	return nil
}

// dirs are the group's directories, each once.
func (g *Group) dirs() []string {
	all := slices.Collect(maps.Values(g.V1))
	if g.V2 != "" {
		all = append(all, g.V2)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Exists tells whether there is such a group.
func (g *Group) Exists() bool { return len(g.V1) > 0 || g.V2 != "" }

// membership is the directory by which the group's processes are known.
func (g *Group) membership() (string, error) {
	if g.V2 != "" {
		return g.V2, nil
	}
	for _, c := range []string{"freezer", "devices", "pids", "memory"} {
		if d := g.V1[c]; d != "" {
			return d, nil
		}
	}
	if dirs := g.dirs(); len(dirs) > 0 {
		return dirs[0], nil
	}
	return "", ErrNoGroup
}

// Open opens the v2 directory, into which a process can be born by CLONE_INTO_CGROUP of clone(2).
// It is nil where there is none.
func (g *Group) Open() (*os.File, error) {
	if g.V2 == "" {
		return nil, nil
	}
	return os.OpenFile(g.V2, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Processes are the pids of the processes in the group and the groups below it, in order.
// ErrNoGroup says that it is not known, an error that is fs.ErrNotExist that the group is gone.
func (g *Group) Processes() ([]int, error) {
	dir, err := g.membership()
	if err != nil {
		return nil, err
	}
	pids, err := processes(dir)
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// processes are those in a directory's group and below it.
func processes(dir string) (pids []int, err error) {
	err = walk(unix.AT_FDCWD, dir, func(group *os.File) error {
		some, err := members(group)
		pids = append(pids, some...)
		return err
	})
	return pids, err
}

// members are the processes in a group.
func members(group *os.File) (pids []int, err error) {
	fd, err := unix.Openat(int(group.Fd()), "cgroup.procs", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path.Join(group.Name(), "cgroup.procs"), Err: err}
	}
	f := os.NewFile(uintptr(fd), "cgroup.procs")
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if pid, err := strconv.Atoi(lines.Text()); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODEV) { // a threaded group, one that goes
		return nil, err
	}
	return pids, nil
}
