package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/runtime"
)

// trace is the verb that runs a command and writes the calls that are intercepted.
func trace(c *Caller) *cobra.Command {
	var (
		flags boxFlags
		own   traceFlags
	)
	cmd := &cobra.Command{
		Use:   "trace [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command and write the system calls that are intercepted",
		Long: `Run a command like do and write each intercepted system call, with what the command
was told, to standard error, as strace does: a line each, with the process ID in brackets.
Lines with +++ tell of the start and end of programs, lines with --- of signals. The text
is the same from run to run. Calls whose result cannot vary are not intercepted: laplace
syscalls lists them.

With --json a line is an object: {"pid", "event": "call", "call", "args", "ret", "errno"},
or an event start (path, argv), exit (status), killed, signal or stop (signal). Arguments
are strings, written as in the text.`,
		Example: `  laplace trace -e openat,newfstatat -- cat /etc/hostname
  laplace trace --json -o calls.json -- make`,
		RunE: func(cmd *cobra.Command, args []string) error {
			trace := &runtime.Trace{Calls: own.calls, JSON: own.json, Writer: c.Stderr}
			for _, name := range own.calls {
				if !isCall(name) {
					return &runtime.Error{Op: "-e", On: name, Err: errors.New("no such system call"), Hint: "laplace syscalls"}
				}
			}
			if own.output == "" || len(args) == 0 || c.inBox() {
				return flags.run(cmd.Context(), c, "trace", args, trace)
			}
			output, err := c.abs(own.output)
			if err != nil {
				return err
			}
			box, err := flags.options(c, args)
			if err != nil {
				return err
			}
			file, done, err := c.traceFile(output, box)
			if err != nil {
				return err
			}
			trace.Writer = file
			err = flags.run(cmd.Context(), c, "trace", args, trace)
			if derr := done(); derr != nil {
				return derr
			}
			return err
		},
	}
	flags.add(cmd.Flags())
	_ = cmd.Flags().MarkHidden("stream")      // it always does
	_ = cmd.Flags().MarkHidden("on-conflict") // all calls are in order
	addTraceFlags(cmd.Flags(), &own)
	cmd.Flags().SetInterspersed(false)
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// traceFlags are the flags that trace has besides those of do.
type traceFlags struct {
	calls  []string
	json   bool
	output string
}

func addTraceFlags(flags *pflag.FlagSet, f *traceFlags) {
	flags.StringSliceVarP(&f.calls, "calls", "e", nil, "only these system `CALLS`, separated by commas")
	flags.BoolVar(&f.json, "json", false, "one JSON object a line")
	flags.StringVarP(&f.output, "output", "o", "", "write the calls to `FILE`")
}

// isCall reports whether name is that of a system call.
func isCall(name string) bool {
	return slices.ContainsFunc(policy.Table[:], func(row policy.Row) bool { return row.Name == name && name != "" })
}
