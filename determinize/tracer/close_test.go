package tracer

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// TestThreadEnds ends many tracers' threads while others want the locks that the end of
// a thread takes, with all signals blocked: a fault then would end the process.
func TestThreadEnds(t *testing.T) {
	var over atomic.Bool
	defer over.Store(true)
	for range 4 * runtime.GOMAXPROCS(0) {
		go func() {
			for !over.Load() {
				c := make(chan struct{})
				go close(c)
				<-c
			}
		}()
	}
	for range 3000 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			tr, err := New(-1)
			if err != nil {
				t.Error(err)
				return
			}
			tr.Close()
		}()
		<-done
	}
}
