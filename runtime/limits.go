package runtime

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// keepHard stands for the hard limit that is in force.
const keepHard = ^uint64(0) - 1

// defaultLimits are those of a process that the specification says nothing
// about; a smaller hard limit in force lowers them.
var defaultLimits = []specs.POSIXRlimit{
	// Whatever the host does with cores, it makes none: a file would be too
	// large, and 1 keeps them from programs as well; core(5).
	{Type: "RLIMIT_CORE", Soft: 1, Hard: keepHard},
	{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: keepHard},
	// Counted together with what else the user has on the host: as many as can
	// be. What fails for want of more taints.
	{Type: "RLIMIT_NPROC", Soft: unix.RLIM_INFINITY, Hard: keepHard},
	{Type: "RLIMIT_SIGPENDING", Soft: unix.RLIM_INFINITY, Hard: keepHard},
	{Type: "RLIMIT_STACK", Soft: 8 << 20, Hard: keepHard},
}

// limit is a limit to set.
type limit struct {
	name       string
	resource   int
	soft, hard uint64
}

// limitsOf returns the limits of the specification and the defaults.
func limitsOf(list []specs.POSIXRlimit) ([]limit, error) {
	var limits []limit
	for _, l := range append(slices.Clone(list), defaultLimits...) {
		r, ok := oci.RlimitNumber(l.Type)
		if !ok {
			return nil, failure(InitConfig, "unknown resource limit %q: %w", l.Type, unix.EINVAL)
		}
		if slices.ContainsFunc(limits, func(have limit) bool { return have.resource == r }) {
			if l.Hard == keepHard {
				continue
			}
			return nil, failure(InitConfig, "resource limit %s is set twice: %w", l.Type, unix.EINVAL)
		}
		if l.Hard == keepHard {
			var now unix.Rlimit
			if err := unix.Prlimit(0, r, nil, &now); err != nil {
				return nil, fmt.Errorf("resource limit %s: %w", l.Type, err)
			}
			l.Hard, l.Soft = now.Max, min(l.Soft, now.Max)
		}
		if l.Soft > l.Hard {
			return nil, failure(InitConfig, "resource limit %s: soft %d above hard %d: %w", l.Type, l.Soft, l.Hard, unix.EINVAL)
		}
		limits = append(limits, limit{l.Type, r, l.Soft, l.Hard})
	}
	return limits, nil
}

// raiseHard raises hard limits of this process where those that a box is to have
// are higher, for the command has no right to: that takes CAP_SYS_RESOURCE on
// the host.
func raiseHard(list []specs.POSIXRlimit) error {
	limits, err := limitsOf(list)
	if err != nil {
		return err
	}
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Prlimit(0, l.resource, nil, &now); err != nil {
			return fmt.Errorf("resource limit %s: %w", l.name, err)
		}
		if l.hard <= now.Max {
			continue
		}
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: now.Cur, Max: l.hard}, nil); err != nil {
			return &ns.Error{
				Op:   fmt.Sprintf("raise the hard limit %s from %d to %s", l.name, now.Max, limitText(l.hard)),
				Hint: "raise it for the user that runs laplace (ulimit -H, limits.conf)",
				Err:  err,
			}
		}
	}
	return nil
}

// RaiseLimits raises those soft limits of this process to the hard ones that
// would keep Laplace itself from its work. The command's are set anew: see
// defaultLimits.
func RaiseLimits() {
	for _, r := range [...]int{unix.RLIMIT_AS, unix.RLIMIT_CPU, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE, unix.RLIMIT_NPROC} {
		var l unix.Rlimit
		if unix.Prlimit(0, r, nil, &l) == nil && l.Cur < l.Max {
			l.Cur = l.Max
			_ = unix.Prlimit(0, r, &l, nil) // what fails for want of it says so
		}
	}
}

// leastProcesses is how many threads Laplace's own processes need, with some to
// spare for the box.
const leastProcesses = 64

// checkLimits looks whether a box can have its limits. Before anything of it is
// started, so that nothing dies of those of the caller.
func checkLimits(box *Box) error {
	if err := raiseHard(box.Spec.Process.Rlimits); err != nil {
		return &Error{Op: "box", Err: err, Hint: ns.Hint(err)}
	}
	var l unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NPROC, nil, &l); err == nil && ns.Rootless() && l.Cur < leastProcesses {
		return &Error{Op: "box", Err: fmt.Errorf("RLIMIT_NPROC is %d: laplace alone has more threads", l.Cur),
			Hint: "raise it for the user that runs laplace (ulimit -u, limits.conf)"}
	}
	return nil
}

// limitText is a limit as a user reads it.
func limitText(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
