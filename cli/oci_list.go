package cli

import (
	"fmt"
	"os/user"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// ociList is the command that lists containers.
func ociList(f *ociFlags, c *Caller) *cobra.Command {
	var format string
	var quiet bool
	cmd := f.command(c, "list [flags]", "List containers", 0, 0, func(r *container.Runtime, _ []string) error {
		states, err := listStates(r)
		if err != nil {
			return err
		}
		switch {
		case quiet:
			for _, s := range states {
				fmt.Fprintln(c.Stdout, s.ID)
			}
			return nil
		case format == "json":
			text, err := oci.EncodeList(states)
			if err != nil {
				return err
			}
			_, err = c.Stdout.Write(text)
			return err
		case format != "table":
			return fmt.Errorf("invalid format option: %q", format)
		}
		table := tabwriter.NewWriter(c.Stdout, 12, 1, 3, ' ', 0)
		fmt.Fprint(table, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
		for _, s := range states {
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
		}
		return table.Flush()
	})
	cmd.Flags().StringVarP(&format, "format", "f", "table", "`FORMAT` table or json")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "only IDs")
	return cmd
}

// listStates are the states of all containers. One that ends meanwhile is left out, and of
// one that cannot be read there is a warning.
func listStates(r *container.Runtime) ([]oci.State, error) {
	ids, err := r.IDs()
	if err != nil {
		return nil, err
	}
	var states []oci.State
	for _, id := range ids {
		box, err := r.Load(id)
		if err != nil {
			if err != oci.ErrNotExist {
				r.Log.Warn(err.Error())
			}
			continue
		}
		s, err := box.State()
		if err != nil {
			r.Log.Warn(err.Error())
			continue
		}
		if s.Status == oci.Stopped {
			s.Pid = 0
		}
		if uid, err := box.Owner(); err == nil {
			s.Owner = "#" + strconv.FormatUint(uint64(uid), 10)
			if u, err := user.LookupId(s.Owner[1:]); err == nil {
				s.Owner = u.Username
			}
		}
		states = append(states, s)
	}
	return states, nil
}
