// Package procfs says what a guest finds in the files of /proc and /sys that
// would otherwise tell it about the host, or about the moment: proc(5),
// sysfs(5). It makes no system call. The engine opens nothing of /proc for a
// guest before it has asked this package, and where the answer is content, the
// guest gets a sealed memory file that holds it.
//
// Which file is treated how is data: a table of rows, each with its reason. A
// name without a row does not exist for the guest.
package procfs

import (
	"strings"
	"time"
)

// What uname(2), /proc/version and /proc/sys/kernel say of the kernel.
const (
	// Sysname is the operating system's name.
	Sysname = "Linux"
	// Release is a long-term release that every supported host is at least as
	// new as, so that programs which choose features by version choose ones
	// that exist.
	Release = "6.1.0-laplace"
	// Version names the build.
	Version = "#1 SMP PREEMPT_DYNAMIC Laplace"
	// Machine is the only architecture there is.
	Machine = "x86_64"
	// Domainname is the kernel's name for no NIS domain.
	Domainname = "(none)"
)

// Defaults of Box.
const (
	// DefaultCPUs is the number of CPUs that a guest sees.
	DefaultCPUs = 4
	// MaxCPUs bounds Box.CPUs; higher values are taken as this.
	MaxCPUs = 256
	// DefaultMemTotal is the memory that a guest sees, in bytes.
	DefaultMemTotal = 8 << 30
)

// TicksPerSecond is sysconf(_SC_CLK_TCK), the unit of times in /proc.
const TicksPerSecond = 100

// Box is what is pinned for a whole box. The zero Box is the default one.
type Box struct {
	// CPUs is the number of CPUs that the guest sees; 0 is DefaultCPUs.
	CPUs int
	// Epoch is the virtual time at which the box starts.
	Epoch time.Time
	// Hostname and Domain are what uname(2) gives; an empty Domain is Domainname.
	Hostname, Domain string
	// Release and Version replace the constants where they are not empty.
	Release, Version string
	// MemTotal is the memory that the guest sees, in bytes; 0 is DefaultMemTotal.
	MemTotal uint64
	// UID and GID are the ids of the box's first process.
	UID, GID int
	// BootID is the box's boot id; the bits that make it a UUID are set here.
	BootID [16]byte
	// HostNetwork says that the box has joined the host's network. It is tainted
	// for that, and /proc/net is the kernel's.
	HostNetwork bool
}

// Clock is the virtual time at which a file is opened, and the randomness of
// the process that opens it. Rows that use it say so in Uses, because to open
// such a file is to read a clock or to draw random bytes.
type Clock struct {
	// Now is the time since Box.Epoch.
	Now time.Duration
	// Uptime is CLOCK_BOOTTIME.
	Uptime time.Duration
	// Random fills its argument with the opener's next random bytes. It is called
	// only for rows with UsesRandom; nil gives zeros.
	Random func([]byte)
}

// Process is what the engine knows of a task whose files are read, as the
// guest sees it. Values that are zero without meaning are documented.
type Process struct {
	// PID is the task's id (gettid). TGID is the id of its process (getpid);
	// 0 stands for PID.
	PID, TGID int
	// PPID, PGID and SID are the parent, process group and session.
	PPID, PGID, SID int
	// TTY is the device number of the controlling terminal, as in stat's field 7,
	// and TPGID its foreground process group; 0 and -1 are for none.
	TTY, TPGID int
	// Comm is the task's name, at most 15 bytes.
	Comm string
	// UID and GID are the real, effective, saved and file-system ids.
	UID, GID int
	// Groups are the supplementary groups.
	Groups []int
	// Caps is the permitted and effective capability set, 0 without privilege.
	Caps uint64
	// Users says that it has ids, groups and capabilities of the kernel's, which are shown as the kernel has them.
	Users bool
	// NoNewPrivs is what the guest itself has set.
	NoNewPrivs bool
	// Personality is what personality(2) gives the guest.
	Personality uint32
	// State is the letter of stat's field 3. 0 takes what the kernel says, in
	// which every task that the engine holds is stopped.
	State byte
	// Threads is the number of tasks in the process; 0 is 1.
	Threads int
	// Nice is the nice value, from -20 to 19.
	Nice int
	// OwnTime is the CPU time of the task, ChildTime that of reaped children.
	OwnTime, ChildTime time.Duration
	// Start is when it started, in CLOCK_BOOTTIME.
	Start time.Duration
	// Limits are the resource limits by RLIMIT_ number; nil is DefaultLimits.
	Limits *Limits
	// Children are the pids of the living children, in order of birth.
	Children []int
	// Auxv is the auxiliary vector as the engine left it on the task's stack, or
	// nil.
	Auxv []byte
	// Mounts is what Mounts made of the task's mountinfo; only mount ids are
	// looked up in it.
	Mounts MountTable
	// VDev gives the device and inode number of a mapped file from those that
	// the kernel shows, and the path after them. nil shows 0 for both.
	VDev func(major, minor uint32, ino uint64, path string) (dev uint64, vino uint64)
	// MountDev gives the device number that stat(2) shows for files of the mount
	// at a mount point. nil numbers devices in the order of their mounts.
	MountDev func(point string) uint64
	// FDInode gives the inode number that fstat(2) shows for a descriptor. nil
	// shows 0.
	FDInode func(fd int) uint64
}

