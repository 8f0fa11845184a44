package procfs

import (
	"strconv"
	"strings"
)

// scanner takes fields from the front of a line. The first that is not there
// makes it fail, and everything after that gives zero values.
type scanner struct {
	rest   string
	failed bool
}

// hex takes a hexadecimal number of at most 64 bits.
func (s *scanner) hex() uint64 { return s.number(16, "0123456789abcdef") }

// decimal takes a decimal number of at most 64 bits.
func (s *scanner) decimal() uint64 { return s.number(10, "0123456789") }

func (s *scanner) number(base int, digits string) uint64 {
	n := 0
	for n < len(s.rest) && strings.IndexByte(digits, s.rest[n]) >= 0 {
		n++
	}
	v, err := strconv.ParseUint(s.rest[:n], base, 64)
	if err != nil || s.failed {
		s.failed = true
		return 0
	}
	s.rest = s.rest[n:]
	return v
}

// word takes everything up to the next space or the end; it is not empty.
func (s *scanner) word() string {
	w := s.rest
	if i := strings.IndexByte(w, ' '); i >= 0 {
		w = w[:i]
	}
	if w == "" || s.failed {
		s.failed = true
		return ""
	}
	s.rest = s.rest[len(w):]
	return w
}

// expect takes one character.
func (s *scanner) expect(c byte) {
	if s.failed || s.rest == "" || s.rest[0] != c {
		s.failed = true
		return
	}
	s.rest = s.rest[1:]
}
