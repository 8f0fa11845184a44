// Package probe finds out what a host can pin and what it cannot, by trying. Whatever a
// trial changes it changes in a child process, which ends with it.
package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/ns"
)

// A Status says how a probe ended.
type Status string

// Statuses.
const (
	Yes         Status = "yes"
	No          Status = "no"
	NotRelevant Status = "-" // this caller does not need it
)

// A Result is what one probe found.
type Result struct {
	// Name is one of the names below.
	Name Name `json:"name"`
	// Status says whether the host has it.
	Status Status `json:"status"`
	// Required is set where no box runs without it.
	Required bool `json:"required"`
	// Gives is what it is for.
	Gives string `json:"gives"`
	// Needs is the kernel version, build option or hardware that it needs.
	Needs string `json:"needs"`
	// Detail is what was found: a value, or why the trial failed.
	Detail string `json:"detail,omitempty"`
	// Hint is the way out, or what the lack of it means, where the status is No.
	Hint string `json:"hint,omitempty"`
}

// A Name names a probe.
type Name string

// The probes.
const (
	Kernel         Name = "kernel"
	UserNamespaces Name = "user-namespaces"
	AppArmor       Name = "apparmor"
	Overlay        Name = "overlay"
	Proc           Name = "proc"
	Ptrace         Name = "ptrace"
	Yama           Name = "yama"
	Seccomp        Name = "seccomp"
	ASLR           Name = "aslr"
	TSC            Name = "tsc"
	Pids           Name = "pids"
	PidMax         Name = "pid-max"
	IDMap          Name = "idmapped-mounts"
	CPUID          Name = "cpuid"
	RDRAND         Name = "rdrand"
	PMU            Name = "pmu"
)

// A Host is the host that Run looks at.
type Host struct {
	// State is the directory in which boxes keep their upper layers. It is created when
	// it is absent.
	State string
	// Procfs is the host's /proc.
	Procfs fs.FS
	// Release is the kernel's release, as uname(2) gives it.
	Release string
	// Rootless is set when the caller's boxes need a user namespace to be made in:
	// ns.Rootless.
	Rootless bool
	// UID and GID are the caller's, for the user namespaces of trials.
	UID, GID int
}

// ThisHost is the host that the process runs on.
func ThisHost(state string) (*Host, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	h := &Host{
		State:   state,
		Procfs:  os.DirFS("/proc"),
		Release: unix.ByteSliceToString(name.Release[:]),
		UID:     os.Geteuid(),
		GID:     os.Getegid(),

		Rootless: ns.Rootless(),
	}
	return h, nil
}

// A probe is a row of the table: what is tried, and how.
type probe struct {
	name     Name
	required bool
	gives    string
	needs    string
	check    func(context.Context, *Host) finding
}

// A finding is what a trial ended with.
type finding struct {
	status Status
	detail string
	hint   string
}

var table = []probe{
	{Kernel, true, "everything", "Linux 5.10, rootless 5.11", checkKernel},
	{UserNamespaces, true, "the guest's own user; boxes without root", "CONFIG_USER_NS", checkUserNamespaces},
	{AppArmor, true, "user namespaces that may mount", "no restriction of unprivileged user namespaces", checkAppArmor},
	{Overlay, true, "the project, changed only at the end", "CONFIG_OVERLAY_FS, rootless Linux 5.11; a state directory that can be an upper layer", checkOverlay},
	{Proc, true, "the box's own process list", "CONFIG_PID_NS; rootless, a /proc that nothing is mounted in", checkProc},
	{Ptrace, true, "interception", "ptrace(2) of a child", checkPtrace},
	{Yama, true, "interception", "kernel.yama.ptrace_scope below 3", checkYama},
	{Seccomp, true, "interception", "CONFIG_SECCOMP_FILTER", trial(Seccomp)},
	{ASLR, true, "addresses", "personality(ADDR_NO_RANDOMIZE)", trial(ASLR)},
	{TSC, true, "rdtsc", "prctl(PR_SET_TSC)", trial(TSC)},
	{Pids, true, "process IDs", "CONFIG_CHECKPOINT_RESTORE (ns_last_pid)", checkPids},
	{PidMax, false, "process IDs, the same as elsewhere", "Linux 6.14, or kernel.pid_max of 4194304", checkPidMax},
	{IDMap, false, "project files that show as the guest's, for root", "Linux 5.12 and a file system with idmapped mounts", checkIDMap},
	{CPUID, false, "the CPU model", "CPUID faulting (Intel since 2012; seldom in a virtual machine)", checkCPUID},
	{RDRAND, false, "the random numbers of the CPU", "a CPU without RDRAND, or CPUID faulting", checkRDRAND},
	{PMU, false, "the end of spin loops, exactly", "a counter of branches; kernel.perf_event_paranoid below 3", trial(PMU)},
}

// Run tries everything, in the order of the table. The process must call ChildMain when
// its argv[0] is ChildName.
func Run(ctx context.Context, h *Host) []Result {
	results := make([]Result, len(table))
	for i, p := range table {
		f := p.check(ctx, h)
		results[i] = Result{
			Name: p.name, Status: f.status, Required: p.required,
			Gives: p.gives, Needs: p.needs, Detail: f.detail, Hint: f.hint,
		}
	}
	return results
}

// Usable reports whether boxes run on a host with these results.
func Usable(results []Result) bool {
	for _, r := range results {
		if r.Required && r.Status == No {
			return false
		}
	}
	return true
}

