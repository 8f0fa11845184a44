package oci

import (
	"errors"
	"fmt"
)

// RuncVersion is the version of runc whose commands, texts and formats are the model:
// what `--version` says first, because containerd's go-runc and podman read it.
const RuncVersion = "1.5.1"

// Errors about containers in runc's words. Clients look for parts of them in the log or on
// standard error: see the comments.
var (
	// ErrExist is for a name that is taken. Users and scripts look for it, and CRI tools
	// when they create a container again.
	ErrExist = errors.New("container with given ID already exists")
	// ErrInvalidID is for a name that is none, see [ValidateID].
	ErrInvalidID = errors.New("invalid container ID format")
	// ErrNotExist is for a container that is not there. containerd looks for "does not
	// exist" after kill and delete, and takes it that all is well.
	ErrNotExist = errors.New("container does not exist")
	// ErrNotRunning is for a signal to a stopped container, and for others that need a
	// process. containerd and podman look for "container not running" after kill, and
	// take it that all is well.
	ErrNotRunning = errors.New("container not running")
	// ErrNotPaused is for a container that is to be resumed and is not paused.
	ErrNotPaused = errors.New("container not paused")
	// ErrEmptyID is for no name at all.
	ErrEmptyID = errors.New("container id cannot be empty")
	// ErrCgroupNotEmpty is for a cgroup that has processes when a container is made.
	ErrCgroupNotEmpty = errors.New("container's cgroup is not empty")
	// ErrInitRunning is for a container whose first process doesn't die.
	ErrInitRunning = errors.New("container init still running")
	// ErrNoConsoleSocket and ErrConsoleSocket are for a terminal that nobody would hold,
	// and one that nobody asked for.
	ErrNoConsoleSocket = errors.New("cannot allocate tty if runc will detach without setting console socket")
	ErrConsoleSocket   = errors.New("cannot use console socket if runc will not detach or allocate tty")
)

// Words that clients look for in errors of starting a process. The error that has one is
// that of the system call, or made by [NotFound].
const (
	// TextFinished: containerd looks for it after kill, like ErrNotRunning.
	TextFinished = "os: process already finished"
	// TextNoProcess is ESRCH. containerd looks for it after kill, in any case of letters.
	TextNoProcess = "no such process"
	// TextNotFound and TextNoFile, which is ENOENT: podman and CRI-O make the status 127
	// of them.
	TextNotFound = "executable file not found in $PATH"
	TextNoFile   = "no such file or directory"
	// TextPermission is EACCES: podman makes the status 126 of it, and of "operation not
	// permitted", in any case of letters.
	TextPermission = "permission denied"
)

// NotFound is the error for a command that is in no directory of the container's PATH, in
// the words of Go's os/exec.
func NotFound(command string) error {
	return fmt.Errorf("exec: %s: %s", quote(command), TextNotFound)
}

// MaxID is the greatest length of a container's name: it is that of a directory, see
// NAME_MAX in limits.h.
const MaxID = 255

// ValidateID returns ErrEmptyID or ErrInvalidID unless id can be the name of a container:
// letters and digits of ASCII, "_", "+", "-" and ".", neither "." nor "..".
func ValidateID(id string) error {
	if id == "" {
		return ErrEmptyID
	}
	if id == "." || id == ".." || len(id) > MaxID {
		return ErrInvalidID
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '+', c == '-', c == '.':
		default:
			return ErrInvalidID
		}
	}
	return nil
}
