package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// ociSpec is the command that makes a configuration to begin with.
func ociSpec(f *ociFlags, c *Caller) *cobra.Command {
	var bundle string
	var rootless bool
	cmd := f.command(c, "spec [flags]", "Make a config.json to begin with", 0, 0, func(*container.Runtime, []string) error {
		dir, err := c.abs(bundle)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(oci.Default(rootless), "", "\t")
		if err != nil {
			return err
		}
		file, err := os.OpenFile(filepath.Join(dir, oci.ConfigName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("file %s exists. Remove it first", oci.ConfigName)
		}
		if err != nil {
			return err
		}
		_, err = file.Write(append(text, '\n'))
		return errors.Join(err, file.Close())
	})
	cmd.Flags().StringVarP(&bundle, "bundle", "b", "", "`DIR` gets it (default: the working directory)")
	cmd.Flags().BoolVar(&rootless, "rootless", false, "one for users without privileges")
	return cmd
}
