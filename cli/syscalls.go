package cli

import (
	"github.com/spf13/cobra"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/runtime"
)

// syscalls is the verb that prints the policy table.
func syscalls() *cobra.Command {
	format := "table"
	cmd := &cobra.Command{
		Use:   "syscalls",
		Short: "Show what becomes of each system call in a box, and why",
		Long: `Show the policy table: for each system call of x86-64 Linux whether it passes, is
answered by Laplace, leaves an access, is ordered, or is refused; and the reason.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := policy.Write(cmd.OutOrStdout(), format); err != nil {
				return &runtime.Error{Op: "syscalls", Err: err, Hint: "laplace syscalls --help"}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "`FORMAT` table, json or markdown")
	return cmd
}
