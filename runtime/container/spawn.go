package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/oci"
)

// InitName is the name, argv[0], under which the program becomes the first process of a
// container, or the one of exec: InitMain.
const InitName = "laplace-container-init"

// initVariable has the number of the descriptor from which init reads its task.
const initVariable = "_LAPLACE_INIT"

// A spawn is a process to be made in namespaces. It is born stopped, so to say: it waits
// until release, and then executes this program as InitName.
type spawn struct {
	// join are namespaces that exist.
	join []join
	// pidfd, when not negative, is a process whose namespaces joinFlags are joined.
	pidfd     int
	joinFlags uintptr
	// new are those to make, CLONE_NEW*.
	new uintptr
	// user tells that the process is in another user namespace than the caller, in which
	// it becomes root.
	user bool
	// uids and gids are the mappings of a new user namespace.
	uids, gids []specs.LinuxIDMapping
	// clocks are the offsets of a new time namespace.
	clocks map[string]specs.LinuxTimeOffset
	// cgroup is a directory of cgroup v2 to be born into, or -1.
	cgroup int
	// inherit are descriptors that the process has under the same number.
	inherit []int
	// null, when not negative, is what the process has in place of the caller's streams; it begins in /.
	null int

	calls []ns.Call
	names []string // of the calls, for errors
	keep  []any
	// Ends of the socket: ours and the process's.
	socket, theirs int
	heir           *ns.Heir
	pid            int
}

// A join is a namespace to join by a descriptor.
type join struct {
	fd   int
	flag uintptr
}

// add adds a call of the script.
func (s *spawn) add(name string, c ns.Call) int {
	s.calls = append(s.calls, c)
	s.names = append(s.names, name)
	return len(s.calls)
}

func (s *spawn) call(name string, nr uintptr, args ...uintptr) int {
	c := ns.Call{Nr: nr}
	copy(c.Args[:], args)
	return s.add(name, c)
}

// hold keeps an object that a call's argument points to.
func hold[T any](s *spawn, p *T) uintptr {
	s.keep = append(s.keep, p)
	return uintptr(unsafe.Pointer(p))
}

// meet has the process tell us that it has come here, and wait.
func (s *spawn) meet(what string) {
	b := new([1]byte)
	at := hold(s, b)
	s.add("tell of "+what, ns.Call{Nr: unix.SYS_WRITE, Args: [6]uintptr{uintptr(s.theirs), at, 1}, Min: 1})
	s.wait("wait after " + what)
}

func (s *spawn) wait(what string) {
	at := hold(s, new([8]byte))
	s.add(what, ns.Call{Nr: unix.SYS_READ, Args: [6]uintptr{uintptr(s.theirs), at, 8}, Min: 1})
}

// newSpawn makes the socket of a process that is to be made; the caller closes it with
// done.
func newSpawn() (*spawn, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket to init: %w", err)
	}
	return &spawn{socket: p[0], theirs: p[1], pidfd: -1, cgroup: -1, null: -1}, nil
}

// done closes what the caller has of the process.
func (s *spawn) done() {
	closeAll([]int{s.socket, s.theirs})
	s.socket, s.theirs = -1, -1
	if s.heir != nil {
		unix.Close(s.heir.Middle.Report)
		s.heir = nil
	}
}

// start makes the process, which then waits for release.
func (s *spawn) start(task *task) error {
	task.Socket = s.theirs
	s.inherit = append(s.inherit, s.theirs)
	// It lives too briefly for what Go does beside.
	return s.launch(InitName, task, "GODEBUG=asyncpreemptoff=1,containermaxprocs=0", "GOMAXPROCS=1", "GOGC=off")
}

// launch makes a process that executes this program under a name, argv[0], with a task that it reads, as JSON, from
// the descriptor that initVariable says. It waits for release.
func (s *spawn) launch(name string, task any, env ...string) error {
	exe, err := openSelf()
	if err != nil {
		return err
	}
	defer unix.Close(exe)
	data, err := json.Marshal(task)
	if err != nil {
		return err
	}
	config, err := unix.MemfdCreate("laplace-init", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memory for init's task: %w", err)
	}
	defer unix.Close(config)
	if _, err := unix.Pwrite(config, data, 0); err != nil {
		return fmt.Errorf("memory for init's task: %w", err)
	}
	s.script(exe, config, name, env)
	if s.heir, err = ns.ForkHeir(s.calls, s.keep...); err != nil {
		return err
	}
	unix.Close(s.theirs)
	s.theirs = -1
	if s.new&unix.CLONE_NEWUSER != 0 {
		if err := s.met(s.mapIDs); err != nil {
			return err
		}
	}
	if s.new&unix.CLONE_NEWTIME != 0 {
		if err := s.met(s.setClocks); err != nil {
			return err
		}
	}
	if s.pid = s.heir.PID(); s.pid == 0 {
		return s.failed()
	}
	return nil
}

