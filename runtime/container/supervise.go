package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/oci"
)

// A deterministic container has a supervisor, which traces its processes: a process of its
// own, in a session of its own, without anything of the caller's but the streams that it passes on.
// Init asks to be seized just before it executes the command.

// SupervisorName is the name, argv[0], under which the program becomes the supervisor of a
// container.
const SupervisorName = "laplace-container-supervisor"

// VerdictFile is the name in a container's directory of what the supervisor has found: JSON.
const VerdictFile = "verdict.json"

// UntracedFile is not empty when exec has run a process in a deterministic container that nobody traces: before
// its start. The verdict must not be deterministic then.
const UntracedFile = "untraced"

// CacheDir is the name, in the directory of all containers, of the directory for what supervisors know of executables.
const CacheDir = transient + "cache"

// A Supervision is what a supervisor is to do. Its descriptors are those that it is started with.
type Supervision struct {
	ID   string     `json:"id"`
	Dir  string     `json:"dir"` // the container's directory
	Pid  int        `json:"pid"` // init's
	Spec Supervised `json:"spec"`
	// Config is the configuration, a specs.Spec, of a container that has a cache.
	Config json.RawMessage `json:"config,omitempty"`
	// Init is the socket on which init asks, with one byte, to be seized, and waits for one.
	Init int `json:"init"`
	// Listen is a socket that listens for requests, see Request.
	Listen int `json:"listen"`
	// Stdio are the caller's streams; Streams are init's in place of them, -1 where it has the
	// caller's own: the reading end of a pipe for input, the writing ends for output.
	Stdio   [3]int `json:"stdio"`
	Streams [3]int `json:"streams"`
	// Ends are the other ends, held open.
	Ends [3]int `json:"ends"`
	// Verdict is VerdictFile, and Untraced UntracedFile, open.
	Verdict  int `json:"verdict"`
	Untraced int `json:"untraced"`
	// Cache is the directory of the cache.
	Cache string `json:"cache,omitempty"`
	// Report gets the report, or is -1.
	Report int `json:"report"`
	// Terminal is the terminal that init has in place of the streams, or -1.
	Terminal int `json:"terminal"`
}

// Supervised is what a supervisor has to know of a configuration: the whole takes long to read.
type Supervised struct {
	Annotations map[string]string `json:"annotations"`
	Hostname    string            `json:"hostname"`
	Domainname  string            `json:"domainname"`
	Args        []string          `json:"args"` // of the process, as are those that follow
	UID         uint32            `json:"uid"`
	GID         uint32            `json:"gid"`
	ConsoleSize *specs.Box        `json:"consoleSize"`
}

func supervised(s *specs.Spec) Supervised {
	p := s.Process
	return Supervised{Annotations: s.Annotations, Hostname: s.Hostname, Domainname: s.Domainname, Args: p.Args, UID: p.User.UID, GID: p.User.GID, ConsoleSize: p.ConsoleSize}
}

// ReadSupervision reads what the process is to supervise: what Main of a supervisor begins with.
func ReadSupervision() (*Supervision, error) {
	fd, err := strconv.Atoi(os.Getenv(initVariable))
	if err != nil {
		return nil, fmt.Errorf("%s is started by laplace only", SupervisorName)
	}
	f := os.NewFile(uintptr(fd), "supervision")
	defer f.Close()
	var s Supervision
	if err := json.NewDecoder(io.NewSectionReader(f, 0, 1<<30)).Decode(&s); err != nil {
		return nil, fmt.Errorf("%s is started by laplace only: %w", SupervisorName, err)
	}
	// Its own children get none of its descriptors.
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fmt.Errorf("close descriptors at exec: %w", err)
	}
	// What is in the container must not look into this process, which may be of its user namespace.
	return &s, unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// checkMode refuses what a deterministic container cannot have. given are its annotations before it got defaults.
func checkMode(s *specs.Spec, given map[string]string) error {
	mode, err := oci.ParseMode(s.Annotations)
	if err != nil || mode != oci.ModeDeterministic {
		return err
	}
	if err := oci.CheckContainer(given, s.Annotations); err != nil {
		return err
	}
	why := ""
	switch {
	case !private(s, specs.PIDNamespace):
		why = "linux.namespaces: it needs a pid namespace of its own"
	default:
		return nil
	}
	return fmt.Errorf("%s, as the container is deterministic (annotation %s, or the default); %s=%s makes it a conventional one", why,
		oci.AnnotationMode, oci.AnnotationMode, oci.ModePlain)
}

