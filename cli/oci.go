package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/container"
)

// The commands of an OCI runtime have the names, flags, texts and exit statuses of runc's,
// which containerd, podman and others call. One file oci_*.go is one of them.

// ociGroup is the commands' group in the help.
const ociGroup = "oci"

// ociFlags are the flags that come before such a command.
type ociFlags struct {
	root, log, logFormat, rootless, config string
	debug, systemd                         bool

	before string       // what help says of them
	logger *slog.Logger // see open
}

// add defines the flags.
func (f *ociFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.root, "root", "", "`DIR` keeps the state of containers (default: /run/laplace, or laplace in $XDG_RUNTIME_DIR)")
	flags.StringVar(&f.log, "log", "", "messages also go to `FILE`")
	flags.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of messages: text or json")
	flags.BoolVar(&f.debug, "debug", false, "more messages")
	flags.BoolVar(&f.systemd, "systemd-cgroup", false, "systemd makes the control groups")
	flags.StringVar(&f.rootless, "rootless", "auto", "true, false or auto: `WHETHER` control groups that cannot be made are done without")
	flags.StringVar(&f.config, "config", "", "`FILE` has the annotations of containers that have none of their own (default: $LAPLACE_CONFIG, or "+oci.DefaultsFile+" if it is there)")
	for _, name := range []string{"root", "config", "log", "log-format", "debug", "systemd-cgroup", "rootless"} {
		_ = flags.MarkHidden(name) // they are for the commands of OCI alone, whose help has them
	}
}

// before tells of the flags that come before a command.
func before() string {
	var text strings.Builder
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	(&ociFlags{}).add(flags)
	text.WriteString("Before the command's name there may be flags of all that are as runc's:\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&text, "\n    %s\n        %s\n", strings.TrimSpace("--"+f.Name+" "+value), usage)
	})
	return text.String()
}

// An ociError is a failure of a command of an OCI runtime.
type ociError struct {
	err    error
	status int
	log    *slog.Logger
}

func (e *ociError) Error() string { return e.err.Error() }
func (e *ociError) Unwrap() error { return e.err }

// failOCI tells the user about a failure, in one line on standard error and as a record of
// the log, whose last one clients read.
func (c *Caller) failOCI(e *ociError) int {
	text := strings.ReplaceAll(strings.TrimSpace(e.err.Error()), "\n", "; ")
	if e.log != nil {
		e.log.Error(text)
	}
	fmt.Fprintln(c.Stderr, "laplace: "+text)
	return e.status
}

// open opens the log and returns the runtime. What it returns fails like every other
// command.
func (f *ociFlags) open(c *Caller) (*container.Runtime, error) {
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	var err error
	if f.logFormat != "text" && f.logFormat != "json" {
		return nil, fmt.Errorf("invalid log-format: %s", strconv.Quote(f.logFormat))
	}
	stderr := slog.New(slog.NewTextHandler(c.Stderr, logOptions(level)))
	log := stderr
	if f.log != "" {
		file, err := os.OpenFile(f.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return nil, fmt.Errorf("log: %w", err)
		}
		if f.logFormat == "json" {
			log = slog.New(slog.NewJSONHandler(file, logOptions(level)))
		} else {
			log = slog.New(slog.NewTextHandler(file, logOptions(level)))
		}
		f.logger = log
	}
	rootless := false
	if f.rootless != "auto" {
		if rootless, err = strconv.ParseBool(f.rootless); err != nil {
			return nil, fmt.Errorf("--rootless %s: neither true, false nor auto", strconv.Quote(f.rootless))
		}
	}
	root := f.root
	if root == "" {
		root = "/run/laplace"
		if dir, ok := c.getenv("XDG_RUNTIME_DIR"); ok && dir != "" && c.UID != 0 {
			root = filepath.Join(dir, "laplace")
		}
	}
	if root, err = c.abs(root); err != nil {
		return nil, err
	}
	defaults, err := f.defaults(c)
	if err != nil {
		return nil, err
	}
	cache := ""
	if state, err := c.stateDir(); err == nil { // only those that ask for a cache need one
		cache = runtime.CacheDir(state)
	}
	return &container.Runtime{Root: root, SystemdCgroup: f.systemd, Rootless: rootless, Defaults: defaults, Cache: cache, Log: log}, nil
}

// defaults are the annotations that containers have without saying so.
func (f *ociFlags) defaults(c *Caller) (map[string]string, error) {
	file := f.config
	if file == "" {
		file, _ = c.getenv("LAPLACE_CONFIG")
	}
	if file != "" {
		return oci.LoadDefaults(file)
	}
	defaults, err := oci.LoadDefaults(oci.DefaultsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return defaults, err
}

// logOptions have levels and times as clients of runc read them.
func logOptions(level slog.Level) *slog.HandlerOptions {
	return &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.LevelKey:
			a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
		case a.Key == slog.TimeKey:
			a.Value = slog.StringValue(a.Value.Time().Format(time.RFC3339))
		}
		return a
	}}
}

