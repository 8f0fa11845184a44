package supervise

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/runtime"
)

// PlacerName is the argv[0] under which the program places pids in a container.
const PlacerName = "laplace-container-placer"

// A placer is a process in a container's pid namespace that says which pid comes next. The
// container's processes do not see it: the engine shows only those that it traces.
type placer struct {
	cmd  *exec.Cmd
	sock int
	last int // the greatest pid to place
}

// newPlacer starts the placer of a container whose init has this pid.
func newPlacer(pid int) (*placer, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket to the placer: %w", err)
	}
	end := os.NewFile(uintptr(pair[1]), "placer")
	defer end.Close()
	target, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	if err != nil {
		return nil, err
	}
	defer target.Close()
	p := &placer{sock: pair[0], cmd: exec.Command("/proc/self/exe")}
	p.cmd.Args[0] = PlacerName
	p.cmd.Dir = "/"
	p.cmd.Env = []string{"GODEBUG=containermaxprocs=0"}                    // Go would keep files of the host's control groups open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS} // see hide
	p.cmd.ExtraFiles = []*os.File{end}
	// A thread whose children are elsewhere cannot come back from a user namespace: it ends.
	started := make(chan error)
	go func() {
		goruntime.LockOSThread()
		err := unix.Setns(int(target.Fd()), unix.CLONE_NEWPID)
		if err != nil {
			err = fmt.Errorf("enter the container's pid namespace: %w", err)
		} else {
			err = p.cmd.Start()
		}
		started <- err
	}()
	if err := <-started; err != nil {
		unix.Close(p.sock)
		return nil, fmt.Errorf("placer of pids: %w", err)
	}
	// The container's first process ends when all others of its namespace have been reaped.
	go p.cmd.Wait()
	// It begins with the namespace's kernel.pid_max.
	var most [4]byte
	if n, err := unix.Read(p.sock, most[:]); err != nil || n != len(most) {
		p.stop()
		return nil, fmt.Errorf("placer of pids: no answer: %w", unix.EPIPE)
	}
	p.last = min(int(binary.LittleEndian.Uint32(most[:]))-1, prng.MaxPid)
	return p, nil
}

// place has the next process of the container get a pid.
func (p *placer) place(pid int) error {
	if e := runtime.PlacePID(p.sock, uint32(pid-1)); e != 0 {
		return fmt.Errorf("place pid %d: %w", pid, e)
	}
	return nil
}

func (p *placer) stop() {
	p.cmd.Process.Kill()
	unix.Close(p.sock)
}

// PlacerMain is what the program does when its argv[0] is PlacerName: four bytes in, the last
// pid; four bytes out, the errno, both little-endian. It ends with its supervisor. The Go
// scheduler is told of no call: it might start a thread, which would take the pid just placed.
func PlacerMain() {
	const sock = 3
	debug.SetGCPercent(-1)
	goruntime.GOMAXPROCS(1)
	fd, err := unix.Open("/proc/sys/kernel/ns_last_pid", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ns_last_pid:", err)
		os.Exit(1)
	}
	max, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		os.Exit(1)
	}
	if err := hide(); err != nil {
		fmt.Fprintln(os.Stderr, "nothing of the host:", err)
		os.Exit(1)
	}
	most, _ := strconv.Atoi(strings.TrimSpace(string(max)))
	if _, err := unix.Write(sock, binary.LittleEndian.AppendUint32(nil, uint32(most))); err != nil {
		os.Exit(1)
	}
	var in [4]byte
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, sock, uintptr(unsafe.Pointer(&in)), uintptr(len(in)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 || n != uintptr(len(in)) {
			os.Exit(0)
		}
		var buf [10]byte
		text := strconv.AppendUint(buf[:0], uint64(binary.LittleEndian.Uint32(in[:])), 10)
		_, _, e = unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), 0, 0, 0)
		out := [4]byte{byte(e), byte(e >> 8)}
		if n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, sock, uintptr(unsafe.Pointer(&out)), 4, unix.MSG_NOSIGNAL, 0, 0); e != 0 || n != 4 {
			os.Exit(0)
		}
	}
}

// hide takes from the process, which is in a mount namespace of its own, all that there is of the host: the
// container's root may have the privileges to look at processes in its pid namespace, and their root
// directories, whatever /proc shows of them.
func hide() error {
	const empty = "/proc" // a directory that is there
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", empty, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "size=4k"); err != nil {
		return fmt.Errorf("empty root: %w", err)
	}
	if err := unix.Chdir(empty); err != nil {
		return err
	}
	// The old root comes to lie over the new one, and goes; pivot_root(2).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	return unix.Chdir("/")
}
