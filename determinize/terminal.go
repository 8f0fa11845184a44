package determinize

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// A Terminal is the outside of the command's terminal.
type Terminal interface {
	// Typing tells whether input may still arrive there.
	Typing() bool
	// Type types a character.
	Type(c byte)
	// Ear is a descriptor of the terminal, by which somebody else's typing is noticed; -1 where
	// it is the caller that types, and Typing says all. It stays the caller's.
	Ear() int
}

// ttyKind tells one end of a pseudo terminal, see pty(7), from the other.
type ttyKind uint8

const (
	ttyOther  ttyKind = iota // of a pseudo terminal that a guest has made
	ttyMaster                // a master, which has no lines and no foreground
	ttyOurs                  // the command's terminal
)

// ttyKindOf says which terminal a descriptor leads to. The command's is the
// first in the box's devpts.
func (e *engine) ttyKindOf(t *task, st *unix.Stat_t) ttyKind {
	major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
	switch {
	case major == 5 && minor == 2:
		return ttyMaster
	case e.cfg.Terminal == nil:
		return ttyOther
	case major == 136 && minor == e.tty.minor, major == 5 && minor == 0 && e.ttyStat(t).device == 136<<8|uint64(e.tty.minor):
		return ttyOurs
	}
	return ttyOther
}

// tty is what is known of the command's terminal.
type tty struct {
	minor uint32
	// size is what the configuration says, or a guest since: another one is somebody
	// outside's doing.
	size unix.Winsize
}

// earFD is a descriptor of the command's terminal, if somebody outside has its other end, or -1.
func (e *engine) earFD() int {
	if e.cfg.Terminal == nil {
		return -1
	}
	return e.cfg.Terminal.Ear()
}

// findTTY finds out which terminal is the command's. Its size is not asked for: it may have been changed already.
func (e *engine) findTTY() error {
	e.tty.size = e.cfg.TerminalSize
	if e.earFD() < 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(e.earFD(), &st); err != nil {
		return fmt.Errorf("stat the terminal: %w", err)
	}
	e.tty.minor = unix.Minor(st.Rdev)
	return nil
}

// resized tells whether somebody outside has changed the size of the command's terminal.
func (e *engine) resized() bool {
	size, err := unix.IoctlGetWinsize(e.earFD(), unix.TIOCGWINSZ)
	return err == nil && *size != e.tty.size
}

// sizes lets a call run that asks for the size of the command's terminal, or sets it.
func (e *engine) sizes(t *task, req uint64) verdict {
	if req == unix.TIOCSWINSZ {
		var size unix.Winsize
		if e.tr.ReadFull(t.pid, t.arg(2), bytesOf(&size)) == 0 {
			e.tty.size = size
		}
		return run()
	}
	if e.resized() {
		e.heard("size of the terminal")
	}
	return run()
}

// keyed notes a signal that somebody outside has made by a key, by changing the size of the terminal, or by
// hanging up.
func (e *engine) keyed(sig unix.Signal, info []byte) {
	if e.earFD() < 0 || int32(binary.LittleEndian.Uint32(info[siCode:])) != siKernel {
		return
	}
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP:
		e.heard("terminal")
	case unix.SIGHUP:
		if !e.cfg.Terminal.Typing() {
			e.heard("terminal")
		}
	case unix.SIGWINCH:
		if e.resized() {
			e.heard("size of the terminal")
		}
	}
}

// readTerminal handles a read of a terminal. It waits in the engine, where
// others can go on meanwhile, until the kernel has something to return.
func (e *engine) readTerminal(t *task, fd int32, st *unix.Stat_t) verdict {
	fl, errno := e.flags(t, fd)
	if errno != 0 {
		return fail(errno)
	}
	if e.terminalReadable(t, fd, st) || fl&unix.O_NONBLOCK != 0 || e.background(t, st) {
		if e.earFD() < 0 || e.ttyKindOf(t, st) != ttyOurs {
			return run()
		}
		return runThen(func(ret int64) {
			if ret > 0 || ret == -int64(unix.EAGAIN) {
				e.heard("terminal")
			}
		})
	}
	file := *st
	v := block(func() string { return "input of " + e.terminalName(t, &file) }, nil, func() (sched.Stamp, bool) {
		return sched.Stamp{}, e.terminalReadable(t, fd, &file)
	})
	v.input = true
	return v
}

// terminalName is what a task waits for, which the user is told if it is for ever.
func (e *engine) terminalName(t *task, st *unix.Stat_t) string {
	switch {
	case e.ttyKindOf(t, st) != ttyOurs:
		return "a pseudo terminal"
	case e.cfg.Terminal.Typing():
		return "the terminal"
	}
	return "the terminal, which has none (-i passes yours on)"
}

// terminalReadable tells whether a read of a terminal returns at once. When no
// more input can come, whoever waits for a line finds its end; who waits for
// keys is given the one that ends input, once, for what he may make of it. A
// program may have chosen one that does not, or none: it waits for ever.
func (e *engine) terminalReadable(t *task, fd int32, st *unix.Stat_t) bool {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return true
	}
	defer unix.Close(local)
	if inputAt(local) {
		return true
	}
	kind := e.ttyKindOf(t, st)
	if kind == ttyMaster {
		return false
	}
	mode, err := unix.IoctlGetTermios(local, unix.TCGETS)
	if err != nil {
		return true
	}
	lines := mode.Lflag&unix.ICANON != 0
	if !lines && mode.Cc[unix.VMIN] == 0 {
		return true // such a read waits for a time at most
	}
	key := mode.Cc[unix.VEOF]
	if kind != ttyOurs && t.visit != nil && t.visit.terminal {
		e.hearsVisit(t, fd)
	}
	if kind != ttyOurs || e.cfg.Terminal.Typing() || !lines && e.typedEnd || key == e.typedVain {
		return false
	}
	e.typedEnd = e.typedEnd || !lines
	e.cfg.Terminal.Type(key)
	if inputAt(local) {
		return true
	}
	e.typedVain = key
	return false
}

// inputAt tells whether a terminal can be read from now. What was typed before
// is seen: the kernel treats it first (n_tty_poll).
func inputAt(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(p, 0)
		if err != unix.EINTR {
			return p[0].Revents != 0
		}
	}
}

// background tells whether a terminal controls a task that is not in its
// foreground: that gets a signal instead of input.
func (e *engine) background(t *task, st *unix.Stat_t) bool {
	s := e.ttyStat(t)
	if major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev); (major != 5 || minor != 0) && uint64(major<<8|minor) != s.device {
		return false
	}
	return s.foreground != s.group
}

// ttyStat is what /proc/PID/stat tells of a task's terminal; device is its
// number, of which devpts has less than 256 that matter.
type ttyStat struct {
	group, foreground int64
	device            uint64
}

func (e *engine) ttyStat(t *task) (s ttyStat) {
	b, errno := e.readProc(strconv.Itoa(t.pid) + "/stat")
	if errno != 0 {
		return s
	}
	// PID (NAME) STATE PPID PGRP SESSION TTY TPGID; proc_pid_stat(5).
	if f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]); len(f) > 5 {
		s.group, _ = strconv.ParseInt(string(f[2]), 10, 64)
		s.device, _ = strconv.ParseUint(string(f[4]), 10, 64)
		s.foreground, _ = strconv.ParseInt(string(f[5]), 10, 64)
	}
	return s
}
