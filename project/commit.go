package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

var (
	// ErrPending says that a commit was begun and can neither be finished nor be
	// undone now.
	ErrPending = errors.New("only some of the changes are in the project")

	// ErrNothing says that no changes are kept.
	ErrNothing = errors.New("no changes are kept")

	// ErrDamaged says that kept changes are not what they were.
	ErrDamaged = errors.New("the kept changes are damaged")

	// ErrMoved says that a project is not the directory that it was.
	ErrMoved = errors.New("it was moved, or replaced by another directory")

	// ErrPart says that a directory is part of a commit under way of another
	// project, which it comes with.
	ErrPart = errors.New("a commit that it is part of was interrupted")
)

// PartOf is an ErrPart with the other project.
type PartOf struct{ Project string }

// Error names the project.
func (e *PartOf) Error() string { return fmt.Sprintf("%v: that of %s", ErrPart, e.Project) }

// Unwrap returns ErrPart.
func (e *PartOf) Unwrap() error { return ErrPart }

// Options are those of Commit, Keep, Apply and Repair.
type Options struct {
	// Now is the greatest time that committed files get.
	Now time.Time

	// Force overwrites what somebody else has changed meanwhile.
	Force bool

	// Members are the states of the other directories that the change is about,
	// whose locks are held.
	Members []*State

	// Context ends the preparation of a commit: nothing is changed then.
	Context context.Context

	// Committing, if not nil, is told of the directories that are about to be changed, and
	// done is called when they have been, or will not be. An error keeps them as they are.
	Committing func(dirs []string) (done func(), err error)

	// Committed, if not nil, is told of changes that have come to their directories. It is
	// told again when it, or what follows, was interrupted.
	Committed func(c *Change) error

	// Step, if not nil, is called before each change to the file system, as
	// layer.Transaction.Step.
	Step func(what, path string) error
}

func (o *Options) step(what, path string) error {
	if o.Step == nil {
		return nil
	}
	return o.Step(what, path)
}

// The files in a commit under way besides the record and the layers. Which are
// there says how far it came: none, new things are being prepared; placedName, they
// are being put in their places, or that is being undone; doneName, what they
// replaced is being deleted.
const (
	placedName = "placed"
	doneName   = "done"
)

// Commit puts the changes of a run into the project: all of them, or none. They are
// in dir (UpperDir), on the file system of the state directory, and not mounted.
// Where none are put there, for an error, they are kept: kept is where. An
// ErrPending is what the next Repair deals with.
//
// The steps, and what becomes of a process that is killed in between:
//
//	the changes move to new/, with the record                  Repair keeps them
//	new/ becomes commit/                                       Repair undoes what follows, and keeps them
//	layer.Transaction: Check, Stage, Check                     "
//	what is prepared is flushed; commit/placed is written      Repair goes on, or undoes and keeps
//	Place                                                      "
//	commit/done is written                                     Repair goes on
//	Finish; commit/ is deleted                                 "
func (s *State) Commit(c *Change, dir string, o Options) (kept string, err error) {
	r := &record{Change: *c, ID: newID()}
	err = r.plan(dir, &o)
	if err == nil && r.empty() {
		return "", nil
	}
	return s.commit(r, dir, o, err)
}

// commit commits what was planned; failed is why it cannot be.
func (s *State) commit(r *record, dir string, o Options, failed error) (kept string, err error) {
	if err := s.gather(r, dir, &o); err != nil {
		return "", errors.Join(failed, err)
	}
	if failed == nil {
		if failed = s.begin(r, &o); failed == nil {
			return "", nil
		}
	}
	if errors.Is(failed, ErrPending) {
		return "", failed
	}
	if err := s.keepNew(&o); err != nil {
		return "", errors.Join(failed, err)
	}
	return s.at(keptName), failed
}

// source opens the directory of layer i.
func (r *record) source(i int) (*os.File, error) {
	l := &r.Layers[i]
	dir, err := os.Open(l.Source)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil || st.Ino != l.Ino {
		dir.Close()
		if err == nil {
			err = ErrMoved
		}
		return nil, fmt.Errorf("%s: %w", l.Source, err)
	}
	return dir, nil
}

