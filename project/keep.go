package project

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// Changes that are not in their project are kept, until the next ones are, or laplace
// commit brings them there.

// Keep keeps the changes of a run, in place of those that are kept. kept is where;
// "" where there is nothing to keep.
func (s *State) Keep(c *Change, dir string, o Options) (kept string, err error) {
	r := &record{Change: *c}
	o.Force = true
	if err := r.plan(dir, &o); err == nil && r.empty() {
		return "", nil
	}
	r.Plans = nil
	if err := s.gather(r, dir, &o); err != nil {
		return "", err
	}
	if err := s.keepNew(&o); err != nil {
		return "", err
	}
	return s.at(keptName), nil
}

// Apply commits the kept changes. Where none are left to be put into the project,
// done is false.
func (s *State) Apply(o Options) (done bool, err error) {
	r, err := readRecord(s.at(keptName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, ErrNothing
	}
	if err != nil {
		return false, err
	}
	if !s.locked(r, &o) {
		return false, fmt.Errorf("the locks of %q: %w", r.Sources(), unix.EAGAIN)
	}
	for i := range r.Layers {
		if err := r.verify(s.at(keptName), i); err != nil {
			return false, err
		}
	}
	r.ID = newID()
	if err := r.plan(s.at(keptName), &o); err != nil {
		return false, err
	}
	if r.empty() {
		return false, s.discard(keptName)
	}
	_, err = s.commit(r, s.at(keptName), o, nil)
	return err == nil, err
}

// locked says that the locks of all that a record is about are held.
func (s *State) locked(r *record, o *Options) bool {
	return !slices.ContainsFunc(r.Sources(), func(source string) bool {
		return source != s.project && !slices.ContainsFunc(o.Members, func(m *State) bool { return m.project == source })
	})
}

// verify checks that a kept layer is what it was.
func (r *record) verify(dir string, i int) error {
	upper, err := os.Open(UpperDir(dir, i))
	if err != nil {
		return err
	}
	defer upper.Close()
	var sum [sha256.Size]byte
	if sum, err = layer.Digest(upper, &r.Layers[i]); err == nil && sum != r.Layers[i].Digest {
		err = ErrDamaged
	}
	return err
}

// keepNew makes what is in new/ the kept changes.
func (s *State) keepNew(o *Options) error {
	if err := o.step("discard", keptName); err != nil {
		return err
	}
	if err := s.discard(keptName); err != nil {
		return err
	}
	if err := o.step("rename", keptName); err != nil {
		return err
	}
	return os.Rename(s.at(newName), s.at(keptName))
}
