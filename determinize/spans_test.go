package determinize

import "testing"

func TestAddressOf(t *testing.T) {
	spans := []span{{0x1000, 3}, {0x2000, 0}, {0x3000, 10}}
	for _, c := range []struct {
		offset, n int64
		addr      uint64
		ok        bool
	}{
		{-1, 8, 0, false},
		{0, 8, 0x1000, true},
		{2, 8, 0x1002, true},
		{3, 8, 0x3000, true},
		{7, 8, 0x3004, true},
		{8, 8, 0, false},   // was not read
		{13, 99, 0, false}, // would lie outside
	} {
		if addr, ok := addressOf(spans, c.offset, c.n); addr != c.addr || ok != c.ok {
			t.Errorf("addressOf(%d of %d) = %#x, %v, want %#x, %v", c.offset, c.n, addr, ok, c.addr, c.ok)
		}
	}
}

func TestSourceOf(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/lib/python3.11/json/__pycache__/decoder.cpython-311.pyc":       "/usr/lib/python3.11/json/decoder.py",
		"/usr/lib/python3.11/json/__pycache__/decoder.cpython-311.opt-1.pyc": "/usr/lib/python3.11/json/decoder.py",
		"/__pycache__/a.b.pyc": "/a.py",
		"/usr/lib/decoder.pyc": "",
		"/__pycache__/.pyc":    "",
		"/__pycache__/pyc":     "",
	} {
		if got, ok := sourceOf(path); got != want && ok || ok != (want != "") {
			t.Errorf("sourceOf(%q) = %q, %v, want %q", path, got, ok, want)
		}
	}
}
