package determinize

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
)

// handler decides one call.
type handler func(e *engine, t *task) verdict

// x32 marks a call of the x32 ABI, which no filter of ours understands.
const x32 = 0x40000000

// judge decides the call at which a task has stopped.
func (e *engine) judge(t *task) verdict {
	nr := t.call.Nr
	if t.call.Arch != unix.AUDIT_ARCH_X86_64 {
		e.refuse("int 0x80")
		return fail(unix.ENOSYS)
	}
	if t.exec == nil && nr != unix.SYS_EXECVE {
		return run() // still Laplace's own code, on its way to the command
	}
	row, ok := policy.Lookup(nr)
	if !ok {
		e.refuse(callName(t))
		return fail(unix.ENOSYS)
	}
	if row.Class == policy.Refuse || handlers[nr] == nil {
		e.refuse(row.Name)
		errno := row.Errno
		if errno == 0 {
			errno = unix.ENOSYS
		}
		return fail(errno)
	}
	if e.cfg.Unpinned.native(nr) {
		return run()
	}
	if v, wait := e.sharedTurn(t); wait {
		return v
	}
	if v, wait := e.othersTurn(t); wait {
		return v
	}
	if r := t.rec(); r != nil && nr < policy.Size && asksPID[nr] {
		r.Observed.PID = true
		if w := t.whole(); w != nil {
			w.ids = true
		}
	}
	t.alone = e.serial
	if v, wait := e.asks(t); wait {
		return v
	}
	if v, ok := e.onObject(t); ok {
		return v
	}
	return handlers[nr](e, t)
}

// callName is the name of the call that a task is in.
func callName(t *task) string {
	if t.call.Nr&x32 != 0 {
		return "x32"
	}
	if row, ok := policy.Lookup(t.call.Nr); ok {
		return row.Name
	}
	return "syscall " + strconv.FormatUint(t.call.Nr, 10)
}

// pidArgs are the arguments that name a process, of calls that ask or change something of
// it, plus one.
var pidArgs = [policy.Size]int{
	unix.SYS_GETPGID: 1, unix.SYS_GETSID: 1, unix.SYS_SETPGID: 1,
	unix.SYS_PRLIMIT64: 1, unix.SYS_SCHED_GETAFFINITY: 1, unix.SYS_SCHED_SETAFFINITY: 1,
	unix.SYS_SCHED_GETPARAM: 1, unix.SYS_SCHED_SETPARAM: 1, unix.SYS_SCHED_GETSCHEDULER: 1, unix.SYS_SCHED_SETSCHEDULER: 1,
	unix.SYS_SCHED_RR_GET_INTERVAL: 1, unix.SYS_SCHED_GETATTR: 1, unix.SYS_SCHED_SETATTR: 1,
	unix.SYS_GETPRIORITY: 2, unix.SYS_SETPRIORITY: 2, unix.SYS_IOPRIO_GET: 2, unix.SYS_IOPRIO_SET: 2,
}

// asksPID are the calls that tell a process who it is, or its parent.
var asksPID = [policy.Size]bool{
	unix.SYS_GETPID: true, unix.SYS_GETPPID: true, unix.SYS_GETTID: true, unix.SYS_GETPGRP: true, unix.SYS_GETPGID: true,
	unix.SYS_GETSID: true, unix.SYS_SET_TID_ADDRESS: true,
}

// othersTurn holds a task back that asks or changes something of another process: whether
// it is there, and in which group, is what others have done.
func (e *engine) othersTurn(t *task) (verdict, bool) {
	if i := pidArgs[t.call.Nr]; i != 0 && t.fd(i-1) != 0 && int(t.fd(i-1)) != t.vpid {
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v, true
		}
		e.because(t, boxes, "it asks or changes something of another process")
		e.noticed(t, e.vpids[int(t.fd(i-1))])
		if e.reapedAfter(t, int(t.fd(i-1))) {
			e.overtaken("life", lateLook, t)
		}
	}
	return verdict{}, false
}

// lateLook is a taint's reason.
const lateLook = "it looked at another process when that had gone on, or was gone, already"

