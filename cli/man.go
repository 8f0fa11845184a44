package cli

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
)

// man is the hidden command that writes a manual page for each of the others. `make install`
// calls it.
func man() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write manual pages to a directory", Hidden: true, Args: cobra.ExactArgs(1), DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return &runtime.Error{Op: "man", On: args[0], Err: err}
			}
			// The same pages from the same program, whenever they are made.
			date := time.Unix(oci.DefaultEpoch, 0).UTC()
			header := &doc.GenManHeader{Section: "1", Source: "Laplace", Manual: "Laplace", Date: &date}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return &runtime.Error{Op: "man", On: args[0], Err: err}
			}
			return nil
		},
	}
}
