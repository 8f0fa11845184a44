package determinize

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/auxv"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/vfs"
)

// maxStack bounds what is read of a new program's stack: the kernel allows a
// quarter of the stack limit for arguments and environment, at most 6 MiB;
// execve(2).
const maxStack = 6 << 20

// execEnter handles execve and execveat. What the engine could not hold is
// refused before the old program is gone.
func execEnter(e *engine, t *task) verdict {
	dirfd, pathArg, empty := int32(unix.AT_FDCWD), t.arg(0), false
	if t.call.Nr == unix.SYS_EXECVEAT {
		dirfd, pathArg, empty = t.fd(0), t.arg(1), t.arg(4)&unix.AT_EMPTY_PATH != 0
	}
	if v, wait := e.startsInTurn(t); wait {
		return v
	}
	w, errno := e.path(t, dirfd, pathArg, empty)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	self, errno := e.runnable(t, w, 0)
	if errno != 0 {
		e.couldNotRun(t, w, 0)
		return fail(errno)
	}
	if self {
		e.execDirect(t)
	}
	e.stillMaps(t)
	t.execing = t
	t.closing = e.closings(t, func(fd int) bool { return e.closesOnExec(t, fd) })
	return runThen(func(ret int64) {
		// Only a failed call comes back.
		t.execing, t.mapsNoted = nil, false
		if w, errno := e.path(t, dirfd, pathArg, empty); errno == 0 {
			e.couldNotRun(t, w, 0)
			w.close()
		}
		e.exhausted(t, ret)
	})
}

// startsInTurn holds a task back before it starts a program, until those forked before it
// have started theirs.
func (e *engine) startsInTurn(t *task) (verdict, bool) {
	if !t.fresh {
		return verdict{}, false
	}
	if !t.mayStart() {
		t.gate = t.mayStart
		return verdict{do: doOrder, scope: nobody}, true
	}
	return verdict{}, false
}

// maxInterps is how many interpreters have interpreters: the kernel's limit.
const maxInterps = 5

// couldNotRun notes that a program could not be started for what it contains, or what its interpreter
// does, or because somebody may write to it.
func (e *engine) couldNotRun(t *task, w where, depth int) {
	var st unix.Stat_t
	if t.exec == nil || e.stat(w, true, &st) != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	link := func() (string, unix.Errno) { return e.canonical(w, true) }
	if e.mayChange(&st) {
		e.readsContent(t, e.inode(&st, link))
	} else if path, errno := link(); errno == 0 {
		e.seesFixed(t, path)
	}
	fd, err := unix.Openat(w.dir, w.path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), w.raw)
	defer f.Close()
	if info, err := e.cfg.Executables.Info(f); err == nil && info.Interp != "" && depth < maxInterps {
		if next, errno := e.locate(t, unix.AT_FDCWD, info.Interp, false); errno == 0 {
			e.couldNotRun(t, next, depth+1)
			next.close()
		}
	}
}

// runnable refuses what could run natively and cannot run here. Everything
// that cannot run natively either is left to the kernel, which knows best why.
func (e *engine) runnable(t *task, w where, depth int) (self bool, errno unix.Errno) {
	at := w
	at.temp = false // it is not ours to close
	if errno := e.may(t, &at, true, unix.X_OK); errno != 0 {
		return false, errno
	}
	if e.may(t, &at, true, unix.R_OK) != 0 {
		e.refuse(callName(t) + "(unreadable file)")
		return false, unix.EACCES
	}
	fd, err := unix.Openat(w.dir, w.path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		if err == unix.EACCES && unix.Faccessat(w.dir, w.path, unix.X_OK, unix.AT_EACCESS) == nil {
			// The memory of such a program could not be read either.
			e.refuse(callName(t) + "(unreadable file)")
			return false, unix.EACCES
		}
		return false, 0
	}
	f := os.NewFile(uintptr(fd), w.raw)
	defer f.Close()
	var head [20]byte
	n, _ := unix.Read(fd, head[:])
	const elf32, machine386 = 1, 3
	if n == len(head) && string(head[:4]) == "\x7fELF" && (head[4] == elf32 || binary.LittleEndian.Uint16(head[18:]) == machine386) {
		e.refuse(callName(t) + "(32-bit program)")
		return false, unix.ENOEXEC
	}
	info, err := e.cfg.Executables.Info(f)
	if err != nil {
		return false, 0
	}
	if info.Interp != "" && depth < maxInterps {
		if from := e.start(t, unix.AT_FDCWD); t.exec != nil && !e.cfg.Unwatched && (from != nil || info.Interp[0] == '/') {
			e.reads(t, from, info.Interp, true, metadata)
		}
		next, errno := e.locate(t, unix.AT_FDCWD, info.Interp, false)
		if errno != 0 {
			return false, 0
		}
		defer next.close()
		if _, errno := e.runnable(t, next, depth+1); errno != 0 {
			return false, errno
		}
	}
	return e.cfg.Self != [32]byte{} && info.Digest == e.cfg.Self, 0
}

