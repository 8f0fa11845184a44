// Package statcache keeps, from run to run, what was learned by reading files:
// a map from a file's identity and timestamps to bytes.
//
// An entry is found again only while the file's device, inode number, size,
// mtime and ctime are what they were. That misses a write that leaves all of
// them unchanged, which is possible only within one step of the file system's
// clock; so, as in git's index (gitformat-index(5), "racy git"), nothing is
// kept of a file that had changed less than such a step before it was read.
// Another hole cannot be seen here: a page that is already dirty can be written
// to again through a shared mapping without any timestamp moving. Callers must
// know that no one has the file mapped for writing. For a file that an execve
// has just succeeded for, the kernel sees to that (ETXTBSY).
//
// A cache only saves work. Whatever is wrong with its file (absent, damaged, of
// another version, of another user, unreadable, not writable) makes misses.
package statcache

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Key identifies a state of a file: its identity and what changes when it is
// written to, as fstat(2) on the host shows them.
type Key struct {
	Dev, Ino uint64
	Size     int64 // bytes
	Ctime    int64 // nanoseconds since 1970
	Mtime    int64 // nanoseconds since 1970
}

// KeyOf returns the key of the file that st describes.
func KeyOf(st *unix.Stat_t) Key {
	return Key{
		Dev:   st.Dev,
		Ino:   st.Ino,
		Size:  st.Size,
		Ctime: st.Ctim.Nano(),
		Mtime: st.Mtim.Nano(),
	}
}

// compare orders keys by inode, then by age: ctime never goes back.
func (k Key) compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Dev, o.Dev),
		cmp.Compare(k.Ino, o.Ino),
		cmp.Compare(k.Ctime, o.Ctime),
		cmp.Compare(k.Mtime, o.Mtime),
		cmp.Compare(k.Size, o.Size),
	)
}

const (
	// fineStep is more than the step of file timestamps on file systems
	// that keep fractions of a second: the kernel's clock tick, 10 ms at
	// most, or the 10 ms of exFAT.
	fineStep = 20 * time.Millisecond
	// coarseStep is more than the step on those that keep whole seconds,
	// or whole even seconds as FAT does.
	coarseStep = 3 * time.Second
)

// Racy says whether the file may be written to, after the moment seen, without
// its key changing. seen is the time by the host's CLOCK_REALTIME, read before
// the fstat that gave the key and before the content was read.
func (k Key) Racy(seen time.Time) bool {
	step := fineStep
	// The kernel alone sets ctime, so it shows the file system's step.
	if k.Ctime%int64(time.Second) == 0 {
		step = coarseStep
	}
	return max(k.Mtime, k.Ctime) >= seen.Add(-step).UnixNano()
}

// Config is what a cache needs. Path may be empty: then it lives in memory
// alone.
type Config struct {
	// Path of the file. Its directory must exist. Path + ".tmp" is used, too.
	Path string
	// Kind and Format say what the values are. A file with another kind or
	// format is ignored, and replaced by Close.
	Kind   [8]byte
	Format uint32
	// MaxEntries and MaxBytes, the latter at most 1 GiB, bound the file, and
	// what may be put before it is written. Of more entries the least
	// recently used are dropped.
	MaxEntries, MaxBytes int
	// Now reads CLOCK_REALTIME. It dates the use of entries.
	Now func() time.Time
	// Log is told, at debug level, why a file was ignored.
	Log *slog.Logger
}

// Cache is a map from Key to bytes. It may be used by several goroutines, and
// its file by several processes, at once.
type Cache struct {
	cfg Config

	mu    sync.Mutex
	disk  image            // the file as it was opened, immutable
	added map[Key][]byte   // put since then
	bytes int              // that the added ones take in a file
	hit   map[Key]struct{} // found in disk since then
	stale bool             // a hit entry was last used long ago
}

// Open reads the file of a cache. It never fails: a file that cannot be used
// makes an empty cache.
func Open(cfg Config) *Cache {
	c := &Cache{cfg: cfg, added: map[Key][]byte{}, hit: map[Key]struct{}{}}
	c.disk = c.load()
	return c
}

