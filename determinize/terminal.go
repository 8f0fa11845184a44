package determinize

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// A Terminal is the outside of the command's terminal.
type Terminal interface {
	// Typing tells whether input may still arrive there.
	Typing() bool
	// Type types a character.
	Type(c byte)
}

// readTerminal handles a read of a terminal. It waits in the engine, where
// others can go on meanwhile, until the kernel has something to return.
func (e *engine) readTerminal(t *task, fd int32) verdict {
	fl, errno := e.flags(t, fd)
	if errno != 0 {
		return fail(errno)
	}
	if e.terminalReadable(t, fd) || fl&unix.O_NONBLOCK != 0 || !e.foreground(t) {
		return run()
	}
	return block("input of "+e.terminalName(), func() bool { return e.terminalReadable(t, fd) })
}

// terminalName is what a task waits for, which the user is told if it is for ever.
func (e *engine) terminalName() string {
	if e.cfg.Terminal != nil && e.cfg.Terminal.Typing() {
		return "the terminal"
	}
	return "the terminal, which has none (-i passes yours on)"
}

// terminalReadable tells whether a read of a terminal returns at once. When no
// more input can come, whoever waits for a line finds its end; who waits for
// keys is given the one that ends input, once, for what he may make of it.
func (e *engine) terminalReadable(t *task, fd int32) bool {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return true
	}
	defer unix.Close(local)
	if pollIn(local, 0) {
		return true
	}
	mode, err := unix.IoctlGetTermios(local, unix.TCGETS)
	if err != nil {
		return true
	}
	lines := mode.Lflag&unix.ICANON != 0
	if !lines && mode.Cc[unix.VMIN] == 0 {
		return true // such a read waits for a time at most
	}
	if e.cfg.Terminal == nil || e.cfg.Terminal.Typing() || !lines && e.typedEnd {
		return false
	}
	e.typedEnd = e.typedEnd || !lines
	e.cfg.Terminal.Type(mode.Cc[unix.VEOF])
	// What is typed takes the kernel a moment.
	return pollIn(local, 1000)
}

// pollIn tells whether a descriptor can be read from, within milliseconds.
func pollIn(fd, ms int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(p, ms)
		if err != unix.EINTR {
			return p[0].Revents != 0
		}
	}
}

// foreground tells whether a task is in the foreground of its terminal: who is
// not gets a signal instead of input.
func (e *engine) foreground(t *task) bool {
	b, errno := e.readProc(strconv.Itoa(t.pid) + "/stat")
	if errno != 0 {
		return false
	}
	// PID (NAME) STATE PPID PGRP SESSION TTY TPGID; proc_pid_stat(5).
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	return len(f) > 5 && bytes.Equal(f[2], f[5])
}
