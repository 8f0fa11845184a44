package procfs

import (
	"fmt"
	"strings"
)

// fixed is content that is the same in every box.
func fixed(content string) func(input) []byte {
	return func(input) []byte { return []byte(content) }
}

// Reasons that many rows share.
const (
	whyHostHardware = "describes the host's hardware"
	whyHostLoad     = "counts what the whole host does"
	whyKernelConfig = "depends on how the host's kernel was built"
	whyHostModules  = "lists what the host's kernel has loaded"
	whySecret       = "tells about the host's kernel memory"
)

// rootRows are the entries of /proc that are neither processes nor sys nor net.
// Names that no row has are absent as well; the rows that say so are those that
// programs look for, with the reason.
var rootRows = []Row{
	{Name: "self", Kind: Symlink, Disposition: Real, Why: "the reader's pid, which is placed"},
	{Name: "thread-self", Kind: Symlink, Disposition: Real, Why: "the reader's pid and thread id, which are placed"},
	{Name: "mounts", Kind: Symlink, Disposition: Real, Why: "the constant self/mounts"},
	{Name: "net", Kind: Symlink, Disposition: Real, Why: "the constant self/net"},

	{Name: "cmdline", Disposition: Virtual, make: fixed("\n"), Why: "how the host was booted"},
	{Name: "cpuinfo", Disposition: Virtual, make: cpuinfo, Why: "a fixed x86-64-v2 CPU, as often as the box has CPUs"},
	{Name: "devices", Disposition: Virtual, make: fixed(devices), Why: "the drivers of the devices that a box has"},
	{Name: "filesystems", Disposition: Virtual, make: fixed(filesystems), Why: "the file systems that a box is made of"},
	{Name: "loadavg", Disposition: Virtual, make: fixed("0.00 0.00 0.00 1/1 1\n"), Why: "the load, number of tasks and last pid of the host"},
	{Name: "meminfo", Disposition: Virtual, make: meminfo, Why: "the memory of the box, idle"},
	{Name: "partitions", Disposition: Virtual, make: fixed("major minor  #blocks  name\n\n"), Why: "a box has no block devices"},
	{Name: "stat", Disposition: Virtual, Uses: UsesClock, make: systemStat, Why: "CPUs that have been idle since a virtual boot"},
	{Name: "swaps", Disposition: Virtual, make: fixed("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"), Why: "a box has no swap"},
	{Name: "uptime", Disposition: Virtual, Uses: UsesClock, make: uptime, Why: "CLOCK_BOOTTIME, idle"},
	{Name: "version", Disposition: Virtual, make: version, Why: "the same kernel as uname shows"},
	{Name: "vmstat", Disposition: Virtual, make: vmstat, Why: "counters of an idle system"},
	{Name: "sysvipc/msg", Disposition: Virtual, make: fixed(sysvMsg), Why: "the box's IPC namespace begins empty; ids and times are not pinned"},
	{Name: "sysvipc/sem", Disposition: Virtual, make: fixed(sysvSem), Why: "the box's IPC namespace begins empty; ids and times are not pinned"},
	{Name: "sysvipc/shm", Disposition: Virtual, make: fixed(sysvShm), Why: "the box's IPC namespace begins empty; ids and times are not pinned"},
	{Name: "tty/drivers", Disposition: Virtual, make: fixed(ttyDrivers), Why: "the terminals that a box can have; ps names terminals by it"},

	{Name: "acpi", Kind: Dir, Why: whyHostHardware},
	{Name: "asound", Kind: Dir, Why: whyHostHardware},
	{Name: "buddyinfo", Why: whyHostLoad},
	{Name: "bus", Kind: Dir, Why: whyHostHardware},
	{Name: "cgroups", Why: whyKernelConfig},
	{Name: "config.gz", Why: whyKernelConfig},
	{Name: "consoles", Why: whyHostHardware},
	{Name: "crypto", Why: whyHostModules},
	{Name: "diskstats", Why: whyHostLoad},
	{Name: "dma", Why: whyHostHardware},
	{Name: "driver", Kind: Dir, Why: whyHostHardware},
	{Name: "execdomains", Why: whyKernelConfig},
	{Name: "fb", Why: whyHostHardware},
	{Name: "fs", Kind: Dir, Why: "shows the host's disks and exports"},
	{Name: "interrupts", Why: whyHostLoad},
	{Name: "iomem", Why: whyHostHardware},
	{Name: "ioports", Why: whyHostHardware},
	{Name: "irq", Kind: Dir, Why: whyHostHardware},
	{Name: "kallsyms", Why: whySecret},
	{Name: "kcore", Why: whySecret},
	{Name: "key-users", Why: "counts the keys of every user of the host"},
	{Name: "keys", Why: "lists the keys of the host's users"},
	{Name: "kmsg", Why: "is the host's kernel log"},
	{Name: "kpagecgroup", Why: whySecret},
	{Name: "kpagecount", Why: whySecret},
	{Name: "kpageflags", Why: whySecret},
	{Name: "latency_stats", Why: whyHostLoad},
	{Name: "locks", Why: "lists the locks of the whole host, by pid and inode"},
	{Name: "mdstat", Why: whyHostHardware},
	{Name: "misc", Why: whyHostModules},
	{Name: "modules", Why: whyHostModules},
	{Name: "mtrr", Why: whyHostHardware},
	{Name: "pagetypeinfo", Why: whyHostLoad},
	{Name: "pressure", Kind: Dir, Why: whyHostLoad},
	{Name: "sched_debug", Why: whyHostLoad},
	{Name: "schedstat", Why: whyHostLoad},
	{Name: "scsi", Kind: Dir, Why: whyHostHardware},
	{Name: "slabinfo", Why: whySecret},
	{Name: "softirqs", Why: whyHostLoad},
	{Name: "sysrq-trigger", Why: "commands the host's kernel"},
	{Name: "timer_list", Why: whySecret},
	{Name: "vmallocinfo", Why: whySecret},
	{Name: "zoneinfo", Why: whyHostLoad},
}

