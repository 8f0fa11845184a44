package strace

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
)

// names are the names of an argument's values.
type names struct {
	// flags says that the argument is a word of flags. A flag may have several
	// bits; those come before the flags that they contain.
	flags bool
	// zero is the name of the value 0, if it has one.
	zero string
	// list are the values by name. rules, from the policy table, come after.
	list  []named
	rules []policy.Rule
	// number writes what has no name; in hexadecimal when it is nil.
	number func(uint64) string
}

type named struct {
	value uint64
	name  string
}

func (n *names) text(v uint64) string {
	if v == 0 && n.zero != "" {
		return n.zero
	}
	number := n.number
	if number == nil {
		number = hex
	}
	if !n.flags {
		for _, x := range n.list {
			if x.value == v {
				return x.name
			}
		}
		for _, r := range n.rules {
			if r.Value == v {
				return r.Name
			}
		}
		return number(v)
	}
	if v == 0 {
		return "0"
	}
	var parts []string
	take := func(value uint64, name string) {
		if value != 0 && v&value == value {
			parts = append(parts, name)
			v &^= value
		}
	}
	for _, x := range n.list {
		take(x.value, x.name)
	}
	for _, r := range n.rules {
		take(r.Value, r.Name)
	}
	if v != 0 {
		parts = append(parts, number(v))
	}
	return strings.Join(parts, "|")
}

// shape makes the names the way in which an argument that is no address is
// written.
func (n *names) shape(bits int) shape {
	return shape{scalar: true, in: func(v *view, i int) (string, bool) {
		a := v.args[i]
		if bits == 32 {
			a = uint64(uint32(a))
		}
		return n.text(a), true
	}}
}

// signalName is a signal's name; signal(7).
func signalName(sig uint64) string {
	if sig >= 32 && sig <= 64 {
		return "SIGRT_" + strconv.Itoa(int(sig)-32)
	}
	if sig > 0 && sig < 32 {
		return unix.SignalName(unix.Signal(sig))
	}
	return decimal(sig)
}

// openNames are the flags of open that have several bits.
var openNames = []named{
	{0x101000, "O_SYNC"},
	{unix.O_TMPFILE, "O_TMPFILE"},
}

// openFlags is the text of open's flags, of which two bits are the access mode.
func openFlags(v uint64) string {
	n := names{flags: true, list: openNames, rules: policy.OpenFlags.Rows}
	switch {
	case v == unix.O_RDONLY:
		return "O_RDONLY"
	case v&unix.O_ACCMODE == unix.O_RDONLY:
		return "O_RDONLY|" + n.text(v)
	}
	return n.text(v)
}

