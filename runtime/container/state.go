package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/cgroup"
)

// Files of a container's directory.
const (
	stateFile = "state.json" // a record; replaced, never changed
	lockFile  = "lock"       // see lock
	fifoFile  = "exec.fifo"  // init reads from it until start writes
	errorFile = "start.err"  // why init could not execute the command, in words
)

// transient begins names of directories that are being made or removed: no container is
// called so.
const transient = "~"

// record is what is kept of a container.
type record struct {
	oci.State
	// Start is when init was started, in clock ticks since boot, field 22 of
	// proc_pid_stat(5): a pid alone may be somebody else's by now.
	Start uint64 `json:"processStart"`
	// Config is the configuration.
	Config *specs.Spec `json:"config"`
	// Group is the control group, nil as long as none is made.
	Group *cgroup.Group `json:"cgroup,omitempty"`
}

// lock is an exclusive lock on a container's directory, flock(2). The kernel gives it up
// when its holder dies.
type lock struct{ file *os.File }

// lockDir waits for the lock of a directory.
func lockDir(dir string) (*lock, error) {
	name := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &lock{f}, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// unlock gives the lock up; nil has none.
func (l *lock) unlock() {
	if l != nil {
		l.file.Close()
	}
}

// Load returns a container: oci.ErrNotExist if there is none, oci.ErrInvalidID if there
// can't be.
func (r *Runtime) Load(id string) (*Container, error) {
	if err := oci.ValidateID(id); err != nil {
		return nil, err
	}
	c := &Container{runtime: r, dir: filepath.Join(r.Root, id)}
	return c, c.load()
}

func (c *Container) load() error {
	data, err := os.ReadFile(filepath.Join(c.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return oci.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	c.record = record{}
	if err := json.Unmarshal(data, &c.record); err != nil {
		return fmt.Errorf("state of container %s: %w", filepath.Base(c.dir), err)
	}
	return nil
}

// Lock waits until no other process works on the container and returns it as it is then;
// Unlock lets the next one go on.
func (r *Runtime) Lock(id string) (*Container, error) {
	c, err := r.Load(id)
	if err != nil {
		return nil, err
	}
	// Without O_CREATE: a directory that is being removed has had its file.
	f, err := os.OpenFile(filepath.Join(c.dir, lockFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, oci.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock container %s: %w", id, err)
	}
	c.lock = &lock{f}
	// Whoever had it may have removed the container, and another may be called so now.
	held, err := f.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = os.Stat(f.Name()); err == nil && !os.SameFile(held, now) {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = oci.ErrNotExist
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		c.Unlock()
		return nil, err
	}
	return c, nil
}

// Unlock gives up what Lock, or Create, has taken.
func (c *Container) Unlock() {
	c.lock.unlock()
	c.lock = nil
}

// save writes the record.
func (c *Container) save() error {
	data, err := json.Marshal(&c.record)
	if err == nil {
		err = replaceFile(filepath.Join(c.dir, stateFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// replaceFile writes a file that others see complete, or as it was.
func replaceFile(name string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// reserve makes the directory of a new container, with its record and its lock, in one
// step: oci.ErrExist if the name is taken.
func (r *Runtime) reserve(rec record) (*Container, error) {
	if err := os.MkdirAll(r.Root, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	r.sweep()
	final := filepath.Join(r.Root, rec.ID)
	if _, err := os.Lstat(final); err == nil {
		return nil, oci.ErrExist
	}
	for {
		dir, err := os.MkdirTemp(r.Root, transient)
		if err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
		c := &Container{runtime: r, dir: dir, record: rec}
		c.lock, err = lockDir(dir)
		if err == nil {
			err = c.save()
		}
		if err == nil {
			err = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, final, unix.RENAME_NOREPLACE)
		}
		if err == nil {
			c.dir = final
			return c, nil
		}
		c.Unlock()
		os.RemoveAll(dir)
		switch {
		case errors.Is(err, fs.ErrExist):
			return nil, oci.ErrExist
		case !errors.Is(err, fs.ErrNotExist): // swept away between two steps
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
}

// sweep removes what processes left that were killed while they made or removed a
// container's directory.
func (r *Runtime) sweep() {
	entries, err := os.ReadDir(r.Root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), transient) {
			continue
		}
		dir := filepath.Join(r.Root, e.Name())
		f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR, 0)
		if err != nil {
			continue // it has just been made
		}
		if flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		f.Close()
	}
}

// remove removes the container's directory.
func (c *Container) remove() error {
	name := filepath.Join(c.runtime.Root, transient+strconv.Itoa(os.Getpid())+"-"+c.record.ID)
	if err := os.Rename(c.dir, name); err != nil {
		return fmt.Errorf("remove state: %w", err)
	}
	if err := os.RemoveAll(name); err != nil {
		return fmt.Errorf("remove state: %w", err)
	}
	return nil
}

// IDs are the names of all containers, sorted.
func (r *Runtime) IDs() ([]string, error) {
	entries, err := os.ReadDir(r.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && oci.ValidateID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// State is the container's state now.
func (c *Container) State() (oci.State, error) {
	s := c.record.State
	var err error
	s.Status, err = c.status()
	if v := c.verdict(); v != "" {
		s.Annotations = oci.WithDefaults(map[string]string{oci.AnnotationVerdict: v}, s.Annotations)
	}
	return s, err
}

// ID is the container's name.
func (c *Container) ID() string { return c.record.ID }

// PID is the container's first process: dead or alive.
func (c *Container) PID() int { return c.record.Pid }

// Config is the container's configuration: its own, not to be changed.
func (c *Container) Config() *specs.Spec { return c.record.Config }

// Owner is the user that the container's directory belongs to.
func (c *Container) Owner() (uid uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(c.dir, &st); err != nil {
		return 0, err
	}
	return st.Uid, nil
}

// status finds out what the container is doing: the record says how far create came, all
// else is seen.
func (c *Container) status() (oci.Status, error) {
	if c.record.Status == oci.Creating {
		if c.lock == nil && c.locked() {
			return oci.Creating, nil
		}
		return oci.Stopped, nil // whoever made it is dead, and held the lock
	}
	if !c.alive() {
		return oci.Stopped, nil
	}
	if frozen, err := c.frozen(); frozen || err != nil {
		return oci.Paused, err
	}
	if waiting, err := c.waiting(); waiting || err != nil {
		return oci.Created, err
	}
	if !c.alive() {
		return oci.Stopped, nil
	}
	return oci.Running, nil
}

// locked reports whether a process works on the container.
func (c *Container) locked() bool {
	f, err := os.Open(filepath.Join(c.dir, lockFile))
	if err != nil {
		return false
	}
	defer f.Close()
	return flock(f, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// waiting reports whether init waits for start.
func (c *Container) waiting() (bool, error) {
	fd, err := c.openFIFO()
	if err == unix.ENXIO || err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", fifoFile, err)
	}
	unix.Close(fd)
	return true, nil
}

// openFIFO opens the FIFO that init waits at; ENXIO if it doesn't.
func (c *Container) openFIFO() (int, error) {
	return unix.Open(filepath.Join(c.dir, fifoFile), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// alive reports whether init lives: a zombie doesn't.
func (c *Container) alive() bool {
	if c.record.Pid <= 0 {
		return false
	}
	state, start, err := processStat(c.record.Pid)
	return err == nil && start == c.record.Start && state != 'Z' && state != 'X'
}

// pidfd returns a descriptor of init, or ESRCH.
func (c *Container) pidfd() (int, error) {
	if c.record.Pid <= 0 {
		return -1, unix.ESRCH
	}
	fd, err := unix.PidfdOpen(c.record.Pid, 0)
	if err != nil {
		return -1, err
	}
	// Now that the descriptor is there the pid cannot become another's unseen.
	if !c.alive() {
		unix.Close(fd)
		return -1, unix.ESRCH
	}
	return fd, nil
}

// leaving reports whether init, which has been killed, has nothing left to do but to wait until the last process of
// its PID namespace has been reaped by its parent, whoever that is: pid_namespaces(7). It runs and has nothing any more.
func (c *Container) leaving() bool {
	const exiting = 0x4 // PF_EXITING, of Linux's include/linux/sched.h
	fields, err := statFields(c.record.Pid)
	if err != nil {
		return false
	}
	flags, err := strconv.ParseUint(fields[statFlags], 10, 64)
	return err == nil && flags&exiting != 0 && fields[statThreads] == "1" && fields[statSize] == "0"
}

// processStat reads the state of a process and when it was started, see proc_pid_stat(5).
func processStat(pid int) (state byte, start uint64, err error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, 0, err
	}
	start, err = strconv.ParseUint(fields[statStart], 10, 64)
	return fields[statState][0], start, err
}

// Those fields of proc_pid_stat(5) that are used, by their index after the name.
const (
	statState   = 0
	statFlags   = 6
	statThreads = 17
	statStart   = 19
	statSize    = 20 // of the address space
)

// statFields are the fields after the name.
func statFields(pid int) ([]string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	// The command's name may have spaces and parentheses.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) <= statSize {
		return nil, fmt.Errorf("stat of process %d: %w", pid, unix.EINVAL)
	}
	return fields, nil
}
