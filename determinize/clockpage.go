package determinize

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vdso"
)

// Programs read the clock by the million: a compiler for each of its passes. A process
// that has done so some times through its vDSO is given a page in its own memory, and code
// in its vDSO that counts there instead of stopping. The engine accounts for what was read
// when the process stops, and lends it the page anew when it goes on. Every so many
// reads stop, so that a loop that waits for a time ends, and signals arrive.
//
// All of that happens after so many reads of the process, so that it is no matter of time.

const (
	readsBefore = 16   // reads that stop, after which a program gets a page
	readsLent   = 1024 // reads after which one stops
)

// clockPage is the page of a process.
type clockPage struct {
	addr       uint64
	left       int64 // reads until one stops
	lent       bool  // the process has run since it was last looked at
	last, step int64 // what it was lent
	budget     int64 // of reads, then
}

// copy is the page of a child, which has its own memory, or waits with its parent's.
func (p *clockPage) copy() *clockPage {
	if p == nil {
		return nil
	}
	c := *p
	c.lent = false
	return &c
}

// lendClock lets a task that is about to run read the clock by itself.
func (e *engine) lendClock(t *task) {
	p := t.reads
	if p == nil {
		return
	}
	last, step, ok := t.clk.MayPass()
	p.lent, p.last, p.step, p.budget = true, last, step, p.left
	if !ok {
		p.budget = 0
	}
	if soon := t.soonest(); soon != 0 { // the read that passes it stops
		p.budget = min(p.budget, max(soon-last, 0)/step)
	}
	page := vdso.Page{Left: p.budget, Last: last, Step: step, Real: e.epoch(), Mono: uptime}
	e.tr.WriteFull(t.pid, p.addr, page.Encode()) // one who has unmapped it faults
}

// takeClock accounts for what a task that has stopped has read by itself.
func (e *engine) takeClock(t *task) {
	p := t.reads
	if p == nil || !p.lent {
		return
	}
	p.lent = false
	var b [8]byte
	if e.tr.ReadFull(t.pid, p.addr, b[:]) != 0 {
		return
	}
	n := p.budget - vdso.DecodeLeft(b[:])
	if n < 0 || n > p.budget {
		n = p.budget // it has written there itself
	}
	p.left -= n
	t.clk.Pass(uint64(n), p.last, p.step)
}

// readsAlone makes a read of the clock, after which the process may go on to read by
// itself.
func (e *engine) readsAlone(t *task, read func() verdict) verdict {
	if p := t.reads; p != nil {
		if p.left <= 0 {
			p.left = readsLent
		}
		return read()
	}
	if n := t.clk.Reads(); n < readsBefore || bits.OnesCount64(n) != 1 || !e.mayLend(t) {
		return read()
	}
	e.tr.SetNr(t.pid, unix.SYS_MMAP)
	for i, v := range [...]uint64{0, vdso.PageSize, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, ^uint64(0), 0} {
		e.setArg(t, i, v)
	}
	return runThen(func(ret int64) {
		if ret > 0 && e.writeClocks(t, uint64(ret)) {
			t.reads = &clockPage{addr: uint64(ret), left: readsLent}
		}
		e.tr.SetResult(t.pid, read().ret)
	})
}

// mayLend tells whether a task that reads the clock does so through a vDSO of its
// process's own.
func (e *engine) mayLend(t *task) bool {
	if t.vforkOf != nil || t.vdso == 0 || e.vdso == nil || !e.vdso.counts || e.epoch() < 0 || e.cfg.Unpinned.Has(PinTime) {
		return false
	}
	var regs unix.PtraceRegs
	if e.tr.Regs(t.pid, &regs) != 0 {
		return false
	}
	return regs.Rip-t.vdso < vdso.MaxSize
}

// writeClocks writes the code that counts in a page over the vDSO's clocks.
func (e *engine) writeClocks(t *task, page uint64) bool {
	for _, p := range e.vdso.clocks.Patches(page) {
		if e.tr.Poke(t.pid, t.vdso+p.Offset, p.Code) != 0 {
			return false
		}
	}
	return true
}
