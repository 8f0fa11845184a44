package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/strace"
)

// traceWriter writes intercepted calls as text or JSON, a line each. It
// belongs to the engine's thread.
//
// A line is written before the box goes on, so that trace and output that go
// to the same place do so in the same order each time. Nobody who reads the
// trace can harm the box: one that does not read stops it until it is ended,
// and when writing fails the rest of the trace is dropped.
type traceWriter struct {
	ctx  context.Context
	out  *os.File
	json bool
	buf  bytes.Buffer
	err  error // why the rest was dropped
}

// newTraceWriter makes the writer of a trace. When ctx ends nothing is waited
// for any more.
func newTraceWriter(ctx context.Context, t *Trace) *traceWriter {
	return &traceWriter{ctx: ctx, out: t.Writer, json: t.JSON}
}

// engine is what the engine is asked for.
func (w *traceWriter) engine(t *Trace) *determinize.Trace {
	out := &determinize.Trace{Event: w.event}
	if t.Calls != nil {
		out.Calls = make(map[string]bool)
		for _, name := range t.Calls {
			out.Calls[name] = true
		}
	}
	return out
}

// event writes one event.
func (w *traceWriter) event(v strace.Event) {
	if w.err != nil {
		return
	}
	w.buf.Reset()
	if w.json {
		e := json.NewEncoder(&w.buf)
		e.SetEscapeHTML(false)
		if w.err = e.Encode(v); w.err != nil {
			return
		}
	} else {
		w.buf.WriteString(v.Text())
		w.buf.WriteByte('\n')
	}
	w.err = w.write(w.buf.Bytes())
}

// errStopped says that the box was ended while the trace was waiting for its
// reader.
var errStopped = errors.New("nobody reads it")

// write writes all of b, in pieces that a pipe takes whole once it takes
// anything, so that the thread never waits where the end of ctx does not reach
// it.
func (w *traceWriter) write(b []byte) error {
	const (
		piece = 4096 // PIPE_BUF
		often = 100  // milliseconds after which ctx is looked at
	)
	fd := int(w.out.Fd())
	for len(b) > 0 {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, often)
		if err != nil && err != unix.EINTR {
			return err
		}
		if ready == 1 {
			n, err := unix.Write(fd, b[:min(len(b), piece)])
			if err == nil {
				b = b[n:]
				continue
			}
			if err != unix.EINTR && err != unix.EAGAIN {
				return err
			}
		}
		if w.ctx.Err() != nil {
			return errStopped
		}
	}
	return nil
}
