package runtime

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/oci"
)

// written is a file to write to, and what to read it with.
func written(t *testing.T) (f *os.File, text func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, func() string {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func testSpool(t *testing.T) *spool {
	t.Helper()
	dir := t.TempDir()
	s, err := newSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.file.Close() })
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Fatalf("the spool has a name: %v %v", names, err)
	}
	return s
}

func TestSpoolOrder(t *testing.T) {
	s := testSpool(t)
	both, text := written(t)
	for round := range 2 { // it can be used again
		for _, k := range []struct {
			stream int
			text   string
		}{{1, "a"}, {2, "b"}, {1, ""}, {2, "c"}, {1, "d\n"}} {
			if err := s.keep(k.stream, []byte(k.text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.release(t.Context(), [2]*os.File{both, both}); err != nil {
			t.Fatal(err)
		}
		if want := "abcd\nabcd\n"[:5*(round+1)]; text() != want {
			t.Errorf("released %q, want %q", text(), want)
		}
	}
}

// TestSpoolTwoProcesses checks that what one process has released the other one, which
// has the same file, does not release again; and that it can do with a record of which the
// first one wrote half.
func TestSpoolTwoProcesses(t *testing.T) {
	s := testSpool(t)
	fd, err := unix.Dup(int(s.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	other := openSpool(os.NewFile(uintptr(fd), "spool"))
	defer other.file.Close()
	big := bytes.Repeat([]byte("x"), 300_000)
	for _, b := range [][]byte{[]byte("first "), big, []byte("last")} {
		if err := s.keep(1, b); err != nil {
			t.Fatal(err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.release(ctx, [2]*os.File{w, w}) }()
	if _, err := io.ReadFull(r, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 65536; { // it waits for the reader, in the second record
		time.Sleep(time.Millisecond)
		if n, err = unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("released: %v", err)
	}
	r.Close()
	if _, err := s.file.WriteAt([]byte{2, 100, 0, 0, 0, 'h', 'a', 'l', 'f'}, s.size); err != nil {
		t.Fatal(err)
	}
	out, text := written(t)
	errs, errText := written(t)
	if err := other.release(t.Context(), [2]*os.File{out, errs}); err != nil {
		t.Fatal(err)
	}
	if text() != "last" || errText() != "half" {
		t.Errorf("the other one released %d bytes and %q", len(text()), errText())
	}
}

// TestSpoolReader checks that a reader of one stream that is gone is told of, and that the
// other stream has everything.
func TestSpoolReader(t *testing.T) {
	s := testSpool(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if unread(w) {
		t.Error("a pipe with a reader is unread")
	}
	r.Close()
	if !unread(w) {
		t.Error("a pipe without a reader is not unread")
	}
	for stream := range 4 {
		if err := s.keep(stream%2+1, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	out, text := written(t)
	if unread(out) {
		t.Error("a file is unread")
	}
	if err := s.release(t.Context(), [2]*os.File{w, out}); !errors.Is(err, determinize.ErrOutput) || text() != "xx" {
		t.Errorf("released %q, %v", text(), err)
	}
}

// TestSpoolFull checks that a full disk ends the box with a way out, and that what was
// kept before is not lost. /dev/full is a disk that is.
func TestSpoolFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s := openSpool(full)
	for range 2 {
		err := s.keep(1, []byte("x"))
		if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, unix.ENOSPC) || e.Hint == "" {
			t.Errorf("kept: %v", err)
		}
	}
	if err := pass(t.Context(), full, []byte("x")); !errors.Is(err, unix.ENOSPC) || errors.Is(err, determinize.ErrOutput) {
		t.Errorf("passed: %v", err)
	}
}

// TestSpoolLimit checks that a stream that outgrows the spool is passed on from there on,
// with what was kept before it.
func TestSpoolLimit(t *testing.T) {
	s := testSpool(t)
	s.max = 100
	both, text := written(t)
	st := testStreams(t, both)
	st.spool, st.kept = s, [2]bool{true, true}
	want := ""
	for i := range 30 {
		stream := 1 + i%2
		piece := string(rune('a' + i%26))
		want += piece
		if err := st.write(stream, "", []byte(piece)); err != nil {
			t.Fatal(err)
		}
		kept := text() == ""
		if fits := (i+1)*(spoolHeader+1) <= 100; kept != fits || !kept && text() != want {
			t.Fatalf("after %d bytes: %q", i+1, text())
		}
	}
	if err := st.release(); err != nil || text() != want {
		t.Errorf("%q, %v", text(), err)
	}
	if fi, err := s.file.Stat(); err != nil || fi.Size() != 0 {
		t.Errorf("the spool has %d bytes, %v", fi.Size(), err)
	}
}

func testStreams(t *testing.T, out *os.File) *streams {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	s := &supervisor{box: &Box{Stdin: null, StdinKind: StdinNull, Stdout: out, Stderr: out}}
	st, err := s.openStreams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.close)
	return st
}

// TestSpooled says which boxes' output is kept.
func TestSpooled(t *testing.T) {
	file, _ := written(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, test := range map[string]struct {
		change func(*Box)
		want   [2]bool
	}{
		"a pipe and a file": {func(*Box) {}, [2]bool{true, true}},
		"/dev/null":         {func(b *Box) { b.Stdout = null }, [2]bool{false, true}},
		"streamed":          {func(b *Box) { b.Stream = true }, [2]bool{}},
		"canonical":         {func(b *Box) { b.Canonical = true }, [2]bool{}},
		"traced":            {func(b *Box) { b.Trace = &Trace{} }, [2]bool{}},
		"live":              {func(b *Box) { b.StdinKind = StdinLive }, [2]bool{}},
		"at a terminal":     {func(b *Box) { b.Terminal = true }, [2]bool{}},
		"in the network":    {func(b *Box) { network(b, oci.NetworkHost) }, [2]bool{}},
	} {
		b := &Box{Stdout: w, Stderr: file}
		network(b, oci.NetworkNone)
		if test.change(b); spooled(b) != test.want {
			t.Errorf("%s: kept %v, want %v", name, spooled(b), test.want)
		}
	}
}

// network sets the network of a box.
func network(b *Box, mode string) {
	s := oci.DefaultSettings()
	s.Network = mode
	b.Spec = &specs.Spec{Annotations: s.Annotations()}
}

// TestSpoolInMemory keeps output where the state directory's file system is full.
func TestSpoolInMemory(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Skip("no right to mount: ", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.file.Close()
	if err := s.keep(1, []byte("hi\n")); err != nil {
		t.Error(err)
	}
	if !s.fits(1<<20) || s.fits(maxMemory) {
		t.Error("it keeps more, or less, than memory is there for")
	}
}
