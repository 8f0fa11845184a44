package runtime

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
	"laplace.dev/laplace/project"
)

// projectsDir is where the states of projects are; see package project.
func projectsDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "projects")
}

// change describes what the box changed.
func (s *supervisor) change(upper []*os.File, metas []virtual, sums [][sha256.Size]byte) (*project.Change, error) {
	c := &project.Change{}
	for i, o := range s.box.Overlays {
		l := project.Layer{
			Source: o.Source, Ino: s.before[i].ino, Digest: sums[i], Meta: make(map[string]project.Meta, len(metas[i])),
			Epoch: s.epoch, LastStamp: s.lastStamp, Began: s.before[i].began, Era: s.before[i].journal.Era, Hidden: s.before[i].unseen,
			Owner: s.owner(o.Source), DropSetID: s.init.guestID != 0, Since: s.epoch + s.stamps,
		}
		for path, m := range metas[i] {
			l.Meta[path] = project.Meta{Mtime: m.Mtime, UID: int(m.Owner.UID), GID: int(m.Owner.GID)}
		}
		if err := l.SetBase(s.before[i].snapshot, upper[i]); err != nil {
			return nil, err
		}
		c.Layers = append(c.Layers, l)
	}
	return c, nil
}

// commit puts the changes into the projects, or else keeps them.
func (s *supervisor) commit(ctx context.Context, out *Outcome, c *project.Change, yes bool) error {
	main, o, err := s.states(s.box.Project)
	if err != nil {
		return commitError(err)
	}
	o.Context = ctx
	for i := range c.Layers {
		// What is left of the overlay's own work is nobody's.
		if err := project.RemoveAll(filepath.Join(project.OverlayDir(s.dir, i), "work")); err != nil {
			return commitError(err)
		}
	}
	if yes {
		out.Kept, err = main.Commit(c, s.dir, o)
	} else {
		out.Kept, err = main.Keep(c, s.dir, o)
	}
	out.Warnings = append(out.Warnings, s.met...)
	if out.Kept != "" && len(c.Layers) == 1 {
		out.Kept = project.UpperDir(out.Kept, 0)
	}
	return commitError(err)
}

// states are those of the projects whose locks are held: that of one of them, and
// the options for what is done with it.
func (s *supervisor) states(path string) (main *project.State, o project.Options, err error) {
	o.Now, o.Committed, o.Committing = time.Now(), s.noteTimes, s.leaseCommit
	for _, p := range s.locked {
		state, err := project.Open(projectsDir(s.box.State), p)
		if err != nil {
			return nil, o, err
		}
		o.Members = append(o.Members, state)
		if p == path {
			main = state
		}
	}
	if main == nil {
		return nil, o, fmt.Errorf("%s is not locked: %w", path, unix.ENOLCK)
	}
	return main, o, nil
}

// commitError says what can be done when changes did not come to the project.
func commitError(err error) error {
	if err == nil {
		return nil
	}
	hint := "free space or permissions in the project, then laplace commit"
	for _, h := range []struct {
		is   error
		hint string
	}{
		{project.ErrPending, "free space or permissions in the project, then laplace commit goes on"},
		{project.ErrMoved, "move it back, then laplace commit"},
		{layer.ErrUnseen, "laplace commit --force deletes it; laplace purge throws the changes away"},
		{layer.ErrConflict, "laplace commit --force overwrites it; laplace purge throws the changes away"},
		{project.ErrNothing, "laplace do -- make; changes are kept when it fails"},
		{project.ErrDamaged, "laplace purge throws them away; run the command again"},
		{project.ErrForeign, "chmod 700, if it is yours; else another XDG_STATE_HOME"},
	} {
		if errors.Is(err, h.is) {
			hint = h.hint
			break
		}
	}
	return &Error{Op: "commit", Err: err, Hint: hint}
}

// job is what a supervisor can do besides running a box: what has to be done with
// the same rights to the files.
type job struct {
	Apply string // commit what is kept of this project; "" only repairs
	Force bool   // over what others have changed
}

// jobReply is what came of it.
type jobReply struct {
	Notices  []string
	Finished bool // an interrupted commit
	Applied  bool // Apply: there was something to be done
}

// do does a job.
func (s *supervisor) do(j *job) (*jobReply, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	defer cancel()
	go s.listen()
	did := &jobReply{}
	main, o, err := s.states(s.locked[0])
	if err == nil && j.Apply != "" {
		main, o, err = s.states(j.Apply)
	}
	if err != nil {
		return did, commitError(err)
	}
	if j.Apply != "" {
		o.Context, o.Force = ctx, j.Force
		did.Applied, err = main.Apply(o)
		did.Notices = s.met
		return did, commitError(err)
	}
	all, err := (&project.Locks{States: o.Members}).Repair(o)
	for _, r := range all {
		switch {
		case r.Finished:
			did.Finished = true
			did.Notices = append(did.Notices, "the interrupted commit of "+r.Project+" is finished")
		case r.Why != nil:
			did.Notices = append(did.Notices, fmt.Sprintf("the interrupted commit of %s could not be finished, and is undone: %v", r.Project, r.Why))
		}
		if r.Kept != "" {
			did.Notices = append(did.Notices, "the changes of an interrupted run in "+r.Project+" are kept: "+r.Kept)
		}
	}
	did.Notices = append(did.Notices, s.met...)
	return did, commitError(err)
}

