package cli

import (
	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociPause is the command that stops the processes of a container.
func ociPause(f *ociFlags, c *Caller) *cobra.Command {
	return f.locked(c, "pause ID", "Stop all processes of a container", (*container.Container).Pause)
}

// ociResume is the command that lets them go on.
func ociResume(f *ociFlags, c *Caller) *cobra.Command {
	return f.locked(c, "resume ID", "Let the processes of a paused container go on", (*container.Container).Resume)
}

// locked makes a command that changes a container and has no flags.
func (f *ociFlags) locked(c *Caller, use, short string, do func(*container.Container) error) *cobra.Command {
	return f.command(c, use, short, 1, 1, func(r *container.Runtime, args []string) error {
		box, err := r.Lock(args[0])
		if err != nil {
			return err
		}
		defer box.Unlock()
		return do(box)
	})
}
