package conflict

import "testing"

func TestForkAndJoin(t *testing.T) {
	var s Chains
	a := s.First()
	b := s.Fork(&a)
	c := s.Fork(&a)
	if !b.Knows(&Clock{chain: a.chain, time: 1}) {
		t.Error("a child does not know what its parent did before the fork")
	}
	if b.Knows(&c) || c.Knows(&b) || a.Knows(&b) || b.Knows(&a) {
		t.Error("who runs side by side knows of each other")
	}
	b.Tick()
	a.Join(&b)
	if !a.Knows(&b) || a.Knows(&c) {
		t.Error("who has waited does not know exactly of whom it waited for")
	}
}

func TestChainsAreUsedAgain(t *testing.T) {
	var s Chains
	a := s.First()
	for range 1000 {
		b := s.Fork(&a)
		s.End(&b)
		a.Join(&b)
		a.Tick()
	}
	if s.n > 2 {
		t.Errorf("%d chains for tasks that lived one after the other", s.n)
	}
	b := s.Fork(&a) // one that is never waited for
	s.End(&b)
	c := s.Fork(&a)
	if c.Knows(&b) {
		t.Error("a task knows of one that nobody has waited for")
	}
}
