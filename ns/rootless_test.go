package ns

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRootless takes a right away from a thread, as a container's root lacks it.
func TestRootless(t *testing.T) {
	if os.Geteuid() != 0 {
		if !Rootless() {
			t.Error("an unprivileged user is root")
		}
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: capabilities are the thread's
		before := Rootless()
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&hdr, &data[0]); err != nil {
			t.Error(err)
		}
		lacks := data[0].Effective&rights != rights
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err := unix.Capset(&hdr, &data[0]); err != nil {
			t.Error(err)
		}
		if before != lacks || !Rootless() {
			t.Errorf("%v with capabilities that are lacking: %v; without CAP_NET_ADMIN %v", before, lacks, Rootless())
		}
	}()
	<-done
}
