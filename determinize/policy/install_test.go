package policy

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// helperEnv makes the test binary a helper that installs the filter.
const helperEnv = "LAPLACE_POLICY_TEST_HELPER"

// installed are calls made under the filter without a tracer, where what stops
// is answered ENOSYS. They must not harm the thread that makes them.
var installed = []struct {
	name  string
	nr    uintptr
	args  [6]uintptr
	stops bool
}{
	{"getuid", unix.SYS_GETUID, [6]uintptr{}, false},
	{"getegid", unix.SYS_GETEGID, [6]uintptr{}, false},
	{"umask", unix.SYS_UMASK, [6]uintptr{0o22}, false},
	{"brk", unix.SYS_BRK, [6]uintptr{}, false},
	{"fcntl F_GETFD", unix.SYS_FCNTL, [6]uintptr{1, unix.F_GETFD}, false},
	{"mmap", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, ^uintptr(0)}, false},
	{"mmap 2 MiB", unix.SYS_MMAP, [6]uintptr{0, 2 << 20, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, ^uintptr(0)}, true},
	{"mmap shared", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS, ^uintptr(0)}, true},
	{"fcntl F_DUPFD", unix.SYS_FCNTL, [6]uintptr{1, unix.F_DUPFD}, true},
	{"fcntl F_DUPFD, high half set", unix.SYS_FCNTL, [6]uintptr{1, 1<<32 | unix.F_DUPFD}, true},
	{"lseek SEEK_END", unix.SYS_LSEEK, [6]uintptr{1, 0, unix.SEEK_END}, true},
	{"getpid", unix.SYS_GETPID, [6]uintptr{}, true},
	{"gettid", unix.SYS_GETTID, [6]uintptr{}, true},
	{"sched_getaffinity", unix.SYS_SCHED_GETAFFINITY, [6]uintptr{}, true},
	{"getuid of x32", 1<<30 | unix.SYS_GETUID, [6]uintptr{}, true},
	{"a gap of the number space", 400, [6]uintptr{}, true},
	{"close of nothing", unix.SYS_CLOSE, [6]uintptr{^uintptr(0)}, true},
}

// helper installs the filter on one thread, makes the calls there and prints
// "name errno" for each. Under the filter a thread can't wait, wake another or
// end, so it hands its results over in memory and spins until the process
// ends; the test starts it without preemption, and it collects no garbage.
func helper() {
	debug.SetGCPercent(-1)
	prog, err := Filter()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	results := make([]unix.Errno, len(installed))
	var failed, done atomic.Uint64
	go func() {
		runtime.LockOSThread()
		if _, _, e := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
			failed.Store(uint64(e))
		}
		if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog))); e != 0 {
			failed.Store(uint64(e))
			done.Store(1)
			return
		}
		for i := range installed {
			c := &installed[i]
			_, _, results[i] = unix.RawSyscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		}
		done.Store(1)
		for {
		}
	}()
	for done.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if e := failed.Load(); e != 0 {
		fmt.Fprintln(os.Stderr, "install the filter:", unix.Errno(e))
		os.Exit(1)
	}
	for i := range results {
		fmt.Println(unix.ErrnoName(results[i]))
	}
	os.Exit(0)
}

func TestFilterInstalls(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"=1", "GOMAXPROCS=2", "GODEBUG=asyncpreemptoff=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helper: %v\n%s", err, &stderr)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for _, c := range installed {
		if !lines.Scan() {
			t.Fatalf("no answer for %s", c.name)
		}
		want := ""
		if c.stops {
			want = "ENOSYS"
		}
		if got := lines.Text(); got != want {
			t.Errorf("%s: errno %q, want %q", c.name, got, want)
		}
	}
}
