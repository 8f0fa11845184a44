package procfs

import "fmt"

// sysctlRows are the settings below /proc/sys that programs read, with the
// values of an unconfigured kernel on a machine of the box's size: sysctl(8),
// proc_sys(5). Settings that a row does not name are absent, because which of
// them exist depends on how a kernel was built. None can be written.
var sysctlRows = []Row{
	setting("crypto/fips_enabled", "0"),

	setting("fs/aio-max-nr", "65536"),
	constant("fs/aio-nr", "0"),
	setting("fs/epoll/max_user_watches", "1800000"),
	setting("fs/file-max", "800000"),
	constant("fs/file-nr", "0\t0\t800000"),
	setting("fs/inotify/max_queued_events", "16384"),
	setting("fs/inotify/max_user_instances", "128"),
	setting("fs/inotify/max_user_watches", "65536"),
	setting("fs/mqueue/msg_default", "10"),
	setting("fs/mqueue/msg_max", "10"),
	setting("fs/mqueue/msgsize_default", "8192"),
	setting("fs/mqueue/msgsize_max", "8192"),
	setting("fs/mqueue/queues_max", "256"),
	setting("fs/nr_open", "1048576"),
	setting("fs/overflowgid", "65534"),
	setting("fs/overflowuid", "65534"),
	setting("fs/pipe-max-size", "1048576"),
	setting("fs/pipe-user-pages-hard", "0"),
	setting("fs/pipe-user-pages-soft", "16384"),
	setting("fs/protected_fifos", "1"),
	setting("fs/protected_hardlinks", "1"),
	setting("fs/protected_regular", "2"),
	setting("fs/protected_symlinks", "1"),
	setting("fs/suid_dumpable", "0"),

	constant("kernel/arch", Machine),
	constant("kernel/cap_last_cap", "40"),
	setting("kernel/core_pattern", "core"),
	setting("kernel/core_uses_pid", "0"),
	setting("kernel/dmesg_restrict", "1"),
	boxSetting("kernel/domainname", 0o644, func(b Box) string { return b.Domain }),
	boxSetting("kernel/hostname", 0o644, func(b Box) string { return b.Hostname }),
	setting("kernel/kptr_restrict", "1"),
	setting("kernel/msgmax", "8192"),
	setting("kernel/msgmnb", "16384"),
	setting("kernel/msgmni", "32000"),
	constant("kernel/ngroups_max", "65536"),
	boxSetting("kernel/osrelease", 0o444, func(b Box) string { return b.Release }),
	constant("kernel/ostype", Sysname),
	setting("kernel/overflowgid", "65534"),
	setting("kernel/overflowuid", "65534"),
	setting("kernel/panic", "0"),
	setting("kernel/perf_event_paranoid", "3"),
	setting("kernel/pid_max", "4194304"),
	setting("kernel/pty/max", "4096"),
	constant("kernel/pty/nr", "0"),
	{
		Name: "sys/kernel/random/boot_id", Disposition: Virtual,
		make: func(in input) []byte { return uuid(in.box.BootID) },
		Why:  "an id of the box instead of the host's boot",
	},
	constant("kernel/random/entropy_avail", "256"),
	constant("kernel/random/poolsize", "256"),
	setting("kernel/random/urandom_min_reseed_secs", "60"),
	{
		Name: "sys/kernel/random/uuid", Disposition: Virtual, Uses: UsesRandom,
		make: randomUUID,
		Why:  "a random UUID from the opener's seed",
	},
	setting("kernel/random/write_wakeup_threshold", "256"),
	setting("kernel/randomize_va_space", "0"),
	setting("kernel/sched_rr_timeslice_ms", "100"),
	setting("kernel/sched_rt_period_us", "1000000"),
	setting("kernel/sched_rt_runtime_us", "950000"),
	setting("kernel/sem", "32000\t1024000000\t500\t32000"),
	setting("kernel/shmall", "18446744073692774399"),
	setting("kernel/shmmax", "18446744073692774399"),
	setting("kernel/shmmni", "4096"),
	setting("kernel/tainted", "0"),
	setting("kernel/threads-max", "62000"),
	setting("kernel/unprivileged_bpf_disabled", "2"),
	boxSetting("kernel/version", 0o444, func(b Box) string { return b.Version }),

	setting("net/core/netdev_max_backlog", "1000"),
	setting("net/core/optmem_max", "131072"),
	setting("net/core/rmem_default", "212992"),
	setting("net/core/rmem_max", "212992"),
	setting("net/core/somaxconn", "4096"),
	setting("net/core/wmem_default", "212992"),
	setting("net/core/wmem_max", "212992"),
	setting("net/ipv4/ip_forward", "0"),
	setting("net/ipv4/ip_local_port_range", "32768\t60999"),
	setting("net/ipv4/ip_unprivileged_port_start", "1024"),
	setting("net/ipv4/tcp_fin_timeout", "60"),
	setting("net/ipv4/tcp_keepalive_intvl", "75"),
	setting("net/ipv4/tcp_keepalive_probes", "9"),
	setting("net/ipv4/tcp_keepalive_time", "7200"),
	setting("net/ipv4/tcp_max_syn_backlog", "512"),
	setting("net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
	setting("net/ipv4/tcp_syncookies", "1"),
	setting("net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
	setting("net/ipv6/bindv6only", "0"),
	setting("net/unix/max_dgram_qlen", "10"),

	setting("vm/legacy_va_layout", "0"),
	setting("vm/max_map_count", "65530"),
	setting("vm/min_free_kbytes", "67584"),
	setting("vm/mmap_min_addr", "65536"),
	setting("vm/nr_hugepages", "0"),
	setting("vm/overcommit_kbytes", "0"),
	setting("vm/overcommit_memory", "0"),
	setting("vm/overcommit_ratio", "50"),
	setting("vm/page-cluster", "3"),
	setting("vm/swappiness", "60"),

	{Name: "sys/fs/binfmt_misc", Kind: Dir, Why: "lists the interpreters that the host has registered"},
	{Name: "sys/kernel/modprobe", Why: "a path on the host"},
	{Name: "sys/kernel/ns_last_pid", Why: "the pid of whatever ran last; pids are placed through it"},
	{Name: "sys/kernel/yama", Kind: Dir, Why: whyKernelConfig},
	{Name: "sys/vm/drop_caches", Why: "commands the host's kernel"},
}

// setting is a sysctl with a constant value.
func setting(name, value string) Row {
	return Row{
		Name: "sys/" + name, Disposition: Virtual, Mode: 0o644,
		make: fixed(value + "\n"),
		Why:  "a setting of the host, as an unconfigured kernel has it",
	}
}

// constant is a sysctl that is not a setting: nobody can write it.
func constant(name, value string) Row {
	row := setting(name, value)
	row.Mode = 0o444
	row.Why = "a number of the host's kernel, as the pinned release has it"
	return row
}

// boxSetting is a sysctl that shows what uname(2) does.
func boxSetting(name string, mode uint32, value func(Box) string) Row {
	return Row{
		Name: "sys/" + name, Disposition: Virtual, Mode: mode,
		make: func(in input) []byte { return []byte(value(in.box) + "\n") },
		Why:  "the same as uname shows",
	}
}

// uuid prints 16 bytes as a UUID of version 4 (RFC 9562), as the kernel does.
func uuid(b [16]byte) []byte {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Appendf(nil, "%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// randomUUID is /proc/sys/kernel/random/uuid. The kernel draws one for each
// read; here one is drawn for each open.
func randomUUID(in input) []byte {
	var b [16]byte
	if in.clock.Random != nil {
		in.clock.Random(b[:])
	}
	return uuid(b)
}
