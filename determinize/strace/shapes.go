package strace

import "golang.org/x/sys/unix"

// reader makes the text of an argument; false when what it leads to is not in
// the process's memory.
type reader func(v *view, i int) (string, bool)

// shape is how an argument is written of which the kind does not say enough.
type shape struct {
	// in is read when the call is made, out when it has succeeded; when both
	// are set and differ, both are written.
	in, out reader
	// scalar says that the argument is no address, so that 0 is not NULL.
	scalar bool
}

// shapes are the shapes of arguments, by call and name of the argument.
var shapes = byArgument([]shapeRow{
	// Buffers.
	{"read pread64", "buf", shape{out: filled(2)}},
	{"readlink", "buf", shape{out: filled(2)}},
	{"readlinkat", "buf", shape{out: filled(3)}},
	{"getrandom", "buf", shape{out: filled(1)}},
	{"getcwd", "buf", shape{out: cwd}},
	{"getxattr lgetxattr fgetxattr", "value", shape{out: filled(3)}},
	{"listxattr llistxattr flistxattr", "list", shape{out: filled(2)}},
	{"write pwrite64", "buf", shape{in: buffer(2)}},
	{"setxattr lsetxattr fsetxattr", "value", shape{in: buffer(3)}},
	{"readv preadv preadv2", "vec", shape{out: iovec}},
	{"writev pwritev pwritev2", "vec", shape{in: iovec}},
	{"vmsplice", "iov", shape{in: iovec}},
	{"getdents", "dirent", shape{out: entries}},
	{"getdents64", "dirent", shape{out: entries}},

	// Files and names.
	{"open", "flags", shape{scalar: true, in: openWord}},
	{"openat", "flags", shape{scalar: true, in: openWord}},
	{"open", "mode", shape{scalar: true, in: openMode}},
	{"openat", "mode", shape{scalar: true, in: openMode}},
	{"openat2", "how", shape{in: openHow}},
	{"stat lstat fstat newfstatat", "statbuf", shape{out: fixed(144, stat)}},
	{"statx", "statxbuf", shape{out: fixed(256, statx)}},
	{"statx", "mask", statxMask.shape(32)},
	{"newfstatat statx linkat fchownat utimensat fchmodat2 execveat", "flags", atFlags.shape(32)},
	{"unlinkat", "flags", removeFlags.shape(32)},
	{"faccessat2", "flags", eaccessFlags.shape(32)},
	{"access faccessat faccessat2", "mode", accessModes.shape(32)},
	{"renameat2", "flags", renameFlags.shape(32)},
	{"statfs fstatfs", "buf", shape{out: fixed(120, statfs)}},
	{"setxattr lsetxattr fsetxattr", "flags", xattrFlags.shape(32)},
	{"utime", "times", shape{in: fixed(16, utimbuf)}},
	{"utimes futimesat", "times", shape{in: fixed(32, timevals)}},
	{"utimensat", "times", shape{in: fixed(32, timespecs)}},
	{"memfd_create", "flags", memfdFlags.shape(32)},
	{"fallocate", "mode", fallocFlags.shape(32)},
	{"mknod mknodat", "mode", shape{scalar: true, in: func(v *view, i int) (string, bool) { return fileMode(v.arg32(i)), true }}},

	// Descriptors and pipes.
	{"pipe pipe2", "fildes", shape{out: ints(2)}},
	{"sendfile", "offset", offset},
	{"splice copy_file_range", "off_in", offset},
	{"splice copy_file_range", "off_out", offset},
	{"splice tee vmsplice", "flags", spliceFlags.shape(32)},
	{"fcntl", "arg", shape{scalar: true, in: fcntlArg, out: fcntlResult}},
	{"ioctl", "argp", shape{scalar: true, in: ioctlArg, out: ioctlResult}},
	{"flock", "operation", flockOps.shape(32)},
	{"close_range", "flags", closeFlags.shape(32)},
	{"poll ppoll", "fds", shape{in: pollFDs, out: pollResults}},
	{"ppoll", "tmo_p", shape{in: fixed(16, timespec), out: fixed(16, timespec)}},
	{"ppoll", "sigmask", shape{in: fixed(8, sigset)}},
	{"select pselect6", "readfds", shape{in: fdSet, out: fdSet}},
	{"select pselect6", "writefds", shape{in: fdSet, out: fdSet}},
	{"select pselect6", "exceptfds", shape{in: fdSet, out: fdSet}},
	{"select", "timeout", shape{in: fixed(16, timeval), out: fixed(16, timeval)}},
	{"pselect6", "timeout", shape{in: fixed(16, timespec), out: fixed(16, timespec)}},
	{"pselect6", "sigmask", shape{in: maskAndSize}},
	{"socket socketpair", "type", shape{scalar: true, in: socketType}},
	{"socketpair", "sv", shape{out: ints(2)}},
	{"bind connect", "addr", shape{in: socketName(2)}},
	{"accept accept4 getsockname getpeername", "addr", shape{out: toldName(2)}},
	{"accept accept4 getsockname getpeername", "addrlen", shape{out: sizeTold}},
	{"sendto", "buf", shape{in: buffer(2)}},
	{"sendto", "dest_addr", shape{in: socketName(5)}},
	{"sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg", "flags", messageFlags.shape(32)},
	{"accept4", "flags", socketFlags.shape(32)},
	{"recvfrom", "buf", shape{out: filled(2)}},
	{"recvfrom", "src_addr", shape{out: toldName(5)}},
	{"recvfrom", "addrlen", shape{out: sizeTold}},

	// Time.
	{"clock_gettime", "tp", shape{out: fixed(16, timespec)}},
	{"clock_settime", "tp", shape{in: fixed(16, timespec)}},
	{"clock_getres", "res", shape{out: fixed(16, timespec)}},
	{"gettimeofday", "tv", shape{out: fixed(16, timeval)}},
	{"gettimeofday", "tz", shape{out: fixed(8, timezone)}},
	{"time", "tloc", shape{out: fixed(8, long)}},
	{"times", "buf", shape{out: fixed(32, times)}},
	{"nanosleep", "duration", shape{in: fixed(16, timespec)}},
	{"clock_nanosleep", "t", shape{in: fixed(16, timespec)}},
	{"clock_nanosleep timer_settime timerfd_settime", "flags", timerFlags.shape(32)},
	{"setitimer", "new_value", shape{in: fixed(32, itimerval)}},
	{"setitimer", "old_value", shape{out: fixed(32, itimerval)}},
	{"getitimer", "curr_value", shape{out: fixed(32, itimerval)}},
	{"timer_settime timerfd_settime", "new_value", shape{in: fixed(32, itimerspec)}},
	{"timer_settime timerfd_settime", "old_value", shape{out: fixed(32, itimerspec)}},
	{"timer_gettime timerfd_gettime", "curr_value", shape{out: fixed(32, itimerspec)}},
	{"timer_create", "timerid", shape{out: ints(1)}},

	// Processes and signals.
	{"execve execveat", "envp", shape{in: countVars}},
	{"clone", "parent_tid", shape{out: tid(unix.CLONE_PARENT_SETTID)}},
	{"clone3", "cl_args", shape{in: cloneArgs}},
	{"wait4", "wstatus", shape{out: found(fixed(4, waitStatus))}},
	{"wait4 waitid", "options", waitOptions.shape(32)},
	{"wait4", "rusage", shape{out: found(fixed(144, rusage))}},
	{"waitid", "rusage", shape{out: fixed(144, rusage)}},
	{"waitid", "idtype", idTypes.shape(32)},
	{"waitid", "infop", shape{out: fixed(128, waitInfo)}},
	{"rt_sigaction", "act", shape{in: fixed(32, sigaction)}},
	{"rt_sigaction", "oldact", shape{out: fixed(32, sigaction)}},
	{"rt_sigpending", "set", shape{out: fixed(8, sigset)}},
	{"rt_sigsuspend", "mask", shape{in: fixed(8, sigset)}},
	{"rt_sigtimedwait", "set", shape{in: fixed(8, sigset)}},
	{"rt_sigtimedwait", "info", shape{out: fixed(128, siginfo)}},
	{"rt_sigtimedwait", "timeout", shape{in: fixed(16, timespec)}},
	{"rt_sigqueueinfo rt_tgsigqueueinfo", "info", shape{in: fixed(128, siginfo)}},
	{"futex", "op", shape{scalar: true, in: futexOp}},
	{"prctl", "arg2", shape{scalar: true, in: prctlArg, out: prctlResult}},
	{"prctl", "arg3", shape{scalar: true, in: prctlArg}},
	{"prctl", "arg4", shape{scalar: true, in: prctlArg}},
	{"prctl", "arg5", shape{scalar: true, in: prctlArg}},
	{"seccomp", "operation", seccompOps.shape(32)},

	// Memory and limits.
	{"msync", "flags", msyncFlags.shape(32)},
	{"getrlimit setrlimit prlimit64", "resource", resources.shape(32)},
	{"getrlimit", "rlim", shape{out: fixed(16, rlimit)}},
	{"setrlimit", "rlim", shape{in: fixed(16, rlimit)}},
	{"prlimit64", "new_limit", shape{in: fixed(16, rlimit)}},
	{"prlimit64", "old_limit", shape{out: fixed(16, rlimit)}},
	{"getrusage", "who", usageWho.shape(32)},
	{"getrusage", "usage", shape{out: fixed(144, rusage)}},
	{"getpriority setpriority", "which", priorityWhich.shape(32)},

	// The machine.
	{"uname", "buf", shape{out: fixed(6*65, utsname)}},
	{"sysinfo", "info", shape{out: fixed(112, sysinfo)}},
	{"sched_getaffinity", "mask", shape{out: func(v *view, i int) (string, bool) { return cpuSet(v, i, v.ret) }}},
	{"sched_setaffinity", "mask", shape{in: func(v *view, i int) (string, bool) { return cpuSet(v, i, int64(v.arg32(1))) }}},
	{"sched_rr_get_interval", "tp", shape{out: fixed(16, timespec)}},
	{"getcpu", "cpu", shape{out: ints(1)}},
	{"getcpu", "node", shape{out: ints(1)}},
})

// offset is the shape of the address of a file offset.
var offset = shape{in: fixed(8, long), out: fixed(8, long)}

// shapeRow gives a shape to an argument of some calls.
type shapeRow struct {
	calls string // separated by spaces
	arg   string
	shape shape
}
