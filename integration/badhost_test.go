package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refusal rules simulate a host that lacks something: a seccomp filter below
// laplace answers calls with an errno.
type rule struct {
	nr    uint32
	arg   int    // index of an argument to look at
	mask  uint32 // refuse where the low half of the argument has one of these bits; 0: always
	equal uint32 // refuse where it equals this, if not 0
	zero  bool   // refuse where it is 0
	errno unix.Errno
}

// badHosts are hosts on which no box can run, with the word that the message
// must hold.
var badHosts = []struct {
	name  string
	word  string
	rules []rule
}{
	{"user namespaces forbidden", "user namespace", []rule{
		{nr: unix.SYS_CLONE, mask: unix.CLONE_NEWUSER, errno: unix.EPERM},
		{nr: unix.SYS_UNSHARE, mask: unix.CLONE_NEWUSER, errno: unix.EPERM},
		{nr: unix.SYS_CLONE3, errno: unix.ENOSYS},
	}},
	{"no user namespace left", "user namespace", []rule{
		{nr: unix.SYS_CLONE, mask: unix.CLONE_NEWUSER, errno: unix.ENOSPC},
		{nr: unix.SYS_UNSHARE, mask: unix.CLONE_NEWUSER, errno: unix.ENOSPC},
		{nr: unix.SYS_CLONE3, errno: unix.ENOSYS},
	}},
	{"kernel without user namespaces", "user namespace", []rule{
		{nr: unix.SYS_CLONE, mask: unix.CLONE_NEWUSER, errno: unix.EINVAL},
		{nr: unix.SYS_UNSHARE, mask: unix.CLONE_NEWUSER, errno: unix.EINVAL},
		{nr: unix.SYS_CLONE3, errno: unix.ENOSYS},
	}},
	{"namespaces without capabilities (AppArmor)", "mount|AppArmor|namespace", []rule{
		{nr: unix.SYS_MOUNT, errno: unix.EACCES}, {nr: unix.SYS_FSOPEN, errno: unix.EPERM},
		{nr: unix.SYS_OPEN_TREE, errno: unix.EPERM}, {nr: unix.SYS_MOVE_MOUNT, errno: unix.EPERM},
	}},
	{"no overlay in user namespaces", "overlay", []rule{
		// What only overlays are given: an option without a value; mount(2) without flags.
		{nr: unix.SYS_FSCONFIG, arg: 1, zero: true, errno: unix.EINVAL},
		{nr: unix.SYS_MOUNT, arg: 3, zero: true, errno: unix.EPERM},
	}},
	{"state directory full", "state", []rule{
		{nr: unix.SYS_MKDIR, errno: unix.ENOSPC}, {nr: unix.SYS_MKDIRAT, errno: unix.ENOSPC},
	}},
	{"state directory read-only", "state", []rule{
		{nr: unix.SYS_MKDIR, errno: unix.EROFS}, {nr: unix.SYS_MKDIRAT, errno: unix.EROFS},
	}},
	{"Docker's default profile", "user namespace|namespace", []rule{
		{nr: unix.SYS_CLONE, mask: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID, errno: unix.EPERM},
		{nr: unix.SYS_CLONE3, errno: unix.ENOSYS}, {nr: unix.SYS_UNSHARE, errno: unix.EPERM},
		{nr: unix.SYS_SETNS, errno: unix.EPERM}, {nr: unix.SYS_MOUNT, errno: unix.EPERM},
		{nr: unix.SYS_FSOPEN, errno: unix.EPERM}, {nr: unix.SYS_PTRACE, errno: unix.EPERM},
	}},
	{"ptrace forbidden", "ptrace", []rule{{nr: unix.SYS_PTRACE, errno: unix.EPERM}}},
	{"kernel before 5.3", "kernel|Linux|PTRACE_GET_SYSCALL_INFO", []rule{
		{nr: unix.SYS_PTRACE, equal: unix.PTRACE_GET_SYSCALL_INFO, errno: unix.EIO},
	}},
	{"no seccomp filters", "seccomp", []rule{
		{nr: unix.SYS_SECCOMP, errno: unix.ENOSYS},
		{nr: unix.SYS_PRCTL, equal: unix.PR_SET_SECCOMP, errno: unix.EINVAL},
	}},
}

// refuseName as first argument makes the test binary install the rules of
// the bad host whose index is the second, and execute the rest.
const refuseName = "laplace-test-refuse"

func refuseExec(args []string) {
	var i int
	if _, err := fmt.Sscan(args[0], &i); err != nil {
		fmt.Fprintln(os.Stderr, refuseName+":", err)
		os.Exit(125)
	}
	goruntime.LockOSThread()
	err := installRules(badHosts[i].rules)
	if err == nil {
		err = syscall.Exec(args[1], args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, refuseName+":", err)
	os.Exit(125)
}

// ruleFilter is the filter of rules.
func ruleFilter(rules []rule) ([]bpf.RawInstruction, error) {
	// Offsets into struct seccomp_data.
	const nr, args = 0, 16
	var program []bpf.Instruction
	for _, r := range rules {
		refuse := bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(r.errno)}
		var body []bpf.Instruction
		arg := bpf.LoadAbsolute{Off: uint32(args + 8*r.arg), Size: 4}
		switch {
		case r.equal != 0 || r.zero:
			body = []bpf.Instruction{arg, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: r.equal, SkipTrue: 1}, refuse}
		case r.mask != 0:
			body = []bpf.Instruction{arg, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: r.mask, SkipTrue: 1}, refuse}
		default:
			body = []bpf.Instruction{refuse}
		}
		program = append(program, bpf.LoadAbsolute{Off: nr, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: r.nr, SkipTrue: uint8(len(body))})
		program = append(program, body...)
	}
	return bpf.Assemble(append(program, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}))
}

