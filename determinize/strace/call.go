package strace

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
)

// x32 marks a number of the x32 ABI.
const x32 = 0x40000000

// Call is a call that a process has made and that is not over.
type Call struct {
	view
	pid    int
	name   string
	params []policy.Param
	texts  [6]string // of the arguments when it was made
	copied [6]bool   // whether these say what an address led to
}

// view is what the text of an argument is made from.
type view struct {
	mem  Memory
	args [6]uint64
	over bool  // the call has returned
	ret  int64 // what it returned
}

// arg32 is the half of an argument of which the kernel reads no more.
func (v *view) arg32(i int) uint64 { return uint64(uint32(v.args[i])) }

// Enter copies the arguments of a call that has been made: number and
// registers, as ptrace reports them. native says that it came through the
// x86-64 entry.
func Enter(pid int, mem Memory, native bool, nr uint64, args [6]uint64) *Call {
	c := &Call{pid: pid, view: view{mem: mem, args: args}}
	row, known := policy.Lookup(nr)
	switch {
	case native && known:
		c.name, c.params = row.Name, row.Params()
	default:
		c.name = "syscall_" + strconv.FormatUint(nr, 10)
		if !native {
			c.name = "int80_" + strconv.FormatUint(nr, 10)
		} else if nr&x32 != 0 {
			c.name = "x32_" + strconv.FormatUint(nr&^x32, 10)
		}
		for i := range args {
			c.params = append(c.params, policy.Param{Name: "arg" + strconv.Itoa(i), Kind: policy.KindWord})
		}
	}
	for i, p := range c.params {
		c.texts[i] = c.before(i, p)
	}
	return c
}

// Name is the call's name.
func (c *Call) Name() string { return c.name }

// Return is the event of a call that has returned: a value, or minus an errno.
// The process is still stopped.
func (c *Call) Return(ret int64) Event {
	v := c.event()
	c.over, c.ret, v.Ret = true, ret, ret
	if ret < 0 && ret >= -4095 {
		v.Ret, v.Errno = -1, unix.Errno(-ret)
	}
	v.Address = v.Errno == 0 && addressResult[c.name]
	for i, p := range c.params {
		text := c.texts[i]
		if v.Errno == 0 {
			text = c.after(i, p)
		}
		if text != omitted {
			v.Args = append(v.Args, Arg{p.Name, text})
		}
	}
	return v
}

// Never is the event of a call that will not return.
func (c *Call) Never() Event {
	v := c.event()
	v.Never = true
	for i, p := range c.params {
		if c.texts[i] != omitted {
			v.Args = append(v.Args, Arg{p.Name, c.texts[i]})
		}
	}
	return v
}

func (c *Call) event() Event { return Event{PID: c.pid, Kind: KindCall, Name: c.name} }

// addressResult holds the calls that return an address.
var addressResult = map[string]bool{"mmap": true, "mremap": true, "brk": true, "shmat": true}

// omitted is the text of an argument that the call does not have.
const omitted = ""

// before is the text of an argument of a call that has not run: for what the
// kernel would write, the address.
func (c *Call) before(i int, p policy.Param) string {
	s, special := shapes[c.name+"."+p.Name]
	if !special {
		return c.plain(i, p)
	}
	if s.in == nil || !s.scalar && c.args[i] == 0 {
		return c.plain(i, p)
	}
	text, ok := s.in(&c.view, i)
	if !ok {
		return c.plain(i, p)
	}
	c.copied[i] = true
	return text
}

// after is the text of an argument of a call that succeeded.
func (c *Call) after(i int, p policy.Param) string {
	old := c.texts[i]
	s := shapes[c.name+"."+p.Name]
	if s.out == nil || !s.scalar && c.args[i] == 0 {
		return old
	}
	text, ok := s.out(&c.view, i)
	switch {
	case !ok || text == old:
		return old
	case !c.copied[i]:
		return text
	}
	return old + " => " + text
}

