package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
)

// maxSpool is how much output a spool keeps, in bytes. Of a box that writes more it is
// released, and from there on passed on as it comes. If the box runs again, it has to write the same.
const maxSpool = 256 << 20

// A spool keeps what a box writes, stdout and stderr in their order, until it is
// released. It is a file without a name, which the client and the supervisor share: what
// one of them has not released when it ends, the other one can. Its content is records
// (spoolHeader, then the bytes); its file offset is that of the first record that has not
// been released.
//
// One process at a time uses it, and one thread.
type spool struct {
	file *os.File
	size int64 // of what has been kept
	max  int64
	err  error // of the last record, of which less than all may be there
}

// spoolHeader is the size of what precedes the bytes of a record: the stream in one byte,
// and their number in four.
const spoolHeader = 1 + 4

// spooled tells for stdout and stderr whether what the box writes is kept: not where
// somebody watches, or nothing does, and where the box will not run again.
func spooled(box *Box) (kept [2]bool) {
	if box.Stream || !box.orders() || box.final() != "" {
		return kept
	}
	for i, f := range [2]*os.File{box.Stdout, box.Stderr} {
		var st unix.Stat_t
		// Terminals are character devices, as /dev/null is.
		kept[i] = unix.Fstat(int(f.Fd()), &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFCHR
	}
	return kept
}

// sureSpool is how much output can be kept in any case: where the file system of the state
// directory has no room for it, the spool is in memory, and keeps no more than maxMemory.
const (
	sureSpool = 64 << 10
	maxMemory = 16 << 20
)

// newSpool makes an empty spool on the file system of a directory, or in memory.
func newSpool(dir string) (*spool, error) {
	f, err := nameless(dir, "output")
	if err == nil {
		if err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, sureSpool); err == nil || err == unix.EOPNOTSUPP {
			return openSpool(f), nil
		}
		f.Close()
	}
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return nil, err
	}
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("keep the command's output in memory: %w", err)
	}
	return openSpool(os.NewFile(uintptr(fd), "output")), nil
}

// nameless makes an empty file without a name on the file system of a directory, in which
// nothing is called name.
func nameless(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, stateError(dir, err)
	}
	if err = os.Remove(path); err != nil {
		f.Close()
		return nil, stateError(dir, err)
	}
	return f, nil
}

// openSpool is a spool whose file is f, and empty.
func openSpool(f *os.File) *spool {
	s := &spool{file: f, max: maxSpool}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Type == unix.TMPFS_MAGIC {
		s.max = maxMemory
	}
	return s
}

// fits tells whether so many bytes more may be kept.
func (s *spool) fits(n int) bool { return s.size+spoolHeader+int64(n) <= s.max }

// keep adds what was written to a stream, 1 or 2.
func (s *spool) keep(stream int, b []byte) error {
	if s.err != nil {
		return s.err
	}
	var header [spoolHeader]byte
	header[0] = byte(stream)
	binary.LittleEndian.PutUint32(header[1:], uint32(len(b)))
	_, err := s.file.WriteAt(header[:], s.size)
	if err == nil {
		_, err = s.file.WriteAt(b, s.size+spoolHeader)
	}
	if err != nil {
		s.err = &Error{Op: "state directory", On: "the command's output could not be kept there", Err: cause(err),
			Hint: "free space, XDG_STATE_HOME on another file system, or --stream"}
		return s.err
	}
	s.size += spoolHeader + int64(len(b))
	return nil
}

// release writes what is kept to stdout and stderr, and forgets it. Where one of them
// takes no more, the rest goes to the other one; the error is the first one, as of pass.
func (s *spool) release(ctx context.Context, to [2]*os.File) error {
	at, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("output that was kept: %w", err)
	}
	buf := make([]byte, 64<<10)
	var failed [2]error
	for ctx.Err() == nil {
		var header [spoolHeader]byte
		if _, err := s.file.ReadAt(header[:], at); err != nil {
			break // the end
		}
		at += spoolHeader
		out := int(header[0]-1) & 1
		end := at + int64(binary.LittleEndian.Uint32(header[1:]))
		for at < end {
			n, err := s.file.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
			if failed[out] == nil && n > 0 {
				failed[out] = pass(ctx, to[out], buf[:n])
			}
			if at += int64(n); err != nil {
				at = end // it was not kept to its end
			}
		}
		if _, err := s.file.Seek(at, io.SeekStart); err != nil {
			return fmt.Errorf("output that was kept: %w", err)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	if s.err != nil {
		return nil
	}
	s.size = 0
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("output that was kept: %w", err)
	}
	_, err = s.file.Seek(0, io.SeekStart)
	return err
}

// release writes the output that the supervisor has kept and did not release: the box
// failed, or was ended, or the supervisor was. A second signal ends the wait for a slow
// reader.
func (c *client) release(box *Box) {
	if c.spool == nil {
		return
	}
	// That it cannot be written is no news beside why the box ended.
	_ = c.spool.release(context.Background(), [2]*os.File{box.Stdout, box.Stderr})
	c.spool.file.Close()
}

// discard throws the output away that the supervisor has kept.
func (c *client) discard() {
	if c.spool != nil {
		c.spool.file.Close()
	}
}

// pipeBuf is what fits into a pipe that is ready for writing; pipe(7).
const pipeBuf = 4096

// pass writes to an output of the box. It ends with the context, and with
// determinize.ErrOutput when nobody reads.
func pass(ctx context.Context, to *os.File, b []byte) error {
	fd := int32(to.Fd())
	for len(b) > 0 {
		// Whoever reads may be slow, and the box be ended meanwhile: wait where that is
		// noticed, by a signal to this thread or after a while.
		n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}, 100)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && n > 0 {
			n, err = unix.Write(int(fd), b[:min(len(b), pipeBuf)])
		}
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case errors.Is(err, unix.EPIPE):
			return determinize.ErrOutput
		case err != nil:
			return &Error{Op: "output", Err: err, Hint: "free space where it goes, or another place for it"}
		default:
			b = b[n:]
		}
	}
	return nil
}

// unread tells whether certainly nobody reads a pipe or socket any more.
func unread(f *os.File) bool {
	p := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
