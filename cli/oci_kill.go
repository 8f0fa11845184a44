package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime/container"
)

// ociKill is the command that sends a signal to a container.
func ociKill(f *ociFlags, c *Caller) *cobra.Command {
	var all bool
	cmd := f.command(c, "kill [flags] ID [SIGNAL]", "Send a signal to a container, SIGTERM by default", 1, 2, func(r *container.Runtime, args []string) error {
		name := "SIGTERM"
		if len(args) > 1 {
			name = args[1]
		}
		sig, err := parseSignal(name)
		if err != nil {
			return err
		}
		box, err := r.Load(args[0])
		if err != nil {
			return err
		}
		return box.Kill(sig, all)
	})
	cmd.Flags().BoolVarP(&all, "all", "a", false, "send it to all processes of the container")
	return cmd
}

// parseSignal reads a signal: its number, or its name with or without SIG.
func parseSignal(text string) (unix.Signal, error) {
	const last = 64
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > last {
			return 0, fmt.Errorf("unknown signal %q", text)
		}
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	sig := unix.SignalNum(name)
	if sig == 0 {
		return 0, fmt.Errorf("unknown signal %q", text)
	}
	return sig, nil
}
