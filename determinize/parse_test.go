package determinize

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// words is a structure of 64-bit members.
func words(v ...uint64) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, v)
	return b
}

func TestParseIovec(t *testing.T) {
	for _, test := range []struct {
		name  string
		raw   []byte
		spans []span
		total int
		errno unix.Errno
	}{
		{"none", nil, nil, 0, 0},
		{"two", words(0x1000, 5, 0x2000, 7), []span{{0x1000, 5}, {0x2000, 7}}, 12, 0},
		{"empty ones stay", words(0, 0, 0x2000, 7), []span{{0, 0}, {0x2000, 7}}, 7, 0},
		{"too long by itself", words(0x1000, math.MaxInt64), []span{{0x1000, maxRW}}, maxRW, 0},
		{"too long together", words(0x1000, maxRW-1, 0x2000, 5, 0x3000, 5), []span{{0x1000, maxRW - 1}, {0x2000, 1}, {0x3000, 0}}, maxRW, 0},
		{"negative", words(0x1000, 1<<63), nil, 0, unix.EINVAL},
		{"negative, after too long", words(0x1000, math.MaxInt64, 0, ^uint64(0)), nil, 0, unix.EINVAL},
	} {
		spans, total, errno := parseIovec(test.raw)
		if !slices.Equal(spans, test.spans) || total != test.total || errno != test.errno {
			t.Errorf("%s: %v, %d, %v; want %v, %d, %v", test.name, spans, total, errno, test.spans, test.total, test.errno)
		}
	}
}

// FuzzParseIovec: sizes are never negative and never more than one call moves.
func FuzzParseIovec(f *testing.F) {
	f.Add(words(0x1000, 5, 0x2000, 7))
	f.Add(words(0, math.MaxInt64, 0, math.MaxInt64, 1, 1<<62))
	f.Add(words(0, 1<<63))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:len(raw)/16*16]
		spans, total, errno := parseIovec(raw)
		if errno != 0 {
			if errno != unix.EINVAL || spans != nil || total != 0 {
				t.Fatalf("%v with %v, %d", errno, spans, total)
			}
			return
		}
		sum := 0
		for i, s := range spans {
			size := binary.LittleEndian.Uint64(raw[16*i+8:])
			if s.size < 0 || uint64(s.size) > size || s.addr != binary.LittleEndian.Uint64(raw[16*i:]) {
				t.Fatalf("buffer %d is %v of %d", i, s, size)
			}
			if uint64(s.size) < size && sum+s.size < maxRW {
				t.Fatalf("buffer %d is cut to %v of %d at %d", i, s, size, sum)
			}
			sum += s.size
		}
		if len(spans) != len(raw)/16 || sum != total || total > maxRW {
			t.Fatalf("%d of %d buffers, %d and %d bytes", len(spans), len(raw)/16, sum, total)
		}
	})
}

func TestCloneArgs(t *testing.T) {
	args := func(set map[int]uint64, size int) []byte {
		b := make([]byte, size)
		for at, v := range set {
			binary.LittleEndian.PutUint64(b[at:], v)
		}
		return b
	}
	const chld = uint64(unix.SIGCHLD)
	for _, test := range []struct {
		name  string
		args  []byte
		want  cloneCall
		errno unix.Errno
	}{
		{"fork", args(map[int]uint64{32: chld}, 64), cloneCall{exit: chld}, 0},
		{"of the size that is known", args(map[int]uint64{0: unix.CLONE_VM | unix.CLONE_VFORK, 32: chld, 80: 7}, 88), cloneCall{flags: unix.CLONE_VM | unix.CLONE_VFORK, exit: chld}, 0},
		{"of a size between", args(map[int]uint64{64: 0}, 72), cloneCall{}, 0},
		{"longer, with zeros", args(nil, 4096), cloneCall{}, 0},
		{"longer, with something new", args(map[int]uint64{88: 1}, 96), cloneCall{}, unix.E2BIG},
		{"longer by a byte that is not zero", append(args(nil, 88), 1), cloneCall{}, unix.E2BIG},
		{"a signal in the flags", args(map[int]uint64{0: chld}, 64), cloneCall{}, unix.EINVAL},
		{"a namespace among the signal's bits", args(map[int]uint64{0: unix.CLONE_NEWTIME}, 64), cloneCall{flags: unix.CLONE_NEWTIME}, 0},
		{"no signal", args(map[int]uint64{32: 65}, 64), cloneCall{}, unix.EINVAL},
		{"a signal of 64 bits", args(map[int]uint64{32: 1<<32 | chld}, 64), cloneCall{}, unix.EINVAL},
		{"a pid", args(map[int]uint64{64: 0x1000, 72: 1}, 88), cloneCall{setTid: true}, 0},
		{"a pid of no size", args(map[int]uint64{64: 0x1000}, 80), cloneCall{}, unix.EINVAL},
		{"a size of no pid", args(map[int]uint64{72: 1}, 80), cloneCall{}, unix.EINVAL},
	} {
		got, errno := parseCloneArgs(test.args)
		if got != test.want || errno != test.errno {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.name, got, errno, test.want, test.errno)
		}
	}
}