// plain is the text of an argument by its kind alone.
func (c *Call) plain(i int, p policy.Param) string {
	v := c.args[i]
	if p.Kind.Bits() == 32 {
		v = uint64(uint32(v))
	}
	switch p.Kind {
	case policy.KindPath, policy.KindStr:
		if s, more, ok := stringAt(c.mem, v, maxPath); ok {
			if more {
				return Quote(s) + "..."
			}
			return Quote(s)
		}
		return address(v)
	case policy.KindStrVec:
		return strvec(c.mem, v)
	case policy.KindFD, policy.KindInt, policy.KindPID:
		return strconv.Itoa(int(int32(v)))
	case policy.KindDirFD:
		if int32(v) == unix.AT_FDCWD {
			return "AT_FDCWD"
		}
		return strconv.Itoa(int(int32(v)))
	case policy.KindID:
		if int32(v) == -1 {
			return "-1"
		}
		return decimal(v)
	case policy.KindUint, policy.KindSize:
		return decimal(v)
	case policy.KindLong, policy.KindOff:
		return strconv.FormatInt(int64(v), 10)
	case policy.KindMode:
		return octal(v)
	case policy.KindSignal:
		return signalName(v)
	case policy.KindClock:
		return clockNames.text(v)
	case policy.KindWhence:
		return whenceNames.text(v)
	case policy.KindAddr, policy.KindIn, policy.KindOut, policy.KindInOut:
		return address(v)
	}
	if r, ok := policy.RulesOf(p.Kind); ok {
		return ruled(p.Kind, r, v)
	}
	return hex(v)
}

// ruled is the text of an argument that has rules.
func ruled(kind policy.Kind, r *policy.Rules, v uint64) string {
	n := names{flags: r.Flags, rules: r.Rows}
	switch kind {
	case policy.KindClone:
		// The low byte is a signal.
		sig := v & 0xff
		switch {
		case sig == 0:
			return n.text(v)
		case v == sig:
			return signalName(sig)
		}
		return n.text(v&^0xff) + "|" + signalName(sig)
	case policy.KindProt:
		n.zero = "PROT_NONE"
	case policy.KindFcntl, policy.KindPrctl, policy.KindMadvise, policy.KindFamily:
		n.number = decimal
	case policy.KindOpen:
		n.list = openNames
	}
	return n.text(v)
}

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }

func hex(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

func octal(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0" + strconv.FormatUint(v, 8)
}

func address(v uint64) string {
	if v == 0 {
		return "NULL"
	}
	return hex(v)
}

// strvec is the text of an array of strings that ends with NULL.
func strvec(mem Memory, addr uint64) string {
	if addr == 0 {
		return "NULL"
	}
	text := "["
	for i := 0; ; i++ {
		p, ok := structAt(mem, addr+8*uint64(i), 8)
		if !ok {
			if i == 0 {
				return address(addr)
			}
			return text + ", ...]"
		}
		if p.u64(0) == 0 {
			return text + "]"
		}
		if i > 0 {
			text += ", "
		}
		if i == maxMembers {
			return text + "...]"
		}
		s, more, ok := stringAt(mem, p.u64(0), maxArgLen)
		switch {
		case !ok:
			text += address(p.u64(0))
		case more:
			text += Quote(s) + "..."
		default:
			text += Quote(s)
		}
	}
}

// countVars is the text of an environment: its values are the program's
// business, and many.
func countVars(v *view, i int) (string, bool) {
	for n := range maxEnviron {
		p, ok := structAt(v.mem, v.args[i]+8*uint64(n), 8)
		if !ok {
			return address(v.args[i]), true
		}
		if p.u64(0) == 0 {
			return "[/* " + strconv.Itoa(n) + " vars */]", true
		}
	}
	return "[/* more than " + strconv.Itoa(maxEnviron) + " vars */]", true
}