func yes(detail string) finding             { return finding{status: Yes, detail: detail} }
func notRelevant(detail string) finding     { return finding{status: NotRelevant, detail: detail} }
func no(detail string, hint string) finding { return finding{No, detail, hint} }

// failed is the finding of a trial that ended with err.
func (h *Host) failed(name Name, err error) finding {
	return no(err.Error(), h.Hint(name, err))
}

// The oldest kernels on which a box can be made.
var (
	oldestRoot     = [2]int{5, 10}
	oldestRootless = [2]int{5, 11} // overlayfs in user namespaces
)

func checkKernel(_ context.Context, h *Host) finding {
	var have [2]int
	if _, err := fmt.Sscanf(h.Release, "%d.%d", &have[0], &have[1]); err != nil {
		return no(fmt.Sprintf("%q: not a version", h.Release), "")
	}
	want := oldestRoot
	if h.Rootless {
		want = oldestRootless
	}
	if have[0] < want[0] || have[0] == want[0] && have[1] < want[1] {
		return no(h.Release, fmt.Sprintf("a kernel not older than %d.%d", want[0], want[1]))
	}
	return yes(h.Release)
}

func checkUserNamespaces(ctx context.Context, h *Host) finding {
	if err := h.try(ctx, UserNamespaces, unix.CLONE_NEWUSER); err != nil {
		return h.failed(UserNamespaces, err)
	}
	return yes("")
}

func checkAppArmor(_ context.Context, h *Host) finding {
	switch value := h.sysctl(sysctlAppArmor); {
	case value == "":
		return yes("no restriction")
	case value == "0":
		return yes(sysctlAppArmor + " = 0")
	case !h.Rootless:
		return notRelevant("only for callers without privilege")
	default:
		// A profile may still allow it; the trials of overlay and proc tell.
		return finding{NotRelevant, sysctlAppArmor + " = " + value, h.Hint(AppArmor, nil)}
	}
}

func checkYama(_ context.Context, h *Host) finding {
	switch value := h.sysctl(sysctlYama); value {
	case "":
		return yes("no Yama")
	case "3":
		return no(sysctlYama+" = 3", h.Hint(Yama, nil))
	default:
		return yes(sysctlYama + " = " + value)
	}
}

func checkOverlay(ctx context.Context, h *Host) finding {
	if err := os.MkdirAll(h.State, 0o700); err != nil {
		return h.failed(Overlay, err)
	}
	dir, err := os.MkdirTemp(h.State, "probe-")
	if err != nil {
		return h.failed(Overlay, err)
	}
	option := "index=off"
	if h.Rootless {
		option = "userxattr"
	}
	err = h.try(ctx, Overlay, unix.CLONE_NEWNS|h.userNamespace(), dir, option)
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return h.failed(Overlay, err)
	}
	return yes("upper layers in " + h.State)
}

func checkProc(ctx context.Context, h *Host) finding {
	if err := h.try(ctx, Proc, unix.CLONE_NEWNS|unix.CLONE_NEWPID|h.userNamespace()); err != nil {
		return h.failed(Proc, err)
	}
	return yes("")
}

func checkPids(ctx context.Context, h *Host) finding {
	if err := h.try(ctx, Pids, unix.CLONE_NEWNS|unix.CLONE_NEWPID|h.userNamespace()); err != nil {
		return h.failed(Pids, err)
	}
	return yes("")
}

func checkPidMax(ctx context.Context, h *Host) finding {
	if err := h.try(ctx, PidMax, unix.CLONE_NEWNS|unix.CLONE_NEWPID|h.userNamespace()); err != nil {
		return h.failed(PidMax, err)
	}
	return yes("")
}

func checkPtrace(ctx context.Context, h *Host) finding {
	if err := h.try(ctx, Ptrace, h.userNamespace()); err != nil {
		return h.failed(Ptrace, err)
	}
	return yes("")
}

func checkIDMap(ctx context.Context, h *Host) finding {
	if h.Rootless {
		return notRelevant("only for root")
	}
	if err := h.tryIDMap(ctx); err != nil {
		return h.failed(IDMap, err)
	}
	return yes("")
}

func checkCPUID(ctx context.Context, h *Host) finding {
	model := fmt.Sprintf("%s (%v)", h.cpuinfo("model name"), cpuid.This())
	if err := h.try(ctx, CPUID, 0); err != nil {
		return no(fmt.Sprintf("%s: %v", model, err), h.Hint(CPUID, err))
	}
	return yes(model)
}

func checkRDRAND(ctx context.Context, h *Host) finding {
	has := false
	for _, flag := range strings.Fields(h.cpuinfo("flags")) {
		has = has || flag == "rdrand" || flag == "rdseed"
	}
	if !has {
		return yes("the CPU has none")
	}
	if err := h.try(ctx, CPUID, 0); err != nil {
		return no("the CPU has RDRAND and it cannot be hidden", h.Hint(RDRAND, err))
	}
	return yes("hidden")
}

// userNamespace is the clone flag of what a box of this caller is made in.
func (h *Host) userNamespace() uintptr {
	if h.Rootless {
		return unix.CLONE_NEWUSER
	}
	return 0
}

// trial is the check that runs the child of that name and no more.
func trial(name Name) func(context.Context, *Host) finding {
	return func(ctx context.Context, h *Host) finding {
		if err := h.try(ctx, name, 0); err != nil {
			return h.failed(name, err)
		}
		return yes("")
	}
}

// cpuinfo is the first value of a key in /proc/cpuinfo, see proc_cpuinfo(5).
func (h *Host) cpuinfo(key string) string {
	f, err := h.Procfs.Open("cpuinfo")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if k, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
