package determinize

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOutputFails: a box that is ended while it waits for its reader has been
// ended, and not lost its reader.
func TestOutputFails(t *testing.T) {
	for _, c := range []struct {
		err, want error
	}{
		{nil, nil},
		{context.Canceled, ErrCanceled},
		{fmt.Errorf("write output: %w", unix.EPIPE), ErrOutput},
	} {
		e := &engine{cfg: Config{Output: func(int, string, []byte) error { return c.err }}}
		ok := e.output(&task{exec: &execution{}}, 1, []byte("x"))
		if ok != (c.want == nil) || !errors.Is(e.fatal, c.want) {
			t.Errorf("error %v: goes on is %v, the box ends with %v: want %v", c.err, ok, e.fatal, c.want)
		}
	}
}
