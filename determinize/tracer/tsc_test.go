package tracer

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestCounterDisabled runs Go, and rdtsc and rdtscp, on a thread that must not
// use them.
func TestCounterDisabled(t *testing.T) {
	code, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(code)
	// The result of a Go function is in RAX: (RDX << 32) + RAX + RCX, where RCX is 0.
	combine := "\x48\xc1\xe2\x20\x48\x01\xd0\x48\x01\xc8\xc3"
	call := func(body string) uint64 {
		copy(code, "\x31\xc9"+body+combine)
		entry := unsafe.Pointer(&code[0])
		value := unsafe.Pointer(&entry) // a func value points to its code's address
		return (*(*func() uint64)(unsafe.Pointer(&value)))()
	}
	const rdtsc, rdtscp = "\x0f\x31", "\x0f\x01\xf9"
	if a, b := call(rdtsc), call(rdtsc); a >= b {
		t.Fatalf("rdtsc gives %d, then %d: it is disabled already", a, b)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err := disableCounter(); err != nil {
			t.Error(err)
			return
		}
		defer enableCounter()
		if a, b := call(rdtsc), call(rdtscp); a != 1 || b != 1 {
			t.Errorf("rdtsc gives %d, rdtscp %d: want 1", a, b)
		}
		start := time.Now()
		time.Sleep(time.Millisecond)
		if d := time.Since(start); d < time.Millisecond {
			t.Errorf("a sleep of 1 ms took %v", d)
		}
		defer func() {
			if recover() == nil {
				t.Error("a fault of Go's own does not panic any more")
			}
		}()
		var none *[1 << 12]int
		none[call(rdtsc)]++
	}()
	<-done
	if a, b := call(rdtsc), call(rdtsc); a >= b {
		t.Errorf("rdtsc gives %d, then %d on another thread", a, b)
	}
}
