package determinize

import (
	"strings"
	"testing"

	"laplace.dev/laplace/determinize/memo"
)

func TestSightOfProgram(t *testing.T) {
	for line, want := range map[string]memo.Sight{
		"/usr/bin/make all":                        memo.Order,
		"/usr/bin/dash -c ls":                      memo.Order,
		"/usr/bin/x86_64-linux-gnu-gcc-12 -c a.c":  memo.Blind,
		"/usr/lib/gcc/x86_64-linux-gnu/12/cc1 a.c": memo.Blind,
		"/usr/bin/x86_64-linux-gnu-ld.bfd a.o":     memo.Blind,
		"/usr/bin/tar cf a.tar a":                  memo.Exact,
		"/usr/bin/python3.11 a.py":                 memo.Exact,
		"/p/cc1-wrapper a.c":                       memo.Exact,
		"/usr/bin/cp a b":                          memo.Blind,
		"/usr/bin/cp -rp a b":                      memo.Exact,
		"/usr/bin/cp --preserve=mode a b":          memo.Exact,
		"/usr/bin/cp --archive a b":                memo.Exact,
		"/usr/bin/cp --arch a b":                   memo.Exact,
		"/usr/bin/mv -u a b":                       memo.Exact,
		"/usr/bin/mv -f a b":                       memo.Blind,
		"/usr/bin/install -m 755 a b":              memo.Blind,
		"/usr/bin/install -pm 755 a b":             memo.Exact,
		"/usr/bin/ar rcs a.a a.o":                  memo.Blind,
		"/usr/bin/ar ru a.a a.o":                   memo.Exact,
		"/usr/bin/x86_64-linux-gnu-ar -ru a.a a.o": memo.Exact,
	} {
		argv := strings.Fields(line)
		if got := sightOfProgram(argv[0], argv); got != want {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
	}
	if got := sightOfProgram("/usr/bin/cat", nil); got != memo.Exact {
		t.Errorf("without arguments: %d", got)
	}
}
