package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// ociFeatures is the command that says what of the specification is implemented.
func ociFeatures(f *ociFlags, c *Caller) *cobra.Command {
	return f.command(c, "features", "Show what of the OCI specification is implemented", 0, 0, func(*container.Runtime, []string) error {
		text, err := json.MarshalIndent(oci.Features(), "", "    ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.Stdout, string(text))
		return err
	})
}
