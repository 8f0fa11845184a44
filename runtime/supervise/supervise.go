// Package supervise is the supervisor of a deterministic container: a process of its own, which
// the container's maker has started. It waits until init asks to be seized, traces the
// container, passes its output on, and leaves its verdict beside the container's state.
package supervise

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/exe"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/boxcache"
	"laplace.dev/laplace/runtime/container"
)

// Name is the argv[0] under which the program becomes a supervisor.
const Name = container.SupervisorName

// Verdict is what is left in container.VerdictFile.
type Verdict struct {
	Verdict   string            `json:"verdict"` // deterministic or tainted
	Taints    []Taint           `json:"taints,omitempty"`
	Refused   map[string]uint64 `json:"refused,omitempty"` // calls, by name
	Conflicts int               `json:"conflicts"`
	Execs     uint64            `json:"execs"`
	Ticks     uint64            `json:"ticks"`
	// Skipped is how many of the execs have come from the cache, which has saved SavedTicks of the ticks.
	Skipped    uint64 `json:"skipped,omitempty"`
	SavedTicks uint64 `json:"saved_ticks,omitempty"`
	// Uncached is why the container had no cache although it asks for it, or why not all has been kept.
	Uncached string `json:"uncached,omitempty"`
	Error    string `json:"error,omitempty"` // why the container was ended, if it did not end by itself
}

// Taint is a reason for a verdict.
type Taint struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	Exec   string `json:"exec,omitempty"`
}

// Main is what the program does when its argv[0] is Name. It never returns.
func Main() {
	s, err := container.ReadSupervision()
	if err != nil {
		os.Exit(1)
	}
	w := &warden{s: s, log: slog.New(slog.DiscardHandler)}
	if v := w.supervise(); v != nil {
		leave(s, v)
	}
	w.passing.Wait()
	os.Exit(0)
}

// leave writes the verdict beside the state. The container may have been deleted already.
func leave(s *container.Supervision, v *Verdict) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	_, _ = unix.Pwrite(s.Verdict, data, 0) // a part of it is no JSON
}

// A Report is what is written where oci.AnnotationReport says.
type Report struct {
	ID      string   `json:"id"`
	Command []string `json:"command"`
	// Exit is the status of the container's process, or 128 + the signal that ended it.
	Exit int `json:"exit"`
	*Verdict
	// All are the conflicts of which Verdict has the number.
	All []conflict.Conflict `json:"all_conflicts"`
	// Cached is what the cache had to do with each exec, if the container has one.
	Cached []conflict.Cached `json:"cached,omitempty"`
}

// report writes a report.
func report(s *container.Supervision, v *Verdict, r *determinize.Report) {
	if s.Report < 0 {
		return
	}
	out := Report{ID: s.ID, Command: s.Spec.Args, Exit: r.Status.ExitStatus(), Verdict: v, All: r.Conflicts, Cached: r.Cached}
	if r.Status.Signaled() {
		out.Exit = 128 + int(r.Status.Signal())
	}
	if data, err := json.MarshalIndent(&out, "", "  "); err == nil {
		_, _ = unix.Pwrite(s.Report, append(data, '\n'), 0)
	}
}

