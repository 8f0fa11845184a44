package runtime

import (
	"context"
	"crypto/sha256"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime/boxcache"
)

// maxHeard is how much of what came through a pipe as standard input is kept for another
// run, in bytes. A box that reads more is not run again.
const maxHeard = 256 << 20

// input is the standard input of a box that may run several times. The zero input is one
// that need not be rewound.
type input struct {
	stdin *os.File // a regular file, or nil
	start int64    // its offset
	heard *os.File // what the box has read of a pipe, or nil; see heard
}

// open prepares to rewind the input of a box; dir is a directory for files without a name.
func (in *input) open(ctx context.Context, box *Box, dir string) (err error) {
	box.StdinDigest = nil
	if !box.orders() || box.final() != "" {
		return nil
	}
	switch box.StdinKind {
	case StdinFile:
		in.start, err = box.Stdin.Seek(0, io.SeekCurrent)
		in.stdin = box.Stdin
		if err == nil && box.Cache != boxcache.Off {
			box.StdinDigest, err = digestOf(io.NewSectionReader(box.Stdin, in.start, math.MaxInt64-in.start))
		}
	case StdinPipe:
		if in.heard, err = nameless(dir, "input"); err == nil && box.Cache != boxcache.Off {
			err = in.hearAll(ctx, box)
		}
	}
	return err
}

// hearAll reads all of a pipe, as far as it can be kept: what programs made of it may be in the
// cache.
func (in *input) hearAll(ctx context.Context, box *Box) error {
	type answer struct {
		n   int64
		err error
	}
	done := make(chan answer, 1)
	go func() {
		n, err := io.Copy(in.heard, io.LimitReader(box.Stdin, maxHeard))
		done <- answer{n, err}
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case a := <-done:
		if a.err != nil || a.n == maxHeard {
			return a.err
		}
		var err error
		box.StdinDigest, err = digestOf(io.NewSectionReader(in.heard, 0, a.n))
		return err
	}
}

// digestOf is the SHA-256 digest of what a reader has.
func digestOf(r io.Reader) ([]byte, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return h.Sum(nil), err
}

// rewind has the next run read what the last one has.
func (in *input) rewind() error {
	if in.stdin == nil {
		return nil
	}
	if _, err := in.stdin.Seek(in.start, io.SeekStart); err != nil {
		return &Error{Op: "standard input", Err: cause(err), Hint: "--on-conflict=taint, or a file that can be read twice"}
	}
	return nil
}

func (in *input) close() {
	if in.heard != nil {
		in.heard.Close()
	}
}

// heard keeps what a box reads of a pipe, and repeats what earlier runs of it have read. It
// is a file without a name, which the supervisors of all runs share.
type heard struct {
	file *os.File
	at   int64 // of what is repeated
	old  int64 // how much there is to repeat
	size int64
	max  int64
	lost bool // not everything is kept
}

// openHeard is what a file keeps.
func openHeard(f *os.File) (*heard, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &heard{file: f, old: fi.Size(), size: fi.Size(), max: maxHeard}, nil
}

// Read reads what earlier runs have read. Its end is io.EOF.
func (h *heard) Read(b []byte) (int, error) {
	if h.at == h.old {
		return 0, io.EOF
	}
	n, err := h.file.ReadAt(b[:min(int64(len(b)), h.old-h.at)], h.at)
	h.at += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// add keeps what was read of the pipe. What cannot be kept costs the chance to run again,
// and nothing else.
func (h *heard) add(b []byte) {
	if h.lost {
		return
	}
	_, err := h.file.WriteAt(b, h.size)
	if h.size += int64(len(b)); err != nil || h.size > h.max {
		h.lost = true
		_ = unix.Ftruncate(int(h.file.Fd()), 0) // it takes space
	}
}
