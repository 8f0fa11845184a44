package strace

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSocketName is the size of struct sockaddr_storage.
const maxSocketName = 128

// socketName reads a socket address, whose size is argument n.
func socketName(n int) reader {
	return func(v *view, i int) (string, bool) {
		return socketNameAt(v, i, uint64(v.arg32(n)))
	}
}

// toldName reads a socket address that a call has told, with its size where argument n leads.
func toldName(n int) reader {
	return func(v *view, i int) (string, bool) {
		b, ok := structAt(v.mem, v.args[n], 4)
		if !ok {
			return "", false
		}
		return socketNameAt(v, i, b.u32(0))
	}
}

func socketNameAt(v *view, i int, size uint64) (string, bool) {
	if size < 2 || size > maxSocketName {
		return "", false
	}
	b, ok := structAt(v.mem, v.args[i], int(size))
	if !ok {
		return "", false
	}
	switch family := b.u16(0); {
	case family == unix.AF_UNIX:
		path := string(b[2:])
		if strings.HasPrefix(path, "\x00") {
			return "{sa_family=AF_UNIX, sun_path=@" + Quote(path[1:]) + "}", true
		}
		path, _, _ = strings.Cut(path, "\x00")
		if size == 2 {
			return "{sa_family=AF_UNIX}", true
		}
		return "{sa_family=AF_UNIX, sun_path=" + Quote(path) + "}", true
	case family == unix.AF_INET && size >= 8:
		at := netip.AddrFrom4([4]byte(b[4:8]))
		return "{sa_family=AF_INET, sin_port=htons(" + port(b) + "), sin_addr=inet_addr(" + Quote(at.String()) + ")}", true
	case family == unix.AF_INET6 && size >= 24:
		at := netip.AddrFrom16([16]byte(b[8:24]))
		return "{sa_family=AF_INET6, sin6_port=htons(" + port(b) + "), sin6_addr=inet_pton(AF_INET6, " + Quote(at.String()) + ")}", true
	}
	return "", false
}

// port is the port of an internet address.
func port(b le) string { return strconv.Itoa(int(binary.BigEndian.Uint16(b[2:]))) }

// sizeTold reads the size of what a call has told.
func sizeTold(v *view, i int) (string, bool) {
	return fixed(4, func(b le) string { return "[" + decimal(b.u32(0)) + "]" })(v, i)
}
