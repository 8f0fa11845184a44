package runtime

import (
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/runtime/rootfs"
)

// box is a request for a shell script in a root like that of a live host.
func (c caller) box(script string) InitRequest {
	ro := []string{"rbind", "rro", "rnosuid", "rnodev"}
	r := InitRequest{
		Spec: &specs.Spec{
			Process: &specs.Process{
				Args: []string{"/bin/sh", "-c", script},
				Env:  []string{"PATH=/usr/bin:/bin:/usr/sbin", "HOME=/home/user"},
				Cwd:  "/",
				User: specs.User{UID: 1000, GID: 1000},
			},
			Root:     &specs.Root{Path: "rootfs", Readonly: true},
			Hostname: "laplace",
			Mounts: []specs.Mount{
				{Destination: "/usr", Type: "bind", Source: "/usr", Options: ro},
				{Destination: "/etc", Type: "bind", Source: "/etc", Options: ro},
				{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
				{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "mode=0755"}},
				{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
				{Destination: "/dev/shm", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=1777"}},
				{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=1777"}},
				{Destination: "/home/user", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=0755", "uid=1000", "gid=1000"}},
			},
			Linux: &specs.Linux{
				MaskedPaths:   []string{"/proc/acpi", "/proc/interrupts", "/proc/timer_list", "/proc/no-such-file"},
				ReadonlyPaths: []string{"/proc/sys", "/proc/irq", "/proc/no-such-file"},
			},
		},
		GuestHostID: c.guestID(),
		Network:     NetworkNone,
		CPU:         -1,
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if target, err := os.Readlink("/" + name); err == nil {
			r.Extra.Symlinks = append(r.Extra.Symlinks, rootfs.Symlink{Path: "/" + name, Target: target})
		} else if _, err := os.Stat("/" + name); err == nil {
			r.Spec.Mounts = append(r.Spec.Mounts, specs.Mount{Destination: "/" + name, Type: "bind", Source: "/" + name, Options: ro})
		}
	}
	return r
}

// sh runs a script in a box that has to succeed, and returns its output.
func (c caller) sh(t *testing.T, script string, change ...func(*scenario)) string {
	t.Helper()
	s := scenario{Request: c.box(script)}
	for _, f := range change {
		f(&s)
	}
	o := c.run(t, s)
	if !o.Reply.OK {
		t.Fatalf("init: %+v", o.Reply)
	}
	if o.Failure != nil {
		t.Fatalf("%s: %v", o.Reply.Steps[o.Failure.Index], o.Failure)
	}
	if o.Status != 0 || o.Stderr != "" {
		t.Fatalf("status %d, stderr %q, stdout %q", o.Status, o.Stderr, o.Stdout)
	}
	return o.Stdout
}

// overlay adds the project: lower as seen at target.
func (c caller) overlay(t *testing.T, lower, target string) (change func(*scenario), upper string) {
	upper, work := c.dir(t, "upper"), c.dir(t, "work")
	return func(s *scenario) {
		s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{
			Destination: target, Type: "overlay", Source: "overlay",
			Options: []string{"lowerdir+=" + lower, "upperdir=" + upper, "workdir=" + work, "userxattr", "xino=on", "idmap", "nodev"},
		})
	}, upper
}
