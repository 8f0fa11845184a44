package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoFreezer says that the host can't freeze the container.
var ErrNoFreezer = errors.New("no freezer: neither a cgroup v2 nor the freezer controller of v1")

// Freeze stops all processes in the group, and returns when they have stopped. Where a v2 group
// is at hand they can still be traced and killed.
func (g *Group) Freeze() error {
	set, err := g.freezeV2(true)
	if err == nil && !set {
		set, err = g.freezeV1(true)
	}
	if err == nil && !set {
		err = ErrNoFreezer
	}
	return err
}

// Thaw lets them go on, by whichever freezer they were stopped.
func (g *Group) Thaw() error {
	set, err := g.freezeV2(false)
	if err != nil {
		return err
	}
	on, err := g.frozenV1()
	if err == nil && (on || !set) {
		on, err = g.freezeV1(false)
	}
	if err == nil && !set && !on {
		err = ErrNoFreezer
	}
	return err
}

// freezeV2 freezes by the v2 group; set is false if there is none.
func (g *Group) freezeV2(on bool) (set bool, err error) {
	if g.V2 == "" {
		return false, nil
	}
	value := map[bool]string{true: "1", false: "0"}[on]
	err = writeFile(path.Join(g.V2, "cgroup.freeze"), value)
	if errors.Is(err, fs.ErrNotExist) { // Linux before 5.2
		return false, nil
	}
	if err != nil {
		return true, err
	}
	done, err := until(func() (bool, error) {
		text, err := os.ReadFile(path.Join(g.V2, "cgroup.events"))
		return flat(text)["frozen"] == map[bool]uint64{true: 1, false: 0}[on], err
	})
	if err == nil && !done {
		if on {
			_ = writeFile(path.Join(g.V2, "cgroup.freeze"), "0")
		}
		err = fmt.Errorf("%s: its processes do not freeze: %w", g.V2, unix.ETIMEDOUT)
	}
	return true, err
}

// freezeV1 freezes by the v1 controller. A process that forks may have to be told again.
func (g *Group) freezeV1(on bool) (set bool, err error) {
	dir := g.V1["freezer"]
	if dir == "" {
		return false, nil
	}
	want := map[bool]string{true: "FROZEN", false: "THAWED"}[on]
	name := path.Join(dir, "freezer.state")
	done, err := until(func() (bool, error) {
		if err := writeFile(name, want); err != nil {
			return false, err
		}
		text, err := os.ReadFile(name)
		return strings.TrimSpace(string(text)) == want, err
	})
	if err == nil && !done {
		if on {
			_ = writeFile(name, "THAWED")
		}
		err = fmt.Errorf("%s: its processes do not freeze: %w", dir, unix.ETIMEDOUT)
	}
	return true, err
}

// checkThawed refuses a group that is frozen, or below one that is: a process that is put there stops.
func (g *Group) checkThawed() error {
	on, err := g.frozenV1()
	if err != nil {
		return err
	}
	if on {
		return fmt.Errorf("%s: %w", g.V1["freezer"], ErrFrozen)
	}
	if g.V2 != "" && readFlat(path.Join(g.V2, "cgroup.events"))["frozen"] != 0 {
		return fmt.Errorf("%s: %w", g.V2, ErrFrozen)
	}
	return nil
}

func (g *Group) frozenV1() (bool, error) {
	dir := g.V1["freezer"]
	if dir == "" {
		return false, nil
	}
	text, err := os.ReadFile(path.Join(dir, "freezer.state"))
	return err == nil && strings.TrimSpace(string(text)) != "THAWED", err
}

// Frozen tells whether the group is frozen, or about to be. A group that is gone is not.
func (g *Group) Frozen() (bool, error) {
	if g.V2 != "" {
		text, err := os.ReadFile(path.Join(g.V2, "cgroup.freeze"))
		switch {
		case err == nil && strings.TrimSpace(string(text)) == "1":
			return true, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV):
			return false, err
		}
	}
	frozen, err := g.frozenV1()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return false, nil
	}
	return frozen, err
}
