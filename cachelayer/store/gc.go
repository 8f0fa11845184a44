package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultSize is how much a store may take unless the user says otherwise, in bytes.
const DefaultSize = 10 << 30

// Collected is what a GC has done.
type Collected struct {
	Entries, Contents int   // that were removed
	Bytes             int64 // that they took
	Left              int64 // that the rest takes
}

// GC removes what was not used for the longest time until the rest takes at most size bytes: entries,
// and contents that no entry refers to. Nothing goes that a session which is open has used,
// or added; the rest may then be larger. ErrBusy says that another process is at it.
func (s *Store) GC(size int64) (Collected, error) {
	if s.readOnly {
		return Collected{}, ErrReadOnly
	}
	lock, err := os.OpenFile(s.path("format"), os.O_RDONLY, 0)
	if err != nil {
		return Collected{}, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return Collected{}, ErrBusy
	}
	c := collector{s: s, before: s.inUse()}
	s.sweep()
	if err := c.look(); err != nil {
		return Collected{}, err
	}
	c.collect(size)
	return c.done, nil
}

// Tidy is GC, if nobody has asked for that much time, and the store takes more than size bytes.
func (s *Store) Tidy(size int64, every time.Duration) error {
	if s.readOnly {
		return nil
	}
	marker := s.path("tidied")
	if fi, err := os.Stat(marker); err == nil && s.now().Sub(fi.ModTime()).Abs() < every {
		return nil
	}
	f, err := os.OpenFile(marker, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := touch(f, s.now()); err != nil {
		return err
	}
	st, err := s.Stats()
	if err != nil || st.Bytes <= size {
		return err
	}
	_, err = s.GC(size)
	return err
}

// inUse is since when what was used is in use: the start of the oldest session. Dead
// sessions are removed.
func (s *Store) inUse() time.Time {
	before := s.start
	_ = eachFile(s.path("sessions"), func(name string) error {
		path := s.path("sessions", name)
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil
		}
		defer f.Close()
		switch fi, err := f.Stat(); {
		case path == s.session.Name() || err != nil:
		case unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil:
			os.Remove(path)
		case fi.ModTime().Before(before):
			before = fi.ModTime()
		}
		return nil
	})
	return before
}

// sweep removes the temporary files of dead processes.
func (s *Store) sweep() {
	_ = eachFile(s.path("tmp"), func(name string) error {
		path := s.path("tmp", name)
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil
		}
		defer f.Close()
		if strings.HasPrefix(name, oldPrefix) || unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(path)
		}
		return nil
	})
}

// oldPrefix begins the names of files that a GC is about to remove.
const oldPrefix = "old-"

// collector is a GC at work.
type collector struct {
	s       *Store
	before  time.Time // what was used later stays
	entries []collectable
	refs    map[Digest]int // of entries
	sizes   map[Digest]file
	total   int64
	done    Collected
}

// collectable is an entry.
type collectable struct {
	file
	contents []Digest
}

// look finds out what there is.
func (c *collector) look() error {
	c.refs, c.sizes = make(map[Digest]int), make(map[Digest]file)
	err := c.s.eachKey(func(_ Digest, dir string) error {
		os.Remove(dir) // if it is empty
		all, err := c.s.found(dir)
		for _, f := range all {
			path := filepath.Join(dir, f.Name.String())
			at, ok := fileOf(path)
			if !ok {
				continue
			}
			e, err := c.s.load(path, f.Name, false)
			if err != nil {
				continue // it is in quarantine, or gone
			}
			c.entries = append(c.entries, collectable{at, e.Contents})
			c.total += at.size
			for _, d := range e.Contents {
				c.refs[d]++
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	// After the entries: what was added meanwhile is younger than the oldest session.
	return c.s.eachContent(func(d Digest, at file) error {
		c.sizes[d] = at
		c.total += at.size
		return nil
	})
}

// collect removes things.
func (c *collector) collect(size int64) {
	for d := range c.sizes {
		if c.refs[d] == 0 {
			c.drop(d)
		}
	}
	slices.SortFunc(c.entries, func(a, b collectable) int {
		if n := a.used.Compare(b.used); n != 0 {
			return n
		}
		return strings.Compare(a.path, b.path)
	})
	for _, e := range c.entries {
		if c.total <= size || !e.used.Before(c.before) {
			break
		}
		if !c.remove(e.file) {
			continue
		}
		c.done.Entries++
		os.Remove(filepath.Dir(e.path)) // if that was the last
		for _, d := range e.contents {
			if c.refs[d]--; c.refs[d] == 0 {
				c.drop(d)
			}
		}
	}
	c.done.Left = c.total
}

// drop removes a content that no entry refers to.
func (c *collector) drop(d Digest) {
	if at, ok := c.sizes[d]; ok && c.remove(at) {
		c.done.Contents++
		delete(c.sizes, d)
	}
}

// remove removes a file, unless it is in use. It takes it away first and looks then: somebody
// may use it just now.
func (c *collector) remove(f file) bool {
	if !f.used.Before(c.before) {
		return false
	}
	aside := c.s.path("tmp", oldPrefix+filepath.Base(filepath.Dir(f.path))+filepath.Base(f.path))
	if err := os.Rename(f.path, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			c.total -= f.size
		}
		return false
	}
	if now, ok := fileOf(aside); ok && !now.used.Before(c.before) {
		_ = os.Rename(aside, f.path)
		return false
	}
	if os.Remove(aside) != nil {
		return false
	}
	c.total -= f.size
	c.done.Bytes += f.size
	return true
}
