package determinize

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A Pin is something of the host or of the caller that a box hides, and that can be
// left as it is: so that it can be shown that somebody would notice.
type Pin string

// Pins that can be switched off. Those of the calls of kernelAnswers, PinPIDs, PinInodes,
// PinOrder and PinSchedule are the engine's; the others are settings of the process that the box
// starts with, and its runtime's.
const (
	PinTime     Pin = "time"     // clocks
	PinCPU      Pin = "cpu"      // which one a process is on
	PinCPUs     Pin = "cpus"     // how many there are
	PinUmask    Pin = "umask"    // the caller's file mode creation mask
	PinEnv      Pin = "env"      // the caller's environment
	PinHostname Pin = "hostname" // the host's name
	PinUser     Pin = "user"     // the ids that the guest has outside
	PinPIDs     Pin = "pids"     // which process ids the kernel gives
	PinInodes   Pin = "inodes"   // inode numbers
	PinOrder    Pin = "order"    // in which directories are listed
	PinASLR     Pin = "aslr"     // address space layout randomisation
	PinSchedule Pin = "schedule" // in which order processes come to their calls
)

// AllPins are all that there are.
var AllPins = Pins{PinTime, PinCPU, PinCPUs, PinUmask, PinEnv, PinHostname, PinUser, PinPIDs, PinInodes, PinOrder, PinASLR, PinSchedule}

// Pins is a set of pins.
type Pins []Pin

// ParsePins reads a list of names with commas between them.
func ParsePins(text string) (Pins, error) {
	var out Pins
	for _, name := range strings.Split(text, ",") {
		if !AllPins.Has(Pin(name)) {
			return nil, fmt.Errorf("pin %q: not one of %v", name, AllPins)
		}
		out = append(out, Pin(name))
	}
	return out, nil
}

// String is the form that ParsePins reads.
func (p Pins) String() string {
	names := make([]string, len(p))
	for i, x := range p {
		names[i] = string(x)
	}
	return strings.Join(names, ",")
}

// Has tells whether a pin is in the set.
func (p Pins) Has(x Pin) bool { return slices.Contains(p, x) }

// kernelAnswers are the calls whose answer is a pin's, and the kernel's where it is off.
var kernelAnswers = map[Pin][]uint64{
	PinTime:     {unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_TIME, unix.SYS_TIMES},
	PinCPU:      {unix.SYS_GETCPU},
	PinCPUs:     {unix.SYS_SCHED_GETAFFINITY},
	PinHostname: {unix.SYS_UNAME},
}

// native tells whether a call is left to the kernel because a pin is off.
func (p Pins) native(nr uint64) bool {
	return slices.ContainsFunc(p, func(x Pin) bool { return slices.Contains(kernelAnswers[x], nr) })
}