// TestCloneRefused: processes may be made, and threads, and nothing else.
func TestCloneRefused(t *testing.T) {
	const chld = uint64(unix.SIGCHLD)
	for _, test := range []struct {
		call  cloneCall
		what  string
		errno unix.Errno
	}{
		{cloneCall{exit: chld}, "", 0},
		{cloneCall{}, "", 0},
		{cloneCall{flags: unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID, exit: chld}, "", 0},
		{cloneCall{flags: unix.CLONE_VM | unix.CLONE_VFORK, exit: chld}, "", 0},
		{cloneCall{flags: unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_CLEAR_SIGHAND, exit: chld}, "", 0},
		{cloneCall{flags: unix.CLONE_VM, exit: chld}, "CLONE_VM", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD}, "", 0},
		{cloneCall{flags: unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD}, "CLONE_THREAD", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_IO | unix.CLONE_SYSVSEM | unix.CLONE_DETACHED, exit: chld}, "", 0},
		{cloneCall{flags: unix.CLONE_PARENT, exit: chld}, "CLONE_PARENT", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_PTRACE, exit: chld}, "CLONE_PTRACE", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_INTO_CGROUP, exit: chld}, "CLONE_INTO_CGROUP", unix.EOPNOTSUPP},
		{cloneCall{flags: unix.CLONE_FILES, exit: chld}, "CLONE_FILES", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_PIDFD, exit: chld}, "", 0},
		{cloneCall{flags: unix.CLONE_PIDFD | threadFlags}, "CLONE_PIDFD", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_UNTRACED, exit: chld}, "CLONE_UNTRACED", unix.EINVAL},
		{cloneCall{flags: 1 << 60, exit: chld}, "flags", unix.EINVAL},
		{cloneCall{flags: unix.CLONE_NEWUSER, exit: chld}, "CLONE_NEWUSER", unix.EPERM},
		{cloneCall{flags: unix.CLONE_NEWTIME, exit: chld}, "CLONE_NEWTIME", unix.EPERM},
		{cloneCall{setTid: true, exit: chld}, "set_tid", unix.EPERM},
		{cloneCall{exit: uint64(unix.SIGUSR1)}, "exit signal", unix.EINVAL},
	} {
		what, errno := test.call.refused()
		if what != test.what || errno != test.errno {
			t.Errorf("%+v: %q, %v; want %q, %v", test.call, what, errno, test.what, test.errno)
		}
	}
}

