package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/ns"
)

// A Disturbance changes what a box must not depend on: everything about the host
// and its caller that is not an input.
type Disturbance struct {
	// Nth chooses the changes: each number others.
	Nth int `json:"nth"`
	// Jitter chooses the processes that are held back, together with Nth.
	Jitter string `json:"jitter"`
	// ScheduleOnly leaves everything but that as it is.
	ScheduleOnly bool `json:"schedule_only,omitempty"`
}

// Disturbed says what a Disturbance has changed, and what it could not change on
// this host, a phrase each.
type Disturbed struct {
	Done       []string
	Impossible []string
}

// disturbances are what can be changed, in the order in which it is. Each returns
// what it did.
var disturbances = []struct {
	what string
	do   func(*supervisor, *chooser) (string, error)
}{
	{"start time", (*supervisor).disturbStart},
	{"CPU", (*supervisor).disturbCPU},
	{"number of CPUs", (*supervisor).disturbCPUs},
	{"umask", (*supervisor).disturbUmask},
	{"time zone and locale", (*supervisor).disturbEnv},
	{"host name", (*supervisor).disturbHostname},
	{"host user", (*supervisor).disturbUser},
	{"process ids", (*supervisor).disturbPIDs},
	{"process ids in the box", (*supervisor).disturbBoxPIDs},
	{"address space", (*supervisor).disturbAddresses},
	{"inode numbers", (*supervisor).disturbInodes},
	{"order in which the project's files were made", (*supervisor).disturbOrder},
}

// errHere is why a disturbance is impossible for reasons that need no errno.
var errHere = errors.New("not possible here")

// chooser makes choices that a seed decides.
type chooser struct{ stream prng.Stream }

func newChooser(seed string) *chooser {
	return &chooser{prng.NewStream(prng.Root([]byte(seed)), "disturbance")}
}

// below returns a number from 0 to n-1.
func (c *chooser) below(n int) int {
	var b [8]byte
	c.stream.Read(b[:])
	return int(binary.LittleEndian.Uint64(b[:]) % uint64(n))
}

func (c *chooser) of(list ...string) string { return list[c.below(len(list))] }

// shuffle swaps n elements into any order.
func (c *chooser) shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, c.below(i+1))
	}
}

// disturb does what the box's Disturbance asks for.
func (s *supervisor) disturb() *Disturbed {
	d := &Disturbed{}
	if s.box.Disturb.ScheduleOnly {
		d.Done = append(d.Done, "another schedule")
		return d
	}
	c := newChooser("run " + strconv.Itoa(s.box.Disturb.Nth))
	for _, x := range disturbances {
		done, err := x.do(s, c)
		if err != nil {
			d.Impossible = append(d.Impossible, fmt.Sprintf("%s (%v)", x.what, cause(err)))
			continue
		}
		d.Done = append(d.Done, done)
	}
	d.Done = append(d.Done, "directories in another order", "another schedule")
	return d
}

// jitter says of which stops others come first, and of how many: mostly of none, else of a
// few or of some hundred. nil without a disturbance.
func (s *supervisor) jitter() func() int {
	d := s.box.Disturb
	if d == nil {
		return nil
	}
	c := newChooser("jitter " + strconv.Itoa(d.Nth) + " " + d.Jitter)
	oneIn := 32
	if d.ScheduleOnly {
		oneIn = 4 // for programs of a few calls
	}
	return func() int {
		if c.below(oneIn) > 0 {
			return 0
		}
		return 1 + c.below(1<<c.below(10))
	}
}

// rest waits for a moment.
func rest() { time.Sleep(100 * time.Microsecond) }

// shuffle brings directories into an order that the host's file system might have
// listed them in; nil without a disturbance.
func (s *supervisor) shuffle() func(n int, swap func(i, j int)) {
	if s.box.Disturb == nil || s.box.Disturb.ScheduleOnly {
		return nil
	}
	return newChooser("order " + strconv.Itoa(s.box.Disturb.Nth)).shuffle
}

func (s *supervisor) disturbStart(c *chooser) (string, error) {
	d := time.Duration(c.below(1300)) * time.Millisecond
	time.Sleep(d)
	return fmt.Sprintf("%d ms later", d.Milliseconds()), nil
}

// disturbCPU leaves the box one of the CPUs that it may run on.
func (s *supervisor) disturbCPU(*chooser) (string, error) {
	var have unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return "", err
	}
	if have.Count() < 2 {
		return "", errors.New("there is only one")
	}
	nth := s.box.Disturb.Nth % have.Count()
	for cpu := range len(have) * 64 {
		if !have.IsSet(cpu) {
			continue
		}
		if nth == 0 {
			s.cpu = cpu
			return fmt.Sprintf("CPU %d", cpu), nil
		}
		nth--
	}
	return "", errHere
}

