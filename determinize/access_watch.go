package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// accessWatch is what the engine knows of accesses, and of what they are to.
type accessWatch struct {
	chains    conflict.Chains
	detector  conflict.Detector
	conflicts conflictsFound
	accessed  accessed        // now
	lockPast  conflict.Past   // of file locks
	memory    conflict.Past   // of processes that share memory
	ordered   map[string]bool // paths at which accesses are ordered
	fixed     map[uint64]bool // devices of what the box cannot change

	top      *folder
	within   *folder // that a path cannot leave, if not the root
	folders  map[*vfs.Inode]*folder
	names    int                       // how many the folders have
	places   map[*vfs.Inode]accessed   // where files were last seen
	links    map[*vfs.Inode][]accessed // where else, those with several names
	mappings map[*vfs.Inode][]mapping  // of files
	records  records
}

// watchAccesses begins to.
func (e *engine) watchAccesses() {
	e.detector.Found = e.found
	e.ordered = make(map[string]bool)
	for _, path := range e.cfg.Ordered {
		e.ordered[path] = true
	}
	e.folders = make(map[*vfs.Inode]*folder)
	e.places = make(map[*vfs.Inode]accessed)
	e.links = make(map[*vfs.Inode][]accessed)
	e.mappings = make(map[*vfs.Inode][]mapping)
}

// findFixed finds out which devices hold what the box cannot change.
func (e *engine) findFixed() {
	e.fixed = make(map[uint64]bool)
	for _, m := range e.cfg.Mounts {
		var st unix.Stat_t
		if m.Host && unix.Stat(m.Path, &st) == nil {
			e.fixed[st.Dev] = true
		}
	}
	for _, m := range e.cfg.Mounts {
		var st unix.Stat_t
		if !m.Host && unix.Stat(m.Path, &st) == nil {
			delete(e.fixed, st.Dev)
		}
	}
}

// mayChange tells whether what a stat call described may change in the box.
func (e *engine) mayChange(st *unix.Stat_t) bool { return st.Dev != e.proc && !e.fixed[st.Dev] }

// pathOfNode is where a file was last seen.
func (e *engine) pathOfNode(n *vfs.Inode) string {
	if d := e.folders[n]; d != nil {
		return d.path()
	}
	if at, ok := e.places[n]; ok {
		return at.in.below(at.base)
	}
	if n.Accesses != nil && n.Accesses.Path != "" {
		return n.Accesses.Path
	}
	return "a file without a name"
}

// isAt tells whether a path is a name that a file is known to have. One that is not known there
// may have another's inode number, which the host has given away again.
func (e *engine) isAt(n *vfs.Inode, path string) bool {
	at, ok := e.places[n]
	return ok && (at.in.below(at.base) == path ||
		slices.ContainsFunc(e.links[n], func(x accessed) bool { return x.in.below(x.base) == path }))
}

// seenAt notes where a file is, which may have several names.
func (e *engine) seenAt(n *vfs.Inode, at accessed, several bool) {
	if was, ok := e.places[n]; ok && several && was != at {
		e.links[n] = append(slices.DeleteFunc(e.links[n], func(x accessed) bool { return x == at || x == was }), was)
	}
	e.places[n] = at
}

// notAt notes that a file has lost a name, but may have others.
func (e *engine) notAt(n *vfs.Inode, at accessed) {
	links := slices.DeleteFunc(e.links[n], func(x accessed) bool { return x == at })
	if e.places[n] == at {
		e.accesses(n).Path = at.in.below(at.base)
		delete(e.places, n)
		for len(links) > 0 {
			last := links[len(links)-1]
			links = links[:len(links)-1]
			if e.lookName(last.in, last.base).node == n {
				e.places[n] = last
				break
			}
		}
	}
	if e.links[n] = links; len(links) == 0 {
		delete(e.links, n)
	}
}
