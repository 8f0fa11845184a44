package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/project"
	"laplace.dev/laplace/project/journal"
)

// journalName is what the journal is called in a project's state.
const journalName = "journal"

// lastTime is the greatest time that a journal may give: a clock in a box must never be
// before the time of a file. After ten years of sleeping, or a hundred million edits.
const lastTime = -int64(24 * time.Hour)

// ninjaLog is where ninja remembers modification times. If they are the host's, they are later
// than all that a box shows, and outputs of rules with restat are never built again: a box
// sees only a log that boxes have written.
const ninjaLog = ".ninja_log"

// projectBefore is what a project was like when the box began.
type projectBefore struct {
	overlay  oci.Overlay // before anything disturbs it
	ino      uint64
	snapshot *project.Snapshot
	journal  *journal.Journal // of the times that its files have in the box
	how      journal.How
	hidden   []string // outermost paths that the box does not see
	unseen   []string // those of them that git does not track, with --fresh
	looked   []string // paths that it has looked at
	changed  []string // those of them that somebody has changed meanwhile
	began    int64    // on the host, in nanoseconds since 1970
}

// had tells whether the box has seen something at a path when it began.
func (b *projectBefore) had(path string) bool {
	_, ok := b.snapshot.Lookup(path)
	return ok && !slices.ContainsFunc(b.hidden, func(hidden string) bool { return vfs.Within(path, hidden) })
}

// lookBefore looks at the projects: which times their files have, and to know afterwards
// what others have changed.
func (s *supervisor) lookBefore() error {
	s.stamps = journal.First
	for _, o := range s.box.Overlays {
		b := projectBefore{overlay: o}
		dir, err := os.Open(o.Source)
		if err != nil {
			return &Error{Op: "project", On: o.Source, Err: cause(err), Hint: "a directory that can be read"}
		}
		err = b.look(dir, filepath.Join(project.Dir(projectsDir(s.box.State), o.Source), journalName), s.box.Fresh, o.Source == s.box.Project)
		dir.Close()
		if errors.Is(err, errNoGit) {
			return &Error{Op: "--fresh", On: o.Source, Err: err, Hint: "git add what belongs to it; git update-index --no-split-index, git sparse-checkout reapply --no-sparse-index; or a clean copy without --fresh"}
		}
		if err != nil {
			return &Error{Op: "project", On: o.Source, Err: err, Hint: "run the command again when nobody moves or changes files in it"}
		}
		if b.journal.Next > lastTime {
			return &Error{Op: "project", On: o.Source, Err: errors.New("no modification times are left"), Hint: "laplace purge, and build from a clean tree"}
		}
		s.stamps = max(s.stamps, b.journal.Next)
		s.before = append(s.before, b)
	}
	return nil
}

// keepJournals writes down which times the box's files have, once it is certain that it is
// not run again: another run is to see the same ones.
func (s *supervisor) keepJournals() error {
	if s.box.Commit != CommitProject {
		return nil
	}
	for i := range s.before {
		if err := s.writeJournal(s.before[i].overlay.Source, s.before[i].journal); err != nil {
			return stateError(s.box.State, err)
		}
	}
	return nil
}

// errNoGit says that a project cannot be seen as a clean clone.
var errNoGit = errors.New("no index of git's that can be read says what belongs to a clean clone")

// look looks at one of them. journalPath is where its journal is, if there is one. afresh starts
// a new one, as for a clean clone; a directory that is not the main one has to be none.
func (b *projectBefore) look(dir *os.File, journalPath string, afresh, main bool) error {
	now := time.Now().UnixNano()
	b.began = now
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	b.ino = st.Ino
	var err error
	if b.snapshot, err = project.Take(dir); err != nil {
		return err
	}
	if b.journal, err = readJournal(journalPath); err != nil {
		return err
	}
	tracked, err := journal.Tracked(b.overlay.Source)
	if afresh && tracked == nil && (main || err != nil) {
		return errors.Join(errNoGit, err)
	}
	if err != nil {
		tracked = nil // as if git did not work on it: more is built than must be
	}
	places := make([]journal.Place, len(b.snapshot.Entries))
	for i, e := range b.snapshot.Entries {
		places[i] = journal.Place{Path: e.Path, Stamp: e.Stamp}
	}
	seen, err := b.journal.Look(dir, places, tracked)
	if err != nil {
		return err
	}
	clean := tracked != nil && journal.Clean(seen)
	var concealed []journal.Seen
	if afresh && tracked != nil {
		seen, concealed, b.hidden = fresh(seen)
		b.unseen = b.hidden
		b.journal, clean = b.journal.Afresh(), true
	}
	seen = slices.DeleteFunc(seen, func(s journal.Seen) bool {
		if path.Base(s.Path) != ninjaLog || b.journal.Made(&s) {
			return false
		}
		b.hidden, concealed = append(b.hidden, s.Path), append(concealed, s)
		return true
	})
	b.how = b.journal.Advance(seen, clean, now)
	b.journal.Conceal(concealed)
	return nil
}

