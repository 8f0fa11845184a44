package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/rootfs"
)

// commandPID is the process id of the command in its box: the first that the
// kernel would give out after it once wrapped around.
const commandPID = 300

// initProcess is a running init and the command that it has forked.
type initProcess struct {
	cmd     *exec.Cmd
	sock    int
	reply   InitReply
	pid     int // the command's, on the host
	pidfd   int
	release *os.File
	report  *os.File
	master  *os.File
	guestID uint32
	ended   bool
}

// startInit starts the box's init and has it fork the command.
func (s *supervisor) startInit(upper []uppers, st *streams) (*initProcess, error) {
	filter, err := policy.Filter()
	if err != nil {
		return nil, err
	}
	settings, err := oci.ParseSettings(s.box.Spec.Annotations)
	if err != nil {
		return nil, err
	}
	req := InitRequest{
		Spec: s.box.Spec, Filter: filter, TSC: true,
		Network: settings.Network, CPU: s.cpu, LastPID: s.lastPID, PID: commandPID,
		GuestHostID: s.guestHostID(), SysCPUs: settings.CPUs,
		Randomize: s.box.Unpinned.Has(determinize.PinASLR),
	}
	if s.box.Unpinned.Has(determinize.PinCPUs) {
		req.CPU = -1
	}
	if s.box.Unpinned.Has(determinize.PinPIDs) {
		req.PID = 0
	}
	req.Extra = s.extra()
	req.Spec.Mounts = append(req.Spec.Mounts, s.overlayMounts(upper, req.GuestHostID)...)
	sortMounts(req.Spec.Mounts)
	return s.tryInit(req, st)
}

// guestHostID is the host id of the guest: an unprivileged one where the
// supervisor is the host's root.
func (s *supervisor) guestHostID() uint32 {
	if m := s.box.Spec.Linux.UIDMappings; !s.rootless && len(m) > 0 {
		return m[0].HostID
	}
	return 0
}

// tryInit starts an init with a request, and once more as the owner of the
// project where the file system cannot show it as the guest's.
func (s *supervisor) tryInit(req InitRequest, st *streams) (*initProcess, error) {
	p := &initProcess{guestID: req.GuestHostID}
	cmd, sock, end, err := InitCommand(req.Network, os.Stderr)
	if err != nil {
		return nil, err
	}
	p.cmd, p.sock = cmd, sock
	err = cmd.Start()
	end.Close()
	if err != nil {
		return nil, diagnose(err)
	}
	fds := []int{int(st.guest[0].Fd()), int(st.guest[1].Fd()), int(st.guest[2].Fd())}
	var rights []int
	if err = WriteMessage(sock, req, fds...); err == nil {
		rights, err = ReadMessage(sock, &p.reply)
	}
	if err != nil {
		p.stop()
		return nil, &Error{Op: "init of the box", Err: err, Hint: "laplace host shows what this host can't do"}
	}
	if !p.reply.OK {
		p.stop()
		if p.reply.Kind == InitIDMap && req.GuestHostID != 0 {
			s.log.Debug("no id-mapped mounts", "owner", p.reply.Owner, "err", p.reply.Error)
			req.GuestHostID = p.reply.Owner
			for i := range req.Spec.Mounts {
				dropOption(&req.Spec.Mounts[i], "idmap")
			}
			return s.tryInit(req, st)
		}
		return nil, p.reply.err()
	}
	if len(rights) < 3 {
		p.stop()
		return nil, fmt.Errorf("init's reply has %d descriptors: %w", len(rights), unix.EINVAL)
	}
	p.pidfd = rights[0]
	p.release = os.NewFile(uintptr(rights[1]), "go")
	p.report = os.NewFile(uintptr(rights[2]), "report")
	if len(rights) > 3 {
		p.master = os.NewFile(uintptr(rights[3]), "terminal")
	}
	if p.pid, err = ns.PIDOf(p.pidfd); err != nil || p.pid <= 0 {
		p.stop()
		return nil, fmt.Errorf("find the command's process: %w", err)
	}
	return p, nil
}

// hintExecutable is the way out where the guest may not execute a command.
const hintExecutable = "a program that the box's user may execute (chmod +x)"

