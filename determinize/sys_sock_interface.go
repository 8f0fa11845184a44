package determinize

import (
	"bytes"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// What a box is told of its network: one interface, the loopback one; rtnetlink(7),
// netdevice(7).

const (
	loopbackName  = "lo"
	loopbackIndex = 1
	loopbackMTU   = 65_536
	loopbackFlags = unix.IFF_UP | unix.IFF_LOOPBACK | unix.IFF_RUNNING
)

// maxNetlink is how much of a request is looked at.
const maxNetlink = 1 << 15

// netlinkProtocol looks whether a netlink socket can be had.
func netlinkProtocol(typ, proto int) unix.Errno {
	switch {
	case typ != unix.SOCK_RAW && typ != unix.SOCK_DGRAM:
		return unix.ESOCKTNOSUPPORT
	case proto != unix.NETLINK_ROUTE:
		return unix.EPROTONOSUPPORT
	}
	return 0
}

// netlink tells whether the socket speaks with the kernel.
func (s *socket) netlink() bool { return s.family == unix.AF_NETLINK }

// bindNetlink handles bind of a netlink socket. Groups of news can be asked for: there is none.
func (e *engine) bindNetlink(t *task, s *socket, b []byte) verdict {
	const size = 12 // struct sockaddr_nl
	if len(b) < size || nameFamily(b) != unix.AF_NETLINK {
		return fail(unix.EINVAL)
	}
	switch id := binary.LittleEndian.Uint32(b[4:]); {
	case s.local.id == 0 && id != 0:
		s.local.id = id
	case s.local.id == 0:
		t.netlinkID(s)
	case id != s.local.id:
		return fail(unix.EINVAL)
	}
	return answer(0)
}

// netlinkID gives a netlink socket its address: the pid of its process, of a second one another number.
func (t *task) netlinkID(s *socket) {
	s.local.id = uint32(t.vpid)
	for _, o := range t.sockets {
		if o != s && o.local.id == s.local.id {
			t.netlinks++
			s.local.id = ^uint32(4096) - t.netlinks
			return
		}
	}
}

// sendNetlink handles requests, and leaves the answers to be received.
func (e *engine) sendNetlink(t *task, s *socket, out *outgoing) verdict {
	if out.total > maxNetlink {
		return fail(unix.EMSGSIZE)
	}
	if s.local.id == 0 {
		t.netlinkID(s)
	}
	b, errno := e.gatherAll(t, out.spans, out.total)
	if errno != 0 {
		return fail(errno)
	}
	const header = 16
	for len(b) >= header {
		n := binary.LittleEndian.Uint32(b)
		if n < header || uint64(n) > uint64(len(b)) {
			break
		}
		for _, answer := range s.netlinkAnswers(b[:n]) {
			if s.sent >= s.sndbuf {
				return fail(unix.ENOBUFS)
			}
			if errno := e.deliver(t, s, s, &packet{data: answer}, &control{}); errno != 0 {
				return fail(errno)
			}
			s.queue[len(s.queue)-1].from = sockName{} // the kernel's
		}
		b = b[min((uint64(n)+3)&^3, uint64(len(b))):]
	}
	return answer(int64(out.total))
}

// netlinkAnswers are the answers to a request, each to be received at once.
func (s *socket) netlinkAnswers(q []byte) (all [][]byte) {
	kind, flags, seq := binary.LittleEndian.Uint16(q[4:]), binary.LittleEndian.Uint16(q[6:]), binary.LittleEndian.Uint32(q[8:])
	body := q[16:]
	message := func(kind uint16, flags uint16, body []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint16(b, flags)
		b = binary.LittleEndian.AppendUint32(b, seq)
		b = binary.LittleEndian.AppendUint32(b, s.local.id)
		return append(b, body...)
	}
	failure := func(errno unix.Errno) [][]byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(-int32(errno)))
		return [][]byte{message(unix.NLMSG_ERROR, 0, append(b, q...))}
	}
	dump := flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP || flags&unix.NLM_F_DUMP != 0 && kind != unix.RTM_GETLINK
	var found []byte
	switch {
	case flags&unix.NLM_F_REQUEST == 0:
		return nil
	case kind == unix.RTM_GETLINK && flags&unix.NLM_F_DUMP == 0:
		if !asksForLoopback(body) {
			return failure(unix.ENODEV)
		}
		return [][]byte{message(unix.RTM_NEWLINK, 0, loopbackLink())}
	case kind == unix.RTM_GETLINK:
		found = message(unix.RTM_NEWLINK, unix.NLM_F_MULTI, loopbackLink())
	case kind == unix.RTM_GETADDR && dump:
		for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
			if len(body) == 0 || body[0] == unix.AF_UNSPEC || body[0] == family {
				found = append(found, message(unix.RTM_NEWADDR, unix.NLM_F_MULTI, loopbackAddress(family))...)
			}
		}
	case kind == unix.RTM_GETROUTE && dump, kind == unix.RTM_GETNEIGH && dump, kind == unix.RTM_GETRULE && dump:
	case kind < 16 || kind&3 == 2:
		return failure(unix.EOPNOTSUPP)
	default:
		return failure(unix.EPERM)
	}
	if len(found) > 0 {
		all = append(all, found)
	}
	return append(all, message(unix.NLMSG_DONE, unix.NLM_F_MULTI, make([]byte, 4)))
}

