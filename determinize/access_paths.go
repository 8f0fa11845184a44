package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
)

// Which arguments of calls are paths, how they lead on, and what is asked of what they lead to.

// linksRule says whether a path that ends in a symbolic link leads on.
type linksRule uint8

const (
	follows     linksRule = iota
	stays                 // at the link
	unlessFlag            // follows, but for AT_SYMLINK_NOFOLLOW
	ifFlag                // stays, but for AT_SYMLINK_FOLLOW
	asOpened              // as open flags say
	asOpenedHow           // as those in a struct open_how do
	unlessWatch           // follows, but for IN_DONT_FOLLOW
)

// pathArg is an argument of a call that is a path, and what the call reads of what is there.
type pathArg struct {
	dirfd int // argument; cwd: none
	path  int
	links linksRule
	flags int // argument that links depends on
	reads []conflict.Aspect
}

const cwd = -1 // for pathArg.dirfd

// Who asks for what.
var (
	nameOnly  []conflict.Aspect
	metadata  = []conflict.Aspect{conflict.Metadata}
	status    = []conflict.Aspect{conflict.Metadata, conflict.Status}
	extent    = []conflict.Aspect{conflict.Content, conflict.Status}
	emptiness = []conflict.Aspect{conflict.Listing}
)

// pathCalls are the calls with paths, by number.
var pathCalls = [policy.Size][]pathArg{
	unix.SYS_OPEN:    {{cwd, 0, asOpened, 1, metadata}},
	unix.SYS_OPENAT:  {{0, 1, asOpened, 2, metadata}},
	unix.SYS_OPENAT2: {{0, 1, asOpenedHow, 2, metadata}},
	unix.SYS_CREAT:   {{cwd, 0, follows, 0, metadata}},

	unix.SYS_STAT:       {{cwd, 0, follows, 0, status}},
	unix.SYS_LSTAT:      {{cwd, 0, stays, 0, status}},
	unix.SYS_NEWFSTATAT: {{0, 1, unlessFlag, 3, status}},
	unix.SYS_STATX:      {{0, 1, unlessFlag, 2, status}},
	unix.SYS_ACCESS:     {{cwd, 0, follows, 0, metadata}},
	unix.SYS_FACCESSAT:  {{0, 1, follows, 0, metadata}},
	unix.SYS_FACCESSAT2: {{0, 1, unlessFlag, 3, metadata}},
	unix.SYS_STATFS:     {{cwd, 0, follows, 0, nameOnly}},
	unix.SYS_READLINK:   {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_READLINKAT: {{0, 1, stays, 0, nameOnly}},

	unix.SYS_GETXATTR:     {{cwd, 0, follows, 0, metadata}},
	unix.SYS_LGETXATTR:    {{cwd, 0, stays, 0, metadata}},
	unix.SYS_LISTXATTR:    {{cwd, 0, follows, 0, metadata}},
	unix.SYS_LLISTXATTR:   {{cwd, 0, stays, 0, metadata}},
	unix.SYS_SETXATTR:     {{cwd, 0, follows, 0, nameOnly}},
	unix.SYS_LSETXATTR:    {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_REMOVEXATTR:  {{cwd, 0, follows, 0, nameOnly}},
	unix.SYS_LREMOVEXATTR: {{cwd, 0, stays, 0, nameOnly}},

	unix.SYS_CHMOD:     {{cwd, 0, follows, 0, nameOnly}},
	unix.SYS_FCHMODAT:  {{0, 1, follows, 0, nameOnly}},
	unix.SYS_FCHMODAT2: {{0, 1, unlessFlag, 3, nameOnly}},
	unix.SYS_CHOWN:     {{cwd, 0, follows, 0, nameOnly}},
	unix.SYS_LCHOWN:    {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_FCHOWNAT:  {{0, 1, unlessFlag, 4, nameOnly}},
	unix.SYS_UTIME:     {{cwd, 0, follows, 0, metadata}},
	unix.SYS_UTIMES:    {{cwd, 0, follows, 0, metadata}},
	unix.SYS_FUTIMESAT: {{0, 1, follows, 0, metadata}},
	unix.SYS_UTIMENSAT: {{0, 1, unlessFlag, 3, metadata}},
	unix.SYS_TRUNCATE:  {{cwd, 0, follows, 0, metadata}},

	unix.SYS_MKDIR:     {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_MKDIRAT:   {{0, 1, stays, 0, nameOnly}},
	unix.SYS_MKNOD:     {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_MKNODAT:   {{0, 1, stays, 0, nameOnly}},
	unix.SYS_SYMLINK:   {{cwd, 1, stays, 0, nameOnly}},
	unix.SYS_SYMLINKAT: {{1, 2, stays, 0, nameOnly}},
	unix.SYS_LINK:      {{cwd, 0, stays, 0, nameOnly}, {cwd, 1, stays, 0, nameOnly}},
	unix.SYS_LINKAT:    {{0, 1, ifFlag, 4, nameOnly}, {2, 3, stays, 0, nameOnly}},
	unix.SYS_UNLINK:    {{cwd, 0, stays, 0, nameOnly}},
	unix.SYS_RMDIR:     {{cwd, 0, stays, 0, emptiness}},
	unix.SYS_UNLINKAT:  {{0, 1, stays, 0, emptiness}},
	unix.SYS_RENAME:    {{cwd, 0, stays, 0, nameOnly}, {cwd, 1, stays, 0, emptiness}},
	unix.SYS_RENAMEAT:  {{0, 1, stays, 0, nameOnly}, {2, 3, stays, 0, emptiness}},
	unix.SYS_RENAMEAT2: {{0, 1, stays, 0, nameOnly}, {2, 3, stays, 0, emptiness}},

	unix.SYS_CHDIR:             {{cwd, 0, follows, 0, metadata}},
	unix.SYS_EXECVE:            {{cwd, 0, follows, 0, metadata}},
	unix.SYS_EXECVEAT:          {{0, 1, unlessFlag, 4, metadata}},
	unix.SYS_INOTIFY_ADD_WATCH: {{cwd, 1, unlessWatch, 2, metadata}},
}

// opensIt are the calls after which a task may read what it has found.
var opensIt = [policy.Size]bool{
	unix.SYS_OPEN: true, unix.SYS_OPENAT: true, unix.SYS_OPENAT2: true, unix.SYS_EXECVE: true, unix.SYS_EXECVEAT: true,
}
