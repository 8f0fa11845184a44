package runtime

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/project"
	"laplace.dev/laplace/project/journal"
)

// A box that starts afresh sees a project as a clean clone has it: without what git does
// not track. Between the project and the box's upper directory lies a layer of whiteouts.

// fresh takes what git does not track out of what a project holds, with directories in
// which nothing is left: that is the rest. hidden are its outermost paths.
func fresh(seen []journal.Seen) (left, rest []journal.Seen, hidden []string) {
	needed := map[string]bool{".": true}
	for i := range seen {
		if s := &seen[i]; s.Tracked {
			for p := s.Path; !needed[p]; p = path.Dir(p) {
				needed[p] = true
			}
		}
	}
	for _, s := range seen {
		if needed[s.Path] {
			left = append(left, s)
			continue
		}
		if rest = append(rest, s); needed[path.Dir(s.Path)] {
			hidden = append(hidden, s.Path)
		}
	}
	return left, rest, hidden
}

// hide makes the layer that hides paths of a directory, in dir, which is new. Its
// directories look as those that they cover.
func hide(dir, source string, hidden []string) error {
	made := map[string]bool{}
	mkdir := func(rel string) error {
		if made[rel] {
			return nil
		}
		made[rel] = true
		at := filepath.Join(dir, rel)
		if err := os.Mkdir(at, 0o700); err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(source, rel), &st); err != nil {
			return err
		}
		return unix.Lchown(at, int(st.Uid), int(st.Gid))
	}
	if err := mkdir("."); err != nil {
		return err
	}
	for _, p := range hidden {
		names := strings.Split(path.Dir(p), "/")
		for i := range names {
			if err := mkdir(path.Join(names[:i+1]...)); err != nil {
				return err
			}
		}
		if err := unix.Mknod(filepath.Join(dir, p), unix.S_IFCHR, 0); err != nil {
			return err
		}
	}
	// Last, since a mode can forbid to make anything in a directory.
	for rel := range made {
		if err := mirrorRoot(filepath.Join(dir, rel), filepath.Join(source, rel)); err != nil {
			return err
		}
	}
	return nil
}

// hiding is where the layer of whiteouts of overlay i lies; "" if it has none.
func (s *supervisor) hiding(i int) (string, error) {
	b := &s.before[i]
	if len(b.hidden) == 0 {
		return "", nil
	}
	dir := filepath.Join(project.OverlayDir(s.dir, i), "hidden")
	if err := hide(dir, s.box.Overlays[i].Source, b.hidden); err != nil {
		if len(b.unseen) == 0 {
			return "", &Error{Op: "project", On: b.overlay.Source, Err: fmt.Errorf("hide %s: %w", b.hidden[0], cause(err)), Hint: "a state directory on a file system with whiteouts, or remove that file"}
		}
		return "", &Error{Op: "--fresh", On: b.overlay.Source, Err: cause(err), Hint: "a state directory on a file system with whiteouts, or a clean clone"}
	}
	return dir, nil
}
