package cli

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"laplace.dev/laplace/cachelayer/store"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/runtime"
	"laplace.dev/laplace/runtime/boxcache"
)

// cacheCommand is the verb of the cache, with those below it.
func cacheCommand(c *Caller) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look into the cache, and tidy it up",
		Long: `Look into the cache of "laplace do --cache", and tidy it up. It is in the state directory
($XDG_STATE_HOME/laplace), belongs to one user, and may be removed at any time.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.DisableFlagsInUseLine = true
	cmd.AddCommand(cacheStats(c), cacheList(c), cacheWhy(c), cacheCollect(c), cacheVerify(c), cacheRemove(c))
	return cmd
}

// openCache opens the cache. The caller closes it.
func (c *Caller) openCache(readOnly bool) (*store.Store, error) {
	state, err := c.stateDir()
	if err != nil {
		return nil, err
	}
	st, err := boxcache.OpenStore(runtime.CacheDir(state), readOnly)
	if err != nil {
		return nil, cacheError(runtime.CacheDir(state), err)
	}
	return st, nil
}

// cacheError says what can be done about an error of the cache.
func cacheError(on string, err error) error {
	e := &runtime.Error{Op: "cache", On: on, Err: cause(err), Hint: "a state directory that you may write to; XDG_STATE_HOME says where it is"}
	switch {
	case errors.Is(err, store.ErrFormat):
		e.Hint = "laplace cache rm --all, and a run fills a new one"
	case errors.Is(err, store.ErrBusy):
		e.Hint = "laplace cache gc when that is done"
	case errors.Is(err, store.ErrMissing):
		e.Hint = "laplace cache ls lists what there is"
	}
	return e
}

// cacheStats is the verb that counts.
func cacheStats(c *Caller) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "stats [flags]", Short: "Show how much is in the cache", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			st, err := c.openCache(true)
			if err != nil {
				return err
			}
			defer st.Close()
			s, err := st.Stats()
			if err != nil {
				return cacheError(st.Dir(), err)
			}
			if asJSON {
				return writeJSON(c.Stdout, s)
			}
			fmt.Fprintf(c.Stdout, "%s: %s of %s, %s, %s, at most %s\n", st.Dir(), count(uint64(s.Entries), "result"), count(uint64(s.Keys), "command"),
				count(uint64(s.Contents), "file"), size(s.Bytes), size(store.DefaultSize))
			if s.Quarantined > 0 {
				fmt.Fprintf(c.Stdout, "%s found damaged, and not used: laplace cache gc removes what refers to them\n", count(uint64(s.Quarantined), "file"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// cacheList is the verb that lists results.
func cacheList(c *Caller) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls", Short: "List the results in the cache", Args: noArgs,
		Long: `List the results in the cache: their keys, when they were used last, how many programs are
skipped with each, and the command.`,
		RunE: func(*cobra.Command, []string) error {
			st, err := c.openCache(true)
			if err != nil {
				return err
			}
			defer st.Close()
			w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
			err = st.Keys(func(k store.Key) error {
				for _, found := range k.Entries {
					m, err := load(st, k.Key, found.Name)
					if err != nil {
						continue
					}
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", k.Key.String()[:shownKey], found.Used.Format("2006-01-02 15:04"), m.Execs, shorten(words(m.Argv), commandWidth))
				}
				return nil
			})
			if err == nil {
				err = w.Flush()
			}
			if err != nil {
				return cacheError(st.Dir(), err)
			}
			return nil
		},
	}
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// shownKey is how many digits of a key are shown.
const shownKey = 16

// load reads a result.
func load(st *store.Store, key, name store.Digest) (*memo.Memo, error) {
	e, err := st.Load(key, name)
	if err != nil {
		return nil, err
	}
	return memo.Decode(e.Body)
}

// cacheWhy is the verb that shows a result.
func cacheWhy(c *Caller) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why KEY",
		Short: "Show what a result depends on, and what it is",
		Long: `Show the results under a key, or whose keys begin so: what the command and what it started