// FuzzCloneArgs: whatever the guest says, what goes through makes a thread, or a process
// that shares memory only while its parent waits.
func FuzzCloneArgs(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(words(unix.CLONE_VM|unix.CLONE_VFORK, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
	f.Add(words(unix.CLONE_THREAD, 0, 0, 0, 17, 0, 0, 0, 1, 1, 0, 0))
	f.Fuzz(func(t *testing.T, args []byte) {
		if len(args) < cloneArgsLeast || len(args) > cloneArgsMost {
			return
		}
		c, errno := parseCloneArgs(args)
		if errno != 0 {
			if c != (cloneCall{}) {
				t.Fatalf("%v with %+v", errno, c)
			}
			return
		}
		if _, errno := c.refused(); errno != 0 {
			return
		}
		const never = unix.CLONE_UNTRACED | unix.CLONE_PTRACE | unix.CLONE_PARENT | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
			unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME
		thread := c.flags&threadFlags == threadFlags && c.flags&unix.CLONE_VFORK == 0
		shares := c.flags&(threadFlags&^unix.CLONE_VM) != 0 || c.flags&unix.CLONE_VM != 0 && c.flags&unix.CLONE_VFORK == 0
		if c.setTid || c.flags&never != 0 || shares && !thread || !thread && c.exit != 0 && c.exit != uint64(unix.SIGCHLD) {
			t.Fatalf("%+v goes through", c)
		}
	})
}

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		sec, nsec int64
		want      int64
		errno     unix.Errno
	}{
		{0, 0, 0, 0},
		{1, 2, 1e9 + 2, 0},
		{0, 999_999_999, 999_999_999, 0},
		{0, 1_000_000_000, 0, unix.EINVAL},
		{0, -1, 0, unix.EINVAL},
		{-1, 0, 0, unix.EINVAL},
		{math.MinInt64, math.MinInt64, 0, unix.EINVAL},
		{math.MaxInt64, 999_999_999, forever, 0},
		{forever / int64(time.Second), 0, forever, 0},
		{forever/int64(time.Second) - 1, 999_999_999, forever/int64(time.Second)*int64(time.Second) - 1, 0},
	} {
		got, errno := duration(unix.Timespec{Sec: test.sec, Nsec: test.nsec})
		if got != test.want || errno != test.errno {
			t.Errorf("%d s %d ns: %d, %v; want %d, %v", test.sec, test.nsec, got, errno, test.want, test.errno)
		}
	}
}

func TestNanoseconds(t *testing.T) {
	const most = math.MaxInt64/1_000_000_000 - 1
	for _, test := range []struct{ sec, nsec, want int64 }{
		{0, 0, 0},
		{1, 2, 1e9 + 2},
		{-1, 2, -1e9 + 2},
		{1, -1, 1e9}, // no time, and the kernel says so
		{1, 1e9, 1e9},
		{math.MaxInt64, 5, most*1e9 + 5},
		{math.MinInt64, 5, -most*1e9 + 5},
	} {
		if got := nanoseconds(test.sec, test.nsec); got != test.want {
			t.Errorf("%d s %d ns: %d, want %d", test.sec, test.nsec, got, test.want)
		}
	}
	for _, test := range []struct{ a, b, want int64 }{
		{5, 3, 2},
		{3, 5, -2},
		{math.MaxInt64, -1, math.MaxInt64},
		{math.MinInt64, 1, math.MinInt64},
		{math.MinInt64, -1, math.MinInt64 + 1},
		{-2, math.MaxInt64, math.MinInt64},
	} {
		got := subtract(test.a, test.b)
		if got != test.want {
			t.Errorf("%d - %d: %d, want %d", test.a, test.b, got, test.want)
		}
		// Adding again does not overflow.
		if sum := got + test.b; test.b > 0 && sum < got || test.b < 0 && sum > got {
			t.Errorf("%d - %d + %d: %d", test.a, test.b, test.b, sum)
		}
	}
}

// FuzzTimes: times from the guest never overflow, not even added to a clock,
// and keep their order.
func FuzzTimes(f *testing.F) {
	f.Add(int64(1), int64(2), int64(0), int64(0))
	f.Add(int64(math.MaxInt64), int64(999_999_999), int64(math.MinInt64), int64(0))
	f.Fuzz(func(t *testing.T, sec, nsec, sec2, nsec2 int64) {
		ns, errno := duration(unix.Timespec{Sec: sec, Nsec: nsec})
		if valid := sec >= 0 && nsec >= 0 && nsec < 1e9; (errno == 0) != valid || ns < 0 || ns > forever || ns+forever < 0 {
			t.Fatalf("%d s %d ns: %d, %v", sec, nsec, ns, errno)
		}
		other, errno2 := duration(unix.Timespec{Sec: sec2, Nsec: nsec2})
		if errno == 0 && errno2 == 0 && sec < sec2 && ns > other {
			t.Fatalf("%d s %d ns is %d, %d s %d ns is %d", sec, nsec, ns, sec2, nsec2, other)
		}
		v, other := nanoseconds(sec, nsec), nanoseconds(sec2, nsec2)
		if sec > 0 && v < 0 || sec < 0 && v >= 0 || v%1e9 != nsec && v%1e9 != nsec-1e9 && v%1e9 != 0 {
			t.Fatalf("%d s %d ns: %d", sec, nsec, v)
		}
		if back := subtract(v, other) + other; back != v && subtract(v, other) != math.MaxInt64 && subtract(v, other) != math.MinInt64 {
			t.Fatalf("%d - %d + %d is %d", v, other, other, back)
		}
	})
}

