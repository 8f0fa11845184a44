package procfs

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Virtual mount ids and devices.
const (
	// firstMountID is the id of the first mount in mountinfo; its parent, which
	// lies outside the box, has the one before.
	firstMountID = 21
	// innerMountID is the id of the kernel's mounts that no process sees: pipes,
	// sockets and memory files are on them.
	innerMountID = 15
	// firstMinor is the minor number of the first device, on major 0.
	firstMinor = 21
	// maxMounts bounds how many mounts are shown; the kernel's own limit is
	// 100,000 for a namespace.
	maxMounts = 100_000
)

// Mount is a mount as a guest sees it.
type Mount struct {
	// ID and Parent are virtual mount ids. RealID is the kernel's.
	ID, Parent, RealID int
	// Major and Minor are the kernel's device number.
	Major, Minor uint32
	// Point is the mount point, escaped as the kernel prints it.
	Point string
	// ReadOnly is set where either the mount or its file system is.
	ReadOnly bool
	// FSType is the type that the guest sees.
	FSType string
}

// MountTable holds the mounts of a mount namespace in the order of where they
// are: that in which they were made, which the kernel shows, is its maker's, and
// podman's is another one each time. The zero MountTable has none.
type MountTable struct {
	list []Mount
	byID map[int]int // real id to virtual id
}

// fsTypes are the file systems that are shown as what they are, since the box is
// made of them. What a live host's directories lie on is not shown.
var fsTypes = map[string]bool{
	"devpts": true, "mqueue": true, "overlay": true, "proc": true, "sysfs": true, "tmpfs": true,
}

// hiddenFSType is the type of all other file systems.
const hiddenFSType = "overlay"

// Mounts reads the kernel's /proc/PID/mountinfo (proc_pid_mountinfo(5)). Lines
// of another form are left out, and so is what is beyond the kernel's limit on
// mounts.
func Mounts(real []byte) MountTable {
	t := MountTable{byID: map[int]int{}}
	parents := map[int]int{} // real ids
	var parts []int          // of /proc
	for line := range bytes.Lines(real) {
		m, parent, ok := parseMount(string(bytes.TrimSuffix(line, []byte("\n"))))
		if _, dup := parents[m.RealID]; !ok || dup {
			continue
		}
		parents[m.RealID] = parent
		if strings.HasPrefix(m.Point, "/proc/") {
			// What is mounted over parts of /proc depends on which parts the kernel
			// has.
			parts = append(parts, m.RealID)
			continue
		}
		if len(t.list) == maxMounts {
			break
		}
		t.list = append(t.list, m)
	}
	slices.SortStableFunc(t.list, func(a, b Mount) int { return strings.Compare(a.Point, b.Point) })
	for i := range t.list {
		m := &t.list[i]
		m.ID = firstMountID + i
		t.byID[m.RealID] = m.ID
	}
	for i := range t.list {
		m := &t.list[i]
		m.Parent = firstMountID - 1
		if id, ok := t.byID[parents[m.RealID]]; ok {
			m.Parent = id
		}
	}
	for _, real := range parts {
		if id, known := t.byID[parents[real]]; known {
			t.byID[real] = id
		}
	}
	return t
}

// List returns the mounts.
func (t MountTable) List() []Mount { return append([]Mount{}, t.list...) }

// ID returns the virtual id of a mount that the kernel calls by real, also where
// it is one that mountinfo does not show.
func (t MountTable) ID(real int) int {
	if id, ok := t.byID[real]; ok {
		return id
	}
	return innerMountID
}

// parseMount reads "id parent major:minor root point options [optional…] -
// type source options".
func parseMount(line string) (m Mount, parent int, ok bool) {
	s := scanner{rest: line}
	m.RealID = int(s.decimal())
	s.expect(' ')
	parent = int(s.decimal())
	s.expect(' ')
	m.Major = uint32(s.decimal())
	s.expect(':')
	m.Minor = uint32(s.decimal())
	s.expect(' ')
	s.word() // root: a path on the host
	s.expect(' ')
	m.Point = s.word()
	s.expect(' ')
	m.ReadOnly = hasOption(s.word(), "ro")
	for s.expect(' '); !s.failed; s.expect(' ') {
		if s.word() == "-" {
			break
		}
	}
	s.expect(' ')
	m.FSType = s.word()
	s.expect(' ')
	// The source is the last but one; one that is empty leaves two spaces.
	_, options, _ := strings.Cut(s.rest, " ")
	m.ReadOnly = m.ReadOnly || hasOption(options, "ro")
	if s.failed || m.RealID <= 0 || !strings.HasPrefix(m.Point, "/") {
		return Mount{}, 0, false
	}
	if !fsTypes[m.FSType] {
		m.FSType = hiddenFSType
	}
	return m, parent, true
}

// hasOption reports whether a comma-separated list has a word.
func hasOption(list, word string) bool {
	for o := range strings.SplitSeq(list, ",") {
		if o == word {
			return true
		}
	}
	return false
}

// options are the mount's own; whether a host's file system forbids devices or
// programs is not shown.
func (m Mount) options() string {
	if m.ReadOnly {
		return "ro,relatime"
	}
	return "rw,relatime"
}

// mountinfo is /proc/PID/mountinfo. The root of each mount is shown as "/",
// there are no optional fields, and the source is the type.
func mountinfo(in input) []byte {
	type device struct{ major, minor uint32 }
	seen := map[device]uint64{}
	var b []byte
	for _, m := range Mounts(in.real).list {
		real := device{m.Major, m.Minor}
		dev, ok := seen[real]
		if !ok {
			if in.proc.MountDev != nil {
				dev = in.proc.MountDev(unescape(m.Point))
			} else {
				dev = unix.Mkdev(0, uint32(firstMinor+len(seen)))
			}
			seen[real] = dev
		}
		b = fmt.Appendf(b, "%d %d %d:%d / %s %s - %s %s rw\n", m.ID, m.Parent,
			unix.Major(dev), unix.Minor(dev), m.Point, m.options(), m.FSType, m.FSType)
	}
	return b
}

// mounts is /proc/PID/mounts, in the form of fstab(5).
func mounts(in input) []byte {
	var b []byte
	for _, m := range Mounts(in.real).list {
		b = fmt.Appendf(b, "%s %s %s %s 0 0\n", m.FSType, m.Point, m.FSType, m.options())
	}
	return b
}

// mountstats is /proc/PID/mountstats, without statistics: only NFS has any.
func mountstats(in input) []byte {
	var b []byte
	for _, m := range Mounts(in.real).list {
		b = fmt.Appendf(b, "device %s mounted on %s with fstype %s\n", m.FSType, m.Point, m.FSType)
	}
	return b
}

// unescape undoes the kernel's escapes in a path: a backslash and three octal
// digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b = append(b, byte(v))
				i += 3
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
