package determinize

import (
	"encoding/binary"
	"maps"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// socketOptions are what setsockopt has set; socket(7), tcp(7), ip(7), ipv6(7).
type socketOptions struct {
	sndbuf, rcvbuf           int
	passCred                 bool
	sendTimeout, recvTimeout int64 // nanoseconds; 0 is none
	linger, lingers          int32 // seconds, and whether
	values                   map[optionName]int32
}

// optionName is an option's level and name.
type optionName struct{ level, name int32 }

// optionKind says what an option's value can be.
type optionKind uint8

const (
	anyNumber optionKind = iota
	yesOrNo
)

// option is an option whose value is kept and shown, and that changes nothing else: what it is for
// does not happen between sockets of one machine, or not in a box.
type option struct {
	name    optionName
	is      func(*socket) bool
	initial int32
	kind    optionKind
	min     int32
	max     int32
}

func anySocket(*socket) bool     { return true }
func inetSocket(s *socket) bool  { return s.inet() }
func tcpSocket(s *socket) bool   { return s.inet() && s.streams() }
func inet6Socket(s *socket) bool { return s.family == unix.AF_INET6 }

const most = 1<<31 - 1

// plainOptions are the options of that kind.
var plainOptions = []option{
	{optionName{unix.SOL_SOCKET, unix.SO_REUSEADDR}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_REUSEPORT}, inetSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_BROADCAST}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_DONTROUTE}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_OOBINLINE}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_NO_CHECK}, anySocket, 0, yesOrNo, 0, 0},
	{optionName{unix.SOL_SOCKET, unix.SO_PRIORITY}, anySocket, 0, anyNumber, 0, 6},
	{optionName{unix.IPPROTO_TCP, unix.TCP_NODELAY}, tcpSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_TCP, unix.TCP_CORK}, tcpSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_TCP, unix.TCP_QUICKACK}, tcpSocket, 1, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, tcpSocket, 7200, anyNumber, 1, 32767},
	{optionName{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, tcpSocket, 75, anyNumber, 1, 32767},
	{optionName{unix.IPPROTO_TCP, unix.TCP_KEEPCNT}, tcpSocket, 9, anyNumber, 1, 127},
	{optionName{unix.IPPROTO_TCP, unix.TCP_SYNCNT}, tcpSocket, 6, anyNumber, 1, 127},
	{optionName{unix.IPPROTO_TCP, unix.TCP_LINGER2}, tcpSocket, 60, anyNumber, -most, most},
	{optionName{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT}, tcpSocket, 0, anyNumber, -most, most},
	{optionName{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}, tcpSocket, 0, anyNumber, 0, most},
	{optionName{unix.IPPROTO_TCP, unix.TCP_MAXSEG}, tcpSocket, 536, anyNumber, 88, 32767},
	{optionName{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT}, tcpSocket, 0, anyNumber, 0, most},
	{optionName{unix.IPPROTO_IP, unix.IP_TOS}, inetSocket, 0, anyNumber, 0, 255},
	{optionName{unix.IPPROTO_IP, unix.IP_TTL}, inetSocket, 64, anyNumber, -1, 255},
	{optionName{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER}, inetSocket, 1, anyNumber, 0, 5},
	{optionName{unix.IPPROTO_IP, unix.IP_RECVERR}, inetSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_IP, unix.IP_FREEBIND}, inetSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT}, inetSocket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}, inet6Socket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_IPV6, unix.IPV6_RECVERR}, inet6Socket, 0, yesOrNo, 0, 0},
	{optionName{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS}, inet6Socket, 64, anyNumber, -1, 255},
	{optionName{unix.IPPROTO_IPV6, unix.IPV6_TCLASS}, inet6Socket, 0, anyNumber, -1, 255},
	{optionName{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER}, inet6Socket, 1, anyNumber, 0, 5},
}

// plainOption finds an option of a socket.
func (s *socket) plainOption(name optionName) *option {
	for i := range plainOptions {
		if o := &plainOptions[i]; o.name == name && o.is(s) {
			return o
		}
	}
	return nil
}

// set tells whether an option that is on or off is on.
func (s *socket) set(level, name int32) bool { return s.values[optionName{level, name}] != 0 }

func newSocketOptions(s *socket) socketOptions {
	o := socketOptions{sndbuf: socketBuffer, rcvbuf: socketBuffer}
	if s.inet() && s.streams() {
		o.sndbuf, o.rcvbuf = 16_384, 131_072 // the second values of tcp_wmem and tcp_rmem
	}
	return o
}

