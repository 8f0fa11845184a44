package memo

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"laplace.dev/laplace/conflict"
)

func ptr[T any](v T) *T { return &v }

// sample has something in every field.
func sample() *Memo {
	return &Memo{
		Argv: []string{"cc", "-c", ""}, Cwd: "/p",
		Needs: Needs{
			Seed: &Digest{1}, IDs: &IDs{PID: 300, Parent: 1, Group: 300, Session: -1}, Clock: &Clock{Known: -5, World: 7}, Heard: true, Stamp: ptr(int64(-9)),
			Inputs: []Input{
				{Path: "/p/a.c", Kind: Content, Digest: Digest{2}, Known: 4, Bound: true},
				{Path: "/p/a.h", Kind: Status, Sight: Order, Digest: Digest{3}, Mtime: -1 << 60, Ino: 1 << 52},
				{Path: "/p", Kind: Absent, Errno: 2},
			},
		},
		Effects: Effects{
			Outputs: []Output{
				{Path: "/p/a.o", Form: File, New: true, Existed: true, Mode: 0o4755, UID: 1000, GID: 1, Wrote: true, Content: Digest{4}, Size: 1 << 40, Sparse: true,
					Extents: []Extent{{0, 5}, {1 << 30, 7}}, Xattrs: []Xattr{{"user.x", []byte{0, 1}}}, Retagged: true, Mtime: 3, Stamped: true, Ino: 5, Nth: 6, World: 7, Over: 8,
					Known: Known{Is: 9, From: Inputs}, Writer: "/usr/bin/as"},
				{Path: "/p/i", Form: File, Wrote: true, Size: 2, Inline: []byte("in")},
				{Path: "/p/l", Form: Symlink, Target: "a.o", Undated: true},
				{Path: "/p/m", Form: File, SameAs: "/p/a.o"},
				{Path: "/p/n", Form: Gone, From: "/p/o"},
			},
			Writes: []Write{{FD: 1, B: 12, Data: []byte("x"), Known: Known{From: Start}}, {FD: 2, Sets: true, Flags: 0x400}},
			Sinks:  []Sink{{FD: 1, Mtime: -3}},
			Read:   &Seek{FD: 0, By: 10},
			End:    End{Status: 0x100, B: 99, Own: 5000, Kids: 1, World: 2, Over: 3, Known: Known{Is: 4}, Memory: true},
			Execs:  3, Ticks: 1000, Processes: 2,
			Refused: []Count{{"socket", 2}}, Conflicts: []conflict.Conflict{{Class: conflict.ClassName, Path: "/p/f", First: conflict.Side{Exec: -1, PID: 300, Task: "0.1", Argv: []string{"a"}, Cwd: "/", Call: "open", B: 7, Does: "read"}, Second: conflict.Side{Exec: -1, Argv: []string{"b"}}, Ordered: true, Count: 2}}, Unmasked: []string{"/usr/bin/x"},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, m := range []*Memo{sample(), {}} {
		b := m.Encode()
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Error(d)
		}
		for n := range b {
			if _, err := Decode(b[:n]); !errors.Is(err, ErrFormat) {
				t.Fatalf("of %d bytes %d are a memo: %v", len(b), n, err)
			}
		}
		if _, err := Decode(append(b, 0)); !errors.Is(err, ErrFormat) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := Decode(append([]byte{version + 1}, b[1:]...)); !errors.Is(err, ErrFormat) {
			t.Errorf("another version: %v", err)
		}
	}
}

// Paths that are made of each other are bounded, and come back as they were.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Memo{}
		for _, path := range rapid.SliceOf(rapid.StringOfN(rapid.RuneFrom([]rune("/ab\xff")), 0, 30, -1)).Draw(t, "paths") {
			m.Inputs = append(m.Inputs, Input{Path: path})
			m.Outputs = append(m.Outputs, Output{Path: path})
		}
		got, err := Decode(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add((&Memo{}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Error(err)
			}
			return
		}
		again, err := Decode(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
	})
}

func TestDiff(t *testing.T) {
	if what := Diff(sample(), sample()); what != "" {
		t.Errorf("equal ones differ: %s", what)
	}
	for want, change := range map[string]func(*Memo){
		"/p/a.o has another content":               func(m *Memo) { m.Outputs[0].Content[0]++ },
		"/p/a.o has another modification time":     func(m *Memo) { m.Outputs[0].Mtime++ },
		"/p/a.o has another mode or owner":         func(m *Memo) { m.Outputs[0].Mode = 0o644 },
		"/p/n is not left any more":                func(m *Memo) { m.Outputs = m.Outputs[:4] },
		"/p/o is left now":                         func(m *Memo) { m.Outputs = append(m.Outputs, Output{Path: "/p/o"}) },
		"it writes something else to descriptor 1": func(m *Memo) { m.Writes[0].Data[0]++ },
		"its wait status is 0, and not 256":        func(m *Memo) { m.End.Status = 0 },
		"":                                         func(m *Memo) { m.End.Known.Is++ },
	} {
		m := sample()
		change(m)
		if what := Diff(sample(), m); what != want {
			t.Errorf("%q, want %q", what, want)
		}
	}
}