// plan makes the plans and checks that nobody has changed what they change.
func (r *record) plan(dir string, o *Options) error {
	r.Plans = nil
	for i := range r.Layers {
		l := &r.Layers[i]
		upper, err := os.Open(UpperDir(dir, i))
		if err != nil {
			return err
		}
		defer upper.Close()
		source, err := r.source(i)
		if err != nil {
			return err
		}
		defer source.Close()
		plan, err := layer.NewPlan(upper, source, l, layer.Options{
			Owner: l.Owner, DropSetID: l.DropSetID, Since: l.Since, Root: true, Now: o.Now, Began: l.Began, Hidden: l.Hidden,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", l.Source, err)
		}
		r.Plans = append(r.Plans, plan)
	}
	return r.check(o)
}

// check checks that what the plans change is what it was when the run began, or,
// with Options.Force, when the plans were made.
func (r *record) check(o *Options) error {
	return r.each(nil, o, func(i int, t *layer.Transaction) error {
		switch {
		case r.Plans[i].Empty():
			return nil
		case o.Force:
			return t.Check(nil)
		}
		if err := t.Check(r.Layers[i].Base); err != nil {
			return err
		}
		return r.Plans[i].Unseen(r.Layers[i].Hidden)
	})
}

// empty says that there is nothing to commit.
func (r *record) empty() bool {
	return !slices.ContainsFunc(r.Plans, func(p *layer.Plan) bool { return !p.Empty() })
}

// announce says what is about to be changed.
func (r *record) announce(o *Options) (done func(), err error) {
	if o.Committing == nil {
		return func() {}, nil
	}
	var dirs []string
	for i := range r.Layers {
		if !r.Plans[i].Empty() {
			dirs = append(dirs, r.Layers[i].Source)
		}
	}
	return o.Committing(dirs)
}

// each calls f with the transaction of each layer, until an error.
func (r *record) each(staged [][]uint64, o *Options, f func(i int, t *layer.Transaction) error) error {
	for i := range r.Layers {
		source, err := r.source(i)
		if err != nil {
			return err
		}
		var s []uint64
		if staged != nil {
			s = staged[i]
		}
		t, err := layer.NewTransaction(r.Plans[i], source, r.ID, s)
		if err == nil {
			t.Step = o.Step
			err = f(i, t)
			t.Close()
		}
		source.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", r.Layers[i].Source, err)
		}
	}
	return nil
}

// gather brings the layers in dir, and the record, together in new/.
func (s *State) gather(r *record, dir string, o *Options) error {
	if dir == s.at(keptName) {
		// They are together already. Only the record changes.
		if err := o.step("rename", keptName); err != nil {
			return err
		}
		if err := os.Rename(dir, s.at(newName)); err != nil {
			return err
		}
		return s.writeRecord(r, o)
	}
	if err := o.step("mkdir", newName); err != nil {
		return err
	}
	if err := os.Mkdir(s.at(newName), 0o700); err != nil {
		return err
	}
	for i := range r.Layers {
		if err := o.step("rename", OverlayDir(newName, i)); err != nil {
			return err
		}
		if err := os.Rename(OverlayDir(dir, i), OverlayDir(s.at(newName), i)); err != nil {
			return err
		}
	}
	return s.writeRecord(r, o)
}

func (s *State) writeRecord(r *record, o *Options) error {
	if err := o.step("write", filepath.Join(newName, recordName)); err != nil {
		return err
	}
	return r.write(s.at(newName))
}

// begin makes what is in new/ the commit under way, and carries it out. After an
// error that is not ErrPending it is in new/ again.
func (s *State) begin(r *record, o *Options) error {
	done, err := r.announce(o)
	if err != nil {
		return err
	}
	defer done()
	for _, m := range o.Members {
		if !slices.Contains(r.Sources(), m.project) || m.project == s.project {
			continue
		}
		if err := o.step("write", partName); err != nil {
			return err
		}
		if err := writeFile(m.at(partName), []byte(s.project), false); err != nil {
			return err
		}
	}
	if err := o.step("rename", commitName); err != nil {
		return err
	}
	if err := os.Rename(s.at(newName), s.at(commitName)); err != nil {
		return err
	}
	staged, err := s.prepare(r, o)
	if err == nil {
		err = s.place(r, staged, o)
	}
	if err != nil {
		return s.undo(r, staged, o, err)
	}
	return s.finish(r, staged, o)
}

