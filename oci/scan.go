package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a document beside its length. Decoding makes no more of a document than some
// 100 bytes a value.
const (
	maxDepth  = 64      // the runtime-spec's own is 8; fields that nobody knows may be deeper
	maxValues = 1 << 18 // objects, arrays, strings, numbers, ...
)

// A fieldError says what is wrong with the value that path leads to: string is the member
// of an object, int the element of an array.
type fieldError struct {
	path []any
	err  error
}

func (e *fieldError) Error() string { return pathText(e.path) + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// under says that err is about what path leads to from here; nil stays nil.
func under(err error, path ...any) error {
	if err == nil {
		return nil
	}
	if field, ok := err.(*fieldError); ok {
		return &fieldError{append(path, field.path...), field.err}
	}
	return &fieldError{path, err}
}

// wrong is an error about what path, a name, leads to from here.
func wrong(path string, format string, args ...any) error {
	return &fieldError{[]any{path}, fmt.Errorf(format, args...)}
}

// pathText is a path as people write it: process.args[0], linux.sysctl["a.b"].
func pathText(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			switch {
			case !plain(step):
				b.WriteString("[" + quote(step) + "]")
			case b.Len() > 0:
				b.WriteString("." + step)
			default:
				b.WriteString(step)
			}
		}
	}
	return b.String()
}

