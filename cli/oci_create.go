package cli

import (
	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociCreate is the command that makes a container, up to the start of its process.
func ociCreate(f *ociFlags, c *Caller) *cobra.Command {
	var start startFlags
	cmd := f.command(c, "create [flags] ID", "Make a container, to be started", 1, 1, func(r *container.Runtime, args []string) error {
		if err := start.finish(c); err != nil {
			return err
		}
		_, err := r.Create(args[0], &start.Options)
		return err
	})
	start.addCreate(cmd.Flags())
	return cmd
}
