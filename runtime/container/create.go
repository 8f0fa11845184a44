package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/ns/nofile"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/cgroup"
)

// Create makes a container of a bundle, up to the point where its process waits for
// [Container.Start], and returns it: "create" in the section "Operations" of runtime. The process
// is a child of the caller's. On error nothing is left.
func (r *Runtime) Create(id string, o *Options) (*Container, error) {
	if err := oci.ValidateID(id); err != nil {
		return nil, err
	}
	spec, mapped, err := r.configuration(id, o)
	if err != nil {
		return nil, err
	}
	if err := checkConsole(spec.Process, o); err != nil {
		return nil, err
	}
	c, err := r.reserve(record{
		State: oci.State{
			Version: specs.Version, ID: id, Status: oci.Creating, Bundle: o.Bundle, Rootfs: oci.Rootfs(o.Bundle, spec),
			Created: time.Now().UTC(), Annotations: spec.Annotations,
		},
		Config: spec,
	})
	if err != nil {
		return nil, err
	}
	defer c.Unlock()
	c.mapped = mapped
	if err := c.create(o); err != nil {
		return nil, errors.Join(err, c.removeGroup(), c.remove())
	}
	return c, nil
}

// configuration loads and checks a bundle's, and tells whether owners of files are to be mapped.
func (r *Runtime) configuration(id string, o *Options) (spec *specs.Spec, mapped bool, err error) {
	if spec, err = oci.Load(o.Bundle, r.Log); err != nil {
		return nil, false, err
	}
	if o.UserNS != "" && o.UserNS != UserNSAuto {
		return nil, false, fmt.Errorf("--userns %s: there is only %s", o.UserNS, UserNSAuto)
	}
	if o.UserNS == UserNSAuto {
		mapped = addUserNamespace(spec, id) && !ns.Rootless()
	}
	given := spec.Annotations
	spec.Annotations = oci.WithDefaults(given, r.Defaults)
	if err := checkMode(spec, given); err != nil {
		return nil, false, err
	}
	if err := oci.CheckHost(o.Bundle, spec); err != nil {
		return nil, false, err
	}
	if ns.Rootless() {
		if err := oci.ValidateRootless(spec); err != nil {
			return nil, false, err
		}
	}
	return spec, mapped, supported(spec)
}

// supported refuses what the specification allows and this runtime doesn't do.
func supported(s *specs.Spec) error {
	switch {
	case namespaceOf(s, specs.MountNamespace) == nil:
		return errors.New("config.json: linux.namespaces: a mount namespace is needed: without one the root would be the host's")
	case s.Annotations[oci.AnnotationRoot] == oci.RootComposed:
		return fmt.Errorf("annotation %s: %s is not for bundles on disk", oci.AnnotationRoot, oci.RootComposed)
	case s.Linux.IntelRdt != nil:
		return errors.New("config.json: linux.intelRdt: not supported yet")
	case len(s.Linux.NetDevices) > 0:
		return errors.New("config.json: linux.netDevices: not supported yet")
	}
	return nil
}

// namespaceOf is the namespace of a type that a configuration has, or nil.
func namespaceOf(s *specs.Spec, t specs.LinuxNamespaceType) *specs.LinuxNamespace {
	if s.Linux == nil {
		return nil
	}
	i := slices.IndexFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == t })
	if i < 0 {
		return nil
	}
	return &s.Linux.Namespaces[i]
}

// private reports whether a namespace of the type is made for the container.
func private(s *specs.Spec, t specs.LinuxNamespaceType) bool {
	n := namespaceOf(s, t)
	return n != nil && n.Path == ""
}

