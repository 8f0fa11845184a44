package determinize

import (
	"golang.org/x/sys/unix"
)

// verdict is what the engine decides about a call at which a task has stopped.
type verdict struct {
	do     action
	ret    int64           // answer: result, or minus an errno
	exit   func(ret int64) // runThen: called when the kernel has returned
	ready  func() bool     // block
	then   func() verdict  // block: what to do once ready; nil: decide the call again
	broken func() verdict  // block: a signal arrived first; nil: interrupt restarts the call
	wake   uint64          // block: B at which time is up; 0: never
	timeUp func() verdict  // block: what to do then
	why    string          // block: what the task waits for, for people
}

type action uint8

const (
	doRun     action = iota // let the kernel do it
	doRunThen               // let the kernel do it, then call exit
	doAnswer                // the kernel never sees it
	doYield                 // answered, but others may go first
	doBlock                 // decide again once ready
	doOrder                 // decide again when it is this task's turn
	doResume                // go on from where it stopped
	doHold                  // somebody else resumes the task
)

func run() verdict                      { return verdict{do: doRun} }
func runThen(f func(ret int64)) verdict { return verdict{do: doRunThen, exit: f} }
func answer(ret int64) verdict          { return verdict{do: doAnswer, ret: ret} }
func fail(errno unix.Errno) verdict     { return verdict{do: doAnswer, ret: -int64(errno)} }
func yield(ret int64) verdict           { return verdict{do: doYield, ret: ret} }
func block(why string, f func() bool) verdict {
	return verdict{do: doBlock, ready: f, why: why}
}

// restartSys, restartNoIntr, restartNoHand and restartBlock are kernel-internal results
// (include/linux/errno.h) by which a call says that a signal interrupted it: the
// first restarts unless a handler without SA_RESTART runs, the second always, the
// others unless any handler runs; otherwise the guest sees EINTR. After restartBlock the guest does
// not make the same call again but restart_syscall.
const (
	restartSys    = -512
	restartNoIntr = -513
	restartNoHand = -514
	restartBlock  = -516
)