// err is the error that a refused request is to its user.
func (r InitReply) err() error {
	e := &Error{Op: "box", Err: errors.New(r.Error), Hint: r.Hint}
	if e.Hint == "" {
		e.Hint = "laplace host shows what this host can't do"
	}
	switch r.Kind {
	case InitNotFound:
		e.Op, e.Exit, e.Hint = "command", ExitNotFound, "a path in the box, --ro DIR for what lies elsewhere, or --env PATH=..."
	case InitNotExecutable:
		e.Op, e.Exit, e.Hint = "command", ExitNotExecutable, hintExecutable
	case InitCwd:
		e.Op = "working directory"
	}
	return e
}

// placePID has the next process of the box get a pid.
func (p *initProcess) placePID(pid int) error {
	if e := PlacePID(p.sock, uint32(pid-1)); e != 0 {
		return fmt.Errorf("place pid %d: %w", pid, e)
	}
	return nil
}

// execError is why the command could not be executed, after it has ended.
func (p *initProcess) execError(refused map[string]uint64) error {
	err := ns.ReadScriptError(p.report)
	if err == nil {
		return nil
	}
	se, ok := errors.AsType[*ns.ScriptError](err)
	if !ok {
		return err
	}
	step := "start"
	if se.Index < len(p.reply.Steps) {
		step = p.reply.Steps[se.Index]
	}
	e := &Error{Op: step, Err: se.Errno, Hint: "laplace host shows what this host can't do"}
	if se.Index == len(p.reply.Steps)-1 {
		e.Op, e.On, e.Exit, e.Hint = "command", p.reply.Path, ExitNotExecutable, hintExecutable
		switch {
		case refused["execve(32-bit program)"] > 0:
			e.Exit, e.Err, e.Hint = ExitFailure, errors.New("it is a 32-bit program, whose system calls cannot be intercepted"), "a 64-bit build of it"
		case refused["execve(unreadable file)"] > 0:
			e.Exit, e.Err, e.Hint = ExitFailure, errors.New("it may be executed but not read, and what cannot be read cannot be traced"), "chmod +r"
		}
		switch se.Errno {
		case unix.ENOENT:
			e.Exit, e.Hint = ExitNotFound, "--ro DIR of its interpreter, or of its dynamic loader"
		case unix.ENOEXEC:
			e.Hint = "a program for this machine, or a script whose first line begins with #!"
		}
	}
	return e
}

// stop ends init, and with it everything in the box, and waits until it is
// gone.
func (p *initProcess) stop() {
	if p.ended {
		return
	}
	p.ended = true
	if p.cmd.Process != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
	unix.Close(p.sock)
	for _, f := range []*os.File{p.release, p.report} {
		if f != nil {
			f.Close()
		}
	}
}

// extra are the entries of the root that are not mounts.
func (s *supervisor) extra() rootfs.Extra {
	x := rootfs.Extra{Omitted: s.box.Omitted}
	for _, l := range s.box.Symlinks {
		x.Symlinks = append(x.Symlinks, rootfs.Symlink{Path: l.Path, Target: l.Target})
	}
	for _, f := range s.box.Files {
		x.Files = append(x.Files, rootfs.File{Path: f.Path, Content: f.Data, Mode: uint32(f.Mode.Perm())})
	}
	return x
}

// overlayMounts are the mounts of the directories that the box may change. What
// is written there does not outlive the box: nothing waits for the disk.
func (s *supervisor) overlayMounts(upper []uppers, guest uint32) []specs.Mount {
	var out []specs.Mount
	for i, o := range s.box.Overlays {
		m := specs.Mount{
			Destination: o.Target, Type: "overlay", Source: "overlay",
			Options: []string{"upperdir=" + upper[i].upper, "workdir=" + upper[i].work, "userxattr", "volatile", "xino=on"},
		}
		if upper[i].hidden != "" {
			m.Options = append(m.Options, "lowerdir+="+upper[i].hidden)
		}
		m.Options = append(m.Options, "lowerdir+="+o.Source)
		if guest != 0 {
			m.Options = append(m.Options, "idmap")
		}
		out = append(out, m)
	}
	return out
}

func dropOption(m *specs.Mount, name string) {
	kept := m.Options[:0:0]
	for _, o := range m.Options {
		if o != name {
			kept = append(kept, o)
		}
	}
	m.Options = kept
}

// mountNS opens the box's mount namespace.
func (p *initProcess) mountNS() (*os.File, error) {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "ns/mnt"))
	if err != nil {
		return nil, fmt.Errorf("open the box's mount namespace: %w", err)
	}
	return f, nil
}