// asksForLoopback tells whether a request for one interface names the one that there is.
func asksForLoopback(body []byte) bool {
	const size = unix.SizeofIfInfomsg
	if len(body) < size {
		return false
	}
	index := binary.LittleEndian.Uint32(body[4:])
	for b := body[size:]; len(b) >= 4; {
		n := int(binary.LittleEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		if binary.LittleEndian.Uint16(b[2:]) == unix.IFLA_IFNAME {
			name, _, _ := strings.Cut(string(b[4:n]), "\x00")
			return name == loopbackName && index <= loopbackIndex
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return index == loopbackIndex
}

// attribute is a struct rtattr with its value.
func attribute(kind uint16, value []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.LittleEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

// loopbackLink is a struct ifinfomsg with its attributes.
func loopbackLink() []byte {
	b := []byte{unix.AF_UNSPEC, 0}
	b = binary.LittleEndian.AppendUint16(b, unix.ARPHRD_LOOPBACK)
	for _, v := range [...]uint32{loopbackIndex, loopbackFlags | unix.IFF_LOWER_UP, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(b, attribute(unix.IFLA_IFNAME, []byte(loopbackName+"\x00"))...)
	b = append(b, attribute(unix.IFLA_MTU, binary.LittleEndian.AppendUint32(nil, loopbackMTU))...)
	b = append(b, attribute(unix.IFLA_TXQLEN, binary.LittleEndian.AppendUint32(nil, 1000))...)
	b = append(b, attribute(unix.IFLA_QDISC, []byte("noqueue\x00"))...)
	b = append(b, attribute(unix.IFLA_ADDRESS, make([]byte, 6))...)
	return append(b, attribute(unix.IFLA_BROADCAST, make([]byte, 6))...)
}

// loopbackAddress is a struct ifaddrmsg with its attributes.
func loopbackAddress(family byte) []byte {
	const host = 254 // RT_SCOPE_HOST
	address, prefix := loopback4.AsSlice(), byte(8)
	if family == unix.AF_INET6 {
		address, prefix = loopback6.AsSlice(), 128
	}
	b := binary.LittleEndian.AppendUint32([]byte{family, prefix, unix.IFA_F_PERMANENT, host}, loopbackIndex)
	b = append(b, attribute(unix.IFA_ADDRESS, address)...)
	if family == unix.AF_INET {
		b = append(b, attribute(unix.IFA_LOCAL, address)...)
		b = append(b, attribute(unix.IFA_LABEL, []byte(loopbackName+"\x00"))...)
	}
	forever := append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 8)...) // struct ifa_cacheinfo
	b = append(b, attribute(unix.IFA_CACHEINFO, forever)...)
	return append(b, attribute(unix.IFA_FLAGS, binary.LittleEndian.AppendUint32(nil, unix.IFA_F_PERMANENT))...)
}

// interfaceRequests are the requests of ioctl about interfaces that are answered.
var interfaceRequests = map[uint64]bool{
	unix.SIOCGIFCONF: true, unix.SIOCGIFNAME: true, unix.SIOCGIFINDEX: true, unix.SIOCGIFFLAGS: true, unix.SIOCGIFADDR: true,
	unix.SIOCGIFBRDADDR: true, unix.SIOCGIFNETMASK: true, unix.SIOCGIFMTU: true, unix.SIOCGIFHWADDR: true,
}

// interfaceRequest answers what ioctl asks of an interface. ok is false for other requests.
func (e *engine) interfaceRequest(t *task, request uint64) (v verdict, ok bool) {
	switch {
	case !interfaceRequests[request]:
		return verdict{}, false
	case request == unix.SIOCGIFCONF:
		return e.interfaceList(t), true
	}
	var b [40]byte // struct ifreq
	if e.tr.ReadFull(t.pid, t.arg(2), b[:]) != 0 {
		return fail(unix.EFAULT), true
	}
	name, _, _ := strings.Cut(string(b[:unix.IFNAMSIZ]), "\x00")
	value := b[unix.IFNAMSIZ:]
	if request == unix.SIOCGIFNAME {
		if binary.LittleEndian.Uint32(value) != loopbackIndex {
			return fail(unix.ENODEV), true
		}
		clear(b[:unix.IFNAMSIZ])
		copy(b[:], loopbackName)
		return e.put(t, t.arg(2), b[:]), true
	}
	if name != loopbackName {
		return fail(unix.ENODEV), true
	}
	clear(value)
	address := func(a [4]byte) {
		binary.LittleEndian.PutUint16(value, unix.AF_INET)
		copy(value[4:], a[:])
	}
	switch request {
	case unix.SIOCGIFINDEX:
		binary.LittleEndian.PutUint32(value, loopbackIndex)
	case unix.SIOCGIFFLAGS:
		binary.LittleEndian.PutUint16(value, loopbackFlags)
	case unix.SIOCGIFMTU:
		binary.LittleEndian.PutUint32(value, loopbackMTU)
	case unix.SIOCGIFHWADDR:
		binary.LittleEndian.PutUint16(value, unix.ARPHRD_LOOPBACK)
	case unix.SIOCGIFADDR:
		address(loopback4.As4())
	case unix.SIOCGIFNETMASK:
		address([4]byte{255})
	case unix.SIOCGIFBRDADDR:
		address([4]byte{})
	}
	return e.put(t, t.arg(2), b[:]), true
}

// interfaceList answers SIOCGIFCONF: the interfaces that have an IPv4 address.
func (e *engine) interfaceList(t *task) verdict {
	const size = 40 // of a struct ifreq
	var conf [16]byte
	if e.tr.ReadFull(t.pid, t.arg(2), conf[:]) != 0 {
		return fail(unix.EFAULT)
	}
	room, at := int32(binary.LittleEndian.Uint32(conf[:])), binary.LittleEndian.Uint64(conf[8:])
	switch {
	case at == 0:
		room = size
	case room < size:
		room = 0
	default:
		room = size
		var b [size]byte
		copy(b[:], loopbackName)
		binary.LittleEndian.PutUint16(b[unix.IFNAMSIZ:], unix.AF_INET)
		copy(b[unix.IFNAMSIZ+4:], loopback4.AsSlice())
		if e.tr.WriteFull(t.pid, at, b[:]) != 0 {
			return fail(unix.EFAULT)
		}
	}
	binary.LittleEndian.PutUint32(conf[:], uint32(room))
	return e.put(t, t.arg(2), conf[:])
}