// Disposition says what happens to a guest that opens a file.
type Disposition uint8

// Absent is the zero value: what nobody decided about does not exist.
const (
	// Absent fails with ENOENT.
	Absent Disposition = iota
	// Denied fails with EACCES.
	Denied
	// Real is the kernel's file: its content is already a function of the box.
	Real
	// Virtual is the content that comes with it.
	Virtual
)

var dispositionNames = [...]string{"absent", "denied", "real", "virtual"}

// String returns the disposition's name as docs print it.
func (d Disposition) String() string {
	if int(d) < len(dispositionNames) {
		return dispositionNames[d]
	}
	return "unknown"
}

// MaxReal bounds what is read of the kernel's content of one file. A file that
// is longer is Denied. It is more than the maps of a process at the limit of
// 65,530 mappings, with names of usual length.
const MaxReal = 32 << 20

// Global gives the content of a file of /proc that does not belong to a
// process. rel is its clean path below /proc, for example "meminfo" or
// "sys/kernel/random/boot_id". A directory that has visible entries is Real;
// its listing is List.
func Global(rel string, b Box, c Clock) ([]byte, Disposition) {
	row, ok := GlobalRow(rel)
	if !ok {
		return nil, Absent
	}
	if b.HostNetwork && strings.HasPrefix(rel, netPrefix) {
		return nil, Real
	}
	if row.Disposition != Virtual {
		return nil, row.Disposition
	}
	return row.make(input{box: b.withDefaults(), clock: c}), Virtual
}

// PerProcess gives the content of a file below /proc/PID. name is its clean
// path there, for example "maps", "fdinfo/3" or "task/123/status"; for a file
// below task, p is the thread's. real is the kernel's content of the file that
// the row's Reads names, in the same directory, at most MaxReal bytes; rows
// without Reads ignore it. What is in real is not trusted: a line that does not
// have the kernel's form is left out.
func PerProcess(name string, real []byte, b Box, p Process) ([]byte, Disposition) {
	if net, ok := strings.CutPrefix(name, netPrefix); ok {
		return Global(netPrefix+net, b, Clock{})
	}
	row, ok := ProcessRow(name)
	if !ok {
		return nil, Absent
	}
	if row.Disposition != Virtual {
		return nil, row.Disposition
	}
	if row.Reads != "" && len(real) > MaxReal {
		return nil, Denied
	}
	return row.make(input{
		name: name,
		real: real,
		box:  b.withDefaults(),
		proc: p.withDefaults(),
	}), Virtual
}

// withDefaults replaces the zero values that stand for others.
func (b Box) withDefaults() Box {
	if b.CPUs <= 0 {
		b.CPUs = DefaultCPUs
	}
	b.CPUs = min(b.CPUs, MaxCPUs)
	if b.MemTotal == 0 {
		b.MemTotal = DefaultMemTotal
	}
	if b.Release == "" {
		b.Release = Release
	}
	if b.Version == "" {
		b.Version = Version
	}
	if b.Domain == "" {
		b.Domain = Domainname
	}
	return b
}

func (p Process) withDefaults() Process {
	if p.TGID == 0 {
		p.TGID = p.PID
	}
	if p.Threads == 0 {
		p.Threads = 1
	}
	if p.Limits == nil {
		l := DefaultLimits()
		p.Limits = &l
	}
	return p
}

// ticks converts a time to the unit of /proc. Negative times are 0.
func ticks(d time.Duration) int64 {
	return max(0, int64(d)/(int64(time.Second)/TicksPerSecond))
}
