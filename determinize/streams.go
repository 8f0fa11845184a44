package determinize

import (
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What the standard streams of a command lead to is outside of the box: its own pipes stand for
// the caller's, and the engine passes on what goes through them. A box has those of its command,
// and of each process that has joined it.

// source is what is read of a pipe that stands for a standard input of outside.
type source struct {
	file   *os.File
	key    vfs.Key // of the pipe
	live   bool    // it is read as it comes
	of     *visit  // whose; nil: the command's
	repeat io.Reader
	heard  func(b []byte)

	ahead []byte // read ahead
	ended bool
	// edge is the time when something was last taken of it, in the whole box: what a process
	// that has joined is told by who speaks to it.
	edge clock.Edge

	wanted  chan struct{} // somebody waits for it
	over    atomic.Bool   // nobody will any more
	arrived atomic.Bool   // there is some, which the engine has not taken yet
}

// outstream is where a pipe leads to that stands for an output stream of outside.
type outstream struct {
	key    vfs.Key // of the pipe
	stream int     // 1 or 2
	box    *outbox
	out    Outlet // nil: Config.Output
	queued int    // pieces that have not been handed over
	unread bool   // nobody reads it any more
	closes bool   // nobody has it open any more
}

// An Outlet takes the output of one stream. The engine's thread calls it, which must not wait.
type Outlet interface {
	// Put takes bytes, all of them. EPIPE says that nobody reads it any more.
	Put(b []byte) error
	// Full tells that whoever writes more should wait. When that is over, Run.Stir tells the engine.
	Full() bool
	// Close says that nothing comes any more.
	Close()
}

// opensStreams makes the streams of the box's command.
func (e *engine) opensStreams() {
	e.sources, e.outs = make(map[vfs.Key]*source), make(map[vfs.Key]*outstream)
	c := &e.cfg
	box := &outbox{}
	e.outboxes = []*outbox{box}
	if c.Stdin != nil {
		e.opensSource(&source{file: c.Stdin, key: c.StdinKey, live: c.Live, repeat: c.Repeat, heard: c.Heard})
	}
	e.stdinFiles = make(map[vfs.Key]bool)
	if c.StdinFile != (vfs.Key{}) {
		e.stdinFiles[c.StdinFile] = true
	}
	for i, k := range [...]vfs.Key{c.Stdout, c.Stderr} {
		if k != (vfs.Key{}) {
			e.outs[k] = &outstream{key: k, stream: i + 1, box: box, out: c.Outlets[i]}
		}
	}
}

// opensSource begins to read an input.
func (e *engine) opensSource(s *source) {
	e.sources[s.key] = s
	if s.live && e.cfg.Service {
		s.wanted = make(chan struct{}, 1)
		go e.hears(s)
	}
}

// stream tells which of its output streams a pipe of the box's own stands for: 1, 2 or 0.
func (e *engine) stream(k vfs.Key) int {
	if s := e.outs[k]; s != nil && s.box.of == nil {
		return s.stream
	}
	return 0
}

// outer tells whether a pipe stands for a stream of outside.
func (e *engine) outer(k vfs.Key) bool { return e.sources[k] != nil || e.outs[k] != nil }

// readSource reads a standard input: as much as was asked for, or what is left, so that it does
// not matter how the bytes came; of one that is live, what has come.
func (e *engine) readSource(t *task, s *source, spans []span, total int) verdict {
	if v, ok := e.sourceReady(t, s, min(total, sched.Capacity), e.waitsNot(t), func() verdict { return e.readSource(t, s, spans, total) }); !ok {
		return v
	}
	n, errno := e.scatter(t, spans, s.ahead[:min(len(s.ahead), total)])
	if errno != 0 {
		return fail(errno)
	}
	e.sawStdin(t, s, s.ahead[:n])
	s.ahead = s.ahead[n:]
	e.notify(s.key, pollIn)
	return answer(int64(n))
}

// sourceReady has something of a source at hand, or its end; or says how the call ends otherwise.
func (e *engine) sourceReady(t *task, s *source, n int, now bool, then func() verdict) (verdict, bool) {
	if !s.live {
		if errno := e.fillSource(s, n); errno != 0 {
			return fail(errno), false
		}
		return verdict{}, true
	}
	if e.takeInput(s); len(s.ahead) > 0 || s.ended {
		if s.of != nil {
			t.clk.Join(s.edge)
		}
		return verdict{}, true
	}
	if now {
		e.hasHeard(s)
		return fail(unix.EAGAIN), false
	}
	e.wants(s)
	v := block(saying("standard input"), e.kin(s.of), func() (sched.Stamp, bool) {
		return sched.Stamp{B: s.edge.B}, len(s.ahead) > 0 || s.ended
	})
	v.then = then
	v.input = true
	return v, false
}

// takeSource is take of a standard input.
func (e *engine) takeSource(t *task, s *source, n int, now bool) ([]byte, verdict, bool) {
	if v, ok := e.sourceReady(t, s, n, now, nil); !ok {
		return nil, v, false
	}
	n = min(n, len(s.ahead))
	e.sawStdin(t, s, s.ahead[:n])
	return append(e.buf[:0], s.ahead[:n]...), verdict{}, true
}

// fillSource reads a standard input until n bytes of it are at hand, or its end.
func (e *engine) fillSource(s *source, n int) unix.Errno {
	in := int(s.file.Fd())
	buf := make([]byte, sched.Capacity)
	for len(s.ahead) < n && !s.ended {
		k, err := s.read(in, buf)
		switch {
		case err == unix.EINTR:
			if e.outside() != nil {
				return unix.EINTR
			}
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}}, -1)
			if e.outside() != nil {
				return unix.EINTR
			}
		case err != nil:
			return errnoOf(err)
		case k == 0:
			s.ended = true
		default:
			s.ahead = append(s.ahead, buf[:k]...)
		}
	}
	return 0
}

