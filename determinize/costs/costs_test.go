package costs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	table := Table{{1}: 5, {0, 0xff}: 0, {2}: 1 << 60}
	const want = "laplace costs 1\n" +
		"00ff0000000000000000000000000000 1\n" +
		"01000000000000000000000000000000 5\n" +
		"02000000000000000000000000000000 35184372088832\n"
	if got := string(table.Text()); got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestParse(t *testing.T) {
	const line = "00ff0000000000000000000000000000 7\n"
	for _, text := range []string{
		"laplace costs 2\n", "laplace costs 1", "# nothing", header + line[1:], header + line[:len(line)-1], header + "\n",
		header + strings.Replace(line, " 7", " 0", 1), header + strings.Replace(line, " 7", " -7", 1), header + strings.Replace(line, " 7", "", 1),
		header + strings.Replace(line, " 7", " 35184372088833", 1), header + strings.Replace(line, "f", "g", 1), header + strings.Replace(line, " 7", " 7 ", 1),
		header + strings.Repeat(line, MaxEntries*2),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for _, text := range []string{"", header} {
		if table, err := Parse([]byte(text)); err != nil || len(table) > 0 {
			t.Errorf("%q: %v, %v", text, table, err)
		}
	}
}

func TestParseText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := Table(rapid.MapOf(rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) Key { return Key(b) }), rapid.Uint64Range(1, Max)).Draw(t, "table"))
		got, err := Parse(table.Text())
		if err != nil || !maps.Equal(got, table) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

// The largest table can be read again, and what was measured last stays in it.
func TestMerge(t *testing.T) {
	key := func(i int) (k Key) {
		binary.BigEndian.PutUint32(k[:], uint32(i))
		return k
	}
	earlier := Table{}
	for i := range MaxEntries {
		earlier[key(i)] = Max
	}
	all := Merge(Table{key(3): 1, key(MaxEntries + 9): 2}, earlier)
	if len(all) != MaxEntries || all[key(3)] != 1 || all[key(MaxEntries+9)] != 2 || all[key(4)] != Max {
		t.Errorf("%d entries, %d, %d, %d", len(all), all[key(3)], all[key(MaxEntries+9)], all[key(4)])
	}
	text := all.Text()
	if len(text) > MaxSize {
		t.Errorf("%d bytes of text", len(text))
	}
	if again, err := Parse(text); err != nil || !maps.Equal(again, all) {
		t.Errorf("it cannot be read again: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Table{{1}: 5}.Text())
	f.Add([]byte(header))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(table.Text()); err != nil || !maps.Equal(again, table) {
			t.Errorf("%q becomes %q", text, bytes.TrimSpace(table.Text()))
		}
	})
}
