package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// ociDelete is the command that removes a container.
func ociDelete(f *ociFlags, c *Caller) *cobra.Command {
	var force bool
	cmd := f.command(c, "delete [flags] ID", "Remove a container that has ended", 1, 1, func(r *container.Runtime, args []string) error {
		return deleteContainer(r, args[0], force)
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill it first, if it has not ended; it is no error that there is none")
	return cmd
}

// deleteContainer removes a container.
func deleteContainer(r *container.Runtime, id string, force bool) error {
	box, err := r.Lock(id)
	if force && errors.Is(err, oci.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer box.Unlock()
	return box.Delete(force)
}