// timeOf is the modification time, since the epoch, of a file that was there before the
// box, by its path in the box.
func (s *supervisor) timeOf(path string) (mtime int64, ok bool) {
	best := -1
	for i := range s.before {
		if target := s.before[i].overlay.Target; vfs.Within(path, target) && (best < 0 || len(target) > len(s.before[best].overlay.Target)) {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(path, s.before[best].overlay.Target), "/")
	if rel == "" {
		rel = "."
	}
	s.before[best].looked = append(s.before[best].looked, rel)
	return s.before[best].journal.Mtime(rel)
}

// changedMeanwhile finds what the box has looked at and somebody else has changed since it
// began: taints for the first few.
func (s *supervisor) changedMeanwhile() (taints []Taint) {
	for i := range s.before {
		b := &s.before[i]
		slices.Sort(b.looked)
		for _, rel := range slices.Compact(b.looked) {
			was, had := b.snapshot.Lookup(rel)
			var st unix.Stat_t
			err := unix.Lstat(filepath.Join(b.overlay.Source, rel), &st)
			if had != (err == nil) || had && layer.StampOf(&st) != was {
				b.changed = append(b.changed, rel)
				if len(taints) < maxChanged {
					taints = append(taints, Taint{Kind: "changed", Detail: filepath.Join(b.overlay.Target, rel) + " was changed on the host while the box ran"})
				}
			}
		}
	}
	return taints
}

// maxChanged is how many taints tell of what was changed meanwhile.
const maxChanged = 10

// howTimes says where the times came from.
func (s *supervisor) howTimes() string {
	order := []journal.How{journal.Kept, journal.Flat, journal.Ranked}
	last := 0
	for i := range s.before {
		last = max(last, slices.Index(order, s.before[i].how))
	}
	return string(order[last])
}

// noteDoubts has the journals doubt what was changed while the box looked at it.
func (s *supervisor) noteDoubts() error {
	for i := range s.before {
		b := &s.before[i]
		if len(b.changed) == 0 {
			continue
		}
		b.journal.Doubt(b.changed)
		if err := s.writeJournal(b.overlay.Source, b.journal); err != nil {
			return stateError(s.box.State, err)
		}
	}
	return nil
}

// noteTimes brings the journals of directories up to date with what a run has changed
// there.
func (s *supervisor) noteTimes(c *project.Change) error {
	for i := range c.Layers {
		l := &c.Layers[i]
		path := filepath.Join(project.Dir(projectsDir(s.box.State), l.Source), journalName)
		j, err := readJournal(path)
		if err != nil || j.Next == 0 {
			continue // the next run starts a new one
		}
		dir, err := os.Open(l.Source)
		if err != nil {
			return err
		}
		end := l.LastStamp
		var wrote []journal.Wrote
		for at, m := range l.Meta {
			w := journal.Wrote{Path: at, Mtime: m.Mtime - l.Epoch}
			ok, err := w.Result(dir)
			if err != nil {
				dir.Close()
				return fmt.Errorf("read %s: %w", at, err)
			}
			if !ok {
				continue
			}
			if wrote = append(wrote, w); w.Mtime < lastTime {
				end = max(end, w.Mtime)
			}
		}
		dir.Close()
		j.Commit(wrote, journal.Run{Era: l.Era, Since: l.Since - l.Epoch, End: end})
		if err := s.writeJournal(l.Source, j); err != nil {
			return err
		}
	}
	return nil
}

// readJournal reads a project's journal; where there is none of this version, a new one.
func readJournal(path string) (*journal.Journal, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &journal.Journal{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j, err := journal.Read(f)
	if errors.Is(err, journal.ErrFormat) {
		return &journal.Journal{}, nil
	}
	return j, err
}

// writeJournal writes it, as a whole or not at all.
func (s *supervisor) writeJournal(source string, j *journal.Journal) error {
	path := filepath.Join(project.Dir(projectsDir(s.box.State), source), journalName)
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = j.Write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	return err
}
