package procfs

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// capsAll are the capabilities of the pinned release, up to cap_last_cap 40.
const capsAll = 1<<41 - 1

// statusKept are the lines of /proc/PID/status that are taken from the kernel,
// each a number in the given base: they are functions of what the program did.
var statusKept = map[string]int{
	"Umask": 8, "FDSize": 10,
	"VmSize": 10, "VmLck": 10, "VmData": 10, "VmStk": 10, "VmExe": 10, "VmLib": 10,
	"SigBlk": 16, "SigIgn": 16, "SigCgt": 16,
}

// parseStatus reads the state letter and the numbers that are kept. Only the
// first line of a name counts.
func parseStatus(real []byte) (state byte, n map[string]uint64) {
	n = map[string]uint64{}
	for line := range bytes.Lines(real) {
		name, value, ok := strings.Cut(string(line[:min(len(line), 256)]), ":")
		if !ok {
			continue
		}
		words := strings.Fields(value)
		if len(words) == 0 {
			continue
		}
		if name == "State" && state == 0 {
			state = words[0][0]
		}
		base, keep := statusKept[name]
		if _, dup := n[name]; !keep || dup {
			continue
		}
		if v, err := strconv.ParseUint(words[0], base, 64); err == nil {
			n[name] = v
		}
	}
	return state, n
}

var stateNames = map[byte]string{
	'R': "R (running)", 'S': "S (sleeping)", 'T': "T (stopped)", 'Z': "Z (zombie)", 'X': "X (dead)",
}

// status is /proc/PID/status, with the lines of the pinned release, in its
// order. Nothing in it shows the tracer, its filter or the user namespace.
func status(in input) []byte {
	p := in.proc
	state, n := parseStatus(in.real)
	letter := p.state(state)

	var b strings.Builder
	fmt.Fprintf(&b, "Name:\t%s\n", escapeComm(p.Comm))
	if umask, ok := n["Umask"]; ok {
		fmt.Fprintf(&b, "Umask:\t%04o\n", umask&0o777)
	}
	fmt.Fprintf(&b, "State:\t%s\n", stateNames[letter])
	fmt.Fprintf(&b, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", p.TGID, p.PID, p.PPID)
	fmt.Fprintf(&b, "Uid:\t%d\t%d\t%d\t%d\n", p.UID, p.UID, p.UID, p.UID)
	fmt.Fprintf(&b, "Gid:\t%d\t%d\t%d\t%d\n", p.GID, p.GID, p.GID, p.GID)
	fmt.Fprintf(&b, "FDSize:\t%d\nGroups:\t", n["FDSize"])
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "%d ", g)
	}
	if len(p.Groups) == 0 {
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p.TGID, p.PID, p.PGID, p.SID)
	if size, ok := n["VmSize"]; ok {
		statusMemory(&b, size, n)
	}
	fmt.Fprintf(&b, "CoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t%d\n", p.Threads)
	fmt.Fprintf(&b, "SigQ:\t0/%d\nSigPnd:\t%016x\nShdPnd:\t%016x\n", p.Limits[limitSigpending].Soft, 0, 0)
	fmt.Fprintf(&b, "SigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\n", n["SigBlk"], n["SigIgn"], n["SigCgt"])
	fmt.Fprintf(&b, "CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
		0, p.Caps, p.Caps, uint64(capsAll), 0)
	noNewPrivs := 0
	if p.NoNewPrivs {
		noNewPrivs = 1
	}
	fmt.Fprintf(&b, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", noNewPrivs)
	b.WriteString("Speculation_Store_Bypass:\tnot vulnerable\nSpeculationIndirectBranch:\tnot affected\n")
	fmt.Fprintf(&b, "Cpus_allowed:\t%s\nCpus_allowed_list:\t%s\n", cpuMask(in.box.CPUs), cpuList(in.box.CPUs))
	b.WriteString("Mems_allowed:\t00000001\nMems_allowed_list:\t0\n")
	b.WriteString("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n")
	if p.Users {
		return withIdentity(b.String(), string(in.real))
	}
	return []byte(b.String())
}

// identityLines say who a process is; credentials(7).
var identityLines = []string{"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"}

// withIdentity is a status with those lines of the kernel's.
func withIdentity(status, kernels string) []byte {
	real := make(map[string]string)
	for line := range strings.Lines(kernels) {
		name, _, _ := strings.Cut(line, ":")
		real[name] = line
	}
	var b strings.Builder
	for line := range strings.Lines(status) {
		name, _, _ := strings.Cut(line, ":")
		if own := real[name]; own != "" && slices.Contains(identityLines, name) {
			line = own
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// statusMemory writes the lines that a process without memory, a zombie, lacks.
// size and the numbers in n are in KiB.
func statusMemory(b *strings.Builder, size uint64, n map[string]uint64) {
	rss := Resident(size<<10) >> 10
	anon := min(rss, n["VmData"])
	for _, l := range []field{
		{"VmPeak", size}, {"VmSize", size}, {"VmLck", n["VmLck"]}, {"VmPin", 0},
		{"VmHWM", rss}, {"VmRSS", rss}, {"RssAnon", anon}, {"RssFile", rss - anon}, {"RssShmem", 0},
		{"VmData", n["VmData"]}, {"VmStk", n["VmStk"]}, {"VmExe", n["VmExe"]}, {"VmLib", n["VmLib"]},
		{"VmPTE", rss/512 + 32}, {"VmSwap", 0}, {"HugetlbPages", 0},
	} {
		fmt.Fprintf(b, "%s:\t%8d kB\n", l.name, l.kib)
	}
}

// escapeComm escapes what the kernel escapes in a task's name here. A name is
// at most 15 bytes long (prctl(2), PR_SET_NAME).
func escapeComm(comm string) string {
	comm = comm[:min(len(comm), 15)]
	return strings.NewReplacer("\n", `\n`, "\\", `\\`).Replace(comm)
}
