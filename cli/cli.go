// Package cli is the command line: one file a verb, flags in, text out. Nothing else
// in Laplace parses flags or prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime"
)

// A Caller is what the process has from the one that started it: everything that verbs
// may depend on besides their arguments.
type Caller struct {
	Stdin, Stdout, Stderr *os.File
	// Env is the environment, "K=V".
	Env []string
	// Dir returns the working directory.
	Dir func() (string, error)
	// UID and GID are the effective IDs.
	UID, GID int
	// Root is the root directory of the host, "/" but in tests.
	Root string
	// Run runs a box.
	Run Runner
	// Exec replaces the process, as execve(2).
	Exec func(path string, argv, env []string) error
}

// A Runner runs a box: runtime.Run. The context, when it ends, ends the box; outcome and
// error may both be there, where a box ran that fails all the same.
type Runner func(context.Context, *runtime.Box, *slog.Logger) (*runtime.Outcome, error)

// Process is the Caller of this process, which runs boxes with run.
func Process(run Runner) Caller {
	return Caller{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Env: os.Environ(), Dir: os.Getwd, UID: os.Geteuid(), GID: os.Getegid(),
		Root: "/", Run: run, Exec: syscall.Exec,
	}
}

// Main runs the verb that args, without the name of the program, ask for and returns
// the exit status.
func Main(args []string, c Caller) int {
	cmd := root(&c)
	cmd.SetArgs(longFlags(cmd, args))
	cmd.SetIn(c.Stdin)
	cmd.SetOut(c.Stdout)
	cmd.SetErr(c.Stderr)
	err := cmd.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if e, ok := errors.AsType[*ociError](err); ok {
		return c.failOCI(e)
	}
	return c.fail(err)
}

// root is the command without a verb.
func root(c *Caller) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "laplace",
		Short: "Given the same starting state, the same future",
		Long: `Laplace runs a command in a box in which nothing is left to chance: time, randomness,
process IDs, the order of directories and of processes. Run again, on any day, on any
host with the same files, by anybody, it gives the same bytes.`,
		Example:       "  laplace do -- sh -c 'date; echo $$; head -c8 /dev/urandom | xxd'",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if cmd.GroupID != ociGroup { // containers have the limits of who makes them
				runtime.RaiseLimits()
			}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			hint := "laplace --help"
			if c.onHost(args[0]) != "" {
				hint = "laplace do -- " + strings.Join(args, " ")
			} else if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				hint = "laplace " + like[0]
			}
			return &runtime.Error{Op: "unknown command", On: args[0], Hint: hint}
		},
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if number, ok := errors.AsType[*strconv.NumError](err); ok {
			// In the words of the flag, not of a function of Go's.
			err = errors.New(strings.Replace(err.Error(), number.Error(), number.Err.Error(), 1))
		}
		return &runtime.Error{Op: cmd.Name(), Err: err, Hint: cmd.CommandPath() + " --help"}
	})
	cmd.AddGroup(&cobra.Group{ID: boxGroup, Title: "Commands:"})
	cmd.SetHelpCommandGroupID(boxGroup)
	cmd.SetCompletionCommandGroupID(boxGroup)
	for _, verb := range []*cobra.Command{
		do(c), check(c), trace(c), commit(c), purge(c), host(c), syscalls(), runsCommand(c), conflicts(c), explain(c), cacheCommand(c), versionCommand(), man(),
	} {
		verb.GroupID = boxGroup
		cmd.AddCommand(verb)
	}
	addOCI(cmd, c)
	cmd.SetVersionTemplate(ociVersion())
	return cmd
}

// boxGroup is the group, in the help, of the commands that are Laplace's own.
const boxGroup = "box"

// noArgs is cobra.NoArgs with a message of ours.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &runtime.Error{
			Op: cmd.Name(), On: args[0], Err: errors.New("takes no arguments"), Hint: cmd.CommandPath() + " --help",
		}
	}
	return nil
}

// An exitStatus ends the process with a status and without a message.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// fail tells the user about err, in one line, and returns the exit status.
func (c *Caller) fail(err error) int {
	status := runtime.ExitFailure
	hint := ""
	if e, ok := errors.AsType[*runtime.Error](err); ok {
		hint = e.Hint
		if e.Exit != 0 {
			status = e.Exit
		}
	}
	line := "laplace: " + err.Error()
	if hint != "" {
		line += ". Try: " + hint
	}
	fmt.Fprintln(c.Stderr, strings.ReplaceAll(strings.TrimSpace(line), "\n", "; "))
	return status
}

// notice tells the user something, in one line.
func (c *Caller) notice(line string) {
	fmt.Fprintln(c.Stderr, "laplace: "+strings.ReplaceAll(line, "\n", "; "))
}

// getenv returns the last value of a variable, and whether it is set.
func (c *Caller) getenv(name string) (value string, ok bool) {
	for _, entry := range c.Env {
		if v, found := strings.CutPrefix(entry, name+"="); found {
			value, ok = v, true
		}
	}
	return value, ok
}

// abs makes a path of the command line absolute and clean.
func (c *Caller) abs(path string) (string, error) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	dir, err := c.Dir()
	if err != nil {
		return "", &runtime.Error{Op: "working directory", Err: err, Hint: "cd to a directory that exists"}
	}
	return filepath.Join(dir, path), nil
}

// real is abs, then follows symbolic links; what names the flag for the message.
func (c *Caller) real(what, path string) (string, error) {
	path, err := c.abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", &runtime.Error{Op: what, On: path, Err: cause(err), Hint: "a path that exists and that you may read"}
	}
	return resolved, nil
}

// realDir is real for a directory that can be listed.
func (c *Caller) realDir(what, path string) (string, error) {
	path, err := c.real(what, path)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err == nil {
		_, err = f.Readdirnames(1)
		_ = f.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", &runtime.Error{Op: what, On: path, Err: cause(err), Hint: "a directory that you may read"}
	}
	return path, nil
}
