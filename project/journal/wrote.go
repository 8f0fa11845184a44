package journal

import (
	"crypto/sha256"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// Wrote is what a box left at a path that it changed, as it is on the host now.
type Wrote struct {
	Path   string
	Stamp  layer.Stamp
	Digest Digest
	Mtime  int64 // that the box's processes saw, in nanoseconds since the epoch
}

// Run is a run whose changes are committed.
type Run struct {
	Era int // of the journal when it began

	// Since and End are the least and the greatest time that it may have given of its own,
	// in nanoseconds since the epoch.
	Since, End int64
}

// Commit notes what a run has changed in the project; what it has deleted, Advance finds
// out.
//
// Times after its end are those that programs have set, to another clock's: they come right
// after it, in their order, so that what is edited afterwards is later. What has changed
// since the run began, before its changes were committed, is later than these.
func (j *Journal) Commit(wrote []Wrote, r Run) {
	if r.Era != j.Era {
		j.rejoin()
	}
	since, end := r.Since, max(r.End, r.Since-1)
	last := since + (end-since+Step)/Step*Step
	var set []int64
	for i := range wrote {
		if wrote[i].Mtime > end {
			set = append(set, wrote[i].Mtime)
		}
	}
	slices.Sort(set)
	set = slices.Compact(set)
	by := max(0, j.Next-since) // other runs came in between
	after := last + int64(len(set))*Step + by
	of := make(map[string]bool, len(wrote))
	for i := range wrote {
		of[wrote[i].Path] = true
	}
	for at, p := range j.Paths {
		if !of[at] && !p.Box && by > 0 && p.Mtime >= since {
			p.Mtime += after - since
			j.Next = max(j.Next, p.Mtime+Step)
		}
	}
	for i := range wrote {
		w := &wrote[i]
		p := j.Paths[w.Path]
		if p == nil {
			p = &Path{}
			j.Paths[w.Path] = p
		}
		if p.Digest != w.Digest || p.Gone {
			p.Box = true
		}
		if w.Stamp.IsDir() || inGit(w.Path) {
			p.Box = false
		}
		p.Past, p.Gone = nil, false // what was made of it before is not to be had again
		p.Version = Version{Digest: w.Digest, Mtime: w.Mtime}
		if rank, ok := slices.BinarySearch(set, w.Mtime); ok {
			p.Mtime = last + int64(rank)*Step
		}
		if p.Mtime >= since {
			p.Mtime += by
		}
		p.Stamp = w.Stamp
	}
	j.Gone = slices.DeleteFunc(j.Gone, func(path string) bool { return j.Paths[path] == nil || !j.Paths[path].Gone })
	if after > j.Next {
		j.Next += (after - j.Next + Step - 1) / Step * Step
	}
}

// Made tells whether what is at a path is what a box has made there.
func (j *Journal) Made(s *Seen) bool {
	p := j.Paths[s.Path]
	return p != nil && p.Box && !p.Gone && p.Digest == s.Digest
}

// Doubt notes that somebody has changed what is at these paths while a box looked at them:
// it may have seen something else than what was there before, and is there again later.
func (j *Journal) Doubt(paths []string) {
	for _, at := range paths {
		if p := j.Paths[at]; p != nil {
			p.Digest, p.Past = Digest{}, nil
			p.Stamp.Ctime = 0 // it is read again
		}
	}
}

// Result reads what a run has left at a path of a project: w.Path and w.Mtime are given.
// ok is false if it is not there, or of no concern to the journal.
func (w *Wrote) Result(root *os.File) (ok bool, err error) {
	if objects(w.Path) {
		return false, nil
	}
	fd, err := openBeneath(int(root.Fd()), w.Path, unix.O_PATH)
	if err != nil {
		return false, nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false, nil
	}
	p := Place{w.Path, layer.StampOf(&st)}
	w.Stamp = p.Stamp
	if p.Stamp.IsDir() {
		if inGit(w.Path) {
			return false, nil
		}
		w.Digest, err = list(int(root.Fd()), w.Path)
		return err == nil, nil
	}
	r := reader{root: int(root.Fd()), buf: make([]byte, 1<<17), sum: sha256.New()}
	w.Digest, err = r.digest(&p)
	return err == nil, err
}

// inGit tells whether a path is, or lies in, a directory .git.
func inGit(p string) bool {
	for ; p != "." && p != "/"; p = path.Dir(p) {
		if path.Base(p) == ".git" {
			return true
		}
	}
	return false
}

// objects tells whether a path is of git's objects, or of other big files that it keeps,
// whose names are those of their content.
func objects(p string) bool {
	for ; inGit(p); p = path.Dir(p) {
		if base := path.Base(p); base == "objects" || base == "lfs" {
			return true
		}
	}
	return false
}

// list is the digest of a directory by what is in it now.
func list(root int, dir string) (Digest, error) {
	fd, err := openBeneath(root, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return Digest{}, err
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	found, err := f.Readdirnames(-1)
	if err != nil {
		return Digest{}, err
	}
	slices.Sort(found)
	below := make([]Place, len(found))
	for i, name := range found {
		below[i].Path = path.Join(dir, name)
	}
	return names(dir, below), nil
}
