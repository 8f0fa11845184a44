package oci

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The guest's terminal.
const (
	terminalRows    = 24
	terminalColumns = 80
)

// guestUmask is the file mode creation mask that every command starts with.
const guestUmask uint32 = 0o022

// Build makes the bundle that o describes. It reads directories of the host to see what
// the root has to be composed of; equal directories give equal bundles.
func Build(o Options) (*Bundle, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	b := &Bundle{Spec: o.spec()}
	c := &composer{
		root: o.Root, whole: o.Whole, bundle: b,
		placed: map[string]placement{}, given: map[string]string{},
	}
	if err := o.compose(c); err != nil {
		return nil, err
	}
	slices.SortFunc(b.Spec.Mounts, func(x, y specs.Mount) int { return compare(x.Destination, y.Destination) })
	slices.SortFunc(b.Overlays, func(x, y Overlay) int { return compare(x.Target, y.Target) })
	slices.SortFunc(b.Files, func(x, y File) int { return compare(x.Path, y.Path) })
	slices.Sort(b.Omitted)
	slices.SortFunc(b.Symlinks, func(x, y Symlink) int { return compare(x.Path, y.Path) })
	return b, nil
}

// compare is Before as a three-way comparison.
func compare(a, b string) int {
	switch {
	case Before(a, b):
		return -1
	case Before(b, a):
		return 1
	}
	return 0
}

// compose places everything, by rank: see composer.
func (o *Options) compose(c *composer) error {
	for _, overlay := range o.overlays() {
		target, err := c.give(overlay.Source, overlay.Target)
		if err != nil {
			return err
		}
		c.bundle.Overlays = append(c.bundle.Overlays, Overlay{Source: overlay.Source, Target: target})
	}
	for _, bind := range o.ReadOnly {
		target, err := c.give(bind.Source, bind.Target)
		if err != nil {
			return err
		}
		c.bundle.Spec.Mounts = append(c.bundle.Spec.Mounts,
			specs.Mount{Destination: target, Type: "bind", Source: bind.Source, Options: bindOptions})
	}
	if err := c.checkNested(); err != nil {
		return err
	}
	if err := o.placeHome(c); err != nil {
		return err
	}
	for _, m := range o.kernelMounts() {
		c.mount(m)
	}
	if o.Settings.Network == NetworkHost {
		for _, name := range networkFiles {
			if source, err := filepath.EvalSymlinks(name); err == nil {
				c.bind(name, source)
			}
		}
	}
	for _, f := range o.pinnedFiles() {
		c.file(f)
	}
	for _, l := range pinnedSymlinks {
		c.symlink(l)
	}
	for target := range omitted {
		c.omit(target)
	}
	if !o.Whole {
		for target := range varEntries {
			if fi, err := os.Stat(filepath.Join(o.Root, target)); err == nil && fi.IsDir() {
				c.bind(target, filepath.Join(o.Root, target))
			}
		}
	}
	return c.entries()
}

// placeHome gives the guest a fresh, empty home directory, unless the caller asked for
// one that lies in something that the caller gave.
func (o *Options) placeHome(c *composer) error {
	home, err := c.resolve(o.home())
	if err != nil {
		return err
	}
	if !c.free(home) && o.Home == "" {
		return fmt.Errorf("home: %s is not empty, it lies in a directory of the host", home)
	}
	if err := o.homeHides(c, home); err != nil {
		return fmt.Errorf("home: %w", err)
	}
	c.mount(o.tmpfs(home, "0755"))
	return nil
}

// tmpfs is a fresh directory of the guest's.
func (o *Options) tmpfs(path, mode string) specs.Mount {
	return specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs", Options: []string{
		"nosuid", "nodev", "mode=" + mode,
		"uid=" + strconv.FormatUint(uint64(o.User.UID), 10),
		"gid=" + strconv.FormatUint(uint64(o.User.GID), 10),
	}}
}

