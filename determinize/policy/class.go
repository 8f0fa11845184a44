package policy

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Class says what becomes of a system call in a box.
type Class uint8

const (
	// Refuse stops the call; the engine answers the row's errno, counts the
	// call and names it in the verdict. It is the zero value: what has no row
	// fails closed.
	Refuse Class = iota
	// Pass lets the kernel run the call without a stop, unless a condition in
	// Row.Trap holds. Nothing that it reads or returns varies between hosts
	// or runs.
	Pass
	// Emulate stops the call; the engine answers it without the kernel.
	Emulate
	// Data stops the call; it runs, leaves accesses, and its result may be
	// rewritten. Among tasks it needs no order.
	Data
	// Order stops the call; it may block, or its result hangs on other tasks,
	// so the engine decides when it runs and what it returns.
	Order
	// Control stops the call; it changes process state that the engine keeps
	// track of: tasks, programs, descriptors, signals, limits.
	Control
)

var classNames = [...]string{"refuse", "pass", "emulate", "data", "order", "control"}

// String returns the class in lower case, or "class(N)" for a value that is
// none of the constants.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// MarshalText writes the class as String does, and fails for a value that is
// none of the constants.
func (c Class) MarshalText() ([]byte, error) {
	if int(c) >= len(classNames) {
		return nil, fmt.Errorf("unknown class %d", uint8(c))
	}
	return []byte(c.String()), nil
}

// Op is the comparison of a [Cond].
type Op uint8

const (
	// Eq holds when the masked argument equals the value.
	Eq Op = iota
	// Ne holds when the masked argument differs from the value.
	Ne
	// Ge holds when the masked argument, unsigned, is the value or more.
	Ge
	// AnySet holds when the argument and the value have a bit in common.
	AnySet
)

var opNames = [...]string{"==", "!=", ">=", "has"}

// String returns the operator as the documents print it.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Cond is a condition on one argument register: (args[Arg] & Mask) Op Value,
// on all 64 bits and unsigned. Mask 0 means every bit. With AnySet the value
// is the mask, and Mask is 0.
type Cond struct {
	Arg   int    // 0 to 5, in the order of seccomp_data.args
	Op    Op     // comparison
	Mask  uint64 // bits of the argument that count; 0 for all
	Value uint64 // what they are compared with
}

// Holds reports whether the condition holds for the argument registers.
func (c Cond) Holds(args [6]uint64) bool {
	v := args[c.Arg] & c.mask()
	switch c.Op {
	case Eq:
		return v == c.Value
	case Ne:
		return v != c.Value
	case Ge:
		return v >= c.Value
	case AnySet:
		return v&c.Value != 0
	}
	return true // an unknown operator stops the call
}

func (c Cond) mask() uint64 {
	if c.Mask == 0 {
		return ^uint64(0)
	}
	return c.Mask
}

// check reports a condition that can't be meant: no such argument, a value
// outside the mask, an operator that doesn't exist.
func (c Cond) check() error {
	switch {
	case c.Arg < 0 || c.Arg > 5:
		return fmt.Errorf("argument %d of a condition is not 0 to 5", c.Arg)
	case int(c.Op) >= len(opNames):
		return fmt.Errorf("operator %d of a condition is unknown", c.Op)
	case c.Op == AnySet && (c.Mask != 0 || c.Value == 0):
		return fmt.Errorf("condition %#x of kind has needs bits and no mask", c.Value)
	case c.Value&^c.mask() != 0:
		return fmt.Errorf("condition value %#x lies outside the mask %#x", c.Value, c.mask())
	}
	return nil
}

// Row is the policy for one system call.
type Row struct {
	// Name is the kernel's name of the call, as in syscall_64.tbl.
	Name string
	// Class says what becomes of the call.
	Class Class
	// Errno is what a refused call returns; 0 means ENOSYS. Unused otherwise.
	Errno unix.Errno
	// Trap lists conditions on the arguments of a Pass row; when one holds,
	// the call stops. Empty for every other class.
	Trap []Cond
	// Args lists the arguments as "name:kind", separated by spaces, in
	// register order. See Params.
	Args string
	// Access lists the accesses that the call can leave, as "verb object",
	// separated by ", ". Verbs are read, write, create, delete, rename and
	// probe; objects are content, metadata, entry, listing, symlink, channel,
	// stream, description, lock, pid and life.
	Access string
	// Why is the reason for the class. For Pass it says why no argument and
	// no result can vary between hosts or runs.
	Why string
}

// Refusal returns the errno that answers the call when it is refused.
func (r Row) Refusal() unix.Errno {
	if r.Errno == 0 {
		return unix.ENOSYS
	}
	return r.Errno
}

// Stops reports whether the call with these argument registers stops for the
// engine; otherwise the kernel runs it unseen. The seccomp program decides
// the same.
func (r Row) Stops(args [6]uint64) bool {
	if r.Class != Pass {
		return true
	}
	for _, c := range r.Trap {
		if c.Holds(args) {
			return true
		}
	}
	return false
}

// Size is the number of entries of [Table]: one more than the last call of
// Linux 6.18.
const Size = 470

// Table holds the policy, indexed by system call number. Numbers that Linux
// doesn't use hold the zero Row, which refuses. It is read-only.
var Table = join(families...)

// families are the parts of the table, one a source file.
var families = [][]Row{
	fileRows, nameRows, streamRows, memoryRows, processRows, identityRows,
	timeRows, ipcRows, systemRows,
}

// join lays the families into one array. That no number is in two of them is
// a test's business.
func join(parts ...[]Row) (t [Size]Row) {
	for _, p := range parts {
		for nr, r := range p {
			if r.Name != "" {
				t[nr] = r
			}
		}
	}
	return t
}

// Lookup returns the row of a system call number as PTRACE_GET_SYSCALL_INFO
// and seccomp_data report it, that is with the x32 bit in it. For a number
// without a row it returns the zero Row, which refuses with ENOSYS, and false.
func Lookup(nr uint64) (Row, bool) {
	if nr >= Size || Table[nr].Name == "" {
		return Row{}, false
	}
	return Table[nr], true
}
