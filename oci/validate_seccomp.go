package oci

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// seccompActions are what a filter returns, SECCOMP_RET_*; see seccomp(2).
var seccompActions = table[specs.LinuxSeccompAction, uint32]{
	specs.ActKill:        unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillProcess: unix.SECCOMP_RET_KILL_PROCESS,
	specs.ActKillThread:  unix.SECCOMP_RET_KILL_THREAD,
	specs.ActTrap:        unix.SECCOMP_RET_TRAP,
	specs.ActErrno:       unix.SECCOMP_RET_ERRNO,
	specs.ActTrace:       unix.SECCOMP_RET_TRACE,
	specs.ActAllow:       unix.SECCOMP_RET_ALLOW,
	specs.ActLog:         unix.SECCOMP_RET_LOG,
}

// SeccompAction is what a filter returns for an action, without errno: SECCOMP_RET_*.
// SCMP_ACT_NOTIFY, which needs a listener, is not supported.
func SeccompAction(name specs.LinuxSeccompAction) (action uint32, ok bool) {
	action, ok = seccompActions[name]
	return action, ok
}

// seccompOperators are the comparisons of an argument.
var seccompOperators = table[specs.LinuxSeccompOperator, struct{}]{
	specs.OpNotEqual:     {},
	specs.OpLessThan:     {},
	specs.OpLessEqual:    {},
	specs.OpEqualTo:      {},
	specs.OpGreaterEqual: {},
	specs.OpGreaterThan:  {},
	specs.OpMaskedEqual:  {},
}

// seccompArchs are the architectures that a profile may list: those of the specification.
// Only the calls of three reach a kernel of x86-64; what is listed of others has no effect.
var seccompArchs = table[specs.Arch, struct{}]{
	specs.ArchAARCH64: {}, specs.ArchARM: {}, specs.ArchLOONGARCH64: {}, specs.ArchM68K: {},
	specs.ArchMIPS: {}, specs.ArchMIPS64: {}, specs.ArchMIPS64N32: {}, specs.ArchMIPSEL: {},
	specs.ArchMIPSEL64: {}, specs.ArchMIPSEL64N32: {}, specs.ArchPARISC: {}, specs.ArchPARISC64: {},
	specs.ArchPPC: {}, specs.ArchPPC64: {}, specs.ArchPPC64LE: {}, specs.ArchRISCV64: {},
	specs.ArchS390: {}, specs.ArchS390X: {}, specs.ArchSH: {}, specs.ArchSHEB: {},
	specs.ArchX32: {}, specs.ArchX86: {}, specs.ArchX86_64: {},
}

// seccompFlags are the flags of seccomp(2) that a profile may set. Two have no effect:
// TSYNC, because a filter is installed by the only thread, and WAIT_KILLABLE_RECV, because
// it is about listeners.
var seccompFlags = table[specs.LinuxSeccompFlag, uint]{
	"SECCOMP_FILTER_FLAG_TSYNC":            0,
	specs.LinuxSeccompFlagLog:              unix.SECCOMP_FILTER_FLAG_LOG,
	specs.LinuxSeccompFlagSpecAllow:        unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	specs.LinuxSeccompFlagWaitKillableRecv: 0,
}

// SeccompFlag is the flag of seccomp(2), 0 for one that has no effect.
func SeccompFlag(name specs.LinuxSeccompFlag) (flag uint, ok bool) {
	flag, ok = seccompFlags[name]
	return flag, ok
}

const (
	maxErrno     = 4095 // MAX_ERRNO of the kernel
	maxTraceData = 1<<16 - 1
	maxArgument  = 5 // system calls have six
)

func (v *validator) seccomp(s *specs.LinuxSeccomp) error {
	if err := CheckSeccomp(s); err != nil {
		return err
	}
	if s.ListenerPath != "" {
		v.log.Warn("linux.seccomp.listenerPath has no effect: nothing has the action SCMP_ACT_NOTIFY")
	}
	return nil
}

// CheckSeccomp returns an error that names the first field of a profile whose value is
// not allowed; see the section "Seccomp" of config-linux. A profile that has neither a
// default action nor calls is none: it is valid.
func CheckSeccomp(s *specs.LinuxSeccomp) error {
	if s.DefaultAction == "" && len(s.Syscalls) == 0 {
		return nil
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		return wrong("listenerMetadata", "there is no listenerPath")
	}
	return first(
		under(checkAction(s.DefaultAction), "defaultAction"),
		under(checkErrno(s.DefaultAction, s.DefaultErrnoRet), "defaultErrnoRet"),
		under(each(s.Architectures, seccompArchs.check), "architectures"),
		under(each(s.Flags, seccompFlags.check), "flags"),
		under(each(s.Syscalls, checkSyscall), "syscalls"),
	)
}

func checkAction(a specs.LinuxSeccompAction) error {
	if a == specs.ActNotify {
		return errors.New("SCMP_ACT_NOTIFY is not supported: boxes have no listener")
	}
	return seccompActions.check(a)
}

// checkErrno checks the number that goes with an action: "When the action doesn't support
// an errno, the runtime MUST print and error and fail".
func checkErrno(a specs.LinuxSeccompAction, errno *uint) error {
	if errno == nil {
		return nil
	}
	switch a {
	case specs.ActErrno:
		return atMost(*errno, maxErrno)
	case specs.ActTrace:
		return atMost(*errno, maxTraceData)
	}
	return fmt.Errorf("the action %s has none", quote(string(a)))
}

func checkSyscall(s specs.LinuxSyscall) error {
	if len(s.Names) == 0 {
		return wrong("names", "missing, or empty")
	}
	return first(
		under(each(s.Names, func(name string) error {
			if name == "" {
				return errors.New("empty")
			}
			return nil
		}), "names"),
		under(checkAction(s.Action), "action"),
		under(checkErrno(s.Action, s.ErrnoRet), "errnoRet"),
		under(each(s.Args, checkSeccompArg), "args"),
	)
}

func checkSeccompArg(a specs.LinuxSeccompArg) error {
	return first(under(atMost(a.Index, maxArgument), "index"), under(seccompOperators.check(a.Op), "op"))
}
