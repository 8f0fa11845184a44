package runtime

import (
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/oci"
)

// part has a field of every kind that messages have.
type part struct {
	Bool    bool
	Int     int64
	Small   int8
	Uint    uint64
	Byte    uint8
	Text    string
	Bytes   []byte
	List    []string
	Pair    [2]uint16
	Map     map[string][]int
	Next    *part
	Any     any
	Wait    time.Duration
	Private int `json:"-"`
	hidden  int
}

// parts draws a value.
func parts(depth int) *rapid.Generator[part] {
	return rapid.Custom(func(t *rapid.T) part {
		text := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
		p := part{
			Bool: rapid.Bool().Draw(t, "bool"), Int: rapid.Int64().Draw(t, "int"), Small: rapid.Int8().Draw(t, "small"),
			Uint: rapid.Uint64().Draw(t, "uint"), Byte: rapid.Byte().Draw(t, "byte"), Text: text.Draw(t, "text"),
			Pair: [2]uint16{rapid.Uint16().Draw(t, "a"), rapid.Uint16().Draw(t, "b")},
			Wait: time.Duration(rapid.Int64().Draw(t, "wait")),
		}
		// Nothing is not the same as empty.
		if rapid.Bool().Draw(t, "filled") {
			p.Bytes = rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
			p.List = rapid.SliceOf(text).Draw(t, "list")
			p.Map = rapid.MapOf(text, rapid.SliceOf(rapid.Int())).Draw(t, "map")
		}
		if depth > 0 && rapid.Bool().Draw(t, "more") {
			next := parts(depth-1).Draw(t, "next")
			p.Next = &next
		}
		return p
	})
}

func TestWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := parts(2).Draw(t, "part")
		b, err := encode(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var got part
		if err := decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(part{})); d != "" {
			t.Fatal(d)
		}
		if again, err := encode(nil, got); err != nil || string(again) != string(b) {
			t.Fatalf("%v: %x is %x", err, b, again)
		}
		// Every part is needed, and nothing more.
		n := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		got = part{}
		if err := decode(b[:n], &got); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d bytes of %d: %v", n, len(b), err)
		}
		got = part{}
		if err := decode(append(b, 0), &got); !errors.Is(err, unix.EINVAL) {
			t.Fatalf("a byte more: %v", err)
		}
	})
}

func TestWireOmits(t *testing.T) {
	b, err := encode(nil, part{Private: 1, hidden: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got part
	if err := decode(b, &got); err != nil || got.Private != 0 || got.hidden != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWireRefuses(t *testing.T) {
	for _, v := range []any{1.5, make(chan int), part{Any: 1}, map[int]string{1: ""}, []func(){nil}} {
		if b, err := encode(nil, v); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%T: %x, %v", v, b, err)
		}
	}
	var f float64
	if err := decode([]byte{1}, &f); !errors.Is(err, unix.EINVAL) {
		t.Errorf("float: %v", err)
	}
	var small int8
	var unsigned uint8
	big, _ := encode(nil, math.MaxInt16)
	if err := errors.Join(decode(big, &small)); err == nil || small != 0 {
		t.Errorf("int8 of %x: %d, %v", big, small, err)
	}
	if err := decode(big, &unsigned); err == nil || unsigned != 0 {
		t.Errorf("uint8 of %x: %d, %v", big, unsigned, err)
	}
}

// FuzzWire checks that no bytes make decode fail otherwise than with an error, or
// take more memory than a message may.
func FuzzWire(f *testing.F) {
	b, err := encode(nil, superviseRequest{Box: &Box{Bundle: oci.Bundle{Omitted: []string{"/etc/shadow"}}, Timeout: time.Second}, Dir: "/x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r superviseRequest
		if err := decode(b, &r); err != nil {
			return
		}
		again, err := encode(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		var s superviseRequest
		if err := decode(again, &s); err != nil {
			t.Fatal(err)
		}
	})
}