// execDirect has a laplace that is started in a box run its command directly:
// the box's script that does so takes its place.
func (e *engine) execDirect(t *task) {
	path := append([]byte(e.cfg.Direct), 0)
	at := (t.call.SP - redZone - uint64(len(path))) &^ 15
	if e.tr.WriteFull(t.pid, at, path) != 0 {
		return
	}
	if t.call.Nr == unix.SYS_EXECVEAT {
		const here = unix.AT_FDCWD
		e.setArg(t, 0, uint64(here&0xffffffff))
		e.setArg(t, 1, at)
		e.setArg(t, 4, 0)
		return
	}
	e.setArg(t, 0, at)
}

// execed handles the start of a new program: the old one is gone, the new one
// has not run an instruction.
func (e *engine) execed(t *task) {
	t.exit = nil
	t.dirty = false
	e.vforkOver(t)
	t.vforkOf = nil
	e.forgetDirs(t)
	none := func(int) bool { return false }
	e.areClosed(t, t.closing, none)
	t.closing = nil
	e.recountAll(t, none) // some were closed
	e.letsGo(t, none)
	e.unshareFDs(t)
	e.unlocked(t)
	t.noWait = t.chldIgnored // handlers and their flags are gone
	t.chldCaught = false
	t.syncExits()
	if t.forked {
		t.forked, t.startedAt = false, t.stamp()
	}
	vec, stack, ok := e.newStack(t)
	if !ok {
		e.vanished()
		e.park(t, stateDying)
		return
	}
	e.report.Execs++
	e.execs++
	x := &execution{id: e.execs}
	x.argv = stack.strings(vec.Argv)
	env := stack.strings(vec.Envp)
	e.unmaps(t)
	e.leavesExec(t)
	e.wholeChanges(t)
	t.started, t.reopened, t.leftExec, t.mapsNoted = nil, nil, false, false
	x.path, _ = e.pathOf(strconv.Itoa(t.pid) + "/exe")
	cwd, _ := e.pathOf(strconv.Itoa(t.pid) + "/cwd")
	fn, _ := vec.Value(auxv.ExecFn)
	known := len(e.report.Unmasked)
	digest := e.programDigest(t, x, stack.at(fn))

	identity := prng.Exec(prng.Seed{}, x.argv, cwd, digest, 0)
	e.weighs(t, identity)
	parent, n := e.started(t, identity)
	t.seed = prng.Exec(parent, x.argv, cwd, digest, n)
	t.family = newFamily(t.seed)
	x.seed = t.seed
	x.weak = weakKey(x.argv, env, cwd, digest)
	from := t.exec
	t.exec, t.party, x.cwd = x, nil, cwd
	e.beginsWhole(t, x, from, env, digest, e.report.Unmasked[known:])
	e.begin(t, x, from, env, digest, n)
	if from == nil {
		// Nobody has looked up where the first program is.
		e.follow(t, nil, x.path, true, quietly)
		e.follow(t, e.start(t, unix.AT_FDCWD), stack.at(fn), true, quietly)
	}
	for _, n := range t.started {
		e.maps(t, n, conflict.Read)
	}
	t.rnd = prng.NewStream(t.seed, "random")
	t.forks, t.made = 0, 0
	t.weakRead = true
	t.timersExec()
	t.clk.Exec()
	t.memory, t.clockSeen = false, false
	if t.interp, _ = vec.Value(auxv.Base); t.interp != 0 {
		e.seesLoader(t, digest)
	}

	e.patch(t, vec)
	e.traceExec(t, x)
	if e.fatal == nil && e.skipsExec(t) {
		return
	}
	e.resume(t)
}

// weakKey is the digest of what is known of an exec before it runs.
func weakKey(argv, env []string, cwd string, digest [32]byte) prng.Seed {
	h := sha256.New()
	hashTexts(h, argv...)
	hashTexts(h, env...)
	hashTexts(h, cwd)
	h.Write(digest[:])
	return prng.Seed(h.Sum(nil))
}