// homeHides returns an error if an empty directory at home hides what a box has there.
func (o *Options) homeHides(c *composer, home string) error {
	if !c.free(home) {
		return nil // it is in what the caller gave, and stays as it is
	}
	if err := c.hides(home); err != nil {
		return err
	}
	for _, m := range o.kernelMounts() {
		if m.Destination == home {
			return fmt.Errorf("%s of a box is its own", home)
		}
	}
	top, rest, _ := strings.Cut(home[1:], "/")
	if c.whole || hostEntries[top] == "" {
		if home == "/var" {
			return fmt.Errorf("%s of a box is its own", home)
		}
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(c.root, home))
	if rest == "" || err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: it would hide what the box has there", home)
	}
	return nil
}

// kernelMounts are the file systems that every box has. The devices in /dev are those
// that the runtime-spec prescribes. The guest owns the temporary directories: where an
// ordinary user runs the box, it could not be otherwise.
func (o *Options) kernelMounts() []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "mode=0755"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "ptmxmode=0666", "mode=0620"}},
		o.tmpfs("/dev/shm", "1777"),
		o.tmpfs("/tmp", "1777"),
		o.tmpfs("/var/tmp", "1777"),
	}
}

// spec is everything in config.json but the mounts.
func (o *Options) spec() *specs.Spec {
	umask := guestUmask
	s := &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{
			Terminal:        o.Terminal,
			User:            specs.User{UID: o.User.UID, GID: o.User.GID, Umask: &umask},
			Args:            slices.Clone(o.Args),
			Env:             o.environ(),
			Cwd:             o.Cwd,
			Capabilities:    &specs.LinuxCapabilities{},
			Rlimits:         slices.Clone(rlimits),
			NoNewPrivileges: true,
		},
		Root:        &specs.Root{Path: "rootfs", Readonly: true},
		Hostname:    o.hostname(),
		Annotations: o.Settings.Annotations(),
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.UserNamespace}, {Type: specs.PIDNamespace}, {Type: specs.MountNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.IPCNamespace}, {Type: specs.CgroupNamespace},
			},
			UIDMappings:   []specs.LinuxIDMapping{{ContainerID: o.User.UID, HostID: o.HostUser.UID, Size: 1}},
			GIDMappings:   []specs.LinuxIDMapping{{ContainerID: o.User.GID, HostID: o.HostUser.GID, Size: 1}},
			ReadonlyPaths: slices.Clone(readonlyPaths),
		},
	}
	if o.Terminal {
		s.Process.ConsoleSize = &specs.Box{Height: terminalRows, Width: terminalColumns}
	}
	if o.Settings.Network == NetworkNone {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	s.Annotations[AnnotationRoot] = RootComposed
	return s
}

// environ is the guest's environment: built up from nothing, then what the caller gave.
func (o *Options) environ() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + o.home(),
		"LANG=C.UTF-8",
		"TZ=UTC",
		"USER=" + o.User.Name(),
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(o.Settings.Epoch, 10),
	}
	if o.Terminal {
		env = append(env, "TERM=xterm")
	}
	return AddEnv(env, o.Env)
}

// AddEnv returns env with the entries of more: each takes the place of one of the same
// name, or else follows. Entries are "NAME=VALUE".
func AddEnv(env, more []string) []string {
	env = slices.Clone(env)
	for _, entry := range more {
		name, _, _ := strings.Cut(entry, "=")
		if i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }); i >= 0 {
			env[i] = entry
		} else {
			env = append(env, entry)
		}
	}
	return env
}

// rlimits are the resource limits, see getrlimit(2), of every command. Soft limits are
// those of a Linux kernel without configuration; so are the hard ones, which any caller
// may therefore set that has not been limited further.
var rlimits = []specs.POSIXRlimit{
	{Type: "RLIMIT_AS", Soft: unlimited, Hard: unlimited},
	{Type: "RLIMIT_CPU", Soft: unlimited, Hard: unlimited},
	{Type: "RLIMIT_DATA", Soft: unlimited, Hard: unlimited},
	{Type: "RLIMIT_FSIZE", Soft: unlimited, Hard: unlimited},
	{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 4096},
	{Type: "RLIMIT_STACK", Soft: 8 << 20, Hard: unlimited},
}

// unlimited is RLIM_INFINITY.
const unlimited = 1<<64 - 1

// readonlyPaths cannot be written by the guest; those that a kernel doesn't have are
// skipped. None is masked: what is in /proc and not the guest's, its engine says.
var readonlyPaths = []string{
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
}
