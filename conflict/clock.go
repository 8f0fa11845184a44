package conflict

// Clock is what a task knows of the past: which moments of which tasks have certainly
// come before what it does now. It is a vector clock (Mattern: "Virtual time and global
// states of distributed systems", 1989) with one element a chain instead of one a task:
// tasks of which each began after the end of the one before share an element. A tree of
// thousands of processes has as many chains as processes that lived side by side.
//
// A Clock is a value: what is handed to another task is a copy, and means the moment of
// the copy. The zero Clock knows nothing, and nobody knows of it.
type Clock struct {
	known *[]uint64 // by chain, of the others; never written to once it is here
	chain uint32
	time  uint64 // on the own chain; 0 in the zero Clock
}

// moment is when something happened: at a time of a chain.
type moment struct {
	chain uint32
	time  uint64
}

func (c *Clock) now() moment { return moment{c.chain, c.time} }

// others is what the clock knows of each chain.
func (c *Clock) others() []uint64 {
	if c.known == nil {
		return nil
	}
	return *c.known
}

// merged is what the clock knows and other times, with room for n chains.
func (c *Clock) merged(times []uint64, n int) []uint64 {
	known := make([]uint64, max(len(c.others()), len(times), n))
	copy(known, c.others())
	for i, t := range times {
		known[i] = max(known[i], t)
	}
	return known
}

// knows tells whether a moment has certainly come before what the clock's owner does now,
// or is its present.
func (c *Clock) knows(m moment) bool {
	if m.chain == c.chain && c.time != 0 {
		return m.time <= c.time
	}
	known := c.others()
	return m.time == 0 || int(m.chain) < len(known) && m.time <= known[m.chain]
}

// Tick moves the clock on. It must, between what is handed to others and what comes after
// that: once a system call is enough.
func (c *Clock) Tick() {
	if c.time != 0 {
		c.time++
	}
}

// Join has the clock's owner know what another clock knows, with its present: what comes
// now comes after all that.
func (c *Clock) Join(o *Clock) {
	if o.time == 0 || c.time == 0 || c.knows(o.now()) {
		return // whoever knows a moment knows its past
	}
	known := c.merged(o.others(), int(o.chain)+1)
	known[o.chain] = max(known[o.chain], o.time)
	c.known = &known
	c.time++
}

// Knows tells whether what another clock's owner has done up to now has certainly come
// before what this one's does now. Nothing has where one of them is zero.
func (c *Clock) Knows(o *Clock) bool { return o.time != 0 && c.knows(o.now()) }

// Past is what has been left behind by several tasks: at a lock, an object that is accessed
// in order, memory that they share. The zero Past is empty.
type Past struct{ known []uint64 }

// Leave has those that come later know what the clock's owner has done up to now.
func (p *Past) Leave(c *Clock) {
	if c.time == 0 {
		return
	}
	for len(p.known) < max(len(c.others()), int(c.chain)+1) {
		p.known = append(p.known, 0)
	}
	for i, t := range c.others() {
		p.known[i] = max(p.known[i], t)
	}
	p.known[c.chain] = max(p.known[c.chain], c.time)
}

// Follow has the clock's owner come after all that was left.
func (c *Clock) Follow(p *Past) {
	news := false
	for i, t := range p.known {
		news = news || !c.knows(moment{uint32(i), t})
	}
	if !news || c.time == 0 {
		return
	}
	known := c.merged(p.known, 0)
	c.known = &known
	c.time++
}

// Chains gives tasks their clocks. The zero value is ready for use.
type Chains struct {
	n    int      // chains so far
	idle []moment // the ends of chains whose last task is gone
}

// maxLooks bounds how many idle chains are looked at for a new task.
const maxLooks = 64

// First is the clock of the first task.
func (s *Chains) First() Clock {
	s.n++
	return Clock{chain: uint32(s.n - 1), time: 1}
}

// Fork is the clock of a task that is born now of the clock's owner, whose clock moves on.
func (s *Chains) Fork(parent *Clock) Clock {
	child := Clock{chain: uint32(s.n), time: 1}
	for i, looks := len(s.idle)-1, 0; i >= 0 && looks < maxLooks; i, looks = i-1, looks+1 {
		if end := s.idle[i]; parent.knows(end) {
			child.chain, child.time = end.chain, end.time+1
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			break
		}
	}
	if int(child.chain) == s.n {
		s.n++
	}
	known := parent.merged(nil, int(parent.chain)+1)
	known[parent.chain] = parent.time
	child.known = &known
	parent.Tick()
	return child
}

// End says that the clock's owner does nothing any more. Who has waited for it may have
// its chain go on.
func (s *Chains) End(c *Clock) {
	if c.time != 0 {
		s.idle = append(s.idle, c.now())
	}
}
