package determinize

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestSocketNames makes sure that what is written as an address is read as the same one.
func TestSocketNames(t *testing.T) {
	for _, tt := range []struct {
		family int
		at     string
		size   int
	}{
		{unix.AF_INET, "127.0.0.1:80", 16},
		{unix.AF_INET, "0.0.0.0:65535", 16},
		{unix.AF_INET6, "[::1]:1", 28},
		{unix.AF_INET6, "[::ffff:127.0.0.1]:8080", 28},
	} {
		at := netip.MustParseAddrPort(tt.at)
		b := sockName{at: at}.encode(tt.family)
		if len(b) != tt.size {
			t.Errorf("%s takes %d bytes, want %d", tt.at, len(b), tt.size)
		}
		got, errno := (&socket{family: tt.family}).inetName(b)
		if errno != 0 || got != at {
			t.Errorf("%s is read as %v (%v)", tt.at, got, errno)
		}
	}
	for _, tt := range []struct {
		name  string // sun_path
		path  string
		errno unix.Errno
	}{
		{"sock\x00rest", "sock", 0},
		{"sock", "sock", 0},
		{"\x00ab\x00c", "\x00ab\x00c", 0},
		{"", "", unix.EINVAL},
		{string(make([]byte, 109)), "", unix.EINVAL},
	} {
		path, errno := unixName(sockName{path: tt.name, named: true}.encode(unix.AF_UNIX))
		if path != tt.path || errno != tt.errno {
			t.Errorf("%q is read as %q, %v; want %q, %v", tt.name, path, errno, tt.path, tt.errno)
		}
	}
}

// TestSocketBytes gives the readers of what a guest has written any bytes at all.
func TestSocketBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		if path, errno := unixName(b); errno == 0 && (path == "" || len(path) > maxUnixName) {
			t.Fatalf("%x is the path %q", b, path)
		}
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			s := &socket{family: family}
			if at, errno := s.inetName(b); errno == 0 {
				if dst, _, errno := s.reaches(at); errno == 0 && !dst.Addr().Unmap().IsLoopback() {
					t.Fatalf("%x reaches %v", b, dst)
				}
			}
		}
		asksForLoopback(b)
		if len(b) < 16 {
			return
		}
		for _, answer := range (&socket{family: unix.AF_NETLINK}).netlinkAnswers(b) {
			for len(answer) > 0 {
				n := binary.LittleEndian.Uint32(answer)
				if n < 16 || n > uint32(len(answer)) {
					t.Fatalf("%x is answered with a message of %d bytes, of which there are %d", b, n, len(answer))
				}
				answer = answer[min((int(n)+3)&^3, len(answer)):]
			}
		}
	})
}

// TestSocketsCover makes sure that an address reaches those sockets that it should.
func TestSocketsCover(t *testing.T) {
	only := socketOptions{values: map[optionName]int32{{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}: 1}}
	for _, tt := range []struct {
		local string
		only  bool
		to    string
		want  bool
	}{
		{"127.0.0.1", false, "127.0.0.1", true},
		{"127.0.0.1", false, "127.0.0.2", false},
		{"127.0.0.1", false, "::ffff:127.0.0.1", true},
		{"0.0.0.0", false, "127.0.0.9", true},
		{"0.0.0.0", false, "::1", false},
		{"::", false, "127.0.0.1", true},
		{"::", false, "::1", true},
		{"::", true, "127.0.0.1", false},
		{"::", true, "::1", true},
		{"::ffff:127.0.0.1", false, "127.0.0.1", true},
		{"::ffff:0.0.0.0", false, "127.0.0.1", true},
		{"::ffff:0.0.0.0", false, "::1", false},
	} {
		local := netip.MustParseAddr(tt.local)
		s := &socket{family: unix.AF_INET, local: sockName{at: netip.AddrPortFrom(local, 1)}}
		if local.Is6() {
			s.family = unix.AF_INET6
		}
		if tt.only {
			s.socketOptions = only
		}
		if got := s.covers(netip.MustParseAddr(tt.to)); got != tt.want {
			t.Errorf("%s (only IPv6: %v) covers %s: %v", tt.local, tt.only, tt.to, got)
		}
	}
}
