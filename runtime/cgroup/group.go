package cgroup

import (
	"bufio"
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
	"time"

	"golang.org/x/sys/unix"
)

// Errors of groups.
var (
	// ErrNotEmpty says that there are processes in a group, or groups below it, where none
	// must be.
	ErrNotEmpty = errors.New("container's cgroup is not empty")
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
	// Path is linux.cgroupsPath: absolute in each hierarchy, or below the caller's own group. ""
	// is a group below the caller's that is called as ID. With Systemd it is "slice:prefix:name".
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
		if err := u.start(o.Pid); err != nil {
			return nil, err
		}
		g.Unit, name = u.name, u.path()
	case name == "":
		name = o.ID
	}
	if err := checkPath(name); err != nil {
		return nil, err
	}
	for i := range h.hierarchies {
		y := &h.hierarchies[i]
		dir := y.dir(name)
		if dir == path.Clean(y.point) {
			g.Remove()
			return nil, fmt.Errorf("linux.cgroupsPath %q: the root of all groups is no container's", o.Path)
		}
		made, err := makeGroup(y, dir, g.Unit != "")
		if err != nil {
			if o.Rootless && denied(err) {
				continue
			}
			g.Remove()
			return nil, err
		}
		g.add(y, dir)
		if !made && g.Unit == "" {
			if n, err := count(dir); err != nil || n > 0 {
				g.forget(dir)
				g.Remove()
				if err == nil {
					err = fmt.Errorf("%s: %w: %d process(es) found", dir, ErrNotEmpty, n)
				}
				return nil, err
			}
		}
	}
	return g, nil
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

// forget has Remove leave a directory alone.
func (g *Group) forget(dir string) {
	maps.DeleteFunc(g.V1, func(_, d string) bool { return d == dir })
	if g.V2 == dir {
		g.V2 = ""
	}
}

// makeGroup makes a group's directory and those above it. made is false if it was there.
func makeGroup(y *hierarchy, dir string, theirs bool) (made bool, err error) {
	if err := os.MkdirAll(path.Dir(dir), 0o755); err != nil {
		return false, err
	}
	err = os.Mkdir(dir, 0o755)
	made = err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	switch {
	case y.v2 && !theirs:
		err = enable(y, dir)
	case slices.Contains(y.controllers, "cpuset"):
		err = inheritSets(y.point, dir)
	default:
		err = nil
	}
	if err != nil && made {
		os.Remove(dir)
	}
	return made, err
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

// members is the directory by which the group's processes are known.
func (g *Group) members() (string, error) {
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

// Join puts a process, by its pid here, into the group.
func (g *Group) Join(pid int) error {
	for _, dir := range g.dirs() {
		err := writeFile(path.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
		if err != nil {
			return fmt.Errorf("join cgroup %s: %w", dir, err)
		}
	}
	return nil
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
	dir, err := g.members()
	if err != nil {
		return nil, err
	}
	pids, err := processes(dir)
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// processes are those in a directory's group and below it.
func processes(dir string) (pids []int, err error) {
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			if p != dir && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if !e.IsDir() {
			return nil
		}
		f, err := os.Open(path.Join(p, "cgroup.procs"))
		if err != nil {
			if p != dir && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipDir
			}
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if pid, err := strconv.Atoi(lines.Text()); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		if err := lines.Err(); err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODEV) { // a threaded group, one that goes
			return err
		}
		return nil
	})
	return pids, err
}

func count(dir string) (int, error) {
	pids, err := processes(dir)
	return len(pids), err
}

// How long is waited for the kernel at most.
const (
	step    = time.Millisecond
	maxWait = 10 * time.Second
)

// until asks f again and again until it is done, at most for maxWait, and tells whether it was.
func until(f func() (done bool, err error)) (bool, error) {
	wait := step
	for waited := time.Duration(0); ; waited += wait {
		done, err := f()
		if done || err != nil || waited >= maxWait {
			return done, err
		}
		time.Sleep(wait)
		wait = min(2*wait, 100*time.Millisecond)
	}
}

// Kill ends all processes in the group and below it by SIGKILL, frozen or not, and does not wait
// for that. A group that is gone has none.
func (g *Group) Kill() error {
	if g.V2 != "" {
		err := writeFile(path.Join(g.V2, "cgroup.kill"), "1")
		if err == nil {
			return g.thawV1()
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	// They may fork meanwhile.
	known := make(map[int]bool)
	for {
		pids, err := g.Processes()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		news := false
		for _, pid := range pids {
			if !known[pid] && unix.Kill(pid, unix.SIGKILL) == nil {
				known[pid], news = true, true
			}
		}
		if !news {
			return g.thawV1()
		}
	}
}

// Remove removes the group, and those below it: the error is ErrNotEmpty if processes are left after
// a while. What is not there any more is no error.
func (g *Group) Remove() error {
	_ = g.thawV1()
	var errs []error
	for _, dir := range g.dirs() {
		gone, err := until(func() (bool, error) {
			err := removeTree(dir)
			if errors.Is(err, unix.EBUSY) {
				return false, nil
			}
			return err == nil, err
		})
		if err == nil && !gone {
			n, _ := count(dir)
			err = fmt.Errorf("%s: %w: %d process(es) found", dir, ErrNotEmpty, n)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if g.Unit != "" {
		errs = append(errs, stopUnit(g.Unit))
	}
	return errors.Join(errs...)
}

// removeTree removes a directory of groups. Files in it are the kernel's, and go with it.
func removeTree(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	below, rerr := os.ReadDir(dir)
	if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return rerr
	}
	for _, e := range below {
		if e.IsDir() {
			if err := removeTree(path.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err = unix.Rmdir(dir); err == nil || err == unix.ENOENT {
		return nil
	}
	return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
}
