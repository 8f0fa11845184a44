package cli

import (
	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociStart is the command that starts the process of a container.
func ociStart(f *ociFlags, c *Caller) *cobra.Command {
	return f.command(c, "start ID", "Start the process of a container", 1, 1, func(r *container.Runtime, args []string) error {
		box, err := r.Lock(args[0])
		if err != nil {
			return err
		}
		defer box.Unlock()
		return box.Started()
	})
}
