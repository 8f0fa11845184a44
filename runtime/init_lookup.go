package runtime

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
	"laplace.dev/laplace/oci"
)

// defaultPath is the C library's, where the environment has none (confstr(3),
// _CS_PATH).
const defaultPath = "/bin:/usr/bin"

// envPath returns the value of PATH in an environment, the first one as getenv(3)
// does.
func envPath(env []string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			return v
		}
	}
	return defaultPath
}

// lookPath finds the file that execvp(3) would execute for name. check says
// whether a path can be executed: 0, or the errno. A path that may be relative
// is relative to the working directory. On failure the errno is ENOENT where
// nothing was found, EACCES where what was found can't be executed, or that of
// the attempt which ended the search.
func lookPath(name, path string, check func(string) unix.Errno) (string, unix.Errno) {
	if strings.Contains(name, "/") {
		return name, check(name)
	}
	denied := false
	for dir := range strings.SplitSeq(path, ":") {
		file := name // an empty directory is the current one
		if dir != "" {
			file = strings.TrimSuffix(dir, "/") + "/" + name
		}
		switch e := check(file); e {
		case 0:
			return file, 0
		case unix.EACCES:
			denied = true
		case unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT:
		default:
			return file, e
		}
	}
	if denied {
		return "", unix.EACCES
	}
	return "", unix.ENOENT
}

// lookCommand enters the working directory and finds the command's executable,
// as the guest would.
func (b *boxInit) lookCommand() (file string, err error) {
	p := b.req.Spec.Process
	asGuest(b.req.GuestHostID, func() {
		if e := unix.Chdir(p.Cwd); e != nil {
			err = failure(InitCwd, "working directory %q: %w", p.Cwd, e)
			return
		}
		search := envPath(p.Env)
		f, e := lookPath(p.Args[0], search, b.checkExecutable)
		where := ""
		if !strings.Contains(p.Args[0], "/") {
			where = fmt.Sprintf(" in PATH=%s", search)
		}
		switch e {
		case 0:
			file = f
		case unix.ENOENT:
			err = failure(InitNotFound, "%q not found%s: %w", p.Args[0], where, e)
		default:
			err = failure(InitNotExecutable, "%q can't be executed%s: %w", p.Args[0], where, e)
		}
	})
	// Init itself must not keep a directory of the box busy.
	if e := unix.Chdir("/"); e != nil && err == nil {
		err = fmt.Errorf("enter /: %w", e)
	}
	return file, err
}

// checkExecutable says whether the calling thread may execute a file: a regular
// one with permission to execute, on a mount that allows it.
func checkExecutable(file string) unix.Errno {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return errnoOf(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return errnoOf(unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS))
}

// checkExecutable is the function of that name for the guest, who may execute
// those of the host's files that everybody may, even where it owns others: see
// determinize.Config.OwnsFiles.
func (b *boxInit) checkExecutable(file string) unix.Errno {
	if e := checkExecutable(file); e != 0 || !ownsFiles(b.req.GuestHostID) {
		return e
	}
	fd, err := unix.Open(file, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return errnoOf(err)
	}
	defer unix.Close(fd)
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(b.proc, "self/fd/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return errnoOf(err)
	}
	table := vfs.NewTable(vfs.Owner{}, mountsOf(b.req.Spec))
	for p := string(buf[:n]); p != "/" && path.IsAbs(p); p = path.Dir(p) {
		var st unix.Stat_t
		if m, _ := table.MountOf(p); !m.Host {
			continue
		}
		if err := unix.Lstat(p, &st); err != nil || st.Mode&unix.X_OK == 0 {
			return unix.EACCES
		}
	}
	return 0
}

// ownsFiles tells whether the guest's host id may be somebody's on the host.
func ownsFiles(hostID uint32) bool { return hostID < oci.HostIDs }

// errnoOf returns the errno in an error; EIO where there is none.
func errnoOf(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[unix.Errno](err); ok {
		return e
	}
	return unix.EIO
}

// asGuest runs f with the file system ids of the guest and without the
// capabilities that pass over permissions. They are the thread's
// (setfsuid(2), capabilities(7)).
func asGuest(id uint32, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const pass = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData
	// Neither call can fail: the header is right, and nothing is gained.
	_ = unix.Capget(&hdr, &own[0])
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(id), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(id), 0, 0)
	less := own
	less[0].Effective &^= pass
	_ = unix.Capset(&hdr, &less[0])
	f()
	unix.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
	unix.RawSyscall(unix.SYS_SETFSGID, 0, 0, 0)
	_ = unix.Capset(&hdr, &own[0])
}
