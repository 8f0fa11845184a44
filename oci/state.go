package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Status is what a container is doing, see the section "State" of runtime; paused is
// runc's addition.
type Status string

// The statuses, in the order in which a container has them.
const (
	Creating Status = "creating" // create has not returned yet
	Created  Status = "created"  // create has returned, start has not been called
	Running  Status = "running"
	Paused   Status = "paused" // all processes are frozen
	Stopped  Status = "stopped"
)

// Statuses are all there are.
var Statuses = []Status{Creating, Created, Running, Paused, Stopped}

// State is what `state` and `list --format json` print of a container.
type State struct {
	// Version is that of the runtime-spec.
	Version string `json:"ociVersion"`
	ID      string `json:"id"`
	// Pid is that of the first process, in the caller's pid namespace; 0 when stopped.
	Pid    int    `json:"pid"`
	Status Status `json:"status"`
	// Bundle is an absolute path, and so is Rootfs.
	Bundle string `json:"bundle"`
	Rootfs string `json:"rootfs"`
	// Created is when create was called: RFC 3339 with nanoseconds, UTC.
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Owner is the name of the user that the state belongs to; `list` shows it, `state`
	// leaves it empty.
	Owner string `json:"owner"`
}

// Encode is the document as `state` prints it, without a newline at the end.
func (s State) Encode() ([]byte, error) {
	return json.MarshalIndent(s.normal(), "", "  ")
}

// normal makes the pid of a stopped container 0, and the time UTC.
func (s State) normal() State {
	if s.Status == Stopped {
		s.Pid = 0
	}
	s.Created = s.Created.UTC()
	return s
}

// EncodeList is what `list --format json` prints: "null" for no containers, and a newline.
func EncodeList(list []State) ([]byte, error) {
	var states []State
	for _, s := range list {
		states = append(states, s.normal())
	}
	data, err := json.Marshal(states)
	return append(data, '\n'), err
}

// Hook is the state that hooks read from their standard input, see the section
// "POSIX-platform Hooks" of config.
func (s State) Hook() specs.State {
	return specs.State{
		Version:     s.Version,
		ID:          s.ID,
		Status:      specs.ContainerState(s.Status),
		Pid:         s.normal().Pid,
		Bundle:      s.Bundle,
		Annotations: s.Annotations,
	}
}

// A Command is one of the runtime's that is about a container that exists.
type Command string

// The commands that depend on a container's status.
const (
	Start       Command = "start"
	Kill        Command = "kill"
	Delete      Command = "delete"
	ForceDelete Command = "delete --force"
	Pause       Command = "pause"
	Resume      Command = "resume"
	Exec        Command = "exec"
	ExecPaused  Command = "exec --ignore-paused"
	Ps          Command = "ps"
	Events      Command = "events"
	Update      Command = "update"
	Checkpoint  Command = "checkpoint"
)

// refusals are what a command answers in a status in which it cannot be; {id} is the
// container, {status} the status. What is not listed is allowed. The words are runc's.
var refusals = map[Command]map[Status]error{
	Start: {
		Creating: text("cannot start a container in the {status} state"),
		Running:  text("cannot start an already running container"),
		Paused:   text("cannot start a container in the {status} state"),
		Stopped:  text("cannot start a container that has stopped"),
	},
	// "Attempting to send a signal to a container that is neither created nor running
	// MUST have no effect on the container and MUST generate an error"; runc's paused
	// containers get theirs when they are resumed.
	Kill: {Creating: ErrNotRunning, Stopped: ErrNotRunning},
	Delete: {
		Creating: text("cannot delete container {id} that is not stopped: {status}"),
		Running:  text("cannot delete container {id} that is not stopped: {status}"),
		Paused:   text("cannot delete container {id} that is not stopped: {status}"),
	},
	ForceDelete: {},
	Pause:       {Creating: ErrNotRunning, Paused: ErrNotRunning, Stopped: ErrNotRunning},
	Resume:      {Creating: ErrNotPaused, Created: ErrNotPaused, Running: ErrNotPaused, Stopped: ErrNotPaused},
	Exec: {
		Creating: text("cannot exec in a container in the {status} state"),
		Paused:   text("cannot exec in a paused container (use --ignore-paused to override)"),
		Stopped:  text("cannot exec in a stopped container"),
	},
	ExecPaused: {
		Creating: text("cannot exec in a container in the {status} state"),
		Stopped:  text("cannot exec in a stopped container"),
	},
	Ps:     {},
	Events: {Stopped: text("container with id {id} is not running")},
	Update: {Stopped: ErrNotRunning},
	Checkpoint: {
		Creating: text("Container cannot be checkpointed in {status} state"),
		Created:  text("Container cannot be checkpointed in {status} state"),
		Stopped:  text("Container cannot be checkpointed in {status} state"),
	},
}

// text is an error whose words depend on the container.
type text string

func (t text) Error() string { return string(t) }

// Allowed returns nil if a command is allowed on the container id, whose status is given,
// and what the command answers if not: ErrNotRunning, ErrNotPaused, or an error of runc's.
// It is an error, too, that a command or status is none of those above.
func Allowed(c Command, id string, s Status) error {
	refused, ok := refusals[c]
	if !ok {
		return fmt.Errorf("%s: no command", quote(string(c)))
	}
	switch s {
	case Creating, Created, Running, Paused, Stopped:
	default:
		return fmt.Errorf("%s: no status of a container", quote(string(s)))
	}
	err := refused[s]
	if t, ok := err.(text); ok {
		return errors.New(strings.NewReplacer("{id}", id, "{status}", string(s)).Replace(string(t)))
	}
	return err
}

// transitions are the statuses that may follow each.
var transitions = map[Status][]Status{
	Creating: {Created, Stopped},
	Created:  {Running, Paused, Stopped},
	Running:  {Paused, Stopped},
	Paused:   {Created, Running, Stopped},
	Stopped:  {},
}

// CanBecome reports whether status to may follow s, or is the same.
func (s Status) CanBecome(to Status) bool {
	next, known := transitions[s]
	return known && (s == to || slices.Contains(next, to))
}
