// Package strace writes system calls, and what else happens to a process, the
// way strace(1) does: "[300] openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3".
//
// A [Call] is made when a process has stopped before the kernel sees its call,
// which copies the arguments that the kernel would read; its result and what
// it left in the process's memory are added when it is over. How an argument
// is written follows from the policy table: its kind, the rules of its kind,
// and for what an address leads to the table of shapes.
//
// All that is read of a process is copied once and bounded: 32 bytes of a
// buffer, 4,095 of a path, 32 members of an array. What is written of it is
// printable ASCII on one line.
package strace

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind says what an event is.
type Kind string

// Kinds of events.
const (
	KindCall   Kind = "call"   // a system call is over
	KindStart  Kind = "start"  // a new program begins
	KindSignal Kind = "signal" // a signal is delivered
	KindStop   Kind = "stop"   // a signal has stopped the process
	KindExit   Kind = "exit"   // the process has exited
	KindKilled Kind = "killed" // a signal has ended the process
)

// Event is one line of a trace.
type Event struct {
	PID  int // of the process, in the box
	Kind Kind

	// Name is the call's, the signal's, or the new program's path in the box.
	Name string
	// Args are the arguments of a call, the members of a signal's siginfo_t
	// or, without names, the arguments of a new program.
	Args []Arg

	// Ret is a call's result, or the exit status.
	Ret int64
	// Errno is set when a call failed; Ret is -1 then.
	Errno unix.Errno
	// Never says that the call did not return: it has no result.
	Never bool
	// Address says that Ret is an address.
	Address bool
	// Refused says that the policy refused the call.
	Refused bool
}

// Arg is an argument as it is written.
type Arg struct {
	Name string
	Text string
}

// Restart codes of the kernel (include/linux/errno.h), which a tracer sees
// where a signal interrupted a call.
const (
	errRestartSys    = 512
	errRestartNoIntr = 513
	errRestartNoHand = 514
	errRestartBlock  = 516
)

// errno is the name and meaning of an errno.
func errno(e unix.Errno) (name, meaning string) {
	switch e {
	case errRestartSys:
		return "ERESTARTSYS", "to be restarted if SA_RESTART is set"
	case errRestartNoIntr:
		return "ERESTARTNOINTR", "to be restarted"
	case errRestartNoHand:
		return "ERESTARTNOHAND", "to be restarted if no handler"
	case errRestartBlock:
		return "ERESTART_RESTARTBLOCK", "interrupted by signal"
	}
	if name = unix.ErrnoName(e); name == "" {
		return "errno " + strconv.Itoa(int(e)), "unknown error"
	}
	return name, e.Error()
}

// interrupted tells whether an errno is one that programs never see: the
// kernel makes the call again, or returns EINTR.
func interrupted(e unix.Errno) bool { return e >= errRestartSys && e <= errRestartBlock }

// Text is the event as a line of text, without its end.
func (v Event) Text() string {
	var b strings.Builder
	b.WriteByte('[')
	b.WriteString(strconv.Itoa(v.PID))
	b.WriteString("] ")
	switch v.Kind {
	case KindCall:
		b.WriteString(v.Name)
		b.WriteByte('(')
		v.list(&b)
		b.WriteString(") = ")
		v.result(&b)
	case KindStart:
		b.WriteString("+++ started ")
		b.WriteString(Quote(v.Name))
		b.WriteString(" [")
		v.list(&b)
		b.WriteString("] +++")
	case KindSignal:
		b.WriteString("--- ")
		b.WriteString(v.Name)
		b.WriteString(" {")
		for i, a := range v.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(a.Name + "=" + a.Text)
		}
		b.WriteString("} ---")
	case KindStop:
		b.WriteString("--- stopped by " + v.Name + " ---")
	case KindExit:
		b.WriteString("+++ exited with " + strconv.FormatInt(v.Ret, 10) + " +++")
	case KindKilled:
		b.WriteString("+++ killed by " + v.Name + " +++")
	}
	return b.String()
}

func (v Event) list(b *strings.Builder) {
	for i, a := range v.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.Text)
	}
}

