package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociRun is the command that makes a container, starts it and waits for its end.
func ociRun(f *ociFlags, c *Caller) *cobra.Command {
	var start startFlags
	var detach, keep, noSubreaper bool
	cmd := f.command(c, "run [flags] ID", "Make a container and start its process", 1, 1, func(r *container.Runtime, args []string) error {
		if err := start.finish(c); err != nil {
			return err
		}
		if detach {
			box, err := r.Create(args[0], &start.Options)
			if err != nil {
				return err
			}
			return startOrDelete(r, box, &start)
		}
		if !noSubreaper {
			if err := container.AdoptOrphans(); err != nil {
				return err
			}
		}
		fore := container.NewForeground(c.Stdin, c.Stdout)
		start.Terminal = fore.Terminal
		box, err := r.Create(args[0], &start.Options)
		if err != nil {
			return errors.Join(err, fore.Close())
		}
		if err := startOrDelete(r, box, &start); err != nil {
			return errors.Join(err, fore.Close())
		}
		status, err := fore.Wait(box.PID(), box)
		err = errors.Join(err, fore.Close())
		box.Judged()
		if !keep {
			err = errors.Join(err, deleteContainer(r, args[0], true))
		}
		if err != nil {
			return err
		}
		return exitStatus(status)
	})
	start.addCreate(cmd.Flags())
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait for the process")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the container when its process has ended")
	cmd.Flags().BoolVar(&noSubreaper, "no-subreaper", false, "do not adopt processes whose parent has ended")
	return cmd
}

// startOrDelete starts a container that has been created, and removes it if that fails.
func startOrDelete(r *container.Runtime, box *container.Container, start *startFlags) error {
	locked, err := r.Lock(box.ID())
	if err != nil {
		return err
	}
	defer locked.Unlock()
	if err := locked.Start(start.NotifySocket); err != nil {
		locked.Unlock()
		return errors.Join(err, deleteContainer(r, box.ID(), true))
	}
	return nil
}
