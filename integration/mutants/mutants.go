// Package mutants makes documents that are almost right of one that is: a configuration
// without a field, or with one of another type, too long, unknown, or where it does not belong.
package mutants

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Texts are strings that take the place of others: what no name should be, and paths that lead
// out of a directory, or through a link.
var Texts = []string{
	"", " ", ".", "..", "../..", "/..", "a/../../..", "/link", "/link/x", "link/../x", "/bin/sh/x", "//proc//self", "/proc/self/fd/0", "/dev/null", "/none",
	"\x00", "a\x00b", "\n", "\t\"\\", "é\u202e", "=", "=x", "%s%n", "-1", "0", "bind", "private", "CAP_ALL", "SCMP_ACT_KILL", "mount", "user",
	strings.Repeat("a", 256), strings.Repeat("/a", 3000), strings.Repeat("x", 1<<17),
}

// numbers take the place of others, and of what is none.
var numbers = []json.Number{
	"0", "-0", "1", "-1", "2", "0.5", "1e3", "65535", "65536", "2147483647", "-2147483649", "4294967295", "4294967296", "9223372036854775807",
	"-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308", "123456789012345678901234567890",
}

// A Mutator makes mutants; its choices are somebody else's.
type Mutator struct {
	// Choose returns a number from 0 to n-1.
	Choose func(n int) int
	// Keep, when not nil, tells of a place in the document that stays as it is: the names of the
	// members on the way to it, without the elements of arrays.
	Keep func(path []string) bool
}

// Mutate returns the text of a document with n changes.
func (m *Mutator) Mutate(document []byte, n int) ([]byte, error) {
	for range n {
		d := json.NewDecoder(strings.NewReader(string(document)))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			return nil, err
		}
		var places []place
		m.add(place{value: doc, set: func(x any) { doc = x }}, nil, &places)
		if len(places) == 0 {
			return document, nil
		}
		m.change(places[m.Choose(len(places))], places)
		var err error
		if document, err = json.Marshal(doc); err != nil {
			return nil, err
		}
	}
	return document, nil
}

// A place is where a value is in a document.
type place struct {
	value any
	set   func(any) // puts another there
	drop  func()    // removes it; nil where that cannot be
}

// add appends a place and those in its value, path being the way to it.
func (m *Mutator) add(p place, path []string, places *[]place) {
	if m.Keep != nil && m.Keep(path) {
		return
	}
	*places = append(*places, p)
	switch value := p.value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			m.add(place{value[name], func(x any) { value[name] = x }, func() { delete(value, name) }}, append(slices.Clone(path), name), places)
		}
	case []any:
		for i := range value {
			m.add(place{value[i], func(x any) { value[i] = x }, func() { p.set(slices.Delete(slices.Clone(value), i, i+1)) }}, path, places)
		}
	}
}

// change changes what is at a place, if only to something from elsewhere.
func (m *Mutator) change(p place, all []place) {
	switch m.Choose(6) {
	case 0:
		if p.drop != nil {
			p.drop()
			return
		}
	case 1: // another type
		others := []any{nil, true, false, json.Number("7"), "text", []any{}, map[string]any{}, []any{nil}, map[string]any{"": nil}, []any{[]any{map[string]any{}}}}
		p.set(others[m.Choose(len(others))])
		return
	case 2: // what is somewhere else
		p.set(copied(all[m.Choose(len(all))].value))
		return
	}
	switch value := p.value.(type) {
	case map[string]any:
		names := []string{"unknown", "", "Path", "type", "path", "a/b", "x" + strings.Repeat("y", 300), "\x00", "args"}
		value[names[m.Choose(len(names))]] = copied(all[m.Choose(len(all))].value)
	case []any:
		if len(value) == 0 || m.Choose(2) == 0 {
			p.set(append(slices.Clone(value), copied(all[m.Choose(len(all))].value)))
			return
		}
		// The same again, once or very often.
		again := slices.Repeat([]any{value[m.Choose(len(value))]}, []int{1, 100, 5000}[m.Choose(3)])
		p.set(append(slices.Clone(value), again...))
	case string:
		texts := append([]string{value + "x", value + "/..", "/" + value, strings.ToUpper(value), value + value}, Texts...)
		p.set(texts[m.Choose(len(texts))])
	case bool:
		p.set(!value)
	default:
		p.set(numbers[m.Choose(len(numbers))])
	}
}

// copied is a copy of a value: a document must not have itself in it.
func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		same := make(map[string]any, len(value))
		for name, x := range value {
			same[name] = copied(x)
		}
		return same
	case []any:
		same := make([]any, len(value))
		for i, x := range value {
			same[i] = copied(x)
		}
		return same
	}
	return value
}
