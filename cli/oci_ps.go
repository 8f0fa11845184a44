package cli

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/container"
)

// ociPs is the command that lists the processes of a container.
func ociPs(f *ociFlags, c *Caller) *cobra.Command {
	var format string
	cmd := f.command(c, "ps [flags] ID [PS-ARG ...]", "List the processes of a container", 1, -1, func(r *container.Runtime, args []string) error {
		box, err := r.Load(args[0])
		if err != nil {
			return err
		}
		pids, err := box.Processes()
		if err != nil {
			return err
		}
		switch format {
		case "json":
			return json.NewEncoder(c.Stdout).Encode(pids)
		case "table":
			return psTable(c, pids, args[1:])
		}
		return fmt.Errorf("invalid format option: %q", format)
	})
	cmd.Flags().StringVarP(&format, "format", "f", "table", "`FORMAT` table or json")
	return cmd
}

// psTable prints those lines of ps(1) that are about the processes, and its headline.
func psTable(c *Caller, pids []int, args []string) error {
	if len(args) == 0 {
		args = []string{"-ef"}
	}
	out, err := exec.Command("ps", args...).Output()
	if err != nil {
		return fmt.Errorf("ps: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	column := slices.Index(strings.Fields(lines[0]), "PID")
	if column < 0 {
		return fmt.Errorf("ps %s: no column PID", strings.Join(args, " "))
	}
	fmt.Fprintln(c.Stdout, lines[0])
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) <= column {
			continue
		}
		if pid, err := strconv.Atoi(fields[column]); err == nil && slices.Contains(pids, pid) {
			fmt.Fprintln(c.Stdout, line)
		}
	}
	return nil
}
