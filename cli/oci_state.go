package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociState is the command that says what a container is doing.
func ociState(f *ociFlags, c *Caller) *cobra.Command {
	return f.command(c, "state ID", "Show the state of a container", 1, 1, func(r *container.Runtime, args []string) error {
		box, err := r.Load(args[0])
		if err != nil {
			return err
		}
		state, err := box.State()
		if err != nil {
			return err
		}
		text, err := state.Encode()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.Stdout, string(text))
		return err
	})
}
