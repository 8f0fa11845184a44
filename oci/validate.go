package oci

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The checks of this file and of validate_*.go follow config and config-linux of the
// runtime-spec. Each returns the first thing that is wrong, with the way to it.

// first is the first of some checks that failed.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each checks the elements of an array.
func each[T any](list []T, check func(T) error) error {
	for i, x := range list {
		if err := check(x); err != nil {
			return under(err, i)
		}
	}
	return nil
}

// eachOf checks the members of an object that is a map, by name.
func eachOf[T any](members map[string]T, check func(name string, x T) error) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := check(name, members[name]); err != nil {
			return under(err, name)
		}
	}
	return nil
}

// when is check's result if the pointer is not nil.
func when[T any](p *T, check func(*T) error) error {
	if p == nil {
		return nil
	}
	return check(p)
}

// onDemand is a regular expression that is compiled when it is needed first: not by every stage of
// the program as it begins.
func onDemand(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// version is a number of the runtime-spec: Semantic Versioning 2.0.0.
var version = onDemand(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)([-+][0-9A-Za-z.+-]+)?$`)

func validateSpec(s *specs.Spec, log *slog.Logger) error {
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Destination != "" && !path.IsAbs(m.Destination) {
			log.Warn("a mount's destination is relative: it is taken from the root", "destination", shorten(m.Destination))
			m.Destination = "/" + m.Destination
		}
	}
	liftOldPids(s)
	for _, platform := range []struct {
		name string
		set  bool
	}{{"solaris", s.Solaris != nil}, {"windows", s.Windows != nil}, {"vm", s.VM != nil}, {"zos", s.ZOS != nil}, {"freebsd", s.FreeBSD != nil}} {
		if platform.set {
			log.Warn("a section of another platform has no effect", "section", platform.name)
		}
	}
	v := validator{s, log}
	return first(
		under(checkVersion(s.Version), "ociVersion"),
		under(when(s.Linux, v.linux), "linux"), // first: the others depend on namespaces
		v.root(),
		v.process(),
		v.names(),
		under(each(s.Mounts, v.mount), "mounts"),
		under(when(s.Hooks, checkHooks), "hooks"),
	)
}

// liftOldPids has a limit of 0 processes be none, as it was before version 1.3 of the specification: podman 4
// writes it for no limit. Since then it is a limit.
func liftOldPids(s *specs.Spec) {
	if s.Linux == nil || s.Linux.Resources == nil || s.Linux.Resources.Pids == nil {
		return
	}
	limit := s.Linux.Resources.Pids.Limit
	parts := version().FindStringSubmatch(s.Version)
	if parts == nil || limit == nil || *limit != 0 {
		return
	}
	if minor, err := strconv.Atoi(parts[2]); err == nil && parts[1] == "1" && minor < 3 {
		*limit = -1
	}
}

// A validator checks what depends on more than one field.
type validator struct {
	spec *specs.Spec
	log  *slog.Logger
}

func checkVersion(v string) error {
	parts := version().FindStringSubmatch(v)
	switch {
	case v == "":
		return errors.New("missing, or empty")
	case parts == nil:
		return fmt.Errorf("%s is no version, such as %s", quote(v), specs.Version)
	case parts[1] != "1":
		return fmt.Errorf("%s: only versions 1.x of the specification are supported", quote(v))
	}
	return nil
}

func (v *validator) root() error {
	if v.spec.Root == nil {
		return under(errors.New("missing"), "root")
	}
	if v.spec.Root.Path == "" {
		return under(errors.New("missing, or empty"), "root", "path")
	}
	return nil
}

func (v *validator) process() error {
	p := v.spec.Process
	if p == nil {
		return under(errors.New("missing"), "process")
	}
	return under(first(validateProcess(p, v.log), v.mapped(p)), "process")
}

// mapped checks that the user of a process is somebody in a user namespace that is made
// for it.
func (v *validator) mapped(p *specs.Process) error {
	l := v.spec.Linux
	if l == nil || !v.private(specs.UserNamespace) {
		return nil
	}
	if _, ok := HostID(l.UIDMappings, p.User.UID); !ok {
		return under(fmt.Errorf("%d is not in linux.uidMappings", p.User.UID), "user", "uid")
	}
	if _, ok := HostID(l.GIDMappings, p.User.GID); !ok {
		return under(fmt.Errorf("%d is not in linux.gidMappings", p.User.GID), "user", "gid")
	}
	return nil
}

// names checks the names of the host, sethostname(2) and setdomainname(2).
func (v *validator) names() error {
	check := func(name string) error {
		switch {
		case name == "":
			return nil
		case len(name) > maxHostname:
			return fmt.Errorf("longer than %d bytes", maxHostname)
		case !v.has(specs.UTSNamespace):
			return errors.New("needs a uts namespace in linux.namespaces")
		}
		return nil
	}
	return first(under(check(v.spec.Hostname), "hostname"), under(check(v.spec.Domainname), "domainname"))
}

// namespace is the namespace of a type that the box has of its own, or nil.
func (v *validator) namespace(t specs.LinuxNamespaceType) *specs.LinuxNamespace {
	if v.spec.Linux == nil {
		return nil
	}
	for i, ns := range v.spec.Linux.Namespaces {
		if ns.Type == t {
			return &v.spec.Linux.Namespaces[i]
		}
	}
	return nil
}

// has reports whether the box has a namespace of the type, made for it or joined.
func (v *validator) has(t specs.LinuxNamespaceType) bool { return v.namespace(t) != nil }

// private reports whether a namespace of the type is made for the box.
func (v *validator) private(t specs.LinuxNamespaceType) bool {
	ns := v.namespace(t)
	return ns != nil && ns.Path == ""
}

func validateProcess(p *specs.Process, log *slog.Logger) error {
	warnCapabilities(p.Capabilities, log)
	if p.CommandLine != "" || p.User.Username != "" {
		log.Warn("fields for Windows have no effect", "fields", "process.commandLine, process.user.username")
	}
	return first(
		checkArgs(p),
		checkCwd(p.Cwd),
		under(each(p.Env, checkEnv), "env"),
		under(checkUser(&p.User), "user"),
		under(checkConsole(p), "consoleSize"),
		under(checkRlimits(p.Rlimits), "rlimits"),
		under(when(p.OOMScoreAdj, checkOOMScoreAdj), "oomScoreAdj"),
		under(when(p.Scheduler, checkScheduler), "scheduler"),
		under(when(p.IOPriority, checkIOPriority), "ioPriority"),
		under(when(p.ExecCPUAffinity, checkAffinity), "execCPUAffinity"),
	)
}

func checkArgs(p *specs.Process) error {
	if len(p.Args) == 0 {
		return wrong("args", "must not be empty")
	}
	if p.Args[0] == "" {
		return under(errors.New("must not be empty"), "args", 0)
	}
	return nil
}

func checkCwd(cwd string) error {
	if cwd == "" {
		return wrong("cwd", "missing, or empty")
	}
	return under(absolute(cwd), "cwd")
}

// absolute returns an error unless the path is absolute.
func absolute(name string) error {
	switch {
	case name == "":
		return errors.New("missing, or empty")
	case !path.IsAbs(name):
		return fmt.Errorf("%s is not an absolute path", quote(name))
	}
	return nil
}

func checkEnv(entry string) error {
	if i := strings.IndexByte(entry, '='); i <= 0 {
		return fmt.Errorf("%s is not of the form NAME=VALUE", quote(entry))
	}
	return nil
}

// noID is no user and no group: -1 means "leave as it is" to the kernel, see chown(2).
const noID = 1<<32 - 1

func checkUser(u *specs.User) error {
	id := func(id uint32) error {
		if id == noID {
			return fmt.Errorf("%d is not an ID", id)
		}
		return nil
	}
	const maxGroups = 1 << 16 // NGROUPS_MAX
	if len(u.AdditionalGids) > maxGroups {
		return wrong("additionalGids", "more than %d groups", maxGroups)
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		return wrong("umask", "%d is greater than %d, octal 777", *u.Umask, 0o777)
	}
	return first(under(id(u.UID), "uid"), under(id(u.GID), "gid"), under(each(u.AdditionalGids, id), "additionalGids"))
}

func checkConsole(p *specs.Process) error {
	if !p.Terminal || p.ConsoleSize == nil {
		return nil // "MUST ignore consoleSize if terminal is false"
	}
	side := func(n uint) error {
		if n > 1<<16-1 { // struct winsize, see TIOCSWINSZ(2const)
			return fmt.Errorf("%d is greater than 65535", n)
		}
		return nil
	}
	return first(under(side(p.ConsoleSize.Height), "height"), under(side(p.ConsoleSize.Width), "width"))
}

func checkRlimits(rlimits []specs.POSIXRlimit) error {
	seen := map[string]bool{}
	return each(rlimits, func(r specs.POSIXRlimit) error {
		if err := rlimitNumbers.check(r.Type); err != nil {
			return under(err, "type")
		}
		if seen[r.Type] {
			return wrong("type", "%s is given twice", r.Type)
		}
		seen[r.Type] = true
		if r.Soft > r.Hard {
			return wrong("soft", "%d is greater than the hard limit, %d", r.Soft, r.Hard)
		}
		return nil
	})
}

func checkOOMScoreAdj(score *int) error {
	if *score < -1000 || *score > 1000 {
		return fmt.Errorf("%d is not between -1000 and 1000", *score)
	}
	return nil
}

func checkScheduler(s *specs.Scheduler) error {
	if err := schedulerPolicies.check(s.Policy); err != nil {
		return under(err, "policy")
	}
	realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR
	deadline := s.Policy == specs.SchedDeadline
	switch {
	case s.Policy == specs.SchedISO:
		return wrong("policy", "SCHED_ISO is reserved, Linux doesn't implement it")
	case s.Nice < -20 || s.Nice > 19:
		return wrong("nice", "%d is not between -20 and 19", s.Nice)
	case !realtime && s.Priority != 0:
		return wrong("priority", "only SCHED_FIFO and SCHED_RR have one")
	case realtime && (s.Priority < 1 || s.Priority > 99):
		return wrong("priority", "%d is not between 1 and 99", s.Priority)
	case !deadline && s.Runtime != 0:
		return wrong("runtime", "only SCHED_DEADLINE has one")
	case !deadline && s.Deadline != 0:
		return wrong("deadline", "only SCHED_DEADLINE has one")
	case !deadline && s.Period != 0:
		return wrong("period", "only SCHED_DEADLINE has one")
	}
	return under(each(s.Flags, schedulerFlags.check), "flags")
}

func checkIOPriority(p *specs.LinuxIOPriority) error {
	if p.Priority < 0 || p.Priority > 7 {
		return wrong("priority", "%d is not between 0 and 7", p.Priority)
	}
	return under(ioPriorityClasses.check(p.Class), "class")
}

func checkAffinity(a *specs.CPUAffinity) error {
	_, err := ParseCPUs(a.Initial)
	_, err2 := ParseCPUs(a.Final)
	return first(under(err, "initial"), under(err2, "final"))
}

// capabilities are those that were known when Laplace was built, see capabilities(7).
var capabilities = func() table[string, capability.Cap] {
	known := table[string, capability.Cap]{}
	for _, c := range capability.ListKnown() {
		known["CAP_"+strings.ToUpper(c.String())] = c
	}
	return known
}()

// Capability is the number of a capability by its name, such as "CAP_KILL".
func Capability(name string) (c capability.Cap, ok bool) {
	c, ok = capabilities[name]
	return c, ok
}

// warnCapabilities tells of capabilities that nobody knows. They are ignored, as runc
// does: who writes a list for many hosts has those of the newest kernel in it.
func warnCapabilities(c *specs.LinuxCapabilities, log *slog.Logger) {
	if c == nil {
		return
	}
	unknown := map[string]bool{}
	for _, set := range [][]string{c.Bounding, c.Effective, c.Inheritable, c.Permitted, c.Ambient} {
		for _, name := range set {
			if _, ok := capabilities[name]; !ok {
				unknown[shorten(name)] = true
			}
		}
	}
	if len(unknown) > 0 {
		names := slices.Sorted(maps.Keys(unknown))
		log.Warn("ignoring unknown or unavailable capabilities", "capabilities", names[:min(len(names), 16)])
	}
}

func checkHooks(h *specs.Hooks) error {
	for _, name := range hookNames {
		if err := each(Hooks(h, name), checkHook); err != nil {
			return under(err, name)
		}
	}
	return nil
}

// Hooks are those that run at one point: "createRuntime" and so on.
func Hooks(h *specs.Hooks, point string) []specs.Hook {
	if h == nil {
		return nil
	}
	switch point {
	case "prestart":
		return h.Prestart
	case "createRuntime":
		return h.CreateRuntime
	case "createContainer":
		return h.CreateContainer
	case "startContainer":
		return h.StartContainer
	case "poststart":
		return h.Poststart
	case "poststop":
		return h.Poststop
	}
	return nil
}

func checkHook(h specs.Hook) error {
	if h.Timeout != nil && *h.Timeout <= 0 {
		return wrong("timeout", "%d is not greater than 0", *h.Timeout)
	}
	return first(under(absolute(h.Path), "path"), under(each(h.Env, checkEnv), "env"))
}

func (v *validator) mount(m specs.Mount) error {
	o := ParseMountOptions(m.Options)
	switch {
	case m.Destination == "":
		return wrong("destination", "missing, or empty")
	case m.Type == "" && o.Set&(unix.MS_BIND|unix.MS_REMOUNT) == 0:
		return wrong("type", "missing: only binds have none")
	case o.Bind() && m.Source == "":
		return wrong("source", "missing: a bind needs one")
	case o.Bind() && o.Data != "":
		return wrong("options", "a bind has no options of a file system: %s", quote(o.Data))
	case o.CopyUp && m.Type != "tmpfs":
		return wrong("options", "tmpcopyup is for tmpfs")
	}
	return first(v.mountIDs(&m, &o), under(checkIDs(m.UIDMappings), "uidMappings"), under(checkIDs(m.GIDMappings), "gidMappings"))
}

// mountIDs checks a mount whose owners are mapped.
func (v *validator) mountIDs(m *specs.Mount, o *MountOptions) error {
	if !idMapped(m, o) {
		return nil
	}
	own := len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0
	switch {
	case !o.Bind():
		return wrong("options", "only owners of a bind can be mapped")
	case own && len(m.UIDMappings) == 0:
		return wrong("uidMappings", "missing: there are gidMappings")
	case own && len(m.GIDMappings) == 0:
		return wrong("gidMappings", "missing: there are uidMappings")
	case !own && !v.has(specs.UserNamespace):
		return wrong("uidMappings", "missing, and there is no user namespace whose mappings could be taken")
	}
	return nil
}
