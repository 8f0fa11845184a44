package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/project"
)

// Boxes that change a directory take turns: project locks. A box that only reads one
// (--ro, --rootfs) waits for nobody; but that somebody commits to it meanwhile must be
// noticed. So it has a lease on it for as long as it runs, and so has who commits. Each
// looks for the other's after his own can be found: one of the two finds the other.
//
// A lease is a file whose lock is held, with who has it and his directories, separated by NUL.
// Who commits adds what the reader is to know: after the newline that follows.

// Kinds of leases: the names of their files begin so.
const (
	leaseRead   = "read-"
	leaseCommit = "commit-"
)

// TaintLease is the kind of the taint of a box that read what another one was changing.
const TaintLease = "lease"

// maxLease bounds what is read of a lease, in bytes.
const maxLease = 1 << 20

// leasesDir is where the leases are.
func leasesDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "leases")
}

// lease is one that this process has.
type lease struct {
	file *os.File
	who  project.Who
	dirs []string
	size int64 // of what the owner has written
	met  []string
}

// takeLease takes a lease of a kind on directories, which are paths without symbolic links.
func takeLease(state, kind string, dirs []string, who project.Who) (*lease, error) {
	base := leasesDir(state)
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, stateError(state, err)
	}
	f, err := os.CreateTemp(base, "new-")
	if err != nil {
		return nil, stateError(state, err)
	}
	l := &lease{file: f, who: who, dirs: dirs}
	// It can be found when it is complete.
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
		var n int
		n, err = f.WriteString(fmt.Sprintf("%d %s\x00%s\n", who.PID, who.Command, strings.Join(dirs, "\x00")))
		l.size = int64(n)
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(base, kind+strings.TrimPrefix(filepath.Base(f.Name()), "new-")))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		f.Close()
		return nil, stateError(state, err)
	}
	return l, nil
}

// path is where the lease is found.
func (l *lease) path(kind string) string {
	return filepath.Join(filepath.Dir(l.file.Name()), kind+strings.TrimPrefix(filepath.Base(l.file.Name()), "new-"))
}

// other is a lease of another process.
type other struct {
	path string
	who  string // pid and command
	dirs []string
}

// others are the leases of a kind that others have. What dead ones have left is removed.
func others(state, kind string) (list []other) {
	paths, _ := filepath.Glob(filepath.Join(leasesDir(state), kind+"*"))
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // it has ended
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(path)
			f.Close()
			continue
		}
		text, err := io.ReadAll(io.LimitReader(f, maxLease))
		f.Close()
		if err != nil {
			continue
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		parts := strings.Split(string(line), "\x00")
		list = append(list, other{path: path, who: parts[0], dirs: parts[1:]})
	}
	return list
}

// overlap is the first of some directories that is, or lies in, or has in it, one of others;
// "" if none does.
func overlap(dirs, with []string) string {
	i := slices.IndexFunc(dirs, func(d string) bool {
		return slices.ContainsFunc(with, func(w string) bool { return vfs.Within(d, w) || vfs.Within(w, d) })
	})
	if i < 0 {
		return ""
	}
	return dirs[i]
}

// meeting says what becomes known to a reader of a directory.
func meeting(dir, reader, writer string) string {
	return fmt.Sprintf("%s was changed by %s while %s read it", dir, holder(writer), holder(reader))
}

// holder names a process as leases do.
func holder(name string) string {
	pid, command, _ := strings.Cut(name, " ")
	return fmt.Sprintf("process %s (%s)", pid, command)
}

// name is how a lease says who has it.
func (l *lease) name() string { return fmt.Sprintf("%d %s", l.who.PID, l.who.Command) }

// leaseReads takes the lease on what the box reads and others may change. It is nil if there
// is nothing such.
func (s *supervisor) leaseReads() error {
	if len(s.box.Reads) == 0 {
		return nil
	}
	l, err := takeLease(s.box.State, leaseRead, s.box.Reads, s.who)
	if err != nil {
		return err
	}
	s.reads = l
	for _, o := range others(s.box.State, leaseCommit) {
		if dir := overlap(l.dirs, o.dirs); dir != "" {
			l.met = append(l.met, meeting(dir, l.name(), o.who))
		}
	}
	return nil
}

// endReads ends that lease. The taints say who changed what the box read.
func (s *supervisor) endReads() (taints []Taint) {
	l := s.reads
	if l == nil {
		return nil
	}
	s.reads = nil
	text, err := io.ReadAll(io.NewSectionReader(l.file, l.size, maxLease))
	if err == nil {
		for line := range strings.Lines(string(text)) {
			l.met = append(l.met, strings.TrimSuffix(line, "\n"))
		}
	} else {
		l.met = append(l.met, "what others have changed cannot be told: "+cause(err).Error())
	}
	_ = os.Remove(l.path(leaseRead))
	l.file.Close()
	slices.Sort(l.met)
	for _, m := range slices.Compact(l.met) {
		if len(taints) < maxChanged {
			taints = append(taints, Taint{Kind: TaintLease, Detail: m})
		}
	}
	return taints
}

// leaseCommit takes the lease on directories that are about to be changed, and tells those
// who read them; done ends it. It is project.Options.Committing.
func (s *supervisor) leaseCommit(dirs []string) (done func(), err error) {
	l, err := takeLease(s.box.State, leaseCommit, dirs, s.who)
	if err != nil {
		return nil, err
	}
	done = func() {
		_ = os.Remove(l.path(leaseCommit))
		l.file.Close()
	}
	for _, o := range others(s.box.State, leaseRead) {
		dir := overlap(o.dirs, dirs)
		if dir == "" {
			continue
		}
		line := meeting(dir, o.who, l.name())
		if err := addLine(o.path, line); err != nil {
			done()
			return nil, stateError(s.box.State, err)
		}
		s.met = append(s.met, line+": its verdict is tainted")
	}
	return done, nil
}

// addLine adds a line to a file, if it is still there.
func addLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
