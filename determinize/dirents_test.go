package determinize

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// readOld reads records of getdents, the older of the two calls.
func readOld(t *rapid.T, b []byte) (out []dirEntry, offs []int64) {
	for len(b) > 0 {
		n := int(binary.LittleEndian.Uint16(b[16:]))
		if n%8 != 0 || n > len(b) {
			t.Fatalf("a record of %d of %d bytes", n, len(b))
		}
		name, _, ok := bytes.Cut(b[18:n-1], []byte{0})
		if !ok {
			t.Fatalf("no end of the name in %q", b[:n])
		}
		out = append(out, dirEntry{name: string(name), ino: binary.LittleEndian.Uint64(b), kind: b[n-1]})
		offs = append(offs, int64(binary.LittleEndian.Uint64(b[8:])))
		b = b[n:]
	}
	return out, offs
}

// TestDirents: what is written of a directory reads the same in both forms,
// and each record says where the next one is.
func TestDirents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("ab.é\n \xff")), 1, -1, 255)
		var want []dirEntry
		for range rapid.IntRange(0, 10).Draw(t, "entries") {
			want = append(want, dirEntry{
				name: name.Draw(t, "name"), ino: rapid.Uint64().Draw(t, "ino"), kind: byte(rapid.IntRange(0, 14).Draw(t, "kind")),
			})
		}
		for _, is64 := range []bool{true, false} {
			var b []byte
			for i, d := range want {
				rec := dirent(d, int64(i+1), is64)
				if len(rec)%8 != 0 || int(binary.LittleEndian.Uint16(rec[16:])) != len(rec) || binary.LittleEndian.Uint64(rec[8:]) != uint64(i+1) {
					t.Fatalf("record %d of %d bytes: %q", i, len(rec), rec)
				}
				b = append(b, rec...)
			}
			if !is64 {
				got, offs := readOld(t, b)
				if !slices.Equal(got, want) || len(offs) > 0 && offs[len(offs)-1] != int64(len(want)) {
					t.Fatalf("getdents: %v, %v; want %v", got, offs, want)
				}
				continue
			}
			got, errno := parseDirents(b, nil)
			if errno != 0 || !slices.Equal(got, want) {
				t.Fatalf("getdents64: %v, %v; want %v", got, errno, want)
			}
		}
	})
}

func TestDirentSizes(t *testing.T) {
	for _, test := range []struct{ name, size64, size int }{
		// header, name, zero byte; in the older form the type as well
		{1, 24, 24}, {4, 24, 24}, {5, 32, 32}, {12, 32, 32}, {13, 40, 40}, {255, 280, 280},
	} {
		d := dirEntry{name: strings.Repeat("x", test.name)}
		if n := len(dirent(d, 1, true)); n != test.size64 {
			t.Errorf("getdents64: %d bytes for a name of %d, want %d", n, test.name, test.size64)
		}
		if n := len(dirent(d, 1, false)); n != test.size {
			t.Errorf("getdents: %d bytes for a name of %d, want %d", n, test.name, test.size)
		}
	}
}

// FuzzParseDirents: a buffer of the kernel's, or of anything else, gives
// entries or EIO; what it gives reads the same once written.
func FuzzParseDirents(f *testing.F) {
	f.Add(append(dirent(dirEntry{"a", 1, 8}, 1, true), dirent(dirEntry{"file", 2, 4}, 2, true)...))
	f.Add(dirent(dirEntry{strings.Repeat("x", 255), 1, 8}, 1, true)[:100])
	f.Add(make([]byte, 19))
	f.Add(make([]byte, 20))
	f.Add(append(make([]byte, 16), 19, 0, 0, 0))
	f.Add(append(make([]byte, 16), 20, 0, 0, 'a'))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := []dirEntry{{name: "before"}}
		got, errno := parseDirents(b, before)
		if errno != 0 {
			if errno != unix.EIO || got != nil {
				t.Fatalf("%v, %v", got, errno)
			}
			return
		}
		if got[0] != before[0] {
			t.Fatalf("the first is %v", got[0])
		}
		got = got[1:]
		var again []byte
		names := 0
		for i, d := range got {
			if strings.ContainsRune(d.name, 0) {
				t.Fatalf("a zero byte in %q", d.name)
			}
			names += len(d.name)
			again = append(again, dirent(d, int64(i), true)...)
		}
		if names > len(b) || 20*len(got) > len(b) {
			t.Fatalf("%d entries with %d bytes in %d", len(got), names, len(b))
		}
		back, errno := parseDirents(again, nil)
		if errno != 0 || !slices.Equal(back, got) {
			t.Fatalf("%v, written, reads %v, %v", got, back, errno)
		}
	})
}

// TestDotsFirst: "." and ".." come before all other names.
func TestDotsFirst(t *testing.T) {
	names := []string{"", ".", "..", "...", ".a", "-", "!"}
	slices.SortStableFunc(names, func(a, b string) int { return dotRank(a) - dotRank(b) })
	if names[0] != "." || names[1] != ".." {
		t.Errorf("%q", names)
	}
}
