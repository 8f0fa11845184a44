package oci

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"golang.org/x/sys/unix"
)

// TestFeatures compares the document with what validation takes.
func TestFeatures(t *testing.T) {
	f := Features()
	for _, option := range f.MountOptions {
		if o := ParseMountOptions([]string{option}); o.Data != "" {
			t.Errorf("%s goes to the file system", option)
		}
	}
	if len(f.MountOptions) != 62 || !slices.IsSorted(f.MountOptions) {
		t.Errorf("%d mount options", len(f.MountOptions))
	}
	if len(f.Linux.Capabilities) != 41 || f.Linux.Capabilities[0] != "CAP_CHOWN" || f.Linux.Capabilities[40] != "CAP_CHECKPOINT_RESTORE" {
		t.Errorf("capabilities: %v", f.Linux.Capabilities)
	}
	if slices.Contains(f.Linux.Seccomp.Actions, "SCMP_ACT_NOTIFY") || len(f.Linux.Seccomp.Actions) != 8 {
		t.Errorf("actions: %v", f.Linux.Seccomp.Actions)
	}
	if !slices.Contains(f.Linux.Seccomp.SupportedFlags, "SECCOMP_FILTER_FLAG_LOG") {
		t.Errorf("flags: %v", f.Linux.Seccomp.SupportedFlags)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var again features.Features
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*f, again); diff != "" {
		t.Error(diff)
	}
}

// TestDefault checks that the starting points are valid, and, where runc is installed,
// that they are its.
func TestDefault(t *testing.T) {
	for _, rootless := range []bool{false, true} {
		ours := Default(rootless)
		if err := Validate(ours, quiet); err != nil {
			t.Errorf("rootless %v: %v", rootless, err)
		}
		runc, err := exec.LookPath("runc")
		if err != nil {
			continue
		}
		dir := t.TempDir()
		args := []string{"spec", "--bundle", dir}
		if rootless {
			args = append(args, "--rootless")
		}
		if out, err := exec.Command(runc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(filepath.Join(dir, ConfigName))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := ParseSpec(ConfigName, text, quiet)
		if err != nil {
			t.Fatal(err)
		}
		// Its version, its name, and what versions before 1.2 had.
		theirs.Version, theirs.Hostname = ours.Version, ours.Hostname
		theirs.Process.Capabilities.Ambient = nil
		theirs.Process.Capabilities.Inheritable = nil
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("rootless %v: -runc +laplace\n%s", rootless, diff)
		}
	}
}

// TestMountOptions checks what is more than a look into a table.
func TestMountOptions(t *testing.T) {
	for _, test := range []struct {
		options []string
		want    MountOptions
	}{
		{nil, MountOptions{}},
		{[]string{"ro", "rw"}, MountOptions{Clear: unix.MS_RDONLY}},
		{[]string{"rw", "ro", "nosuid"}, MountOptions{Set: unix.MS_RDONLY | unix.MS_NOSUID}},
		{[]string{"rbind", "rprivate", "shared"}, MountOptions{Set: unix.MS_BIND | unix.MS_REC,
			Propagation: []uintptr{unix.MS_PRIVATE | unix.MS_REC, unix.MS_SHARED}}},
		{[]string{"rro", "rnosuid", "rrw"}, MountOptions{Recursive: unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID, Attr_clr: unix.MOUNT_ATTR_RDONLY}}},
		{[]string{"rnoatime"}, MountOptions{Recursive: unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOATIME, Attr_clr: unix.MOUNT_ATTR__ATIME}}},
		{[]string{"rrelatime"}, MountOptions{Recursive: unix.MountAttr{Attr_clr: unix.MOUNT_ATTR__ATIME}}},
		{[]string{"tmpcopyup", "defaults", "size=1", "acl"}, MountOptions{CopyUp: true, Data: "size=1,acl"}},
		{[]string{"ridmap"}, MountOptions{IDMap: true, IDMapRecursive: true}},
		{[]string{"ridmap", "idmap"}, MountOptions{IDMap: true}},
	} {
		if diff := cmp.Diff(test.want, ParseMountOptions(test.options)); diff != "" {
			t.Errorf("%q: -want +got\n%s", test.options, diff)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{"": nil, "0": {0}, " 1-3, 7,,8-8": {1, 2, 3, 7, 8}, "8191": {8191}, ",": nil} {
		set, err := ParseCPUs(list)
		var got []int
		for cpu := range maxCPU + 1 {
			if set != nil && set.IsSet(cpu) {
				got = append(got, cpu)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", list, got, err, want)
		}
	}
}

func TestSysctlPath(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.ip_forward": "net/ipv4/ip_forward", "net/ipv4/ip_forward": "net/ipv4/ip_forward",
		"net.ipv4.conf.eth0/1.forwarding": "net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding": "net/ipv4/conf/eth0.1/forwarding",
	} {
		if got := SysctlPath(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestKernelValues checks values that are put together.
func TestKernelValues(t *testing.T) {
	if got := IOPriority(&specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4}); got != 2<<13|4 {
		t.Errorf("I/O priority %#x", got)
	}
	mode, nodes := MemoryPolicy(&specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "1", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}})
	if mode != unix.MPOL_BIND|unix.MPOL_F_STATIC_NODES || !nodes.IsSet(1) || nodes.IsSet(0) {
		t.Errorf("memory policy %#x, %v", mode, nodes)
	}
}

func TestValidateRootless(t *testing.T) {
	if err := ValidateRootless(Default(true)); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*specs.Spec){
		"linux.namespaces: a caller without privileges needs a user namespace": func(s *specs.Spec) { s.Linux.Namespaces = nil },
		"linux.netDevices: only root moves network devices":                    func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"a": {}} },
		`mounts[2].options: "gid=5" is not in linux.gidMappings`:               func(s *specs.Spec) { s.Mounts[2].Options = []string{"uid=0", "gid=5"} },
		`mounts[2].options: "uid=1" is not in linux.uidMappings`:               func(s *specs.Spec) { s.Mounts[2].Options = []string{"uid=1"} },
		"mounts[5].options: only root maps the owners of a mount":              func(s *specs.Spec) { s.Mounts[5].Options = []string{"rbind", "idmap"} },
	} {
		s := Default(true)
		change(s)
		if err := ValidateRootless(s); err == nil || err.Error() != "config.json: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	s := Default(true)
	s.Mounts[2].Options = []string{"gid=5", "uid=x"}
	s.Linux.Namespaces[len(s.Linux.Namespaces)-1].Path = "/proc/1/ns/user"
	if err := ValidateRootless(s); err != nil {
		t.Errorf("a user namespace that is joined: %v", err)
	}
	s.Linux = nil
	if err := ValidateRootless(s); err == nil {
		t.Error("without linux")
	}
}

