package cli

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/runtime"
)

// trace is the verb that runs a command and writes the calls that are intercepted.
func trace(c *Caller) *cobra.Command {
	var (
		flags  boxFlags
		calls  []string
		asJSON bool
		output string
	)
	cmd := &cobra.Command{
		Use:   "trace [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command and write the system calls that are intercepted",
		Long: `Run a command like do and write each intercepted system call, with what the command
was told, to standard error. The text is the same from run to run. Calls whose result
cannot vary are not intercepted: laplace syscalls lists them.`,
		Example: `  laplace trace -e openat,newfstatat -- cat /etc/hostname
  laplace trace --json -o calls.json -- make`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			trace := &runtime.Trace{Calls: calls, JSON: asJSON, Writer: c.Stderr}
			for _, name := range calls {
				if !isCall(name) {
					return &runtime.Error{Op: "-e", On: name, Err: errors.New("no such system call"), Hint: "laplace syscalls"}
				}
			}
			if output != "" && len(args) > 0 {
				if output, err = c.abs(output); err != nil {
					return err
				}
				if trace.Writer, err = os.Create(output); err != nil {
					return &runtime.Error{Op: "-o", On: output, Err: cause(err), Hint: "a file that you may write to"}
				}
				defer func() {
					if cerr := trace.Writer.Close(); cerr != nil {
						err = &runtime.Error{Op: "-o", On: output, Err: cause(cerr)}
					}
				}()
			}
			return flags.run(cmd.Context(), c, "trace", args, trace)
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringSliceVarP(&calls, "calls", "e", nil, "only these system `CALLS`, separated by commas")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the calls to `FILE`")
	cmd.Flags().SetInterspersed(false)
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// isCall reports whether name is that of a system call.
func isCall(name string) bool {
	return slices.ContainsFunc(policy.Table[:], func(row policy.Row) bool { return row.Name == name && name != "" })
}
