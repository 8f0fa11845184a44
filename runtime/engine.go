package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/determinize/exe"
	"laplace.dev/laplace/determinize/exe/statcache"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/boxcache"
)

// startEngine hands the box over to its engine.
func (s *supervisor) startEngine(ctx context.Context, st *streams) (*determinize.Run, error) {
	settings, err := oci.ParseSettings(s.box.Spec.Annotations)
	if err != nil {
		return nil, err
	}
	theirs, err := s.init.mountNS()
	if err != nil {
		return nil, err
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	if s.init.master != nil {
		st.attach(s.init.master, s.box)
	}
	s.epoch = settings.Epoch * int64(time.Second)
	state := filepath.Join(s.box.State, fmt.Sprintf("v%d", Format))
	s.executables = exe.Open(filepath.Join(state, "executables"), time.Now, s.log)
	s.links = statcache.OpenLinks(filepath.Join(state, "links"), time.Now, s.log)
	spec := s.box.Spec
	earlier, err := s.costs()
	if err != nil {
		return nil, err
	}
	cfg := determinize.Config{
		Command:  determinize.Command{PID: s.init.pid, VPID: s.init.reply.PID, Go: s.init.release},
		Init:     s.init.cmd.Process.Pid,
		MountNS:  theirs,
		HostProc: proc,
		PlacePID: s.init.placePID,
		LastPID:  min(s.init.reply.PIDMax-1, prng.MaxPid),
		FSUID:    int(s.init.guestID), FSGID: int(s.init.guestID),
		OwnsFiles: ownsFiles(s.init.guestID), Foreign: s.foreign(),
		Epoch:    time.Unix(settings.Epoch, 0).UTC(),
		Stamps:   s.stamps,
		Times:    s.timeOf,
		Seed:     prng.Root([]byte(settings.Seed)),
		CPUs:     settings.CPUs,
		Hostname: spec.Hostname, Domainname: spec.Domainname,
		UID: int(spec.Process.User.UID), GID: int(spec.Process.User.GID),
		Mounts: mountsOf(spec), Links: s.links,
		StdinFile: st.stdinFile,
		Stdin:     st.stdin, StdinKey: st.stdinKey, Live: s.box.StdinKind == StdinLive,
		Stdout: st.outKeys[0], Stderr: st.outKeys[1],
		Output:      st.write,
		Executables: s.executables,
		Self:        s.self(),
		Direct:      oci.Direct,
		CPU:         s.cpu,
		Away:        otherCPUs(s.cpu),
		Record:      s.box.Record,
		Unwatched:   s.box.Unwatched,
		Canonical:   s.box.Canonical || s.box.Trace != nil,
		Ordered:     s.attempt.Ordered, Serial: s.attempt.Serial,
		SpinLimit: s.box.SpinLimit, CPUTime: cpuTime,
		Costs: earlier, Weigh: s.box.Costs != nil,
		Hold: s.jitter(), Rest: rest, Shuffle: s.shuffle(), Unpinned: s.box.Unpinned,
		Log: s.log,
	}
	if st.terminal != nil {
		cfg.Terminal = st
	}
	if s.cached = s.cache(); s.cached != nil {
		cfg.Cache, cfg.StdinDigest = s.cached, s.box.StdinDigest
		cfg.NoSkips, cfg.Verify = s.box.Cache == boxcache.Write || s.attempt.NoSkips, s.box.Cache == boxcache.Verify
	}
	if s.heard != nil {
		cfg.Heard, cfg.Repeat = s.heard.add, s.heard
	}
	if s.box.Trace != nil {
		s.trace = newTraceWriter(ctx, s.box.Trace)
		cfg.Trace = s.trace.engine(s.box.Trace)
	}
	return determinize.Start(ctx, cfg)
}

// costs are what execs cost in an earlier run.
func (s *supervisor) costs() (costs.Table, error) {
	if s.box.Costs == nil {
		return nil, nil
	}
	return costs.Parse(s.box.Costs.Text)
}

// otherCPUs are the CPUs that this thread may run on besides one.
func otherCPUs(cpu int) (others []int) {
	var have unix.CPUSet
	if cpu < 0 || unix.SchedGetaffinity(0, &have) != nil {
		return nil
	}
	for i := range len(have) * 64 {
		if i != cpu && have.IsSet(i) {
			others = append(others, i)
		}
	}
	return others
}

// cpuTime is how much CPU time a process has used; clock_getcpuclockid(3).
func cpuTime(pid int) time.Duration {
	const perProcess = 2 // CPUCLOCK_SCHED, in the kernel's posix-timers.h
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcess), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// foreign tells whether a directory that the box may change is somebody else's
// than the ordinary user's who runs the box. Where root does, all are the guest's.
func (s *supervisor) foreign() bool {
	return s.rootless && slices.ContainsFunc(s.box.Overlays, func(o oci.Overlay) bool {
		var st unix.Stat_t
		return unix.Stat(o.Source, &st) != nil || int(st.Uid) != os.Geteuid()
	})
}

// self is the digest of this program; zero, which is none's, if it cannot be read.
func (s *supervisor) self() [32]byte {
	sum, err := s.executables.Self()
	if err != nil {
		s.log.Debug("digest of laplace", "err", err)
	}
	return sum
}

// mountsOf are the mounts of a box as its processes may tell them apart.
func mountsOf(s *specs.Spec) []vfs.Mount {
	var out []vfs.Mount
	guest := fmt.Sprintf("uid=%d", s.Process.User.UID)
	for _, m := range s.Mounts {
		out = append(out, vfs.Mount{Path: m.Destination, Project: m.Type == "overlay", Host: m.Type == "bind",
			Guest: slices.Contains(m.Options, guest)})
	}
	return out
}

// sortMounts brings parents before what is mounted in them.
func sortMounts(ms []specs.Mount) {
	sort.SliceStable(ms, func(i, j int) bool { return oci.Before(ms[i].Destination, ms[j].Destination) })
}

// outcome turns the engine's report into what the user is told.
func (s *supervisor) outcome(r determinize.Report, st *streams) *Outcome {
	out := &Outcome{}
	rep := &out.Report
	rep.Command = s.box.Spec.Process.Args
	if r.Status.Signaled() {
		out.Exit = 128 + int(r.Status.Signal())
	} else {
		out.Exit = r.Status.ExitStatus()
	}
	if s.box.StdinKind == StdinLive {
		rep.Taints = append(rep.Taints, Taint{Kind: "input", Detail: "live standard input (-i)"})
	}
	if n := s.box.Spec.Annotations[oci.AnnotationNetwork]; n == oci.NetworkHost {
		rep.Taints = append(rep.Taints, Taint{Kind: "network", Detail: "the host's network (--network host)"})
	}
	rep.Taints = append(rep.Taints, unpinned(s.box.Unpinned)...)
	for _, t := range r.Taints {
		rep.Taints = append(rep.Taints, Taint(t))
	}
	rep.Taints = append(rep.Taints, s.changedMeanwhile()...)
	rep.Taints = append(rep.Taints, s.endReads()...)
	rep.Taints = append(rep.Taints, conflictTaints(r.Conflicts, s.finality)...)
	rep.Attempts = s.attempt.N
	rep.Conflicts = mergeConflicts(s.attempt.Found, r.Conflicts)
	rep.Verdict = Deterministic
	if len(rep.Taints) > 0 {
		rep.Verdict = Tainted
	}
	for name, n := range r.Refused {
		rep.Refused = append(rep.Refused, Refusal{Syscall: name, Count: n})
	}
	slices.SortFunc(rep.Refused, func(a, b Refusal) int { return strings.Compare(a.Syscall, b.Syscall) })
	rep.Unmasked = r.Unmasked
	rep.CPU = cpuid.This()
	rep.Execs = Execs{Total: r.Execs, Run: r.Execs - r.Skipped, Skipped: r.Skipped}
	rep.SavedTicks = r.SavedTicks
	rep.Ticks = r.Ticks
	rep.Times = s.howTimes()
	s.lastStamp = r.LastStamp
	rep.Stdout, rep.Stderr = st.digest(1), st.digest(2)
	if c := s.box.Costs; c != nil {
		earlier, _ := s.costs()
		out.Costs = costs.Merge(r.Costs, earlier).Text()
		if len(c.Text) > 0 {
			sum := sha256.Sum256(c.Text)
			rep.Costs = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	switch {
	case s.box.OnConflict == ConflictFail && len(unresolved(r.Conflicts)) > 0:
		out.Exit, s.refused = ExitConflict, true
	case s.box.Strict && rep.Verdict == Tainted:
		out.Exit, s.refused = ExitFailure, true
	}
	rep.Exit = out.Exit
	if s.trace != nil && s.trace.err != nil {
		out.Warnings = append(out.Warnings, "trace: "+s.trace.err.Error()+": the rest of it is lost")
	}
	return out
}

// virtual is the metadata of a layer as the box's processes saw it.
type virtual map[string]determinize.Meta

// Lookup implements layer.Virtual.
func (v virtual) Lookup(path string, st *unix.Stat_t) (mtime int64, uid, gid int) {
	m := v[path]
	return m.Mtime, int(m.Owner.UID), int(m.Owner.GID)
}

// results takes what the box wrote out of its layers, and ends the box.
func (s *supervisor) results(ctx context.Context, out *Outcome, upper []uppers) error {
	metas := make([]virtual, len(upper))
	out.Writers = s.writers
	dirs := make([]*os.File, len(upper))
	for i, u := range upper {
		d, err := os.Open(u.upper)
		if err != nil {
			return fmt.Errorf("open the box's changes: %w", err)
		}
		defer d.Close()
		dirs[i] = d
		if metas[i], err = s.metadata(d, s.box.Overlays[i].Target); err != nil {
			return err
		}
	}
	s.run.Leave()
	s.init.stop()
	s.closeCaches()
	tree := newTreeDigest()
	sums := make([][sha256.Size]byte, len(dirs))
	for i, d := range dirs {
		var err error
		if sums[i], err = layer.Digest(d, metas[i]); err != nil {
			return fmt.Errorf("digest the box's changes: %w", err)
		}
		tree.add(s.box.Overlays[i].Target, sums[i])
	}
	out.Report.Tree = tree.sum()
	switch {
	case s.box.Commit == CommitProject:
		change, err := s.change(dirs, metas, sums)
		if err != nil {
			return fmt.Errorf("describe the box's changes: %w", err)
		}
		if err := s.noteDoubts(); err != nil {
			return err
		}
		return s.commit(ctx, out, change, !s.refused && (out.Exit == 0 || s.box.Keep))
	case s.box.Commit == CommitOut && !s.refused:
		return s.export(dirs, metas)
	}
	return nil
}

// closeCaches keeps what this run has found out of the host's files.
func (s *supervisor) closeCaches() {
	if err := s.executables.Close(); err != nil {
		s.log.Debug("keep what is known of executables", "err", err)
	}
	if err := s.links.Close(); err != nil {
		s.log.Debug("keep what is known of hard links", "err", err)
	}
}

// metadata asks the engine for the metadata of everything in a layer.
func (s *supervisor) metadata(upper *os.File, target string) (virtual, error) {
	var names, paths []string
	err := layer.Walk(upper, nil, func(e layer.Entry) error {
		names = append(names, e.Path)
		paths = append(paths, filepath.Join(target, e.Path))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the box's changes: %w", err)
	}
	v := make(virtual, len(names))
	for i, m := range s.run.Metadata(paths) {
		v[names[i]] = m
		s.writers.wrote(paths[i], m.Writer)
	}
	return v, nil
}

// LayerName is what CommitOut calls the directory of a layer, where there are several,
// that lies at a path in the box.
func LayerName(target string) string {
	return strings.ReplaceAll(strings.Trim(target, "/"), "/", "-")
}

// export writes the layers to Box.Out.
func (s *supervisor) export(upper []*os.File, metas []virtual) error {
	for i, d := range upper {
		dst := s.box.Out
		if len(upper) > 1 {
			dst = filepath.Join(dst, LayerName(s.box.Overlays[i].Target))
		}
		o := layer.Options{Owner: s.owner(dst), DropSetID: s.init.guestID != 0, Had: s.before[i].had}
		if err := layer.Export(d, dst, metas[i], o); err != nil {
			return &Error{Op: "--out", On: dst, Err: err}
		}
	}
	return nil
}

// owner is whom new files belong to where the host's root runs the box: the
// owner of the directory that they come to.
func (s *supervisor) owner(dir string) *layer.Owner {
	if s.init.guestID == 0 {
		return nil
	}
	var st unix.Stat_t
	for unix.Stat(dir, &st) != nil {
		dir = filepath.Dir(dir)
	}
	return &layer.Owner{UID: int(st.Uid), GID: int(st.Gid)}
}