var clockNames = names{number: func(v uint64) string { return strconv.Itoa(int(int32(v))) }, list: []named{
	{unix.CLOCK_REALTIME, "CLOCK_REALTIME"}, {unix.CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
	{unix.CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID"}, {unix.CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID"},
	{unix.CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW"}, {unix.CLOCK_REALTIME_COARSE, "CLOCK_REALTIME_COARSE"},
	{unix.CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE"}, {unix.CLOCK_BOOTTIME, "CLOCK_BOOTTIME"},
	{unix.CLOCK_REALTIME_ALARM, "CLOCK_REALTIME_ALARM"}, {unix.CLOCK_BOOTTIME_ALARM, "CLOCK_BOOTTIME_ALARM"},
	{unix.CLOCK_TAI, "CLOCK_TAI"},
}}

var whenceNames = names{number: decimal, list: []named{
	{0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"},
}}

// atFlags are the flags of the calls whose names end in "at"; their meaning
// differs a little from call to call, which the exceptions below hold.
var atFlags = names{flags: true, list: []named{
	{unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"}, {unix.AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"},
	{unix.AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"}, {unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"},
	{unix.AT_STATX_FORCE_SYNC, "AT_STATX_FORCE_SYNC"}, {unix.AT_STATX_DONT_SYNC, "AT_STATX_DONT_SYNC"},
}}

var removeFlags = names{flags: true, list: []named{{unix.AT_REMOVEDIR, "AT_REMOVEDIR"}}}

var eaccessFlags = names{flags: true, list: []named{
	{unix.AT_EACCESS, "AT_EACCESS"}, {unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"}, {unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"},
}}

var accessModes = names{flags: true, zero: "F_OK", list: []named{{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}}}

var statxMask = names{flags: true, list: []named{
	{unix.STATX_ALL, "STATX_ALL"}, {unix.STATX_BASIC_STATS, "STATX_BASIC_STATS"},
	{unix.STATX_TYPE, "STATX_TYPE"}, {unix.STATX_MODE, "STATX_MODE"}, {unix.STATX_NLINK, "STATX_NLINK"},
	{unix.STATX_UID, "STATX_UID"}, {unix.STATX_GID, "STATX_GID"}, {unix.STATX_ATIME, "STATX_ATIME"},
	{unix.STATX_MTIME, "STATX_MTIME"}, {unix.STATX_CTIME, "STATX_CTIME"}, {unix.STATX_INO, "STATX_INO"},
	{unix.STATX_SIZE, "STATX_SIZE"}, {unix.STATX_BLOCKS, "STATX_BLOCKS"}, {unix.STATX_BTIME, "STATX_BTIME"},
	{unix.STATX_MNT_ID, "STATX_MNT_ID"}, {unix.STATX_DIOALIGN, "STATX_DIOALIGN"},
}}

var renameFlags = names{flags: true, list: []named{
	{unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"}, {unix.RENAME_EXCHANGE, "RENAME_EXCHANGE"}, {unix.RENAME_WHITEOUT, "RENAME_WHITEOUT"},
}}

var waitOptions = names{flags: true, list: []named{
	{unix.WNOHANG, "WNOHANG"}, {unix.WSTOPPED, "WSTOPPED"}, {unix.WEXITED, "WEXITED"}, {unix.WCONTINUED, "WCONTINUED"},
	{unix.WNOWAIT, "WNOWAIT"}, {unix.WNOTHREAD, "__WNOTHREAD"}, {unix.WALL, "__WALL"}, {unix.WCLONE, "__WCLONE"},
}}

var idTypes = names{number: decimal, list: []named{{0, "P_ALL"}, {1, "P_PID"}, {2, "P_PGID"}, {3, "P_PIDFD"}}}

var spliceFlags = names{flags: true, list: []named{
	{unix.SPLICE_F_MOVE, "SPLICE_F_MOVE"}, {unix.SPLICE_F_NONBLOCK, "SPLICE_F_NONBLOCK"},
	{unix.SPLICE_F_MORE, "SPLICE_F_MORE"}, {unix.SPLICE_F_GIFT, "SPLICE_F_GIFT"},
}}

var pollEvents = names{flags: true, list: []named{
	{unix.POLLIN, "POLLIN"}, {unix.POLLPRI, "POLLPRI"}, {unix.POLLOUT, "POLLOUT"}, {unix.POLLERR, "POLLERR"},
	{unix.POLLHUP, "POLLHUP"}, {unix.POLLNVAL, "POLLNVAL"}, {0x40, "POLLRDNORM"}, {0x80, "POLLRDBAND"},
	{0x100, "POLLWRNORM"}, {0x200, "POLLWRBAND"}, {unix.POLLRDHUP, "POLLRDHUP"},
}}

var flockOps = names{flags: true, list: []named{
	{unix.LOCK_SH, "LOCK_SH"}, {unix.LOCK_EX, "LOCK_EX"}, {unix.LOCK_NB, "LOCK_NB"}, {unix.LOCK_UN, "LOCK_UN"},
}}

var closeFlags = names{flags: true, list: []named{
	{unix.CLOSE_RANGE_UNSHARE, "CLOSE_RANGE_UNSHARE"}, {unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"},
}}

var xattrFlags = names{flags: true, list: []named{{unix.XATTR_CREATE, "XATTR_CREATE"}, {unix.XATTR_REPLACE, "XATTR_REPLACE"}}}

var memfdFlags = names{flags: true, list: []named{
	{unix.MFD_CLOEXEC, "MFD_CLOEXEC"}, {unix.MFD_ALLOW_SEALING, "MFD_ALLOW_SEALING"}, {unix.MFD_HUGETLB, "MFD_HUGETLB"},
	{unix.MFD_NOEXEC_SEAL, "MFD_NOEXEC_SEAL"}, {unix.MFD_EXEC, "MFD_EXEC"},
}}

var fallocFlags = names{flags: true, list: []named{
	{unix.FALLOC_FL_KEEP_SIZE, "FALLOC_FL_KEEP_SIZE"}, {unix.FALLOC_FL_PUNCH_HOLE, "FALLOC_FL_PUNCH_HOLE"},
	{unix.FALLOC_FL_COLLAPSE_RANGE, "FALLOC_FL_COLLAPSE_RANGE"}, {unix.FALLOC_FL_ZERO_RANGE, "FALLOC_FL_ZERO_RANGE"},
	{unix.FALLOC_FL_INSERT_RANGE, "FALLOC_FL_INSERT_RANGE"}, {unix.FALLOC_FL_UNSHARE_RANGE, "FALLOC_FL_UNSHARE_RANGE"},
}}

var msyncFlags = names{flags: true, list: []named{
	{unix.MS_ASYNC, "MS_ASYNC"}, {unix.MS_INVALIDATE, "MS_INVALIDATE"}, {unix.MS_SYNC, "MS_SYNC"},
}}

var timerFlags = names{flags: true, list: []named{{unix.TIMER_ABSTIME, "TIMER_ABSTIME"}}}

var socketTypes = names{list: []named{
	{unix.SOCK_STREAM, "SOCK_STREAM"}, {unix.SOCK_DGRAM, "SOCK_DGRAM"}, {unix.SOCK_RAW, "SOCK_RAW"},
	{unix.SOCK_SEQPACKET, "SOCK_SEQPACKET"},
}}

var socketFlags = names{flags: true, list: []named{
	{unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}, {unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"},
}}

var messageFlags = names{flags: true, list: []named{
	{unix.MSG_OOB, "MSG_OOB"}, {unix.MSG_PEEK, "MSG_PEEK"}, {unix.MSG_DONTROUTE, "MSG_DONTROUTE"}, {unix.MSG_TRUNC, "MSG_TRUNC"},
	{unix.MSG_DONTWAIT, "MSG_DONTWAIT"}, {unix.MSG_EOR, "MSG_EOR"}, {unix.MSG_WAITALL, "MSG_WAITALL"}, {unix.MSG_CONFIRM, "MSG_CONFIRM"},
	{unix.MSG_ERRQUEUE, "MSG_ERRQUEUE"}, {unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"}, {unix.MSG_MORE, "MSG_MORE"}, {unix.MSG_WAITFORONE, "MSG_WAITFORONE"},
	{unix.MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"},
}}

var futexOps = names{list: []named{
	{0, "FUTEX_WAIT"}, {1, "FUTEX_WAKE"}, {2, "FUTEX_FD"}, {3, "FUTEX_REQUEUE"}, {4, "FUTEX_CMP_REQUEUE"},
	{5, "FUTEX_WAKE_OP"}, {6, "FUTEX_LOCK_PI"}, {7, "FUTEX_UNLOCK_PI"}, {8, "FUTEX_TRYLOCK_PI"},
	{9, "FUTEX_WAIT_BITSET"}, {10, "FUTEX_WAKE_BITSET"},
}}

var futexFlags = names{flags: true, list: []named{{128, "FUTEX_PRIVATE_FLAG"}, {256, "FUTEX_CLOCK_REALTIME"}}}

var resources = names{number: decimal, list: []named{
	{0, "RLIMIT_CPU"}, {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"}, {3, "RLIMIT_STACK"}, {4, "RLIMIT_CORE"},
	{5, "RLIMIT_RSS"}, {6, "RLIMIT_NPROC"}, {7, "RLIMIT_NOFILE"}, {8, "RLIMIT_MEMLOCK"}, {9, "RLIMIT_AS"},
	{10, "RLIMIT_LOCKS"}, {11, "RLIMIT_SIGPENDING"}, {12, "RLIMIT_MSGQUEUE"}, {13, "RLIMIT_NICE"},
	{14, "RLIMIT_RTPRIO"}, {15, "RLIMIT_RTTIME"},
}}

var usageWho = names{number: func(v uint64) string { return strconv.Itoa(int(int32(v))) }, list: []named{
	{0, "RUSAGE_SELF"}, {1, "RUSAGE_THREAD"}, {0xffffffff, "RUSAGE_CHILDREN"},
}}

var priorityWhich = names{number: decimal, list: []named{{0, "PRIO_PROCESS"}, {1, "PRIO_PGRP"}, {2, "PRIO_USER"}}}

var seccompOps = names{number: decimal, list: []named{
	{0, "SECCOMP_SET_MODE_STRICT"}, {1, "SECCOMP_SET_MODE_FILTER"}, {2, "SECCOMP_GET_ACTION_AVAIL"}, {3, "SECCOMP_GET_NOTIF_SIZES"},
}}

var lockTypes = names{number: decimal, list: []named{{unix.F_RDLCK, "F_RDLCK"}, {unix.F_WRLCK, "F_WRLCK"}, {unix.F_UNLCK, "F_UNLCK"}}}

var sealNames = names{flags: true, list: []named{
	{unix.F_SEAL_SEAL, "F_SEAL_SEAL"}, {unix.F_SEAL_SHRINK, "F_SEAL_SHRINK"}, {unix.F_SEAL_GROW, "F_SEAL_GROW"},
	{unix.F_SEAL_WRITE, "F_SEAL_WRITE"}, {unix.F_SEAL_FUTURE_WRITE, "F_SEAL_FUTURE_WRITE"}, {unix.F_SEAL_EXEC, "F_SEAL_EXEC"},
}}

// Flags of sigaction(2); asm/signal.h.
var actionFlags = names{flags: true, list: []named{
	{0x4000000, "SA_RESTORER"}, {0x08000000, "SA_ONSTACK"}, {0x10000000, "SA_RESTART"}, {0x40000000, "SA_NODEFER"},
	{0x80000000, "SA_RESETHAND"}, {4, "SA_SIGINFO"}, {1, "SA_NOCLDSTOP"}, {2, "SA_NOCLDWAIT"},
}}

// fileTypes are the types in a file's mode; inode(7).
var fileTypes = names{number: octal, list: []named{
	{unix.S_IFREG, "S_IFREG"}, {unix.S_IFDIR, "S_IFDIR"}, {unix.S_IFLNK, "S_IFLNK"}, {unix.S_IFCHR, "S_IFCHR"},
	{unix.S_IFBLK, "S_IFBLK"}, {unix.S_IFIFO, "S_IFIFO"}, {unix.S_IFSOCK, "S_IFSOCK"},
}}

// fileSystems are the types that statfs(2) shows.
var fileSystems = names{list: []named{
	{unix.EXT4_SUPER_MAGIC, "EXT2_SUPER_MAGIC"}, {unix.PROC_SUPER_MAGIC, "PROC_SUPER_MAGIC"},
	{unix.DEVPTS_SUPER_MAGIC, "DEVPTS_SUPER_MAGIC"}, {unix.PIPEFS_MAGIC, "PIPEFS_MAGIC"}, {unix.TMPFS_MAGIC, "TMPFS_MAGIC"},
}}

// fileMode is the text of a file's mode with its type.
func fileMode(v uint64) string {
	return fileTypes.text(v&unix.S_IFMT) + "|" + octal(v&^unix.S_IFMT)
}
