package determinize

import (
	"testing"

	"laplace.dev/laplace/determinize/vfs"
)

// TestOnRelease: an end of a pipe is looked at once for each time that a
// descriptor may have been released, however many tasks wait for it.
func TestOnRelease(t *testing.T) {
	e := &engine{released: 1}
	looked, gone := 0, false
	look := func() bool {
		looked++
		return gone
	}
	p, q := vfs.Key{Ino: 1}, vfs.Key{Ino: 2}
	var waiters []func() bool
	for _, end := range []pipeEnd{{p, true}, {p, true}, {p, true}, {p, false}, {q, true}} {
		waiters = append(waiters, e.onRelease(end, look))
	}
	for _, step := range []struct {
		released, gone bool
		looked         int
		want           bool
	}{
		{released: false, gone: true, looked: 0, want: false},
		{released: true, gone: false, looked: 3, want: false},
		{released: false, gone: true, looked: 0, want: false},
		{released: true, gone: true, looked: 3, want: true},
		{released: false, gone: true, looked: 0, want: true},
	} {
		looked, gone = 0, step.gone
		if step.released {
			e.released++
		}
		for i, w := range waiters {
			if got := w(); got != step.want {
				t.Errorf("%+v: waiter %d is told %v", step, i, got)
			}
		}
		if looked != step.looked {
			t.Errorf("%+v: looked %d times", step, looked)
		}
	}
}
