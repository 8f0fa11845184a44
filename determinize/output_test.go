package determinize

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// What became of the output decides how the box ends.
func TestOutputFails(t *testing.T) {
	for _, tt := range []struct {
		err, want error
	}{
		{nil, nil},
		{context.Canceled, ErrCanceled},
		{ErrOutput, ErrOutput},
		{unix.ENOSPC, unix.ENOSPC},
	} {
		e := &engine{}
		e.cfg.Canonical = true
		e.cfg.Output = func(int, string, []byte) error { return tt.err }
		if goesOn := e.output(&task{exec: &execution{}}, 1, []byte("x")); goesOn != (tt.err == nil) || !errors.Is(e.fatal, tt.want) {
			t.Errorf("error %v: goes on is %v, the box ends with %v: want %v", tt.err, goesOn, e.fatal, tt.want)
		}
	}
}
