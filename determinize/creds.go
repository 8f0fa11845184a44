package determinize

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// In a container processes are users of the kernel's, as in any other: Config.Users. What the
// engine does with files for one of them it does as that user, with its groups, and with no
// capability that it lacks: it must not be anybody's deputy who may do more; credentials(7).

// creds are a task's credentials, as the kernel has them.
type creds struct {
	uid, euid, suid, fsuid uint32
	gid, egid, sgid, fsgid uint32
	groups                 string // four bytes each
	caps                   uint64 // effective
}

// fileCaps are the capabilities that decide what one may do with files; capabilities(7).
const fileCaps = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_FSETID | 1<<unix.CAP_LINUX_IMMUTABLE | 1<<unix.CAP_MKNOD

// engineCaps are those that the engine needs itself.
const engineCaps = 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_KILL | 1<<unix.CAP_SYS_RESOURCE | 1<<unix.CAP_SYS_NICE

// parseCreds reads /proc/PID/status; proc_pid_status(5).
func parseCreds(status []byte) (c creds, ok bool) {
	found := 0
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		switch name {
		case "Uid", "Gid":
			to := []*uint32{&c.uid, &c.euid, &c.suid, &c.fsuid}
			if name == "Gid" {
				to = []*uint32{&c.gid, &c.egid, &c.sgid, &c.fsgid}
			}
			if len(fields) != len(to) {
				return c, false
			}
			for i, f := range fields {
				n, err := strconv.ParseUint(f, 10, 32)
				if err != nil {
					return c, false
				}
				*to[i] = uint32(n)
			}
			found++
		case "Groups":
			var groups []byte
			for _, f := range fields {
				n, err := strconv.ParseUint(f, 10, 32)
				if err != nil {
					return c, false
				}
				groups = binary.NativeEndian.AppendUint32(groups, uint32(n))
			}
			c.groups = string(groups)
			found++
		case "CapEff":
			n, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
			if err != nil {
				return c, false
			}
			c.caps = n
			found++
		}
	}
	return c, found == 4
}

// learnsCreds finds out who a task is, at its start and when that may have changed.
func (e *engine) learnsCreds(t *task) {
	if !e.cfg.Users {
		return
	}
	status, errno := readAll(e.procFD(), strconv.Itoa(t.pid)+"/status")
	c, ok := parseCreds(status)
	if errno != 0 || !ok {
		return // it is gone
	}
	if was := t.creds; was != c && was != (creds{}) {
		e.because(t, 0, "a process of it has changed its user or its privileges") // one as which nobody can replay
	}
	t.creds = c
}

// be has the engine's thread look at files as a task does.
func (e *engine) be(t *task) {
	for _, fd := range e.lent {
		unix.Close(fd)
	}
	e.lent = e.lent[:0]
	if !e.cfg.Users || t.creds == e.acting {
		return
	}
	if err := e.become(&t.creds); err != nil {
		e.fatal = fmt.Errorf("take the credentials of %s: %w", t.name(), err)
		return
	}
	e.acting = t.creds
}

// become changes the credentials of the engine's thread, and of no other: package unix would
// change all. First it takes what it needs to.
func (e *engine) become(c *creds) error {
	if err := setEffective(^uint64(0)); err != nil {
		return err
	}
	var groups uintptr
	if len(c.groups) > 0 {
		groups = uintptr(unsafe.Pointer(unsafe.StringData(c.groups)))
	}
	// Where nobody may change them, in a user namespace without privileges, they are ours since before that.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(c.groups)/4), groups, 0); errno != 0 && !(errno == unix.EPERM && e.groupsOurs(c.groups)) {
		return fmt.Errorf("groups: %w", errno)
	}
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(c.fsgid), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(c.fsuid), 0, 0)
	if id, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, ^uintptr(0), 0, 0); uint32(id) != c.fsuid {
		return fmt.Errorf("user %d: %w", c.fsuid, unix.EPERM)
	}
	return setEffective(engineCaps | c.caps&fileCaps)
}

// groupsOurs tells whether some groups are those that the engine's thread has.
func (e *engine) groupsOurs(groups string) bool {
	status, errno := readAll(e.procFD(), "thread-self/status")
	own, ok := parseCreds(status)
	return errno == 0 && ok && own.groups == groups
}

// setEffective makes those effective of some capabilities that the thread may have.
func setEffective(want uint64) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for i := range data {
		data[i].Effective = data[i].Permitted & uint32(want>>(32*i))
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	return nil
}

// changesCreds lets a call run that changes who a task is.
func (e *engine) changesCreds(t *task) verdict {
	return runThen(func(int64) {
		was := t.creds
		if e.learnsCreds(t); t.creds != was {
			t.undumpable, t.dump = true, 1
		}
	})
}

// learnsProgram finds out who a task is that has executed a program, which may have given it privileges: the kernel takes
// it as not dumpable then, and its place in /proc is root's.
func (e *engine) learnsProgram(t *task) {
	e.learnsCreds(t)
	var st unix.Stat_t
	if e.cfg.Users && unix.Fstatat(e.procFD(), strconv.Itoa(t.pid)+"/fd", &st, 0) == nil {
		t.undumpable = st.Uid != t.creds.euid || st.Gid != t.creds.egid
	}
}

// uid is the user that a task is for others.
func (e *engine) uid(t *task) uint32 {
	if e.cfg.Users {
		return t.creds.uid
	}
	return uint32(e.cfg.UID)
}

// gid is its group.
func (e *engine) gid(t *task) uint32 {
	if e.cfg.Users {
		return t.creds.gid
	}
	return uint32(e.cfg.GID)
}

// has tells whether a task has a capability. In a box only root has any.
func (e *engine) has(t *task, capability uint) bool {
	if e.cfg.Users {
		return t.creds.caps&(1<<capability) != 0
	}
	return e.cfg.UID == 0
}

// maySignal tells whether a task may signal another one; kill(2).
func (e *engine) maySignal(t, u *task) bool {
	return !e.cfg.Users || e.has(t, unix.CAP_KILL) || t.creds.euid == u.creds.suid || t.creds.euid == u.creds.uid ||
		t.creds.uid == u.creds.suid || t.creds.uid == u.creds.uid
}
