package determinize

import (
	"golang.org/x/sys/unix"
)

// leastPath is the path by which a file that was there before is numbered: of
// a group of hard links the least one.
func (e *engine) leastPath(st *unix.Stat_t, path string) string { return path }

// unite prepares a file that was there before for being changed. An overlay
// copies up one name of a hard-linked file and leaves the others behind.
func (e *engine) unite(t *task, w where, st *unix.Stat_t) {}

// moveDir renames a directory that the overlay cannot rename.
func (e *engine) moveDir(a, b *entry, flags uint64) int64 { return -int64(unix.EXDEV) }
