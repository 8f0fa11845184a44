package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"laplace.dev/laplace/project"
)

// Purged is something that Purge has removed.
type Purged struct {
	What  string // a project's state, records of runs, or what is known of executables
	Bytes int64  // how much space it took
}

// Purge removes the state of a project, whose path has no symbolic links, and the records
// of its runs, or, if that is "", of all, with what is known of executables. An interrupted commit is
// dealt with first. What somebody uses stays: notice, as Box.Notice, says so.
func Purge(ctx context.Context, state, dir string, notice func(string), log *slog.Logger) (list []Purged, err error) {
	base := projectsDir(state)
	dirs := []string{dir}
	if dir == "" {
		project.Sweep(base)
		if dirs, err = project.Projects(base); err != nil {
			return nil, stateError(state, err)
		}
	}
	for _, d := range dirs {
		p, found, err := purgeOne(ctx, state, d, notice, log)
		switch {
		case err != nil && dir == "" && ctx.Err() == nil:
			notice("the state of " + d + " stays: " + err.Error())
		case err != nil:
			return list, err
		case !found:
		case p.Busy:
			notice("the state of " + d + " stays: another laplace works on it")
		case p.Pending:
			notice("the state of " + d + " stays: a commit was interrupted since")
		default:
			forgetOrdered(state, d)
			list = append(list, Purged{"the state of " + d, p.Bytes})
		}
	}
	list = append(list, purgeRuns(state, dir, notice)...)
	if dir != "" {
		return list, nil
	}
	return append(list, purgeShared(state, notice)...), nil
}

// purgeRuns removes the records of the runs in a project; of all, if that is "".
func purgeRuns(state, dir string, notice func(string)) []Purged {
	store := Runs(state)
	all, err := store.List()
	var ids []string
	for i := range all {
		if dir == "" || all[i].Err == nil && all[i].Project == dir {
			ids = append(ids, all[i].ID)
		}
	}
	if err == nil && len(ids) == 0 {
		return nil
	}
	bytes := int64(0)
	if err == nil {
		bytes, err = store.Remove(ids...)
	}
	if err != nil {
		notice("records of runs stay: " + err.Error())
		return nil
	}
	what := fmt.Sprintf("the records of %d runs", len(ids))
	if dir != "" {
		what += " in " + dir
	}
	return []Purged{{what, bytes}}
}

// purgeOne removes the state of one project.
func purgeOne(ctx context.Context, state, dir string, notice func(string), log *slog.Logger) (p project.Purged, found bool, err error) {
	base := projectsDir(state)
	if _, err := os.Lstat(dir); err == nil && project.Pending(base, dir) {
		locks, _, err := settle(ctx, state, []string{dir}, false, notice, log)
		if err != nil {
			return p, true, err
		}
		locks.Close()
	}
	if p, found, err = project.Purge(base, dir); err != nil {
		err = stateError(state, err)
	}
	return p, found, err
}

// purgeShared removes what boxes share, unless there is one, and what dead ones have
// left.
func purgeShared(state string, notice func(string)) (list []Purged) {
	sweep(boxesDir(state))
	if left, err := os.ReadDir(boxesDir(state)); err == nil && len(left) > 0 {
		notice("what is known of executables stays: a box runs")
		return nil
	}
	for _, name := range []string{"executables", "links", "ordered"} {
		path := filepath.Join(state, "v"+strconv.Itoa(Format), name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		bytes := project.Usage(path)
		if err := project.RemoveAll(path); err != nil {
			notice(path + " stays: " + cause(err).Error())
			continue
		}
		list = append(list, Purged{path, bytes})
	}
	return list
}
