package cli

import (
	"github.com/spf13/cobra"
)

// do is the verb that runs a command in a box.
func do(c *Caller) *cobra.Command {
	var flags boxFlags
	cmd := &cobra.Command{
		Use:   "do [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command so that it always gives the same result",
		Long: `Run a command in a fresh box on this host's programs. The box sees the project, the
nearest directory at or above the working directory with a .git, else the working
directory itself, at its own path. What the command changes there reaches the project
when it succeeds; when it fails, it is kept elsewhere, for "laplace commit". It changes
nothing else of the host, and sees no network, no other files of yours, and of the
environment only what --env and --pass-env give.

A command whose processes race for files is run again, as if for the first time, with
such accesses in one order. --on-conflict says what else to do.

The exit status is the command's own, 128 + N when signal N ended it; 122 after
--on-conflict=fail; 124 after --timeout; 125 when Laplace failed; 126 when the command
cannot be executed; 127 when it is not in the box.`,
		Example: `  laplace do -- make -j4
  laplace do --out result --report report.json -- ./configure
  laplace do --keep -- make -k check
  laplace do --ro ~/toolchain --env CC=$HOME/toolchain/bin/gcc -- make
  laplace do --user root --no-commit -- dpkg-buildpackage -b`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd.Context(), c, "do", args, nil)
		},
	}
	flags.add(cmd.Flags())
	flags.addCache(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	cmd.DisableFlagsInUseLine = true
	return cmd
}