// script makes the calls.
func (s *spawn) script(exe, config int, name string, env []string) {
	s.call("close the caller's socket", unix.SYS_CLOSE, uintptr(s.socket))
	s.joinAll()
	if s.new&unix.CLONE_NEWUSER != 0 {
		s.call("make a user namespace", unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
		s.meet("the user namespace")
	}
	if s.new&unix.CLONE_NEWTIME != 0 {
		s.call("make a time namespace", unix.SYS_UNSHARE, unix.CLONE_NEWTIME)
		s.meet("the time namespace")
	}
	// The namespace of cgroups begins where its first process is, which is put there
	// first.
	const apart = unix.CLONE_NEWUSER | unix.CLONE_NEWTIME | unix.CLONE_NEWCGROUP
	clone, args := ns.Clone(s.new&^apart, s.cgroup)
	s.keep = append(s.keep, args)
	s.add("make init in its namespaces", clone)

	s.wait("wait to be let go")
	if s.new&unix.CLONE_NEWCGROUP != 0 {
		s.call("make a cgroup namespace", unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP)
	}
	if s.user {
		s.call("become group 0 of the user namespace", unix.SYS_SETRESGID, 0, 0, 0)
		s.call("become user 0 of the user namespace", unix.SYS_SETRESUID, 0, 0, 0)
	}
	s.add("begin a session", ns.Call{Nr: unix.SYS_SETSID, Ignore: true})
	if s.null >= 0 {
		root := cString("/")
		s.call("go to /", unix.SYS_CHDIR, hold(s, root))
		for fd := range 3 {
			s.call("have no streams", unix.SYS_DUP2, uintptr(s.null), uintptr(fd))
		}
	}
	for _, fd := range append([]int{config}, s.inherit...) {
		if fd >= 0 {
			s.call("hand over descriptor "+strconv.Itoa(fd), unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, 0)
		}
	}
	argv := []*byte{cString(name), nil}
	envv := []*byte{cString(initVariable + "=" + strconv.Itoa(config))}
	for _, e := range env {
		envv = append(envv, cString(e))
	}
	envv = append(envv, nil)
	empty := cString("")
	s.keep = append(s.keep, argv, envv)
	s.call("execute init", unix.SYS_EXECVEAT, uintptr(exe), hold(s, empty), hold(s, &argv[0]), hold(s, &envv[0]), unix.AT_EMPTY_PATH)
}

func cString(text string) *byte {
	b := append([]byte(text), 0)
	return &b[0]
}

// joinAll joins namespaces. Which of them need the privileges that the caller has, and
// which those of the user namespace that is joined, too, depends on who made them: what
// fails before is tried again after it.
func (s *spawn) joinAll() {
	if s.pidfd >= 0 {
		// Programs of the namespaces must not look into a process of ours.
		s.call("hide from the container", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
		s.call("join the container's namespaces", unix.SYS_SETNS, uintptr(s.pidfd), s.joinFlags)
		return
	}
	user := -1
	for i, j := range s.join {
		if j.flag == unix.CLONE_NEWUSER {
			user = i
		}
	}
	again := map[int]int{}
	for i, j := range s.join {
		if i == user {
			continue
		}
		again[i] = s.add("join a namespace", setns(j))
		s.calls[again[i]-1].Ignore = user >= 0
	}
	if user < 0 {
		return
	}
	s.add("join the user namespace", setns(s.join[user]))
	for i, j := range s.join {
		if i != user {
			c := setns(j)
			c.Unless = again[i]
			s.add("join a namespace", c)
		}
	}
}

func setns(j join) ns.Call {
	return ns.Call{Nr: unix.SYS_SETNS, Args: [6]uintptr{uintptr(j.fd), j.flag}}
}

// met waits until the middle process has come to a point, does something and lets it go
// on.
func (s *spawn) met(do func() error) error {
	b := make([]byte, 1)
	for {
		n, err := unix.Read(s.socket, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			s.heir.PID()
			return s.failed()
		}
		break
	}
	if err := do(); err != nil {
		s.abort()
		return err
	}
	return s.release()
}

// abort ends a middle process that waits.
func (s *spawn) abort() {
	unix.Close(s.socket)
	s.socket = -1
	s.heir.PID()
}

// release lets the process go on where it waits.
func (s *spawn) release() error {
	if _, err := unix.Write(s.socket, []byte{0}); err != nil {
		return fmt.Errorf("let init go on: %w", err)
	}
	return nil
}

// failed is what went wrong in the script.
func (s *spawn) failed() error {
	err := ns.ReadScriptError(fdReader(s.heir.Middle.Report))
	if e, ok := errors.AsType[*ns.ScriptError](err); ok && e.Index < len(s.names) {
		return fmt.Errorf("%s: %w", s.names[e.Index], e.Errno)
	}
	if err == nil {
		err = errors.New("killed")
	}
	return fmt.Errorf("init: %w", err)
}

// kill ends the process and reaps it.
func (s *spawn) kill() {
	if s.pid == 0 {
		return
	}
	_ = unix.Kill(s.pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(s.pid, nil, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	s.pid = 0
}

// fdReader reads from a descriptor that it doesn't own.
type fdReader int

func (f fdReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// setClocks writes the offsets of the time namespace that the middle process has made,
// before any process is in it, time_namespaces(7).
func (s *spawn) setClocks() error {
	for name, offset := range s.clocks {
		clock, _ := oci.TimeOffsetClock(name)
		line := fmt.Sprintf("%d %d %d", clock, offset.Secs, offset.Nanosecs)
		if err := os.WriteFile(s.procFile("timens_offsets"), []byte(line), 0); err != nil {
			return fmt.Errorf("linux.timeOffsets.%s: %w", name, err)
		}
	}
	return nil
}

// procFile is a file of the middle process.
func (s *spawn) procFile(name string) string {
	return "/proc/" + strconv.Itoa(s.heir.Middle.PID) + "/" + name
}

// mapIDs writes the mappings of the user namespace.
func (s *spawn) mapIDs() error {
	proc, err := openHostProc()
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	pid := s.heir.Middle.PID
	if !ns.Rootless() {
		return ns.WriteIDMaps(proc, pid, sysMappings(s.uids), sysMappings(s.gids), true)
	}
	if own(s.uids, os.Geteuid()) && own(s.gids, os.Getegid()) {
		return ns.WriteIDMaps(proc, pid, sysMappings(s.uids), sysMappings(s.gids), false)
	}
	// Others than the caller's own are mapped by programs that may: newuidmap(1).
	return errors.Join(mapByTool("newuidmap", pid, s.uids), mapByTool("newgidmap", pid, s.gids))
}

// own reports whether a mapping is all that everybody may have: one's own ID.
func own(m []specs.LinuxIDMapping, id int) bool {
	return len(m) == 1 && m[0].Size == 1 && int(m[0].HostID) == id
}

// mapByTool maps IDs that are not the caller's own, which takes a program that has the
// privileges: newuidmap(1) or newgidmap(1).
func mapByTool(tool string, pid int, mappings []specs.LinuxIDMapping) error {
	args := []string{strconv.Itoa(pid)}
	for _, m := range mappings {
		for _, n := range []uint32{m.ContainerID, m.HostID, m.Size} {
			args = append(args, strconv.FormatUint(uint64(n), 10))
		}
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, out)
	}
	return nil
}

// openSelf opens this program so that nobody who gets hold of the descriptor, or of
// /proc/PID/exe of the process that executes it, can write the file: CVE-2019-5736. It is
// a read-only mount of its own, or where that can't be, a sealed copy.
func openSelf() (int, error) {
	const self = "/proc/self/exe"
	tree, err := unix.OpenTree(unix.AT_FDCWD, self, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return sealedCopy(self)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Attr_clr: unix.MOUNT_ATTR_NOEXEC}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(tree)
		return sealedCopy(self)
	}
	return tree, nil
}

// sealedCopy is a copy of a file in memory that nobody can change, memfd_create(2).
func sealedCopy(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return -1, fmt.Errorf("this program: %w", err)
	}
	defer f.Close()
	fd, err := unix.MemfdCreate("laplace", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate("laplace", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, fmt.Errorf("copy of this program: %w", err)
	}
	for n := 1; n > 0 && err == nil; {
		n, err = unix.Sendfile(fd, int(f.Fd()), nil, 1<<30)
	}
	if err == nil {
		err = unix.Fchmod(fd, 0o555)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("copy of this program: %w", err)
	}
	return fd, nil
}
