package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/vfs"
)

// streams are the standard streams of a box.
type streams struct {
	guest [3]*os.File // what the command gets as 0, 1, 2
	keep  []*os.File  // other ends, held open while the box runs

	stdin     *os.File // where the engine reads stdin from, or nil
	stdinKey  vfs.Key
	outKeys   [2]vfs.Key
	out       [2]*os.File
	ctx       context.Context // of the box
	stdinFile vfs.Key
	sums      [2]hash.Hash
	spool     *spool  // nil: nothing is kept
	kept      [2]bool // stdout and stderr go to the spool
	outlets   [2]*outlet
	shown     bool // something was written to a terminal

	writers *Writers // nil: nobody asks

	terminal *os.File
	typing   atomic.Bool // input may still come to the terminal
	copies   sync.WaitGroup
}

// openStreams makes the standard streams of the box.
func (s *supervisor) openStreams(ctx context.Context) (*streams, error) {
	st := &streams{ctx: ctx, writers: s.writers, out: [2]*os.File{s.box.Stdout, s.box.Stderr}, sums: [2]hash.Hash{sha256.New(), sha256.New()},
		spool: s.spool, kept: s.kept}
	st.outlets = outletsOf(st.out, s.attempt.Released)
	null, err := os.Open("/dev/null")
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	st.keep = append(st.keep, null)
	if s.box.Terminal {
		// Init opens the terminal and puts it in their place.
		st.guest = [3]*os.File{null, null, null}
		return st, nil
	}
	switch s.box.StdinKind {
	case StdinNull:
		st.guest[0] = null
	case StdinFile:
		st.guest[0] = s.box.Stdin
		if st.stdinFile, err = keyOf(s.box.Stdin); err != nil {
			return nil, err
		}
	default:
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("pipe for stdin: %w", err)
		}
		st.keep = append(st.keep, r, w)
		st.guest[0], st.stdin = r, s.box.Stdin
		if st.stdinKey, err = keyOf(r); err != nil {
			return nil, err
		}
	}
	for i := range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("pipe for output: %w", err)
		}
		st.keep = append(st.keep, r, w)
		st.guest[1+i] = w
		if st.outKeys[i], err = keyOf(w); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func keyOf(f *os.File) (vfs.Key, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return vfs.Key{}, fmt.Errorf("stat a stream: %w", err)
	}
	return vfs.KeyOf(&st), nil
}

// write takes what the command wrote to stdout (1) or stderr (2).
func (st *streams) write(stream int, program string, b []byte) error {
	st.sums[stream-1].Write(b)
	if st.writers != nil {
		st.writers.streamed(stream, program, len(b))
	}
	out := st.out[stream-1]
	if o := st.outlets[stream-1]; o != nil {
		var err error
		if b, err = o.write(stream, b); err != nil {
			return err
		}
	} else if !st.shown {
		_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
		st.shown = err == nil
	}
	if !st.kept[stream-1] {
		return pass(st.ctx, out, b)
	}
	if unread(out) {
		return determinize.ErrOutput
	}
	if st.spool.fits(len(b)) {
		return st.spool.keep(stream, b)
	}
	st.kept = [2]bool{}
	if err := st.spool.release(st.ctx, st.out); err != nil {
		return err
	}
	return pass(st.ctx, out, b)
}

// release writes what has been kept of the output.
func (st *streams) release() error {
	if st.spool == nil {
		return nil
	}
	return st.spool.release(st.ctx, st.out)
}

// released is what has been passed on by this run, or by those before it.
func (st *streams) released() (r [2]released) {
	for i, o := range st.outlets {
		switch {
		case o == nil || i == 1 && o == st.outlets[0]:
		case st.kept[i] || o.n < o.before.N:
			r[i] = o.before
		default:
			r[i] = released{N: o.n, Sum: o.sum()}
		}
	}
	return r
}

// whole returns an error if an earlier run has passed on more than this one wrote.
func (st *streams) whole() error {
	for _, o := range st.outlets {
		if o != nil && o.end() != nil {
			return o.err
		}
	}
	return nil
}

// attach starts to copy between the terminal of the box and the outside.
func (st *streams) attach(master *os.File, box *Box) {
	st.terminal = master
	st.keep = append(st.keep, master)
	st.copies.Add(1)
	go func() {
		defer st.copies.Done()
		io.Copy(io.MultiWriter(st.sums[0], st.out[0]), master) // ends with EIO when the last slave is closed
	}()
	if box.StdinKind == StdinLive {
		st.typing.Store(true)
		go func() {
			io.Copy(master, box.Stdin)
			st.typing.Store(false)
		}()
	}
}

// Typing implements determinize.Terminal.
func (st *streams) Typing() bool { return st.typing.Load() }

// Type implements determinize.Terminal.
func (st *streams) Type(c byte) { st.terminal.Write([]byte{c}) }

// Ear implements determinize.Terminal.
func (st *streams) Ear() int { return -1 }

// drain waits until everything that the box wrote to its terminal is out.
func (st *streams) drain() {
	if st.terminal != nil {
		st.copies.Wait()
	}
}

// digest is the sha256 of a stream, as reports write it.
func (st *streams) digest(stream int) string {
	return "sha256:" + hex.EncodeToString(st.sums[stream-1].Sum(nil))
}

func (st *streams) close() {
	for _, f := range st.keep {
		f.Close()
	}
}
