package policy

import "golang.org/x/sys/unix"

const (
	whyTerminal = "terminal state, shared by all that hold it; answered ENOTTY where the descriptor is no terminal"
	whySerial   = "lines of a serial port, which no terminal in a box has"
	whyPty      = "a new terminal of the box's own; its number is pinned"
	whyBlock    = "describes a disk of the host"
	whyIface    = "asks for an interface: a box has its loopback one"
	whyAttrs    = "whether it works, and its flags, depend on the file system; this is the answer of one without"
	whyPool     = "the random pool is the host's; the engine answers for the box's"
	whyNsFD     = "tells a namespace's place and ids on the host"
)

// Requests that have no constant in x/sys/unix.
const (
	fibmap         = 0x1        // FIBMAP
	figetbsz       = 0x2        // FIGETBSZ
	fionread       = 0x541b     // FIONREAD, also TIOCINQ and SIOCINQ
	fionbio        = 0x5421     // FIONBIO
	fionclex       = 0x5450     // FIONCLEX
	fioclex        = 0x5451     // FIOCLEX
	fioasync       = 0x5452     // FIOASYNC
	fioqsize       = 0x5460     // FIOQSIZE
	fitrim         = 0xc0185879 // FITRIM
	fifreeze       = 0xc0045877 // FIFREEZE
	fithaw         = 0xc0045878 // FITHAW
	fiemap         = 0xc020660b // FS_IOC_FIEMAP
	fsGetVersion   = 0x80087601 // FS_IOC_GETVERSION
	fsSetVersion   = 0x40087602 // FS_IOC_SETVERSION
	fsGetXattr     = 0x801c581f // FS_IOC_FSGETXATTR
	fsSetXattr     = 0x401c5820 // FS_IOC_FSSETXATTR
	fsGetLabel     = 0x81009431 // FS_IOC_GETFSLABEL
	fsGetUUID      = 0x80111500 // FS_IOC_GETFSUUID
	fsGetSysfsPath = 0x80811501 // FS_IOC_GETFSSYSFSPATH
	pagemapScan    = 0xc0606610 // PAGEMAP_SCAN
	procmapQuery   = 0xc0686611 // PROCMAP_QUERY
)

