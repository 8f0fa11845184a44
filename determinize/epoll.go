package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// epoll is a set of descriptions that are watched; epoll(7). As in the kernel, whatever
// happens to one puts it on a list of those that may be ready, and only that list is looked
// at; what is watched by its level goes back to the end of it when it has been reported.
type epoll struct {
	key   vfs.Key
	items map[epollKey]*epollItem
	list  []*epollItem // that may be ready

	told  uint64 // the last notification that reached it
	found struct {
		look   uint64 // the look at which this was found
		events int16
	}
	when struct {
		look uint64
		at   sched.Stamp
		ok   bool
	}
}

// epollKey names an item: a description, by what it leads to and how that was opened, and
// the number of the descriptor by which it was added.
type epollKey struct {
	fd   int32
	file vfs.Key
	mode int // O_ACCMODE
}

// epollItem is a description that an epoll watches.
type epollItem struct {
	epollKey
	in       *epoll
	what     polled
	events   uint32
	data     uint64
	listed   bool
	disabled bool  // EPOLLONESHOT
	told     int16 // of what is silent: what was ready when it was last looked at
}

// maxWatched is how many descriptions epolls can watch in all, as
// /proc/sys/fs/epoll/max_user_watches says.
const maxWatched = 1_800_000

// maxEpollDepth is how many epolls can lie below one that is watched itself, or above:
// EP_MAX_NESTS in fs/eventpoll.c.
const maxEpollDepth = 4

func (ep *epoll) title() string { return "[eventpoll]" }

func (ep *epoll) read(*engine, *task) verdict  { return fail(unix.EINVAL) }
func (ep *epoll) write(*engine, *task) verdict { return fail(unix.EINVAL) }

func (ep *epoll) closed(e *engine) {
	for _, it := range ep.items {
		e.forgetItem(it)
	}
}

// pollable tells whether what a descriptor leads to can be watched.
func (p *polled) pollable() bool {
	switch p.kind {
	case kindPipe, kindTTY, kindObject, kindSocket:
		return true
	case kindRandom:
		return unix.Minor(p.st.Rdev) == 8 // /dev/random
	}
	return false
}

// silent tells whether nobody notifies of what happens to what a descriptor leads to:
// signals, and what comes from outside.
func (p *polled) silent() bool {
	_, signals := p.object.(*signalfd)
	return signals || p.outside()
}

// list puts an item on the list of those that may be ready.
func (it *epollItem) list() {
	if !it.listed {
		it.listed = true
		it.in.list = append(it.in.list, it)
	}
}

// unlist takes it off again.
func (it *epollItem) unlist() {
	if it.listed {
		it.listed = false
		it.in.list = slices.DeleteFunc(it.in.list, func(x *epollItem) bool { return x == it })
	}
}

// listIfReady lists an item that may be ready as it is.
func (e *engine) listIfReady(t *task, it *epollItem) {
	if _, ok := e.pollEvent(t, []polled{it.what}); ok || it.what.silent() {
		it.list()
	}
}

// watch adds an item to an epoll.
func (e *engine) watch(t *task, it *epollItem) {
	it.in.items[it.epollKey] = it
	e.watchers[it.file] = append(e.watchers[it.file], it)
	e.watched++
	e.listIfReady(t, it)
}

// forgetItem ends what watch began.
func (e *engine) forgetItem(it *epollItem) {
	it.unlist()
	delete(it.in.items, it.epollKey)
	e.watched--
	rest := slices.DeleteFunc(e.watchers[it.file], func(x *epollItem) bool { return x == it })
	if e.watchers[it.file] = rest; len(rest) == 0 {
		delete(e.watchers, it.file)
	}
}

// unwatch forgets those items of a file that gone accepts: their descriptions are closed.
func (e *engine) unwatch(k vfs.Key, gone func(*epollItem) bool) {
	for _, it := range slices.Clone(e.watchers[k]) {
		if gone(it) {
			e.forgetItem(it)
			e.changes++
		}
	}
}

// notify tells those who watch a file, or wait for it, that something has happened to it:
// one of some events of poll(2), or, if that is 0, anything.
func (e *engine) notify(k vfs.Key, events int16) { e.notifyEnds(k, sched.Reads|sched.Writes, events) }

