package determinize

import (
	"encoding/binary"
	"testing"
)

// TestWithoutCore checks that no wait status tells of a core, and that others stay as
// they are.
func TestWithoutCore(t *testing.T) {
	for _, test := range []struct{ status, want uint32 }{
		{0, 0}, {0x2a00, 0x2a00}, {0x8000, 0x8000}, {0xff00, 0xff00}, // exits
		{0x8b, 0x0b}, {0x86, 0x06}, {0x0b, 0x0b}, {0xc0, 0x40}, // signals
		{0x137f, 0x137f}, {0xffff, 0xffff}, // a stop, a continuation
	} {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], test.status)
		changed := withoutCore(b[:])
		if got := binary.LittleEndian.Uint32(b[:]); got != test.want || changed != (got != test.status) {
			t.Errorf("%#x: got %#x, %v, want %#x", test.status, got, changed, test.want)
		}
	}
	for code, want := range map[uint32]uint32{1: 1, 2: 2, 3: 2, 4: 4, 5: 5, 6: 6} {
		var info [128]byte
		binary.LittleEndian.PutUint32(info[siCode:], code)
		killedWithoutCore(info[:])
		if got := binary.LittleEndian.Uint32(info[siCode:]); got != want {
			t.Errorf("si_code %d: got %d, want %d", code, got, want)
		}
	}
}
