package strace

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
)

// byArgument indexes the table of shapes.
func byArgument(rows []shapeRow) map[string]shape {
	m := make(map[string]shape)
	for _, r := range rows {
		for _, call := range strings.Fields(r.calls) {
			m[call+"."+r.arg] = r.shape
		}
	}
	return m
}

// fixed reads a structure of size bytes.
func fixed(size int, text func(le) string) reader {
	return func(v *view, i int) (string, bool) {
		b, ok := structAt(v.mem, v.args[i], size)
		if !ok {
			return "", false
		}
		return text(b), true
	}
}

// bytesAt reads the beginning of a buffer of size bytes.
func bytesAt(v *view, addr, size uint64) (string, bool) {
	b, ok := structAt(v.mem, addr, int(min(size, maxBuffer)))
	switch {
	case !ok:
		return "", false
	case size > maxBuffer:
		return Quote(string(b)) + "...", true
	}
	return Quote(string(b)), true
}

// buffer reads a buffer that the kernel reads, whose size is argument n.
func buffer(n int) reader {
	return func(v *view, i int) (string, bool) { return bytesAt(v, v.args[i], v.args[n]) }
}

// filled reads a buffer that the kernel has written, whose size is argument n
// and of which it has filled as much as it returned.
func filled(n int) reader {
	return func(v *view, i int) (string, bool) {
		if v.args[n] == 0 {
			return "", false // the size alone was asked for
		}
		return bytesAt(v, v.args[i], min(uint64(v.ret), v.args[n]))
	}
}

// iovec reads an array of buffers and what they hold: all, or what a call has
// read into them.
func iovec(v *view, i int) (string, bool) {
	left := ^uint64(0)
	if v.over {
		left = uint64(v.ret)
	}
	return array(v, i, v.args[2], 16, func(b le) string {
		base, size := b.u64(0), b.u64(8)
		n := min(size, left)
		left -= n
		text, ok := bytesAt(v, base, n)
		if !ok {
			text = address(base)
		}
		return "{iov_base=" + text + ", iov_len=" + decimal(size) + "}"
	})
}

// array reads the members of an array, count of size bytes each.
func array(v *view, i int, count uint64, size int, text func(le) string) (string, bool) {
	var parts []string
	for n := range min(count, maxMembers) {
		b, ok := structAt(v.mem, v.args[i]+n*uint64(size), size)
		if !ok {
			if n == 0 {
				return "", false
			}
			parts = append(parts, "...")
			return "[" + strings.Join(parts, ", ") + "]", true
		}
		parts = append(parts, text(b))
	}
	if count > maxMembers {
		parts = append(parts, "...")
	}
	return "[" + strings.Join(parts, ", ") + "]", true
}

// ints reads an array of n numbers of 32 bits.
func ints(n uint64) reader {
	return func(v *view, i int) (string, bool) {
		return array(v, i, n, 4, func(b le) string { return strconv.FormatInt(b.i32(0), 10) })
	}
}

// cwd is the path that getcwd has written, with its zero byte.
func cwd(v *view, i int) (string, bool) {
	s, more, ok := stringAt(v.mem, v.args[i], maxPath)
	if more {
		return Quote(s) + "...", ok
	}
	return Quote(s), ok
}

// entries counts the records that getdents has written.
func entries(v *view, i int) (string, bool) {
	size := uint64(v.ret)
	if size > maxListing {
		return "", false
	}
	b, ok := structAt(v.mem, v.args[i], int(size))
	if !ok {
		return "", false
	}
	n := 0
	for len(b) >= 19 {
		k := b.u16(16)
		if k < 19 || k > uint64(len(b)) {
			return "", false
		}
		b = b[k:]
		n++
	}
	return address(v.args[i]) + " /* " + strconv.Itoa(n) + " entries */", true
}

// openWord is the flags argument of open.
func openWord(v *view, i int) (string, bool) { return openFlags(v.arg32(i)), true }

// openMode is the mode argument of open, which only counts where a file may be
// made.
func openMode(v *view, i int) (string, bool) {
	const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
	if v.arg32(i-1)&(unix.O_CREAT|tmpfile) == 0 {
		return omitted, true
	}
	return octal(v.arg32(i)), true
}

func openHow(v *view, i int) (string, bool) {
	const size = 24
	if v.args[i+1] < size {
		return "", false
	}
	return fixed(size, func(b le) string {
		resolve := names{flags: true, rules: policy.ResolveFlags.Rows}
		return "{flags=" + openFlags(b.u64(0)) + ", mode=" + octal(b.u64(8)) + ", resolve=" + resolve.text(b.u64(16)) + "}"
	})(v, i)
}

// Commands of fcntl without a third argument.
var fcntlAlone = map[uint64]bool{
	unix.F_GETFD: true, unix.F_GETFL: true, unix.F_GETOWN: true, unix.F_GETSIG: true, unix.F_GETPIPE_SZ: true, unix.F_GET_SEALS: true,
	unix.F_GETLEASE: true,
}

