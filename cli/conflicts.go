package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/runs"
	"laplace.dev/laplace/runtime"
)

// exitConflicts is the status of laplace conflicts when there are any.
const exitConflicts = 1

// shownConflicts is how many conflicts are shown without --all.
const shownConflicts = 20

// conflicts is the verb that tells of a run's conflicts.
func conflicts(c *Caller) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "conflicts [flags] [RUN]",
		Short: "Show what the programs of a run raced for",
		Long: `Show the conflicts of a run, of the last one without RUN: accesses of two programs to one
file, of which at least one changes it, where nothing in the command says who comes first.
For each: both programs, what they did, what either order gives, and what became of it.

The exit status is 0 when there are none, 1 when there are, 125 when Laplace failed.`,
		Example: `  laplace do -- make -j4; laplace conflicts
  laplace conflicts --json 20261122`,
		Args: atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := c.openRun(args)
			if err != nil {
				return err
			}
			defer f.Close()
			list, err := f.ReadConflicts()
			if err != nil {
				return runError(f.ID, err)
			}
			if asJSON {
				err = writeJSON(c.Stdout, jsonConflicts{&f.Head, list})
			} else {
				shown := shownConflicts
				if all {
					shown = len(list)
				}
				w := bufio.NewWriter(c.Stdout)
				err = errors.Join(writeConflicts(w, &f.Head, list, shown), w.Flush())
			}
			if err != nil {
				return &runtime.Error{Op: "standard output", Err: cause(err)}
			}
			if len(list) > 0 {
				return exitStatus(exitConflicts)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, all of them")
	cmd.Flags().BoolVar(&all, "all", false, fmt.Sprintf("all of them, and not only the first %d", shownConflicts))
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// jsonConflicts are the conflicts of a run as JSON.
type jsonConflicts struct {
	*runs.Head
	Conflicts []conflict.Conflict `json:"conflicts"`
}

// writeConflicts tells of the conflicts of a run: of so many, and how many more there are.
func writeConflicts(w io.Writer, h *runs.Head, list []conflict.Conflict, shown int) error {
	left := 0
	for i := range list {
		if !list[i].Ordered {
			left++
		}
	}
	fmt.Fprintf(w, "run %s: %s\n", h.ID, shorten(words(h.Command), 2*commandWidth))
	switch {
	case len(list) == 0:
		_, err := fmt.Fprintln(w, "no conflicts: nothing was left to chance")
		return err
	case left == 0:
		fmt.Fprintf(w, "%s, none of which was left to chance\n", count(uint64(len(list)), "conflict"))
	case left >= conflict.MaxReported/2:
		fmt.Fprintf(w, "at least %s, %d of them left to chance\n", count(uint64(len(list)), "conflict"), left)
	default:
		fmt.Fprintf(w, "%s, %d of them left to chance\n", count(uint64(len(list)), "conflict"), left)
	}
	var err error
	for i := range list[:min(shown, len(list))] {
		_, err = fmt.Fprintf(w, "\n%d. %s", i+1, describe(&list[i]))
	}
	if more := len(list) - shown; more > 0 {
		_, err = fmt.Fprintf(w, "\n%d more: --all shows them\n", more)
	}
	return err
}

// describe tells of a conflict, in lines.
func describe(c *conflict.Conflict) string {
	var b strings.Builder
	b.WriteString(string(c.Class))
	if c.Path != "" {
		b.WriteString(" of " + word(c.Path))
	}
	if c.Count > 1 {
		fmt.Fprintf(&b, ", %d times", c.Count)
	}
	b.WriteString("\n")
	for _, s := range []struct {
		name string
		side *conflict.Side
	}{{"first", &c.First}, {"second", &c.Second}} {
		task := "task " + s.side.Task
		if s.side.Task == "" {
			task = "the first task"
		}
		fmt.Fprintf(&b, "   %-7s %s\n", s.name+":", shorten(words(s.side.Argv), 2*commandWidth))
		fmt.Fprintf(&b, "           process %d, %s, in %s: %s (%s) at clock %d\n", s.side.PID, task, word(s.side.Cwd), s.side.Call, s.side.Does, s.side.B)
	}
	b.WriteString("   " + orders(c) + "\n")
	switch {
	case c.Ordered:
		b.WriteString("   Laplace made them come in this order, as it always does: the result does not depend on chance.\n")
	default:
		b.WriteString("   Which came first was left to chance: the result may depend on it.\n")
	}
	return b.String()
}

// effects say, of a class of conflicts, what the order of two accesses changes. {writer} is the one
// that changes something, {last} the one that comes last, {other} the other one.
type effects struct {
	before string // what a reader does before the writer
	after  string // and after it
	last   string // what two writers give
}

// effectsOf are those of the classes.
var effectsOf = map[conflict.Class]effects{
	conflict.ClassContent: {"reads what was there before", "reads what {writer} has written", "what {last} writes stays"},
	conflict.ClassMetadata: {"is told size, times, mode, owner and links as they were", "is told those that {writer} has set",
		"those that {last} sets stay"},
	conflict.ClassName: {"finds what was there before", "finds what {writer} has made of it", "{last} finds what {other} has made of it"},
	conflict.ClassListing: {"is told the names as they were", "is told the names as {writer} has changed them",
		"{last} finds the names as {other} has changed them"},
	conflict.ClassAppend: {"reads it without what {writer} appends", "reads also what {writer} has appended",
		"what {last} appends comes after what {other} writes"},
}

// fixed are sentences of classes that know no such effects.
var fixed = map[conflict.Class]string{
	conflict.ClassPid:    "Who comes first is given the process ID, and the other one another.",
	conflict.ClassSignal: "Where in its program the target is when the signal arrives depends on which comes first.",
}

// orders says in one sentence what either order of a conflict's accesses gives.
func orders(c *conflict.Conflict) string {
	if text, ok := fixed[c.Class]; ok {
		return text
	}
	const read, add = "read", "append"
	class := c.Class
	if class == conflict.ClassContent && (c.First.Does == add || c.Second.Does == add) && (c.First.Does == read || c.Second.Does == read) {
		class = conflict.ClassAppend // as far as a reader is told
	}
	e, ok := effectsOf[class]
	if !ok {
		e = effects{"finds what was there before", "finds what {writer} has left", "{last} finds what {other} has left"}
	}
	const first, second = "the first", "the second"
	said := func(text, last, other string) string {
		return strings.NewReplacer("{last}", last, "{other}", other).Replace(text)
	}
	here, round := said(e.last, second, first), said(e.last, first, second)
	switch {
	case c.First.Does == read:
		here, round = first+" "+e.before, "it "+e.after
	case c.Second.Does == read:
		here, round = second+" "+e.after, "it "+e.before
	}
	writer := first
	if c.First.Does == read {
		writer = second
	}
	return strings.ReplaceAll("In this order "+here+"; the other way round, "+round+".", "{writer}", writer)
}
