// Package costs is the file in which a run leaves what its execs have cost, for the next
// one: docs/costs.md. It is text. The first line says so, each other one has a Key in
// hexadecimal digits, a blank, and the cost in microseconds of CPU time, sorted:
//
//	laplace costs 1
//	00a1b2c3d4e5f60718293a4b5c6d7e8f 152003
package costs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Key is the identity of an exec: of its argv, working directory and executable.
type Key [16]byte

// Table is what execs have cost, in microseconds of CPU time of the process and of all
// that it forked: 1 to Max.
type Table map[Key]uint64

// Max is the most that an exec costs: more than a year.
const Max = 1 << 45

// MaxEntries is how many execs a table has at most, and MaxSize how many bytes its text.
const (
	MaxEntries = 100_000
	MaxSize    = len(header) + MaxEntries*(2*len(Key{})+1+15)
)

const header = "laplace costs 1\n"

// ErrFormat says that a text is not that of a table.
var ErrFormat = errors.New("not a file of costs of this version")

// Parse reads the text of a table. An empty one is that of an empty table.
func Parse(text []byte) (Table, error) {
	t := Table{}
	if len(text) == 0 {
		return t, nil
	}
	rest, ok := bytes.CutPrefix(text, []byte(header))
	if !ok || len(text) > MaxSize || len(rest) > 0 && rest[len(rest)-1] != '\n' {
		return nil, ErrFormat
	}
	for n, line := range bytes.Split(bytes.TrimSuffix(rest, []byte("\n")), []byte("\n")) {
		if len(rest) == 0 {
			break
		}
		var key Key
		word, number, _ := bytes.Cut(line, []byte(" "))
		cost, err := strconv.ParseUint(string(number), 10, 64)
		if len(word) != 2*len(key) || err != nil || cost < 1 || cost > Max {
			return nil, fmt.Errorf("line %d: %w", n+2, ErrFormat)
		}
		if _, err := hex.Decode(key[:], word); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+2, ErrFormat)
		}
		t[key] = cost
	}
	return t, nil
}

// Text is what Parse reads.
func (t Table) Text() []byte {
	b := []byte(header)
	for _, key := range slices.SortedFunc(maps.Keys(t), func(a, b Key) int { return bytes.Compare(a[:], b[:]) }) {
		b = hex.AppendEncode(b, key[:])
		b = append(b, ' ')
		b = strconv.AppendUint(b, min(max(t[key], 1), Max), 10)
		b = append(b, '\n')
	}
	return b
}

// Merge is what a run has measured, and of what it has not, what an earlier one has: as
// many as there is room for.
func Merge(measured, earlier Table) Table {
	t := make(Table, len(measured))
	for _, from := range []Table{measured, earlier} {
		for _, key := range slices.SortedFunc(maps.Keys(from), func(a, b Key) int { return bytes.Compare(a[:], b[:]) }) {
			if _, known := t[key]; !known && len(t) < MaxEntries {
				t[key] = from[key]
			}
		}
	}
	return t
}