// inherited are the options of a connection to a socket.
func (s *socket) inherited() socketOptions {
	o := newSocketOptions(s)
	if s.inet() {
		o = s.socketOptions
		o.values = maps.Clone(o.values)
	}
	o.passCred = s.passCred
	return o
}

// lingersNot tells whether a close is to break the connection off.
func (s *socket) lingersNot() bool { return s.lingers != 0 && s.linger == 0 }

// Options whose values are a struct timeval; the first two are those of old with the same
// form on 64 bits.
const (
	recvTimeoutNew = 66 // SO_RCVTIMEO_NEW
	sendTimeoutNew = 67 // SO_SNDTIMEO_NEW
)

// setsockoptEnter handles setsockopt.
func setsockoptEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	name, size := optionName{t.fd(1), t.fd(2)}, t.fd(4)
	if size < 0 {
		return fail(unix.EINVAL)
	}
	b := make([]byte, min(size, 16))
	if e.tr.ReadFull(t.pid, t.arg(3), b) != 0 {
		return fail(unix.EFAULT)
	}
	errno, known := s.setOption(name, b)
	if !known {
		e.refuse(callName(t) + "(" + strconv.Itoa(int(name.level)) + ", " + strconv.Itoa(int(name.name)) + ")")
	}
	if errno != 0 {
		return fail(errno)
	}
	return answer(0)
}

// setOption sets an option.
func (s *socket) setOption(name optionName, b []byte) (errno unix.Errno, known bool) {
	switch {
	case s.family == unix.AF_UNIX && name.level != unix.SOL_SOCKET:
		return unix.EOPNOTSUPP, true
	case s.netlink() && name.level == unix.SOL_NETLINK:
		switch name.name {
		case unix.NETLINK_ADD_MEMBERSHIP, unix.NETLINK_DROP_MEMBERSHIP, unix.NETLINK_CAP_ACK, unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK:
			return 0, true // there is no news, and nothing to be said about requests
		}
	}
	value := int32(0)
	switch {
	case len(b) >= 4:
		value = int32(binary.LittleEndian.Uint32(b))
	case len(b) >= 1 && name.level == unix.IPPROTO_IP:
		value = int32(b[0])
	default:
		return unix.EINVAL, true
	}
	if o := s.plainOption(name); o != nil {
		switch {
		case o.kind == yesOrNo:
			value = min(value&most|value>>31&1, 1)
		case value < o.min || value > o.max:
			return unix.EINVAL, true
		}
		if name == (optionName{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}) && s.local.bound() {
			return unix.EINVAL, true
		}
		if s.values == nil {
			s.values = make(map[optionName]int32)
		}
		s.values[name] = value
		return 0, true
	}
	if name.level != unix.SOL_SOCKET {
		return unix.ENOPROTOOPT, name.level == unix.IPPROTO_IPV6 && s.family == unix.AF_INET
	}
	switch name.name {
	case unix.SO_SNDBUF, unix.SO_SNDBUFFORCE:
		if name.name == unix.SO_SNDBUFFORCE {
			return unix.EPERM, true
		}
		s.sndbuf = max(min(int(value), socketBuffer)*2, 4608)
	case unix.SO_RCVBUFFORCE:
		return unix.EPERM, true
	case unix.SO_RCVBUF:
		s.rcvbuf = max(min(int(value), socketBuffer)*2, 2304)
	case unix.SO_LINGER:
		if len(b) < 8 {
			return unix.EINVAL, true
		}
		s.lingers, s.linger = min(value&most, 1), int32(binary.LittleEndian.Uint32(b[4:]))
	case unix.SO_RCVTIMEO, recvTimeoutNew:
		s.recvTimeout, errno = timeoutOption(b)
	case unix.SO_SNDTIMEO, sendTimeoutNew:
		s.sendTimeout, errno = timeoutOption(b)
	case unix.SO_PASSCRED:
		if s.inet() {
			return unix.EOPNOTSUPP, true
		}
		s.passCred = value != 0
	case unix.SO_TYPE, unix.SO_PROTOCOL, unix.SO_DOMAIN, unix.SO_ERROR, unix.SO_ACCEPTCONN, unix.SO_PEERCRED:
		return unix.ENOPROTOOPT, true
	default:
		return unix.ENOPROTOOPT, false
	}
	return errno, true
}

// timeoutOption reads a struct timeval.
func timeoutOption(b []byte) (int64, unix.Errno) {
	if len(b) < 16 {
		return 0, unix.EINVAL
	}
	sec, usec := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if usec < 0 || usec >= 1_000_000 {
		return 0, unix.EDOM
	}
	if sec < 0 {
		return 1, 0 // at once
	}
	return saturate(sec, usec*1000), 0
}

