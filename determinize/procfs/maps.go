package procfs

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a line of /proc/PID/maps, or several anonymous ones that continue
// each other.
type mapping struct {
	start, end   uint64
	perms        string // four letters, as printed
	offset       uint64
	major, minor uint32
	ino          uint64
	name         string // path or [name], escaped as the kernel prints it
}

// pageSize is the size of a page on x86-64.
const pageSize = 4096

// areaNames are the names in brackets that are a function of the process.
// Others depend on the kernel's configuration: [anon:…] above all.
var areaNames = map[string]bool{
	"[heap]": true, "[stack]": true, "[vdso]": true, "[vvar]": true, "[vvar_vclock]": true,
}

// parseMappings reads the content of maps, or of smaps, in which other lines
// come between. Lines of another form are left out. So is the vsyscall page,
// which a kernel may lack. Anonymous areas that continue each other are joined:
// whether the kernel has done so depends on when pages were first touched, on
// names that it may not know, and on its version.
func parseMappings(real []byte) []mapping {
	var all []mapping
	for line := range bytes.Lines(real) {
		m, ok := parseMapping(string(bytes.TrimSuffix(line, []byte("\n"))))
		if !ok || m.name == "[vsyscall]" {
			continue
		}
		if n := len(all); n > 0 && all[n-1].continues(m) {
			all[n-1].end = m.end
			continue
		}
		all = append(all, m)
	}
	return all
}

// continues reports whether next is the same anonymous area, further on.
func (m mapping) continues(next mapping) bool {
	return m.ino == 0 && next.ino == 0 && m.end == next.start && m.perms == next.perms && m.name == next.name
}

// parseMapping reads one line: "start-end perms offset major:minor inode name".
func parseMapping(line string) (m mapping, ok bool) {
	s := scanner{rest: line}
	m.start = s.hex()
	s.expect('-')
	m.end = s.hex()
	s.expect(' ')
	m.perms = s.word()
	s.expect(' ')
	m.offset = s.hex()
	s.expect(' ')
	m.major = uint32(s.hex())
	s.expect(':')
	m.minor = uint32(s.hex())
	s.expect(' ')
	m.ino = s.decimal()
	if s.failed || !validPerms(m.perms) || m.start >= m.end || (m.start|m.end)%pageSize != 0 {
		return mapping{}, false
	}
	m.name = areaName(strings.TrimLeft(s.rest, " "))
	return m, true
}

func validPerms(p string) bool {
	return len(p) == 4 && strings.IndexByte("r-", p[0]) >= 0 && strings.IndexByte("w-", p[1]) >= 0 &&
		strings.IndexByte("x-", p[2]) >= 0 && strings.IndexByte("ps", p[3]) >= 0
}

// areaName drops names that depend on the host.
func areaName(name string) string {
	switch {
	case strings.HasPrefix(name, "/"), strings.HasPrefix(name, "anon_inode:"), areaNames[name],
		name == "[vsyscall]":
		return name
	}
	return ""
}

// header appends the area's line as maps prints it: names begin in column 74.
func (m mapping) header(b []byte, vdev func(uint32, uint32, uint64, string) (uint64, uint64)) []byte {
	var dev, ino uint64
	if m.ino != 0 && vdev != nil {
		dev, ino = vdev(m.major, m.minor, m.ino, m.name)
	}
	start := len(b)
	b = fmt.Appendf(b, "%08x-%08x %s %08x %02x:%02x %d ", m.start, m.end, m.perms, m.offset,
		unix.Major(dev), unix.Minor(dev), ino)
	if m.name != "" {
		for len(b)-start < 73 {
			b = append(b, ' ')
		}
		b = append(b, m.name...)
	}
	return append(b, '\n')
}

// maps is /proc/PID/maps.
func maps(in input) []byte {
	var b []byte
	for _, m := range parseMappings(in.real) {
		b = m.header(b, in.proc.VDev)
	}
	return b
}

// residentMax bounds what counts as resident: programs reserve address space by
// the terabyte, and some shrink their caches when they seem to use much memory.
const residentMax = 64 << 20

// Resident gives the bytes of an area, or of a process, that count as resident
// of those that are mapped: all, up to a limit. getrusage(2) shows it too.
func Resident(size uint64) uint64 { return min(size, residentMax) }

