package oci

import (
	"errors"
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A sysctlRule says which namespace kernel parameters belong to.
type sysctlRule struct {
	name string // all that begin with it if it ends in a dot
	ns   specs.LinuxNamespaceType
	why  string // not "" if they cannot be set all the same
}

// sysctlRules are the parameters that a container may have of its own, see namespaces(7).
// All others are the host's.
var sysctlRules = []sysctlRule{
	{"fs.mqueue.", specs.IPCNamespace, ""},
	{"kernel.msgmax", specs.IPCNamespace, ""},
	{"kernel.msgmnb", specs.IPCNamespace, ""},
	{"kernel.msgmni", specs.IPCNamespace, ""},
	{"kernel.sem", specs.IPCNamespace, ""},
	{"kernel.shm_rmid_forced", specs.IPCNamespace, ""},
	{"kernel.shmall", specs.IPCNamespace, ""},
	{"kernel.shmmax", specs.IPCNamespace, ""},
	{"kernel.shmmni", specs.IPCNamespace, ""},
	{"kernel.domainname", specs.UTSNamespace, ""},
	{"kernel.hostname", specs.UTSNamespace, "the field hostname does it"},
	{"net.", specs.NetworkNamespace, ""},
	{"user.", specs.UserNamespace, ""},
}

// SysctlPath is where a kernel parameter is below /proc/sys: "net.ipv4.ip_forward" and
// "net/ipv4/ip_forward" are both net/ipv4/ip_forward, and "net/ipv4/conf/eth0.1/forwarding"
// is what "net.ipv4.conf.eth0/1.forwarding" is; see sysctl.d(5). The name is one that
// [Validate] has accepted.
func SysctlPath(name string) string { return swapDots(dotted(name)) }

// dotted is a parameter's name with dots between its components.
func dotted(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '.' {
		return name
	}
	return swapDots(name)
}

// swapDots makes dots of slashes, and slashes of dots.
func swapDots(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, name)
}

func (v *validator) sysctl(name, _ string) error {
	canonical := dotted(name)
	for component := range strings.SplitSeq(SysctlPath(name), "/") {
		if component == "" || component == "." || component == ".." {
			return errors.New("not the name of a kernel parameter")
		}
	}
	for _, rule := range sysctlRules {
		if canonical != rule.name && (!strings.HasSuffix(rule.name, ".") || !strings.HasPrefix(canonical, rule.name)) {
			continue
		}
		if !v.has(rule.ns) {
			return fmt.Errorf("belongs to the %s namespace, which is the host's here", rule.ns)
		}
		if rule.why != "" {
			return fmt.Errorf("cannot be set: %s", rule.why)
		}
		return nil
	}
	return errors.New("does not belong to a namespace, it would change the host")
}
