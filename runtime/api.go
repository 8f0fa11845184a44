// Package runtime is the life cycle of a box: it starts the supervisor, which starts
// the box's init and traces what runs in it, and hands back what came of it.
package runtime

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"time"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/project/journal"
	"laplace.dev/laplace/runtime/boxcache"
)

// Format is the version of everything that Laplace keeps in its state directory. State
// with another number is ignored, never read.
const Format = 1

// Exit statuses of Laplace's own, after those of timeout(1) and env(1). Every other
// status is the command's, or 128 + the signal that ended it.
const (
	ExitConflict      = 122 // processes were in conflict, and Box.OnConflict is ConflictFail; or output cannot be taken back
	ExitTimeout       = 124 // the box ran longer than Box.Timeout
	ExitFailure       = 125 // Laplace itself failed, or the verdict is tainted and Box.Strict is set
	ExitNotExecutable = 126 // the command was found and could not be executed
	ExitNotFound      = 127 // the command was not found in the box
)

// A Box is one box to run: a bundle in memory and what to do with its result. It is
// written as JSON to the supervisor; open files travel as descriptors.
type Box struct {
	oci.Bundle

	// Stdin, Stdout and Stderr are the outside ends. The caller owns and closes them;
	// the box may be handed duplicates.
	Stdin  *os.File `json:"-"`
	Stdout *os.File `json:"-"`
	Stderr *os.File `json:"-"`
	// StdinKind says what Stdin is.
	StdinKind StdinKind `json:"stdinKind"`
	// StdinDigest is that of all that there is to be read of Stdin, if the cache needs it and it is
	// known; Run sets it.
	StdinDigest []byte `json:"stdinDigest,omitempty"`
	// Terminal gives the command a terminal of 24 rows and 80 columns as stdin, stdout
	// and stderr; its output goes to Stdout.
	Terminal bool `json:"terminal,omitempty"`
	// Stream passes stdout and stderr on as the command writes them. Without it, what goes
	// to a file, a pipe or a socket is kept until the box has ended, unless the box will
	// not run again anyhow (OnConflict; Terminal, StdinLive, Canonical, Trace, the host's network).
	Stream bool `json:"stream,omitempty"`
	// Timeout ends the box with ExitTimeout after this much real time; 0 never does.
	Timeout time.Duration `json:"timeout,omitempty"`

	// Canonical has the command's processes make their calls one at a time, in the order
	// that their results have when they run at the same time, too.
	Canonical bool `json:"canonical,omitempty"`

	// Costs, when not nil, asks for what the command's execs cost, and has what they cost in
	// an earlier run decide which of several processes is said to have ended first.
	Costs *Costs `json:"costs,omitempty"`

	// SpinLimit is how much CPU time a process may use without a call while others wait;
	// afterwards they go on, and the verdict is tainted; 0 sets no limit.
	SpinLimit time.Duration `json:"spinLimit"`

	// Project is the project's directory on the host, the Source of one of Overlays.
	Project string `json:"project"`
	// Reads are directories on the host, paths without symbolic links, that the box has for
	// reading only and that other boxes may change: one that does so meanwhile taints.
	Reads []string `json:"reads,omitempty"`
	// State is the directory on the host in which the runtime keeps the upper layers
	// while the box runs. It is created when it is absent.
	State string `json:"state"`
	// Commit says what happens to the changes when the command succeeds.
	Commit CommitMode `json:"commit"`
	// Fresh has the box see the project, and the other Overlays, as a clean clone has them:
	// all files of one date, without what git does not track.
	Fresh bool `json:"fresh,omitempty"`
	// Keep has CommitProject commit whatever the command's status is.
	Keep bool `json:"keep,omitempty"`
	// Out is the directory that CommitOut writes: absolute, created when absent.
	Out string `json:"out,omitempty"`
	// OnConflict says what becomes of a run in which the order of accesses was left to
	// chance; empty stands for ConflictOrder.
	OnConflict OnConflict `json:"onConflict,omitempty"`
	// Strict turns a tainted verdict into a failure that commits nothing.
	Strict bool `json:"strict,omitempty"`
	// Disturb, when not nil, changes what the box must not depend on.
	Disturb *Disturbance `json:"disturb,omitempty"`
	// Unwatched has no conflicts looked for, to measure what that costs; it taints.
	Unwatched bool `json:"unwatched,omitempty"`
	// Unpinned are pins that are off, to show that somebody would notice; each taints.
	Unpinned determinize.Pins `json:"unpinned,omitempty"`
	// Record has the run's record kept in State, see Runs.
	Record bool `json:"record,omitempty"`
	// Cache says whether execs are skipped that have run before, and what they did is kept.
	Cache boxcache.Mode `json:"cache,omitempty"`
	// Writers asks for Outcome.Writers.
	Writers bool `json:"writers,omitempty"`
	// Trace, when not nil, asks for a text of the intercepted calls.
	Trace *Trace `json:"trace,omitempty"`

	// Notice, when not nil, is told at once what the user should know before the box
	// starts: whom it waits for, what became of an interrupted commit; a line each.
	Notice func(line string) `json:"-"`
}