// Ioctls judges the request of ioctl(2). A request means something only on
// the right kind of descriptor: the engine looks at that first and answers
// ENOTTY otherwise.
var Ioctls = Rules{
	Name:    "ioctl requests",
	Default: Rule{Class: Refuse, Errno: unix.ENOTTY, Why: "a request that nobody has judged; the manual's answer for one that the descriptor doesn't know"},
	Rows: []Rule{
		{fibmap, "FIBMAP", Refuse, unix.EPERM, "tells where the host keeps a file; needs CAP_SYS_RAWIO natively"},
		{figetbsz, "FIGETBSZ", Emulate, 0, "the block size is the file system's: 4096 is answered, as stat does"},
		{unix.BLKROSET, "BLKROSET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKROGET, "BLKROGET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKRRPART, "BLKRRPART", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKGETSIZE, "BLKGETSIZE", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKFLSBUF, "BLKFLSBUF", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKRASET, "BLKRASET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKRAGET, "BLKRAGET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKSSZGET, "BLKSSZGET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKDISCARD, "BLKDISCARD", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKIOMIN, "BLKIOMIN", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKIOOPT, "BLKIOOPT", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKPBSZGET, "BLKPBSZGET", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKROTATIONAL, "BLKROTATIONAL", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKZEROOUT, "BLKZEROOUT", Refuse, unix.ENOTTY, whyBlock},
		{unix.RNDZAPENTCNT, "RNDZAPENTCNT", Refuse, unix.EPERM, whyPool},
		{unix.RNDCLEARPOOL, "RNDCLEARPOOL", Refuse, unix.EPERM, whyPool},
		{unix.RNDRESEEDCRNG, "RNDRESEEDCRNG", Refuse, unix.EPERM, whyPool},
		{unix.TCGETS, "TCGETS", Order, 0, whyTerminal},
		{unix.TCSETS, "TCSETS", Order, 0, whyTerminal},
		{unix.TCSETSW, "TCSETSW", Order, 0, whyTerminal + "; waits for output that nobody holds back"},
		{unix.TCSETSF, "TCSETSF", Order, 0, whyTerminal + "; drops unread input"},
		{unix.TCGETA, "TCGETA", Order, 0, whyTerminal},
		{unix.TCSETA, "TCSETA", Order, 0, whyTerminal},
		{unix.TCSETAW, "TCSETAW", Order, 0, whyTerminal},
		{unix.TCSETAF, "TCSETAF", Order, 0, whyTerminal},
		{unix.TCSBRK, "TCSBRK", Order, 0, whyTerminal + "; tcdrain"},
		{unix.TCXONC, "TCXONC", Order, 0, whyTerminal + "; tcflow"},
		{unix.TCFLSH, "TCFLSH", Order, 0, whyTerminal + "; tcflush"},
		{unix.TIOCEXCL, "TIOCEXCL", Order, 0, whyTerminal},
		{unix.TIOCNXCL, "TIOCNXCL", Order, 0, whyTerminal},
		{unix.TIOCSCTTY, "TIOCSCTTY", Control, 0, "the controlling terminal decides who gets its signals"},
		{unix.TIOCGPGRP, "TIOCGPGRP", Order, 0, "the foreground group is a pid, and shared by all that hold the terminal"},
		{unix.TIOCSPGRP, "TIOCSPGRP", Control, 0, "the foreground group decides who gets the terminal's signals"},
		{unix.TIOCOUTQ, "TIOCOUTQ", Order, 0, "bytes not yet taken by the reader: a matter between tasks"},
		{unix.TIOCSTI, "TIOCSTI", Refuse, unix.EIO, "fakes input of a terminal; the manual's answer where legacy injection is off"},
		{unix.TIOCGWINSZ, "TIOCGWINSZ", Order, 0, "the size is pinned at 24 lines of 80 columns unless the box set it"},
		{unix.TIOCSWINSZ, "TIOCSWINSZ", Order, 0, whyTerminal + "; sends SIGWINCH"},
		{unix.TIOCMGET, "TIOCMGET", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCMBIS, "TIOCMBIS", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCMBIC, "TIOCMBIC", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCMSET, "TIOCMSET", Refuse, unix.ENOTTY, whySerial},
		{fionread, "FIONREAD", Order, 0, "bytes that can be read now: a matter between tasks"},
		{unix.TIOCLINUX, "TIOCLINUX", Refuse, unix.ENOTTY, "requests of the host's console"},
		{unix.TIOCCONS, "TIOCCONS", Refuse, unix.EPERM, "takes over the host's console"},
		{unix.TIOCGSERIAL, "TIOCGSERIAL", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCSSERIAL, "TIOCSSERIAL", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCPKT, "TIOCPKT", Order, 0, whyTerminal},
		{fionbio, "FIONBIO", Control, 0, "sets O_NONBLOCK, which decides whether calls on the description are ordered"},
		{unix.TIOCNOTTY, "TIOCNOTTY", Control, 0, "the controlling terminal decides who gets its signals"},
		{unix.TIOCSETD, "TIOCSETD", Refuse, unix.EINVAL, "line disciplines are modules of the host's kernel"},
		{unix.TIOCGETD, "TIOCGETD", Emulate, 0, "every terminal has discipline 0, N_TTY"},
		{unix.TCSBRKP, "TCSBRKP", Order, 0, whyTerminal},
		{unix.TIOCGSID, "TIOCGSID", Order, 0, "a pid, and changed by the session's leader"},
		{unix.TIOCGPTPEER, "TIOCGPTPEER", Control, 0, whyPty},
		{fionclex, "FIONCLEX", Pass, 0, "as F_SETFD without FD_CLOEXEC: a flag of the process's own descriptor"},
		{fioclex, "FIOCLEX", Pass, 0, "as F_SETFD with FD_CLOEXEC: a flag of the process's own descriptor"},
		{fioasync, "FIOASYNC", Refuse, unix.ENOTTY, "sends SIGIO when the kernel finds a descriptor ready; not supported yet"},
		{unix.TIOCMIWAIT, "TIOCMIWAIT", Refuse, unix.ENOTTY, whySerial},
		{unix.TIOCGICOUNT, "TIOCGICOUNT", Refuse, unix.ENOTTY, whySerial},
		{fioqsize, "FIOQSIZE", Refuse, unix.ENOTTY, "a directory's size is the file system's"},
		{unix.SIOCGIFNAME, "SIOCGIFNAME", Emulate, 0, whyIface},
		{unix.SIOCGIFCONF, "SIOCGIFCONF", Emulate, 0, whyIface},
		{unix.SIOCGIFFLAGS, "SIOCGIFFLAGS", Emulate, 0, whyIface},
		{unix.SIOCSIFFLAGS, "SIOCSIFFLAGS", Refuse, unix.EPERM, "changes an interface; needs CAP_NET_ADMIN natively"},
		{unix.SIOCGIFADDR, "SIOCGIFADDR", Emulate, 0, whyIface},
		{unix.SIOCSIFADDR, "SIOCSIFADDR", Refuse, unix.EPERM, "changes an interface; needs CAP_NET_ADMIN natively"},
		{unix.SIOCGIFBRDADDR, "SIOCGIFBRDADDR", Emulate, 0, whyIface},
		{unix.SIOCGIFNETMASK, "SIOCGIFNETMASK", Emulate, 0, whyIface},
		{unix.SIOCGIFMTU, "SIOCGIFMTU", Emulate, 0, whyIface},
		{unix.SIOCGIFHWADDR, "SIOCGIFHWADDR", Emulate, 0, whyIface},
		{unix.SIOCGIFINDEX, "SIOCGIFINDEX", Emulate, 0, whyIface},
		{unix.SIOCETHTOOL, "SIOCETHTOOL", Refuse, unix.EOPNOTSUPP, "asks for hardware, which the loopback interface is not"},
		{unix.NS_GET_USERNS, "NS_GET_USERNS", Refuse, unix.ENOTTY, whyNsFD},
		{unix.NS_GET_PARENT, "NS_GET_PARENT", Refuse, unix.ENOTTY, whyNsFD},
		{unix.NS_GET_NSTYPE, "NS_GET_NSTYPE", Refuse, unix.ENOTTY, whyNsFD},
		{unix.NS_GET_OWNER_UID, "NS_GET_OWNER_UID", Refuse, unix.ENOTTY, whyNsFD},
		{unix.RNDADDTOENTCNT, "RNDADDTOENTCNT", Refuse, unix.EPERM, whyPool},
		{unix.TIOCSPTLCK, "TIOCSPTLCK", Order, 0, whyPty},
		{unix.TIOCSIG, "TIOCSIG", Control, 0, "sends a signal to the foreground group"},
		{unix.FICLONE, "FICLONE", Refuse, unix.EOPNOTSUPP, "reflinks depend on the file system; programs copy instead"},
		{unix.RNDADDENTROPY, "RNDADDENTROPY", Refuse, unix.EPERM, whyPool},
		{unix.FS_IOC_SETFLAGS, "FS_IOC_SETFLAGS", Refuse, unix.ENOTTY, whyAttrs},
		{fsSetVersion, "FS_IOC_SETVERSION", Refuse, unix.ENOTTY, whyAttrs},
		{fsSetXattr, "FS_IOC_FSSETXATTR", Refuse, unix.ENOTTY, whyAttrs},
		{unix.FICLONERANGE, "FICLONERANGE", Refuse, unix.EOPNOTSUPP, "reflinks depend on the file system; programs copy instead"},
		{unix.TCSETS2, "TCSETS2", Order, 0, whyTerminal},
		{unix.TCSETSW2, "TCSETSW2", Order, 0, whyTerminal},
		{unix.TCSETSF2, "TCSETSF2", Order, 0, whyTerminal},
		{unix.RNDGETENTCNT, "RNDGETENTCNT", Emulate, 0, whyPool},
		{unix.TIOCGPTN, "TIOCGPTN", Order, 0, whyPty},
		{unix.TIOCGDEV, "TIOCGDEV", Refuse, unix.ENOTTY, "the device number of the host's console"},
		{unix.TIOCGPKT, "TIOCGPKT", Order, 0, whyTerminal},
		{unix.TIOCGPTLCK, "TIOCGPTLCK", Order, 0, whyPty},
		{unix.TIOCGEXCL, "TIOCGEXCL", Order, 0, whyTerminal},
		{unix.BLKGETSIZE64, "BLKGETSIZE64", Refuse, unix.ENOTTY, whyBlock},
		{unix.BLKGETDISKSEQ, "BLKGETDISKSEQ", Refuse, unix.ENOTTY, whyBlock},
		{unix.FS_IOC_GETFLAGS, "FS_IOC_GETFLAGS", Refuse, unix.ENOTTY, whyAttrs},
		{fsGetVersion, "FS_IOC_GETVERSION", Refuse, unix.ENOTTY, whyAttrs},
		{fsGetUUID, "FS_IOC_GETFSUUID", Refuse, unix.ENOTTY, whyAttrs},
		{fsGetXattr, "FS_IOC_FSGETXATTR", Refuse, unix.ENOTTY, whyAttrs},
		{unix.TCGETS2, "TCGETS2", Order, 0, whyTerminal},
		{fsGetSysfsPath, "FS_IOC_GETFSSYSFSPATH", Refuse, unix.ENOTTY, whyAttrs},
		{fsGetLabel, "FS_IOC_GETFSLABEL", Refuse, unix.ENOTTY, whyAttrs},
		{fifreeze, "FIFREEZE", Refuse, unix.EPERM, whyAdmin},
		{fithaw, "FITHAW", Refuse, unix.EPERM, whyAdmin},
		{fitrim, "FITRIM", Refuse, unix.EPERM, whyAdmin},
		{unix.FIDEDUPERANGE, "FIDEDUPERANGE", Refuse, unix.EOPNOTSUPP, "sharing of blocks depends on the file system"},
		{fiemap, "FS_IOC_FIEMAP", Refuse, unix.EOPNOTSUPP, "extents are the file system's; programs look for holes with lseek"},
		{pagemapScan, "PAGEMAP_SCAN", Refuse, unix.ENOTTY, "tells what the host has in memory; older kernels lack it"},
		{procmapQuery, "PROCMAP_QUERY", Refuse, unix.ENOTTY, "answers past the normalised /proc/PID/maps; older kernels lack it"},
	},
}
