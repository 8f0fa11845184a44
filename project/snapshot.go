package project

import (
	"os"
	"slices"
	"strings"

	"laplace.dev/laplace/cachelayer/layer"
)

// Snapshot is what a directory tree was like at some time: the stamp of everything
// in it. It takes about 130 bytes of memory an entry. It implements
// layer.Baseline, and is not changed once it is made.
type Snapshot struct {
	// Entries are in the order of layer.Compare, the root first.
	Entries []Entry
}

// Entry is one path of a Snapshot.
type Entry struct {
	Path string // as layer.Entry.Path
	layer.Stamp
}

// Take walks a directory; root is its descriptor, opened for reading or with
// O_PATH. What cannot be read, or is on another mount, is not seen.
func Take(root *os.File) (*Snapshot, error) {
	s := &Snapshot{}
	err := layer.Stamps(root, func(path string, stamp layer.Stamp) {
		s.Entries = append(s.Entries, Entry{path, stamp})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// find is where path is, or would be.
func (s *Snapshot) find(path string) (int, bool) {
	return slices.BinarySearchFunc(s.Entries, path, func(e Entry, path string) int { return layer.Compare(e.Path, path) })
}

// Lookup returns the stamp of what was at a path; ok is false where nothing was.
func (s *Snapshot) Lookup(path string) (stamp layer.Stamp, ok bool) {
	i, ok := s.find(path)
	if !ok {
		return stamp, false
	}
	return s.Entries[i].Stamp, true
}

// Names returns the sorted names that were in a directory, nil if it was none.
func (s *Snapshot) Names(dir string) (names []string) {
	i, ok := s.find(dir)
	if !ok {
		return nil
	}
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	for _, e := range s.Entries[i+1:] {
		name, below := strings.CutPrefix(e.Path, prefix)
		if !below {
			break
		}
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names
}

// Restrict returns the part of the snapshot that keep selects. It is called with
// paths in order.
func (s *Snapshot) Restrict(keep func(path string) bool) *Snapshot {
	part := &Snapshot{}
	for _, e := range s.Entries {
		if keep(e.Path) {
			part.Entries = append(part.Entries, e)
		}
	}
	return part
}

// ordered says that the entries are as they must be, in what was read from a file.
func (s *Snapshot) ordered() bool {
	return slices.IsSortedFunc(s.Entries, func(a, b Entry) int { return layer.Compare(a.Path, b.Path) })
}
