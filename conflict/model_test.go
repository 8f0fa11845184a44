package conflict

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// A model is a program of several tasks that fork, wait, send to each other and access
// objects, as the list of its events in one order in which they can happen. Every order that
// its edges allow can happen too, and gives the same edges: a message has one receiver, and
// who comes when to a place where clocks are left is part of the program.
type model struct {
	events                   []event
	tasks, objects, messages int
	order                    [][]bool // order[i][j]: event i happens before event j, or is it
	after                    [][]int  // what is done before each: what it directly comes after, and who was at its place
}

// action is what an event is.
type action uint8

const (
	doAccess  action = iota
	doFork           // which: the child
	doWait           // which: the child
	doSend           // which: the message
	doReceive        // which: the message
	doLeave          // which: the place
	doFollow         // which: the place
	doEnd
	actions
)

// event is what a task does at once.
type event struct {
	task, which int
	action      action
	tick        bool // the clock moves on before it
	uses        []use
}

// use is one access to an object.
type use struct {
	object int
	op     Op
}

// aspectOf gives the objects of a model their aspects.
func aspectOf(object int) Aspect { return [...]Aspect{Content, Listing, Name}[object%3] }

// opsOn are the operations that are made on an aspect.
func opsOn(a Aspect) []Op {
	switch a {
	case Content:
		return []Op{Read, Change, Append}
	case Listing:
		return []Op{Read, Add}
	}
	return []Op{Read, Change}
}

// places is how many places there are where clocks are left.
const places = 2

// bounds says how large a model may be.
type bounds struct{ events, tasks, objects int }

// drawModel draws a model by running it.
func drawModel(t *rapid.T, most bounds) *model {
	m := &model{tasks: 1, objects: most.objects}
	type mail struct{ message, from int }
	var (
		live    = []int{0}
		parent  = []int{-1}
		zombies [][2]int // parents and children that have ended
		pending []mail
		handed  = map[int]bool{} // whose clock, as it is, is with others
	)
	add := func(e event) {
		e.tick = handed[e.task] || rapid.Bool().Draw(t, "tick")
		handed[e.task] = e.action == doSend || e.action == doLeave || e.action == doEnd
		m.events = append(m.events, e)
	}
	for range rapid.IntRange(1, most.events).Draw(t, "events") {
		e := event{task: rapid.SampledFrom(live).Draw(t, "task"), action: action(rapid.IntRange(0, int(actions)-1).Draw(t, "action"))}
		switch e.action {
		case doFork:
			if m.tasks < most.tasks {
				e.which = m.tasks
				live, parent = append(live, m.tasks), append(parent, e.task)
				m.tasks++
				add(e)
				continue
			}
		case doWait:
			i := slices.IndexFunc(zombies, func(o [2]int) bool { return o[0] == e.task })
			if i >= 0 {
				e.which = zombies[i][1]
				zombies = slices.Delete(zombies, i, i+1)
				add(e)
				continue
			}
		case doSend:
			e.which = m.messages
			pending = append(pending, mail{m.messages, e.task})
			m.messages++
			add(e)
			continue
		case doReceive:
			if len(pending) > 0 {
				i := rapid.IntRange(0, len(pending)-1).Draw(t, "message")
				if pending[i].from != e.task {
					e.which = pending[i].message
					pending = slices.Delete(pending, i, i+1)
					add(e)
					continue
				}
			}
		case doLeave, doFollow:
			e.which = rapid.IntRange(0, places-1).Draw(t, "place")
			add(e)
			continue
		case doEnd:
			if e.task != 0 {
				live = slices.DeleteFunc(live, func(i int) bool { return i == e.task })
				zombies = append(zombies, [2]int{parent[e.task], e.task})
				add(e)
				continue
			}
		}
		e.action = doAccess
		for range rapid.IntRange(1, 2).Draw(t, "uses") {
			o := rapid.IntRange(0, most.objects-1).Draw(t, "object")
			e.uses = append(e.uses, use{o, rapid.SampledFrom(opsOn(aspectOf(o))).Draw(t, "op")})
		}
		add(e)
	}
	m.link()
	return m
}

// link fills in what comes before what: program order, from a fork to the child, from the
// child's end to the wait, from a message's sender to its receiver, and from all who have left
// their clocks at a place to who follows.
func (m *model) link() {
	n := len(m.events)
	m.order, m.after = make([][]bool, n), make([][]int, n)
	last := map[int]int{}
	ends, sends, forks := map[int]int{}, map[int]int{}, map[int]int{}
	var left [places][]int
	var here [places][]int // the last one who was there
	for j, e := range m.events {
		var from, turn []int
		if i, ok := last[e.task]; ok {
			from = append(from, i)
		} else if i, ok := forks[e.task]; ok {
			from = append(from, i)
		}
		last[e.task] = j
		switch e.action {
		case doFork:
			forks[e.which] = j
		case doEnd:
			ends[e.task] = j
		case doWait:
			from = append(from, ends[e.which])
		case doSend:
			sends[e.which] = j
		case doReceive:
			from = append(from, sends[e.which])
		case doLeave:
			left[e.which] = append(left[e.which], j)
			turn, here[e.which] = here[e.which], []int{j}
		case doFollow:
			from = append(from, left[e.which]...)
			turn, here[e.which] = here[e.which], []int{j}
		}
		m.order[j] = make([]bool, n)
		for i := range j {
			for _, f := range from {
				m.order[i][j] = m.order[i][j] || m.order[i][f]
			}
		}
		m.order[j][j] = true
		m.after[j] = append(from, turn...)
	}
}

// draw draws an order of the events that the edges allow.
func (m *model) draw(t *rapid.T) []int {
	var list []int
	done := make([]bool, len(m.events))
	for range m.events {
		var can []int
		for j := range m.events {
			if !done[j] && !slices.ContainsFunc(m.after[j], func(i int) bool { return !done[i] }) {
				can = append(can, j)
			}
		}
		j := rapid.SampledFrom(can).Draw(t, "next")
		done[j] = true
		list = append(list, j)
	}
	return list
}

// run makes the events in an order, with clocks, and calls did with the clock of each.
func (m *model) run(list []int, did func(i int, c *Clock)) *Chains {
	var s Chains
	clocks, messages := make([]Clock, m.tasks), map[int]Clock{}
	var pasts [places]Past
	clocks[0] = s.First()
	for _, i := range list {
		e := &m.events[i]
		c := &clocks[e.task]
		if e.tick {
			c.Tick()
		}
		switch e.action {
		case doWait:
			c.Join(&clocks[e.which])
		case doReceive:
			o := messages[e.which]
			c.Join(&o)
		case doFollow:
			c.Follow(&pasts[e.which])
		}
		did(i, c)
		switch e.action {
		case doFork:
			clocks[e.which] = s.Fork(c)
		case doSend:
			messages[e.which] = *c
		case doLeave:
			pasts[e.which].Leave(c)
		case doEnd:
			s.End(c)
		}
	}
	return &s
}

// String is the program, a line an event.
func (m *model) String() string {
	text := ""
	for i, e := range m.events {
		what := [...]string{"accesses", "forks", "waits for", "sends", "receives", "leaves", "follows", "ends"}[e.action]
		text += fmt.Sprintf("%d: %d %s %d %v, tick %v, after %v\n", i, e.task, what, e.which, e.uses, e.tick, m.after[i])
	}
	return text
}
