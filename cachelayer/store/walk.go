package store

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// shards calls f with each of the 256 directories of one of the store's, in order of their
// names, as far as they are there.
func (s *Store) shards(dir string, f func(prefix, path string) error) error {
	for i := range 256 {
		prefix := hex.EncodeToString([]byte{byte(i)})
		path := s.path(dir, prefix)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := f(prefix, path); err != nil {
			return err
		}
	}
	return nil
}

// file is a file of the store.
type file struct {
	path string
	size int64 // that it takes, in bytes
	used time.Time
}

// fileOf describes a file; ok is false if it is not there any more, or is none.
func fileOf(path string) (f file, ok bool) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return f, false
	}
	return file{path, st.Blocks * 512, time.Unix(st.Mtim.Unix())}, true
}

// eachContent calls f with all contents, in order of their digests.
func (s *Store) eachContent(f func(d Digest, at file) error) error {
	return s.shards("contents", func(prefix, path string) error {
		return eachFile(path, func(name string) error {
			d, ok := ParseDigest(prefix + name)
			if !ok {
				return nil
			}
			if at, ok := fileOf(filepath.Join(path, name)); ok {
				return f(d, at)
			}
			return nil
		})
	})
}

// eachKey calls f with all keys, and the directories of their entries, in order.
func (s *Store) eachKey(f func(key Digest, dir string) error) error {
	return s.shards("entries", func(prefix, path string) error {
		return eachFile(path, func(name string) error {
			key, ok := ParseDigest(prefix + name)
			if !ok {
				return nil
			}
			return f(key, filepath.Join(path, name))
		})
	})
}

// eachFile calls f with the names in a directory, in order. One that is gone has none.
func eachFile(dir string, f func(name string) error) error {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range names {
		if err := f(n.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Key is a key with its entries.
type Key struct {
	Key     Digest
	Entries []Found // the one that was used last first
}

// Keys calls f with all keys that have entries, in order; f may end it by an error, which
// Keys returns.
func (s *Store) Keys(f func(Key) error) error {
	return s.eachKey(func(key Digest, dir string) error {
		all, err := s.found(dir)
		if err != nil || len(all) == 0 {
			return err
		}
		return f(Key{key, all})
	})
}

// Stats are what a store holds.
type Stats struct {
	Keys, Entries, Contents int
	Bytes                   int64 // that entries and contents take on the disk
	Quarantined             int
	Oldest                  time.Time // use of an entry; zero if there is none
}

// Stats counts.
func (s *Store) Stats() (st Stats, err error) {
	err = s.eachContent(func(_ Digest, at file) error {
		st.Contents++
		st.Bytes += at.size
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	err = s.eachKey(func(_ Digest, dir string) error {
		keys := 0
		err := eachFile(dir, func(name string) error {
			at, ok := fileOf(filepath.Join(dir, name))
			if !ok {
				return nil
			}
			keys = 1
			st.Entries++
			st.Bytes += at.size
			if st.Oldest.IsZero() || at.used.Before(st.Oldest) {
				st.Oldest = at.used
			}
			return nil
		})
		st.Keys += keys
		return err
	})
	if err != nil {
		return Stats{}, err
	}
	return st, eachFile(s.path("quarantine"), func(string) error { st.Quarantined++; return nil })
}

// Damage is a file that is not what its name says.
type Damage struct {
	What string // "content D" or "entry D"
	Err  error
}

// Verify reads what the store holds, or of it the share of 0 to 1 whose digests come first, and
// calls found with what is damaged, which it puts into quarantine. It returns how many files
// it has read.
func (s *Store) Verify(share float64, found func(Damage)) (files int, err error) {
	last := byte(max(0, min(share, 1)*256-1))
	if share <= 0 {
		return 0, nil
	}
	check := func(what string, d Digest, err error) {
		files++
		if errors.Is(err, ErrDamaged) || err != nil && !errors.Is(err, ErrMissing) {
			found(Damage{what + " " + d.String(), err})
		}
	}
	err = s.eachContent(func(d Digest, _ file) error {
		if d[0] <= last {
			f, err := s.open(d, false)
			if err == nil {
				f.Close()
			}
			check("content", d, err)
		}
		return nil
	})
	if err != nil {
		return files, err
	}
	return files, s.eachKey(func(key Digest, dir string) error {
		all, err := s.found(dir)
		for _, e := range all {
			if e.Name[0] <= last {
				_, err := s.load(filepath.Join(dir, e.Name.String()), e.Name, false)
				check("entry", e.Name, err)
			}
		}
		return err
	})
}