// load reads the file, or returns the empty image.
func (c *Cache) load() image {
	if c.cfg.Path == "" {
		return image{}
	}
	im, err := readImage(&c.cfg)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.cfg.Log.Debug("stat cache ignored", "path", c.cfg.Path, "err", err)
		}
		return image{}
	}
	return im
}

// useStep is how exact the time of last use is kept: a run that only finds
// entries rewrites the file at most that often.
const useStep = 24 * time.Hour

// Get returns the value kept for the file state k. It must not be modified.
func (c *Cache) Get(k Key) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.added[k]; ok {
		return v, true
	}
	i, ok := c.disk.find(k)
	if !ok {
		return nil, false
	}
	v, ok := c.disk.value(i)
	if !ok {
		return nil, false
	}
	if _, again := c.hit[k]; !again {
		c.hit[k] = struct{}{}
		if c.cfg.Now().Unix()-c.disk.used(i) > int64(useStep/time.Second) {
			c.stale = true
		}
	}
	return v, true
}

// Put keeps the value for the file state k, unless k is racy at the moment
// seen (see Racy) or the cache is full of what was put since it was opened.
// The value belongs to the cache from then on.
func (c *Cache) Put(k Key, value []byte, seen time.Time) {
	if k.Racy(seen) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	bytes := c.bytes + entrySize + len(value)
	old, replaced := c.added[k]
	if replaced {
		bytes -= entrySize + len(old)
	}
	if bytes > c.cfg.MaxBytes || !replaced && len(c.added) == c.cfg.MaxEntries {
		return
	}
	c.added[k], c.bytes = value, bytes
}

// Close writes what is new to the file, together with what other processes have
// written to it meanwhile. The file is replaced in one step: whoever opens it
// sees the old or the new one. If another process is just doing the same,
// nothing is written and the error is nil. After an error the old file stands.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Path == "" || len(c.added) == 0 && !c.stale {
		return nil
	}
	err := replace(c.cfg.Path, func() []byte { return encodeImage(&c.cfg, c.merge(c.load())) })
	if err != nil {
		return err
	}
	c.added, c.bytes, c.hit, c.stale = map[Key][]byte{}, 0, map[Key]struct{}{}, false
	c.disk = c.load()
	return nil
}

// merge returns the entries that the file is to have, ordered by key: those of
// im and those added, of each file the latest state only, and not more than fit.
func (c *Cache) merge(im image) []entry {
	now := c.cfg.Now().Unix()
	byKey := make(map[Key]entry, im.len()+len(c.added))
	for i := range im.len() {
		if v, ok := im.value(i); ok {
			k := im.key(i)
			used := im.used(i)
			if _, ok := c.hit[k]; ok {
				used = now
			}
			byKey[k] = entry{key: k, used: used, value: v}
		}
	}
	for k, v := range c.added {
		byKey[k] = entry{key: k, used: now, value: v}
	}
	all := slices.SortedFunc(maps.Values(byKey), func(a, b entry) int { return a.key.compare(b.key) })
	latest := all[:0]
	for i, e := range all {
		if i+1 < len(all) && all[i+1].key.Dev == e.key.Dev && all[i+1].key.Ino == e.key.Ino {
			continue
		}
		latest = append(latest, e)
	}
	return evict(latest, c.cfg.MaxEntries, c.cfg.MaxBytes)
}

// evict drops the least recently used entries until the rest fits. Order by key
// is kept, and decides between entries used at the same time.
func evict(entries []entry, maxEntries, maxBytes int) []entry {
	byUse := slices.Clone(entries)
	slices.SortStableFunc(byUse, func(a, b entry) int { return cmp.Compare(b.used, a.used) })
	size, n := 0, 0
	for _, e := range byUse {
		size += entrySize + len(e.value)
		if n == maxEntries || size > maxBytes {
			break
		}
		n++
	}
	byUse = byUse[:n]
	slices.SortFunc(byUse, func(a, b entry) int { return a.key.compare(b.key) })
	return byUse
}
