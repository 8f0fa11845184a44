package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestRootless has a user without privileges make a container's group.
func TestRootless(t *testing.T) {
	const asUser = "LAPLACE_TEST_CGROUP_USER"
	if os.Getenv(asUser) == "" {
		if os.Geteuid() != 0 {
			t.Skip("needs root, to become a user without privileges")
		}
		if _, err := Detect(); err != nil {
			t.Skip("needs control groups:", err)
		}
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestRootless$", "-test.v")
		cmd.Env = append(os.Environ(), asUser+"=yes")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(h, Options{Path: name(t), ID: "x"}); !denied(err) {
		t.Errorf("a group that must be had: %v", err)
	}
	g, err := Create(h, Options{Path: name(t), ID: "x", Rootless: true})
	if err != nil {
		t.Fatal(err)
	}
	if g.Exists() {
		t.Skip("this user may make control groups")
	}
	if err := g.Set(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}); err != nil {
		t.Errorf("no limit: %v", err)
	}
	n := int64(1 << 20)
	err = g.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}})
	if e, ok := errors.AsType[*FieldError](err); !ok || e.Field != "memory.limit" || !errors.Is(err, ErrNoGroup) {
		t.Errorf("a limit: %v", err)
	}
	if err := g.Join(os.Getpid(), 0); err != nil {
		t.Errorf("join: %v", err)
	}
	if f, err := g.Open(); f != nil || err != nil {
		t.Errorf("open: %v, %v", f, err)
	}
	if err := g.Freeze(); !errors.Is(err, ErrNoFreezer) {
		t.Errorf("freeze: %v", err)
	}
	if err := g.Thaw(); !errors.Is(err, ErrNoFreezer) {
		t.Errorf("thaw: %v", err)
	}
	if _, err := g.Processes(); !errors.Is(err, ErrNoGroup) {
		t.Errorf("processes: %v", err)
	}
	if err := g.Kill(); !errors.Is(err, ErrNoGroup) {
		t.Errorf("kill: %v", err)
	}
	if _, err := g.Stats(); !errors.Is(err, ErrNoGroup) {
		t.Errorf("statistics: %v", err)
	}
	if err := g.Remove(); err != nil {
		t.Errorf("remove: %v", err)
	}
}
