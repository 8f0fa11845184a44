package exe

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/exe/statcache"
)

// The bounds of a cache of Infos, on disk and in memory.
const (
	maxEntries = 8192
	maxBytes   = 4 << 20
)

// persistAge is how long a file must have been unchanged for what is known of
// it to be written to disk. Builds make many programs that are run once and
// deleted.
const persistAge = time.Minute

// Cache answers Scan for files that have not changed since it was last asked,
// in this process or in an earlier one. It may be used by several goroutines.
type Cache struct {
	now  func() time.Time
	disk *statcache.Cache

	mu  sync.Mutex
	mem map[statcache.Key]Info
}

// Open opens the cache file at path, whose directory must exist. It never
// fails: where the file cannot be used, files are scanned. An empty path means
// in memory only. now must read CLOCK_REALTIME, which dates the files, too.
func Open(path string, now func() time.Time, log *slog.Logger) *Cache {
	return &Cache{
		now: now,
		disk: statcache.Open(statcache.Config{
			Path:       path,
			Kind:       [8]byte{'e', 'x', 'e', 'i', 'n', 'f', 'o'},
			Format:     infoFormat,
			MaxEntries: maxEntries,
			MaxBytes:   maxBytes,
			Now:        now,
			Log:        log,
		}),
		mem: map[statcache.Key]Info{},
	}
}

// Info returns what Scan says of f, a regular file that is open for reading.
// The caller sees to it that nobody has the file mapped for writing; package
// statcache says why. The errors are those of Scan, and ErrChanged where the
// file's status after the scan is not what it was before.
func (c *Cache) Info(f *os.File) (Info, error) {
	return c.info(f, func(size int64) (Info, error) { return scan(f, size, chunk) })
}

// Self returns the digest of the program that calls it. The errors are those of Info.
func (c *Cache) Self() ([sha256.Size]byte, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer f.Close()
	info, err := c.Info(f)
	return info.Digest, err
}

// info is Info with another scan, for tests.
func (c *Cache) info(f *os.File, scan func(size int64) (Info, error)) (Info, error) {
	seen := c.now()
	st, err := statRegular(f)
	if err != nil {
		return Info{}, err
	}
	key := statcache.KeyOf(&st)
	if info, ok := c.lookup(key); ok {
		return info, nil
	}
	info, err := scan(st.Size)
	if err != nil {
		return Info{}, fmt.Errorf("scan %s: %w", f.Name(), err)
	}
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Info{}, fmt.Errorf("fstat %s: %w", f.Name(), err)
	}
	if statcache.KeyOf(&st) != key {
		return Info{}, fmt.Errorf("scan %s: %w", f.Name(), ErrChanged)
	}
	c.store(key, info, seen)
	return info, nil
}

func (c *Cache) lookup(key statcache.Key) (Info, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if info, ok := c.mem[key]; ok {
		return info, true
	}
	value, ok := c.disk.Get(key)
	if !ok {
		return Info{}, false
	}
	info, ok := decodeInfo(value)
	if ok {
		c.remember(key, info)
	}
	return info, ok
}

func (c *Cache) store(key statcache.Key, info Info, seen time.Time) {
	if key.Racy(seen) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remember(key, info)
	if max(key.Mtime, key.Ctime) <= seen.Add(-persistAge).UnixNano() {
		c.disk.Put(key, encodeInfo(info), seen)
	}
}

func (c *Cache) remember(key statcache.Key, info Info) {
	if len(c.mem) >= maxEntries {
		clear(c.mem)
	}
	c.mem[key] = info
}

// Close writes what is new to the file. The cache can be used further. An
// error means that a later run has to scan again, no more.
func (c *Cache) Close() error {
	if err := c.disk.Close(); err != nil {
		return fmt.Errorf("save executable cache: %w", err)
	}
	return nil
}

// infoFormat numbers the encoding of an Info and the rules by which Scan finds
// it: a change in either needs another number.
//
//	digest    [32]byte
//	kind      uint8
//	flags     uint8, static<<7 | bits of unmaskedNames
//	interp    uint16 length (little-endian), bytes
//	argument  the rest
const infoFormat = 1

const staticFlag = 1 << 7

func encodeInfo(i Info) []byte {
	flags := byte(0)
	if i.Static {
		flags |= staticFlag
	}
	for _, name := range i.Unmasked {
		for bit, n := range unmaskedNames {
			if n == name {
				flags |= 1 << bit
			}
		}
	}
	b := make([]byte, 0, len(i.Digest)+4+len(i.Interp)+len(i.InterpArg))
	b = append(b, i.Digest[:]...)
	b = append(b, byte(i.Kind), flags)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(i.Interp)))
	b = append(b, i.Interp...)
	return append(b, i.InterpArg...)
}

// decodeInfo is the inverse of encodeInfo. ok is false for what it never gives.
func decodeInfo(b []byte) (i Info, ok bool) {
	if len(b) < len(i.Digest)+4 {
		return Info{}, false
	}
	b = b[copy(i.Digest[:], b):]
	kind, flags, n := Kind(b[0]), b[1], int(binary.LittleEndian.Uint16(b[2:]))
	b = b[4:]
	if kind > Script || flags&^(staticFlag|all) != 0 || n > len(b) {
		return Info{}, false
	}
	i.Kind = kind
	i.Static = flags&staticFlag != 0
	i.Unmasked = (&finder{found: int(flags & all)}).names()
	i.Interp = string(b[:n])
	i.InterpArg = string(b[n:])
	return i, true
}
