package statcache

import (
	"bytes"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Links is a cache of the names that hard-linked files have in a part of the
// file system. They are found by walking it. What makes a set trustworthy
// without another walk is that each of its names still is one of the file, and
// that the file's status has not changed: to make a link, to remove one and to
// rename one all move the time of that change. Not seen is only that a whole
// directory, with a name of the file in it, was moved in from elsewhere.
type Links struct{ c *Cache }

// The bounds of a Links file.
const (
	maxLinkGroups = 8192
	maxLinkBytes  = 4 << 20
)

// OpenLinks opens the cache of link groups at path, as Open does. The
// directory must exist; an empty path means in memory only.
func OpenLinks(path string, now func() time.Time, log *slog.Logger) *Links {
	return &Links{Open(Config{
		Path:       path,
		Kind:       [8]byte{'l', 'i', 'n', 'k', 's'},
		Format:     1,
		MaxEntries: maxLinkGroups,
		MaxBytes:   maxLinkBytes,
		Now:        now,
		Log:        log,
	})}
}

// Put keeps the names that a walk, begun at the moment seen, found for the file
// that st describes, st being taken after that moment. Names are what the
// caller's same (see LeastPath) understands, one per directory entry, in any
// order. There may be fewer than the file has links, the others lying outside of
// what was walked. More, because a directory was walked under two names, are not
// kept.
func (l *Links) Put(st *unix.Stat_t, names []string, seen time.Time) {
	if len(names) == 0 || uint64(len(names)) > st.Nlink {
		return
	}
	names = slices.Sorted(slices.Values(names))
	var value []byte
	for i, n := range names {
		if n == "" || i > 0 && n == names[i-1] || bytes.IndexByte([]byte(n), 0) >= 0 {
			return
		}
		value = append(append(value, n...), 0)
	}
	l.c.Put(KeyOf(st), value, seen)
}

// LeastPath returns the least, in byte order, of the names of the file that st
// describes, and how many there are. same says whether a name now is one of that file's (same device
// and inode number); it is called for every name. ok is false, and a walk is
// needed, where the names are not known or one of them does not hold any more:
// renaming a directory moves the names below it and leaves the file as it was.
func (l *Links) LeastPath(st *unix.Stat_t, same func(name string) bool) (path string, names int, ok bool) {
	value, ok := l.c.Get(KeyOf(st))
	if !ok {
		return "", 0, false
	}
	for len(value) > 0 {
		i := bytes.IndexByte(value, 0)
		if i <= 0 {
			return "", 0, false
		}
		name := string(value[:i])
		value = value[i+1:]
		if !same(name) {
			return "", 0, false
		}
		if names++; names == 1 {
			path = name
		}
	}
	return path, names, names > 0 && uint64(names) <= st.Nlink
}

// Now is the time by the clock that the cache was given.
func (l *Links) Now() time.Time { return l.c.cfg.Now() }

// Close writes the file, as Cache.Close does.
func (l *Links) Close() error { return l.c.Close() }
