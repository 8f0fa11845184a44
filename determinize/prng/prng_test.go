package prng

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sequence is the executable digest 00 01 02 … 1f.
func sequence() (d [32]byte) {
	for i := range d {
		d[i] = byte(i)
	}
	return d
}

// The golden values were computed by a program in another language from the
// encoding that hasher documents. If one of them must change, stored results of
// earlier versions become unreadable: raise the number in its domain, and the
// format number of the state.
func TestGoldenSeeds(t *testing.T) {
	root := Root(nil)
	date := []string{"sh", "-c", "date"}
	for _, tt := range []struct {
		name string
		got  Seed
		want string
	}{
		{"root", root, "1be658715e7215de481fe64575454f29c373b88b9a0034f3b45f02ef968c5288"},
		{"root of x", Root([]byte("x")), "47c4c1d6e85bdc8c1f2c1dfdc89c527d3b190b85e6698da97e24575bf3142efe"},
		{"exec", Exec(root, date, "/work", sequence(), 0), "be5b16c991d3eb32a3077b47bc8f53e5a2cb702b9cda7d7682a933f480ac14c2"},
		{"exec again", Exec(root, date, "/work", sequence(), 1), "db0a231a73a4ecb417420b9092574d5e27abfcb421543853fe5472f985e5b9f2"},
		{"exec of nothing", Exec(root, nil, "", [32]byte{}, 0), "45a92ad641164074055c262f59e83fb175748a8aaca993457f343996d137d51e"},
		{"fork 0", Fork(root, 0), "a1b9e9325f6503143268153679b60f7a187d1d3c43541d804cbccb68c274cb5c"},
		{"fork 7", Fork(root, 7), "a71cb8dc7ac699ae5399540aa424d2a9ee991c72ba008d45b4e59f5e426c502b"},
		{"derive", root.Derive("inode", 3), "d2b957cb9a8071f72a1f8e8c6edcf0134f8d4fb9eb56a2a148465b88983b4e78"},
	} {
		if got := hex.EncodeToString(tt.got[:]); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestGoldenNumbers(t *testing.T) {
	root := Root(nil)
	ex := Exec(root, []string{"sh", "-c", "date"}, "/work", sequence(), 0)
	for i, want := range []int{2875732, 1252675, 936899, 3688979, 2353028} {
		if got := root.Pid(uint64(i), MaxPid); got != want {
			t.Errorf("Pid(%d) = %d, want %d", i, got, want)
		}
	}
	if got := root.Pid(0, 32767); got != 5336 {
		t.Errorf("Pid(0) up to 32767 = %d, want 5336", got)
	}
	if got := ex.Pid(0, MaxPid); got != 2927049 {
		t.Errorf("Pid(0) of exec = %d, want 2927049", got)
	}
	for i, want := range []int64{733993, 62686, 751041, 330100, 567706} {
		if got := Digits(root, uint64(i)); got != want {
			t.Errorf("Digits(%d) = %d, want %d", i, got, want)
		}
	}
	if got := Digits(ex, 100000); got != 72529 {
		t.Errorf("Digits(100000) of exec = %d, want 72529", got)
	}
}

func TestGoldenStream(t *testing.T) {
	ex := Exec(Root(nil), []string{"sh", "-c", "date"}, "/work", sequence(), 0)
	for _, tt := range []struct {
		name   string
		offset uint64
		want   string
	}{
		{"start", 0, "4c52122ba62acc189b42caaab593e52e3351f94c33ad968390050cda6eb8a85b"},
		{"inside a block", 1000, "61c2d196370eb88c637f795917c8a16df7704c3e4030018f5407fc3d5f6bb451"},
		{"where the 32-bit counter ends", segment - 16, "3087b19c5bac97f631c5e373df1a1c2e43c7224b9e9213901c562bbcc60d8875"},
	} {
		s := NewStream(ex, "getrandom")
		s.SeekTo(tt.offset)
		got := bytes.Repeat([]byte{0xff}, 32)
		s.Read(got)
		if want := unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", tt.name, got, want)
		}
		if s.Offset() != tt.offset+32 {
			t.Errorf("%s: offset %d, want %d", tt.name, s.Offset(), tt.offset+32)
		}
	}
}

// TestStreamIsRFC8439 uses the key stream of RFC 8439, appendix A.1, vector 1.
func TestStreamIsRFC8439(t *testing.T) {
	var s Stream
	got := make([]byte, 64)
	s.Read(got)
	want := unhex(t, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"+
		"da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586")
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestReadsMayBeDivided(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.OneOf(
			rapid.Uint64Range(0, 300),
			rapid.Uint64Range(segment-300, segment+300),
		).Draw(t, "start")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 200), 1, 8).Draw(t, "sizes")
		whole := NewStream(Root(nil), "label")
		whole.SeekTo(start)
		parts := whole
		var got []byte
		for _, n := range sizes {
			p := make([]byte, n)
			if k, err := parts.Read(p); k != n || err != nil {
				t.Fatalf("Read of %d bytes: %d, %v", n, k, err)
			}
			got = append(got, p...)
		}
		want := make([]byte, len(got))
		whole.Read(want)
		if !bytes.Equal(got, want) {
			t.Fatalf("divided reads give %x, one read %x", got, want)
		}
		if parts != whole {
			t.Fatal("divided reads end elsewhere")
		}
	})
}

