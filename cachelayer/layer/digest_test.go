package layer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The golden digests pin the format: a change of them needs a new format number.
const (
	goldenEmpty  = "b25a3c8e298e36dbbf2661942e9c40c4932bdb211aa928609bc262af036b87fa"
	goldenSample = "501baada150be851420601b61f75db94eea8cd003340d2eafe02afd0f656a88f"
)

func digest(t testing.TB, d dir, v Virtual) string {
	t.Helper()
	sum, err := Digest(d.open(), v)
	must(t, err)
	return hex.EncodeToString(sum[:])
}

func TestDigestGolden(t *testing.T) {
	empty := newDir(t)
	empty.chmod(".", 0o755)
	equal(t, "empty layer", digest(t, empty, fakeVirtual{}), goldenEmpty)
	full := newDir(t)
	full.chmod(".", 0o755)
	sample(full)
	equal(t, "sample", digest(t, full, fakeVirtual{"dir": 5, "sym": -1}), goldenSample)
}

// TestDigestFormat writes the digested bytes of a small layer by hand, as the
// comment on Digest says.
func TestDigestFormat(t *testing.T) {
	d := newDir(t)
	d.chmod(".", 0o750)
	d.sparse("f", 200_000, "xy", 131_071)
	d.chmod("f", 0o4755)
	d.xattr("f", "user.k", "v")
	d.link("f", "g")
	d.symlink("to", "l")
	d.whiteout("w")
	n := func(v int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(v))) }
	s := func(v string) string { return n(int64(len(v))) + v }
	block1 := make([]byte, 65536)
	block1[65535] = 'x'
	block2 := make([]byte, 65536)
	block2[0] = 'y'
	owner := n(1000) + n(1000)
	want := sha256.Sum256([]byte("laplace layer 1\n" +
		"\x01" + s(".") + "d" + n(0o750) + owner + n(-7) + n(0) + "\x00" +
		"\x01" + s("f") + "f" + n(0o4755) + owner + n(virtualBase) + n(1) + s("user.k") + s("v") + n(200_000) +
		"\x01" + n(65536) + s(string(block1)) + "\x01" + n(131072) + s(string(block2)) + "\x00" +
		"\x01" + s("g") + "h" + s("f") +
		"\x01" + s("l") + "l" + n(0o777) + owner + n(virtualBase) + n(0) + s("to") +
		"\x01" + s("w") + "w" +
		"\x00"))
	equal(t, "digest", digest(t, d, fakeVirtual{".": -7}), hex.EncodeToString(want[:]))
}

// TestDigestSame: what must not enter the digest.
func TestDigestSame(t *testing.T) {
	build := func(order []int) dir {
		d := newDir(t)
		d.chmod(".", 0o755)
		d.mkdir("d")
		for _, i := range order {
			d.write(fmt.Sprint("d/", i), fmt.Sprint(i))
		}
		d.sparse("s", 1<<20, "data", 300_000, 320_000) // two extents in one block
		return d
	}
	a := build([]int{1, 2, 3, 4, 5, 6, 7, 8, 9})
	want := digest(t, a, fakeVirtual{})
	b := build([]int{5, 9, 1, 8, 2, 7, 3, 6, 4})
	equal(t, "other order", digest(t, b, fakeVirtual{}), want)

	b.utime("d/1", 12345)
	b.utime("d", 1_800_000_000e9)
	equal(t, "other times", digest(t, b, fakeVirtual{}), want)

	b.xattr("d", "user.overlay.impure", "y")
	b.xattr("d/1", "user.overlay.origin", "o")
	b.xattr(".", "user.overlay.uuid", "u")
	equal(t, "overlay's attributes", digest(t, b, fakeVirtual{}), want)

	data, err := os.ReadFile(b.p("s"))
	must(t, err)
	must(t, os.Remove(b.p("s")))
	must(t, os.WriteFile(b.p("s"), data, 0o644))
	equal(t, "no holes", digest(t, b, fakeVirtual{}), want)

	if os.Geteuid() == 0 {
		must(t, os.Chown(b.p("d/1"), 12, 34))
		equal(t, "other owners", digest(t, b, fakeVirtual{}), want)
	}
}

// TestDigestDiffers: what must.
func TestDigestDiffers(t *testing.T) {
	seen := map[string]string{}
	tests := []struct {
		name   string
		change func(d dir)
		v      fakeVirtual
	}{
		{"unchanged", func(dir) {}, nil},
		{"content", func(d dir) { d.write("f", "teXt") }, nil},
		{"length", func(d dir) { d.sparse("f", 5, "text", 0) }, nil},
		{"mode", func(d dir) { d.chmod("f", 0o600) }, nil},
		{"set-id", func(d dir) { d.chmod("f", 0o4644) }, nil},
		{"directory mode", func(d dir) { d.chmod("d", 0o700) }, nil},
		{"root mode", func(d dir) { d.chmod(".", 0o700) }, nil},
		{"name", func(d dir) { must(t, os.Rename(d.p("f"), d.p("ff"))) }, nil},
		{"moved", func(d dir) { must(t, os.Rename(d.p("f"), d.p("d/f"))) }, nil},
		{"target", func(d dir) { must(t, os.Remove(d.p("l"))); d.symlink("u", "l") }, nil},
		{"attribute", func(d dir) { d.xattr("f", "user.a", "") }, nil},
		{"attribute value", func(d dir) { d.xattr("f", "user.a", "1") }, nil},
		{"opaque", func(d dir) { d.xattr("d", "user.overlay.opaque", "y") }, nil},
		{"whiteout", func(d dir) { d.whiteout("w") }, nil},
		{"link", func(d dir) { d.link("f", "g") }, nil},
		{"copy", func(d dir) { d.write("g", "text") }, nil},
		{"mtime", func(dir) {}, fakeVirtual{"f": virtualBase + 1}},
		{"directory mtime", func(dir) {}, fakeVirtual{"d": virtualBase + 1}},
		{"symlink mtime", func(dir) {}, fakeVirtual{"l": virtualBase + 1}},
		{"fifo", func(d dir) { must(t, unix.Mkfifo(d.p("p"), 0o644)) }, nil},
		{"socket", func(d dir) { must(t, unix.Mknod(d.p("p"), unix.S_IFSOCK|0o644, 0)) }, nil},
	}
	for _, c := range tests {
		d := newDir(t)
		d.chmod(".", 0o755)
		d.mkdir("d")
		d.write("f", "text")
		d.symlink("t", "l")
		c.change(d)
		sum := digest(t, d, c.v)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s: the digest is that of %s", c.name, other)
		}
		seen[sum] = c.name
	}
}

// TestDigestHuge: a hole costs nothing, however large.
func TestDigestHuge(t *testing.T) {
	d := newDir(t)
	d.sparse("huge", 8<<40, "end", 7<<40)
	digest(t, d, nil) // would take hours, if it read the holes
}
