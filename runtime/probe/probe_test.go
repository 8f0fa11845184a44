package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Args[0] == ChildName {
		ChildMain()
	}
	os.Exit(m.Run())
}

// TestRun tries everything on the host that the test runs on, which can run boxes.
func TestRun(t *testing.T) {
	h, err := ThisHost(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	results := Run(context.Background(), h)
	if len(results) != len(table) {
		t.Fatalf("%d results of %d probes", len(results), len(table))
	}
	for _, r := range results {
		t.Logf("%-16s %-4s %s; %s", r.Name, r.Status, r.Detail, r.Hint)
		if r.Status == No && r.Hint == "" {
			t.Errorf("%s: no hint", r.Name)
		}
		if r.Required && r.Status == No {
			t.Errorf("%s: %s. Try: %s", r.Name, r.Detail, r.Hint)
		}
	}
	if left, err := os.ReadDir(h.State); err != nil || len(left) > 0 {
		t.Errorf("left in the state directory: %v, %v", left, err)
	}
}

// TestTrialErrors checks that the errno of a trial that fails comes back from the child.
func TestTrialErrors(t *testing.T) {
	h := &Host{UID: os.Getuid(), GID: os.Getgid(), Procfs: fstest.MapFS{}}
	ctx := context.Background()
	if err := h.try(ctx, Overlay, unix.CLONE_NEWNS, "/proc/self/nothing", "userxattr"); err == nil {
		t.Error("an overlay was mounted in a directory that does not exist")
	}
	if err := h.try(ctx, "nonsense", 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a trial that does not exist: %v", err)
	}
	const impossible = unix.CLONE_NEWUSER | unix.CLONE_FS // clone(2): EINVAL
	if err := h.try(ctx, UserNamespaces, impossible); !errors.Is(err, unix.EINVAL) {
		t.Errorf("impossible clone flags: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := h.try(canceled, hold, 0); err == nil {
		t.Error("a canceled trial succeeded")
	}
	h.State = "/dev/null/state"
	if f := checkOverlay(ctx, h); f.status != No || f.hint == "" {
		t.Errorf("state directory that cannot be: %+v", f)
	}
}

func TestSettings(t *testing.T) {
	const kernel, user = "sys/kernel/", "sys/user/"
	for _, test := range []struct {
		name     string
		files    map[string]string // below /proc
		rootless bool
		probe    Name
		err      error
		want     string // part of the hint
	}{
		{"too many", map[string]string{user + "max_user_namespaces": "9"}, true, UserNamespaces, unix.ENOSPC, "too many namespaces"},
		{"switched off", map[string]string{user + "max_user_namespaces": "0"}, true, UserNamespaces, unix.EPERM, "user.max_user_namespaces"},
		{"Debian", map[string]string{user + "max_user_namespaces": "9", kernel + "unprivileged_userns_clone": "0"}, true, UserNamespaces, unix.EPERM, "unprivileged_userns_clone=1"},
		{"Ubuntu", map[string]string{user + "max_user_namespaces": "9", kernel + "apparmor_restrict_unprivileged_userns": "1"}, true, Overlay, unix.EACCES, "AppArmor restricts"},
		{"Ubuntu as root", map[string]string{kernel + "apparmor_restrict_unprivileged_userns": "1"}, false, Overlay, unix.EPERM, "seccomp=unconfined"},
		{"Docker", map[string]string{user + "max_user_namespaces": "9", "self/status": "\nSeccomp:\t2\n"}, true, UserNamespaces, unix.EPERM, "seccomp=unconfined"},
		{"not built in", nil, true, UserNamespaces, unix.EINVAL, "CONFIG_USER_NS"},
		{"no overlay", nil, false, Overlay, unix.ENODEV, "modprobe overlay"},
		{"overlay on overlay", nil, false, Overlay, unix.EINVAL, "XDG_STATE_HOME"},
		{"full", nil, false, Overlay, unix.ENOSPC, "XDG_STATE_HOME"},
		{"Yama", map[string]string{kernel + "yama/ptrace_scope": "3"}, true, Ptrace, unix.EPERM, "ptrace_scope=1"},
		{"old Docker", nil, true, Ptrace, unix.EPERM, "SYS_PTRACE"},
		{"no checkpoint", nil, true, Pids, unix.ENOENT, "CONFIG_CHECKPOINT_RESTORE"},
		{"few PIDs", nil, true, PidMax, unix.ERANGE, "sysctl kernel.pid_max=4194304"},
		{"no PID limit to read", nil, true, PidMax, unix.EACCES, "systempaths=unconfined"},
		{"perf", nil, true, PMU, unix.EACCES, "perf_event_paranoid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &Host{Procfs: procfs(test.files), Rootless: test.rootless}
			if got := h.Hint(test.probe, fmt.Errorf("trial: %w", test.err)); !strings.Contains(got, test.want) {
				t.Errorf("hint %q, want one with %q", got, test.want)
			}
		})
	}
}

// TestPidMax checks what the trial makes of what it reads.
func TestPidMax(t *testing.T) {
	for text, want := range map[string]error{"4194304\n": nil, "32768\n": unix.ERANGE, "": unix.ERANGE} {
		proc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(proc, "sys/kernel"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, "sys/kernel/pid_max"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := tryPidMax(proc); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadings(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct {
		name  string
		host  Host
		check func(context.Context, *Host) finding
		want  Status
	}{
		{"new kernel", Host{Release: "6.18.44-x"}, checkKernel, Yes},
		{"oldest for root", Host{Release: "5.10.0"}, checkKernel, Yes},
		{"too old for others", Host{Release: "5.10.0", Rootless: true}, checkKernel, No},
		{"too old", Host{Release: "4.19"}, checkKernel, No},
		{"no version", Host{Release: "x"}, checkKernel, No},
		{"no Yama", Host{Procfs: procfs(nil)}, checkYama, Yes},
		{"Yama 1", Host{Procfs: procfs(map[string]string{"sys/kernel/yama/ptrace_scope": "1"})}, checkYama, Yes},
		{"Yama 3", Host{Procfs: procfs(map[string]string{"sys/kernel/yama/ptrace_scope": "3"})}, checkYama, No},
		{"no RDRAND", Host{Procfs: procfs(map[string]string{"cpuinfo": "flags\t\t: fpu rdtscp\n"})}, checkRDRAND, Yes},
		{"ID maps", Host{Rootless: true}, checkIDMap, NotRelevant},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.check(ctx, &test.host); got.status != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func TestUsable(t *testing.T) {
	required, optional := Result{Status: No, Required: true}, Result{Status: No}
	if Usable([]Result{optional, required}) || !Usable([]Result{optional, {Status: Yes, Required: true}}) {
		t.Error("required and optional probes are confused")
	}
}

func procfs(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}