// Costs are what execs cost in an earlier run.
type Costs struct {
	// Text is as package costs writes it; empty if there was no such run.
	Text []byte `json:"text"`
}

// StdinKind says what the box's standard input is, which decides whether its content
// is an input like any file or a reason for a taint.
type StdinKind string

// Kinds of standard input.
const (
	StdinNull StdinKind = "null" // nothing: /dev/null
	StdinFile StdinKind = "file" // a regular file, from its current offset
	StdinPipe StdinKind = "pipe" // a pipe or socket, read to its end; when bytes arrive is not observable
	StdinLive StdinKind = "live" // whatever arrives when it arrives; taints the verdict
)

// CommitMode says what happens to what the box changed when the command succeeded.
type CommitMode string

// Commit modes.
const (
	CommitProject CommitMode = "project" // changes go back to the Source of each overlay; or are kept
	CommitNone    CommitMode = "none"    // changes are thrown away
	CommitOut     CommitMode = "out"     // changes are written to Box.Out
)

// A Trace says which intercepted calls are written and how.
type Trace struct {
	// Calls are the names of the system calls to write; nil means all.
	Calls []string `json:"calls,omitempty"`
	// JSON writes one object a line instead of strace-like text.
	JSON bool `json:"json,omitempty"`
	// Writer receives the text. The caller owns and closes it.
	Writer *os.File `json:"-"`
}

// An Outcome is what came of a box.
type Outcome struct {
	// Report is the verdict with its reasons, and the digests of the results. It is empty
	// when the box was ended because its output could not be written.
	Report Report
	// Exit is the status to exit with: the command's, or one of the Exit constants.
	Exit int
	// Warnings are what the user should know besides, a line each.
	Warnings []string
	// Kept is where the changes are that were to be committed and were not; Commit
	// does it. Empty where there are none.
	Kept string
	// Writers says who wrote what, if Box.Writers asked for it.
	Writers *Writers
	// Costs is what the box's execs have cost, and earlier ones, if Box.Costs asked for it:
	// the Text for another run.
	Costs []byte
	// Disturbed is what became of Box.Disturb.
	Disturbed *Disturbed
}

// Verdicts of a Report.
const (
	Deterministic = "deterministic"
	Tainted       = "tainted"
)

// TaintUnchecked is the kind of the taint of a box that had more names of files than conflicts
// can be looked for.
const TaintUnchecked = determinize.TaintUnchecked

// Where modification times come from; see package project/journal.
const (
	TimesKept   = string(journal.Kept)
	TimesFlat   = string(journal.Flat)
	TimesRanked = string(journal.Ranked)
)