func TestVisibleXattr(t *testing.T) {
	for name, want := range map[string]bool{
		"user.a": true, "user.": true, "user": false, "User.a": false, "": false,
		"user.overlay": true, "user.overlay.origin": false, "user.overlays": true,
		"security.selinux": false, "security.capability": false, "trusted.overlay.opaque": false,
		"system.posix_acl_access": true, "system.posix_acl_default": true, "system.posix_acl": false, "system.nfs4_acl": false,
	} {
		if got := visibleXattr(name); got != want {
			t.Errorf("%q is visible: %v", name, got)
		}
		if read, change := hiddenXattr(name); read == 0 || change == 0 {
			t.Errorf("%q: reading fails with %d, changing with %d", name, read, change)
		}
	}
}

func TestListXattrs(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                  nil,
		"user.a\x00":                        {"user.a"},
		"user.b\x00user.a\x00":              {"user.a", "user.b"},
		"user.a.b\x00user.ab\x00user.a\x00": {"user.a", "user.a.b", "user.ab"},
		"user.a":                            {"user.a"},
	} {
		got, err := listXattrs(func(b []byte) (int, error) { return copy(b, in), nil })
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", in, err, diff)
		}
	}
	for _, test := range []struct{ in, want error }{{unix.EOPNOTSUPP, nil}, {unix.EACCES, unix.EACCES}} {
		got, err := listXattrs(func([]byte) (int, error) { return -1, test.in })
		if got != nil || err != test.want {
			t.Errorf("%v: %q, %v", test.in, got, err)
		}
	}
}

// FuzzListXattrs: whatever list the kernel gives, its names are sorted, all
// there, and without an end in them.
func FuzzListXattrs(f *testing.F) {
	f.Add([]byte("user.b\x00security.selinux\x00user.a\x00"))
	f.Add([]byte("\x00\x00user.a"))
	f.Fuzz(func(t *testing.T, list []byte) {
		got, err := listXattrs(func(b []byte) (int, error) { return copy(b, list), nil })
		if err != nil || !slices.IsSorted(got) {
			t.Fatalf("%q, %v", got, err)
		}
		size := 0
		for _, name := range got {
			if size += len(name) + 1; strings.Contains(name, "\x00") || !bytes.Contains(list, []byte(name)) {
				t.Fatalf("%q in %q", name, list)
			}
		}
		if n := min(len(list), xattrListMax); n > 0 && size != n && size != n+1 {
			t.Fatalf("%d bytes of names from %d", size, n)
		}
	})
}

// TestStackImage: strings are found where a new program's stack holds them,
// and nowhere else.
func TestStackImage(t *testing.T) {
	s := stackImage{base: 0x1000, mem: []byte("one\x00\x00two\x00end")}
	for addr, want := range map[uint64]string{
		0x1000: "one", 0x1001: "ne", 0x1003: "", 0x1004: "", 0x1005: "two",
		0x1009: "", // has no end
		0x100b: "", 0x100c: "", 0xfff: "", 0: "", ^uint64(0): "",
	} {
		if got := s.at(addr); got != want {
			t.Errorf("at %#x: %q, want %q", addr, got, want)
		}
	}
	if diff := cmp.Diff([]string{"two", "", "one"}, s.strings([]uint64{0x1005, 5, 0x1000})); diff != "" {
		t.Error(diff)
	}
}
