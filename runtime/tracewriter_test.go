package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/strace"
)

func tracePipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// TestTraceLines: events are lines, of text or JSON, in their order.
func TestTraceLines(t *testing.T) {
	events := []strace.Event{
		{PID: 300, Kind: strace.KindCall, Name: "close", Args: []strace.Arg{{Name: "fd", Text: "3"}}},
		{PID: 301, Kind: strace.KindCall, Name: "select", Args: []strace.Arg{{Name: "fds", Text: "[1] => [&<>]"}}, Ret: -1, Errno: unix.EINTR},
		{PID: 300, Kind: strace.KindExit, Ret: 4},
	}
	for _, test := range []struct {
		json bool
		want string
	}{
		{false, "[300] close(3) = 0\n[301] select([1] => [&<>]) = -1 EINTR (interrupted system call)\n[300] +++ exited with 4 +++\n"},
		{true, `{"pid":300,"event":"call","call":"close","args":{"fd":"3"},"ret":0}
{"pid":301,"event":"call","call":"select","args":{"fds":"[1] => [&<>]"},"ret":-1,"errno":"EINTR"}
{"pid":300,"event":"exit","status":4}
`},
	} {
		r, out := tracePipe(t)
		w := newTraceWriter(t.Context(), &Trace{JSON: test.json, Writer: out})
		for _, v := range events {
			w.event(v)
		}
		out.Close()
		got, err := io.ReadAll(r)
		if err != nil || w.err != nil || string(got) != test.want {
			t.Errorf("%v, %v:\n%s\nwant:\n%s", err, w.err, got, test.want)
		}
		if test.json {
			d := json.NewDecoder(bytes.NewReader(got))
			for range events {
				if err := d.Decode(new(map[string]any)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestTraceReaderGone: when writing fails, the rest is dropped and the reason kept.
func TestTraceReaderGone(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r, closed := tracePipe(t)
	r.Close()
	for _, test := range []struct {
		out  *os.File
		want error
	}{{closed, unix.EPIPE}, {full, unix.ENOSPC}} {
		w := newTraceWriter(t.Context(), &Trace{Writer: test.out})
		for range 3 {
			w.event(strace.Event{Kind: strace.KindExit})
		}
		if !errors.Is(w.err, test.want) {
			t.Errorf("%v, want %v", w.err, test.want)
		}
	}
}

// TestTraceReaderStalled: a reader who does not read stops the box, until it reads or
// the box is ended.
func TestTraceReaderStalled(t *testing.T) {
	const lines = 10000 // more than a pipe holds
	run := func(ctx context.Context, out *os.File) (*traceWriter, chan struct{}) {
		w, done := newTraceWriter(ctx, &Trace{Writer: out}), make(chan struct{})
		go func() {
			defer close(done)
			for range lines {
				w.event(strace.Event{Kind: strace.KindExit})
			}
		}()
		return w, done
	}
	waits := func(done chan struct{}) {
		t.Helper()
		select {
		case <-done:
			t.Fatal("it did not wait for the reader")
		case <-time.After(50 * time.Millisecond):
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	_, out := tracePipe(t)
	w, done := run(ctx, out)
	waits(done)
	cancel()
	<-done
	if w.err != errStopped {
		t.Errorf("%v, want %v", w.err, errStopped)
	}

	r, out := tracePipe(t)
	w, done = run(t.Context(), out)
	waits(done)
	go io.Copy(io.Discard, r)
	<-done
	if w.err != nil {
		t.Error(w.err)
	}
}

// TestTraceLongLine: a line that no pipe holds at once arrives whole.
func TestTraceLongLine(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), 200_000))
	r, out := tracePipe(t)
	w := newTraceWriter(t.Context(), &Trace{Writer: out})
	go func() {
		w.event(strace.Event{PID: 1, Kind: strace.KindStop, Name: long})
		out.Close()
	}()
	got, err := io.ReadAll(r)
	if want := "[1] --- stopped by " + long + " ---\n"; err != nil || string(got) != want {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}
