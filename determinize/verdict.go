package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// verdict is what the engine decides about a call at which a task has stopped.
type verdict struct {
	do    action
	ret   int64           // answer: result, or minus an errno
	exit  func(ret int64) // runThen: called when the kernel has returned
	scope sched.Scope     // order
	wait                  // block
}

type action uint8

const (
	doRun     action = iota // let the kernel do it
	doRunThen               // let the kernel do it, then call exit
	doAnswer                // the kernel never sees it
	doBlock                 // wait
	doOrder                 // decide again when it is this task's turn
	doResume                // go on from where it stopped
	doHold                  // somebody else resumes the task
)

func run() verdict                      { return verdict{do: doRun} }
func runThen(f func(ret int64)) verdict { return verdict{do: doRunThen, exit: f} }
func answer(ret int64) verdict          { return verdict{do: doAnswer, ret: ret} }
func fail(errno unix.Errno) verdict     { return verdict{do: doAnswer, ret: -int64(errno)} }

// block has the task wait for an event that somebody in the scope causes; a scope of nil
// is everybody.
func block(why func() string, scope sched.Scope, event func() (sched.Stamp, bool)) verdict {
	return verdict{do: doBlock, wait: wait{why: why, scope: scope, event: event}}
}

// saying is what a task waits for, when that is always the same.
func saying(why string) func() string { return func() string { return why } }

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
