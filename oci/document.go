package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ConfigName is the name of a bundle's configuration, see the section "Filesystem Bundle"
// of the runtime-spec.
const ConfigName = "config.json"

// MaxDocument is the greatest length of a document in bytes. Real ones have tens of
// kilobytes.
const MaxDocument = 16 << 20

// A DocumentError says what is wrong with a document, and where.
type DocumentError struct {
	// File is the name of the document, as whoever wrote it knows it.
	File string
	// Line and Column tell where the value begins, both from 1, the column in bytes. A
	// value that is missing is where the object begins that should have it. Both are 0
	// when the document has no text.
	Line, Column int
	// Path leads to the value, such as "linux.namespaces[2].type"; "" is the document.
	Path string
	// Err is what is wrong with the value.
	Err error
}

func (e *DocumentError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Path != "" {
		b.WriteString(": " + e.Path)
	}
	return b.String() + ": " + e.Err.Error()
}

func (e *DocumentError) Unwrap() error { return e.Err }

// Load reads the configuration of the bundle in the directory and returns it, valid: see
// [Validate]. A mount's destination that is relative is made absolute, as the section
// "Mounts" has it, and a limit of 0 processes of before version 1.3 none, -1; nothing else is
// changed. log gets warnings about what has no effect; nil is nobody.
//
// The error is a [*DocumentError] when the document is bad, one that wraps fs.ErrNotExist
// and says what runc says when there is none, or that of reading it, or the bundle.
func Load(bundle string, log *slog.Logger) (*specs.Spec, error) {
	data, err := read(filepath.Join(bundle, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(bundle); err != nil {
			return nil, fmt.Errorf("bundle: %w", err)
		}
		return nil, &missingError{ConfigName}
	}
	if err != nil {
		return nil, err
	}
	return ParseSpec(ConfigName, data, log)
}

// LoadProcess reads the document of a process, as `exec --process FILE` has it, and
// returns it, valid: see [ValidateProcess]. Errors are those of [Load].
func LoadProcess(file string, log *slog.Logger) (*specs.Process, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	return ParseProcess(filepath.Base(file), data, log)
}

// ParseSpec is [Load] of a text; name is what errors call it.
func ParseSpec(name string, data []byte, log *slog.Logger) (*specs.Spec, error) {
	return parse(name, data, func(s *specs.Spec) error { return validateSpec(s, loud(log)) })
}

// ParseProcess is [LoadProcess] of a text; name is what errors call it.
func ParseProcess(name string, data []byte, log *slog.Logger) (*specs.Process, error) {
	return parse(name, data, func(p *specs.Process) error { return validateProcess(p, loud(log)) })
}

// ParseResources reads the resources of a running container that `update --resources`
// changes, and returns them, valid; name is what errors call the text.
func ParseResources(name string, data []byte, log *slog.Logger) (*specs.LinuxResources, error) {
	return parse(name, data, func(r *specs.LinuxResources) error { return checkResources(r, loud(log)) })
}

// Validate returns an error that names the first field of s whose value is not allowed,
// as a [*DocumentError] without a line. It looks at nothing but s: whether the host has
// what s asks for is [CheckHost]'s question. Destinations are made absolute, see [Load].
func Validate(s *specs.Spec, log *slog.Logger) error {
	return located(ConfigName, nil, nil, validateSpec(s, loud(log)))
}

// ValidateProcess is [Validate] of a process alone.
func ValidateProcess(p *specs.Process, log *slog.Logger) error {
	return located("process", nil, nil, validateProcess(p, loud(log)))
}

// loud is a log that can be written to.
func loud(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// missingError says that a bundle has no configuration, in runc's words.
type missingError struct{ name string }

func (e *missingError) Error() string        { return "JSON specification file " + e.name + " not found" }
func (e *missingError) Is(target error) bool { return target == fs.ErrNotExist }

// read returns the content of a regular file of at most MaxDocument bytes. It never waits
// for what a file that is none has to say.
func read(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	return data, nil
}

// parse decodes and checks a document of type T.
func parse[T any](name string, data []byte, check func(*T) error) (*T, error) {
	typ := reflect.TypeFor[T]()
	if len(data) > MaxDocument {
		return nil, &DocumentError{File: name, Err: fmt.Errorf("longer than %d bytes", MaxDocument)}
	}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &raw); errors.As(err, &syntax) {
		return nil, syntaxError(name, data, typ, syntax)
	}
	if err := (&scanner{data: data, root: typ, strict: true}).scan(); err != nil {
		return nil, located(name, data, typ, err)
	}
	var doc *T
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, typeError(name, data, typ, err)
	}
	if doc == nil {
		return nil, located(name, data, typ, errors.New("null, must be an object"))
	}
	if err := check(doc); err != nil {
		return nil, located(name, data, typ, err)
	}
	return doc, nil
}

// located makes a DocumentError of what is wrong with a field.
func located(name string, data []byte, typ reflect.Type, err error) error {
	if err == nil {
		return nil
	}
	doc := &DocumentError{File: name, Err: err}
	var path []any
	var field *fieldError
	if errors.As(err, &field) {
		doc.Err, path = field.err, field.path
		doc.Path = pathText(path)
	}
	if data != nil {
		doc.Line, doc.Column = position(data, locate(data, typ, path))
	}
	return doc
}

// syntaxError makes a DocumentError of what is no JSON.
func syntaxError(name string, data []byte, typ reflect.Type, err *json.SyntaxError) error {
	// Offset counts the bytes read, with the one that is wrong.
	offset := int(err.Offset) - 1
	if int(err.Offset) >= len(data) && strings.HasPrefix(err.Error(), "unexpected end") {
		offset = len(data)
	}
	s := scanner{data: data[:max(offset, 0)], root: typ}
	s.scan() // as far as it is JSON
	doc := &DocumentError{File: name, Path: pathText(s.path()), Err: err}
	doc.Line, doc.Column = position(data, offset)
	return doc
}

// typeError makes a DocumentError of a value that is not of the field's type.
func typeError(name string, data []byte, typ reflect.Type, err error) error {
	doc := &DocumentError{File: name, Err: err}
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return doc
	}
	var path []any
	start := 0
	s := scanner{data: data, root: typ}
	s.visit = func(offset int) bool {
		if int64(offset) >= wrong.Offset {
			return false
		}
		path, start = s.path(), offset
		return true
	}
	s.scan()
	doc.Path = pathText(path)
	doc.Line, doc.Column = position(data, start)
	kind, _, _ := strings.Cut(wrong.Value, " ")
	if kind == "number" {
		kind = shorten(wrong.Value)
	}
	doc.Err = fmt.Errorf("%s, must be %s", kind, kindText(wrong.Type))
	return doc
}

// kindText says what a value of a type looks like in JSON.
func kindText(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("an integer of %d bits without a sign", t.Bits())
	}
	return "an object"
}
