package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociCheckpoint and ociRestore are the commands that save a container and bring it back. They
// have runc's flags, which all come to the same answer.
func ociCheckpoint(f *ociFlags, c *Caller) *cobra.Command {
	return unsupported(f, c, "checkpoint", "Save a running container (not supported yet)", "leave-running", "pre-dump", "lazy-pages", "auto-dedup")
}

func ociRestore(f *ociFlags, c *Caller) *cobra.Command {
	cmd := unsupported(f, c, "restore", "Bring a saved container back (not supported yet)", "no-subreaper", "no-pivot", "lazy-pages", "auto-dedup")
	cmd.Flags().BoolP("detach", "d", false, "")
	cmd.Flags().StringP("bundle", "b", "", "")
	for _, name := range []string{"console-socket", "pid-file", "lsm-profile", "lsm-mount-context"} {
		cmd.Flags().String(name, "", "")
	}
	return cmd
}

// unsupported is a command that only says that there will be one.
func unsupported(f *ociFlags, c *Caller, name, short string, switches ...string) *cobra.Command {
	cmd := f.command(c, name+" [flags] ID", short, 1, 1, func(*container.Runtime, []string) error {
		return errors.New(name + ": not supported yet")
	})
	for _, s := range append(switches, "tcp-established", "tcp-skip-in-flight", "link-remap", "ext-unix-sk", "shell-job", "file-locks") {
		cmd.Flags().Bool(s, false, "")
	}
	for _, s := range []string{"image-path", "work-path", "parent-path", "manage-cgroups-mode", "empty-ns", "page-server", "status-fd"} {
		cmd.Flags().String(s, "", "")
	}
	return cmd
}
