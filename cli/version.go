package cli

import (
	"fmt"
	goruntime "runtime"
	"runtime/debug"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
)

// release is the version that the Makefile links in.
var release string

// version is the version of this build: that of the Makefile, else what the go command
// recorded.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// ociVersion is what --version prints: lines that clients of runc read, of which the first
// is to begin like this.
func ociVersion() string {
	return fmt.Sprintf("runc version %s\ncommit: laplace-%s\nspec: %s\ngo: %s\n", oci.RuncVersion, version(), specs.Version, goruntime.Version())
}

// versionCommand is the verb that says which Laplace this is.
func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := goruntime.GOOS + "/" + goruntime.GOARCH
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{
					"version": version(), "format": runtime.Format, "oci": specs.Version,
					"go": goruntime.Version(), "platform": platform,
				})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "laplace version %s\nformat: %d\nspec: %s\ngo: %s\nplatform: %s\n",
				version(), runtime.Format, specs.Version, goruntime.Version(), platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
