package procfs

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// identity shows the kernel's own devices and inodes.
func identity(major, minor uint32, ino uint64, _ string) (uint64, uint64) {
	return unix.Mkdev(major, minor), ino
}

// fuzz runs content of the kernel through a file, and the result through it
// again: where output has the form of input, nothing may be left to change. The
// output is bounded by a multiple of the input.
func fuzz(f *testing.F, name string, factor int, stable bool, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, real []byte) {
		p := Process{PID: 7, TPGID: -1, Comm: "x", VDev: identity}
		kept := bytes.Clone(real)
		got, d := PerProcess(name, real, Box{}, p)
		if d != Virtual {
			t.Fatalf("%s is %v", name, d)
		}
		if !bytes.Equal(real, kept) {
			t.Fatal("the input was changed")
		}
		if limit := factor*len(real) + 4096; len(got) > limit {
			t.Fatalf("%d bytes of input give %d", len(real), len(got))
		}
		if again, _ := PerProcess(name, real, Box{}, p); !bytes.Equal(got, again) {
			t.Fatal("the same input gives different content")
		}
		if !stable {
			return
		}
		again, _ := PerProcess(name, got, Box{}, p)
		if !bytes.Equal(got, again) {
			t.Fatalf("%q gives %q, and that %q", real, got, again)
		}
	})
}

func FuzzMaps(f *testing.F) {
	fuzz(f, "maps", 4, true, catMaps, "1000-2000 rw-p 0 0:0 0 \n2000-3000 rw-p 0 0:0 0")
}

func FuzzSmaps(f *testing.F) {
	fuzz(f, "smaps", 60, true, catMaps, "1000-2000 rw-p 0 0:0 0 \nSize: 4 kB\nVmFlags: rd\n")
}

func FuzzSmapsRollup(f *testing.F) { fuzz(f, "smaps_rollup", 1, false, catMaps) }

func FuzzMountinfo(f *testing.F) { fuzz(f, "mountinfo", 4, true, boxMountinfo) }

func FuzzMounts(f *testing.F) { fuzz(f, "mounts", 4, false, boxMountinfo) }

func FuzzStat(f *testing.F) { fuzz(f, "stat", 1, false, catStat, "1 (a) b) R 1") }

func FuzzStatm(f *testing.F) { fuzz(f, "statm", 1, false, "765 414 389 5 0 90 0\n") }

func FuzzStatus(f *testing.F) { fuzz(f, "status", 1, true, catStatus) }

func FuzzFDInfo(f *testing.F) {
	fuzz(f, "fdinfo/3", 60, true,
		"pos:\t10\nflags:\t0100002\nmnt_id:\t15\nino:\t9978046\n",
		"tfd: 10 events: 19 data: a  pos:5 ino:61af sdev:5\ntfd: 9 events: 1d data: f\n",
		"inotify wd:2 ino:7ef82a sdev:800001 mask:800afff ignored_mask:0\n",
		"eventfd-count: 2a\nsigmask:\t06\nPid:\t-1\n")
}

func FuzzAuxv(f *testing.F) {
	fuzz(f, "auxv", 1, true, strings.Repeat("\x06\x00\x00\x00\x00\x00\x00\x00", 4))
}

func FuzzLink(f *testing.F) {
	f.Add("pipe:[123]")
	f.Add("mnt:[4026531832]")
	f.Fuzz(func(t *testing.T, target string) {
		same := func(_ string, ino uint64) uint64 { return ino }
		got := Link(target, same)
		if again := Link(got, same); again != got {
			t.Fatalf("%q gives %q, and that %q", target, got, again)
		}
	})
}

// FuzzNames: no name breaks a lookup, and what is listed as visible has a row.
func FuzzNames(f *testing.F) {
	f.Add("12/task/13/fdinfo", "7")
	f.Add("sys/kernel/random", "uuid")
	f.Fuzz(func(t *testing.T, dir, name string) {
		visible := Visible(dir, name)
		full := strings.TrimPrefix(dir+"/"+name, "/")
		Global(full, Box{}, Clock{})
		PerProcess(full, nil, Box{}, Process{})
		if first, rest, _ := strings.Cut(full, "/"); visible && !isNumber(name) {
			_, ok := GlobalRow(full)
			if isNumber(first) {
				_, ok = ProcessRow(rest)
			}
			if !ok {
				t.Fatalf("%q is visible in %q but has no row", name, dir)
			}
		}
	})
}
