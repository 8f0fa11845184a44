package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// ErrNoSystemd says that systemd does not manage this host.
var ErrNoSystemd = errors.New("--systemd-cgroup: systemd does not run here")

// busTimeout is how long systemd may take to start or stop a unit.
const busTimeout = 30 * time.Second

// A unit is a transient scope of systemd: systemd.scope(5).
type unit struct {
	slice string // "a-b.slice", or "-.slice"
	name  string // "prefix-name.scope"
}

// parseUnit reads a linux.cgroupsPath of the form "slice:prefix:name". An empty path is
// "system.slice:laplace:ID".
func parseUnit(cgroupsPath, id string) (unit, error) {
	if cgroupsPath == "" {
		cgroupsPath = "system.slice:laplace:" + id
	}
	parts := strings.Split(cgroupsPath, ":")
	invalid := func(why string) (unit, error) {
		return unit{}, fmt.Errorf("linux.cgroupsPath %q: %s: %w", cgroupsPath, why, unix.EINVAL)
	}
	if len(parts) != 3 || parts[2] == "" {
		return invalid("with --systemd-cgroup it is slice:prefix:name")
	}
	slice, prefix, name := parts[0], parts[1], parts[2]
	if slice == "" {
		slice = "system.slice"
	}
	stem, ok := strings.CutSuffix(slice, ".slice")
	if !ok || stem == "" || stem != "-" && (strings.HasPrefix(stem, "-") || strings.HasSuffix(stem, "-") || strings.Contains(stem, "--")) || strings.Contains(slice, "/") {
		return invalid(fmt.Sprintf("%q is no slice", slice))
	}
	if strings.Contains(prefix+name, "/") {
		return invalid("a unit's name has no slash")
	}
	if !strings.HasSuffix(name, ".slice") {
		if prefix != "" {
			name = prefix + "-" + name
		}
		name += ".scope"
	}
	return unit{slice, name}, nil
}

// properties are those of the unit, which has its own limits written by whoever asked for it.
func (u unit) properties(pid int) []systemd.Property {
	set := func(name string, value any) systemd.Property {
		return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
	}
	p := []systemd.Property{
		systemd.PropDescription("laplace container " + u.name),
		set("DefaultDependencies", false), set("Delegate", true),
		set("CPUAccounting", true), set("MemoryAccounting", true), set("IOAccounting", true), set("TasksAccounting", true),
	}
	if strings.HasSuffix(u.name, ".slice") {
		return append(p, systemd.PropWants(u.slice))
	}
	return append(p, systemd.PropSlice(u.slice), systemd.PropPids(uint32(pid)))
}

// bus connects to systemd.
func bus(ctx context.Context) (*systemd.Conn, error) {
	if _, err := os.Stat("/run/systemd/system"); err != nil { // sd_booted(3)
		return nil, ErrNoSystemd
	}
	if unix.Geteuid() != 0 {
		return systemd.NewUserConnectionContext(ctx)
	}
	return systemd.NewSystemConnectionContext(ctx)
}

// start has systemd make the unit, with a process in it, and returns the unit's group, absolute in
// each hierarchy: the manager of a user's units has them below a group of its own.
func (u unit) start(ctx context.Context, c *systemd.Conn, pid int) (group string, err error) {
	_ = c.ResetFailedUnitContext(ctx, u.name) // of a container that was called so before
	done := make(chan string, 1)
	if _, err := c.StartTransientUnitContext(ctx, u.name, "replace", u.properties(pid), done); err != nil {
		return "", fmt.Errorf("systemd: start %s: %w", u.name, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return "", fmt.Errorf("systemd: start %s: %s", u.name, result)
		}
	case <-ctx.Done():
		return "", fmt.Errorf("systemd: start %s: %w", u.name, ctx.Err())
	}
	kind := "Scope"
	if strings.HasSuffix(u.name, ".slice") {
		kind = "Slice"
	}
	p, err := c.GetUnitTypePropertyContext(ctx, u.name, kind, "ControlGroup")
	if err != nil {
		return "", fmt.Errorf("systemd: the cgroup of %s: %w", u.name, err)
	}
	group, _ = p.Value.Value().(string)
	if !path.IsAbs(group) {
		return "", fmt.Errorf("systemd: the cgroup of %s is %q, not a path", u.name, group)
	}
	return group, nil
}

// withSystemd calls f with a connection to systemd.
func withSystemd(f func(context.Context, *systemd.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), busTimeout)
	defer cancel()
	c, err := bus(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(ctx, c)
}

// removeUnit has systemd forget a unit. Where it does not run there is none.
func removeUnit(name string) error {
	err := withSystemd(func(ctx context.Context, c *systemd.Conn) error { return stop(ctx, c, name) })
	if errors.Is(err, ErrNoSystemd) {
		return nil
	}
	return err
}

// stop stops a unit. One that systemd does not know is stopped.
func stop(ctx context.Context, c *systemd.Conn, name string) error {
	done := make(chan string, 1)
	_, err := c.StopUnitContext(ctx, name, "replace", done)
	if e, ok := errors.AsType[dbus.Error](err); ok && strings.HasSuffix(e.Name, ".NoSuchUnit") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("systemd: stop %s: %w", name, err)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("systemd: stop %s: %w", name, ctx.Err())
	}
}
