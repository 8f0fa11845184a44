package runtime

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"laplace.dev/laplace/cachelayer/store"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/determinize/memo"
)

// CacheMode says what a box has to do with the cache of its state directory.
type CacheMode string

// Cache modes. The zero value is CacheOff.
const (
	CacheOff   CacheMode = ""
	CacheOn    CacheMode = "on"    // execs whose results are there are skipped, and those of others kept
	CacheRead  CacheMode = "read"  // nothing is kept
	CacheWrite CacheMode = "write" // nothing is skipped
	// CacheVerify has everything run, and compares with what would have been skipped.
	CacheVerify CacheMode = "verify"
)

// CacheDir is where the cache of a state directory is.
func CacheDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "cache")
}

// OpenCache opens the cache of a state directory, which the caller closes.
func OpenCache(state string, readOnly bool) (*store.Store, error) {
	return store.Open(CacheDir(state), store.Options{Now: time.Now, ReadOnly: readOnly})
}

// RemoveCache removes the cache of a state directory, whatever is in its place. Boxes that use it
// go on without.
func RemoveCache(state string) error { return os.RemoveAll(CacheDir(state)) }

// boxCache is a box's cache. Its methods are called from the engine's thread, which is in the
// box: another one does what is asked.
type boxCache struct {
	store *store.Store
	salt  memo.Digest
	asks  chan func()
	log   *slog.Logger
}

// cache opens the cache that the box asks for; nil if it has none.
func (s *supervisor) cache() *boxCache {
	b := s.box
	if b.Cache == CacheOff || b.Canonical || b.Trace != nil || b.Disturb != nil && !b.Disturb.ScheduleOnly || len(b.Unpinned) > 0 || b.Unwatched || b.Terminal ||
		b.StdinKind == StdinLive || b.Costs != nil || b.Writers || !b.Record {
		return nil
	}
	st, err := OpenCache(b.State, b.Cache == CacheRead)
	if err != nil {
		s.warnings = append(s.warnings, fmt.Sprintf("the cache is not used: %v; laplace cache rm makes a new one", err))
		return nil
	}
	c := &boxCache{store: st, asks: make(chan func()), log: s.log}
	go func() {
		for ask := range c.asks {
			ask()
		}
	}()
	return c
}

// salt is the digest of what of a box is the same for all of its execs: its configuration but for
// the command, the CPU, and Laplace.
func (s *supervisor) salt() memo.Digest {
	h := sha256.New()
	self := s.self()
	h.Write(self[:])
	spec := s.box.Spec
	annotations := spec.Annotations
	for _, part := range []any{
		Format, cpuid.This(), annotations, spec.Hostname, spec.Domainname, spec.Process.User, spec.Process.Rlimits, s.init.reply.PIDMax,
		mountsOf(spec), s.box.StdinKind,
	} {
		text, err := json.Marshal(part)
		if err != nil {
			panic(err) // of plain values
		}
		h.Write(append(text, '\n'))
	}
	return memo.Digest(h.Sum(nil))
}

// do has something done on another thread.
func (c *boxCache) do(f func()) {
	done := make(chan struct{})
	c.asks <- func() {
		defer close(done)
		f()
	}
	<-done
}

// close is the end of the cache.
func (c *boxCache) close() {
	if c != nil {
		close(c.asks)
		c.store.Close()
	}
}

// Salt implements determinize.Cache.
func (c *boxCache) Salt() memo.Digest { return c.salt }

// Memos implements determinize.Cache.
func (c *boxCache) Memos(key memo.Digest) (all []determinize.Kept) {
	c.do(func() {
		found, err := c.store.Entries(store.Digest(key))
		if err != nil {
			c.log.Debug("look into the cache", "err", err)
			return
		}
		for _, f := range found {
			entry, err := c.store.Load(store.Digest(key), f.Name)
			if err != nil {
				c.log.Debug("read from the cache", "err", err)
				continue
			}
			m, err := memo.Decode(entry.Body)
			if err != nil {
				c.store.Remove(store.Digest(key), f.Name)
				continue
			}
			if !c.whole(&entry) {
				continue // what it refers to has gone
			}
			all = append(all, determinize.Kept{Name: memo.Digest(f.Name), Memo: m})
		}
	})
	return all
}

// whole tells whether all contents of an entry are there.
func (c *boxCache) whole(e *store.Entry) bool {
	for _, d := range e.Contents {
		if !c.store.Uses(d) {
			return false
		}
	}
	return true
}

// Content implements determinize.Cache.
func (c *boxCache) Content(d memo.Digest) (r io.ReadCloser, err error) {
	c.do(func() { r, err = c.store.Get(store.Digest(d)) })
	return r, err
}

// Keep implements determinize.Cache.
func (c *boxCache) Keep(f io.Reader) (d memo.Digest, err error) {
	c.do(func() {
		var digest store.Digest
		digest, _, err = c.store.Put(f)
		d = memo.Digest(digest)
	})
	return d, err
}

// maxMismatches is how many results that are wrong are told of one by one.
const maxMismatches = 10

// verified deals with results in the cache that are wrong: they are put away, and the run fails.
func (s *supervisor) verified(c *boxCache, out *Outcome, wrong []determinize.Mismatch) {
	for i, m := range wrong {
		if err := c.store.Quarantine(store.Digest(m.Key), store.Digest(m.Name)); err != nil {
			s.log.Debug("put a result away", "err", err)
		}
		if i < maxMismatches {
			out.Warnings = append(out.Warnings, fmt.Sprintf("the cache was wrong about %s: %s; the result is put away", strings.Join(m.Argv, " "), m.What))
		}
	}
	if len(wrong) > 0 {
		s.refused, out.Exit, out.Report.Exit = true, ExitFailure, ExitFailure
	}
}

// keepMemos keeps what a deterministic run has found out. What comes of that does not matter to
// the run.
func (s *supervisor) keepMemos(c *boxCache, memos []determinize.NewMemo) {
	if c == nil || c.store.ReadOnly() {
		return
	}
	for _, m := range memos {
		e := store.Entry{Body: m.Memo.Encode()}
		for i := range m.Memo.Outputs {
			if o := &m.Memo.Outputs[i]; o.Wrote && o.SameAs == "" && o.Inline == nil && o.Size > 0 {
				e.Contents = append(e.Contents, store.Digest(o.Content))
			}
		}
		if _, err := c.store.Add(store.Digest(m.Key), e); err != nil {
			s.warnings = append(s.warnings, fmt.Sprintf("the cache could not keep all: %v; laplace cache gc makes room", err))
			return
		}
	}
	if len(memos) > 0 {
		if err := c.store.Tidy(store.DefaultSize, tidyEvery); err != nil {
			s.log.Debug("tidy up the cache", "err", err)
		}
	}
}

// tidyEvery is how often a run looks whether the cache has become too large.
const tidyEvery = time.Hour