func (v Event) result(b *strings.Builder) {
	switch {
	case v.Never:
		b.WriteByte('?')
	case v.Errno != 0:
		name, meaning := errno(v.Errno)
		if interrupted(v.Errno) {
			b.WriteByte('?')
		} else {
			b.WriteString("-1")
		}
		b.WriteString(" " + name + " (" + meaning + ")")
	case v.Address:
		b.WriteString("0x" + strconv.FormatUint(uint64(v.Ret), 16))
	default:
		b.WriteString(strconv.FormatInt(v.Ret, 10))
	}
	if v.Refused {
		b.WriteString(" (refused)")
	}
}

// MarshalJSON writes the event as one object. Its members are "pid", "event"
// and, by kind: "call", "args", "ret" (null where the call did not return),
// "errno", "refused"; "path", "argv"; "signal", "info"; "status". Arguments
// and members of "info" are strings, written as in the text.
func (v Event) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"pid":` + strconv.Itoa(v.PID) + `,"event":`)
	quoteJSON(&b, string(v.Kind))
	member := func(name, value string) {
		b.WriteString(`,"` + name + `":`)
		quoteJSON(&b, value)
	}
	object := func(name string) {
		b.WriteString(`,"` + name + `":{`)
		for i, a := range v.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			quoteJSON(&b, a.Name)
			b.WriteByte(':')
			quoteJSON(&b, a.Text)
		}
		b.WriteByte('}')
	}
	switch v.Kind {
	case KindCall:
		member("call", v.Name)
		object("args")
		b.WriteString(`,"ret":`)
		if v.Never || interrupted(v.Errno) {
			b.WriteString("null")
		} else {
			b.WriteString(strconv.FormatInt(v.Ret, 10))
		}
		if v.Errno != 0 {
			name, _ := errno(v.Errno)
			member("errno", name)
		}
		if v.Refused {
			b.WriteString(`,"refused":true`)
		}
	case KindStart:
		member("path", Quote(v.Name))
		b.WriteString(`,"argv":[`)
		for i, a := range v.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			quoteJSON(&b, a.Text)
		}
		b.WriteByte(']')
	case KindSignal:
		member("signal", v.Name)
		object("info")
	case KindStop, KindKilled:
		member("signal", v.Name)
	case KindExit:
		b.WriteString(`,"status":` + strconv.FormatInt(v.Ret, 10))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// quoteJSON writes a string. Nothing is escaped for the sake of HTML.
func quoteJSON(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.Encode(s)             // of a string, into memory: cannot fail
	b.Truncate(b.Len() - 1) // the newline
}

// Bounds of what is shown of a new program's arguments.
const (
	maxArgs   = 128
	maxArgLen = 1024
)

// Start is the event of a new program's begin: path is that of its executable
// in the box, argv what it was given.
func Start(pid int, path string, argv []string) Event {
	v := Event{PID: pid, Kind: KindStart, Name: path}
	for i, s := range argv {
		if i == maxArgs {
			v.Args = append(v.Args, Arg{Text: "..."})
			break
		}
		v.Args = append(v.Args, Arg{Text: quoteLimited(s)})
	}
	return v
}

// quoteLimited quotes the beginning of an argument of a program.
func quoteLimited(s string) string {
	if len(s) > maxArgLen {
		return Quote(s[:maxArgLen]) + "..."
	}
	return Quote(s)
}

// Signal is the event of a signal's delivery. info is its siginfo_t as the
// process will see it.
func Signal(pid int, sig unix.Signal, info []byte) Event {
	return Event{PID: pid, Kind: KindSignal, Name: signalName(uint64(sig)), Args: siginfoMembers(info)}
}

// Stop is the event of a process that a signal has stopped.
func Stop(pid int, sig unix.Signal) Event {
	return Event{PID: pid, Kind: KindStop, Name: signalName(uint64(sig))}
}

// End is the event of a process's end.
func End(pid int, ws unix.WaitStatus) Event {
	if ws.Signaled() {
		return Event{PID: pid, Kind: KindKilled, Name: signalName(uint64(ws.Signal()))}
	}
	return Event{PID: pid, Kind: KindExit, Ret: int64(ws.ExitStatus())}
}

// Counter is the event of an instruction that reads the time-stamp counter:
// name is "rdtsc" or "rdtscp".
func Counter(pid int, name string, value uint64) Event {
	return Event{PID: pid, Kind: KindCall, Name: name, Ret: int64(value)}
}