// deterministic tells whether a configuration asks for that mode.
func deterministic(s *specs.Spec) bool {
	mode, err := oci.ParseMode(s.Annotations)
	return err == nil && mode == oci.ModeDeterministic
}

// A supervisor is one to be started.
type supervisor struct {
	ours, theirs int    // ends of the socket to init: the supervisor's and init's
	stdio        [3]int // the caller's
	streams      [3]int // see Supervision
	ends         [3]int
	terminal     int
	closed       bool
}

// newSupervisor makes what a supervisor and init share: of the streams of one with a terminal, nothing. The
// caller closes it by done.
func newSupervisor(terminal bool) (s *supervisor, err error) {
	s = &supervisor{ours: -1, theirs: -1, stdio: [3]int{-1, -1, -1}, streams: [3]int{-1, -1, -1}, ends: [3]int{-1, -1, -1}, terminal: -1}
	defer func() {
		if err != nil {
			s.done()
		}
	}()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return s, fmt.Errorf("socket to the supervisor: %w", err)
	}
	s.ours, s.theirs = pair[0], pair[1]
	if terminal {
		return s, nil
	}
	for i := range s.stdio {
		if s.stdio[i], err = unix.FcntlInt(uintptr(i), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			return s, fmt.Errorf("standard stream %d: %w", i, err)
		}
		if i == 0 && !flows(0) {
			continue
		}
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			return s, fmt.Errorf("pipe: %w", err)
		}
		s.streams[i], s.ends[i] = p[1], p[0]
		if i == 0 {
			s.streams[i], s.ends[i] = p[0], p[1]
		}
	}
	return s, nil
}

// flows tells whether what is read from a descriptor comes from somebody: it is no file or
// device, which are read as they are.
func flows(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK:
		return false
	case unix.S_IFCHR:
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err == nil
	}
	return true
}

// instead has f run with init's streams in place of the caller's.
func (s *supervisor) instead(f func() error) error {
	for i, fd := range s.streams {
		if fd >= 0 {
			if err := unix.Dup2(fd, i); err != nil {
				return fmt.Errorf("standard stream %d: %w", i, err)
			}
		}
	}
	err := f()
	for i, fd := range s.stdio {
		if fd < 0 {
			continue
		}
		if derr := unix.Dup2(fd, i); derr != nil && err == nil {
			err = fmt.Errorf("standard stream %d: %w", i, derr)
		}
	}
	return err
}

// start starts the supervisor of a container, in the container's user namespace: it has no more rights to files than
// the container's root, by whatever ids that is known outside.
func (s *supervisor) start(c *Container) (err error) {
	sp, err := newSpawn()
	if err != nil {
		return err
	}
	defer sp.done()
	if sp.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(sp.null)
	same, err := sameNamespace("/proc/"+strconv.Itoa(c.record.Pid)+"/ns/user", "/proc/self/ns/user")
	if err != nil {
		return fmt.Errorf("user namespace of the container: %w", err)
	}
	if sp.user = !same; sp.user {
		if sp.pidfd, err = unix.PidfdOpen(c.record.Pid, 0); err != nil {
			return fmt.Errorf("init: %w", err)
		}
		defer unix.Close(sp.pidfd)
		sp.joinFlags = unix.CLONE_NEWUSER
	}
	listen, err := c.listen()
	if err != nil {
		return err
	}
	defer unix.Close(listen)
	v := Supervision{ID: c.record.ID, Dir: c.dir, Pid: c.record.Pid, Spec: supervised(c.record.Config), Init: s.ours, Listen: listen, Terminal: s.terminal,
		Stdio: s.stdio, Streams: s.streams, Ends: s.ends, Cache: c.runtime.Cache}
	if oci.CacheMode(c.record.Config.Annotations) != "" {
		if v.Config, err = json.Marshal(c.record.Config); err != nil {
			return err
		}
	}
	// Its directory may be closed to the supervisor.
	for _, file := range []struct {
		fd   *int
		name string
	}{{&v.Verdict, VerdictFile}, {&v.Untraced, UntracedFile}} {
		if *file.fd, err = unix.Open(filepath.Join(c.dir, file.name), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600); err != nil {
			return fmt.Errorf("%s: %w", file.name, err)
		}
		defer unix.Close(*file.fd)
	}
	if v.Report, err = openReport(c); err != nil {
		return err
	}
	defer closeAll([]int{v.Report})
	// Without it everything is as right, and slower.
	if err := os.Mkdir(filepath.Join(c.runtime.Root, CacheDir), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		c.runtime.Log.Warn("there is no place to keep what is known of executables", "err", err)
	}
	// What the caller left open, and init has by now, is not the supervisor's.
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close descriptors at exec: %w", err)
	}
	sp.inherit = slices.Concat([]int{v.Init, v.Listen, v.Terminal, v.Verdict, v.Untraced, v.Report}, v.Stdio[:], v.Streams[:], v.Ends[:])
	if err := sp.launch(SupervisorName, &v); err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	c.tracer = sp.pid
	return sp.release()
}