// order holds a task back while somebody in the scope could go first. It is asked
// before the effect of an ordered call; the call is decided anew when its turn has
// come.
func (e *engine) order(t *task, scope sched.Scope) (verdict, bool) {
	leaves := t.counted
	e.uncount(t)
	t.inOrder = true
	v := verdict{do: doOrder, scope: scope}
	if !t.fresh || e.cfg.Unpinned.Has(PinSchedule) {
		return v, false
	}
	if e.serial {
		return v, leaves // those may go first now that waited with their programs
	}
	e.foresee()
	_, ok := e.turns.Clear(&t.ord, t.stamp(), scope)
	return v, !ok
}

// serially has the box go on, from a task's turn on, as in the canonical run: one call
// at a time. That is for what is not yet known to give one result otherwise.
func (e *engine) serially(t *task) (verdict, bool) {
	if v, wait := e.order(t, e.everybody(t)); wait || e.serial {
		return v, wait
	}
	e.serial = true
	return verdict{do: doOrder}, true // until those that run have come to a call
}

// handlers decide the calls that stop, by number. A call whose row in the
// policy table stops it and that has no handler is refused; a test sees to it
// that there is none.
var handlers = [policy.Size]handler{}

func init() {
	for _, f := range []struct {
		h   handler
		nrs []int
	}{
		{openEnter, []int{unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_CREAT, unix.SYS_OPENAT2}},
		{statEnter, []int{unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT}},
		{fstatEnter, []int{unix.SYS_FSTAT}},
		{statxEnter, []int{unix.SYS_STATX}},
		{statfsEnter, []int{unix.SYS_STATFS, unix.SYS_FSTATFS}},
		{accessEnter, []int{unix.SYS_ACCESS, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2}},
		{readlinkEnter, []int{unix.SYS_READLINK, unix.SYS_READLINKAT}},
		{getdentsEnter, []int{unix.SYS_GETDENTS, unix.SYS_GETDENTS64}},
		{makeEnter, []int{unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_MKNOD, unix.SYS_MKNODAT, unix.SYS_SYMLINK, unix.SYS_SYMLINKAT}},
		{unlinkEnter, []int{unix.SYS_UNLINK, unix.SYS_UNLINKAT, unix.SYS_RMDIR}},
		{renameEnter, []int{unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2}},
		{linkEnter, []int{unix.SYS_LINK, unix.SYS_LINKAT}},
		{utimeEnter, []int{unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT, unix.SYS_UTIMENSAT}},
		{metaEnter, []int{unix.SYS_CHMOD, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2}},
		{xattrSetEnter, []int{unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR,
			unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR}},
		{chownEnter, []int{unix.SYS_CHOWN, unix.SYS_FCHOWN, unix.SYS_LCHOWN, unix.SYS_FCHOWNAT}},
		{truncateEnter, []int{unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE}},
		{fallocateEnter, []int{unix.SYS_FALLOCATE}},
		{xattrGetEnter, []int{unix.SYS_GETXATTR, unix.SYS_LGETXATTR, unix.SYS_FGETXATTR}},
		{xattrListEnter, []int{unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_FLISTXATTR}},
		{readEnter, []int{unix.SYS_READ, unix.SYS_READV, unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2}},
		{writeEnter, []int{unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2}},
		{sendfileEnter, []int{unix.SYS_SENDFILE}},
		{spliceEnter, []int{unix.SYS_SPLICE}},
		{teeEnter, []int{unix.SYS_TEE}},
		{vmspliceEnter, []int{unix.SYS_VMSPLICE}},
		{copyEnter, []int{unix.SYS_COPY_FILE_RANGE}},
		{pollEnter, []int{unix.SYS_POLL, unix.SYS_PPOLL}},
		{selectEnter, []int{unix.SYS_SELECT, unix.SYS_PSELECT6}},
		{ioctlEnter, []int{unix.SYS_IOCTL}},
		{fcntlEnter, []int{unix.SYS_FCNTL}},
		{flockEnter, []int{unix.SYS_FLOCK}},
		{closeEnter, []int{unix.SYS_CLOSE, unix.SYS_DUP2, unix.SYS_DUP3, unix.SYS_CLOSE_RANGE}},
		{pipeEnter, []int{unix.SYS_PIPE, unix.SYS_PIPE2}},
		{getppidEnter, []int{unix.SYS_GETPPID}},
		{dupEnter, []int{unix.SYS_DUP}},
		{groupEnter, []int{unix.SYS_GETPGRP, unix.SYS_GETPGID}},
		{runEnter, []int{unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETSID, unix.SYS_GETCWD,
			unix.SYS_MSYNC}},
		{capsEnter, []int{unix.SYS_CAPGET, unix.SYS_CAPSET}},
		{chdirEnter, []int{unix.SYS_CHDIR, unix.SYS_FCHDIR}},
		{seekEnter, []int{unix.SYS_LSEEK}},
		{orderedEnter, []int{unix.SYS_RT_SIGPENDING}},
		{restartEnter, []int{unix.SYS_RESTART_SYSCALL}},
		{yieldEnter, []int{unix.SYS_SCHED_YIELD}},
		{pauseEnter, []int{unix.SYS_PAUSE}},
		{sigwaitEnter, []int{unix.SYS_RT_SIGTIMEDWAIT}},
		{absentEnter, []int{unix.SYS_RSEQ}},
		{sigsuspendEnter, []int{unix.SYS_RT_SIGSUSPEND}},
		{sigactionEnter, []int{unix.SYS_RT_SIGACTION}},
		{killEnter, []int{unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO}},
		{forkEnter, []int{unix.SYS_FORK, unix.SYS_VFORK}},
		{cloneEnter, []int{unix.SYS_CLONE, unix.SYS_CLONE3}},
		{execEnter, []int{unix.SYS_EXECVE, unix.SYS_EXECVEAT}},
		{exitEnter, []int{unix.SYS_EXIT, unix.SYS_EXIT_GROUP}},
		{pidfdOpenEnter, []int{unix.SYS_PIDFD_OPEN}},
		{pidfdSignalEnter, []int{unix.SYS_PIDFD_SEND_SIGNAL}},
		{wait4Enter, []int{unix.SYS_WAIT4}},
		{waitidEnter, []int{unix.SYS_WAITID}},
		{setpgidEnter, []int{unix.SYS_SETPGID}},
		{setsidEnter, []int{unix.SYS_SETSID}},
		{prctlEnter, []int{unix.SYS_PRCTL}},
		{archPrctlEnter, []int{unix.SYS_ARCH_PRCTL}},
		{personalityEnter, []int{unix.SYS_PERSONALITY}},
		{seccompEnter, []int{unix.SYS_SECCOMP}},
		{limitEnter, []int{unix.SYS_GETRLIMIT, unix.SYS_SETRLIMIT, unix.SYS_PRLIMIT64}},
		{mmapEnter, []int{unix.SYS_MMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP}},
		{brkEnter, []int{unix.SYS_BRK}},
		{madviseEnter, []int{unix.SYS_MADVISE}},
		{memfdEnter, []int{unix.SYS_MEMFD_CREATE}},
		{futexEnter, []int{unix.SYS_FUTEX}},
		{signalfdEnter, []int{unix.SYS_SIGNALFD, unix.SYS_SIGNALFD4}},
		{inotifyInitEnter, []int{unix.SYS_INOTIFY_INIT, unix.SYS_INOTIFY_INIT1}},
		{inotifyAddEnter, []int{unix.SYS_INOTIFY_ADD_WATCH}},
		{inotifyRemoveEnter, []int{unix.SYS_INOTIFY_RM_WATCH}},
		{eventfdEnter, []int{unix.SYS_EVENTFD, unix.SYS_EVENTFD2}},
		{epollCreateEnter, []int{unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_CREATE1}},
		{epollCtlEnter, []int{unix.SYS_EPOLL_CTL}},
		{epollWaitEnter, []int{unix.SYS_EPOLL_WAIT, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2}},
		{futex2Enter, []int{unix.SYS_FUTEX_WAIT, unix.SYS_FUTEX_WAKE, unix.SYS_FUTEX_REQUEUE, unix.SYS_FUTEX_WAITV}},
		{socketEnter, []int{unix.SYS_SOCKET}},
		{socketpairEnter, []int{unix.SYS_SOCKETPAIR}},
		{sendEnter, []int{unix.SYS_SENDTO, unix.SYS_SENDMSG}},
		{sendmmsgEnter, []int{unix.SYS_SENDMMSG}},
		{recvEnter, []int{unix.SYS_RECVFROM, unix.SYS_RECVMSG}},
		{recvmmsgEnter, []int{unix.SYS_RECVMMSG}},
		{bindEnter, []int{unix.SYS_BIND}},
		{listenEnter, []int{unix.SYS_LISTEN}},
		{connectEnter, []int{unix.SYS_CONNECT}},
		{acceptEnter, []int{unix.SYS_ACCEPT, unix.SYS_ACCEPT4}},
		{shutdownEnter, []int{unix.SYS_SHUTDOWN}},
		{getnameEnter, []int{unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME}},
		{getsockoptEnter, []int{unix.SYS_GETSOCKOPT}},
		{setsockoptEnter, []int{unix.SYS_SETSOCKOPT}},
		{getrandomEnter, []int{unix.SYS_GETRANDOM}},
		{clockGettimeEnter, []int{unix.SYS_CLOCK_GETTIME}},
		{clockGetresEnter, []int{unix.SYS_CLOCK_GETRES}},
		{gettimeofdayEnter, []int{unix.SYS_GETTIMEOFDAY}},
		{timeEnter, []int{unix.SYS_TIME}},
		{timesEnter, []int{unix.SYS_TIMES}},
		{getrusageEnter, []int{unix.SYS_GETRUSAGE}},
		{nanosleepEnter, []int{unix.SYS_NANOSLEEP}},
		{clockNanosleepEnter, []int{unix.SYS_CLOCK_NANOSLEEP}},
		{alarmEnter, []int{unix.SYS_ALARM}},
		{getitimerEnter, []int{unix.SYS_GETITIMER}},
		{setitimerEnter, []int{unix.SYS_SETITIMER}},
		{timerCreateEnter, []int{unix.SYS_TIMER_CREATE}},
		{timerSettimeEnter, []int{unix.SYS_TIMER_SETTIME}},
		{timerGettimeEnter, []int{unix.SYS_TIMER_GETTIME}},
		{timerOverrunEnter, []int{unix.SYS_TIMER_GETOVERRUN}},
		{timerDeleteEnter, []int{unix.SYS_TIMER_DELETE}},
		{timerfdCreateEnter, []int{unix.SYS_TIMERFD_CREATE}},
		{timerfdSettimeEnter, []int{unix.SYS_TIMERFD_SETTIME}},
		{timerfdGettimeEnter, []int{unix.SYS_TIMERFD_GETTIME}},
		{unameEnter, []int{unix.SYS_UNAME}},
		{sysinfoEnter, []int{unix.SYS_SYSINFO}},
		{affinityEnter, []int{unix.SYS_SCHED_GETAFFINITY}},
		{setAffinityEnter, []int{unix.SYS_SCHED_SETAFFINITY}},
		{getcpuEnter, []int{unix.SYS_GETCPU}},
		{getgroupsEnter, []int{unix.SYS_GETGROUPS}},
		{setGroupsEnter, []int{unix.SYS_SETGROUPS}},
		{setFSIDEnter, []int{unix.SYS_SETFSUID, unix.SYS_SETFSGID}},
		{schedEnter, []int{unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER,
			unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN,
			unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_GETATTR,
			unix.SYS_GETPRIORITY, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_GET, unix.SYS_IOPRIO_SET}},
		{setIDEnter, []int{unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID,
			unix.SYS_SETRESUID, unix.SYS_SETRESGID}},
		{zeroEnter, []int{unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MUNLOCK, unix.SYS_MLOCKALL, unix.SYS_MUNLOCKALL,
			unix.SYS_SYNC}},
		{syncEnter, []int{unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNCFS, unix.SYS_SYNC_FILE_RANGE, unix.SYS_READAHEAD}},
	} {
		for _, nr := range f.nrs {
			handlers[nr] = f.h
		}
	}
}
