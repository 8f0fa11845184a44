package project

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestLarge: a commit into a project of 100,000 files opens no directory that the run
// did not change: its time grows with the change, not with the tree.
func TestLarge(t *testing.T) {
	t.Parallel()
	const files, each = 100_000, 500
	p := newPlace(t, t.TempDir(), "one")
	p.build()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	defer unix.Close(watch)
	names := map[int32]string{}
	for i := range files {
		dir := filepath.Join(p.projects[0], "large", fmt.Sprint("d", i/each))
		if i%each == 0 {
			must(t, os.MkdirAll(dir, 0o755))
		}
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i%each)), nil, 0o644))
	}
	snapshots := p.snapshots()
	for i := range files / each {
		dir := filepath.Join(p.projects[0], "large", fmt.Sprint("d", i))
		n, err := unix.InotifyAddWatch(watch, dir, unix.IN_OPEN|unix.IN_ATTRIB|unix.IN_MODIFY|unix.IN_CREATE)
		must(t, err)
		names[int32(n)] = dir
	}
	opened := func() (seen map[string]bool) {
		seen = map[string]bool{}
		buf := make([]byte, 1<<16)
		for {
			n, err := unix.Read(watch, buf)
			if err != nil || n == 0 {
				return seen
			}
			for b := buf[:n]; len(b) > 0; {
				event := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
				seen[names[event.Wd]] = true
				b = b[unix.SizeofInotifyEvent+event.Len:]
			}
		}
	}
	locks, main, o := p.lock()
	defer locks.Close()
	_, err = main.Commit(p.change(snapshots), p.box(), o)
	must(t, err)
	equal(t, "left", p.left(), []string(nil))
	for dir := range opened() {
		t.Errorf("the commit has looked into %s", dir)
	}
	p.snapshots()
	equal(t, "directories that a snapshot reads", len(opened()), files/each)
}