// plain reports whether a name needs no quotes in a path.
func plain(name string) bool {
	return name != "" && len(name) <= maxQuoted && strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// maxQuoted is how much of a value an error repeats, in bytes.
const maxQuoted = 128

// quote is a value in an error: of a long one its beginning.
func quote(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	if len(s) > maxQuoted {
		return strings.ToValidUTF8(s[:maxQuoted], "") + "..."
	}
	return s
}

// position is the line and the column of an offset, both from 1.
func position(data []byte, offset int) (line, column int) {
	before := data[:min(max(offset, 0), len(data))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// locate returns the offset of what path leads to; of the last that there is on the way
// if it is missing.
func locate(data []byte, typ reflect.Type, path []any) int {
	found, depth := -1, -1
	s := scanner{data: data, root: typ}
	s.visit = func(offset int) bool {
		here := s.path()
		if len(here) > depth && len(here) <= len(path) && leads(here, path) {
			found, depth = offset, len(here)
		}
		return depth < len(path)
	}
	s.scan()
	return max(found, 0)
}

// leads reports whether the beginning of path is here. encoding/json takes a member of
// any case for the field that it knows.
func leads(here, path []any) bool {
	for i, step := range here {
		name, ok := step.(string)
		want, wanted := path[i].(string)
		if ok != wanted || ok && !strings.EqualFold(name, want) || !ok && step != path[i] {
			return false
		}
	}
	return true
}

// A scanner goes through a text of JSON value by value. It keeps nothing but the way to
// where it is.
type scanner struct {
	data []byte
	// root is the type that the document will be decoded into.
	root reflect.Type
	// strict is whether limits, duplicates and characters are errors.
	strict bool
	// visit is called for each value with the offset where it begins, before what is in
	// it; false ends the scan.
	visit func(offset int) bool

	dec    *json.Decoder
	open   []frame
	values int
	known  map[reflect.Type]map[string]reflect.Type // see fields
}

// A frame is an object or array that is open.
type frame struct {
	typ   reflect.Type // nil when nobody knows it
	array bool
	index int    // of the element
	key   string // of the member
	named bool   // the member's name is read, its value not
	seen  map[string]bool
}

// path leads to the value that is being read.
func (s *scanner) path() []any {
	path := make([]any, 0, len(s.open)+1)
	for i := range s.open {
		switch f := &s.open[i]; {
		case f.array:
			path = append(path, f.index)
		case f.named:
			path = append(path, f.key)
		}
	}
	return path
}

// scan returns an error about the first value that a strict document may not have. What
// is no JSON ends it silently: the decoder finds it.
func (s *scanner) scan() error {
	s.dec = json.NewDecoder(bytes.NewReader(s.data))
	s.dec.UseNumber()
	if s.strict && !utf8.Valid(s.data) {
		return s.notUTF8()
	}
	for {
		start := s.start()
		token, err := s.dec.Token()
		if err != nil {
			return nil
		}
		if err := s.token(token, start); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return under(err, s.path()...)
		}
		if len(s.open) == 0 {
			return nil
		}
	}
}

var errStop = errors.New("the visitor has seen enough")

// start is the offset of the next token.
func (s *scanner) start() int {
	i := int(s.dec.InputOffset())
	for i < len(s.data) && strings.IndexByte(" \t\r\n,:", s.data[i]) >= 0 {
		i++
	}
	return i
}

func (s *scanner) token(token json.Token, start int) error {
	if token == json.Delim('}') || token == json.Delim(']') {
		s.open = s.open[:len(s.open)-1]
		s.done()
		return nil
	}
	if n := len(s.open); n > 0 && !s.open[n-1].array && !s.open[n-1].named {
		return s.name(&s.open[n-1], token.(string))
	}
	s.values++
	if s.strict && s.values > maxValues {
		return fmt.Errorf("more than %d values in one document", maxValues)
	}
	if s.visit != nil && !s.visit(start) {
		return errStop
	}
	switch value := token.(type) {
	case json.Delim:
		if s.strict && len(s.open) == maxDepth {
			return fmt.Errorf("nested more than %d deep", maxDepth)
		}
		s.open = append(s.open, frame{typ: s.typ(), array: value == '['})
		return nil
	case string:
		if s.strict && strings.IndexByte(value, 0) >= 0 && s.typ() != nil && s.open[0].key != "annotations" {
			return errors.New("has a null byte") // and the kernel may get to see it
		}
	}
	s.done()
	return nil
}

// name begins a member of an object.
func (s *scanner) name(f *frame, key string) error {
	if s.strict {
		// Go's decoder takes "Process" for "process"; two of them it merges.
		seen := key
		if f.typ != nil && f.typ.Kind() == reflect.Struct {
			seen = strings.ToLower(key)
		}
		if f.seen == nil {
			f.seen = map[string]bool{}
		}
		if f.seen[seen] {
			return wrong(key, "given twice")
		}
		f.seen[seen] = true
		if strings.IndexByte(key, 0) >= 0 && f.typ != nil && f.typ.Kind() == reflect.Map && s.open[0].key != "annotations" {
			return wrong(key, "has a null byte in its name")
		}
	}
	f.key, f.named = key, true
	return nil
}

// done ends a value.
func (s *scanner) done() {
	if n := len(s.open); n > 0 {
		f := &s.open[n-1]
		f.named = false
		if f.array {
			f.index++
		}
	}
}

// typ is the type of the value that begins here, nil if there is none.
func (s *scanner) typ() reflect.Type {
	if len(s.open) == 0 {
		return s.root
	}
	f := &s.open[len(s.open)-1]
	if f.typ == nil {
		return nil
	}
	var t reflect.Type
	switch f.typ.Kind() {
	case reflect.Slice, reflect.Map:
		t = f.typ.Elem()
	case reflect.Struct:
		t = s.fields(f.typ)[strings.ToLower(f.key)]
	}
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fields are the types of a struct's fields, by the names that they have in JSON, in lower
// case.
func (s *scanner) fields(t reflect.Type) map[string]reflect.Type {
	if known := s.known[t]; known != nil {
		return known
	}
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			fields[strings.ToLower(name)] = field.Type
		}
	}
	if s.known == nil {
		s.known = map[reflect.Type]map[string]reflect.Type{}
	}
	s.known[t] = fields
	return fields
}

// notUTF8 finds the first string that Go's decoder would change.
func (s *scanner) notUTF8() error {
	bad := 0
	for bad < len(s.data) {
		if r, n := utf8.DecodeRune(s.data[bad:]); r != utf8.RuneError || n > 1 {
			bad += n
			continue
		}
		break
	}
	var path []any
	find := scanner{data: s.data, root: s.root}
	find.visit = func(offset int) bool {
		if offset > bad {
			return false
		}
		path = find.path()
		return true
	}
	find.scan()
	return under(errors.New("not valid UTF-8"), path...)
}