// getsockoptEnter handles getsockopt.
func getsockoptEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	room, errno := e.word(t, t.arg(4))
	if errno != 0 {
		return fail(errno)
	}
	if int32(room) < 0 {
		return fail(unix.EINVAL)
	}
	name := optionName{t.fd(1), t.fd(2)}
	b, errno := s.option(name)
	if errno != 0 {
		if errno == unix.ENOPROTOOPT {
			e.refuse(callName(t) + "(" + strconv.Itoa(int(name.level)) + ", " + strconv.Itoa(int(name.name)) + ")")
		}
		return fail(errno)
	}
	b = b[:min(len(b), int(room))]
	if e.tr.WriteFull(t.pid, t.arg(3), b) != 0 ||
		e.tr.WriteFull(t.pid, t.arg(4), binary.LittleEndian.AppendUint32(nil, uint32(len(b)))) != 0 {
		return fail(unix.EFAULT)
	}
	return answer(0)
}

// option is the value of an option.
func (s *socket) option(name optionName) (b []byte, errno unix.Errno) {
	number := func(values ...int32) ([]byte, unix.Errno) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		return b, 0
	}
	if s.family == unix.AF_UNIX && name.level != unix.SOL_SOCKET {
		return nil, unix.EOPNOTSUPP
	}
	if o := s.plainOption(name); o != nil {
		if v, ok := s.values[name]; ok {
			return number(v)
		}
		return number(o.initial)
	}
	if name == (optionName{unix.IPPROTO_TCP, unix.TCP_CONGESTION}) && tcpSocket(s) {
		return append([]byte("cubic"), make([]byte, 11)...), 0
	}
	if name.level != unix.SOL_SOCKET {
		if s.family == unix.AF_INET && name.level == unix.IPPROTO_IPV6 {
			return nil, unix.EOPNOTSUPP
		}
		return nil, unix.ENOPROTOOPT
	}
	is := func(yes bool) ([]byte, unix.Errno) {
		if yes {
			return number(1)
		}
		return number(0)
	}
	timeout := func(ns int64) ([]byte, unix.Errno) {
		tv := unix.NsecToTimeval(ns)
		return append(b, bytesOf(&tv)...), 0
	}
	switch name.name {
	case unix.SO_TYPE:
		return number(int32(s.typ))
	case unix.SO_DOMAIN:
		return number(int32(s.family))
	case unix.SO_PROTOCOL:
		return number(int32(s.proto))
	case unix.SO_ERROR:
		return number(int32(s.takeError()))
	case unix.SO_ACCEPTCONN:
		return is(s.state == sockListening)
	case unix.SO_SNDBUF:
		return number(int32(s.sndbuf))
	case unix.SO_RCVBUF:
		return number(int32(s.rcvbuf))
	case unix.SO_RCVLOWAT, unix.SO_SNDLOWAT:
		return number(1)
	case unix.SO_LINGER:
		return number(s.lingers, s.linger)
	case unix.SO_PASSCRED:
		return is(s.passCred)
	case unix.SO_REUSEPORT, unix.SO_DEBUG, unix.SO_MARK, unix.SO_TIMESTAMP, unix.SO_INCOMING_NAPI_ID:
		return number(0)
	case unix.SO_PEERCRED:
		return number(int32(s.peerCred.pid), int32(s.peerCred.uid), int32(s.peerCred.gid))
	case unix.SO_RCVTIMEO, recvTimeoutNew:
		return timeout(s.recvTimeout / int64(time.Microsecond) * int64(time.Microsecond))
	case unix.SO_SNDTIMEO, sendTimeoutNew:
		return timeout(s.sendTimeout / int64(time.Microsecond) * int64(time.Microsecond))
	}
	return nil, unix.ENOPROTOOPT
}

// socketIoctl handles ioctl.
func (e *engine) socketIoctl(t *task, s *socket, request uint64) verdict {
	if !s.alone() {
		if v, wait := e.serially(t); wait {
			return v
		}
	}
	switch request {
	case unix.TIOCINQ:
		if s.state == sockListening {
			return fail(unix.EINVAL)
		}
		n := 0
		for i, m := range s.queue {
			if i == 0 || s.streams() {
				n += len(m.data)
			}
			t.clk.Join(m.edge)
		}
		return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, uint32(n)))
	case unix.TIOCOUTQ:
		if s.state == sockListening {
			return fail(unix.EINVAL)
		}
		n := 0
		if !s.inet() {
			n = s.sent
		}
		return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, uint32(n)))
	case fionbio:
		return run()
	}
	if v, ok := e.interfaceRequest(t, request); ok {
		return v
	}
	return fail(unix.ENOTTY)
}

// fionbio is FIONBIO.
const fionbio = 0x5421
