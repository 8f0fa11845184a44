package conflict

import (
	"encoding/hex"
	"strconv"
)

// Run is what a box did: all that is kept of it after it has ended. Its JSON is the same
// whenever a box is deterministic and starts from the same. Host is not; and which accesses to
// an object are found to be in conflict depends on the schedule.
type Run struct {
	Host      `json:"-"`
	Conflicts []Conflict `json:"-"` // sorted
	Cached    []Cached   `json:"-"` // of each exec, in the order of Execs; none if there was no cache
	Summary
	Execs []Record `json:"execs"` // in the order of their start
}

// Host is what of a run is the host's, and differs from run to run.
type Host struct {
	ID      string `json:"id"`         // names the run in its store: small letters, digits and hyphens
	Started int64  `json:"started_ms"` // milliseconds since 1970
	Wall    int64  `json:"wall_ms"`    // how long it took, in milliseconds
	// Attempts is how often the box ran; 1 if no conflict made it run again.
	Attempts int    `json:"attempts"`
	Project  string `json:"project"` // directory on the host
}

// Summary is what came of a run.
type Summary struct {
	Command []string `json:"command"`
	Cwd     string   `json:"cwd"` // in the box
	Verdict string   `json:"verdict"`
	Taints  []Taint  `json:"taints"`
	Exit    int      `json:"exit"` // status that laplace exits with
	// Total is how many execs there were, recorded or not.
	Total uint64 `json:"exec_count"`
	Ticks uint64 `json:"ticks"` // intercepted calls
	// Tree, Stdout and Stderr are the digests of the report.
	Tree   string `json:"tree"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// Taint is a reason why a run is not deterministic.
type Taint struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	Exec   string `json:"exec"` // path in the box of the program that met it; may be empty
}

// Record is what one exec observed and did. Of each object it has the first observation
// and the final state, never a list of events.
type Record struct {
	// Identity.
	Parent     int      `json:"parent"` // position of the exec that started it; -1 for the first
	PID        int      `json:"pid"`
	Task       string   `json:"task"` // address of its task in the fork tree
	Argv       []string `json:"argv"`
	Env        []string `json:"env"`
	Cwd        string   `json:"cwd"`
	Executable string   `json:"executable"` // canonical path
	Digest     Digest   `json:"digest"`     // of the files that it starts from
	Seed       Digest   `json:"seed"`

	Inputs   []Input  `json:"inputs"`  // sorted by path, then by kind
	Outputs  []Output `json:"outputs"` // sorted by path
	Streams  []Stream `json:"streams"`
	Children []Child  `json:"children"` // in the order in which they were started
	FDs      []FD     `json:"fds"`      // that it inherited, by number
	Observed Observed `json:"observed"`
	Status   uint32   `json:"status"` // as wait(2) tells it
	// Cut says that it went on when the box ended, which killed it. How far it had come by then
	// is chance: inputs, outputs, streams and what it observed are not told.
	Cut   bool      `json:"cut"`
	Start ClockRead `json:"start"`
	End   ClockRead `json:"end"`
}

// Cached is what the cache had to do with an exec.
type Cached struct {
	Exec    int      `json:"exec"` // its position
	Argv    []string `json:"argv"`
	Skipped uint64   `json:"skipped"` // how many execs were skipped with it, itself included; 0: it ran
	Missed  []string `json:"missed"`  // why it was not skipped
	Unkept  []string `json:"unkept"`  // why what it did was not kept
}

// Digest is a SHA-256 digest; the zero Digest is none.
type Digest [32]byte

// String is "sha256:" and 64 hexadecimal digits; "" for none.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return "sha256:" + hex.EncodeToString(d[:])
}

// MarshalText is String, for JSON.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ClockRead is a task's clocks: B, and W, overwrites and O, as offsets from the epoch.
type ClockRead struct {
	B     uint64 `json:"b"`
	World int64  `json:"w"`
	Over  int64  `json:"over"`
	Known int64  `json:"o"`
	Ticks uint64 `json:"ticks"` // calls since the exec
}

// Kind says what was observed of an object.
type Kind uint8

// Kinds of observations.
const (
	SawContent  Kind = iota // bytes were read: Digest is that of the whole content
	SawMetadata             // stat and its like: Digest is that of what was shown
	SawListing              // names were listed: Digest is that of the list
	SawLink                 // the target of a symbolic link: Digest is that of the target
	SawName                 // it was looked up, and is there
	SawNothing              // a call on it failed: Errno says how
)

// Kinds is how many there are.
const Kinds = int(SawNothing) + 1

var kindNames = [Kinds]string{"content", "metadata", "listing", "link", "name", "nothing"}

// String is the kind in one word; a number for none of the above.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return strconv.Itoa(int(k))
}

// MarshalText is String, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Input is the first observation that an exec made of an object.
type Input struct {
	Path   string `json:"path"`
	Kind   Kind   `json:"kind"`
	Digest Digest `json:"digest"`
	Errno  uint16 `json:"errno"`
}

// Output is the final state, when the exec had ended, of an object that it changed.
type Output struct {
	Path string `json:"path"`
	// Gone says that it was there before, and is no more; nothing else is set then.
	Gone   bool   `json:"gone"`
	Mode   uint32 `json:"mode"`
	Digest Digest `json:"digest"` // of the content, or of a link's target
	Mtime  int64  `json:"mtime"`  // nanoseconds since the epoch
	From   string `json:"from"`   // what was renamed to it, if that was there before
	Owner  uint32 `json:"uid"`    // in the box
	Group  uint32 `json:"gid"`
	Ino    uint64 `json:"ino"`    // inode number in the box: outputs with the same are one file
	Xattrs Digest `json:"xattrs"` // of its extended attributes, if it has any
}

// Stream is bytes that an exec wrote to the box's stdout (1) or stderr (2).
type Stream struct {
	FD     uint8  `json:"fd"`
	Bytes  uint64 `json:"bytes"`
	Digest Digest `json:"digest"`
}

// Child is an exec that was started by this one.
type Child struct {
	Exec int    `json:"exec"` // its position
	Key  Digest `json:"key"`  // digest of argv, environment, directory and executable
	N    uint32 `json:"n"`    // how many equal ones were started before it
}

// FD is a descriptor that an exec inherited.
type FD struct {
	Number uint32 `json:"number"`
	Kind   string `json:"kind"`  // "file", "dir", "pipe", "socket", "tty", "device", "null"
	Flags  uint32 `json:"flags"` // of open(2)
	Path   string `json:"path"`  // if it has one
}

// Observed is what else an exec observed.
type Observed struct {
	Clock  bool   `json:"clock"`  // it read a clock, or slept
	PID    bool   `json:"pid"`    // its process id, or its parent's
	Random bool   `json:"random"` // random bytes, or a number made from its seed
	Stdin  Digest `json:"stdin"`  // what it read of the box's standard input
}
