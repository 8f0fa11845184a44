package determinize

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// maxOutput is how much of the box's output waits for its turn; who writes more waits
// with it, but for those that were forked a moment ago: to wait would change their family.
const maxOutput = 64 << 20

// piece is output of the box that waits until nothing can come before it.
type piece struct {
	at   sched.Stamp
	to   *outstream
	by   *execution
	data []byte
}

// outbox is output that waits for its turn: that of the box, or of a process that has joined
// it with those that come of it, whose turn depends on nobody else.
type outbox struct {
	of     *visit
	pieces []piece // in order
	by     *task   // that the first one waits for
	unsent int     // bytes
}

// writeOutput hands the guest's output over. It goes out in the order of the stamps,
// for which its writer does not wait.
func (e *engine) writeOutput(t *task, s *outstream, spans []span, total, flags int) verdict {
	if s.out != nil && s.out.Full() && total > 0 {
		if flags&unix.O_NONBLOCK != 0 {
			return fail(unix.EAGAIN)
		}
		v := block(saying("somebody who reads the output"), e.kin(s.box.of), func() (sched.Stamp, bool) { return sched.Stamp{}, !s.out.Full() })
		v.input = true
		return v
	}
	if s.unread {
		unix.Tgkill(t.first, t.pid, unix.SIGPIPE)
		return fail(unix.EPIPE)
	}
	if s.box.unsent+total > maxOutput && !t.counted {
		if v, wait := e.order(t, e.kin(s.box.of)); wait {
			return v
		}
	}
	done := 0
	for done < total {
		b, errno := e.gather(t, spans, done, total-done)
		if errno != 0 || len(b) == 0 {
			if done > 0 {
				return answer(int64(done))
			}
			return fail(unix.EFAULT)
		}
		e.output(t, s, b)
		done += len(b)
	}
	return answer(int64(total))
}

// output queues bytes for whoever reads an output stream of the box.
func (e *engine) output(t *task, s *outstream, b []byte) {
	p, o := piece{t.stamp(), s, t.exec, slices.Clone(b)}, s.box
	e.sinks(t, s.key, 0, b)
	i := len(o.pieces)
	for i > 0 && p.at.Before(o.pieces[i-1].at) {
		i--
	}
	o.pieces = slices.Insert(o.pieces, i, p)
	o.unsent += len(b)
	s.queued++
}

// sendOutput hands over the output that nothing can come before.
func (e *engine) sendOutput() {
	for _, o := range e.outboxes {
		e.sendFrom(o)
	}
}

func (e *engine) sendFrom(o *outbox) {
	if len(o.pieces) == 0 {
		return
	}
	e.foresee()
	for len(o.pieces) > 0 {
		p := &o.pieces[0]
		if by := o.by; by != nil && by.ord.Phase == sched.Active && !p.at.Before(by.ord.Stamp()) {
			return
		}
		var outside sched.Task
		by, ok := e.turns.Clear(&outside, p.at, e.kin(o.of))
		if o.by = nil; !ok {
			o.by, _ = by.Of.(*task)
			return
		}
		if !e.emit(p) {
			return
		}
		o.unsent -= len(p.data)
		o.pieces[0] = piece{}
		o.pieces = o.pieces[1:]
	}
}

// flush hands over what is left when the box's first process has ended at a stamp.
func (e *engine) flush(end sched.Stamp) {
	for _, o := range e.outboxes {
		for i := range o.pieces {
			if p := &o.pieces[i]; o.of == nil && !p.at.Before(end) || !e.emit(p) {
				break
			}
		}
		o.pieces = nil
	}
}

// salvage hands over what still waits for its turn when the box has been ended.
func (e *engine) salvage() {
	for _, o := range e.outboxes {
		for i := range o.pieces {
			if p := &o.pieces[i]; e.hands(p) != nil {
				break
			}
		}
		o.pieces = nil
	}
}

// hands gives a piece to whoever takes it.
func (e *engine) hands(p *piece) error {
	if p.to.queued--; p.to.out == nil {
		return e.cfg.Output(p.to.stream, p.by.path, p.data)
	}
	err := p.to.out.Put(p.data)
	if p.to.unread = err == unix.EPIPE; err != nil && !p.to.unread {
		return err
	}
	if p.to.closes && p.to.queued == 0 {
		p.to.out.Close()
	}
	return nil
}

// emit hands bytes over.
func (e *engine) emit(p *piece) bool {
	p.by.record.wroteStream(p.to.stream, p.data)
	err := e.hands(p)
	switch {
	case err == nil:
		return true
	case errors.Is(err, context.Canceled):
		e.fatal = ErrCanceled
	default:
		e.fatal = err
	}
	return false
}
