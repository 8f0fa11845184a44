package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/runs"
	"laplace.dev/laplace/runtime"
)

// shownPrograms is how many programs explain names for each reason without --all.
const shownPrograms = 3

// explain is the verb that says why the programs of a run were not skipped.
func explain(c *Caller) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "explain [flags] [RUN [EXEC]]",
		Short: "Show why programs of a run were not skipped",
		Long: `Show which programs of a run with --cache were skipped, and of the others all reasons why they
were not, and why what they did was not kept: the reason that most of them have comes first.
Of the last run without RUN. EXEC is the number of a program, from 0, or how its command
line begins.`,
		Example: `  laplace do --cache -- make; laplace explain
  laplace explain 20261122 "cc -c"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return &runtime.Error{Op: "explain", On: args[2], Err: errors.New("takes a run and a program"), Hint: "laplace explain --help"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := c.openRun(args[:min(len(args), 1)])
			if err != nil {
				return err
			}
			defer f.Close()
			list, err := f.ReadCached()
			if err != nil {
				return runError(f.ID, err)
			}
			if len(list) == 0 {
				return &runtime.Error{Op: "explain", On: f.ID, Err: errors.New("the run had no cache"), Hint: "laplace do --cache -- make"}
			}
			if len(args) == 2 {
				if list = matching(list, args[1]); len(list) == 0 {
					return &runtime.Error{Op: "explain", On: args[1], Err: errors.New("no such program in run " + f.ID), Hint: "laplace runs show lists them"}
				}
				all = true
			}
			if asJSON {
				return writeJSON(c.Stdout, jsonCached{&f.Head, list})
			}
			w := bufio.NewWriter(c.Stdout)
			err = errors.Join(writeExplained(w, &f.Head, list, all), w.Flush())
			if err != nil {
				return &runtime.Error{Op: "standard output", Err: cause(err)}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, a program an element")
	cmd.Flags().BoolVar(&all, "all", false, fmt.Sprintf("all programs, and not only %d for each reason", shownPrograms))
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// jsonCached is what the cache had to do with a run as JSON.
type jsonCached struct {
	*runs.Head
	Programs []conflict.Cached `json:"programs"`
}

// matching are the programs of a number, or whose command lines begin so.
func matching(list []conflict.Cached, which string) (found []conflict.Cached) {
	for _, p := range list {
		if fmt.Sprint(p.Exec) == which || strings.HasPrefix(words(p.Argv), which) || strings.HasPrefix(strings.Join(p.Argv, " "), which) {
			found = append(found, p)
		}
	}
	return found
}

// because is a reason, and the programs that have it.
type because struct {
	why      string
	programs []*conflict.Cached
}

// reasonsOf are the reasons that programs have, those of the most programs first.
func reasonsOf(list []conflict.Cached, of func(*conflict.Cached) []string) (all []because) {
	at := make(map[string]int)
	for i := range list {
		for _, why := range of(&list[i]) {
			j, ok := at[why]
			if !ok {
				j = len(all)
				at[why] = j
				all = append(all, because{why: why})
			}
			all[j].programs = append(all[j].programs, &list[i])
		}
	}
	slices.SortStableFunc(all, func(a, b because) int { return cmp.Compare(len(b.programs), len(a.programs)) })
	return all
}

// writeExplained tells of what the cache had to do with a run.
func writeExplained(w io.Writer, h *runs.Head, list []conflict.Cached, all bool) error {
	skipped, ran := uint64(0), 0
	for i := range list {
		if skipped += list[i].Skipped; list[i].Skipped == 0 {
			ran++
		}
	}
	fmt.Fprintf(w, "run %s: %s\n", h.ID, shorten(words(h.Command), 2*commandWidth))
	fmt.Fprintf(w, "%s: %d skipped, %d run\n", count(skipped+uint64(ran), "program"), skipped, ran)
	missed := reasonsOf(list, func(p *conflict.Cached) []string { return p.Missed })
	unkept := reasonsOf(list, func(p *conflict.Cached) []string { return p.Unkept })
	write := func(title string, reasons []because) {
		if len(reasons) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s\n", title)
		for _, r := range reasons {
			fmt.Fprintf(w, "  %s (%s)\n", r.why, count(uint64(len(r.programs)), "program"))
			shown := len(r.programs)
			if !all {
				shown = min(shown, shownPrograms)
			}
			for _, p := range r.programs[:shown] {
				fmt.Fprintf(w, "    %4d  %s\n", p.Exec, shorten(words(p.Argv), commandWidth))
			}
			if more := len(r.programs) - shown; more > 0 {
				fmt.Fprintf(w, "          %d more: --all shows them\n", more)
			}
		}
	}
	write("not skipped, because", missed)
	write("not kept, because", unkept)
	_, err := fmt.Fprint(w)
	return err
}
