package policy

import "golang.org/x/sys/unix"

const (
	whyNames = "changes names that others see; the directory is stamped"
	whyMode  = "changes metadata that others see"
	whyOwner = "the box has one user and one group; other ids are answered by the engine"
	whyTimes = "times are virtual: the engine keeps and stamps them, UTIME_NOW included"
	whyCwd   = "the working directory is the place that relative paths are resolved from"
)

// nameRows are the calls on directory entries, modes, owners and times, and on
// the working directory.
var nameRows = []Row{
	unix.SYS_MKDIR: {Name: "mkdir", Class: Data,
		Args: "path:path mode:mode", Access: "probe entry, create entry, write listing", Why: whyNames},
	unix.SYS_MKDIRAT: {Name: "mkdirat", Class: Data,
		Args: "dirfd:dirfd path:path mode:mode", Access: "probe entry, create entry, write listing", Why: whyNames},
	unix.SYS_MKNOD: {Name: "mknod", Class: Data,
		Args: "path:path mode:mode dev:uint", Access: "probe entry, create entry, write listing",
		Why: whyNames + "; files, FIFOs and sockets are made, devices answered EPERM"},
	unix.SYS_MKNODAT: {Name: "mknodat", Class: Data,
		Args: "dirfd:dirfd path:path mode:mode dev:uint", Access: "probe entry, create entry, write listing",
		Why: whyNames + "; files, FIFOs and sockets are made, devices answered EPERM"},
	unix.SYS_RMDIR: {Name: "rmdir", Class: Data,
		Args: "path:path", Access: "probe entry, read listing, delete entry, write listing", Why: whyNames},
	unix.SYS_UNLINK: {Name: "unlink", Class: Data,
		Args: "path:path", Access: "probe entry, delete entry, write listing, write metadata", Why: whyNames},
	unix.SYS_UNLINKAT: {Name: "unlinkat", Class: Data,
		Args: "dirfd:dirfd path:path flags:hex", Access: "probe entry, delete entry, write listing, write metadata", Why: whyNames},
	unix.SYS_RENAME: {Name: "rename", Class: Data,
		Args: "oldpath:path newpath:path", Access: "probe entry, rename entry, write listing",
		Why: whyNames + "; a lower directory gives EXDEV on an overlay and is renamed by the engine"},
	unix.SYS_RENAMEAT: {Name: "renameat", Class: Data,
		Args: "olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path", Access: "probe entry, rename entry, write listing",
		Why: whyNames + "; a lower directory gives EXDEV on an overlay and is renamed by the engine"},
	unix.SYS_RENAMEAT2: {Name: "renameat2", Class: Data,
		Args:   "olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:hex",
		Access: "probe entry, rename entry, write listing",
		Why:    whyNames + "; which flags work depends on the file system, so the engine decides"},
	unix.SYS_LINK: {Name: "link", Class: Data,
		Args: "oldpath:path newpath:path", Access: "probe entry, create entry, write listing, write metadata",
		Why: whyNames + "; an overlay breaks links of lower files, which the engine mends"},
	unix.SYS_LINKAT: {Name: "linkat", Class: Data,
		Args:   "olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:hex",
		Access: "probe entry, create entry, write listing, write metadata",
		Why:    whyNames + "; an overlay breaks links of lower files, which the engine mends"},
	unix.SYS_SYMLINK: {Name: "symlink", Class: Data,
		Args: "target:str linkpath:path", Access: "probe entry, create entry, create symlink, write listing", Why: whyNames},
	unix.SYS_SYMLINKAT: {Name: "symlinkat", Class: Data,
		Args:   "target:str newdirfd:dirfd linkpath:path",
		Access: "probe entry, create entry, create symlink, write listing", Why: whyNames},

	unix.SYS_CHMOD: {Name: "chmod", Class: Data,
		Args: "path:path mode:mode", Access: "probe entry, write metadata", Why: whyMode},
	unix.SYS_FCHMOD: {Name: "fchmod", Class: Data,
		Args: "fd:fd mode:mode", Access: "write metadata", Why: whyMode},
	unix.SYS_FCHMODAT: {Name: "fchmodat", Class: Data,
		Args: "dirfd:dirfd path:path mode:mode", Access: "probe entry, write metadata", Why: whyMode},
	unix.SYS_FCHMODAT2: {Name: "fchmodat2", Class: Data,
		Args: "dirfd:dirfd path:path mode:mode flags:hex", Access: "probe entry, write metadata",
		Why: whyMode + "; the engine answers alike on kernels before 6.6, which lack it"},
	unix.SYS_CHOWN: {Name: "chown", Class: Data,
		Args: "path:path owner:id group:id", Access: "probe entry, write metadata", Why: whyOwner},
	unix.SYS_LCHOWN: {Name: "lchown", Class: Data,
		Args: "path:path owner:id group:id", Access: "probe entry, write metadata", Why: whyOwner},
	unix.SYS_FCHOWN: {Name: "fchown", Class: Data,
		Args: "fd:fd owner:id group:id", Access: "write metadata", Why: whyOwner},
	unix.SYS_FCHOWNAT: {Name: "fchownat", Class: Data,
		Args: "dirfd:dirfd path:path owner:id group:id flags:hex", Access: "probe entry, write metadata", Why: whyOwner},
	unix.SYS_UTIME: {Name: "utime", Class: Data,
		Args: "path:path times:in", Access: "probe entry, write metadata", Why: whyTimes},
	unix.SYS_UTIMES: {Name: "utimes", Class: Data,
		Args: "path:path times:in", Access: "probe entry, write metadata", Why: whyTimes},
	unix.SYS_FUTIMESAT: {Name: "futimesat", Class: Data,
		Args: "dirfd:dirfd path:path times:in", Access: "probe entry, write metadata", Why: whyTimes},
	unix.SYS_UTIMENSAT: {Name: "utimensat", Class: Data,
		Args: "dirfd:dirfd path:path times:in flags:hex", Access: "probe entry, write metadata", Why: whyTimes},

	unix.SYS_GETCWD: {Name: "getcwd", Class: Data,
		Args: "buf:out size:size", Access: "read entry",
		Why: "the names up to the root are an observation: another task may have renamed or removed one"},
	unix.SYS_CHDIR: {Name: "chdir", Class: Data,
		Args: "path:path", Access: "probe entry, read metadata", Why: whyCwd},
	unix.SYS_FCHDIR: {Name: "fchdir", Class: Data,
		Args: "fd:fd", Access: "read metadata", Why: whyCwd},
	unix.SYS_UMASK: {Name: "umask", Class: Pass,
		Args: "mask:mode",
		Why:  "sets and returns a value of the process alone, and its first value is pinned"},
}