found, what must be the same for it to be skipped, and what it left behind.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return &runtime.Error{Op: "cache why", Err: errors.New("one key"), Hint: "laplace cache ls lists them"}
			}
			st, err := c.openCache(true)
			if err != nil {
				return err
			}
			defer st.Close()
			w := bufio.NewWriter(c.Stdout)
			some := false
			err = st.Keys(func(k store.Key) error {
				if !strings.HasPrefix(k.Key.String(), args[0]) {
					return nil
				}
				for _, found := range k.Entries {
					if m, err := load(st, k.Key, found.Name); err == nil {
						some = true
						writeMemo(w, k.Key, m)
					}
				}
				return nil
			})
			if err == nil && !some {
				err = store.ErrMissing
			}
			if err == nil {
				err = w.Flush()
			}
			if err != nil {
				return cacheError(args[0], err)
			}
			return nil
		},
	}
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// writeMemo tells of a result.
func writeMemo(w io.Writer, key store.Digest, m *memo.Memo) {
	fmt.Fprintf(w, "%s  %s\n  in %s; %s, %s\n", key, words(m.Argv), word(m.Cwd), count(m.Execs, "program"), count(m.Ticks, "tick"))
	fmt.Fprintln(w, "  found")
	for _, n := range []struct {
		there bool
		what  string
	}{
		{m.Seed != nil, "its seed"}, {m.IDs != nil, "its process ids"}, {m.Clock != nil, "its clock"}, {m.Stamp != nil, "the modification times that it gives"},
	} {
		if n.there {
			fmt.Fprintln(w, "    by value: "+n.what)
		}
	}
	for i := range m.Inputs {
		in := &m.Inputs[i]
		fmt.Fprintf(w, "    %-10s %s %s\n", in.Kind, hex.EncodeToString(in.Digest[:4]), word(in.Path))
	}
	fmt.Fprintln(w, "  left")
	for i := range m.Outputs {
		o := &m.Outputs[i]
		what := o.Form.String()
		switch {
		case o.SameAs != "":
			what += " as " + word(o.SameAs)
		case o.From != "":
			what += " from " + word(o.From)
		}
		fmt.Fprintf(w, "    %-10s %s\n", what, word(o.Path))
	}
	if n := len(m.Writes); n > 0 {
		fmt.Fprintf(w, "    %s to what it had inherited\n", count(uint64(n), "write"))
	}
	fmt.Fprintf(w, "    wait status %d\n", m.End.Status)
}

// cacheCollect is the verb that removes what was not used for long.
func cacheCollect(c *Caller) *cobra.Command {
	most := sizeFlag(store.DefaultSize)
	cmd := &cobra.Command{
		Use:   "gc [flags]",
		Short: "Remove what was not used for the longest time",
		Long:  `Remove what was not used for the longest time, until the rest takes no more than --max-size. What a run that goes on uses stays.`,
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			st, err := c.openCache(false)
			if err != nil {
				return err
			}
			defer st.Close()
			done, err := st.GC(int64(most))
			if err != nil {
				return cacheError(st.Dir(), err)
			}
			fmt.Fprintf(c.Stdout, "removed %s and %s: %s; %s left\n", count(uint64(done.Entries), "result"), count(uint64(done.Contents), "file"), size(done.Bytes), size(done.Left))
			return nil
		},
	}
	cmd.Flags().Var(&most, "max-size", "how much may be left, in bytes, or like 500M or 10G")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// cacheVerify is the verb that reads everything.
func cacheVerify(c *Caller) *cobra.Command {
	var sample float64
	cmd := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Read the cache, and put away what is damaged",
		Long: `Read everything in the cache, or a part of it, compare it with its digest, and put away what is
damaged. The exit status is 1 if there was any.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if sample <= 0 || sample > 100 {
				return &runtime.Error{Op: "--sample", On: strconv.FormatFloat(sample, 'g', -1, 64), Err: errors.New("not between 0 and 100"), Hint: "--sample 10"}
			}
			st, err := c.openCache(false)
			if err != nil {
				return err
			}
			defer st.Close()
			damaged := uint64(0)
			files, err := st.Verify(sample/100, func(d store.Damage) {
				damaged++
				c.notice("damaged, and put away: " + d.What)
			})
			if err != nil {
				return cacheError(st.Dir(), err)
			}
			fmt.Fprintf(c.Stdout, "%s read, %d damaged\n", count(uint64(files), "file"), damaged)
			if damaged > 0 {
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().Float64Var(&sample, "sample", 100, "`PERCENT` of it, those whose digests come first")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// cacheRemove is the verb that removes results.
func cacheRemove(c *Caller) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "rm KEY... | --all",
		Short: "Remove results from the cache",
		Long:  `Remove the results whose keys begin so, or all. Run "laplace cache gc" for the room that their files take.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return &runtime.Error{Op: "cache rm", Err: errors.New("keys, or --all"), Hint: "laplace cache ls lists them"}
			}
			if all {
				state, err := c.stateDir()
				if err != nil {
					return err
				}
				if err := runtime.RemoveCache(state); err != nil {
					return cacheError(runtime.CacheDir(state), err)
				}
				return nil
			}
			st, err := c.openCache(false)
			if err != nil {
				return err
			}
			defer st.Close()
			for _, arg := range args {
				n := 0
				err := st.Keys(func(k store.Key) error {
					if arg == "" || !strings.HasPrefix(k.Key.String(), arg) {
						return nil
					}
					for _, found := range k.Entries {
						if err := st.Remove(k.Key, found.Name); err != nil {
							return err
						}
						n++
					}
					return nil
				})
				if err == nil && n == 0 {
					err = store.ErrMissing
				}
				if err != nil {
					return cacheError(arg, err)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the whole cache")
	cmd.DisableFlagsInUseLine = true
	return cmd
}
