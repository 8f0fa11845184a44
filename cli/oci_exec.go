package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// execFlags are the flags of exec that say what the process is.
type execFlags struct {
	process, cwd, user, label, apparmor string
	env, caps                           []string
	gids                                []uint
	tty, noNewPrivs                     bool
}

func (e *execFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&e.process, "process", "p", "", "`FILE` has the process as config.json has it; no other flag changes it")
	flags.StringVar(&e.cwd, "cwd", "", "working `DIR` in the container")
	flags.StringArrayVarP(&e.env, "env", "e", nil, "set an environment variable, `NAME=VALUE`; may be repeated")
	flags.BoolVarP(&e.tty, "tty", "t", false, "give the process a terminal")
	flags.StringVarP(&e.user, "user", "u", "", "run as `UID[:GID]`")
	flags.UintSliceVarP(&e.gids, "additional-gids", "g", nil, "more `GROUPS` of the user")
	flags.StringVar(&e.label, "process-label", "", "`LABEL` of SELinux")
	flags.StringVar(&e.apparmor, "apparmor", "", "`PROFILE` of AppArmor")
	flags.BoolVar(&e.noNewPrivs, "no-new-privs", false, "the process can never gain privileges")
	flags.StringSliceVarP(&e.caps, "cap", "c", nil, "add a `CAPABILITY`; may be repeated")
}

// ociExec is the command that runs one more process in a container.
func ociExec(f *ociFlags, c *Caller) *cobra.Command {
	var start startFlags
	var e execFlags
	var detach, ignorePaused bool
	cmd := f.command(c, "exec [flags] ID COMMAND [ARG ...]", "Run one more process in a container", 1, -1, func(r *container.Runtime, args []string) error {
		const failed = 255
		status, err := execIn(c, r, args, &start, &e, detach, ignorePaused)
		if err != nil {
			return &ociError{err: err, status: failed}
		}
		return status
	})
	e.add(cmd.Flags())
	start.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&start.Cgroup, "cgroup", nil, "run in the control group `[CONTROLLER,...:]PATH` below the container's; may be repeated")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait for the process")
	cmd.Flags().BoolVar(&ignorePaused, "ignore-paused", false, "in a paused container the process waits, in place of an error")
	return cmd
}

// execIn runs a process in a container and returns its exit status, exitStatus(0) when nobody
// waits for it.
func execIn(c *Caller, r *container.Runtime, args []string, start *startFlags, e *execFlags, detach, ignorePaused bool) (exitStatus, error) {
	if err := start.finish(c); err != nil {
		return 0, err
	}
	start.ListenFDs = 0 // they are the container's, not of a process that comes later
	box, err := r.Load(args[0])
	if err != nil {
		return 0, err
	}
	process, err := e.build(c, r, box.Config().Process, args[1:])
	if err != nil {
		return 0, err
	}
	if detach {
		_, err := box.Exec(process, &start.Options, ignorePaused)
		return 0, err
	}
	fore := container.NewForeground(c.Stdin, c.Stdout)
	if start.ConsoleSocket == "" {
		start.Terminal = fore.Terminal
	}
	pid, err := box.Exec(process, &start.Options, ignorePaused)
	if err != nil {
		return 0, errors.Join(err, fore.Close())
	}
	status, err := fore.Wait(pid, box)
	return exitStatus(status), errors.Join(err, fore.Close())
}

// build makes the process of the file, or of the container's own and the flags.
func (e *execFlags) build(c *Caller, r *container.Runtime, own *specs.Process, args []string) (*specs.Process, error) {
	if e.process != "" {
		name, err := c.abs(e.process)
		if err != nil {
			return nil, err
		}
		return oci.LoadProcess(name, r.Log)
	}
	if len(args) == 0 {
		return nil, errors.New("process args cannot be empty")
	}
	p := *own
	p.Args, p.Terminal, p.ConsoleSize = args, e.tty, nil
	p.Env = append(append([]string{}, own.Env...), e.env...)
	if e.cwd != "" {
		p.Cwd = filepath.Clean(e.cwd)
	}
	if e.label != "" {
		p.SelinuxLabel = e.label
	}
	if e.apparmor != "" {
		p.ApparmorProfile = e.apparmor
	}
	p.NoNewPrivileges = p.NoNewPrivileges || e.noNewPrivs
	if err := e.setUser(&p); err != nil {
		return nil, err
	}
	e.addCaps(&p)
	return &p, oci.ValidateProcess(&p, r.Log)
}

// setUser sets user and groups.
func (e *execFlags) setUser(p *specs.Process) error {
	if e.user != "" {
		uid, gid, both := strings.Cut(e.user, ":")
		n, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return fmt.Errorf("parsing %s as int for uid failed: %w", uid, err)
		}
		p.User.UID, p.User.AdditionalGids = uint32(n), nil
		if both {
			if n, err = strconv.ParseUint(gid, 10, 32); err != nil {
				return fmt.Errorf("parsing %s as int for gid failed: %w", gid, err)
			}
			p.User.GID = uint32(n)
		}
	}
	for _, gid := range e.gids {
		p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(gid))
	}
	return nil
}

// addCaps adds capabilities. None becomes inheritable: a program that is executed later
// must not have what this one was given, CVE-2022-29162.
func (e *execFlags) addCaps(p *specs.Process) {
	if len(e.caps) == 0 {
		return
	}
	var c specs.LinuxCapabilities
	if p.Capabilities != nil {
		c = *p.Capabilities
	}
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
		*set = append(append([]string{}, *set...), e.caps...)
	}
	p.Capabilities = &c
}