// prepare stages all layers and makes that durable. staged is not nil if anything
// may have been placed.
func (s *State) prepare(r *record, o *Options) (staged [][]uint64, err error) {
	if err := syncDir(s.dir); err != nil {
		return nil, err
	}
	list := make([][]uint64, len(r.Layers))
	err = r.each(nil, o, func(i int, t *layer.Transaction) error {
		upper, err := os.Open(UpperDir(s.at(commitName), i))
		if err != nil {
			return err
		}
		defer upper.Close()
		t.Step = func(what, path string) error {
			if o.Context != nil && o.Context.Err() != nil {
				return context.Cause(o.Context)
			}
			return o.step(what, path)
		}
		if err := t.Stage(upper); err != nil {
			return err
		}
		list[i] = t.Staged()
		return nil
	})
	if err == nil {
		err = r.check(o)
	}
	for i := range r.Layers {
		if err == nil {
			err = s.flush(r, i)
		}
	}
	if err == nil {
		err = o.step("write", placedName)
	}
	if err == nil {
		err = s.writePlaced(list)
	}
	return list, err
}

// flush makes what is prepared for layer i durable.
func (s *State) flush(r *record, i int) error {
	source, err := r.source(i)
	if err != nil {
		return err
	}
	defer source.Close()
	return syncFS(source)
}

// place puts all layers in place.
func (s *State) place(r *record, staged [][]uint64, o *Options) error {
	err := r.each(staged, o, func(_ int, t *layer.Transaction) error { return t.Place() })
	if err == nil {
		err = o.step("write", doneName)
	}
	if err == nil {
		err = writeFile(filepath.Join(s.at(commitName), doneName), nil, false)
	}
	return err
}

// finish deletes what was replaced, and then the record of the commit.
func (s *State) finish(r *record, staged [][]uint64, o *Options) error {
	err := r.each(staged, o, func(i int, t *layer.Transaction) error { return t.Finish() })
	for i := range r.Layers {
		if err == nil && !s.sameFS(r.Layers[i].Source) {
			// The record must not be gone before that which it is about is there.
			err = s.flush(r, i)
		}
	}
	if err == nil && o.Committed != nil {
		err = o.Committed(&r.Change)
	}
	if err == nil {
		err = o.step("discard", commitName)
	}
	if err == nil {
		err = s.discard(commitName)
	}
	if err == nil {
		err = s.release(r, o)
	}
	if err != nil {
		return errors.Join(ErrPending, err)
	}
	return nil
}

// sameFS says that a directory is on the file system of the state.
func (s *State) sameFS(path string) bool {
	var a, b unix.Stat_t
	return unix.Stat(s.dir, &a) == nil && unix.Stat(path, &b) == nil && a.Dev == b.Dev
}

// release lets the other directories be used again.
func (s *State) release(r *record, o *Options) error {
	for _, m := range o.Members {
		if !slices.Contains(r.Sources(), m.project) || m.project == s.project {
			continue
		}
		if err := o.step("unlink", partName); err != nil {
			return err
		}
		if err := os.Remove(m.at(partName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// undo brings the project back to what it was, for cause, and the changes to new/.
// What it returns has cause in it.
func (s *State) undo(r *record, staged [][]uint64, o *Options, cause error) error {
	if staged == nil {
		staged = make([][]uint64, len(r.Layers))
	}
	var err error
	for i := range r.Layers {
		// As many as can be.
		e := r.each(staged, o, func(n int, t *layer.Transaction) error {
			if n != i {
				return nil
			}
			return t.Undo()
		})
		err = errors.Join(err, e)
	}
	if err == nil {
		err = s.rebase(r, o)
	}
	if err == nil {
		err = o.step("unlink", placedName)
	}
	if err == nil {
		if err = os.Remove(filepath.Join(s.at(commitName), placedName)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = o.step("rename", newName)
	}
	if err == nil {
		err = os.Rename(s.at(commitName), s.at(newName))
	}
	if err == nil {
		err = s.release(r, o)
	}
	if err != nil {
		return errors.Join(ErrPending, cause, err)
	}
	return cause
}

// rebase notes when the inodes of what was put back have changed, by a commit that is
// undone: nobody else has changed them.
func (s *State) rebase(r *record, o *Options) error {
	changed := false
	for i := range r.Layers {
		source, err := r.source(i)
		if err != nil {
			return err
		}
		err = layer.Restamp(r.Plans[i], source, func(path string, was, is layer.Stamp) {
			if at, ok := r.Layers[i].Base.find(path); ok && r.Layers[i].Base.Entries[at].Stamp == was {
				r.Layers[i].Base.Entries[at].Stamp, changed = is, true
			}
		})
		source.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", r.Layers[i].Source, err)
		}
	}
	if !changed {
		return nil
	}
	if err := o.step("write", recordName); err != nil {
		return err
	}
	return r.write(s.at(commitName))
}
