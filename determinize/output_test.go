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
		e.opensStreams()
		e.cfg.Output = func(int, string, []byte) error { return tt.err }
		e.output(&task{process: &process{exec: &execution{}}}, &outstream{stream: 1, box: e.outboxes[0]}, []byte("x"))
		if e.sendOutput(); !errors.Is(e.fatal, tt.want) {
			t.Errorf("error %v: the box ends with %v, want %v", tt.err, e.fatal, tt.want)
		}
	}
}
