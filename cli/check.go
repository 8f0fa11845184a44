package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"laplace.dev/laplace/runtime"
)

// Exit statuses of check besides those of do.
const (
	exitDifferent   = 1   // the runs differ
	exitSameFailure = 123 // the runs are the same, and the command failed
)

// check is the verb that proves that a command is deterministic.
func check(c *Caller) *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "check [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command several times, each time on another disturbed host, and compare",
		Long: `Run a command in a box as "laplace do" would, several times, on a host that is changed
each time in everything that must not matter: CPU and number of CPUs, time, process IDs,
addresses, inode numbers, order of files, user, umask, time zone, locale, host name,
schedule of processes; and once
undisturbed, all calls one at a time and in order. Compare files, output, exit status, verdict and ticks, byte for byte.
Nothing is committed.

The exit status is 0 when all runs are the same and the command succeeded, 123 when they
are the same and it failed, 1 when they differ; 124 to 127 as with "laplace do".`,
		Example: `  laplace check -- make -j4
  laplace check --runs 5 --save trees -- ./build.sh`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.check(cmd.Context(), c, args)
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// checkFlags are the flags of check: those of a box, and its own.
type checkFlags struct {
	box   boxFlags
	runs  int
	save  string
	costs *runtime.Costs // the same for all
}

func (f *checkFlags) add(flags *pflag.FlagSet) {
	f.box.add(flags)
	// They are about what becomes of the one result.
	for _, name := range []string{"out", "no-commit", "keep", "report", "strict", "interactive", "stream"} {
		_ = flags.MarkHidden(name)
	}
	flags.IntVar(&f.runs, "runs", 2, "number of disturbed runs")
	flags.Lookup("jitter").Hidden = false
	flags.StringVar(&f.save, "save", "", "keep the changed files and the output of each run in `DIR`, which is new or empty")
}

// result is what came of one run.
type result struct {
	name    string
	dir     string   // tree, stdout, stderr
	targets []string // directories in the box whose changes are in tree
	outcome *runtime.Outcome
}