// supervise is nil where the container ended before it began.
func (w *warden) supervise() *Verdict {
	s := w.s
	var b [1]byte
	for {
		n, err := unix.Read(s.Init, b[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			return nil
		}
		break
	}
	found, err := w.runs()
	defer w.cache.Close()
	v := &Verdict{Verdict: "deterministic", Refused: found.Refused, Conflicts: len(found.Conflicts), Execs: found.Execs, Ticks: found.Ticks,
		Skipped: found.Skipped, SavedTicks: found.SavedTicks, Uncached: w.uncached}
	for _, t := range found.Taints {
		v.Taints = append(v.Taints, Taint(t))
	}
	for i := range found.Conflicts {
		if c := &found.Conflicts[i]; !c.Ordered {
			v.Taints = append(v.Taints, Taint{Kind: "conflict", Detail: string(c.Class) + " of " + c.Path})
			if err == nil && fails(s) {
				err = determinize.ErrConflict // which was only found at the end
			}
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(s.Untraced, &st); err != nil || st.Size > 0 {
		v.Taints = append(v.Taints, Taint{Kind: "exec", Detail: "a process was started by exec before start, and nobody traces it"})
	}
	if err != nil {
		v.Error = err.Error()
		v.Taints = append(v.Taints, Taint{Kind: "ended", Detail: err.Error()})
	}
	if len(v.Taints) == 0 {
		w.caches(&found, v)
	}
	if len(v.Taints) > 0 {
		v.Verdict = "tainted"
	}
	report(s, v, &found)
	return v
}

// fails tells whether a conflict ends the container.
func fails(s *container.Supervision) bool {
	return s.Spec.Annotations[oci.AnnotationOnConflict] == oci.ConflictFail
}

// warden supervises one container.
type warden struct {
	s   *container.Supervision
	log *slog.Logger

	run      *determinize.Run
	cache    *boxcache.Cache // nil: it has none
	uncached string          // see Verdict
	visits   sync.WaitGroup  // processes that have joined the container, or are about to
	passing  sync.WaitGroup  // outlets that have something to pass on
}

// runs runs the container to its end.
func (w *warden) runs() (determinize.Report, error) {
	s := w.s
	settings, err := oci.ParseSettings(s.Spec.Annotations)
	if err != nil {
		return determinize.Report{}, err
	}
	proc := func(name string) string { return "/proc/" + strconv.Itoa(s.Pid) + "/" + name }
	mountNS, err := os.Open(proc("ns/mnt"))
	if err != nil {
		return determinize.Report{}, err
	}
	hostProc, err := os.Open("/proc")
	if err != nil {
		return determinize.Report{}, err
	}
	mounts, err := mountsOf(proc("mountinfo"))
	if err != nil {
		return determinize.Report{}, err
	}
	placer, err := newPlacer(s.Pid)
	if err != nil {
		return determinize.Report{}, err
	}
	defer placer.stop()
	home := filepath.Join(filepath.Dir(s.Dir), container.CacheDir)
	cache := exe.Open(filepath.Join(home, "executables"), time.Now, w.log)
	defer cache.Close()
	cfg := determinize.Config{
		Command:  determinize.Command{PID: s.Pid, VPID: 1, Go: os.NewFile(uintptr(s.Init), "init")},
		MountNS:  mountNS,
		HostProc: hostProc,
		PlacePID: placer.place,
		LastPID:  placer.last,
		Users:    true,
		Service:  true,
		Epoch:    time.Unix(settings.Epoch, 0).UTC(),
		Seed:     prng.Root([]byte(settings.Seed)),
		CPUs:     settings.CPUs,
		Hostname: s.Spec.Hostname, Domainname: s.Spec.Domainname,
		UID: int(s.Spec.UID), GID: int(s.Spec.GID),
		Mounts:      mounts,
		Executables: cache,
		CPU:         -1,
		Record:      false,
		Conflicting: fails(s),
		SpinLimit:   10 * time.Minute,
		CPUTime:     cpuTime,
		Log:         w.log,
	}
	w.opensCache(&cfg)
	if s.Streams[0] >= 0 {
		cfg.Stdin, cfg.StdinKey, cfg.Live = os.NewFile(uintptr(s.Stdio[0]), "stdin"), keyOf(s.Streams[0]), true
	} else if s.Stdio[0] >= 0 {
		cfg.StdinFile = keyOf(s.Stdio[0])
	}
	if s.Terminal >= 0 {
		cfg.Terminal = terminal(s.Terminal)
		if size := s.Spec.ConsoleSize; size != nil {
			cfg.TerminalSize = unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
		}
		defer unix.Close(s.Terminal)
	}
	cfg.Stdout, cfg.Stderr = keyOf(s.Streams[1]), keyOf(s.Streams[2])
	for i := range cfg.Outlets {
		cfg.Outlets[i] = &outlet{fd: s.Stdio[i+1], deaf: true, stir: func() { w.run.Stir() }, group: &w.passing}
	}
	listener, err := listen(s.Listen)
	if err != nil {
		return determinize.Report{}, err
	}
	defer listener.Close()
	if w.run, err = determinize.Start(context.Background(), cfg); err != nil {
		return determinize.Report{}, err
	}
	received := make(chan struct{})
	go func() {
		defer close(received)
		w.receives(listener)
	}()
	report, err := w.run.Wait()
	listener.Close()
	<-received
	w.visits.Wait() // the ends of their streams follow those of all processes
	w.run.Restamp()
	w.run.Leave()
	return report, err
}

// listen is a socket that listens.
func listen(fd int) (*net.UnixListener, error) {
	f := os.NewFile(uintptr(fd), "requests")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("socket for requests: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("socket for requests: %w", unix.ENOTSOCK)
	}
	u.SetUnlinkOnClose(false) // it goes with its directory
	return u, nil
}

// terminal is the container's terminal, a descriptor, at which somebody else types.
type terminal int

// Typing implements determinize.Terminal: until whoever has the other end has closed it.
func (t terminal) Typing() bool {
	p := []unix.PollFd{{Fd: int32(t)}}
	for {
		if _, err := unix.Poll(p, 0); err != unix.EINTR {
			return p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0
		}
	}
}

// Type implements determinize.Terminal: it has no end of input but the one that is typed.
func (t terminal) Type(byte) {}

// Ear implements determinize.Terminal.
func (t terminal) Ear() int { return int(t) }

// keyOf is what the kernel calls what a descriptor leads to.
func keyOf(fd int) vfs.Key {
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil {
		return vfs.Key{}
	}
	return vfs.KeyOf(&st)
}

// mountsOf are the mounts of a container, from the mountinfo of its init.
func mountsOf(name string) ([]vfs.Mount, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	infos, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		return nil, fmt.Errorf("mounts of the container: %w", err)
	}
	var out []vfs.Mount
	for _, m := range infos {
		if strings.HasPrefix(m.Mountpoint, "/proc/") {
			continue // part of what the engine shows of /proc
		}
		if !slices.ContainsFunc(out, func(o vfs.Mount) bool { return o.Path == m.Mountpoint }) {
			out = append(out, vfs.Mount{Path: m.Mountpoint})
		}
	}
	// Clients give mounts in any order: podman in another one each time.
	slices.SortFunc(out, func(a, b vfs.Mount) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// cpuTime is how much CPU time a process has used; clock_getcpuclockid(3).
func cpuTime(pid int) time.Duration {
	const perProcess = 2 // CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcess), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
