package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Repaired says what Repair did.
type Repaired struct {
	Project  string
	Finished bool   // a commit
	Kept     string // where changes are that were not committed, and are not in the project
	Why      error  // they could not be; nil where the commit had not come to it
}

// Repair deals with what interrupted Commits, Applies and Keeps have left: a commit
// that had begun is finished, or else undone; see Commit. What it can do neither
// with is an ErrPending; a *PartOf is what needs more locks than these. Of o, Members
// are not used.
func (l *Locks) Repair(o Options) (all []Repaired, err error) {
	o.Members = l.States
	for _, s := range l.States {
		done, err := s.repair(&o)
		if err != nil {
			return all, err
		}
		if done != (Repaired{}) {
			done.Project = s.project
			all = append(all, done)
		}
	}
	for _, s := range l.States {
		if err := s.part(); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (s *State) repair(o *Options) (done Repaired, err error) {
	s.sweep()
	_, err = os.Lstat(s.at(commitName))
	switch {
	case err == nil:
		if done, err = s.resume(o); err != nil {
			return done, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return done, err
	}
	if _, err := os.Lstat(s.at(newName)); errors.Is(err, fs.ErrNotExist) {
		return done, nil
	}
	// Complete with its record, or worth nothing.
	if _, err := readRecord(s.at(newName)); err != nil {
		if err := o.step("discard", newName); err != nil {
			return done, err
		}
		return done, s.discard(newName)
	}
	if err := s.keepNew(o); err != nil {
		return done, err
	}
	done.Kept = s.at(keptName)
	return done, nil
}

// part looks whether the directory is part of another project's commit.
func (s *State) part() error {
	main, err := os.ReadFile(s.at(partName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(Dir(filepath.Dir(s.dir), string(main)), commitName)); err == nil {
		return &PartOf{string(main)}
	}
	return os.Remove(s.at(partName))
}

// resume goes on with a commit under way.
func (s *State) resume(o *Options) (done Repaired, err error) {
	pending := func(err error) (Repaired, error) { return done, errors.Join(ErrPending, err) }
	r, err := readRecord(s.at(commitName))
	if err != nil {
		return pending(err)
	}
	if r.Plans == nil {
		return pending(errRecord)
	}
	if !s.locked(r, o) {
		return pending(fmt.Errorf("the locks of %q: %w", r.Sources(), unix.EAGAIN))
	}
	changed, err := r.announce(o)
	if err != nil {
		return pending(err)
	}
	defer changed()
	staged, err := s.readPlaced(r)
	if errors.Is(err, fs.ErrNotExist) {
		return done, s.undo(r, nil, o, nil)
	}
	if err != nil {
		return pending(err)
	}
	if _, err = os.Lstat(filepath.Join(s.at(commitName), doneName)); errors.Is(err, fs.ErrNotExist) {
		if done.Why = s.place(r, staged, o); done.Why != nil {
			if err := s.undo(r, staged, o, done.Why); errors.Is(err, ErrPending) {
				return done, err
			}
			return done, nil
		}
	} else if err != nil {
		return pending(err)
	}
	if err := s.finish(r, staged, o); err != nil {
		return done, err
	}
	done.Finished = true
	return done, nil
}

// writePlaced writes down what is prepared, from when on it may be placed.
func (s *State) writePlaced(staged [][]uint64) error {
	data, err := json.Marshal(staged)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(s.at(commitName), placedName), data, true); err != nil {
		return err
	}
	return syncDir(s.at(commitName))
}

// readPlaced reads it.
func (s *State) readPlaced(r *record) (staged [][]uint64, err error) {
	data, err := os.ReadFile(filepath.Join(s.at(commitName), placedName))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &staged); err != nil || len(staged) != len(r.Layers) {
		return nil, errRecord
	}
	return staged, nil
}