// lockProjects locks the projects that the box may change in the end, when nobody
// else works on them and nothing of an earlier commit is left to be done.
func lockProjects(ctx context.Context, box *Box, log *slog.Logger) (*project.Locks, error) {
	var paths []string
	for _, o := range box.Overlays {
		paths = append(paths, o.Source)
	}
	pending := slices.ContainsFunc(paths, func(p string) bool { return project.Pending(projectsDir(box.State), p) })
	if box.Commit != CommitProject && !pending {
		return &project.Locks{}, nil
	}
	locks, _, err := settle(ctx, box.State, paths, false, box.Notice, log)
	if err != nil {
		return nil, err
	}
	if box.Commit != CommitProject {
		locks.Close()
	}
	return locks, nil
}

// settle takes the locks of projects, and of what is kept for them, and deals with
// what earlier runs have left: finished says that this was to finish a commit.
func settle(ctx context.Context, state string, paths []string, kept bool, notice func(string), log *slog.Logger) (l *project.Locks, finished bool, err error) {
	base := projectsDir(state)
	if notice == nil {
		notice = func(string) {}
	}
	all := func() []string {
		list := slices.Clone(paths)
		for _, p := range paths {
			list = append(list, project.Related(base, p, kept)...)
		}
		return list
	}
	for {
		need := all()
		locks, err := project.Lock(ctx, base, need, project.Who{PID: os.Getpid(), Command: commandLine()}, func(p, holder string) {
			notice(fmt.Sprintf("waiting for %s, which another laplace works on%s", p, by(holder)))
		})
		if err != nil {
			if _, ok := errors.AsType[Interrupt](err); ok || ctx.Err() != nil {
				return nil, false, err
			}
			return nil, false, stateError(state, err)
		}
		if slices.ContainsFunc(all(), func(p string) bool { return !slices.Contains(need, p) }) {
			locks.Close() // somebody has left more since
			continue
		}
		if slices.ContainsFunc(need, func(p string) bool { return project.Pending(base, p) }) {
			did, err := runJob(ctx, state, &job{}, locks, log)
			if did != nil {
				finished = finished || did.Finished
				for _, line := range did.Notices {
					notice(line)
				}
			}
			if err != nil {
				locks.Close()
				return nil, false, err
			}
		}
		if !kept {
			locks.Only(paths)
		}
		return locks, finished, nil
	}
}

// stateError is the error of a state directory.
func stateError(state string, err error) error {
	e := &Error{Op: "state directory", On: state, Err: cause(err), Hint: "set XDG_STATE_HOME to a directory that can be written"}
	if errors.Is(err, project.ErrForeign) {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			e.On = pe.Path
		}
		e.Hint = "chmod 700 " + e.On + ", if it is yours; else set XDG_STATE_HOME"
	}
	return e
}

// by says who holds a lock.
func by(holder string) string {
	pid, command, _ := strings.Cut(holder, " ")
	if pid == "" {
		return ""
	}
	return fmt.Sprintf(": process %s, %s", pid, command)
}

// commandLine is this process's, on one line.
func commandLine() string {
	b, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		return "laplace"
	}
	text := strconv.Quote(strings.Join(strings.Split(strings.TrimRight(string(b), "\x00"), "\x00"), " "))
	const most = 200
	return text[1:min(len(text)-1, most)]
}

// runJob has a supervisor do a job with the locks of the projects.
func runJob(ctx context.Context, state string, j *job, locks *project.Locks, log *slog.Logger) (*jobReply, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	box := &Box{State: state, Stdin: null, Stdout: null, Stderr: null}
	c, err := startSupervisor(box, superviseRequest{Box: box, Job: j}, locks, nil, log)
	if err != nil {
		return nil, err
	}
	reply, err := c.wait(ctx, box, nil)
	return reply.Did, err
}

// Commit puts the kept changes of the last failed run in a project into it, or
// finishes an interrupted commit. dir is the project's path without symbolic links.
// force overwrites what others have changed meanwhile. notice is as Box.Notice.
func Commit(ctx context.Context, state, dir string, force bool, notice func(string), log *slog.Logger) error {
	locks, finished, err := settle(ctx, state, []string{dir}, true, notice, log)
	if err != nil {
		return err
	}
	defer locks.Close()
	if finished {
		return nil
	}
	did, err := runJob(ctx, state, &job{Apply: dir, Force: force}, locks, log)
	if did != nil {
		for _, line := range did.Notices {
			notice(line)
		}
	}
	if err == nil && !did.Applied {
		notice("the kept changes are in the project already")
	}
	return err
}