// hashTexts adds a list of texts to a hash, such that no other list adds the same.
func hashTexts(h hash.Hash, texts ...string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(texts)))
	h.Write(n[:])
	for _, s := range texts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
}

// stackImage is a copy of a new program's stack.
type stackImage struct {
	base uint64
	mem  []byte
}

// at returns the string at an address of the stack, or "".
func (s stackImage) at(addr uint64) string {
	if addr < s.base || addr >= s.base+uint64(len(s.mem)) {
		return ""
	}
	b := s.mem[addr-s.base:]
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return ""
}

func (s stackImage) strings(addrs []uint64) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = s.at(a)
	}
	return out
}

// newStack copies and parses the stack of a program that is about to start.
func (e *engine) newStack(t *task) (*auxv.Vector, stackImage, bool) {
	var regs unix.PtraceRegs
	if e.tr.Regs(t.pid, &regs) != 0 {
		return nil, stackImage{}, false
	}
	// The stack ends at the top of the address space, which depends on
	// nothing: address space layout randomisation is off.
	const top = 0x7ffffffff000
	size := maxStack
	if regs.Rsp < top {
		size = int(min(top-regs.Rsp, maxStack))
	}
	mem := make([]byte, size)
	n, errno := e.tr.Read(t.pid, regs.Rsp, mem)
	if errno != 0 {
		return nil, stackImage{}, false
	}
	v, err := auxv.Parse(mem[:n], regs.Rsp)
	if err != nil {
		e.log.Error("new program's stack", "pid", t.vpid, "err", err)
		return nil, stackImage{}, false
	}
	return v, stackImage{regs.Rsp, mem[:n]}, true
}

// programDigest identifies the files that a program starts from: its
// executable and, for a script, the script.
func (e *engine) programDigest(t *task, x *execution, name string) [32]byte {
	h := sha256.New()
	var main vfs.Key
	add := func(dir int, path string) {
		fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		f := os.NewFile(uintptr(fd), path)
		defer f.Close()
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || vfs.KeyOf(&st) == main {
			return
		}
		main = vfs.KeyOf(&st)
		e.observe(t, &st)
		if e.mayChange(&st) {
			t.started = append(t.started, e.inode(&st, func() (string, unix.Errno) { return e.pathOf("self/fd/" + strconv.Itoa(fd)) }))
		}
		info, err := e.cfg.Executables.Info(f)
		if err != nil {
			e.log.Warn("scan executable", "path", path, "err", err)
			return
		}
		h.Write(info.Digest[:])
		if len(info.Unmasked) > 0 {
			e.report.Unmasked = append(e.report.Unmasked, x.path)
		}
	}
	add(e.procFD(), strconv.Itoa(t.pid)+"/exe")
	if name != "" {
		if w, errno := e.locate(t, unix.AT_FDCWD, name, false); errno == 0 && !strings.HasPrefix(name, "/dev/fd/") {
			add(w.dir, w.path)
			w.close()
		}
	}
	return [32]byte(h.Sum(nil))
}

// lookUnmasked notes a library that contains instructions that cannot be
// trapped, when a program opens it.
func (e *engine) lookUnmasked(t *task, w where) {
	fd, err := unix.Openat(w.dir, w.path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), w.raw)
	defer f.Close()
	info, err := e.cfg.Executables.Info(f)
	if err != nil || len(info.Unmasked) == 0 {
		return
	}
	if path, errno := e.canonical(w, true); errno == 0 {
		e.report.Unmasked = append(e.report.Unmasked, path)
		if w := t.whole(); w != nil {
			w.unmasked = append(w.unmasked, path)
		}
	}
}

// patch makes a new program's view of the machine that of the box: the vDSO
// calls the kernel, where its calls are seen; the auxiliary vector names a
// generic CPU; the random bytes that the C library starts with are ours.
func (e *engine) patch(t *task, v *auxv.Vector) {
	for _, ed := range v.Edits(auxv.Baseline) {
		e.tr.WriteFull(t.pid, ed.Addr, binary.LittleEndian.AppendUint64(nil, ed.Value))
	}
	t.auxv = v.Bytes(auxv.Baseline)
	if at, ok := v.Value(auxv.Random); ok {
		s := prng.NewStream(t.exec.weak, "at_random")
		var b [16]byte
		s.Read(b[:])
		e.tr.WriteFull(t.pid, at, b[:])
	}
	if base, ok := v.Value(auxv.SysinfoEhdr); ok {
		e.patchVDSO(t, base)
	}
}
