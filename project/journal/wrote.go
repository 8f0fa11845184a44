package journal

import (
	"crypto/sha256"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// Result reads what a run has left at a path of a project: w.Path and w.Mtime are given.
// ok is false if it is not there, or of no concern to the journal.
func (w *Wrote) Result(root *os.File) (ok bool, err error) {
	if inGit(w.Path) {
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