const devices = `Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
128 ptm
136 pts

Block devices:
`

const filesystems = "nodev\tproc\n" +
	"nodev\tsysfs\n" +
	"nodev\ttmpfs\n" +
	"nodev\tdevpts\n" +
	"nodev\tmqueue\n" +
	"nodev\tpipefs\n" +
	"nodev\tsockfs\n" +
	"nodev\toverlay\n"

const ttyDrivers = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
`

const (
	sysvMsg = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"
	sysvSem = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
	sysvShm = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n"
)

// version is /proc/version, whose parts are those of uname(2).
func version(in input) []byte {
	return fmt.Appendf(nil, "%s version %s (laplace@laplace) (gcc) %s\n", Sysname, in.box.Release, in.box.Version)
}

// uptime is /proc/uptime: seconds since boot, and the idle seconds of all CPUs
// together.
func uptime(in input) []byte {
	t := ticks(in.clock.Uptime)
	idle := t * int64(in.box.CPUs)
	return fmt.Appendf(nil, "%d.%02d %d.%02d\n",
		t/TicksPerSecond, t%TicksPerSecond, idle/TicksPerSecond, idle%TicksPerSecond)
}

// systemStat is /proc/stat. The boot time is the virtual present less the
// uptime, so that it does not move.
func systemStat(in input) []byte {
	idle := ticks(in.clock.Uptime)
	var b strings.Builder
	fmt.Fprintf(&b, "cpu  0 0 0 %d 0 0 0 0 0 0\n", idle*int64(in.box.CPUs))
	for i := range in.box.CPUs {
		fmt.Fprintf(&b, "cpu%d 0 0 0 %d 0 0 0 0 0 0\n", i, idle)
	}
	boot := in.box.Epoch.Add(in.clock.Now - in.clock.Uptime).Unix()
	fmt.Fprintf(&b, "intr 0\nctxt 0\nbtime %d\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n", boot)
	b.WriteString("softirq 0 0 0 0 0 0 0 0 0 0 0\n")
	return []byte(b.String())
}
