package runtime

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The supervisor collects its garbage rarely, because the box waits meanwhile, as long as it is
// small: a long build's records are tens of megabytes, and five times that is too much to ask for.

// gcPercent and gcRoom say when garbage is collected: when the heap has grown by gcPercent, or,
// sooner, when it comes to gcRoom bytes, or half as much again as is in use.
const (
	gcPercent = 400
	gcRoom    = 128 << 20
)

// tuneMemory has garbage be collected so, from now on.
func tuneMemory() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(gcRoom)
	watchCollections()
}

// collected is garbage whose end tells of a collection.
type collected struct{ _ [16]byte }

// watchCollections looks after each collection how much is in use.
func watchCollections() {
	runtime.SetFinalizer(&collected{}, func(*collected) {
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(s)
		if s[0].Value.Kind() == metrics.KindUint64 {
			live := int64(s[0].Value.Uint64())
			debug.SetMemoryLimit(max(gcRoom, live+live/2))
		}
		watchCollections()
	})
}
