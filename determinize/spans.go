package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// redZone is below the stack pointer, a leaf function's own: what the engine puts on a
// guest's stack goes below it.
const redZone = 128

// span is a piece of the guest's memory.
type span struct {
	addr uint64
	size int
}

// rwSpans returns the buffers of a read or write call, and their total size.
func (e *engine) rwSpans(t *task) (spans []span, total int, errno unix.Errno) {
	switch t.call.Nr {
	case unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_PWRITE64:
		n := int(min(t.arg(2), maxRW))
		if int64(t.arg(2)) < 0 {
			return nil, 0, unix.EINVAL
		}
		return []span{{t.arg(1), n}}, n, 0
	}
	return e.readIovec(t, t.arg(1), t.arg(2))
}

// readIovec copies an array of struct iovec; readv(2).
func (e *engine) readIovec(t *task, addr, count uint64) (spans []span, total int, errno unix.Errno) {
	const iovMax = 1024
	if count > iovMax {
		return nil, 0, unix.EINVAL
	}
	raw := make([]byte, 16*count)
	if errno := e.tr.ReadFull(t.pid, addr, raw); errno != 0 {
		return nil, 0, unix.EFAULT
	}
	return parseIovec(raw)
}

// parseIovec reads an array of struct iovec, each 16 bytes of raw. What one
// call would not move, past maxRW, is left out.
func parseIovec(raw []byte) (spans []span, total int, errno unix.Errno) {
	for ; len(raw) > 0; raw = raw[16:] {
		base, size := binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])
		if int64(size) < 0 {
			return nil, 0, unix.EINVAL
		}
		n := int(min(size, uint64(maxRW-total)))
		total += n
		spans = append(spans, span{base, n})
	}
	return spans, total, 0
}

// scatter copies b into the guest's buffers.
func (e *engine) scatter(t *task, spans []span, b []byte) (int, unix.Errno) {
	done := 0
	for _, s := range spans {
		if done == len(b) {
			break
		}
		n, errno := e.tr.Write(t.pid, s.addr, b[done:min(len(b), done+s.size)])
		done += n
		if errno != 0 || n < min(s.size, len(b)-done+n) {
			if done == 0 {
				return 0, unix.EFAULT
			}
			return done, 0
		}
	}
	return done, 0
}

// gather copies at most limit bytes out of the guest's buffers, leaving out
// the first skip. The result is scratch memory.
func (e *engine) gather(t *task, spans []span, skip, limit int) ([]byte, unix.Errno) {
	if len(e.buf) < sched.Capacity {
		e.buf = make([]byte, sched.Capacity)
	}
	out := e.buf[:0]
	limit = min(limit, sched.Capacity)
	for _, s := range spans {
		if skip >= s.size {
			skip -= s.size
			continue
		}
		n := min(s.size-skip, limit-len(out))
		got, errno := e.tr.Read(t.pid, s.addr+uint64(skip), e.buf[len(out):len(out)+n])
		out = e.buf[:len(out)+got]
		skip = 0
		if errno != 0 || got < n {
			if len(out) == 0 && n > 0 {
				return nil, unix.EFAULT
			}
			break
		}
		if len(out) == limit {
			break
		}
	}
	return out, 0
}

// addressOf is where the byte at an offset of what was read, n bytes in all, has
// come to lie.
func addressOf(spans []span, offset, n int64) (uint64, bool) {
	if offset < 0 || offset >= n {
		return 0, false
	}
	for _, s := range spans {
		if offset < int64(s.size) {
			return s.addr + uint64(offset), true
		}
		offset -= int64(s.size)
	}
	return 0, false
}