// notifyEnds is notify of those who watch one of the ends of a pipe.
func (e *engine) notifyEnds(k vfs.Key, ends sched.Ends, events int16) {
	e.changes++
	if len(e.watchers) == 0 {
		return
	}
	e.notices++
	var woken []*epoll
	tell := func(k vfs.Key, ends sched.Ends, events int16) {
		for _, it := range e.watchers[k] {
			if it.disabled || endsOf(it.mode)&ends == 0 || events != 0 && it.what.asked&events == 0 {
				continue
			}
			if it.list(); it.in.told != e.notices {
				it.in.told = e.notices
				woken = append(woken, it.in)
			}
		}
	}
	tell(k, ends, events)
	for i := 0; i < len(woken); i++ {
		tell(woken[i].key, sched.Reads|sched.Writes, pollIn)
	}
}

// look begins a look at what is ready, or is a part of one: in which what was found of an
// epoll, that may lie in many others, need not be found again. The caller calls what it
// returns at the end.
func (e *engine) look() func() {
	if e.lookDepth == 0 {
		e.looks++
	}
	e.lookDepth++
	return func() { e.lookDepth-- }
}

// itemEvents is what is to be reported of an item.
func (e *engine) itemEvents(t *task, it *epollItem) int16 {
	r := e.ready(t, &it.what) & it.what.asked
	if it.what.silent() && it.events&unix.EPOLLET != 0 {
		if it.told &= r; r&^it.told == 0 {
			return 0
		}
	}
	return r
}

func (ep *epoll) ready(e *engine, t *task) int16 {
	e.tickAll(t, ep)
	defer e.look()()
	if f := &ep.found; f.look != e.looks {
		f.look, f.events = e.looks, 0
		if slices.ContainsFunc(ep.list, func(it *epollItem) bool { return e.itemEvents(t, it) != 0 }) {
			f.events = pollIn
		}
	}
	return ep.found.events
}

func (ep *epoll) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	e.tickAll(t, ep)
	defer e.look()()
	if w := &ep.when; w.look != e.looks {
		w.look, w.ok = e.looks, false
		all := make([]polled, 0, len(ep.list))
		for _, it := range ep.list {
			if e.itemEvents(t, it) == 0 && it.told != 0 {
				continue // as it was when it was told
			}
			all = append(all, it.what)
		}
		w.at, w.ok = e.pollEvent(t, all)
	}
	return ep.when.at, ep.when.ok && asked&pollIn != 0
}

// report takes off the list what is to be told of an epoll, at most so many items, or
// leaves everything as it is if tell, which is given them first, fails.
func (ep *epoll) report(e *engine, t *task, most int, tell func([]*epollItem, []int16) bool) bool {
	defer e.look()()
	var items []*epollItem
	var events []int16
	idle := make(map[*epollItem]bool)
	for _, it := range ep.list {
		if len(items) == most {
			break
		}
		if r := e.itemEvents(t, it); r != 0 {
			items, events = append(items, it), append(events, r)
		} else if _, ok := e.pollEvent(t, []polled{it.what}); !ok && !it.what.silent() {
			idle[it] = true
		}
	}
	if !tell(items, events) {
		return false
	}
	e.changes++ // another task may wait for the same
	for it := range idle {
		it.unlist()
	}
	for i, it := range items {
		e.learns(t, &it.what, events[i])
		it.unlist()
		it.disabled = it.events&unix.EPOLLONESHOT != 0
		edge := it.events&unix.EPOLLET != 0
		if !it.disabled && (!edge || it.what.silent()) {
			it.list() // others come first the next time
		}
		if edge && it.what.silent() {
			it.told = events[i]
		}
	}
	return true
}

// tooDeep tells whether an epoll cannot watch another one: they would lie in a circle, or
// too deep.
func (e *engine) tooDeep(ep, target *epoll) bool {
	loop := false
	below := func(x *epoll) (all []*epoll) {
		for _, it := range x.items {
			if in, ok := e.objects[it.file].(*epoll); ok {
				all = append(all, in)
				loop = loop || in == ep
			}
		}
		return all
	}
	above := func(x *epoll) (all []*epoll) {
		for _, it := range e.watchers[x.key] {
			all = append(all, it.in)
		}
		return all
	}
	return depth(target, below, make(map[*epoll]int))+1+depth(ep, above, make(map[*epoll]int)) > maxEpollDepth || loop
}

// depth is how far one gets from an epoll step by step.
func depth(ep *epoll, next func(*epoll) []*epoll, known map[*epoll]int) int {
	if d, ok := known[ep]; ok {
		return d
	}
	deepest := 0
	for _, x := range next(ep) {
		deepest = max(deepest, 1+depth(x, next, known))
	}
	known[ep] = deepest
	return deepest
}
