package runtime

import (
	"io/fs"
	"time"
)

// stale tells whether a directory without a lock is old enough to be nobody's:
// making one takes milliseconds.
func stale(fi fs.FileInfo) bool { return time.Since(fi.ModTime()) > time.Hour }
