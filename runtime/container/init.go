package container

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/runtime/cgroup"
)

// A task is what init is to do.
type task struct {
	// Socket is a descriptor of the socket to the process that made init.
	Socket int `json:"socket"`
	// FIFO is where init waits for start, and Errors the file that gets why the command
	// could not be executed then.
	FIFO   int `json:"fifo"`
	Errors int `json:"errors"`
	// Supervisor is a socket to the supervisor of a deterministic container; 0 is none.
	Supervisor int `json:"supervisor"`
	// Preserve is how many descriptors from 3 on are the command's.
	Preserve int `json:"preserve"`
	// Exec tells that the container is there: only a command is to be run in it.
	Exec   bool        `json:"exec"`
	ID     string      `json:"id"`
	Bundle string      `json:"bundle"`
	Rootfs string      `json:"rootfs"`
	Spec   *specs.Spec `json:"spec"`
	// State is what hooks read.
	State specs.State `json:"state"`
	// Sources are the detached mounts of the binds among Spec.Mounts, -1 for others.
	Sources []int `json:"sources"`
	// Root is a detached mount of the root, 0 where init makes it.
	Root int `json:"root"`
	// Views are the hierarchies that a mount of the type cgroup shows.
	Views []cgroup.View `json:"views"`
	// New are the namespaces that were made for the container, CLONE_NEW*.
	New          uintptr `json:"new"`
	User         bool    `json:"user"` // init is in a user namespace of the container's
	NoPivot      bool    `json:"noPivot"`
	NoNewKeyring bool    `json:"noNewKeyring"`
}

// stage is init at work.
type stage struct {
	task
	proc     int // a procfs, or -1: exec into a container that has none
	root     int // the container's root
	terminal *terminal
	last     *lastCapabilities // nil: the thread has them already
	readonly []int             // mounts to be made read-only when all is there
}

// InitMain is what the program does instead of everything else when its argv[0] is
// InitName: it makes itself at home in its namespaces and becomes the container's command.
// It never returns.
//
// Credentials, filters and some namespaces belong to a thread: all is done by the main one,
// to which the caller has locked the goroutine, and which executes the command.
func InitMain() {
	// What else is in the namespaces must not look into this process: exec joins those of
	// programs that nobody trusts.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	s, err := newStage()
	if err == nil {
		err = s.run()
	}
	s.fail(err)
	os.Exit(1)
}

// newStage reads the task.
func newStage() (*stage, error) {
	s := &stage{task: task{Socket: -1, Errors: -1}, proc: -1, root: -1}
	fd, err := strconv.Atoi(os.Getenv(initVariable))
	if err != nil {
		return s, fmt.Errorf("%s is started by laplace only", InitName)
	}
	f := os.NewFile(uintptr(fd), "task")
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err == nil {
		err = json.Unmarshal(data, &s.task)
	}
	if err != nil {
		return s, fmt.Errorf("task of init: %w", err)
	}
	return s, nil
}

// fail tells why init ends: the process that made it, or when that has gone, start.
func (s *stage) fail(err error) {
	if s.Socket >= 0 && send(s.Socket, message{Step: stepFailed, Text: err.Error()}, -1) == nil {
		return
	}
	if s.Errors >= 0 {
		if _, err := unix.Write(s.Errors, []byte(err.Error())); err == nil {
			return
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", InitName, err)
}

// run is everything that init does. It returns only an error.
func (s *stage) run() error {
	// Nothing but standard streams and what the caller preserves is the command's.
	first := uint(3 + s.Preserve)
	if err := unix.CloseRange(first, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close descriptors at exec: %w", err)
	}
	syscall.Umask(0)
	if !s.NoNewKeyring {
		if err := joinKeyring(s.ID); err != nil {
			return err
		}
	}
	if s.Exec {
		if err := s.enter(); err != nil {
			return err
		}
	} else if err := s.build(); err != nil {
		return err
	}
	return s.become()
}

// enter makes itself at home in a container that is there.
func (s *stage) enter() (err error) {
	if s.root, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	// The container's /proc may be anything. Where a new one is refused there are no
	// labels of AppArmor and SELinux, the only thing it is for.
	if s.proc, err = ns.OpenProc(); err != nil {
		s.proc = -1
	}
	if s.Spec.Process.Terminal {
		return s.openTerminal()
	}
	return nil
}

// build makes the container: network, root, names, kernel parameters.
func (s *stage) build() error {
	var err error
	if s.proc, err = openHostProc(); err != nil {
		return err
	}
	if s.New&unix.CLONE_NEWNET != 0 {
		if err := ns.LoopbackUp(); err != nil {
			return err
		}
	}
	if err := s.compose(); err != nil {
		return fmt.Errorf("error during container init: %w", err)
	}
	if err := ask(s.Socket, message{Step: stepHooks}, -1); err != nil {
		return err
	}
	state := s.State
	state.Pid = os.Getpid()
	if err := runHooks(s.Spec.Hooks, "createContainer", state); err != nil {
		return err
	}
	if s.Spec.Process.Terminal {
		if err := s.openTerminal(); err != nil {
			return err
		}
	}
	if err := s.makeCwd(); err != nil {
		return err
	}
	if err := s.changeRoot(); err != nil {
		return err
	}
	if err := s.finishRoot(); err != nil {
		return err
	}
	if s.Spec.Hostname != "" {
		if err := unix.Sethostname([]byte(s.Spec.Hostname)); err != nil {
			return fmt.Errorf("hostname: %w", err)
		}
	}
	if s.Spec.Domainname != "" {
		if err := unix.Setdomainname([]byte(s.Spec.Domainname)); err != nil {
			return fmt.Errorf("domainname: %w", err)
		}
	}
	return s.protect()
}

// openTerminal makes the process's terminal, which its maker gets the master of.
func (s *stage) openTerminal() (err error) {
	if s.terminal, err = openTerminal(s.root, s.Spec.Process); err != nil {
		return err
	}
	if !s.Exec {
		if err := s.bindConsole(); err != nil {
			return err
		}
	}
	if err := ask(s.Socket, message{Step: stepConsole}, s.terminal.master); err != nil {
		return err
	}
	if err := s.terminal.take(); err != nil {
		return err
	}
	s.terminal.close()
	return nil
}

// bindConsole shows the terminal as /dev/console.
func (s *stage) bindConsole() error {
	target, err := ns.TouchIn(s.root, "/dev/console", 0o600, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return fmt.Errorf("/dev/console: %w", err)
	}
	defer unix.Close(target)
	tree, err := unix.OpenTree(s.terminal.slave, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("/dev/console: %w", err)
	}
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("/dev/console: %w", err)
	}
	return nil
}

// joinKeyring begins a session keyring of the container's own, session-keyring(7). Kernels
// without keyrings need none.
func joinKeyring(id string) error {
	_, err := unix.KeyctlJoinSessionKeyring("_ses." + id)
	if err != nil && err != unix.ENOSYS && err != unix.EPERM {
		return fmt.Errorf("session keyring: %w", err)
	}
	return nil
}
