package runtime

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Boxes that begin at the same time, each of which removes the directories of dead ones,
// leave each other's alone.
func TestBoxDirsAtOnce(t *testing.T) {
	state := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				d, err := newBoxDir(state)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(filepath.Join(d.path, "lock")); err != nil {
					t.Error(err)
				}
				d.remove()
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(boxesDir(state)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
