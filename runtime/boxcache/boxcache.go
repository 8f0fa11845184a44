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
}

// Open opens the cache in a directory for a box. salt is the digest of what of the box is the
// same for all of its execs. The caller closes it.
func Open(dir string, mode Mode, salt memo.Digest, log *slog.Logger) (*Cache, error) {
	st, err := OpenStore(dir, mode == Read)
	if err != nil {
		return nil, err
	}
	c := &Cache{store: st, salt: salt, asks: make(chan func()), log: log}
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
	if c != nil {
		close(c.asks)
		c.store.Close()
	}
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

// Store stores what a deterministic run has found out, and makes room at times. What comes of
// that does not matter to the run.
func (c *Cache) Store(memos []determinize.NewMemo) error {
	if c == nil || c.store.ReadOnly() {
		return nil
	}
	for _, m := range memos {
		e := store.Entry{Body: m.Memo.Encode()}
		for i := range m.Memo.Outputs {
			if o := &m.Memo.Outputs[i]; o.Wrote && o.SameAs == "" && o.Inline == nil && o.Size > 0 {
				e.Contents = append(e.Contents, store.Digest(o.Content))
			}
		}
		if _, err := c.store.Add(store.Digest(m.Key), e); err != nil {
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