// create makes the process of a container whose directory is there.
func (c *Container) create(o *Options) (err error) {
	// What only this process gets is no part of the configuration.
	spec, process := *c.record.Config, *c.record.Config.Process
	spec.Process = &process
	process.Env = append(slices.Clone(process.Env), listenEnv(o)...)
	process.Rlimits = limits(&spec)
	fifo := filepath.Join(c.dir, fifoFile)
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		return fmt.Errorf("%s: %w", fifoFile, err)
	}
	fifoFD, err := unix.Open(fifo, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", fifoFile, err)
	}
	defer unix.Close(fifoFD)
	errorFD, err := unix.Open(filepath.Join(c.dir, errorFile), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", errorFile, err)
	}
	defer unix.Close(errorFD)
	host, err := detectGroups()
	if err != nil {
		return err
	}
	if err := c.makeGroup(host, 0); err != nil {
		return err
	}
	if o.NotifySocket != "" {
		if err := c.offerNotify(&spec); err != nil {
			return err
		}
	}
	if deterministic(&spec) {
		spec.Mounts = pinnedMounts(spec.Mounts)
	}
	sources, err := openSources(o.Bundle, &spec, c.mapped)
	if err != nil {
		return err
	}
	defer func() { closeAll(sources) }()
	root := 0
	if c.mapped {
		if root, err = openMappedRoot(&spec, c.record.Rootfs); err != nil {
			return err
		}
		sources = append(sources, root) // it is closed with them
	}

	sp, err := newSpawn()
	if err != nil {
		return err
	}
	defer sp.done()
	joined, err := sp.namespaces(&spec)
	defer closeAll(joined)
	if err != nil {
		return err
	}
	group, err := c.group().Open()
	if err != nil {
		return err
	}
	if group != nil {
		defer group.Close()
		sp.cgroup = int(group.Fd())
	}
	sp.inherit = append([]int{fifoFD, errorFD}, sources...)
	t := &task{
		FIFO: fifoFD, Errors: errorFD, Sources: sources, Root: root, Preserve: o.ListenFDs + o.PreserveFDs,
		ID: c.record.ID, Bundle: o.Bundle, Rootfs: c.record.Rootfs, Spec: &spec, State: c.record.Hook(),
		NoPivot: o.NoPivot, NoNewKeyring: o.NoNewKeyring, New: sp.new, User: sp.user,
	}
	if host != nil && c.record.Group != nil {
		t.Views = c.record.Group.Views(host)
	}
	start := func() error { return sp.start(t) }
	if deterministic(&spec) {
		if c.supervisor, err = newSupervisor(spec.Process.Terminal); err != nil {
			return err
		}
		defer c.supervisor.done()
		sp.inherit = append(sp.inherit, c.supervisor.theirs)
		t.Supervisor = c.supervisor.theirs
		err = c.supervisor.instead(start)
	} else {
		err = start()
	}
	if err != nil {
		return startError(err)
	}
	defer func() {
		if err != nil {
			sp.kill()
			if c.supervisor != nil {
				c.supervisor.done() // its end
				c.Judged()
			}
		}
	}()
	// Hooks must not have them, and the mounts end with init.
	closeAll(sources)
	sources = nil
	if err := c.adopt(sp, host); err != nil {
		return err
	}
	// It takes as long to begin as init does. A terminal is there only when init has made it.
	if c.supervisor != nil && !spec.Process.Terminal {
		if err := c.supervisor.start(c); err != nil {
			return err
		}
	}
	if err := serve(sp, o, c.runtimeHooks, c.supervisor, func() error { return c.created(sp, o) }); err != nil {
		return startError(err)
	}
	return nil
}

// startError is an error of a process that could not be made, in runc's words.
func startError(err error) error {
	return fmt.Errorf("unable to start container process: %w", err)
}

