package supervise

import (
	"sync"

	"golang.org/x/sys/unix"
)

// outlet passes the output of one stream on to whoever reads it: at once as much as that takes,
// the rest by and by, so that a reader who takes his time holds up nobody but who writes to him.
// It is a determinize.Outlet.
type outlet struct {
	fd    int
	owned bool // fd is closed at the end
	// deaf keeps it from the writer that nobody reads: the caller of a container may go away.
	deaf  bool
	stir  func()          // tells that there is room again
	group *sync.WaitGroup // of those that have something to pass on

	mu      sync.Mutex
	queue   []byte
	busy    bool // somebody works at the queue
	closing bool
	broken  bool // nobody reads it any more
}

// room is how many bytes wait before a writer does: the capacity of a pipe.
const room = 64 << 10

// Put passes bytes on, or keeps them.
func (o *outlet) Put(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.busy {
		b = o.pass(b)
	}
	if o.broken {
		if o.deaf {
			return nil
		}
		return unix.EPIPE
	}
	if len(b) > 0 {
		o.queue = append(o.queue, b...)
		if !o.busy {
			o.busy = true
			o.group.Add(1)
			go o.work()
		}
	}
	return nil
}

// Full tells that the queue is long.
func (o *outlet) Full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) >= room
}

// Close closes the stream once everything is passed on.
func (o *outlet) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing = true; !o.busy {
		o.close()
	}
}

func (o *outlet) close() {
	if o.owned {
		unix.Close(o.fd)
	}
	o.fd, o.broken = -1, true
}

// pass writes what can be written without waiting, and returns the rest. What a pipe has room for
// at all is this much, pipe(7).
func (o *outlet) pass(b []byte) []byte {
	const atomic = 4096
	for len(b) > 0 && !o.broken {
		fds := []unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(fds, 0); err == unix.EINTR {
			continue
		} else if n == 0 {
			return b
		}
		n, err := unix.Write(o.fd, b[:min(len(b), atomic)])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return b
		case err != nil:
			o.broken = true
		default:
			b = b[n:]
		}
	}
	return b
}

// work passes the queue on.
func (o *outlet) work() {
	defer o.group.Done()
	for {
		o.mu.Lock()
		full := len(o.queue) >= room
		o.queue = o.pass(o.queue)
		if o.broken {
			o.queue = nil
		}
		over := full && len(o.queue) < room
		if o.busy = len(o.queue) > 0; !o.busy && o.closing {
			o.close()
		}
		fd, busy := o.fd, o.busy
		o.mu.Unlock()
		if over {
			o.stir()
		}
		if !busy {
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
	}
}
