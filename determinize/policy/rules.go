package policy

import (
	"sort"

	"golang.org/x/sys/unix"
)

// Rule is the policy for one value of an argument: a request, an option, a
// command, or one bit of a word of flags.
type Rule struct {
	// Value is the argument's value, or the flag's bit.
	Value uint64
	// Name is the constant's name in the kernel's headers.
	Name string
	// Class says what becomes of a stopped call with this value. Pass means
	// that the kernel runs it unchanged. For a flag, Emulate means that the
	// engine gives it its meaning and the kernel doesn't see it.
	Class Class
	// Errno is what a refused call returns. It is never 0 for Refuse.
	Errno unix.Errno
	// Why is the reason.
	Why string
}

// Rules judge one argument of a system call. They are read-only.
type Rules struct {
	// Name is a word for the documents, such as "ioctl requests".
	Name string
	// Flags says that the argument is a word of flags and each rule one bit.
	Flags bool
	// Wide says that the kernel reads all 64 bits of the argument; otherwise
	// it reads the low 32.
	Wide bool
	// Default refuses what has no rule. Its Value and Name are empty.
	Default Rule
	// Rows are the rules, by ascending value.
	Rows []Rule
}

// cut drops the bits of a register that the kernel doesn't read.
func (r *Rules) cut(v uint64) uint64 {
	if r.Wide {
		return v
	}
	return uint64(uint32(v))
}

// Lookup returns the rule of a value as it stands in the argument's register,
// and true; or the default, which refuses, and false.
func (r *Rules) Lookup(v uint64) (Rule, bool) {
	v = r.cut(v)
	i := sort.Search(len(r.Rows), func(i int) bool { return r.Rows[i].Value >= v })
	if i < len(r.Rows) && r.Rows[i].Value == v {
		return r.Rows[i], true
	}
	return r.Default, false
}

// Refused looks for a reason to refuse a word of flags as it stands in the
// argument's register. It returns the rule that refuses and true: the rule of
// the lowest refused bit, or the default if a bit has no rule. It returns
// false if every bit has a rule that doesn't refuse.
func (r *Rules) Refused(word uint64) (Rule, bool) {
	left := r.cut(word)
	for _, row := range r.Rows {
		if left&row.Value == 0 {
			continue
		}
		if row.Class == Refuse {
			return row, true
		}
		left &^= row.Value
	}
	if left != 0 {
		return r.Default, true
	}
	return Rule{}, false
}

// Bits returns the bits of a word of flags whose rules are of a class.
func (r *Rules) Bits(word uint64, c Class) uint64 {
	var set uint64
	for _, row := range r.Rows {
		if row.Class == c {
			set |= row.Value
		}
	}
	return r.cut(word) & set
}

// allRules is every set of rules, in the order of the documents.
var allRules = []*Rules{
	&Ioctls, &Fcntls, &Prctls, &ArchPrctls, &SocketFamilies, &CloneFlags,
	&OpenFlags, &ResolveFlags, &MmapFlags, &ProtFlags, &MremapFlags, &Madvises,
	&GetrandomFlags, &RWFlags,
}