// A Report is what `laplace do --report` writes.
type Report struct {
	// Version is the version of Laplace; package cli fills it in.
	Version string `json:"version"`
	// Command is the argv of the command.
	Command []string `json:"command"`
	// Exit is the status that laplace exits with.
	Exit int `json:"exit"`
	// Verdict is Deterministic or Tainted.
	Verdict string `json:"verdict"`
	// Taints are the reasons of a tainted verdict, in the order in which they arose.
	Taints []Taint `json:"taints"`
	// Conflicts are accesses whose order the program leaves to chance: those that were
	// ordered, in this or an earlier attempt, and those that were not, which taint.
	Conflicts []conflict.Conflict `json:"conflicts"`
	// Attempts is how often the box ran; 1 if no conflict made it run again.
	Attempts int `json:"attempts"`
	// Refused are the system calls that were refused, sorted by name.
	Refused []Refusal `json:"refused"`
	// Unmasked are the executed programs and mapped libraries, as paths in the box, in
	// which there are instructions that this host cannot trap (RDRAND, RDSEED); sorted.
	Unmasked []string `json:"unmasked"`
	// CPU is the CPU that the box ran on, which its programs can find out.
	CPU cpuid.Model `json:"cpu"`
	// Execs counts the execs of the box.
	Execs Execs `json:"execs"`
	// Ticks is the number of intercepted calls.
	Ticks uint64 `json:"ticks"`
	// Times says where the modification times of the files that the box found come from:
	// TimesKept, TimesFlat or TimesRanked; for several directories the last of those.
	Times string `json:"times"`
	// SavedTicks is the number of those of the execs that were skipped.
	SavedTicks uint64 `json:"saved_ticks"`
	// Costs is the digest of the file of costs that the run was given; "" if it was given none.
	Costs string `json:"costs,omitempty"`
	// Tree, Stdout and Stderr are digests ("sha256:" and 64 hexadecimal digits) of the
	// final tree of changes and of the two streams.
	Tree   string `json:"tree"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Record says where the record of the run is.
	Record Record `json:"record"`
	// WallMS is how long the box took in milliseconds of real time: with Record.ID what
	// differs from run to run.
	WallMS int64 `json:"wall_ms"`
}

// A Taint is one reason why a box is not deterministic.
type Taint struct {
	// Kind is a word from the list in docs/errors.md.
	Kind string `json:"kind"`
	// Detail names the object or the call.
	Detail string `json:"detail"`
	// Exec is the program, as a path in the box, that met it; empty where none did.
	Exec string `json:"exec"`
}

// A Refusal counts the refused calls of one name.
type Refusal struct {
	// Syscall is the name of the call, with the part that was refused where that is an
	// argument: "ioctl(0x5413)", "socket(AF_INET)".
	Syscall string `json:"syscall"`
	// Count is how often it was refused.
	Count uint64 `json:"count"`
}

// Execs counts the execs of a box; see the DESIGN's words: an exec is what one
// successful execve starts.
type Execs struct {
	// Total is Run + Skipped.
	Total uint64 `json:"total"`
	// Run counts those that were executed.
	Run uint64 `json:"run"`
	// Skipped counts those whose result came from the cache.
	Skipped uint64 `json:"skipped"`
}

// MarshalJSON writes absent lists as [] and never as null.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report // without this method
	p := plain(r)
	if p.Command == nil {
		p.Command = []string{}
	}
	if p.Taints == nil {
		p.Taints = []Taint{}
	}
	if p.Conflicts == nil {
		p.Conflicts = []conflict.Conflict{}
	}
	if p.Refused == nil {
		p.Refused = []Refusal{}
	}
	if p.Unmasked == nil {
		p.Unmasked = []string{}
	}
	return json.Marshal(p)
}

// An Interrupt is the cause, see context.Cause, with which the context of a run is
// canceled when the caller was sent a signal that ends the box.
type Interrupt struct {
	Signal syscall.Signal
}

func (i Interrupt) Error() string { return i.Signal.String() }

// An Error is a failure that a user is told about in one line: what failed, on what,
// why, and the way out.
type Error struct {
	// Op is what failed, in the user's words: "project", "user namespace".
	Op string
	// On is the path, flag or name that it failed on; may be empty.
	On string
	// Err is the cause.
	Err error
	// Hint is the way out, an imperative without a full stop; may be empty.
	Hint string
	// Exit is the status to exit with; 0 means ExitFailure.
	Exit int
}

// Error returns what failed, on what and why, without the way out.
func (e *Error) Error() string {
	parts := []string{e.Op}
	if e.On != "" {
		parts = append(parts, e.On)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
