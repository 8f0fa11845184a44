package cli

import (
	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociStart is the command that starts the process of a container.
func ociStart(f *ociFlags, c *Caller) *cobra.Command {
	return f.locked(c, "start ID", "Start the process of a container", func(box *container.Container) error {
		notify, _ := c.getenv("NOTIFY_SOCKET")
		return box.Start(notify)
	})
}