// disturbCPUs lets every other run have all CPUs, and the ones between only one.
func (s *supervisor) disturbCPUs(*chooser) (string, error) {
	var have unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return "", err
	}
	all := have.Count()
	if all < 2 || s.cpu < 0 {
		return "", errors.New("there is only one")
	}
	if s.box.Disturb.Nth%2 == 0 {
		return fmt.Sprintf("%d CPUs", all), nil
	}
	var one unix.CPUSet
	one.Set(s.cpu)
	return "1 CPU", unix.SchedSetaffinity(0, &one)
}

func (s *supervisor) disturbUmask(*chooser) (string, error) {
	umask := [...]int{0o027, 0o077, 0, 0o002}[s.box.Disturb.Nth%4]
	syscall.Umask(umask)
	return fmt.Sprintf("umask %03o", umask), nil
}

func (s *supervisor) disturbEnv(c *chooser) (string, error) {
	tz := c.of("Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Pago_Pago")
	lang := c.of("tr_TR.UTF-8", "de_DE", "ja_JP.EUC-JP", "ar_EG.UTF-8")
	return "TZ=" + tz + " LANG=" + lang, errors.Join(os.Setenv("TZ", tz), os.Setenv("LANG", lang), os.Setenv("LC_ALL", lang))
}

// disturbHostname gives the host a name that only this process, and those that it
// starts, see.
func (s *supervisor) disturbHostname(c *chooser) (string, error) {
	name := "host-" + strconv.Itoa(c.below(1000))
	runtime.LockOSThread() // for good; the one that starts init is locked already
	if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
		return "", err
	}
	return "host name " + name, unix.Sethostname([]byte(name))
}

// disturbUser makes the guest another user of the host.
func (s *supervisor) disturbUser(c *chooser) (string, error) {
	l := s.box.Spec.Linux
	if s.rootless || l == nil || len(l.UIDMappings) == 0 || len(l.GIDMappings) == 0 {
		return "", errors.New("needs root")
	}
	by := uint32(1 + c.below(50_000))
	l.UIDMappings[0].HostID += by
	l.GIDMappings[0].HostID += by
	return fmt.Sprintf("host user %d", l.UIDMappings[0].HostID), nil
}

// disturbPIDs uses up process ids of the host.
func (s *supervisor) disturbPIDs(c *chooser) (string, error) {
	n := 1 + c.below(50)
	for range n {
		child, err := ns.ForkScript(0, nil)
		if err != nil {
			return "", err
		}
		unix.Close(child.FD)
		unix.Close(child.Report)
		var ws unix.WaitStatus
		for {
			if _, err := unix.Wait4(child.PID, &ws, 0, nil); err != unix.EINTR {
				break
			}
		}
	}
	return fmt.Sprintf("%d processes before", n), nil
}

// disturbBoxPIDs has the kernel count on, in the box, from where it would be after as
// many processes.
func (s *supervisor) disturbBoxPIDs(c *chooser) (string, error) {
	s.lastPID = commandPID + c.below(20_000)
	return fmt.Sprintf("%d process ids used in the box", s.lastPID), nil
}

// disturbAddresses says whether the host's own randomisation does it.
func (s *supervisor) disturbAddresses(*chooser) (string, error) {
	const file = "/proc/sys/kernel/randomize_va_space"
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(text)) == "0" {
		return "", errors.New("the host does not randomise it: kernel.randomize_va_space is 0")
	}
	return "another address space", nil
}

// disturbInodes uses up inode numbers where the box's changes will lie, and leaves
// gaps in them.
func (s *supervisor) disturbInodes(c *chooser) (string, error) {
	dir := filepath.Join(s.dir, "disturbance")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	n := 10 + c.below(200)
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
			return "", err
		}
	}
	for i := range n {
		if c.below(2) == 0 {
			if err := os.Remove(filepath.Join(dir, strconv.Itoa(i))); err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprintf("%d inodes before", n), nil
}

// disturbOrder has the box see copies of its directories, whose files were made in
// another order, now. Where the box is not root's, all must be its user's.
func (s *supervisor) disturbOrder(c *chooser) (string, error) {
	var copies []string
	for i := range s.box.Overlays {
		to := filepath.Join(s.dir, "copy-"+strconv.Itoa(i))
		copies = append(copies, to)
		if err := copyShuffled(s.box.Overlays[i].Source, to, c); err != nil {
			err = cause(err)
			if s.rootless {
				err = fmt.Errorf("needs root unless all are yours: %w", err)
			}
			for _, left := range copies {
				err = errors.Join(err, os.RemoveAll(left))
			}
			return "", err
		}
	}
	for i := range copies {
		s.box.Overlays[i].Source = copies[i]
	}
	return "files made in another order", nil
}

// String is what was changed, for people.
func (d *Disturbed) String() string { return strings.Join(d.Done, ", ") }
