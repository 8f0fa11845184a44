package runtime

import (
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"slices"

	"golang.org/x/sys/unix"
)

// The form in which the processes of one Laplace exchange values. They are the
// same program, so that a type needs no description: a value is its parts in
// order, exported fields of structs but for those with the tag `json:"-"`. JSON
// would do but for two things: strings are bytes to Linux, which JSON mangles
// where they are not UTF-8; and to learn the types of a runtime-spec costs
// encoding/json a millisecond in each of the three processes of a box.
//
//	bool                  one byte
//	integer               varint (encoding/binary)
//	string                length, bytes
//	slice, map, pointer   0 for nil; else 1 + length, elements; keys sorted

// encode appends a value in this form. A type that has none (float, channel,
// interface that is not nil) is an error.
func encode(b []byte, v any) ([]byte, error) { return encodeValue(b, reflect.ValueOf(v)) }

func encodeValue(b []byte, v reflect.Value) (_ []byte, err error) {
	switch v.Kind() {
	case reflect.Bool:
		n := byte(0)
		if v.Bool() {
			n = 1
		}
		return append(b, n), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return binary.AppendUvarint(b, v.Uint()), nil
	case reflect.String:
		return append(binary.AppendUvarint(b, uint64(v.Len())), v.String()...), nil
	case reflect.Slice:
		if v.IsNil() {
			return append(b, 0), nil
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...), nil
		}
		return encodeElements(b, v)
	case reflect.Array:
		return encodeElements(b, v)
	case reflect.Map:
		if v.IsNil() {
			return append(b, 0), nil
		}
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int {
			switch {
			case x.String() < y.String():
				return -1
			case x.String() > y.String():
				return 1
			}
			return 0
		})
		for _, k := range keys {
			if b, err = encodeValue(b, k); err != nil {
				return b, err
			}
			if b, err = encodeValue(b, v.MapIndex(k)); err != nil {
				return b, err
			}
		}
		return b, nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0), nil
		}
		return encodeValue(append(b, 1), v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return b, nil
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if sent(v.Type().Field(i)) {
				if b, err = encodeValue(b, v.Field(i)); err != nil {
					return b, err
				}
			}
		}
		return b, nil
	}
	return b, fmt.Errorf("send a %s: %w", v.Type(), unix.EINVAL)
}

func encodeElements(b []byte, v reflect.Value) (_ []byte, err error) {
	for i := range v.Len() {
		if b, err = encodeValue(b, v.Index(i)); err != nil {
			return b, err
		}
	}
	return b, nil
}

// sent says whether a field is part of a message.
func sent(f reflect.StructField) bool { return f.IsExported() && f.Tag.Get("json") != "-" }

// decode fills the value that v points to, which must be zero, with what encode
// wrote. That b does not end with the value is an error.
func decode(b []byte, v any) error {
	d := decoder{b}
	if err := d.value(reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if len(d.b) > 0 {
		return fmt.Errorf("%d bytes too many: %w", len(d.b), unix.EINVAL)
	}
	return nil
}

// decoder reads what is left of a message.
type decoder struct{ b []byte }

// length reads a length of what takes at least a byte each; less is its offset.
func (d *decoder) length(less uint64) (n int, null bool, err error) {
	u, err := d.uint()
	switch {
	case err != nil:
		return 0, false, err
	case u < less:
		return 0, true, nil
	case u-less > uint64(len(d.b)):
		return 0, false, io.ErrUnexpectedEOF
	}
	return int(u - less), false, nil
}

func (d *decoder) uint() (uint64, error) {
	u, n := binary.Uvarint(d.b)
	if n <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	d.b = d.b[n:]
	return u, nil
}

func (d *decoder) take(n int) []byte {
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		if len(d.b) == 0 {
			return io.ErrUnexpectedEOF
		}
		v.SetBool(d.take(1)[0] != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, n := binary.Varint(d.b)
		if n <= 0 || v.OverflowInt(i) {
			return io.ErrUnexpectedEOF
		}
		d.b = d.b[n:]
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		u, err := d.uint()
		if err != nil || v.OverflowUint(u) {
			return io.ErrUnexpectedEOF
		}
		v.SetUint(u)
	case reflect.String:
		n, _, err := d.length(0)
		if err != nil {
			return err
		}
		v.SetString(string(d.take(n)))
	case reflect.Slice:
		n, null, err := d.length(1)
		if err != nil || null {
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			copy(v.Bytes(), d.take(n))
			return nil
		}
		return d.elements(v)
	case reflect.Array:
		return d.elements(v)
	case reflect.Map:
		n, null, err := d.length(1)
		if err != nil || null {
			return err
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), n))
		for range n {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			if err := d.value(key); err != nil {
				return err
			}
			if err := d.value(elem); err != nil {
				return err
			}
			v.SetMapIndex(key, elem)
		}
	case reflect.Pointer:
		switch there, err := d.uint(); {
		case err != nil || there == 0:
			return err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	case reflect.Interface: // was nil
	case reflect.Struct:
		for i := range v.NumField() {
			if sent(v.Type().Field(i)) {
				if err := d.value(v.Field(i)); err != nil {
					return err
				}
			}
		}
	default:
		return fmt.Errorf("receive a %s: %w", v.Type(), unix.EINVAL)
	}
	return nil
}

func (d *decoder) elements(v reflect.Value) error {
	for i := range v.Len() {
		if err := d.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}