// ociCommand makes a command. use has its name and what follows its flags; run gets the
// runtime and the arguments, of which there are at least least and at most most, -1 for any
// number.
func (f *ociFlags) command(c *Caller, use, short string, least, most int, run func(*container.Runtime, []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\n" + f.before, GroupID: ociGroup, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.open(c)
			switch {
			case err != nil:
			case len(args) < least || most >= 0 && len(args) > most:
				err = fmt.Errorf("%s: %d arguments; it is laplace %s", cmd.Name(), len(args), use)
			default:
				err = run(r, args)
			}
			return f.error(err, 1)
		},
	}
	// What follows the name of a container is not ours.
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().SortFlags = false
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return f.error(fmt.Errorf("%s: %w", cmd.Name(), err), 1)
	})
	return cmd
}

// error makes an error one of an OCI runtime's command, with an exit status.
func (f *ociFlags) error(err error, status int) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[exitStatus](err); ok {
		return err
	}
	if e, ok := errors.AsType[*ociError](err); ok {
		e.log = f.logger
		return e
	}
	return &ociError{err, status, f.logger}
}

// addOCI adds the commands of an OCI runtime, and the flags that come before them.
func addOCI(root *cobra.Command, c *Caller) {
	f := &ociFlags{before: before()}
	f.add(root.Flags())
	root.TraverseChildren = true
	root.AddGroup(&cobra.Group{ID: ociGroup, Title: "OCI runtime, as runc:"})
	for _, make := range []func(*ociFlags, *Caller) *cobra.Command{
		ociCreate, ociStart, ociRun, ociState, ociKill, ociDelete, ociExec, ociPs, ociPause, ociResume, ociUpdate, ociEvents, ociList, ociFeatures, ociSpec,
		ociCheckpoint, ociRestore,
	} {
		root.AddCommand(make(f, c))
	}
}

// longFlags gives flags of an OCI runtime's command line that have one dash and the name of
// a long flag their second one: "-bundle" is "--bundle" to runc and to who calls it.
func longFlags(root *cobra.Command, args []string) []string {
	out := make([]string, 0, len(args))
	flags, cmd := root.Flags(), root
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" || !strings.HasPrefix(arg, "-") || arg == "-" {
			out = append(out, arg)
			if cmd != root || arg == "--" {
				return append(out, args...)
			}
			for _, sub := range root.Commands() {
				if sub.Name() == arg && sub.GroupID == ociGroup {
					cmd, flags = sub, sub.Flags()
				}
			}
			if cmd == root {
				return append(out, args...)
			}
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		flag := flags.Lookup(name)
		if flag == nil && len(name) == 1 {
			flag = flags.ShorthandLookup(name)
		} else if flag != nil && !strings.HasPrefix(arg, "--") {
			arg = "-" + arg
		}
		out = append(out, arg)
		if flag != nil && !hasValue && flag.NoOptDefVal == "" && len(args) > 0 {
			out = append(out, args[0])
			args = args[1:]
		}
	}
	return out
}

// startFlags are flags of create, run and exec.
type startFlags struct {
	container.Options
}

// add defines the flags that they have in common.
func (f *startFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.ConsoleSocket, "console-socket", "", "the Unix socket `PATH` gets the master of the terminal")
	flags.StringVar(&f.PidfdSocket, "pidfd-socket", "", "the Unix socket `PATH` gets a pidfd of the process")
	flags.StringVar(&f.PidFile, "pid-file", "", "`FILE` gets the process ID")
	flags.IntVar(&f.PreserveFDs, "preserve-fds", 0, "the process gets `N` descriptors from 3 on, after those of LISTEN_FDS")
}

// addCreate defines those of create and run.
func (f *startFlags) addCreate(flags *pflag.FlagSet) {
	flags.StringVarP(&f.Bundle, "bundle", "b", "", "`DIR` is the bundle (default: the working directory)")
	f.add(flags)
	flags.BoolVar(&f.NoPivot, "no-pivot", false, "move the root in place of pivot_root(2), where / is an initramfs")
	flags.StringVar(&f.UserNS, "userns", "", "with `auto`, add a user namespace where the configuration has none")
	flags.BoolVar(&f.NoNewKeyring, "no-new-keyring", false, "stay in the caller's session keyring")
}

// finish completes the options by what the caller has.
func (f *startFlags) finish(c *Caller) error {
	if f.PreserveFDs < 0 {
		return fmt.Errorf("preserve-fds: %d is less than 0", f.PreserveFDs)
	}
	if n, ok := c.getenv("LISTEN_FDS"); ok {
		if count, err := strconv.Atoi(n); err == nil && count > 0 {
			f.ListenFDs = count
		}
	}
	f.NotifySocket, _ = c.getenv("NOTIFY_SOCKET")
	for _, path := range []*string{&f.Bundle, &f.PidFile} {
		if *path == "" && path == &f.PidFile {
			continue
		}
		abs, err := c.abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}
