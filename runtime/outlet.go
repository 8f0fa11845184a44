package runtime

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"os"

	"golang.org/x/sys/unix"
)

// An outlet is where output goes: that of one stream, or of both if they are one file. What
// it has been given in an earlier run of the box it is not given again, if it is the same.
type outlet struct {
	before released
	n      int64     // bytes that were written
	bytes  hash.Hash // of them
	turns  hash.Hash // of where which stream went on
	last   int       // stream that wrote the last one
	err    error     // they are not the same
}

// released is what an outlet was given.
type released struct {
	N   int64 // bytes
	Sum [sha256.Size]byte
}

// errContradicts says that a box which ran again wrote something else.
var errContradicts = errors.New("processes raced, and the command, run again, writes something else than what was passed on already")

// contradiction is the error of a run whose output is not what was released.
func contradiction() error {
	return &Error{Op: "output", Err: errContradicts, Hint: "without --stream; or --on-conflict=taint", Exit: ExitConflict}
}

// outletsOf are the outlets of stdout and stderr; nil for one that is a character device:
// there output starts over.
func outletsOf(out [2]*os.File, before [2]released) (o [2]*outlet) {
	var st [2]unix.Stat_t
	for i, f := range out {
		if unix.Fstat(int(f.Fd()), &st[i]) != nil || st[i].Mode&unix.S_IFMT == unix.S_IFCHR {
			continue
		}
		if i == 1 && o[0] != nil && st[0].Dev == st[1].Dev && st[0].Ino == st[1].Ino {
			o[1] = o[0]
			continue
		}
		o[i] = &outlet{before: before[i], bytes: sha256.New(), turns: sha256.New()}
	}
	return o
}

// sum is the digest of what was written so far.
func (o *outlet) sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(o.bytes.Sum(nil))
	h.Write(o.turns.Sum(nil))
	h.Sum(sum[:0])
	return sum
}

// write notes what a stream wrote and returns what the outlet has not been given yet.
func (o *outlet) write(stream int, b []byte) (rest []byte, err error) {
	if o.err != nil {
		return nil, o.err
	}
	if len(b) == 0 {
		return b, nil
	}
	if stream != o.last {
		o.turns.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(o.n)), byte(stream)))
		o.last = stream
	}
	again := min(int64(len(b)), max(0, o.before.N-o.n))
	o.bytes.Write(b[:again])
	if o.n += again; again > 0 && o.n == o.before.N && o.sum() != o.before.Sum {
		o.err = contradiction()
		return nil, o.err
	}
	o.bytes.Write(b[again:])
	o.n += int64(len(b)) - again
	return b[again:], nil
}

// end tells whether a run that has ended wrote less than what was released.
func (o *outlet) end() error {
	if o.err == nil && o.n < o.before.N {
		o.err = contradiction()
	}
	return o.err
}