// namespaces has the process join and make the namespaces of a configuration. It returns
// the descriptors of those that it opened.
func (s *spawn) namespaces(spec *specs.Spec) (opened []int, err error) {
	for _, n := range spec.Linux.Namespaces {
		flag, _ := oci.NamespaceFlag(n.Type)
		if n.Path == "" {
			s.new |= flag
			continue
		}
		fd, err := unix.Open(n.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return opened, fmt.Errorf("namespace %s: %w", n.Path, err)
		}
		opened = append(opened, fd)
		// What is no namespace, or one of another type, fails to be joined.
		if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || uintptr(kind) != flag {
			return opened, fmt.Errorf("namespace %s: not a namespace of type %s: %w", n.Path, n.Type, unix.EINVAL)
		}
		if n.Type == specs.UserNamespace {
			if same, err := sameNamespace(n.Path, "/proc/self/ns/user"); err != nil || same {
				if err != nil {
					return opened, err
				}
				continue // setns(2) refuses to join it again
			}
		}
		s.join = append(s.join, join{fd, flag})
	}
	s.user = s.new&unix.CLONE_NEWUSER != 0 || slices.ContainsFunc(s.join, func(j join) bool { return j.flag == unix.CLONE_NEWUSER })
	s.uids, s.gids, s.clocks = spec.Linux.UIDMappings, spec.Linux.GIDMappings, spec.Linux.TimeOffsets
	return opened, nil
}

// sameNamespace reports whether two files are of one namespace.
func sameNamespace(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// adopt records the process, which waits, and lets it go on.
func (c *Container) adopt(sp *spawn, host *cgroup.Host) error {
	_, start, err := processStat(sp.pid)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	c.record.Pid, c.record.Start = sp.pid, start
	if err := c.save(); err != nil {
		return err
	}
	if err := c.makeGroup(host, sp.pid); err != nil {
		return err
	}
	return c.admit(sp, c.group(), c.record.Config.Process, nil)
}

// admit puts a process that waits into a control group, the container's or one below, gives it
// what only its maker can give, and lets it go on. cpus are where it runs before and after it is in the group; nil is
// anywhere.
func (c *Container) admit(sp *spawn, group *cgroup.Group, process *specs.Process, cpus *specs.CPUAffinity) error {
	if cpus == nil {
		cpus = &specs.CPUAffinity{}
	}
	if err := pin(sp.pid, "initial", cpus.Initial); err != nil {
		return err
	}
	if err := group.Join(sp.pid, c.record.Pid); err != nil {
		return err
	}
	if err := pin(sp.pid, "final", cpus.Final); err != nil {
		return err
	}
	if err := setOOMScore(sp.pid, process); err != nil {
		return err
	}
	if err := raiseRlimits(sp.pid, process.Rlimits); err != nil {
		return err
	}
	return sp.release()
}

// pin has a process run on some CPUs only, sched_setaffinity(2); a list of none changes nothing.
func pin(pid int, field, list string) error {
	cpus, err := oci.ParseCPUs(list)
	if err == nil && cpus != nil {
		err = unix.SchedSetaffinityDynamic(pid, cpus)
	}
	if err != nil {
		return fmt.Errorf("process.execCPUAffinity.%s: %w", field, err)
	}
	return nil
}

// setOOMScore sets what the kernel adds when it looks for a process to kill,
// proc_pid_oom_score_adj(5).
func setOOMScore(pid int, p *specs.Process) error {
	if p.OOMScoreAdj == nil {
		return nil
	}
	name := "/proc/" + strconv.Itoa(pid) + "/oom_score_adj"
	if err := os.WriteFile(name, []byte(strconv.Itoa(*p.OOMScoreAdj)), 0); err != nil {
		return fmt.Errorf("process.oomScoreAdj: %w", err)
	}
	return nil
}

// limits are those of a configuration's process and, if none is of open files, the caller's: this
// program has raised its own, see nofile.Caller. A deterministic container must not meet it: it is
// shown another one.
func limits(s *specs.Spec) []specs.POSIXRlimit {
	const name = "RLIMIT_NOFILE"
	own, list := nofile.Caller, s.Process.Rlimits
	if own.Hard == 0 || deterministic(s) || slices.ContainsFunc(list, func(l specs.POSIXRlimit) bool { return l.Type == name }) {
		return list
	}
	return append(slices.Clone(list), specs.POSIXRlimit{Type: name, Soft: own.Soft, Hard: own.Hard})
}

// raiseRlimits raises hard limits of a process that waits, where its configuration has
// higher ones than the caller: it has not the privileges. It sets its limits itself when it
// needs no more than its command.
func raiseRlimits(pid int, list []specs.POSIXRlimit) error {
	for _, l := range list {
		resource, _ := oci.RlimitNumber(l.Type)
		var now unix.Rlimit
		err := unix.Prlimit(pid, resource, nil, &now)
		if err == nil && l.Hard > now.Max {
			err = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: now.Cur, Max: l.Hard}, nil)
		}
		if err != nil {
			return rlimitError(&l, err)
		}
	}
	return nil
}

