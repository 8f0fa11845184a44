package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/probe"
)

// host is the verb that says what this host can pin.
func host(c *Caller) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Show what this host can pin and what it cannot",
		Long: `Try everything that a box needs of the kernel, and show what is missing. What is
required is marked with an asterisk: without it no box runs, and the exit status is 1.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := c.stateDir()
			if err != nil {
				return err
			}
			h, err := probe.ThisHost(state)
			if err != nil {
				return &runtime.Error{Op: "host", Err: err}
			}
			results := probe.Run(cmd.Context(), h)
			if asJSON {
				err = writeJSON(c.Stdout, map[string]any{"usable": probe.Usable(results), "probes": results})
			} else {
				err = writeProbes(c.Stdout, results)
			}
			if err != nil {
				return err
			}
			if !probe.Usable(results) {
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// writeProbes writes a table, and below it the way out of what is missing.
func writeProbes(w io.Writer, results []probe.Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROBE\tRESULT\tPINS\tNEEDS\tFOUND")
	for _, r := range results {
		mark := ""
		if r.Required {
			mark = "*"
		}
		fmt.Fprintf(table, "%s%s\t%s\t%s\t%s\t%s\n", r.Name, mark, r.Status, r.Gives, r.Needs, r.Detail)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Status == probe.No {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", r.Name, r.Hint); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeJSON writes v, indented.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
