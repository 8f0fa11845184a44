package sched

// After is when a task that waits since s goes on because of what happened at another
// stamp: at once, if that was before, else with the next B.
func (s Stamp) After(event Stamp) Stamp {
	if event.Before(s) {
		return s
	}
	return s.At(event.B + 1)
}

// Cause is why a task that waits goes on.
type Cause uint8

// What ends a wait.
const (
	Nothing Cause = iota
	Event         // what it waits for has happened
	Letter        // a signal is on its way to it
	Signal        // a signal is there
	Alarm         // a timer of its expires
	Time          // its time is up
)

// Due is what a task that waits does next.
type Due struct {
	Cause Cause
	At    Stamp // when
	Order Stamp // what it must be clear of, at most At
}

// Offer has a task go on for another cause if that comes first; of two that come at
// the same time, the one that was offered first.
func (d *Due) Offer(c Cause, at, order Stamp) {
	if d.Cause == Nothing || at.Before(d.At) {
		*d = Due{c, at, order}
	}
}
