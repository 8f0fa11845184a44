package cli

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime"
)

// commit is the verb that puts kept changes into the project.
func commit(c *Caller) *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "commit [flags]",
		Short: "Put the kept changes of the last failed run into the project",
		Long: `Put the changes of the last run in this project that were not committed, because the
command failed, or the verdict was tainted and --strict given, or somebody had changed
the same files meanwhile, into the project: all of them, or none. A commit that was
interrupted is finished first, as by every run in the project.

What has been changed since that run began is not overwritten, without --force.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.inBox() {
				return &runtime.Error{Op: "commit", Err: errors.New("not in a box"), Hint: "laplace commit outside of it"}
			}
			project, state, err := c.projectState(dir)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			err = runtime.Commit(ctx, state, project, force, c.notice, slog.New(slog.DiscardHandler))
			if interrupt, ok := errors.AsType[runtime.Interrupt](err); ok {
				return exitStatus(128 + interrupt.Signal)
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&dir, "directory", "C", "", "run as if started in `DIR`")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite what has been changed meanwhile")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// projectState finds the project that dir belongs to and the state directory.
func (c *Caller) projectState(dir string) (project, state string, err error) {
	start, err := c.realDir("working directory", dir)
	if err != nil {
		return "", "", err
	}
	if project, err = c.findProject(start); err != nil {
		return "", "", err
	}
	state, err = c.stateDir()
	return project, state, err
}
