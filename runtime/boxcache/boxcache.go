// Package boxcache is the cache as one box or container sees it: the store of a state directory,
// and the digest of all that a box's results depend on beside what its engine knows.
package boxcache

import (
	"io"
	"log/slog"
	"time"

	"laplace.dev/laplace/cachelayer/store"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/memo"
)

// Mode says what a box has to do with its cache.
type Mode string

// Modes. The zero value is Off.
const (
	Off   Mode = ""
	On    Mode = "on"    // execs whose results are there are skipped, and those of others kept
	Read  Mode = "read"  // nothing is kept
	Write Mode = "write" // nothing is skipped
	// Verify has everything run, and compares with what would have been skipped.
	Verify Mode = "verify"
)

// OpenStore opens the store in a directory, which the caller closes.
func OpenStore(dir string, readOnly bool) (*store.Store, error) {
	return store.Open(dir, store.Options{Now: time.Now, ReadOnly: readOnly})
}

// Cache is a box's cache, a determinize.Cache. Its methods are called from the engine's thread,
// which is in the box: another one does what is asked.
type Cache struct {
	store *store.Store
	salt  memo.Digest
	asks  chan func()
	log   *slog.Logger

	// What may be kept is written while the box runs; only the end decides.
	staging chan determinize.NewMemo
	written chan struct{} // closed when all of it is
	staged  map[*memo.Memo]*store.Staged
}

// maxStaged is how many results are written before the end: each is an open file. maxWaiting is
// how many may wait for that.
const (
	maxStaged  = 1000
	maxWaiting = 100
)

// Open opens the cache in a directory for a box. salt is the digest of what of the box is the
// same for all of its execs. The caller closes it.
func Open(dir string, mode Mode, salt memo.Digest, log *slog.Logger) (*Cache, error) {
	st, err := OpenStore(dir, mode == Read)
	if err != nil {
		return nil, err
	}
	c := &Cache{store: st, salt: salt, asks: make(chan func()), log: log, staging: make(chan determinize.NewMemo, maxWaiting),
		written: make(chan struct{}), staged: make(map[*memo.Memo]*store.Staged)}
	go c.write()
	go func() {
		for ask := range c.asks {
			ask()
		}
	}()
	return c, nil
}

// do has something done on another thread.
func (c *Cache) do(f func()) {
	done := make(chan struct{})
	c.asks <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Close closes a cache; nil has nothing to close.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	c.settle()
	for _, st := range c.staged {
		st.Discard()
	}
	close(c.asks)
	c.store.Close()
}

// write writes what may be kept.
func (c *Cache) write() {
	defer close(c.written)
	for m := range c.staging {
		if len(c.staged) == maxStaged || c.store.ReadOnly() {
			continue
		}
		st, err := c.store.Stage(store.Digest(m.Key), entryOf(m.Memo))
		if err != nil {
			c.log.Debug("write to the cache", "err", err)
			continue // Store says so
		}
		c.staged[m.Memo] = st
	}
}

// Stage implements determinize.Cache.
func (c *Cache) Stage(m determinize.NewMemo) {
	select {
	case c.staging <- m:
	default: // Store writes it
	}
}

// settle waits until nothing is being written.
func (c *Cache) settle() {
	if c.staging != nil {
		close(c.staging)
		<-c.written
		c.staging = nil
	}
}

// entryOf is the store's entry of a memo.
func entryOf(m *memo.Memo) store.Entry {
	e := store.Entry{Body: m.Encode()}
	for i := range m.Outputs {
		if o := &m.Outputs[i]; o.Wrote && o.SameAs == "" && o.Inline == nil && o.Size > 0 {
			e.Contents = append(e.Contents, store.Digest(o.Content))
		}
	}
	return e
}

// Salt implements determinize.Cache.
func (c *Cache) Salt() memo.Digest { return c.salt }

// Memos implements determinize.Cache.
func (c *Cache) Memos(key memo.Digest) (all []determinize.Kept) {
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
func (c *Cache) whole(e *store.Entry) bool {
	for _, d := range e.Contents {
		if !c.store.Uses(d) {
			return false
		}
	}
	return true
}

// Content implements determinize.Cache.
func (c *Cache) Content(d memo.Digest) (r io.ReadCloser, err error) {
	c.do(func() { r, err = c.store.Get(store.Digest(d)) })
	return r, err
}

// Keep implements determinize.Cache.
func (c *Cache) Keep(f io.Reader) (d memo.Digest, err error) {
	c.do(func() {
		var digest store.Digest
		digest, _, err = c.store.Put(f)
		d = memo.Digest(digest)
	})
	return d, err
}

// PutAway takes results that are wrong out of the cache, for somebody to look at.
func (c *Cache) PutAway(wrong []determinize.Mismatch) {
	for _, m := range wrong {
		if err := c.store.Quarantine(store.Digest(m.Key), store.Digest(m.Name)); err != nil {
			c.log.Debug("put a result away", "err", err)
		}
	}
}

// Store stores what a deterministic run has found out, once, at its end, and makes room at times.
// What comes of that does not matter to the run.
func (c *Cache) Store(memos []determinize.NewMemo) error {
	if c == nil || c.store.ReadOnly() {
		return nil
	}
	c.settle()
	for _, m := range memos {
		var err error
		if st := c.staged[m.Memo]; st != nil {
			delete(c.staged, m.Memo)
			_, err = st.Commit()
		} else {
			_, err = c.store.Add(store.Digest(m.Key), entryOf(m.Memo))
		}
		if err != nil {
			return err
		}
	}
	if len(memos) > 0 {
		if err := c.store.Tidy(store.DefaultSize, tidyEvery); err != nil {
			c.log.Debug("tidy up the cache", "err", err)
		}
	}
	return nil
}

// tidyEvery is how often a run looks whether the cache has become too large.
const tidyEvery = time.Hour
