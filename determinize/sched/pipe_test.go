package sched

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// logged is something that was done to a pipe, in the plainest model of one: the list of
// all that was ever done, in the order of the stamps.
type logged struct {
	at     Stamp
	n      int // bytes that were written, or, if it is less than 0, read
	act    Actor
	data   []byte // that nobody has read
	packet bool
	edge   int
	told   *Task
}

// TestPipe compares a pipe with its log, for calls that come in the order of their
// stamps, except that readers are ahead of writers, or writers of readers, as far as
// they can be.
func TestPipe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Pipe[int]
		parent := &Task{Path: Path{}}
		writers := []*Task{parent, {Path: Path{0}, Parent: parent, Born: 3}}
		readers := []*Task{{Path: Path{1}, Parent: parent, Born: 5}, {Path: Path{2}}, parent}
		p.Hold(parent, Writes)
		var wb, rb uint64 // of the last write and read
		var writes, reads []logged
		seq, next := uint64(0), byte(0)

		sum := func(all []logged, before Stamp) (n int) {
			for _, l := range all {
				if l.at.Before(before) {
					n += l.n
				}
			}
			return n
		}
		last := Stamp{B: Never, Path: Path{^uint32(0)}}
		// fits is Fits by its definition: the first of the reads after which there was room.
		fits := func(n int) (Stamp, bool) {
			written := sum(writes, last)
			if written+n <= Capacity {
				return Stamp{}, true
			}
			read := 0
			for _, l := range reads {
				if read += l.n; written+n-read <= Capacity {
					return l.at, true
				}
			}
			return Stamp{}, false
		}
		size := rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 3*Atomic), rapid.SampledFrom([]int{Capacity / 2, Capacity}))

		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				n := size.Draw(t, "size")
				at, ok := p.Fits(n)
				if want, is := fits(n); ok != is || ok && (at.Before(want) || want.Before(at)) {
					t.Fatalf("%d bytes fit since %v, %v, want %v, %v", n, at, ok, want, is)
				}
				if !ok {
					return
				}
				by := rapid.SampledFrom(writers).Draw(t, "writer")
				wb = max(wb+1, Stamp{wb, by.Path}.After(at).B)
				seq++
				l := logged{at: Stamp{wb, by.Path}, n: n, act: Actor{by, seq}, packet: rapid.IntRange(0, 4).Draw(t, "packet") == 0, edge: int(seq)}
				l.data = bytes.Repeat([]byte{next}, n)
				next++
				p.Write(&Write[int]{Data: slices.Clone(l.data), Edge: l.edge, At: wb, By: l.act, Packet: l.packet})
				if n > 0 {
					writes = append(writes, l)
				}
			},
			"read": func(t *rapid.T) {
				i := slices.IndexFunc(writes, func(l logged) bool { return len(l.data) > 0 })
				at, ok := p.Readable()
				if ok != (i >= 0) {
					t.Fatalf("readable %v", ok) // there is a writer, always
				}
				if !ok {
					return
				}
				if w := writes[i].at; at.Before(w) || w.Before(at) {
					t.Fatalf("readable since %v, want %v", at, w)
				}
				by := rapid.SampledFrom(readers).Draw(t, "reader")
				most := max(1, size.Draw(t, "at most"))
				rb = max(rb+1, Stamp{rb, by.Path}.After(at).B)

				var want []byte
				for k := i; k < len(writes) && len(want) < most; k++ {
					l := &writes[k]
					if k > i && (writes[i].packet || l.packet || l.told != by && !by.Follows(l.act)) {
						break
					}
					rb = max(rb, l.at.B) // who follows a write has its clock
					want = append(want, l.data[:min(most-len(want), len(l.data))]...)
				}
				got := p.Peek(by, most)
				if !bytes.Equal(got, want) {
					t.Fatalf("read %d bytes, want %d", len(got), len(want))
				}
				// What can be copied to the reader may be less.
				took := rapid.IntRange(1, len(got)).Draw(t, "copied")
				r := logged{at: Stamp{rb, by.Path}}
				edge, left := 0, took
				for k := i; left > 0; k++ {
					l := &writes[k]
					n := min(left, len(l.data))
					left, edge = left-n, l.edge
					if l.packet {
						n = len(l.data) // the rest of a packet is lost
					}
					l.data = l.data[n:]
					r.n += n
				}
				if e := p.Read(by, took, rb, 0); e != edge {
					t.Fatalf("came with write %d, want %d", e, edge)
				}
				reads = append(reads, r)
			},
			"tell": func(t *rapid.T) {
				by := rapid.SampledFrom(readers).Draw(t, "reader")
				now := Stamp{rb + 1, by.Path}
				if n, want := p.Tell(by, now), p.Len(now); n != want {
					t.Fatalf("told of %d bytes, want %d", n, want)
				}
				for i := range writes {
					if l := &writes[i]; l.at.Before(now) && len(l.data) > 0 {
						l.told = by
					}
				}
			},
			"": func(t *rapid.T) {
				for _, before := range []Stamp{{wb, Path{}}, {wb, Path{1}}, {rb, Path{1}}, {rb + 1, Path{}}, last} {
					unread := max(0, sum(writes, before)-sum(reads, last))
					if n := p.Len(before); n != unread {
						t.Fatalf("%d bytes before %v, want %d", n, before, unread)
					}
					if n, want := p.Room(before), max(0, Capacity-sum(writes, last)+sum(reads, before)); n != want {
						t.Fatalf("room for %d at %v, want %d", n, before, want)
					}
				}
				if len(p.taken) > Capacity+1 || cap(p.queue) > 1<<20 {
					t.Fatalf("it remembers %d reads", len(p.taken))
				}
			},
		})
	})
}

