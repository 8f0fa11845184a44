package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// CheckHost returns an error that names the first field of a valid configuration that this
// host cannot do: a directory or a namespace that is not there, a kernel without what is
// asked for. bundle is the directory that relative paths are taken from. What it finds may
// change at any time: it makes errors plain, and nothing safe.
func CheckHost(bundle string, s *specs.Spec) error {
	return located(ConfigName, nil, nil, first(
		under(checkRootfs(bundle, s), "root", "path"),
		under(checkNamespaces(s), "linux", "namespaces"),
		under(checkHostNetwork(s), "linux"),
		checkSecurity(s),
	))
}

// Rootfs is the directory that root.path names, absolute and clean.
func Rootfs(bundle string, s *specs.Spec) string {
	if filepath.IsAbs(s.Root.Path) {
		return filepath.Clean(s.Root.Path)
	}
	return filepath.Join(bundle, s.Root.Path)
}

func checkRootfs(bundle string, s *specs.Spec) error {
	if s.Annotations[AnnotationRoot] == RootComposed {
		return nil
	}
	fi, err := os.Stat(Rootfs(bundle, s))
	if err != nil {
		return fmt.Errorf("invalid rootfs: %w", err)
	}
	if !fi.IsDir() {
		return fmt.Errorf("invalid rootfs: %s is not a directory", Rootfs(bundle, s))
	}
	return nil
}

// namespaceFiles are the files of /proc/self/ns that a kernel has when it has the type.
var namespaceFiles = table[specs.LinuxNamespaceType, string]{
	specs.PIDNamespace:     "pid",
	specs.NetworkNamespace: "net",
	specs.MountNamespace:   "mnt",
	specs.IPCNamespace:     "ipc",
	specs.UTSNamespace:     "uts",
	specs.UserNamespace:    "user",
	specs.CgroupNamespace:  "cgroup",
	specs.TimeNamespace:    "time",
}

func checkNamespaces(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	return each(s.Linux.Namespaces, func(ns specs.LinuxNamespace) error {
		if _, err := os.Stat("/proc/self/ns/" + namespaceFiles[ns.Type]); errors.Is(err, os.ErrNotExist) {
			return wrong("type", "the kernel has no %s namespaces", ns.Type)
		}
		if ns.Path == "" {
			return nil
		}
		_, err := os.Stat(ns.Path)
		return under(err, "path")
	})
}

// checkHostNetwork refuses what would change the host's network: a namespace that is joined
// may be the host's own.
func checkHostNetwork(s *specs.Spec) error {
	v := validator{spec: s}
	ns := v.namespace(specs.NetworkNamespace)
	if ns == nil || ns.Path == "" {
		return nil
	}
	own, err := sameFile(ns.Path, "/proc/self/ns/net")
	if err != nil || !own {
		return err
	}
	if len(s.Linux.NetDevices) > 0 {
		return wrong("netDevices", "the network namespace at %s is the host's", quote(ns.Path))
	}
	return under(eachOf(s.Linux.Sysctl, func(name, _ string) error {
		if strings.HasPrefix(dotted(name), "net.") {
			return fmt.Errorf("the network namespace at %s is the host's", quote(ns.Path))
		}
		return nil
	}), "sysctl")
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}

// checkSecurity checks fields that only some kernels have something for.
func checkSecurity(s *specs.Spec) error {
	if p := s.Process; p != nil {
		if p.SelinuxLabel != "" && !mounted("/sys/fs/selinux", unix.SELINUX_MAGIC) {
			return under(errNoSELinux, "process", "selinuxLabel")
		}
		if p.ApparmorProfile != "" && p.ApparmorProfile != "unconfined" && !apparmor() {
			return under(errNoAppArmor, "process", "apparmorProfile")
		}
	}
	if l := s.Linux; l != nil {
		if l.MountLabel != "" && !mounted("/sys/fs/selinux", unix.SELINUX_MAGIC) {
			return under(errNoSELinux, "linux", "mountLabel")
		}
		if l.IntelRdt != nil && !mounted("/sys/fs/resctrl", unix.RDTGROUP_SUPER_MAGIC) {
			return under(errNoRDT, "linux", "intelRdt")
		}
	}
	return nil
}

// What fields ask for that a host doesn't have.
var (
	errNoSELinux  = errors.New("selinux label is specified in config, but selinux is disabled or not supported")
	errNoAppArmor = errors.New("apparmor profile is specified in config, but apparmor is disabled or not supported")
	errNoRDT      = errors.New("the host has no Intel RDT, or resctrl is not mounted at /sys/fs/resctrl")
)

// mounted reports whether a file system of a type is mounted at a directory.
func mounted(dir string, magic int64) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == magic
}

// apparmor reports whether AppArmor is on.
func apparmor() bool {
	data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && strings.HasPrefix(string(data), "Y")
}
