package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime"
)

// purge is the verb that removes state.
func purge(c *Caller) *cobra.Command {
	var dir string
	var all bool
	cmd := &cobra.Command{
		Use:   "purge [flags]",
		Short: "Remove what is kept of a project outside of it",
		Long: `Remove what Laplace keeps of this project in its state directory: the changes of the
last run that were not committed, the modification times that boxes have seen, which
accesses its commands needed to have ordered, and the records of its runs. The project
itself is not touched; build from a clean tree afterwards. What a running laplace uses
stays.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.inBox() {
				return &runtime.Error{Op: "purge", Err: errors.New("not in a box"), Hint: "laplace purge outside of it"}
			}
			var project, state string
			var err error
			switch {
			case all && dir != "":
				err = &runtime.Error{Op: "--all", Err: errors.New("cannot be with -C"), Hint: "one of the two"}
			case all:
				state, err = c.stateDir()
			default:
				project, state, err = c.projectState(dir)
			}
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			list, err := runtime.Purge(ctx, state, project, c.notice, slog.New(slog.DiscardHandler))
			for _, p := range list {
				fmt.Fprintf(c.Stdout, "removed %s: %s\n", p.What, size(p.Bytes))
			}
			if interrupt, ok := errors.AsType[runtime.Interrupt](err); ok {
				return exitStatus(128 + interrupt.Signal)
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&dir, "directory", "C", "", "run as if started in `DIR`")
	cmd.Flags().BoolVar(&all, "all", false, "of all projects, and what is known of executables")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 10<<10 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	unit := 0
	for n >= 10<<10 {
		n >>= 10
		unit++
	}
	return fmt.Sprintf("%d %ciB", n, " KMGTPE"[unit])
}