// Judged waits, after the end of the process of a container that the caller has made, until its verdict and its report
// are written.
func (c *Container) Judged() {
	if c.tracer == 0 {
		return
	}
	for {
		if _, err := unix.Wait4(c.tracer, nil, 0, nil); err != unix.EINTR {
			return // it may have been reaped already
		}
	}
}

// watch opens a terminal, whose master is somebody else's from now on, for the supervisor.
func (s *supervisor) watch(master int) (err error) {
	if s.terminal, err = ioctl(master, unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("open terminal: %w", err)
	}
	return nil
}

// done closes what this process has of it, once.
func (s *supervisor) done() {
	if s.closed {
		return
	}
	s.closed = true
	closeAll([]int{s.ours, s.theirs, s.terminal})
	closeAll(s.stdio[:])
	closeAll(s.streams[:])
	closeAll(s.ends[:])
}

// untraced says that a process which nobody traces runs in the container.
func (c *Container) untraced() {
	name := filepath.Join(c.dir, UntracedFile)
	if err := os.WriteFile(name, []byte{'1'}, 0o600); err != nil {
		c.runtime.Log.Warn("a process of exec is not traced, and the verdict may not say so", "err", err)
	}
}

// verdict is the container's verdict as an annotation of its state; "" if there is none yet.
func (c *Container) verdict() string {
	data, err := os.ReadFile(filepath.Join(c.dir, VerdictFile))
	if err != nil || len(data) > maxMessage || !json.Valid(data) {
		return ""
	}
	return string(data)
}

// rawTransfer reads or writes a byte without Go's scheduler: nr is of read(2) or write(2).
func rawTransfer(nr uintptr, socket int, b *[1]byte) error {
	for {
		n, _, e := unix.RawSyscall(nr, uintptr(socket), uintptr(unsafe.Pointer(b)), 1)
		switch {
		case e == unix.EINTR:
		case e != 0:
			return e
		case n == 0:
			return errSupervisor
		default:
			return nil
		}
	}
}

// errSupervisor says that the supervisor is gone.
var errSupervisor = errors.New("the supervisor ended before the command began: see " + VerdictFile)

// executeTraced is execute of a command that is traced. The supervisor seizes this thread, and
// after that there are no calls but raw ones: rdtsc, which Go's clocks use, traps.
func (s *stage) executeTraced(file string, args, env []string, filter []unix.SockFilter, flags uint) error {
	const noRandom = 0x0040000 // ADDR_NO_RANDOMIZE
	own, err := policy.Filter()
	if err != nil {
		return err
	}
	path, err := unix.BytePtrFromString(file)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	prog := &unix.SockFprog{Len: uint16(len(own)), Filter: &own[0]}
	var theirs *unix.SockFprog
	if len(filter) > 0 {
		theirs = &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	}
	persona, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	if e == 0 {
		_, _, e = unix.RawSyscall(unix.SYS_PERSONALITY, persona|noRandom, 0, 0)
	}
	if e != 0 {
		return fmt.Errorf("fixed addresses: %w", e)
	}
	b, socket := new([1]byte), s.Supervisor
	if err := rawTransfer(unix.SYS_WRITE, socket, b); err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	if err := rawTransfer(unix.SYS_READ, socket, b); err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TSC, unix.PR_TSC_SIGSEGV, 0); e != 0 {
		return e
	}
	if e := installRaw(prog, 0); e != 0 {
		return e
	}
	// The configuration's comes last, and need not allow what happens here. The engine lets pass
	// what comes before the command.
	if theirs != nil {
		if e := installRaw(theirs, flags); e != 0 {
			return e
		}
	}
	if s.last != nil {
		if _, _, e := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&s.last.hdr)), uintptr(unsafe.Pointer(&s.last.data[0])), 0); e != 0 {
			return e
		}
	}
	_, _, e = unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
	return e
}
