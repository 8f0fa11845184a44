package determinize

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// newEngine makes the calling thread the engine's: a tracer, in the box's
// mount namespace, with the guest's rights to files and no others.
func newEngine(cfg Config) (*engine, error) {
	e := &engine{
		cfg: cfg, log: cfg.Log, serial: cfg.Canonical || cfg.Serial,
		counting: cfg.Log.Enabled(context.Background(), slog.LevelDebug),
		tasks:    make(map[int]*task), vpids: make(map[int]*task),
		early:     make(map[int]bool),
		pipeTable: make(map[vfs.Key]*pipe), dirs: make(map[dirKey]*dirStream),
		fifos: make(map[vfs.Key]*fifoOpens), objects: make(map[vfs.Key]object), watchers: make(map[vfs.Key][]*epollItem),
		watchedFiles: make(map[*vfs.Inode][]*inotifyWatch),
		socketTable:  make(map[vfs.Key]*socket), abstract: make(map[abstractName]*socket),
		socketFiles: make(map[vfs.Key]*socket), flight: make(map[vfs.Key]int),
		procFiles: make(map[vfs.Key]procFile),
		pids:      pids.New(cfg.LastPID), usedPIDs: make(map[int]*pidUse),
		fs: vfs.NewTable(vfs.Owner{UID: uint32(cfg.UID), GID: uint32(cfg.GID)}, cfg.Mounts),
	}
	e.fs.Times, e.fs.Owned = cfg.Times, cfg.Users
	e.watchAccesses()
	e.notesWholes()
	if e.cfg.Record = e.cfg.Record && !e.cfg.Unwatched; e.cfg.Unwatched {
		e.taint(TaintUnchecked, "conflicts were not looked for (--unwatched)", nil)
	}
	// The pipes of the streams have numbers of the host.
	for i, k := range [...]vfs.Key{cfg.StdinKey, cfg.Stdout, cfg.Stderr} {
		if k != (vfs.Key{}) {
			e.fs.Created(k, "pipe:", []byte("stream"), uint64(i), e.owner())
		}
	}
	e.opensStreams()
	e.report.Refused = make(map[string]uint64)
	e.weights = make(map[costs.Key]weight)
	boot := cfg.Seed.Derive("boot_id", 0)
	e.procfs = procfs.Box{
		CPUs: cfg.CPUs, Epoch: cfg.Epoch, Hostname: cfg.Hostname, Domain: cfg.Domainname,
		UID: cfg.UID, GID: cfg.GID, BootID: [16]byte(boot[:16]),
	}
	// One for the tracer, which blocks without telling Go's scheduler.
	if n := runtime.GOMAXPROCS(0); n < 2 {
		runtime.GOMAXPROCS(2)
	}
	tr, err := tracer.New(cfg.CPU)
	if err != nil {
		return nil, err
	}
	e.tr = tr
	if err := e.enterBox(); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/.", &st); err != nil {
		return nil, fmt.Errorf("stat the box's /proc: %w", err)
	}
	e.proc = st.Dev
	if err := e.findTTY(); err != nil {
		return nil, err
	}
	e.findFixed()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	if err := unix.Fstat(pipe[0], &st); err != nil {
		return nil, fmt.Errorf("stat a pipe: %w", err)
	}
	e.pipes = st.Dev
	return e, nil
}

// enterBox moves the thread into the box's mount namespace and takes from it
// every right to files that the guest does not have.
func (e *engine) enterBox() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare file system attributes: %w", err)
	}
	if err := unix.Setns(int(e.cfg.MountNS.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the box's mount namespace: %w", err)
	}
	// Raw: package unix would change all threads.
	unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0) // not permitted where setgroups is denied, to the guest neither
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(e.cfg.FSGID), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(e.cfg.FSUID), 0, 0)
	return setEffective(engineCaps)
}

