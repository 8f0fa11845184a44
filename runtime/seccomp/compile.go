// Package seccomp makes a filter for seccomp(2) of the profile of a runtime-spec
// configuration, see the section "Seccomp" of config-linux, and evaluates filters.
//
// A profile means what it means to runc, which compiles it with libseccomp:
//
//   - A call whose name is not known is not there.
//   - An entry without conditions decides its call, whatever entries with conditions say;
//     of two the first does. An entry that says what the default says is not there.
//   - Of entries with conditions that are all met the strictest decides. libseccomp leaves
//     that open: there it depends on the order in which it happens to compare.
//   - Conditions on different arguments must all be met. When an entry has two on one
//     argument, it is as many entries as it has conditions.
//   - Calls that are newer than all that the profile names get ENOSYS, unless the default
//     is to allow: programs fall back to older ones.
//   - Calls of an architecture that is not listed kill the thread. That of the machine is
//     always listed.
//
// The package makes filters for x86-64 and for the two other sets of calls that its
// kernels have, x86 and x32.
package seccomp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/oci"
)

// MaxInstructions is the kernel's limit of a filter's length, BPF_MAXINSNS.
const MaxInstructions = 4096

// badArch is what a call of an architecture that is not listed gets.
const badArch = unix.SECCOMP_RET_KILL_THREAD

// enosys is what a call gets that is newer than the profile.
const enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

// Compile returns the filter of a profile and the flags for seccomp(2), both nothing if
// the profile is empty. The filter is one that [Check] accepts. An error names the field
// whose value is not allowed, below linux.seccomp.
func Compile(profile *specs.LinuxSeccomp) (filter []unix.SockFilter, flags uint, err error) {
	if profile == nil || profile.DefaultAction == "" && len(profile.Syscalls) == 0 {
		return nil, 0, nil
	}
	if err := oci.CheckSeccomp(profile); err != nil {
		return nil, 0, fmt.Errorf("linux.seccomp.%w", err)
	}
	c := compiler{profile: profile, byDefault: action(profile.DefaultAction, profile.DefaultErrnoRet)}
	filter = c.program()
	if len(filter) > MaxInstructions {
		return nil, 0, fmt.Errorf("linux.seccomp: the filter has %d instructions, the kernel takes %d", len(filter), MaxInstructions)
	}
	return filter, compileFlags(profile.Flags), nil
}

// compileFlags are those of seccomp(2). A profile that says nothing about flags gets the
// one that leaves speculation as it is, as runc does.
func compileFlags(names []specs.LinuxSeccompFlag) (flags uint) {
	if names == nil && oci.SeccompFlagSupported(unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
		return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	}
	for _, name := range names {
		flag, _ := oci.SeccompFlag(name)
		flags |= flag
	}
	return flags
}

// action is what the filter returns for an action. Without a number, EPERM goes with it.
func action(name specs.LinuxSeccompAction, errno *uint) uint32 {
	ret, _ := oci.SeccompAction(name)
	switch {
	case name != specs.ActErrno && name != specs.ActTrace:
		return ret
	case errno == nil:
		return ret | uint32(unix.EPERM)
	}
	return ret | uint32(*errno)&unix.SECCOMP_RET_DATA
}

// permissive reports whether a default action lets new calls happen: those get no ENOSYS.
func permissive(name specs.LinuxSeccompAction) bool {
	return name == specs.ActAllow || name == specs.ActLog || name == specs.ActTrace
}

// A compiler makes the filter of one profile.
type compiler struct {
	profile   *specs.LinuxSeccomp
	byDefault uint32
}

// program is the whole filter: which architecture, then which call.
func (c *compiler) program() []unix.SockFilter {
	listed := func(a specs.Arch) bool { return slices.Contains(c.profile.Architectures, a) }
	other := []unix.SockFilter{ret(badArch)}
	if listed(specs.ArchX86) {
		other = branch(jumpEqual, unix.AUDIT_ARCH_I386, c.calls(c.spansX86()), other)
	}
	program := []unix.SockFilter{load(offsetArch)}
	return append(program, branch(jumpEqual, unix.AUDIT_ARCH_X86_64, c.calls(c.spansX8664(listed(specs.ArchX32))), other)...)
}

// calls is the part of the filter that is about one architecture.
func (c *compiler) calls(spans []span) []unix.SockFilter {
	return append([]unix.SockFilter{load(offsetNumber)}, c.search(spans)...)
}

// search finds the span of the number that is loaded, in as many comparisons as the
// logarithm of their number.
func (c *compiler) search(spans []span) []unix.SockFilter {
	if len(spans) == 1 {
		return c.decide(&spans[0])
	}
	middle := len(spans) / 2
	return branch(jumpGreaterEqual, spans[middle].first, c.search(spans[middle:]), c.search(spans[:middle]))
}

// decide is what happens to one call: the first rule that is met counts.
func (c *compiler) decide(s *span) []unix.SockFilter {
	var program []unix.SockFilter
	for _, r := range s.rules {
		program = append(program, r.code(s.wide)...)
	}
	return append(program, ret(s.action))
}

// A span is a run of numbers of calls that are treated alike: it reaches to the next's
// first.
type span struct {
	first  uint32
	action uint32 // when none of the rules is met
	rules  []rule // the strictest first
	wide   bool   // arguments have 64 bits
}

