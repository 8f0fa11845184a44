package determinize

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// maxOutput is how much of the box's output waits for its turn; who writes more waits
// with it, but for those that were forked a moment ago: to wait would change their family.
const maxOutput = 64 << 20

// piece is output of the box that waits until nothing can come before it.
type piece struct {
	at     sched.Stamp
	stream int
	by     *execution
	data   []byte
}

// stream tells which of the box's output streams a pipe is: 1, 2 or 0.
func (e *engine) stream(k vfs.Key) int {
	switch k {
	case e.cfg.Stdout:
		return 1
	case e.cfg.Stderr:
		return 2
	}
	return 0
}

// writeOutput hands the guest's output over. It goes out in the order of the stamps,
// for which its writer does not wait.
func (e *engine) writeOutput(t *task, stream int, spans []span, total int) verdict {
	if e.unsent+total > maxOutput && !t.counted {
		if v, wait := e.order(t, e.everybody(t)); wait {
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
		e.output(t, stream, b)
		done += len(b)
	}
	return answer(int64(total))
}

// output queues bytes for whoever reads an output stream of the box.
func (e *engine) output(t *task, stream int, b []byte) {
	p := piece{t.stamp(), stream, t.exec, slices.Clone(b)}
	e.sinks(t, [...]vfs.Key{{}, e.cfg.Stdout, e.cfg.Stderr}[stream], 0, b)
	i := len(e.outbox)
	for i > 0 && p.at.Before(e.outbox[i-1].at) {
		i--
	}
	e.outbox = slices.Insert(e.outbox, i, p)
	e.unsent += len(b)
}

// sendOutput hands over the output that nothing can come before.
func (e *engine) sendOutput() {
	if len(e.outbox) == 0 {
		return
	}
	e.foresee()
	for len(e.outbox) > 0 {
		p := &e.outbox[0]
		if by := e.outboxBy; by != nil && by.ord.Phase == sched.Active && !p.at.Before(by.ord.Stamp()) {
			return
		}
		var outside sched.Task
		by, ok := e.turns.Clear(&outside, p.at, e.everybody(nil))
		if e.outboxBy = nil; !ok {
			e.outboxBy, _ = by.Of.(*task)
			return
		}
		if !e.emit(p) {
			return
		}
		e.unsent -= len(p.data)
		e.outbox[0] = piece{}
		e.outbox = e.outbox[1:]
	}
}

// flush hands over what is left when the box's first process has ended at a stamp.
func (e *engine) flush(end sched.Stamp) {
	for i := range e.outbox {
		if p := &e.outbox[i]; !p.at.Before(end) || !e.emit(p) {
			break
		}
	}
	e.outbox = nil
}

// salvage hands over what still waits for its turn when the box has been ended.
func (e *engine) salvage() {
	for i := range e.outbox {
		if p := &e.outbox[i]; e.cfg.Output(p.stream, p.by.path, p.data) != nil {
			break
		}
	}
	e.outbox = nil
}

// emit hands bytes over.
func (e *engine) emit(p *piece) bool {
	p.by.record.wroteStream(p.stream, p.data)
	err := e.cfg.Output(p.stream, p.by.path, p.data)
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
