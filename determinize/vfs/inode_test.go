package vfs

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"laplace.dev/laplace/determinize/clock"
)

func TestShow(t *testing.T) {
	const epoch = 1_577_836_800_000_000_000
	when := func(ns int64) unix.Timespec { return unix.NsecToTimespec(epoch + ns) }
	plain := Inode{Ino: 42, Dev: 7, Mtime: 1500, Owner: guest}
	linked := plain
	linked.SetLinks(2)
	gone := linked
	gone.Unlinked(statOf(Key{}, unix.S_IFREG, 5))
	gone.Unlinked(statOf(Key{}, unix.S_IFREG, 5))
	far := plain
	far.Mtime = -epoch - 1
	for _, c := range []struct {
		name   string
		inode  Inode
		in     unix.Stat_t
		blocks int64
		want   unix.Stat_t // without what all have in common
	}{
		{
			"file", plain,
			unix.Stat_t{Mode: unix.S_IFREG | 0o6644, Nlink: 3, Size: 5000, Blocks: 16, Uid: 5, Gid: 6, Dev: 1, Ino: 2, Blksize: 512},
			-1,
			unix.Stat_t{Mode: unix.S_IFREG | 0o6644, Nlink: 3, Size: 5000, Blocks: 16},
		},
		{"file on a file system that packs", plain, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1, Size: 5000, Blocks: 24}, -1, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1, Size: 5000, Blocks: 16}},
		{"file with holes", plain, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1, Size: 1 << 20, Blocks: 8}, 24, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1, Size: 1 << 20, Blocks: 24}},
		{"empty file", plain, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1}, -1, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 1}},
		{"links outside", linked, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 5}, -1, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 2}},
		{"all names gone", gone, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 5}, -1, unix.Stat_t{Mode: unix.S_IFREG, Nlink: 0}},
		{"directory", plain, unix.Stat_t{Mode: unix.S_IFDIR | 0o755, Nlink: 17, Size: 60, Blocks: 0}, -1, unix.Stat_t{Mode: unix.S_IFDIR | 0o755, Nlink: 1, Size: 4096, Blocks: 8}},
		{"symbolic link", plain, unix.Stat_t{Mode: unix.S_IFLNK | 0o777, Nlink: 1, Size: 100, Blocks: 8}, -1, unix.Stat_t{Mode: unix.S_IFLNK | 0o777, Nlink: 1, Size: 100}},
		{"device", plain, unix.Stat_t{Mode: unix.S_IFCHR | 0o666, Nlink: 1, Rdev: 0x103}, -1, unix.Stat_t{Mode: unix.S_IFCHR | 0o666, Nlink: 1, Rdev: 0x103}},
		{"before 1970", far, unix.Stat_t{Mode: unix.S_IFIFO, Nlink: 1}, -1, unix.Stat_t{Mode: unix.S_IFIFO, Nlink: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Dev, c.want.Ino, c.want.Uid, c.want.Gid, c.want.Blksize = 7, 42, 1000, 1000, 4096
			c.want.Mtim = when(c.inode.Mtime)
			c.want.Atim, c.want.Ctim = c.want.Mtim, c.want.Mtim
			c.inode.Show(&c.in, epoch, func() int64 {
				if c.blocks < 0 {
					t.Error("asked for the blocks of a file without holes")
				}
				return c.blocks
			})
			if diff := cmp.Diff(c.want, c.in, cmp.AllowUnexported(unix.Stat_t{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestUnlinked(t *testing.T) {
	const file, dir = unix.S_IFREG, unix.S_IFDIR
	for _, c := range []struct {
		name  string
		links int // counted, or 0
		mode  uint32
		nlink []uint64 // before each name that is taken away
		gone  bool
	}{
		{"only name", 0, file, []uint64{1}, true},
		{"first of two", 0, file, []uint64{2}, false},
		{"both", 0, file, []uint64{2, 1}, true},
		{"directory", 0, dir, []uint64{5}, true},
		{"lower, first of two", 2, file, []uint64{2}, false},
		{"lower, both", 2, file, []uint64{2, 2}, true},
		{"lower, others outside", 1, file, []uint64{9}, true},
	} {
		var n Inode
		if c.links > 0 {
			n.SetLinks(c.links)
		}
		for _, l := range c.nlink {
			n.Unlinked(statOf(Key{}, c.mode, l))
		}
		if n.Gone() != c.gone {
			t.Errorf("%s: gone %v", c.name, n.Gone())
		}
	}
}

// What changes a file, by processes that may not know of each other.
func TestStamps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clocks := make([]clock.Clock, 3)
		n := &Inode{Mtime: LowerMtime}
		asked := false // the time is one that was asked for
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			c := &clocks[rapid.IntRange(0, 2).Draw(t, "process")]
			before := n.Mtime
			c.Tick()
			switch rapid.IntRange(0, 6).Draw(t, "do") {
			case 0:
				c.Overwrite()
			case 1:
				c.SleepUntil(c.Now() + rapid.Int64Range(0, 1e10).Draw(t, "sleep"))
			case 2, 3:
				n.Touch(c)
				switch {
				case n.Mtime < c.Stamp():
					t.Fatalf("stamped %d by a process that stamps %d", n.Mtime, c.Stamp())
				case asked && n.Mtime != c.Stamp():
					t.Fatalf("a change left the time %d that was asked for", n.Mtime)
				case !asked && n.Mtime < before:
					t.Fatalf("went back from %d to %d", before, n.Mtime)
				}
				asked = false
			case 4:
				at := rapid.Int64Range(-1e18, 1e18).Draw(t, "mtime")
				n.SetMtime(c, at)
				asked = true
				if n.Mtime != at {
					t.Fatalf("set to %d, is %d", at, n.Mtime)
				}
			case 5:
				n.Changed(c)
				if n.Mtime != before {
					t.Fatal("a change of metadata moved the time")
				}
			case 6:
				n.Replaced(c)
				if kept := asked || before == LowerMtime; kept && n.Mtime != before {
					t.Fatalf("a rename over another file moved the time %d that was asked for", before)
				} else if !kept && n.Mtime < c.Stamp() {
					t.Fatalf("a file that replaced another has the time %d, the process stamps %d", n.Mtime, c.Stamp())
				}
			}
			// Who reads the file after the change knows of the change.
			reader := clock.Clock{}
			reader.Join(n.Last)
			if !asked && n.Mtime != LowerMtime && reader.Stamp() < n.Mtime {
				t.Fatalf("a reader stamps %d, before the time %d of what it has read", reader.Stamp(), n.Mtime)
			}
		}
	})
}

// numbers are unique in a run, whatever is made and renamed.
func TestNumbersUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := NewTable(guest, mounts)
		seen := map[uint64]*Inode{}
		made := map[string]uint64{}
		for i := range rapid.IntRange(1, 100).Draw(t, "inodes") {
			k := Key{1, uint64(i)}
			path := fmt.Sprintf("/tmp/project/%d", rapid.IntRange(0, 5).Draw(t, "path"))
			var n *Inode
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				path = fmt.Sprintf("%s.%d", path, i) // each path has one lower file
				n = tab.Lower(k, path)
			case 1:
				n = tab.CreatedDir(k, path, guest)
			case 2:
				maker := rapid.SampledFrom([]string{"a", "b", "ab", ""}).Draw(t, "maker")
				made[maker]++
				n = tab.Created(k, path, []byte(maker), made[maker], guest)
			}
			if seen[n.Ino] != nil {
				t.Fatalf("number %d twice", n.Ino)
			}
			seen[n.Ino] = n
		}
	})
}