// check runs the command and compares. Its error is an exitStatus, or for the user.
func (f *checkFlags) check(ctx context.Context, c *Caller, command []string) error {
	if err := f.validate(c, command); err != nil {
		return err
	}
	dir, remove, err := f.dir(c)
	if err != nil {
		return err
	}
	defer remove()
	input, err := f.spoolInput(c, dir)
	if err != nil {
		return err
	}
	if input != nil {
		defer input.Close()
	}
	if f.box.costs != "" {
		path, err := c.abs(f.box.costs)
		if err != nil {
			return err
		}
		if f.costs, err = c.readCosts(path); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	var base *result
	for i := 1; i <= f.runs+1; i++ {
		r := &result{name: "run " + strconv.Itoa(i), dir: filepath.Join(dir, "run-"+strconv.Itoa(i))}
		disturb := &runtime.Disturbance{Nth: i, Jitter: f.box.jitter}
		if i > f.runs {
			r.name, r.dir, disturb = "the canonical run", filepath.Join(dir, "canonical"), nil
		}
		if err := f.run(ctx, c, command, r, input, disturb); err != nil {
			return err
		}
		f.tell(c, r)
		if f.box.verbose > 0 {
			fmt.Fprintf(c.Stderr, "laplace: check: %s: %s\n", r.name, summary(&r.outcome.Report))
		}
		if err := f.box.conflicts(c, &r.outcome.Report); err != nil {
			return err
		}
		if base == nil {
			base = r
			if err := replay(c, base); err != nil {
				return err
			}
			continue
		}
		different, err := compare(base, r)
		if err != nil {
			return &runtime.Error{Op: "check", Err: err}
		}
		if different != "" {
			fmt.Fprintf(c.Stderr, "laplace: check: %s and %s differ: %s\n", base.name, r.name, different)
			return exitStatus(exitDifferent)
		}
	}
	rep := &base.outcome.Report
	fmt.Fprintf(c.Stderr, "laplace: check: %d runs are the same; %s: exit %d%s\n", f.runs+1, rep.Verdict, rep.Exit, reasons(rep))
	if rep.Exit != 0 {
		return exitStatus(exitSameFailure)
	}
	return nil
}

func (f *checkFlags) validate(c *Caller, command []string) error {
	b := &f.box
	switch {
	case len(command) == 0:
		return &runtime.Error{Op: "check", Err: errors.New("no command"), Hint: "laplace check -- make"}
	case c.inBox():
		return &runtime.Error{Op: "check", Err: errors.New("this is a box already"), Hint: "laplace check outside of it"}
	case f.runs < 1:
		return &runtime.Error{Op: "--runs", On: strconv.Itoa(f.runs), Err: errors.New("not a number of runs"), Hint: "--runs 2"}
	case b.out != "" || b.noCommit || b.keep || b.report != "" || b.strict || b.stream:
		return &runtime.Error{Op: "check", Err: errors.New("--out, --no-commit, --keep, --report, --strict and --stream are for one run"), Hint: "--save DIR, or laplace do"}
	case b.live:
		return &runtime.Error{Op: "check", Err: errors.New("live input cannot be given twice"), Hint: "< FILE, without -i"}
	}
	return nil
}

// dir is where the runs' results go, and what to do with it in the end.
func (f *checkFlags) dir(c *Caller) (path string, remove func(), err error) {
	if f.save == "" {
		state, err := c.stateDir()
		if err != nil {
			return "", nil, err
		}
		return runtime.Scratch(state)
	}
	fail := func(err error, hint string) (string, func(), error) {
		return "", nil, &runtime.Error{Op: "--save", On: f.save, Err: cause(err), Hint: hint}
	}
	if path, err = c.outDir("--save", f.save); err != nil {
		return "", nil, err
	}
	options, err := f.box.options(c, []string{"true"})
	if err != nil {
		return "", nil, err
	}
	for _, overlay := range append(options.Writable, options.Project) {
		if path == overlay.Source || strings.HasPrefix(path, overlay.Source+"/") {
			return fail(fmt.Errorf("it is in %s, which the command sees", overlay.Source), "a directory elsewhere")
		}
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return fail(err, "a directory that you may write to")
	}
	return path, func() {}, nil
}

// spoolInput keeps standard input for all runs; nil when there is nothing to keep.
func (f *checkFlags) spoolInput(c *Caller, dir string) (*os.File, error) {
	kind, err := f.box.stdinKind(c.Stdin)
	if err != nil || kind == runtime.StdinNull {
		return nil, err
	}
	spool, err := os.CreateTemp(dir, "stdin-")
	if err == nil {
		_ = os.Remove(spool.Name())
		_, err = io.Copy(spool, c.Stdin)
	}
	if err != nil {
		if spool != nil {
			spool.Close()
		}
		return nil, &runtime.Error{Op: "standard input", Err: cause(err), Hint: "< /dev/null"}
	}
	return spool, nil
}

// run runs the command once, and fills in r.
func (f *checkFlags) run(ctx context.Context, c *Caller, command []string, r *result, input *os.File, disturb *runtime.Disturbance) error {
	failed := func(err error) error {
		return &runtime.Error{Op: "check", On: r.dir, Err: cause(err), Hint: "free space, or --save DIR elsewhere"}
	}
	if err := os.Mkdir(r.dir, 0o777); err != nil {
		return failed(err)
	}
	var streams [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		file, err := os.Create(filepath.Join(r.dir, name))
		if err != nil {
			return failed(err)
		}
		defer file.Close()
		streams[i] = file
	}
	flags, caller := f.box, *c
	flags.out = filepath.Join(r.dir, "tree")
	caller.Stdout, caller.Stderr = streams[0], streams[1]
	if input != nil {
		stdin, end, err := feed(input, c.Stdin)
		if err != nil {
			return failed(err)
		}
		defer end()
		caller.Stdin = stdin
	}
	box, err := flags.box(&caller, command)
	if err != nil {
		return err
	}
	box.Disturb, box.Writers, box.Notice = disturb, true, c.notice
	box.Costs = f.costs
	box.Canonical = box.Canonical || disturb == nil
	for _, overlay := range box.Overlays {
		r.targets = append(r.targets, overlay.Target)
	}
	r.outcome, err = c.Run(ctx, box, f.box.log(c))
	if interrupt, ok := errors.AsType[runtime.Interrupt](err); ok {
		return exitStatus(128 + interrupt.Signal)
	}
	if err != nil {
		return c.explain(err, box)
	}
	if r.outcome.Report.Verdict == "" { // see Outcome
		return failed(errors.New("not all of the output could be kept"))
	}
	return nil
}

// feed gives a run its own standard input, of the kind that the command would have had:
// a file, or a pipe.
func feed(spool, like *os.File) (stdin *os.File, end func(), err error) {
	fi, err := like.Stat()
	if err != nil {
		return nil, nil, err
	}
	own, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(spool.Fd())))
	if err != nil {
		return nil, nil, err
	}
	if fi.Mode().IsRegular() {
		return own, func() { own.Close() }, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		own.Close()
		return nil, nil, err
	}
	go func() {
		_, _ = io.Copy(w, own) // the box may not read it all
		w.Close()
		own.Close()
	}()
	return r, func() { r.Close() }, nil
}

// tell says what was done to a run.
func (f *checkFlags) tell(c *Caller, r *result) {
	d := r.outcome.Disturbed
	if d == nil {
		return
	}
	fmt.Fprintf(c.Stderr, "laplace: check: %s: %v\n", r.name, d)
	if r.name == "run 1" {
		if text := list("", d.Impossible); text != "" {
			fmt.Fprintf(c.Stderr, "laplace: check: not disturbed here: %s\n", text)
		}
	}
}

// replay writes the output of a run as the command would have written it.
func replay(c *Caller, r *result) error {
	for _, s := range []struct {
		name string
		to   io.Writer
	}{{"stdout", c.Stdout}, {"stderr", c.Stderr}} {
		from, err := os.Open(filepath.Join(r.dir, s.name))
		if err != nil {
			return &runtime.Error{Op: "check", Err: err}
		}
		_, err = io.Copy(s.to, from)
		from.Close()
		if err != nil {
			return &runtime.Error{Op: s.name, Err: cause(err)}
		}
	}
	return nil
}
