package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/boxcache"
)

// boxFlags are the flags of the verbs that run a box.
type boxFlags struct {
	// what the box sees
	dir, at, rootfs, home string
	readOnly, writable    []string
	env, passEnv          []string
	user                  userFlag
	terminal, live        bool
	stream                bool
	costs                 string
	// what is pinned
	epoch                   epochFlag
	seed, hostname, network string
	cpus                    int
	// what becomes of it
	timeout          durationFlag
	spin             limitFlag
	canonical        bool
	out, report      string
	noCommit, strict bool
	onConflict       conflictFlag
	keep, fresh      bool
	verbose          int
	unpinned         pinsFlag
	unwatched        bool
	cache            cacheFlag
	noCache          bool
	jitter           string
}

// add defines the flags.
func (f *boxFlags) add(flags *pflag.FlagSet) {
	*f = boxFlags{user: userFlag(oci.Guest)}
	flags.SortFlags = false
	flags.StringVarP(&f.dir, "directory", "C", "", "run as if started in `DIR`")
	flags.StringVar(&f.at, "at", "", "the project is at `PATH` in the box (default: where it is on the host)")
	flags.StringArrayVar(&f.readOnly, "ro", nil, "`DIR` is in the box, read-only; may be repeated")
	flags.StringArrayVar(&f.writable, "rw", nil, "`DIR` is in the box and changes like the project; may be repeated")
	flags.StringVar(&f.rootfs, "rootfs", "", "programs come from `DIR` instead of the host's root directory")
	flags.StringVar(&f.home, "home", "", "HOME is `DIR` in the box: fresh and empty, unless it lies in the project, --ro or --rw")
	flags.StringArrayVar(&f.env, "env", nil, "set an environment variable, `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.passEnv, "pass-env", nil, "pass the environment variable `NAME` on, if it is set; may be repeated")
	flags.Var(&f.user, "user", "run as root, user, UID or UID:GID in the box")
	flags.BoolVarP(&f.terminal, "tty", "t", false, "give the command a terminal of 24 rows and 80 columns")
	flags.BoolVarP(&f.live, "interactive", "i", false, "pass standard input on as it arrives; taints the verdict")
	flags.BoolVar(&f.stream, "stream", false, "pass output on as it is written to files and pipes, too, and not only to a terminal; by default they get it when the command has ended")
	flags.Var(&f.epoch, "epoch", "the time at which the box starts, in seconds since 1970 or like 2020-01-01T00:00:00Z (default: $SOURCE_DATE_EPOCH, else 2020-01-01T00:00:00Z)")
	flags.StringVar(&f.seed, "seed", "", "any `TEXT`; another seed gives other random numbers")
	flags.StringVar(&f.hostname, "hostname", oci.DefaultHostname, "`NAME` of the host in the box")
	flags.IntVar(&f.cpus, "cpus", oci.DefaultCPUs, "number of CPUs that programs see")
	flags.StringVar(&f.network, "network", oci.NetworkNone, "`MODE` none (loopback only) or host (the host's, taints the verdict)")
	flags.Var(&f.timeout, "timeout", "end the box after this much real time, with status 124")
	flags.BoolVar(&f.canonical, "canonical", false, "make the calls of all processes one at a time, in order, instead of in parallel")
	f.spin = limitFlag(10 * time.Minute)
	flags.Var(&f.spin, "spin-limit", "how much CPU time a process may use without a system call while others wait for it; 0 sets no limit")
	flags.StringVar(&f.costs, "costs", "", "`FILE` says what programs cost in an earlier run, which decides which of several ends first: long ones hold up fewer others; a run that succeeds writes it anew")
	flags.StringVar(&f.out, "out", "", "write the changed files to `DIR`, which is new or empty, not to the project")
	flags.BoolVar(&f.noCommit, "no-commit", false, "throw the changed files away")
	flags.BoolVar(&f.fresh, "fresh", false, "see the project as a clean clone: without what git does not track, all files of one date")
	flags.BoolVar(&f.keep, "keep", false, "commit the changed files even if the command fails")
	f.onConflict = conflictFlag(runtime.ConflictOrder)
	flags.Var(&f.onConflict, "on-conflict", "if processes race for a file: order runs the command again with such accesses in order, fail ends with status 122 and commits nothing, taint takes the result as it is")
	flags.StringVar(&f.report, "report", "", "write the verdict and its reasons to `FILE`, as JSON")
	flags.BoolVar(&f.strict, "strict", false, "fail with status 125, and change nothing, unless the verdict is deterministic")
	flags.Var(&f.unpinned, "unpin", "for tests: leave `PINS`, a list like time,umask, as the host has them; taints the verdict")
	flags.StringVar(&f.jitter, "jitter", "", "any `SEED`; another one holds other processes back")
	_ = flags.MarkHidden("unpin")
	flags.BoolVar(&f.unwatched, "unwatched", false, "for measurements: keep no record of what the processes do, and look for no conflicts; taints the verdict")
	_ = flags.MarkHidden("unwatched")
	_ = flags.MarkHidden("jitter") // but for check, it is for tests
	flags.CountVarP(&f.verbose, "verbose", "v", "print the verdict, in one line; twice: also what Laplace does")
}

// addCache defines those of the cache.
func (f *boxFlags) addCache(flags *pflag.FlagSet) {
	flags.Var(&f.cache, "cache", "skip programs that have run before on the same, and keep what others did; read keeps nothing, write skips nothing, verify runs all and compares")
	flags.Lookup("cache").NoOptDefVal = string(boxcache.On)
	flags.BoolVar(&f.noCache, "no-cache", false, "run everything, and keep nothing")
}

// run runs command in the box that the flags describe. Its error is an exitStatus, or
// for the user.
func (f *boxFlags) run(ctx context.Context, c *Caller, verb string, command []string, trace *runtime.Trace) error {
	if len(command) == 0 {
		return &runtime.Error{Op: verb, Err: errors.New("no command"), Hint: fmt.Sprintf("laplace %s -- make", verb)}
	}
	if c.inBox() {
		return f.runDirectly(c, command)
	}
	box, err := f.box(c, command)
	if err != nil {
		return err
	}
	box.Trace, box.Record = trace, !f.unwatched
	if f.costs != "" {
		if f.costs, err = c.outputFile("--costs", f.costs); err != nil {
			return err
		}
		if box.Costs, err = c.readCosts(f.costs); err != nil {
			return err
		}
	}
	if f.report != "" {
		if f.report, err = c.outputFile("--report", f.report); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	outcome, err := c.Run(ctx, box, f.log(c))
	if outcome != nil {
		for _, warning := range outcome.Warnings {
			fmt.Fprintln(c.Stderr, "laplace: "+warning)
		}
		if outcome.Kept != "" {
			c.notice(fmt.Sprintf("the changes are kept: %s; laplace commit puts them into the project", outcome.Kept))
		}
		outcome.Report.Version = version()
		judged := outcome.Report.Verdict != "" // see Outcome
		if f.verbose > 0 && judged {
			fmt.Fprintln(c.Stderr, "laplace: "+summary(&outcome.Report))
		}
		if f.report != "" && judged {
			err = errors.Join(err, writeReport(f.report, &outcome.Report))
		}
	}
	if err == nil && outcome.Exit == 0 && box.Costs != nil {
		if werr := replace(f.costs, outcome.Costs); werr != nil {
			err = &runtime.Error{Op: "--costs", On: f.costs, Err: cause(werr), Hint: "a file in a directory that you may write to"}
		}
	}
	if interrupt, ok := errors.AsType[runtime.Interrupt](err); ok {
		return exitStatus(128 + interrupt.Signal)
	}
	if err != nil {
		return c.explain(err, box)
	}
	if err := f.conflicts(c, &outcome.Report); err != nil {
		return err
	}
	if r := &outcome.Report; f.strict && r.Verdict != "" && r.Verdict != runtime.Deterministic {
		return &runtime.Error{Op: "--strict", Err: errors.New("the verdict is " + r.Verdict + reasons(r)),
			Hint: "another run without what taints it, or without --strict"}
	}
	return exitStatus(outcome.Exit)
}

// log is where Laplace says what it does, if that is asked for.
func (f *boxFlags) log(c *Caller) *slog.Logger {
	if f.verbose > 1 {
		return slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// box is the box that the flags describe.
func (f *boxFlags) box(c *Caller, command []string) (*runtime.Box, error) {
	if f.out != "" && f.noCommit {
		return nil, &runtime.Error{Op: "--out", Err: errors.New("cannot be with --no-commit"), Hint: "one of the two"}
	}
	if f.keep && (f.out != "" || f.noCommit) {
		return nil, &runtime.Error{Op: "--keep", Err: errors.New("cannot be with --out or --no-commit"), Hint: "one of them"}
	}
	options, err := f.options(c, command)
	if err != nil {
		return nil, err
	}
	box := &runtime.Box{
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
		Terminal: f.terminal, Stream: f.stream, Timeout: time.Duration(f.timeout), SpinLimit: time.Duration(f.spin), Canonical: f.canonical, Strict: f.strict,
		Unpinned: determinize.Pins(f.unpinned), Unwatched: f.unwatched, Project: options.Project.Source, Commit: runtime.CommitProject,
		Fresh: f.fresh, Keep: f.keep, OnConflict: runtime.OnConflict(f.onConflict), Notice: c.notice,
	}
	if box.Cache = boxcache.Mode(f.cache); f.noCache {
		box.Cache = boxcache.Off
	}
	if f.jitter != "" {
		box.Disturb = &runtime.Disturbance{Jitter: f.jitter, ScheduleOnly: true}
	}
	if box.StdinKind, err = f.stdinKind(c.Stdin); err != nil {
		return nil, err
	}
	if box.State, err = c.stateDir(); err != nil {
		return nil, err
	}
	switch {
	case f.noCommit:
		box.Commit = runtime.CommitNone
	case f.out != "":
		box.Commit = runtime.CommitOut
		if box.Out, err = c.outDir("--out", f.out); err != nil {
			return nil, err
		}
	default:
		if err := writable("project", options.Project.Source); err != nil {
			return nil, err
		}
		for _, overlay := range options.Writable {
			if err := writable("--rw", overlay.Source); err != nil {
				return nil, err
			}
		}
	}
	for _, overlay := range append(options.Writable, options.Project) {
		if box.State == overlay.Source || strings.HasPrefix(box.State, overlay.Source+"/") {
			return nil, &runtime.Error{
				Op: "state directory", On: box.State, Err: fmt.Errorf("it is in %s, which the box changes", overlay.Source),
				Hint: "set XDG_STATE_HOME to another directory",
			}
		}
	}
	bundle, err := oci.Build(*options)
	if err != nil {
		return nil, &runtime.Error{Op: "box", Err: err, Hint: "another place in the box: --at, --home, or another --ro or --rw"}
	}
	box.Bundle = *bundle
	for _, bind := range options.ReadOnly {
		box.Reads = append(box.Reads, bind.Source)
	}
	if options.Whole {
		box.Reads = append(box.Reads, options.Root)
	}
	return box, nil
}

// options are the bundle that the flags describe.
func (f *boxFlags) options(c *Caller, command []string) (*oci.Options, error) {
	start, err := c.realDir("working directory", f.dir)
	if err != nil {
		return nil, err
	}
	project, err := c.findProject(start)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(project, start)
	if err != nil {
		return nil, err
	}
	o := &oci.Options{
		Args: command, User: oci.User(f.user), HostUser: c.hostUser(oci.User(f.user)),
		Home: f.home, Hostname: f.hostname, Terminal: f.terminal, Root: c.Root,
		Project: oci.Overlay{Source: project, Target: project}, Direct: directScript(),
	}
	if f.at != "" {
		o.Project.Target = f.at
	}
	if err := oci.ValidTarget(o.Project.Target); err != nil {
		return nil, &runtime.Error{Op: "project", Err: err, Hint: "--at PATH places it elsewhere in the box"}
	}
	o.Cwd = filepath.Join(o.Project.Target, rel)
	if f.rootfs != "" {
		o.Whole = true
		if o.Root, err = c.realDir("--rootfs", f.rootfs); err != nil {
			return nil, err
		}
	}
	if err := f.directories(c, o); err != nil {
		return nil, err
	}
	for _, name := range f.passEnv {
		if value, ok := c.getenv(name); ok {
			o.Env = append(o.Env, name+"="+value)
		}
	}
	o.Env = append(o.Env, f.env...)
	if o.Settings, err = f.settings(c, o.Env); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, &runtime.Error{Op: "box", Err: err, Hint: "laplace do --help"}
	}
	return o, nil
}

// directories are those of --ro and --rw.
func (f *boxFlags) directories(c *Caller, o *oci.Options) error {
	for _, path := range f.readOnly {
		target, err := c.abs(path)
		if err != nil {
			return err
		}
		source, err := c.real("--ro", path)
		if err != nil {
			return err
		}
		if err := public(source); err != nil {
			return &runtime.Error{Op: "--ro", On: path, Err: err, Hint: "chmod -R o+rX " + path}
		}
		o.ReadOnly = append(o.ReadOnly, oci.Bind{Source: source, Target: target})
	}
	for _, path := range f.writable {
		target, err := c.abs(path)
		if err != nil {
			return err
		}
		source, err := c.realDir("--rw", path)
		if err != nil {
			return err
		}
		if err := refuse(source, c.homeDir()); err != nil {
			return &runtime.Error{Op: "--rw", On: path, Err: err, Hint: "a directory in it"}
		}
		o.Writable = append(o.Writable, oci.Overlay{Source: source, Target: target})
	}
	return nil
}

// public refuses what not everybody may read.
func public(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return cause(err)
	}
	want := fs.FileMode(0o004)
	if fi.IsDir() {
		want = 0o005
	}
	if fi.Mode()&want != want {
		return fmt.Errorf("mode %04o: a box reads only what everybody may read, whoever runs it", fi.Mode().Perm())
	}
	return nil
}

// settings are those that travel as annotations; env is what the guest's environment
// has besides that of every box.
func (f *boxFlags) settings(c *Caller, env []string) (oci.Settings, error) {
	s := oci.Settings{Epoch: oci.DefaultEpoch, Seed: f.seed, CPUs: f.cpus, Network: f.network}
	if f.epoch.set {
		s.Epoch = f.epoch.seconds
		return s, nil
	}
	const name = "SOURCE_DATE_EPOCH"
	guest := Caller{Env: env}
	text, ok := guest.getenv(name)
	if !ok {
		text, ok = c.getenv(name)
	}
	if ok && text != "" {
		epoch, err := parseEpoch(text)
		if err != nil {
			return s, &runtime.Error{Op: name, On: text, Err: err, Hint: "unset it, or --epoch TIME"}
		}
		s.Epoch = epoch
	}
	return s, nil
}

// hostUser is who the guest is outside: the caller; but a user without privilege, and
// without files, where the caller is root.
func (c *Caller) hostUser(guest oci.User) oci.User {
	if c.UID != 0 {
		return oci.User{UID: uint32(c.UID), GID: uint32(c.GID)}
	}
	return oci.User{UID: oci.HostIDs + guest.UID, GID: oci.HostIDs + guest.GID}
}

// stdinKind says what the box's standard input is. A terminal is an input only when
// the user says so.
func (f *boxFlags) stdinKind(stdin *os.File) (runtime.StdinKind, error) {
	if f.live {
		return runtime.StdinLive, nil
	}
	fail := func(err error) (runtime.StdinKind, error) {
		return "", &runtime.Error{Op: "standard input", Err: err, Hint: "-i, or < /dev/null"}
	}
	fi, err := stdin.Stat()
	if err != nil {
		return fail(cause(err))
	}
	switch fi.Mode().Type() {
	case 0:
		return runtime.StdinFile, nil
	case fs.ModeNamedPipe, fs.ModeSocket:
		return runtime.StdinPipe, nil
	case fs.ModeDevice | fs.ModeCharDevice:
		if sys, ok := fi.Sys().(*syscall.Stat_t); ok && sys.Rdev == unix.Mkdev(1, 3) {
			return runtime.StdinNull, nil
		}
		if _, err := unix.IoctlGetTermios(int(stdin.Fd()), unix.TCGETS); err == nil {
			return runtime.StdinNull, nil
		}
	}
	return fail(errors.New("neither a file, a pipe, a terminal nor /dev/null"))
}

// interruptible cancels the context it returns, with a runtime.Interrupt, at the first
// signal that asks the process to end; the next one has its default effect. Signals that
// the caller ignores, as nohup(1) does, stay ignored.
func interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(runtime.Interrupt{Signal: s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}
