package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCreateMany makes groups below one directory that others, who fail, make and remove meanwhile.
func TestCreateMany(t *testing.T) {
	real(t, Options{Path: name(t), ID: "x"}) // what is above them all stays
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	broken := &Host{hierarchies: append(h.hierarchies[:len(h.hierarchies):len(h.hierarchies)], hierarchy{controllers: []string{"no"}, point: "/proc"})}
	above := path.Join(name(t), "above")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if i%2 == 0 {
				if g, err := Create(broken, Options{Path: fmt.Sprintf("%s/%d", above, i), ID: "x"}); err == nil {
					t.Errorf("a group in /proc: %+v", g)
				}
				return
			}
			g, err := Create(h, Options{Path: fmt.Sprintf("%s/%d", above, i), ID: "x"})
			if err != nil {
				t.Error(err)
				return
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range h.hierarchies {
		dir := h.hierarchies[i].dir(above)
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := os.Stat("/proc" + above); err == nil {
		t.Error("/proc has groups")
	}
}