func TestCopyContinuesIndependently(t *testing.T) {
	parent := NewStream(Root(nil), "label")
	parent.Read(make([]byte, 100))
	child := parent
	a, b := make([]byte, 50), make([]byte, 50)
	parent.Read(a)
	child.Read(b)
	if !bytes.Equal(a, b) {
		t.Error("a copy does not continue where the original was")
	}
}

// TestEveryInputMatters changes one input of Exec at a time, among them moves
// of a byte from one field to the next, which an encoding without lengths would
// not see.
func TestEveryInputMatters(t *testing.T) {
	p, q := Root(nil), Root([]byte("q"))
	a, b := sequence(), [32]byte{}
	seeds := []Seed{
		p, q,
		Fork(p, 0), Fork(p, 1), Fork(q, 0),
		Exec(p, []string{"a", "b"}, "/c", a, 0),
		Exec(q, []string{"a", "b"}, "/c", a, 0),
		Exec(p, []string{"ab"}, "/c", a, 0),
		Exec(p, []string{"a", "b", ""}, "/c", a, 0),
		Exec(p, []string{"", "a", "b"}, "/c", a, 0),
		Exec(p, []string{"b", "a"}, "/c", a, 0),
		Exec(p, []string{"a", "b", "/c"}, "", a, 0),
		Exec(p, []string{"a"}, "b/c", a, 0),
		Exec(p, []string{"a", "b"}, "/c/", a, 0),
		Exec(p, []string{"a", "b"}, "/c", b, 0),
		Exec(p, []string{"a", "b"}, "/c", a, 1),
		p.Derive("a", 0), p.Derive("a", 1), p.Derive("", 0), q.Derive("a", 0),
	}
	seen := map[Seed]int{}
	for i, s := range seeds {
		if j, dup := seen[s]; dup {
			t.Errorf("seeds %d and %d are equal", i, j)
		}
		seen[s] = i
	}
	x, y := NewStream(p, "a"), NewStream(p, "b")
	if x == y {
		t.Error("streams of different labels are equal")
	}
}

func TestRanges(t *testing.T) {
	seed := Root(nil)
	var buckets [64]int // of MinPid to MaxPid
	var sum int64
	for i := range uint64(20_000) {
		pid := seed.Pid(i, MaxPid)
		if pid < MinPid || pid > MaxPid {
			t.Fatalf("Pid(%d) = %d", i, pid)
		}
		buckets[(pid-MinPid)*len(buckets)/(MaxPid-MinPid+1)]++
		if low := seed.Pid(i, MinPid+1); low != MinPid && low != MinPid+1 {
			t.Fatalf("Pid(%d) = %d of two", i, low)
		}
		d := Digits(seed, i)
		if d < 0 || d > 999_999 {
			t.Fatalf("Digits(%d) = %d", i, d)
		}
		sum += d
	}
	for i, n := range buckets { // 312.5 each, with a standard deviation of 17.5
		if n < 240 || n > 385 {
			t.Errorf("%d of 20,000 pids lie in part %d of %d, far from uniform", n, i, len(buckets))
		}
	}
	if mean := sum / 20_000; mean < 480_000 || mean > 520_000 {
		t.Errorf("mean of the digits is %d, far from uniform", mean)
	}
}

func BenchmarkExec(b *testing.B) {
	argv := []string{"gcc", "-O2", "-c", "file.c"}
	for b.Loop() {
		Exec(Seed{}, argv, "/home/user/project", [32]byte{}, 0)
	}
}

func BenchmarkRead16(b *testing.B) {
	s := NewStream(Seed{}, "label")
	p := make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		s.Read(p)
	}
}