// read reads as read(2): first what an earlier run of the box has read.
func (s *source) read(in int, buf []byte) (int, error) {
	if s.repeat != nil {
		n, err := s.repeat.Read(buf)
		if n > 0 || err != io.EOF {
			return n, err
		}
		s.repeat = nil
	}
	n, err := unix.Read(in, buf)
	if n > 0 && s.heard != nil {
		s.heard(buf[:n])
	}
	return n, err
}

// takeInput takes what has come of a live input.
func (e *engine) takeInput(s *source) {
	if !s.live {
		return
	}
	had, ended := len(s.ahead), s.ended
	fds := []unix.PollFd{{Fd: int32(s.file.Fd()), Events: unix.POLLIN}}
	for !s.ended && len(s.ahead) < maxInput {
		if n, err := unix.Poll(fds, 0); err == unix.EINTR {
			continue
		} else if n <= 0 || e.fillSource(s, len(s.ahead)+1) != 0 {
			break
		}
	}
	if s.of != nil && (len(s.ahead) > had || s.ended != ended) {
		s.edge = e.present()
	}
}

// maxInput is how much of standard input is taken before somebody reads it, in bytes.
const maxInput = 1 << 20

// streamReady is what poll(2) finds at a stream of outside, of which a descriptor has some ends.
func (e *engine) streamReady(k vfs.Key, ends sched.Ends) int16 {
	if ends&sched.Writes != 0 {
		if o := e.outs[k]; o != nil && o.out != nil && o.out.Full() {
			return 0
		}
		return pollOut
	}
	s := e.sources[k]
	if s == nil {
		return 0
	}
	if s.live {
		e.takeInput(s)
		e.hasHeard(s)
	} else {
		e.fillSource(s, 1)
	}
	switch {
	case len(s.ahead) > 0:
		return pollIn
	case s.live && !s.ended:
		e.wants(s)
		return 0
	}
	return unix.POLLHUP
}

// hasHeard notes that what comes, and when, has shown.
func (e *engine) hasHeard(s *source) {
	if s.of == nil {
		e.heard("standard input")
	}
}

// wants has somebody wait for a live input beside the engine's thread.
func (e *engine) wants(s *source) {
	select {
	case s.wanted <- struct{}{}:
	default: // it is waited for, or by the engine's thread itself, as there is no channel
	}
}

// hears tells the engine's thread whenever there is input that somebody waits for. Now and then it
// looks whether anybody still does.
func (e *engine) hears(s *source) {
	const look = 1000 // milliseconds
	fds := []unix.PollFd{{Fd: int32(s.file.Fd()), Events: unix.POLLIN}}
	for range s.wanted {
		for n := 0; n <= 0 && !s.over.Load(); {
			n, _ = unix.Poll(fds, look)
		}
		s.arrived.Store(true)
		e.stir(func() bool { return s.arrived.Load() && !s.over.Load() })
	}
	s.file.Close()
}