func TestHostID(t *testing.T) {
	mappings := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100, Size: 10}, {ContainerID: 20, HostID: 4294967290, Size: 5}}
	for id, want := range map[uint32]int64{0: 100, 9: 109, 10: -1, 19: -1, 20: 4294967290, 24: 4294967294, 25: -1, 4294967295: -1} {
		if host, ok := HostID(mappings, id); ok != (want >= 0) || ok && int64(host) != want {
			t.Errorf("%d: %d, %v, want %d", id, host, ok, want)
		}
	}
}

// TestCheckHost checks what this host doesn't have, whatever it has.
func TestCheckHost(t *testing.T) {
	dir := t.TempDir()
	good := func() *specs.Spec {
		s := Default(false)
		s.Root.Path = dir
		return s
	}
	if err := CheckHost("/", good()); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*specs.Spec){
		"config.json: root.path: invalid rootfs: stat /nonexistent/rootfs: no such file or directory": func(s *specs.Spec) { s.Root.Path = "rootfs" },
		"config.json: root.path: invalid rootfs: /dev/null is not a directory":                        func(s *specs.Spec) { s.Root.Path = "/dev/null" },
		"config.json: linux.namespaces[0].path: stat /nonexistent/ns: no such file or directory":      func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/nonexistent/ns" },
		`config.json: linux.sysctl["net.x"]: the network namespace at "/proc/self/ns/net" is the host's`: func(s *specs.Spec) {
			s.Linux.Namespaces[1].Path = "/proc/self/ns/net"
			s.Linux.Sysctl = map[string]string{"net.x": "1", "kernel.sem": "1"}
		},
		`config.json: linux.netDevices: the network namespace at "/proc/self/ns/net" is the host's`: func(s *specs.Spec) {
			s.Linux.Namespaces[1].Path = "/proc/self/ns/net"
			s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}}
		},
	} {
		s := good()
		change(s)
		if err := CheckHost("/nonexistent", s); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	s := good()
	s.Process.SelinuxLabel, s.Process.ApparmorProfile, s.Linux.MountLabel, s.Linux.IntelRdt = "x", "x", "x", &specs.LinuxIntelRdt{}
	for _, missing := range []struct {
		path string
		has  bool
		next func()
	}{
		{"process.selinuxLabel", mounted("/sys/fs/selinux", unix.SELINUX_MAGIC), func() { s.Process.SelinuxLabel = "" }},
		{"process.apparmorProfile", apparmor(), func() { s.Process.ApparmorProfile = "" }},
		{"linux.mountLabel", mounted("/sys/fs/selinux", unix.SELINUX_MAGIC), func() { s.Linux.MountLabel = "" }},
		{"linux.intelRdt", mounted("/sys/fs/resctrl", unix.RDTGROUP_SUPER_MAGIC), func() { s.Linux.IntelRdt = nil }},
	} {
		err := CheckHost("/", s)
		var doc *DocumentError
		if !missing.has && (!asDocument(err, &doc) || doc.Path != missing.path) {
			t.Errorf("%s: %v", missing.path, err)
		}
		missing.next()
	}
	if err := CheckHost("/", s); err != nil {
		t.Error(err)
	}
}

func asDocument(err error, doc **DocumentError) bool {
	d, ok := err.(*DocumentError)
	*doc = d
	return ok
}
