package determinize

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParsePins(t *testing.T) {
	all, err := ParsePins(AllPins.String())
	if err != nil || !slices.Equal(all, AllPins) {
		t.Errorf("ParsePins(%q) = %v, %v", AllPins, all, err)
	}
	for _, text := range []string{"", "time,", "Time", "time umask", "time,,umask"} {
		if pins, err := ParsePins(text); err == nil {
			t.Errorf("ParsePins(%q) = %v, want an error", text, pins)
		}
	}
}

// The calls that are the kernel's without a pin are calls that the engine answers with it.
func TestKernelAnswers(t *testing.T) {
	for pin, nrs := range kernelAnswers {
		for _, nr := range nrs {
			if handlers[nr] == nil {
				t.Errorf("call %d of the pin %s has no handler", nr, pin)
			}
			if !(Pins{PinOrder, pin}).native(nr) || (Pins{PinOrder}).native(nr) || Pins(nil).native(nr) {
				t.Errorf("call %d is not the pin %s's", nr, pin)
			}
		}
	}
	if AllPins.native(unix.SYS_OPENAT) {
		t.Error("openat is no pin's")
	}
}