func fcntlArg(v *view, i int) (string, bool) {
	switch cmd := v.arg32(1); cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_SETPIPE_SZ, unix.F_SETOWN:
		return strconv.Itoa(int(int32(v.args[i]))), true
	case unix.F_SETFD:
		fd := names{flags: true, list: []named{{unix.FD_CLOEXEC, "FD_CLOEXEC"}}}
		return fd.text(v.arg32(i)), true
	case unix.F_SETFL:
		return openFlags(v.arg32(i)), true
	case unix.F_ADD_SEALS:
		return sealNames.text(v.arg32(i)), true
	case unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW:
		return fixed(32, flock)(v, i)
	default:
		if fcntlAlone[cmd] {
			return omitted, true
		}
	}
	return "", false
}

func fcntlResult(v *view, i int) (string, bool) {
	if cmd := v.arg32(1); cmd == unix.F_GETLK || cmd == unix.F_OFD_GETLK {
		return fixed(32, flock)(v, i)
	}
	return "", false
}

// What ioctl requests lead to.
var (
	ioctlAlone = map[uint64]bool{0x5450: true, 0x5451: true, unix.TIOCEXCL: true, unix.TIOCNXCL: true, unix.TIOCNOTTY: true}
	ioctlIn    = map[uint64]reader{
		unix.TIOCSWINSZ: fixed(8, winsize), unix.TIOCSPGRP: ints(1), 0x5421: ints(1), unix.TIOCSPTLCK: ints(1),
		unix.TCSETS: fixed(36, termios), unix.TCSETSW: fixed(36, termios), unix.TCSETSF: fixed(36, termios),
	}
	ioctlOut = map[uint64]reader{
		unix.TIOCGWINSZ: fixed(8, winsize), unix.TIOCGPGRP: ints(1), unix.TIOCGSID: ints(1), unix.TIOCINQ: ints(1),
		unix.TIOCOUTQ: ints(1), unix.TIOCGPTN: ints(1), unix.TIOCGETD: ints(1), 2: ints(1), unix.TCGETS: fixed(36, termios),
	}
)

func ioctlArg(v *view, i int) (string, bool) {
	req := v.arg32(1)
	if ioctlAlone[req] {
		return omitted, true
	}
	if read := ioctlIn[req]; read != nil {
		return read(v, i)
	}
	return "", false
}

func ioctlResult(v *view, i int) (string, bool) {
	if read := ioctlOut[v.arg32(1)]; read != nil {
		return read(v, i)
	}
	return "", false
}

// prctlArgs is how many arguments the options of prctl take after the option;
// all others take what registers there are.
var prctlArgs = map[uint64]int{
	unix.PR_GET_DUMPABLE: 0, unix.PR_GET_KEEPCAPS: 0, unix.PR_GET_SECCOMP: 0, unix.PR_GET_TIMERSLACK: 0, unix.PR_GET_SECUREBITS: 0,
	unix.PR_SET_NAME: 1, unix.PR_GET_NAME: 1, unix.PR_SET_PDEATHSIG: 1, unix.PR_GET_PDEATHSIG: 1, unix.PR_SET_DUMPABLE: 1,
	unix.PR_SET_KEEPCAPS: 1, unix.PR_CAPBSET_READ: 1, unix.PR_CAPBSET_DROP: 1, unix.PR_GET_TSC: 1, unix.PR_SET_TSC: 1,
	unix.PR_SET_TIMERSLACK: 1, unix.PR_SET_SECUREBITS: 1, unix.PR_SET_CHILD_SUBREAPER: 1, unix.PR_GET_CHILD_SUBREAPER: 1,
	unix.PR_SET_SECCOMP: 2,
}

func prctlArg(v *view, i int) (string, bool) {
	option := v.arg32(0)
	if n, ok := prctlArgs[option]; ok && i > n {
		return omitted, true
	}
	if i == 1 {
		switch option {
		case unix.PR_SET_NAME:
			s, _, ok := stringAt(v.mem, v.args[i], 15)
			return Quote(s), ok
		case unix.PR_SET_PDEATHSIG:
			return signalName(v.args[i]), true
		}
	}
	return hex(v.args[i]), true
}

func prctlResult(v *view, i int) (string, bool) {
	switch v.arg32(0) {
	case unix.PR_GET_NAME:
		s, _, ok := stringAt(v.mem, v.args[i], 15)
		return Quote(s), ok
	case unix.PR_GET_PDEATHSIG, unix.PR_GET_TSC, unix.PR_GET_CHILD_SUBREAPER:
		return ints(1)(v, i)
	}
	return "", false
}

func pollFDs(v *view, i int) (string, bool) {
	return array(v, i, v.arg32(1), 8, func(b le) string {
		return "{fd=" + strconv.FormatInt(b.i32(0), 10) + ", events=" + pollEvents.text(b.u16(4)) + "}"
	})
}