// rlimitError is a failure to set a limit, in runc's words.
func rlimitError(l *specs.POSIXRlimit, err error) error {
	hint := ""
	if errors.Is(err, unix.EPERM) {
		hint = " (raising a hard limit takes CAP_SYS_RESOURCE)"
	}
	return fmt.Errorf("error setting rlimits for ready process: error setting rlimit type %s to %d, %d: %w%s", l.Type, l.Soft, l.Hard, err, hint)
}

// serve does what init asks for until it is ready. hooks, which is nil for exec, runs those
// of the runtime; sv, which may be nil, has the process's terminal too; ready is for what comes before the command
// may be executed.
func serve(sp *spawn, o *Options, hooks func() error, sv *supervisor, ready func() error) error {
	for {
		m, fd, err := receive(sp.socket)
		if errors.Is(err, io.EOF) {
			return sp.failed()
		}
		if err != nil {
			return fmt.Errorf("message of init: %w", err)
		}
		switch {
		case m.Step == stepHooks && hooks != nil:
			err = hooks()
		case m.Step == stepConsole:
			err = handConsole(o, fd, sv)
		case m.Step == stepReady:
			err = ready()
		case m.Step == stepFailed:
			err = errors.New(m.Text)
		default:
			err = fmt.Errorf("init says %q: %w", m.Step, unix.EPROTO)
		}
		if fd >= 0 {
			unix.Close(fd)
		}
		if err != nil {
			return err
		}
		if err := send(sp.socket, message{Step: stepGo}, -1); err != nil {
			return fmt.Errorf("answer init: %w", err)
		}
		if m.Step == stepReady {
			return nil
		}
	}
}

// runtimeHooks runs the hooks that come before the root is that of init.
func (c *Container) runtimeHooks() error {
	for _, point := range []string{"prestart", "createRuntime"} {
		if err := runHooks(c.record.Config.Hooks, point, c.record.Hook()); err != nil {
			return err
		}
	}
	return nil
}

// created sets limits and says that the container is there.
func (c *Container) created(sp *spawn, o *Options) error {
	// Only now: init may need more than its command.
	if err := c.group().Set(c.record.Config.Linux.Resources); err != nil {
		return err
	}
	if c.supervisor != nil && c.record.Config.Process.Terminal {
		if err := c.supervisor.start(c); err != nil {
			return err
		}
	}
	if err := announce(sp.pid, o); err != nil {
		return err
	}
	c.record.Status = oci.Created
	return c.save()
}

// announce tells who asked for it which process has been made.
func announce(pid int, o *Options) error {
	if o.PidfdSocket != "" {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			err = sendDescriptor(o.PidfdSocket, fd, "pidfd")
			unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("pidfd socket: %w", err)
		}
	}
	if o.PidFile != "" {
		if err := replaceFile(o.PidFile, []byte(strconv.Itoa(pid)), 0o666&^0o022); err != nil {
			return fmt.Errorf("pid file: %w", err)
		}
	}
	return nil
}

// listenEnv tells the process which descriptors it has of a service manager,
// sd_listen_fds(3).
func listenEnv(o *Options) []string {
	if o.ListenFDs == 0 {
		return nil
	}
	env := []string{"LISTEN_FDS=" + strconv.Itoa(o.ListenFDs), "LISTEN_PID=1"}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "LISTEN_FDNAMES=") {
			env = append(env, e)
		}
	}
	return env
}
