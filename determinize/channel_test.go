package determinize

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/vfs"
)

// TestChannel compares a channel with the plainest one that keeps its promise:
// a queue of writes, of which a read gets the first, and of those after it as
// far as they certainly happened before the read.
func TestChannel(t *testing.T) {
	key := vfs.Key{Dev: 1, Ino: 2}
	rapid.Check(t, func(t *rapid.T) {
		e := &engine{channels: make(map[vfs.Key]*channel)}
		parent := &task{}
		tasks := []*task{parent, {parent: parent, path: path(0)}, {path: path(1)}}

		type piece struct {
			data   []byte
			writer *task
			seq    uint64
			edge   clock.Edge
			packet bool
		}
		var model []piece
		size := 0
		next := byte(0)
		edge := clock.Edge{}

		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				n := rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 3*pipeBuf), rapid.IntRange(0, capacity)).Draw(t, "size")
				n = min(n, e.channelOf(key).room())
				w := rapid.SampledFrom(tasks).Draw(t, "writer")
				packet := rapid.IntRange(0, 4).Draw(t, "packet") == 0
				b := make([]byte, n)
				for i := range b {
					b[i] = next
					next += 7
				}
				edge.B++
				e.send(w, key, b, edge, packet)
				size += n
				for i := 0; i < n; {
					k := n
					if packet {
						k = min(n, i+pipeBuf)
					}
					model = append(model, piece{bytes.Clone(b[i:k]), w, e.writes, edge, packet})
					i = k
				}
				// Several packets of one write are numbered up to the last.
				for i, s := len(model)-1, e.writes; packet && i >= 0 && model[i].edge == edge; i, s = i-1, s-1 {
					model[i].seq = s
				}
				clear(b) // it was scratch memory
			},
			"read": func(t *rapid.T) {
				if len(model) == 0 {
					return
				}
				n := rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 2*capacity)).Draw(t, "at most")
				r := rapid.SampledFrom(tasks).Draw(t, "reader")
				got := bytes.Clone(e.channelOf(key).peek(r, n))
				// What could be copied to the reader may be less.
				took := rapid.IntRange(1, len(got)).Draw(t, "copied")
				last := e.consume(key, took)

				var want []byte
				var wantEdge clock.Edge
				for i := 0; len(want) < n && i < len(model); i++ {
					w := &write{writer: model[i].writer, seq: model[i].seq}
					if i > 0 && (model[0].packet || model[i].packet || !w.precedes(r)) {
						break
					}
					if len(want) < took {
						wantEdge = model[i].edge
					}
					want = append(want, model[i].data[:min(n-len(want), len(model[i].data))]...)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("read %d bytes, want %d of %d", len(got), len(want), n)
				}
				if last != wantEdge {
					t.Fatalf("with the clock of write %d, want %d", last.B, wantEdge.B)
				}
				for took > 0 {
					k := min(took, len(model[0].data))
					took -= k
					if model[0].packet {
						k = len(model[0].data) // the rest of a packet is lost
					}
					size -= k
					model[0].data = model[0].data[k:]
					if len(model[0].data) == 0 {
						model = model[1:]
					}
				}
			},
			"": func(t *rapid.T) {
				c := e.channelOf(key)
				if (c != nil) != (size > 0) {
					t.Fatalf("it exists: %v; it holds %d bytes", c != nil, size)
				}
				if room := c.room(); room != capacity-size || room < 0 {
					t.Fatalf("room for %d, want %d", room, capacity-size)
				}
			},
		})
	})
}

// TestPrecedes: which writes a reader may count on.
func TestPrecedes(t *testing.T) {
	grand := &task{}
	parent := &task{parent: grand, bornSeq: 5}
	reader := &task{parent: parent, bornSeq: 10}
	dead := &task{state: stateDead, waiter: reader}
	for _, test := range []struct {
		name string
		w    write
		want bool
	}{
		{"its own", write{writer: reader, seq: 99}, true},
		{"its parent's before it was born", write{writer: parent, seq: 10}, true},
		{"its parent's after it was born", write{writer: parent, seq: 11}, false},
		{"its grandparent's before its parent was born", write{writer: grand, seq: 5}, true},
		{"its grandparent's after its parent was born", write{writer: grand, seq: 6}, false},
		{"a child's that it waited for", write{writer: dead, seq: 99}, true},
		{"a dead one's that another waited for", write{writer: &task{state: stateDead, waiter: parent}}, false},
		{"a dead one's that nobody waited for", write{writer: &task{state: stateDead}}, false},
		{"a living child's", write{writer: &task{parent: reader}}, false},
		{"its vfork child's, which has gone on", write{writer: &task{vforkParent: reader, parent: reader}}, true},
		{"a stranger's", write{writer: &task{}}, false},
	} {
		if got := test.w.precedes(reader); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestStreams: the pipes of the command's streams are told apart.
func TestStreams(t *testing.T) {
	e := &engine{cfg: Config{Stdout: vfs.Key{Ino: 1}, Stderr: vfs.Key{Ino: 2}}}
	for ino, want := range []int{0, 1, 2, 0} {
		if got := e.stream(vfs.Key{Ino: uint64(ino)}); got != want {
			t.Errorf("pipe %d is stream %d, want %d", ino, got, want)
		}
	}
	if e.kindOfStat(&unix.Stat_t{Mode: unix.S_IFIFO}) != kindPipe {
		t.Error("a FIFO is no pipe")
	}
}