// pollResults are the members that poll has found ready.
func pollResults(v *view, i int) (string, bool) {
	if v.ret == 0 {
		return "", false
	}
	var parts []string
	for n := range min(v.arg32(1), maxMembers) {
		b, ok := structAt(v.mem, v.args[i]+8*n, 8)
		if !ok {
			return "", false
		}
		if revents := b.u16(6); revents != 0 {
			parts = append(parts, "{fd="+strconv.FormatInt(b.i32(0), 10)+", revents="+pollEvents.text(revents)+"}")
		}
	}
	if v.arg32(1) > maxMembers {
		parts = append(parts, "...")
	}
	return "[" + strings.Join(parts, ", ") + "]", true
}

// bitSet is the text of a set of small numbers.
func bitSet(b le) string {
	var parts []string
	for i := range 8 * len(b) {
		if b[i/8]&(1<<(i%8)) != 0 {
			parts = append(parts, strconv.Itoa(i))
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func fdSet(v *view, i int) (string, bool) {
	n := min(max(int64(int32(v.args[0])), 0), 1024)
	b, ok := structAt(v.mem, v.args[i], int(n+63)/64*8)
	if !ok {
		return "", false
	}
	for at := n; at < int64(8*len(b)); at++ {
		b[at/8] &^= 1 << (at % 8)
	}
	return bitSet(b), true
}

func cpuSet(v *view, i int, size int64) (string, bool) {
	b, ok := structAt(v.mem, v.args[i], int(min(max(size, 0), 128)))
	return bitSet(b), ok
}

// maskAndSize is the last argument of pselect6: the address and size of a mask.
func maskAndSize(v *view, i int) (string, bool) {
	b, ok := structAt(v.mem, v.args[i], 16)
	if !ok {
		return "", false
	}
	mask := address(b.u64(0))
	if m, ok := structAt(v.mem, b.u64(0), 8); ok && b.u64(0) != 0 {
		mask = sigset(m)
	}
	return "{sigmask=" + mask + ", sigsetsize=" + decimal(b.u64(8)) + "}", true
}

func socketType(v *view, i int) (string, bool) {
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	t := v.arg32(i)
	text := socketTypes.text(t &^ flags)
	if t&flags != 0 {
		text += "|" + socketFlags.text(t&flags)
	}
	return text, true
}

func futexOp(v *view, i int) (string, bool) {
	const flags = 128 | 256
	op := v.arg32(i)
	text := futexOps.text(op &^ flags)
	if op&flags != 0 {
		text += "|" + futexFlags.text(op&flags)
	}
	return text, true
}

// tid reads the task id that clone has written where a flag asks for it.
func tid(flag uint64) reader {
	return func(v *view, i int) (string, bool) {
		if v.args[0]&flag == 0 {
			return "", false
		}
		return ints(1)(v, i)
	}
}

func cloneArgs(v *view, i int) (string, bool) {
	const least = 64 // CLONE_ARGS_SIZE_VER0
	if v.args[i+1] < least {
		return "", false
	}
	return fixed(least, func(b le) string {
		flags := names{flags: true, rules: policy.CloneFlags.Rows}
		text := "{flags=" + flags.text(b.u64(0))
		for _, m := range [...]struct {
			name string
			at   int
		}{{"child_tid", 16}, {"parent_tid", 24}} {
			if a := b.u64(m.at); a != 0 {
				text += ", " + m.name + "=" + address(a)
			}
		}
		text += ", exit_signal=" + signalName(b.u64(32)) + ", stack=" + address(b.u64(40)) + ", stack_size=" + hex(b.u64(48))
		if a := b.u64(56); a != 0 {
			text += ", tls=" + address(a)
		}
		return text + "}"
	})(v, i)
}

// found reads what wait4 has written if it has found a child.
func found(read reader) reader {
	return func(v *view, i int) (string, bool) {
		if v.ret == 0 {
			return "", false
		}
		return read(v, i)
	}
}

// waitStatus is a status as wait4 writes it; wait(2).
func waitStatus(b le) string { return "[{" + statusText(unix.WaitStatus(b.u32(0))) + "}]" }

func statusText(ws unix.WaitStatus) string {
	switch {
	case ws.Exited():
		return "WIFEXITED(s) && WEXITSTATUS(s) == " + strconv.Itoa(ws.ExitStatus())
	case ws.Signaled():
		text := "WIFSIGNALED(s) && WTERMSIG(s) == " + signalName(uint64(ws.Signal()))
		if ws.CoreDump() {
			text += " && WCOREDUMP(s)"
		}
		return text
	case ws.Stopped():
		return "WIFSTOPPED(s) && WSTOPSIG(s) == " + signalName(uint64(ws.StopSignal()))
	case ws.Continued():
		return "WIFCONTINUED(s)"
	}
	return hex(uint64(ws))
}
