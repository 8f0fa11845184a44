package determinize

// crowd counts how often tasks could go on at the same time, by how often one of them goes
// on and not by when. It is for the debug log: nothing in it is a function of the box alone.
type crowd struct {
	resumes uint64 // how often a task went on
	crowded uint64 // while another one had something to do
	beside  uint64 // while another one did it
	held    uint64 // after its call had to wait for others
}

// count notes that a task goes on.
func (c *crowd) count(t *task, live []*task) {
	c.resumes++
	works, runs := false, false
	for _, u := range live {
		if u == t {
			continue
		}
		runs = runs || u.state == stateRunning
		works = works || u.state == stateRunning || u.state == stateReady || u.state == stateOrdered ||
			u.state == stateBlocked && u.due.known && u.due.turn.act != nil
	}
	if works {
		c.crowded++
	}
	if runs {
		c.beside++
	}
}
