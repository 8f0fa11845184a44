package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/runtime/cgroup"
	"laplace.dev/laplace/runtime/container"
)

// An event is a line of events, as runc prints it.
type event struct {
	Type string        `json:"type"`
	ID   string        `json:"id"`
	Data *cgroup.Stats `json:"data,omitempty"`
}

// ociEvents is the command that tells what a container uses, and what befalls it.
func ociEvents(f *ociFlags, c *Caller) *cobra.Command {
	var once bool
	var interval time.Duration
	cmd := f.command(c, "events [flags] ID", "Show what a container uses, again and again, and when it runs out of memory", 1, 1,
		func(r *container.Runtime, args []string) error {
			if interval <= 0 {
				return fmt.Errorf("duration interval must be greater than 0")
			}
			box, err := r.Load(args[0])
			if err != nil {
				return err
			}
			out := json.NewEncoder(c.Stdout)
			stats := func(s *cgroup.Stats) error { return out.Encode(event{"stats", args[0], s}) }
			if once {
				s, err := box.Stats()
				if err != nil {
					return err
				}
				return stats(s)
			}
			return box.Watch(interval, stats, func() error { return out.Encode(event{Type: "oom", ID: args[0]}) })
		})
	cmd.Flags().DurationVar(&interval, "interval", 5*time.Second, "`TIME` between two looks")
	cmd.Flags().BoolVar(&once, "stats", false, "look once")
	return cmd
}