// release seizes the command and lets it become the box's first program.
func (e *engine) release() error {
	c := e.cfg.Command
	if err := e.tr.Seize(c.PID); err != nil {
		return err
	}
	t := &task{
		process: &process{
			vpid: c.VPID, pidfd: openPidfd(c.PID),
			pgid: c.VPID, sid: c.VPID,
			seed: e.cfg.Seed, limits: procfs.DefaultLimits(),
		},
		pid: c.PID, tid: c.VPID, state: stateRunning,
		clk: clock.New(e.cfg.Stamps),
	}
	t.leader, t.threads, t.first = t, []*task{t}, t.pid
	t.clk.Past = e.chains.First()
	t.rnd = prng.NewStream(t.seed, "random")
	e.learnsCreds(t)
	e.root = t
	if c.VPID == 1 {
		t.orphans, e.subreapers = e.everybody(t), true
	} else {
		e.init = &task{process: &process{vpid: 1, pgid: 1, sid: 1, limits: t.limits}, pid: e.cfg.Init, state: stateBlocked}
	}
	t.cpu = e.cfg.CPU
	t.ord = sched.Task{Path: t.path, Of: t}
	e.live = []*task{t}
	e.transit = 1
	e.tasks[t.pid] = t
	e.vpids[t.vpid] = t
	e.pids.Place(t.vpid, pids.IDs{PGID: t.vpid, SID: t.vpid})
	if _, err := c.Go.Write([]byte{1}); err != nil {
		return fmt.Errorf("release the command: %w", err)
	}
	return nil
}

// nudge makes the engine's thread look at what is asked of it from outside.
func (e *engine) nudge() {
	unix.Tgkill(unix.Getpid(), e.tr.TID(), unix.SIGURG)
}

// interrupted is what to do when a signal has interrupted a call of the
// engine's thread: the Go scheduler may have sent it, to collect garbage.
func (e *engine) interrupted() error {
	runtime.Gosched() // as expensive as five stops of a task
	e.lookForSpins()
	e.lookAtPaces()
	if e.cfg.Service && outsideTime()-e.lookedAt >= e.attention() {
		e.looksAround()
	}
	return e.outside()
}

// outside looks at what was asked from outside the box.
func (e *engine) outside() error {
	if e.cancel.Load() {
		return ErrCanceled
	}
	if e.paused.Load() {
		e.stopAll()
	}
	if e.asking.Load() > 0 {
		e.answers()
	}
	if e.stirred.Load() {
		e.stirs()
	}
	return nil
}

// idle waits, while the box is paused, for something to be asked.
func (e *engine) idle() error {
	e.idling.Store(true)
	defer e.idling.Store(false)
	for e.paused.Load() {
		if err := e.interrupted(); err != nil {
			return err
		}
		unix.Poll(nil, 50) // a signal that came just before would not wake it
	}
	return nil
}

// end kills what is left of the box and waits until it is gone.
func (e *engine) end() {
	e.ending = true
	for _, t := range e.tasks {
		t.doomed = true
		unix.Kill(t.pid, unix.SIGKILL)
	}
	for len(e.tasks) > 0 {
		pid, ws, errno := e.tr.Wait()
		if errno == unix.EINTR {
			runtime.Gosched()
			continue
		}
		if errno != 0 {
			return
		}
		if ws.Stopped() {
			// A task born meanwhile.
			unix.Kill(pid, unix.SIGKILL)
			continue
		}
		if t := e.tasks[pid]; t != nil {
			e.exited(t, ws)
		}
	}
}

// maxLoader is the size of the dynamic loader, and more: it reads the counter when it begins, for what
// LD_DEBUG=statistics prints.
const maxLoader = 1 << 18

// counter answers rdtsc and rdtscp, which PR_SET_TSC turns into a SIGSEGV: a
// counter of nanoseconds.
func (e *engine) counter(t *task) bool {
	info, errno := e.tr.Siginfo(t.pid)
	if errno != 0 || int32(binary.LittleEndian.Uint32(info[siCode:])) != siKernel {
		return false
	}
	var r unix.PtraceRegs
	if e.tr.Regs(t.pid, &r) != 0 {
		return false
	}
	var code [3]byte
	n, _ := e.tr.Read(t.pid, r.Rip, code[:])
	size := uint64(0)
	switch {
	case n >= 2 && strings.HasPrefix(string(code[:]), "\x0f\x31"):
		size = 2
	case n >= 3 && string(code[:]) == "\x0f\x01\xf9":
		size = 3
		r.Rcx = 0 // processor number
	default:
		return false
	}
	t.clk.Tick()
	e.counts(t)
	var v uint64
	if t.interp != 0 && r.Rip > t.interp && r.Rip < t.interp+maxLoader {
		v = uint64(uptime + t.clk.Now()) // for statistics that nobody asks for
	} else {
		v = uint64(uptime + e.readClock(t))
	}
	r.Rax, r.Rdx = v&0xffffffff, v>>32
	r.Rip += size
	e.traceCounter(t, code[:size], v)
	return e.tr.SetRegs(t.pid, &r) == 0
}
