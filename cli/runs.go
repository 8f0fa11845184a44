package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/runs"
	"laplace.dev/laplace/runtime"
)

// runsCommand is the verb that lists what is kept of runs, and those below it.
func runsCommand(c *Caller) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs [flags]",
		Short: "List the runs of which there is a record",
		Long: `List the runs of "laplace do" and "laplace trace" that have come to their end, the last one
first: what came of them, and how many programs and conflicts there were. A RUN is told by
its ID, or by how that begins; without one it is the last.

The oldest records are removed when there are more than ` + strconv.Itoa(runs.DefaultMost) + `, or they take more than 1 GiB.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			store, err := c.store()
			if err != nil {
				return err
			}
			list, err := store.List()
			if err != nil {
				return runError("", err)
			}
			if asJSON {
				return writeJSON(c.Stdout, jsonEntries(list))
			}
			return writeEntries(c.Stdout, list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.DisableFlagsInUseLine = true
	cmd.AddCommand(runsShow(c), runsRemove(c))
	return cmd
}

// runsShow is the verb that prints a record.
func runsShow(c *Caller) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [flags] [RUN]",
		Short: "Show the record of a run",
		Long: `Show what a run was, and the programs that it started. With --json it is all of the
record: of each program the files it read and changed, its output and its clocks; without
what is this host's alone (the ID, when it was and how long it took) and without conflicts
("laplace conflicts"), so that the records of equal runs are equal.`,
		Args: atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := c.openRun(args)
			if err != nil {
				return err
			}
			defer f.Close()
			run, err := f.Run()
			if err != nil {
				return runError(f.ID, err)
			}
			w := bufio.NewWriter(c.Stdout)
			if asJSON {
				err = writeRun(w, run)
			} else {
				err = showRun(w, &f.Head, run.Execs)
			}
			return errors.Join(err, w.Flush())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the whole record, as JSON")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// runsRemove is the verb that removes records.
func runsRemove(c *Caller) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "rm RUN... | --all",
		Short: "Remove the records of runs",
		Long:  `Remove the records of these runs, or of all. Nothing else of them is touched.`,
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return &runtime.Error{Op: "--all", Err: errors.New("cannot be with a run"), Hint: "one of the two"}
			case !all && len(args) == 0:
				return &runtime.Error{Op: "runs rm", Err: errors.New("no run"), Hint: "laplace runs lists them; --all is all of them"}
			}
			store, err := c.store()
			if err != nil {
				return err
			}
			var ids []string
			if all {
				list, err := store.List()
				if err != nil {
					return runError("", err)
				}
				for i := range list {
					ids = append(ids, list[i].ID)
				}
			}
			for _, arg := range args {
				id, err := store.Find(arg)
				if arg == "" {
					err = runs.ErrUnknown
				}
				if err != nil {
					return runError(arg, err)
				}
				ids = append(ids, id)
			}
			bytes, err := store.Remove(ids...)
			if err != nil {
				return runError("", err)
			}
			if len(ids) > 0 {
				fmt.Fprintf(c.Stdout, "removed %s: %s\n", count(uint64(len(ids)), "record"), size(bytes))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the records of all runs")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// atMostOne accepts the argument RUN, or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &runtime.Error{Op: cmd.Name(), On: args[1], Err: errors.New("takes one run"), Hint: cmd.CommandPath() + " --help"}
	}
	return nil
}

// store is that of the caller's runs.
func (c *Caller) store() (*runs.Store, error) {
	state, err := c.stateDir()
	if err != nil {
		return nil, err
	}
	return runtime.Runs(state), nil
}

// openRun opens the run that args ask for.
func (c *Caller) openRun(args []string) (*runs.OpenFile, error) {
	store, err := c.store()
	if err != nil {
		return nil, err
	}
	name := strings.Join(args, "")
	f, err := store.Open(name)
	if err != nil {
		if name == "" {
			name, _ = store.Find("")
		}
		return nil, runError(name, err)
	}
	return f, nil
}

// runError says what can be done about an error of a run's record, or, without a name, of
// their store.
func runError(name string, err error) error {
	e := &runtime.Error{Op: "runs", On: name, Err: cause(err), Hint: "a state directory that you may read; XDG_STATE_HOME says where it is"}
	switch {
	case errors.Is(err, runs.ErrUnknown) && name == "":
		e.Err, e.Hint = errors.New("there is no record of any"), "laplace do -- make; a run that has come to its end has one"
	case errors.Is(err, runs.ErrUnknown):
		e.Hint = "laplace runs lists them"
	case errors.Is(err, runs.ErrAmbiguous):
		e.Hint = "more of the ID; laplace runs lists them"
	case errors.Is(err, runs.ErrVersion):
		e.Hint = "the laplace that wrote it, or laplace runs rm " + name
	case errors.Is(err, runs.ErrDamaged), errors.Is(err, runs.ErrTruncated), errors.Is(err, runs.ErrNotRun):
		e.Hint = "run the command again; laplace runs rm " + name
	case errors.Is(err, runs.ErrForeign):
		e.Hint = "chmod 700, if it is yours; else another XDG_STATE_HOME"
	}
	return e
}

// jsonEntry is an entry of the list as JSON; of one that cannot be read there is only ID and Error.
type jsonEntry struct {
	*runs.Head
	ID    string `json:"id"`
	Error string `json:"error,omitempty"`
}

func jsonEntries(list []runs.Entry) []jsonEntry {
	out := make([]jsonEntry, len(list))
	for i := range list {
		out[i].ID = list[i].ID
		if err := list[i].Err; err != nil {
			out[i].Error = err.Error()
			continue
		}
		out[i].Head = &list[i].Head
	}
	return out
}

// writeEntries writes a table.
func writeEntries(w io.Writer, list []runs.Entry) error {
	if len(list) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tSTARTED\tVERDICT\tEXIT\tEXECS\tCONFLICTS\tCOMMAND")
	for i := range list {
		e := &list[i]
		if e.Err != nil {
			fmt.Fprintf(table, "%s\t-\t-\t-\t-\t-\t%v\n", e.ID, cause(e.Err))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", e.ID, when(e.Started), e.Verdict, e.Exit, e.Total, e.Conflicts,
			shorten(words(e.Command), commandWidth))
	}
	return table.Flush()
}

// when is a time for people, where they are.
func when(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04:05") }

// commandWidth is how many letters a line has for a command.
const commandWidth = 60

// shorten cuts text to so many letters.
func shorten(text string, width int) string {
	letters := []rune(text)
	if len(letters) <= width {
		return text
	}
	return string(letters[:width-3]) + "..."
}

// words are arguments as a shell reads them, in one line: what is no plain word is quoted.
func words(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = word(arg)
	}
	return strings.Join(quoted, " ")
}

// word is one argument.
func word(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^"
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	if strings.ContainsFunc(arg, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }) {
		q := strconv.Quote(arg)
		return "$'" + strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// printable is text without what would move a terminal's cursor.
func printable(text string) string {
	q := strconv.Quote(text)
	return strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
}

// writeRun writes a record as JSON, exec by exec: it may be large.
func writeRun(w io.Writer, run *conflict.Run) error {
	head, err := indented(run.Summary, "")
	if err != nil {
		return err
	}
	if _, err := w.Write(head[:len(head)-len("\n}")]); err != nil {
		return err
	}
	if _, err := io.WriteString(w, ",\n  \"execs\": ["); err != nil {
		return err
	}
	for i := range run.Execs {
		text, err := indented(&run.Execs[i], "    ")
		if err != nil {
			return err
		}
		comma := ","
		if i == 0 {
			comma = ""
		}
		if _, err := fmt.Fprintf(w, "%s\n    %s", comma, text); err != nil {
			return err
		}
	}
	end := "]\n}\n"
	if len(run.Execs) > 0 {
		end = "\n  ]\n}\n"
	}
	_, err = io.WriteString(w, end)
	return err
}

// showRun writes what a run was, and a line for each exec.
func showRun(w io.Writer, h *runs.Head, execs []conflict.Record) error {
	fmt.Fprintf(w, "run %s: %s\n", h.ID, words(h.Command))
	fmt.Fprintf(w, "  in %s, %s, %d ms", printable(h.Cwd), when(h.Started), h.Wall)
	if h.Attempts > 1 {
		fmt.Fprintf(w, ", run %d times", h.Attempts)
	}
	fmt.Fprintf(w, "\n  %s, exit %d, %s, %s, %s\n", h.Verdict, h.Exit, count(h.Total, "exec"), count(h.Ticks, "tick"), count(uint64(h.Conflicts), "conflict"))
	for _, t := range h.Taints {
		fmt.Fprintf(w, "  tainted by %s: %s\n", t.Kind, printable(t.Detail))
	}
	_, err := fmt.Fprintf(w, "  record %v\n", h.Digest)
	for i := range execs {
		x := &execs[i]
		_, err = fmt.Fprintf(w, "%5d  pid %d, %s, %s: %s\n", i, x.PID, count(uint64(len(x.Inputs)), "input"), count(uint64(len(x.Outputs)), "output"),
			shorten(words(x.Argv), 2*commandWidth))
	}
	return err
}