// spansX86 are those of 32-bit programs.
func (c *compiler) spansX86() []span {
	var s spans
	s.calls(c.rules(&x86), 0, c.byDefault)
	return s
}

// spansX8664 are those of 64-bit programs, and of those of the x32 ABI: they are told
// apart by a bit of the number. Numbers with the sign bit are nobody's.
func (c *compiler) spansX8664(x32Listed bool) []span {
	const sign = 1 << 31
	long := c.rules(&x86_64)
	var s spans
	s.calls(long, 0, c.byDefault)
	if !x32Listed {
		s.from(x32Bit, badArch)
		s.from(sign, long.newer(badArch))
		s.from(sign|x32Bit, badArch)
		// -1 is what a tracer makes of a call that is not to happen.
		s.from(1<<32-1, c.byDefault)
		return s
	}
	short := c.rules(&x32)
	s.calls(short, x32Bit, c.byDefault)
	s.from(sign, long.newer(c.byDefault))
	s.from(sign|x32Bit, short.newer(c.byDefault))
	return s
}

// spans are runs of numbers in order.
type spans []span

// from says that all numbers from first on get an action.
func (s *spans) from(first, action uint32) { s.add(span{first: first, action: action}) }

func (s *spans) add(next span) {
	if n := len(*s); n > 0 {
		last := &(*s)[n-1]
		if last.first == next.first {
			*s = (*s)[:n-1]
			s.add(next)
			return
		}
		if last.rules == nil && next.rules == nil && last.action == next.action {
			return
		}
	}
	*s = append(*s, next)
}

// calls says what the numbers of a set get, from the number from on. Those that the
// profile says nothing about get an action, unless they are newer than the profile.
func (s *spans) calls(set *ruleSet, from, otherwise uint32) {
	s.from(from, otherwise)
	for _, call := range set.calls {
		if set.stub && call.number > set.last {
			break // of x86: what calls are made through is not what the profile names
		}
		s.add(span{first: call.number, action: call.action, rules: call.rules, wide: set.arch.wide})
		s.from(call.number+1, otherwise)
	}
	if set.stub {
		s.from(set.last+1, enosys)
	}
}

// A ruleSet is what a profile says about one architecture.
type ruleSet struct {
	arch  *architecture
	calls []call // by number
	// last is the greatest number that the profile names, with the x32 bit; 0 if none.
	last uint32
	// stub says that greater numbers get ENOSYS.
	stub bool
}

// newer is the action for numbers that are too great for any call.
func (set *ruleSet) newer(otherwise uint32) uint32 {
	if set.stub {
		return enosys
	}
	return otherwise
}

// A call is what a profile says about a number.
type call struct {
	number uint32
	action uint32 // if no rule is met
	always bool   // there is an entry without conditions
	rules  []rule
}

// rules collects what the profile says about an architecture.
func (c *compiler) rules(arch *architecture) *ruleSet {
	set := &ruleSet{arch: arch}
	byNumber := map[uint32]*call{}
	for _, entry := range c.profile.Syscalls {
		act := action(entry.Action, entry.ErrnoRet)
		for _, name := range entry.Names {
			if number, ok := arch.number(name); ok && arch.multiplexed[name] == (demultiplex{}) {
				set.last = max(set.last, number)
			}
			if act == c.byDefault {
				continue // libseccomp would refuse it, runc leaves it out
			}
			for _, target := range arch.targets(name) {
				of := byNumber[target.number]
				if of == nil {
					of = &call{number: target.number, action: c.byDefault}
					byNumber[target.number] = of
				}
				for _, conditions := range conjunctions(entry.Args) {
					of.add(target.conditions(conditions), act)
				}
			}
		}
	}
	set.stub = set.last > 0 && !permissive(c.profile.DefaultAction)
	for _, of := range byNumber {
		slices.SortStableFunc(of.rules, stricter)
		set.calls = append(set.calls, *of)
	}
	slices.SortFunc(set.calls, func(a, b call) int { return cmp.Compare(a.number, b.number) })
	return set
}

// stricter orders rules as the kernel orders what several filters return: see "Return
// values" in Documentation/userspace-api/seccomp_filter.rst.
func stricter(a, b rule) int {
	return cmp.Compare(int32(a.action&unix.SECCOMP_RET_ACTION_FULL), int32(b.action&unix.SECCOMP_RET_ACTION_FULL))
}

// add adds an entry's rule to a call.
func (of *call) add(conditions []specs.LinuxSeccompArg, act uint32) {
	switch {
	case of.always:
	case len(conditions) == 0:
		of.always, of.action, of.rules = true, act, nil
	default:
		of.rules = append(of.rules, rule{conditions, act})
	}
}

// conjunctions are the lists of conditions each of which is enough.
func conjunctions(args []specs.LinuxSeccompArg) [][]specs.LinuxSeccompArg {
	var seen [6]bool
	for _, arg := range args {
		if !seen[arg.Index] {
			seen[arg.Index] = true
			continue
		}
		var each [][]specs.LinuxSeccompArg
		for _, arg := range args {
			each = append(each, []specs.LinuxSeccompArg{arg})
		}
		return each
	}
	return [][]specs.LinuxSeccompArg{args}
}

// ErrNotFilter is what [Check] returns for a program that the kernel would not take.
var ErrNotFilter = errors.New("not a filter for seccomp(2)")