// TestPipeForgets: a long life leaves no long memory.
func TestPipeForgets(t *testing.T) {
	var p Pipe[int]
	by := &Task{}
	for b := range uint64(1000) {
		p.Write(&Write[int]{Data: make([]byte, Capacity/4), At: b, By: Actor{by, b}})
		p.Read(by, Capacity/4, b, 0)
	}
	if n := len(p.taken); n > 6 {
		t.Errorf("%d reads", n)
	}
	p.Clear()
	if at, ok := p.Fits(Capacity); !ok || at.B != 0 || p.Room(Stamp{B: 1}) != Capacity || p.First() != nil {
		t.Errorf("since %v, %v", at, ok)
	}
}

// TestEnds: who has which ends, and since when nobody has.
func TestEnds(t *testing.T) {
	var p Pipe[int]
	a, b, c := &Task{Path: Path{0}}, &Task{Path: Path{1}}, &Task{Path: Path{2}}
	names := map[*Task]string{a: "a", b: "b", c: "c"}
	visited := func(s Scope) (out string) {
		s(func(t *Task) { out += names[t] })
		return out
	}
	p.Hold(a, Reads|Writes)
	p.Hold(b, Reads)
	p.Hold(b, Writes)
	p.Hold(c, 0)
	for _, test := range []struct {
		name string
		got  any
		want any
	}{
		{"ends of a", p.Ends(a), Reads | Writes},
		{"ends of c", p.Ends(c), Ends(0)},
		{"others with a reading end", visited(p.Others(a, Reads)), "b"},
		{"others, for one who has none", visited(p.Others(c, Reads|Writes)), "ab"},
		{"before a write of one of two", visited(p.Writers(a)), "b"},
		{"one writer", p.Single(Writes), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
	follows := func(seqs ...uint64) func(Actor) bool {
		return func(a Actor) bool { return slices.Contains(seqs, a.Seq) }
	}
	p.Drop(Actor{b, 1}, Writes, 9)
	if !p.Single(Writes) || p.HasBeen(Reads) || !p.HasBeen(Writes) || visited(p.Writers(a)) != "" {
		t.Error("b has dropped its writing end")
	}
	if _, ok := p.Readable(); ok {
		t.Error("a can still write")
	}
	p.Drop(Actor{b, 2}, Writes, 20) // again
	p.Drop(Actor{c, 3}, Writes, 30) // has none
	p.Drop(Actor{a, 4}, Reads|Writes, 7)
	// The last one by the stamps, who is not the last in real time.
	if at, ok := p.Released(Writes); !ok || at.B != 9 || at.Path.Compare(b.Path) != 0 {
		t.Errorf("writing ends are gone since %v, %v", at, ok)
	}
	if at, ok := p.Readable(); !ok || at.B != 9 {
		t.Errorf("the end is there since %v, %v", at, ok)
	}
	if _, ok := p.Released(Reads); ok || p.ReleasedBefore(Reads, follows(1, 2, 3, 4)) {
		t.Error("b can still read")
	}
	if !p.ReleasedBefore(Writes, follows(1, 4)) || p.ReleasedBefore(Writes, follows(4)) {
		t.Error("it is certain for those who follow all")
	}
	p.Drop(Actor{b, 5}, Reads, 40)
	if p.Held(Reads|Writes) || p.Ends(b) != 0 {
		t.Error("somebody has an end")
	}
}