// usage is the part of smaps that is summed by smaps_rollup, in KiB.
type usage struct {
	rss, clean, dirty, shared, anon uint64
}

// usage derives the figures of an area from its size and kind: private writable
// areas have been written, all others only read.
func (m mapping) usage() usage {
	if m.perms[0] == '-' && m.perms[1] == '-' && m.perms[2] == '-' {
		return usage{}
	}
	u := usage{rss: Resident(m.end-m.start) >> 10}
	switch {
	case m.perms[3] == 's':
		u.shared = u.rss
	case m.perms[1] == 'w':
		u.dirty, u.anon = u.rss, u.rss
	default:
		u.clean = u.rss
	}
	return u
}

func (u *usage) add(v usage) {
	u.rss += v.rss
	u.clean += v.clean
	u.dirty += v.dirty
	u.shared += v.shared
	u.anon += v.anon
}

// field is a line of smaps, in KiB.
type field struct {
	name string
	kib  uint64
}

// fields appends lines of smaps.
func fields(b []byte, lines []field) []byte {
	for _, l := range lines {
		b = fmt.Appendf(b, "%-16s%8d kB\n", l.name+":", l.kib)
	}
	return b
}

// tail are the lines from Shared_Clean on, which smaps and smaps_rollup share.
func (u usage) tail() []field {
	return []field{
		{"Shared_Clean", u.shared}, {"Shared_Dirty", 0},
		{"Private_Clean", u.clean}, {"Private_Dirty", u.dirty},
		{"Referenced", u.rss}, {"Anonymous", u.anon}, {"LazyFree", 0},
		{"AnonHugePages", 0}, {"ShmemPmdMapped", 0}, {"FilePmdMapped", 0},
		{"Shared_Hugetlb", 0}, {"Private_Hugetlb", 0},
		{"Swap", 0}, {"SwapPss", 0}, {"Locked", 0},
	}
}

// smaps is /proc/PID/smaps, with the lines of the pinned release.
func smaps(in input) []byte {
	var b []byte
	for _, m := range parseMappings(in.real) {
		u := m.usage()
		b = m.header(b, in.proc.VDev)
		b = fields(b, []field{
			{"Size", (m.end - m.start) >> 10}, {"KernelPageSize", pageSize >> 10}, {"MMUPageSize", pageSize >> 10},
			{"Rss", u.rss}, {"Pss", u.rss}, {"Pss_Dirty", u.dirty},
		})
		b = fields(b, u.tail())
		b = append(b, "THPeligible:           0\nVmFlags: "...)
		b = append(b, m.flags()...)
		b = append(b, '\n')
	}
	return b
}

// smapsRollup is /proc/PID/smaps_rollup: one area from the first to the last.
func smapsRollup(in input) []byte {
	all := parseMappings(in.real)
	if len(all) == 0 {
		return nil
	}
	var u usage
	var file, shmem uint64
	for _, m := range all {
		v := m.usage()
		u.add(v)
		file += v.clean
		shmem += v.shared
	}
	b := mapping{
		start: all[0].start, end: all[len(all)-1].end, perms: "---p", name: "[rollup]",
	}.header(nil, nil)
	b = fields(b, []field{
		{"Rss", u.rss}, {"Pss", u.rss}, {"Pss_Dirty", u.dirty},
		{"Pss_Anon", u.anon}, {"Pss_File", file}, {"Pss_Shmem", shmem},
	})
	return fields(b, u.tail())
}

// flags are the VmFlags that follow from permissions, each with a space after.
func (m mapping) flags() string {
	var b strings.Builder
	for _, f := range []struct {
		set  bool
		name string
	}{
		{m.perms[0] == 'r', "rd"}, {m.perms[1] == 'w', "wr"}, {m.perms[2] == 'x', "ex"},
		{m.perms[3] == 's', "sh"},
		{true, "mr"}, {true, "mw"}, {true, "me"}, {m.perms[3] == 's', "ms"},
		{m.name == "[stack]", "gd"},
		{m.perms[1] == 'w' && m.perms[3] == 'p', "ac"},
	} {
		if f.set {
			b.WriteString(f.name)
			b.WriteByte(' ')
		}
	}
	return b.String()
}