// installRules installs a filter for this thread and what it executes.
func installRules(rules []rule) error {
	raw, err := ruleFilter(rules)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// TestBadHosts: on a host that cannot run boxes, laplace says why in one line,
// and leaves nothing. laplace host says it too.
func TestBadHosts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i, bad := range badHosts {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			home, err := os.MkdirTemp(base, "badhost-")
			if err != nil {
				t.Fatal(err)
			}
			project := filepath.Join(home, "sub", "project")
			if err := os.MkdirAll(project, 0o755); err != nil {
				t.Fatal(err)
			}
			c := plainCaller(filepath.Join(home, "home"))
			r := run(t, c, project, nil, self, refuseName, fmt.Sprint(i), laplace(t), "do", "--", "sh", "-c", "echo ran > ran")
			if r.Exit != 125 || r.Stdout != "" {
				t.Errorf("exit status %d, want 125; stdout %q", r.Exit, r.Stdout)
			}
			if !strings.HasPrefix(r.Stderr, "laplace: ") || strings.Count(r.Stderr, "\n") != 1 {
				t.Errorf("standard error is not one line of Laplace's: %q", r.Stderr)
			}
			if !regexp.MustCompile("(?i)" + bad.word).MatchString(r.Stderr) {
				t.Errorf("%q does not name %s", r.Stderr, bad.word)
			}
			if !strings.Contains(r.Stderr, "Try") {
				t.Errorf("%q names no way out", r.Stderr)
			}
			if err := leftovers(filepath.Join(home, "home", ".state"), project); err != nil {
				t.Error(err)
			}
			if names, err := os.ReadDir(project); err != nil || len(names) != 0 {
				t.Errorf("the project has changed: %v %v", names, err)
			}
			r = run(t, c, project, nil, self, refuseName, fmt.Sprint(i), laplace(t), "host")
			if r.Exit != 1 || !regexp.MustCompile("(?i)"+bad.word).MatchString(r.Stdout) {
				t.Errorf("laplace host: exit status %d, want 1, naming %s\n%s%s", r.Exit, bad.word, r.Stdout, r.Stderr)
			}
		})
	}
}

// TestRuleFilter checks the filters under the VM: they refuse what they
// should and nothing else.
func TestRuleFilter(t *testing.T) {
	rules := []rule{
		{nr: 1, errno: unix.EPERM},
		{nr: 2, arg: 1, mask: 6, errno: unix.EIO},
		{nr: 3, arg: 2, equal: 9, errno: unix.EINVAL},
	}
	raw, err := ruleFilter(rules)
	if err != nil {
		t.Fatal(err)
	}
	program, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("the filter has an unknown instruction")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		nr   uint32
		args [6]uint32
		want unix.Errno
	}{
		{nr: 0}, {nr: 1, want: unix.EPERM}, {nr: 2}, {nr: 2, args: [6]uint32{6, 9}}, {nr: 2, args: [6]uint32{0, 12}, want: unix.EIO},
		{nr: 3, args: [6]uint32{9, 9, 8}}, {nr: 3, args: [6]uint32{0, 0, 9}, want: unix.EINVAL}, {nr: 4, args: [6]uint32{9, 9, 9}},
	} {
		// The VM reads big-endian where the kernel reads native words.
		data := make([]byte, 64)
		put := func(at int, v uint32) {
			data[at], data[at+1], data[at+2], data[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
		}
		put(0, c.nr)
		for i, v := range c.args {
			put(16+8*i, v)
		}
		got, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		want := unix.SECCOMP_RET_ALLOW
		if c.want != 0 {
			want = unix.SECCOMP_RET_ERRNO | int(c.want)
		}
		if uint32(got) != uint32(want) {
			t.Errorf("call %d %v: %#x, want %#x", c.nr, c.args, uint32(got), uint32(want))
		}
	}
}

// TestFewPIDs: where the kernel has fewer pids than a box should, those that there are
// are used, and what forks is tainted.
func TestFewPIDs(t *testing.T) {
	dir := filepath.Join(base, "few-pids")
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "laplace")
	build := exec.Command("go", "build", "-o", binary, "-ldflags", "-X laplace.dev/laplace/runtime.lowPIDMax=1000", "laplace.dev/laplace")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building laplace: %v\n%s", err, out)
	}
	for _, test := range []struct {
		name, script string
		taints       int
	}{
		{"alone", "echo $$", 0},
		{"forks", "i=0; while [ $i -lt 50 ]; do i=$((i + 1)); sh -c 'echo $$' & wait; done", 1},
	} {
		file := filepath.Join(dir, test.name)
		r := run(t, plainCaller(filepath.Join(dir, "home")), project, nil,
			binary, "do", "--report", file, "--", "sh", "-c", test.script)
		rep, err := readReport(file)
		if err != nil {
			t.Fatal(err, r.Stderr)
		}
		taints := rep.Taints
		if len(taints) != test.taints {
			t.Errorf("%s: taints %+v", test.name, taints)
		}
		for _, x := range taints {
			if x.Kind != "pid" || x.Detail != "the kernel has no pids above 999: sysctl kernel.pid_max=4194304" {
				t.Errorf("%s: taint %+v", test.name, x)
			}
		}
		pids := strings.Fields(r.Stdout)
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err != nil || n < 300 || n > 999 {
				t.Errorf("%s: pid %q", test.name, pid)
			}
		}
		if want := 1 + 49*test.taints; len(pids) != want {
			t.Errorf("%s: %d pids, want %d; %s", test.name, len(pids), want, r.Stderr)
		}
	}
}
