package oci

import (
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"golang.org/x/sys/unix"
)

// annotations of Features that runc defines and that others may give, see runc's package
// types/features.
const (
	annotationRuncVersion = "org.opencontainers.runc.version"
	annotationCheckpoint  = "org.opencontainers.runc.checkpoint.enabled"
)

// Features is the document that `features` prints: what of the runtime-spec is implemented,
// whether this host has it or not; see features and features-linux. It is made of the
// tables that validation is made of.
func Features() *features.Features {
	yes := func() *bool { b := true; return &b }
	no := new(bool) // not done yet
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         slices.Clone(hookNames),
		MountOptions: slices.Sorted(slices.Values(slices.Concat(
			mountFlags.names(), propagations.names(), recursiveFlags.names(), mountExtensions.names()))),
		Linux: &features.Linux{
			Namespaces:   namespaces.names(),
			Capabilities: capabilityNames(),
			Cgroup:       &features.Cgroup{V1: yes(), V2: yes(), Systemd: yes(), SystemdUser: yes(), Rdma: yes()},
			Seccomp: &features.Seccomp{
				Enabled:        yes(),
				Actions:        seccompActions.names(),
				Operators:      seccompOperators.names(),
				Archs:          seccompArchs.names(),
				KnownFlags:     seccompFlags.names(),
				SupportedFlags: supportedSeccompFlags(),
			},
			Apparmor:        &features.Apparmor{Enabled: yes()},
			Selinux:         &features.Selinux{Enabled: yes()},
			IntelRdt:        &features.IntelRdt{Enabled: no},
			MemoryPolicy:    &features.MemoryPolicy{Modes: memoryPolicyModes.names(), Flags: memoryPolicyFlags.names()},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: yes()}},
			NetDevices:      &features.NetDevices{Enabled: no},
		},
		Annotations: map[string]string{
			annotationRuncVersion: RuncVersion,
			annotationCheckpoint:  "false",
		},
		PotentiallyUnsafeConfigAnnotations: []string{"bundle", AnnotationPrefix, "org.systemd.property."},
	}
}

// capabilityNames are in the order of their numbers.
func capabilityNames() []string {
	return slices.SortedFunc(maps.Keys(capabilities), func(a, b string) int {
		return int(capabilities[a]) - int(capabilities[b])
	})
}

// supportedSeccompFlags are those that this kernel has, or that have no effect.
func supportedSeccompFlags() []string {
	var supported []string
	for _, name := range seccompFlags.names() {
		if SeccompFlagSupported(seccompFlags[specs.LinuxSeccompFlag(name)]) {
			supported = append(supported, name)
		}
	}
	return supported
}

// SeccompFlagSupported reports whether this kernel's seccomp(2) knows a flag: it looks for
// unknown ones before it looks for the filter, which is not there.
func SeccompFlagSupported(flag uint) bool {
	const setModeFilter = 1 // SECCOMP_SET_MODE_FILTER
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, setModeFilter, uintptr(flag), 0)
	return errno == unix.EFAULT
}
