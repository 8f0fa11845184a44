package determinize

import (
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

func TestSharedWord(t *testing.T) {
	file := vfs.Key{Dev: unix.Mkdev(8, 0x11), Ino: 77}
	for _, c := range []struct {
		line string
		addr uint64
		want futexKey
		ok   bool
	}{
		{"7f00a000-7f00c000 rw-s 00003000 08:11 77   /work/a file\n", 0x7f00b008, futexKey{file: file, addr: 0x4008}, true},
		{"7f00a000-7f00c000 rw-s 00003000 08:11 77   /work/a file\n", 0x7f00a000, futexKey{file: file, addr: 0x3000}, true},
		{"7f00a000-7f00c000 rw-s 00000000 00:01 5 /dev/zero (deleted)\n", 0x7f00bffc, futexKey{file: vfs.Key{Dev: 1, Ino: 5}, addr: 0x1ffc}, true},
		{line: "7f00a000-7f00c000 rw-s 00003000 08:11 77\n", addr: 0x7f00c000},
		{line: "7f00a000-7f00c000 rw-s 00003000 08:11 77\n", addr: 0x7f009fff},
		{line: "7f00a000-7f00c000 rw-p 00003000 08:11 77 /lib\n", addr: 0x7f00b008},
		{line: "7f00a000 rw-s 00003000 08:11 77\n", addr: 0x7f00a000},
		{line: "7f00a000-7f00c000 rw-s\n", addr: 0x7f00a000},
		{line: "\n"},
	} {
		if got, ok := sharedWord(c.line, c.addr); got != c.want || ok != c.ok {
			t.Errorf("sharedWord(%q, %#x) = %+v, %v; want %+v, %v", c.line, c.addr, got, ok, c.want, c.ok)
		}
	}
}

// FuzzSharedWord checks that no line is taken for what it is not: an address that was found
// lies in a shared mapping.
func FuzzSharedWord(f *testing.F) {
	f.Add("7f00a000-7f00c000 rw-s 00003000 08:11 77   /work/a file\n", uint64(0x7f00b008))
	f.Fuzz(func(t *testing.T, line string, addr uint64) {
		if k, ok := sharedWord(line, addr); ok && k.process != nil {
			t.Errorf("sharedWord(%q, %#x) is in a process's own memory", line, addr)
		}
	})
}
