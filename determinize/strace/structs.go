package strace

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Texts of the kernel's structures on x86-64, each after its manual page.
// Members that never differ from another or that nothing sets are left out.

func long(b le) string { return "[" + strconv.FormatInt(b.i64(0), 10) + "]" }

// timespec also has the two values of utimensat(2) that are not times.
func timespec(b le) string {
	nsec := strconv.FormatInt(b.i64(8), 10)
	switch b.i64(8) {
	case 1<<30 - 1:
		nsec = "UTIME_NOW"
	case 1<<30 - 2:
		nsec = "UTIME_OMIT"
	}
	return "{tv_sec=" + strconv.FormatInt(b.i64(0), 10) + ", tv_nsec=" + nsec + "}"
}

func timeval(b le) string { return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", b.i64(0), b.i64(8)) }

func itimerspec(b le) string {
	return "{it_interval=" + timespec(b) + ", it_value=" + timespec(b[16:]) + "}"
}

func itimerval(b le) string {
	return "{it_interval=" + timeval(b) + ", it_value=" + timeval(b[16:]) + "}"
}

func timespecs(b le) string { return "[" + timespec(b) + ", " + timespec(b[16:]) + "]" }

func timevals(b le) string { return "[" + timeval(b) + ", " + timeval(b[16:]) + "]" }

func utimbuf(b le) string { return fmt.Sprintf("{actime=%d, modtime=%d}", b.i64(0), b.i64(8)) }

func timezone(b le) string {
	return fmt.Sprintf("{tz_minuteswest=%d, tz_dsttime=%d}", b.i32(0), b.i32(4))
}

func times(b le) string {
	return fmt.Sprintf("{tms_utime=%d, tms_stime=%d, tms_cutime=%d, tms_cstime=%d}", b.i64(0), b.i64(8), b.i64(16), b.i64(24))
}

func rusage(b le) string {
	return "{ru_utime=" + timeval(b) + ", ru_stime=" + timeval(b[16:]) + ", ru_maxrss=" + strconv.FormatInt(b.i64(32), 10) + ", ...}"
}

func rlimit(b le) string {
	value := func(v uint64) string {
		if v == ^uint64(0) {
			return "RLIM64_INFINITY"
		}
		return decimal(v)
	}
	return "{rlim_cur=" + value(b.u64(0)) + ", rlim_max=" + value(b.u64(8)) + "}"
}

// device is the text of a device number.
func device(v uint64) string {
	return makedev(uint64(unix.Major(v)), uint64(unix.Minor(v)))
}

func makedev(major, minor uint64) string { return "makedev(" + hex(major) + ", " + hex(minor) + ")" }

// stamp is the text of a time in a file's status.
func stamp(sec int64, nsec uint64) string { return fmt.Sprintf("%d.%09d", sec, nsec) }

func stat(b le) string {
	mode := b.u32(24)
	text := fmt.Sprintf("{st_dev=%s, st_ino=%d, st_mode=%s, st_nlink=%d, st_uid=%d, st_gid=%d",
		device(b.u64(0)), b.u64(8), fileMode(mode), b.u64(16), b.u32(28), b.u32(32))
	if t := mode & unix.S_IFMT; t == unix.S_IFCHR || t == unix.S_IFBLK {
		text += ", st_rdev=" + device(b.u64(40))
	}
	return text + fmt.Sprintf(", st_size=%d, st_blksize=%d, st_blocks=%d, st_atime=%s, st_mtime=%s, st_ctime=%s}",
		b.i64(48), b.i64(56), b.i64(64), stamp(b.i64(72), b.u64(80)), stamp(b.i64(88), b.u64(96)), stamp(b.i64(104), b.u64(112)))
}

func statx(b le) string {
	mode := b.u16(28)
	text := fmt.Sprintf("{stx_mask=%s, stx_blksize=%d, stx_attributes=%s, stx_nlink=%d, stx_uid=%d, stx_gid=%d, stx_mode=%s, stx_ino=%d, stx_size=%d, stx_blocks=%d",
		statxMask.text(b.u32(0)), b.u32(4), hex(b.u64(8)), b.u32(16), b.u32(20), b.u32(24), fileMode(mode), b.u64(32), b.u64(40), b.u64(48))
	text += fmt.Sprintf(", stx_atime=%s, stx_mtime=%s, stx_ctime=%s",
		stamp(b.i64(64), b.u32(72)), stamp(b.i64(112), b.u32(120)), stamp(b.i64(96), b.u32(104)))
	if t := mode & unix.S_IFMT; t == unix.S_IFCHR || t == unix.S_IFBLK {
		text += ", stx_rdev=" + makedev(b.u32(128), b.u32(132))
	}
	return text + ", stx_dev=" + makedev(b.u32(136), b.u32(140)) + "}"
}

func statfs(b le) string {
	return fmt.Sprintf("{f_type=%s, f_bsize=%d, f_blocks=%d, f_bfree=%d, f_bavail=%d, f_files=%d, f_ffree=%d, f_fsid={%#x, %#x}, f_namelen=%d, f_frsize=%d, f_flags=%s}",
		fileSystems.text(b.u64(0)), b.u64(8), b.u64(16), b.u64(24), b.u64(32), b.u64(40), b.u64(48), b.u32(56), b.u32(60),
		b.u64(64), b.u64(72), hex(b.u64(80)))
}

func utsname(b le) string {
	var parts []string
	for i, name := range [...]string{"sysname", "nodename", "release", "version", "machine", "domainname"} {
		s, _, _ := bytes.Cut(b[65*i:65*(i+1)], []byte{0})
		parts = append(parts, name+"="+Quote(string(s)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func sysinfo(b le) string {
	return fmt.Sprintf("{uptime=%d, loads=[%d, %d, %d], totalram=%d, freeram=%d, sharedram=%d, bufferram=%d, totalswap=%d, freeswap=%d, procs=%d, totalhigh=%d, freehigh=%d, mem_unit=%d}",
		b.i64(0), b.u64(8), b.u64(16), b.u64(24), b.u64(32), b.u64(40), b.u64(48), b.u64(56), b.u64(64), b.u64(72), b.u16(80),
		b.u64(88), b.u64(96), b.u32(104))
}

func winsize(b le) string {
	return fmt.Sprintf("{ws_row=%d, ws_col=%d, ws_xpixel=%d, ws_ypixel=%d}", b.u16(0), b.u16(2), b.u16(4), b.u16(6))
}

func termios(b le) string {
	return fmt.Sprintf("{c_iflag=%s, c_oflag=%s, c_cflag=%s, c_lflag=%s, ...}", hex(b.u32(0)), hex(b.u32(4)), hex(b.u32(8)), hex(b.u32(12)))
}

func flock(b le) string {
	return fmt.Sprintf("{l_type=%s, l_whence=%s, l_start=%d, l_len=%d, l_pid=%d}",
		lockTypes.text(b.u16(0)), whenceNames.text(b.u16(2)), b.i64(8), b.i64(16), b.i32(24))
}

// sigset is a set of signals, written without their common prefix; of those
// that are not in it when these are fewer.
func sigset(b le) string {
	set := b.u64(0)
	prefix := ""
	n := 0
	for i := range 64 {
		n += int(set >> i & 1)
	}
	if n > 32 {
		set, prefix = ^set, "~"
	}
	var parts []string
	for i := range uint64(64) {
		if set>>i&1 != 0 {
			parts = append(parts, strings.TrimPrefix(signalName(i+1), "SIG"))
		}
	}
	return prefix + "[" + strings.Join(parts, " ") + "]"
}

func sigaction(b le) string {
	handler := hex(b.u64(0))
	switch b.u64(0) {
	case 0:
		handler = "SIG_DFL"
	case 1:
		handler = "SIG_IGN"
	}
	const restorer = 0x4000000
	text := "{sa_handler=" + handler + ", sa_mask=" + sigset(b[24:]) + ", sa_flags=" + actionFlags.text(b.u64(8))
	if b.u64(8)&restorer != 0 {
		text += ", sa_restorer=" + address(b.u64(16))
	}
	return text + "}"
}

// Codes of siginfo_t; sigaction(2).
var (
	anyCodes = map[int64]string{
		0: "SI_USER", 0x80: "SI_KERNEL", -1: "SI_QUEUE", -2: "SI_TIMER", -3: "SI_MESGQ", -4: "SI_ASYNCIO", -5: "SI_SIGIO", -6: "SI_TKILL",
	}
	codes = map[unix.Signal][]string{
		unix.SIGCHLD: {"CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"},
		unix.SIGSEGV: {"SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"},
		unix.SIGBUS:  {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"},
		unix.SIGFPE: {"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV",
			"FPE_FLTSUB"},
		unix.SIGILL:  {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK"},
		unix.SIGTRAP: {"TRAP_BRKPT", "TRAP_TRACE"},
	}
)

// siginfoMembers are the members of a siginfo_t of at least 48 bytes that its
// signal and code give a meaning.
func siginfoMembers(info []byte) []Arg {
	b := le(info)
	sig, code := unix.Signal(b.i32(0)), b.i32(8)
	name := anyCodes[code]
	if list := codes[sig]; code > 0 && code <= int64(len(list)) {
		name = list[code-1]
	}
	if name == "" {
		name = strconv.FormatInt(code, 10)
	}
	m := []Arg{{"si_signo", signalName(uint64(uint32(sig)))}, {"si_code", name}}
	from := func() {
		m = append(m, Arg{"si_pid", strconv.FormatInt(b.i32(16), 10)}, Arg{"si_uid", decimal(b.u32(20))})
	}
	switch {
	case code == 0x80:
	case code <= 0:
		from()
		if code == -1 {
			m = append(m, Arg{"si_int", strconv.FormatInt(b.i32(24), 10)})
		}
	case sig == unix.SIGCHLD:
		from()
		status := strconv.FormatInt(b.i32(24), 10)
		if code != 1 {
			status = signalName(b.u32(24))
		}
		m = append(m, Arg{"si_status", status}, Arg{"si_utime", strconv.FormatInt(b.i64(32), 10)}, Arg{"si_stime", strconv.FormatInt(b.i64(40), 10)})
	case codes[sig] != nil:
		m = append(m, Arg{"si_addr", address(b.u64(16))})
	}
	return m
}

func siginfo(b le) string {
	var parts []string
	for _, a := range siginfoMembers(b) {
		parts = append(parts, a.Name+"="+a.Text)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// waitInfo is what waitid has written: nothing but zeros when it has found no
// child.
func waitInfo(b le) string {
	if b.u32(0) == 0 {
		return "{}"
	}
	return siginfo(b)
}
