package layer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var commitTime = time.Unix(1_700_000_000, 0)

func commit(t testing.TB, upper, project dir, v Virtual, o Options) {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = commitTime
	}
	must(t, tryCommit(upper, project, v, o))
}

// tryCommit makes a plan and applies it.
func tryCommit(upper, project dir, v Virtual, o Options) error {
	p, err := NewPlan(upper.open(), project.open(), v, o)
	if err != nil {
		return err
	}
	return apply(p, upper, project)
}

func apply(p *Plan, upper, project dir) error {
	t, err := NewTransaction(p, project.open(), "test", nil)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.Apply(upper.open(), nil)
}

// TestCommitXattrWhiteout: the mount makes none of these itself.
func TestCommitXattrWhiteout(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	project.write("d/a", "a")
	project.write("d/keep", "keep")
	project.write("d/tree/b", "b")
	upper.mkdir("d")
	upper.xattr("d", "user.overlay.opaque", "x")
	for _, name := range []string{"d/a", "d/tree", "d/none"} {
		upper.write(name, "")
		upper.xattr(name, "user.overlay.whiteout", "")
	}
	commit(t, upper, project, nil, Options{})
	equal(t, "names", project.names("d"), []string{"keep"})
	equal(t, "attributes", testXattrs(t, project.p("d"), false), map[string]string{})
}

func TestCommitTimes(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	for _, at := range []dir{upper, project} {
		at.mkdir("old-dir")
		at.write("old-dir/same", "same")
		at.write("touched", "same")
	}
	project.utime("old-dir", 111)
	project.utime("old-dir/same", 222)
	project.utime("touched", 333)
	upper.write("z", "first")
	upper.write("a", "second")
	upper.write("b", "as a")
	upper.symlink("x", "l")
	upper.mkdir("d")
	upper.write("d/f", "last")
	upper.whiteout("none")
	base := int64(virtualBase)
	v := fakeVirtual{
		".": base + 50, "old-dir": base - 9, "old-dir/same": base - 8, "touched": base + 2,
		"z": base, "a": base + 1, "b": base + 1, "l": base + 30, "d": base + 51, "d/f": base + 51,
	}
	commit(t, upper, project, v, Options{Since: base})
	now := commitTime.UnixNano()
	want := map[string]int64{
		"old-dir": 111, "old-dir/same": 222,
		"z": now - 5000, "a": now - 4000, "b": now - 4000, "touched": now - 3000, "l": now - 2000, "d": now, "d/f": now,
	}
	got := map[string]int64{}
	for path := range want {
		st := project.stat(path)
		got[path] = st.Mtim.Nano()
	}
	equal(t, "times", got, want)

	// Without Since everything is stamped anew.
	commit(t, upper, project, v, Options{})
	st := project.stat("old-dir")
	equal(t, "time of old-dir", st.Mtim.Nano(), now-7000)
	st = project.stat("old-dir/same")
	equal(t, "time of old-dir/same", st.Mtim.Nano(), now-6000)
}

// TestCommitKeeps: what did not change stays the same inode.
func TestCommitKeeps(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	for _, at := range []dir{upper, project} {
		at.write("same", "same")
		at.write("mode", "same")
		at.write("l1", "linked")
		at.link("l1", "l2")
		at.symlink("x", "sym")
		at.sparse("sparse", 1<<20, "data", 512<<10)
		at.write("size", "1")
		at.write("content", "1")
		at.write("half", "linked")
		at.write("holes", strings.Repeat("\x00", 1<<20))
		must(t, unix.Mkfifo(at.p("fifo"), 0o600))
		at.write("pair1", "pair")
	}
	// The layer has one inode with two names, the project two of them.
	upper.link("pair1", "pair2")
	project.write("pair2", "pair")
	project.link("pair1", "pair3")
	project.link("pair2", "pair4")
	project.link("fifo", "fifo2")
	project.link("half", "other") // is not in the layer, so the mount showed two inodes
	upper.chmod("mode", 0o600)
	upper.write("size", "22")
	upper.write("content", "2")
	must(t, os.Remove(upper.p("holes")))
	upper.sparse("holes", 1<<20, "")
	before := map[string]uint64{}
	for _, name := range project.names(".") {
		before[name] = project.stat(name).Ino
	}
	commit(t, upper, project, nil, Options{})
	for _, name := range project.names(".") {
		kept := project.stat(name).Ino == before[name]
		want := map[string]bool{"same": true, "mode": true, "l1": true, "l2": true, "sym": true, "sparse": true, "other": true,
			"fifo2": true, "pair3": true, "pair4": true}[name]
		if kept != want {
			t.Errorf("%s: kept %v, want %v", name, kept, want)
		}
	}
	equal(t, "mode", project.stat("mode").Mode&0o7777, uint32(0o600))
	equal(t, "pair", project.stat("pair2").Ino, project.stat("pair1").Ino)
}

func TestCommitRoot(t *testing.T) {
	for _, apply := range []bool{false, true} {
		d := newDir(t)
		upper, project := d.sub("upper"), d.sub("project")
		project.xattr(".", "user.keep", "k")
		upper.chmod(".", 0o700)
		upper.write("f", "")
		commit(t, upper, project, nil, Options{Root: apply})
		want := map[bool]uint32{false: 0o755, true: 0o700}[apply]
		equal(t, fmt.Sprint("mode with Root ", apply), project.stat(".").Mode&0o7777, want)
		equal(t, fmt.Sprint("attributes with Root ", apply), len(testXattrs(t, project.path, false)), map[bool]int{false: 1, true: 0}[apply])
	}
}

func TestCommitSetID(t *testing.T) {
	d := newDir(t)
	upper := d.sub("upper")
	upper.write("f", "new")
	upper.mkdir("d")
	upper.write("same", "same")
	upper.chmod("f", 0o6755)
	upper.chmod("d", 0o3755)
	upper.chmod("same", 0o4755)
	for _, drop := range []bool{false, true} {
		project := d.sub(fmt.Sprint("project", drop))
		project.write("same", "same")
		commit(t, upper, project, nil, Options{DropSetID: drop})
		got := []uint32{project.stat("f").Mode & 0o7777, project.stat("same").Mode & 0o7777, project.stat("d").Mode & 0o7777}
		want := map[bool][]uint32{false: {0o6755, 0o4755, 0o3755}, true: {0o755, 0o755, 0o3755}}[drop]
		equal(t, fmt.Sprint("modes with DropSetID ", drop), got, want)
	}
}

// TestCommitOwner needs to be root, so an ordinary user's run checks that the
// owner is the user instead.
func TestCommitOwner(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	upper.write("new", "n")
	upper.write("old", "changed")
	upper.mkdir("dir")
	upper.write("dir/f", "f")
	upper.mkdir("olddir")
	upper.symlink("x", "sym")
	upper.mkdir("type")
	upper.chmod("new", 0o4755)
	project.write("old", "o")
	project.write("type", "o")
	project.mkdir("olddir")
	owner, other := Owner{os.Geteuid(), os.Getegid()}, Owner{os.Geteuid(), os.Getegid()}
	if os.Geteuid() == 0 {
		owner, other = Owner{4321, 8765}, Owner{55, 66}
		for _, name := range []string{"old", "olddir", "type"} {
			must(t, os.Chown(project.p(name), other.UID, other.GID))
		}
	}
	commit(t, upper, project, nil, Options{Owner: &owner})
	for name, want := range map[string]Owner{
		"new": owner, "dir": owner, "dir/f": owner, "sym": owner, "type": owner, "old": other, "olddir": other,
	} {
		st := project.stat(name)
		equal(t, "owner of "+name, Owner{int(st.Uid), int(st.Gid)}, want)
	}
	equal(t, "mode", project.stat("new").Mode&0o7777, uint32(0o4755))

	// The kernel clears set-id bits when it changes an owner.
	st := project.stat("new")
	was := StampOf(&st)
	p := &Plan{[]Op{{Kind: OpAttr, Type: File, Path: "new", Mode: 0o4755, Owner: &other, Was: &was}}}
	must(t, apply(p, upper, project))
	equal(t, "mode", project.stat("new").Mode&0o7777, uint32(0o4755))

	p.Ops[0].Type = Dir
	if err := apply(p, upper, project); !errors.Is(err, ErrConflict) {
		t.Errorf("metadata of another kind of entry: %v", err)
	}
}

// TestCommitNeverFollows: symbolic links in the project lead nowhere.
func TestCommitNeverFollows(t *testing.T) {
	d := newDir(t)
	upper, project, outside := d.sub("upper"), d.sub("project"), d.sub("outside")
	outside.write("f", "precious")
	outside.write("sub/g", "precious")
	want := snapshot(t, outside.path, false)
	upper.mkdir("dir")
	upper.write("dir/f", "evil")
	upper.write("link", "evil")
	upper.mkdir("opaque")
	upper.xattr("opaque", "user.overlay.opaque", "y")
	upper.whiteout("gone")
	upper.whiteout("dir2/f")
	for _, name := range []string{"dir", "opaque", "gone", "dir2"} {
		project.symlink(outside.path, name)
	}
	project.symlink(outside.p("f"), "link")
	commit(t, upper, project, nil, Options{})
	equal(t, "outside", snapshot(t, outside.path, false), want)
	equal(t, "dir/f", project.stat("dir/f").Size, int64(4))
	equal(t, "link", project.stat("link").Mode&unix.S_IFMT, uint32(unix.S_IFREG))
	equal(t, "names", project.names("."), []string{"dir", "dir2", "link", "opaque"})
}

// TestTransactionNeverFollows: also when they come after the plan was made.
func TestTransactionNeverFollows(t *testing.T) {
	tests := []struct{ name, removed string }{{"create", ""}, {"remove", "x"}, {"attr", ""}, {"link", ""}, {"below", ""}}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			d := newDir(t)
			upper, project, outside := d.sub("upper"), d.sub("project"), d.sub("outside")
			for _, at := range []dir{project, outside} {
				at.write("x", "1")
				at.write("y/x", "1")
			}
			want := snapshot(t, outside.path, false)
			project.write("d/x", "1")
			project.write("d/y/x", "1")
			upper.mkdir("d")
			switch c.name {
			case "create":
				upper.write("d/x", "2")
			case "remove":
				upper.whiteout("d/x")
			case "attr":
				upper.write("d/x", "1")
				upper.chmod("d/x", 0o600)
			case "link":
				upper.write("a", "1")
				upper.link("a", "d/x")
			case "below":
				upper.whiteout("d/y/x")
			}
			p, err := NewPlan(upper.open(), project.open(), nil, Options{})
			must(t, err)
			must(t, os.Rename(project.p("d"), project.p("was")))
			project.symlink(outside.path, "d")
			tx, err := NewTransaction(p, project.open(), "test", nil)
			must(t, err)
			defer tx.Close()
			if err := tx.Check(nil); !errors.Is(err, ErrConflict) {
				t.Errorf("check: %v", err)
			}
			if err = tx.Stage(upper.open()); err == nil {
				err = tx.Place()
			}
			if !gone(err) && !errors.Is(err, ErrConflict) {
				t.Errorf("got %v", err)
			}
			if err := tx.Undo(); err != nil {
				t.Errorf("undo: %v", err)
			}
			equal(t, "outside", snapshot(t, outside.path, false), want)
		})
	}
}

// TestTransactionRefusesPaths: a plan may come from a file some day.
func TestTransactionRefusesPaths(t *testing.T) {
	d := newDir(t)
	project := d.sub("project")
	d.write("outside", "precious")
	project.mkdir("d")
	was := &Stamp{}
	for _, path := range []string{"../outside", "d/../../outside", "..", "", "/etc", "d/", "d//x", "./d", "d/.", "d\x00", strings.Repeat("d/", MaxPath/2) + "d"} {
		for kind := OpKind(0); kind <= OpAttr+1; kind++ {
			p := &Plan{[]Op{{Kind: kind, Type: Symlink, Path: path, LinkTo: path, Was: was}}}
			if _, err := NewTransaction(p, project.open(), "test", nil); !errors.Is(err, unix.EINVAL) {
				t.Errorf("operation %d on %q: %v", kind, path, err)
			}
		}
	}
	equal(t, "names", d.names("."), []string{"outside", "project"})
	equal(t, "project", project.names("."), []string{"d"})
}

// TestPlan pins the order of the operations.
func TestPlan(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	project.write("d/hidden", "h")
	project.write("d/deleted", "d")
	project.write("same", "same")
	project.write("type", "type")
	upper.mkdir("d/new")
	upper.xattr("d", "user.overlay.opaque", "y")
	upper.write("d/new/f", "four")
	upper.whiteout("d/deleted")
	upper.whiteout("none")
	upper.write("same", "same")
	upper.mkdir("type")
	upper.symlink("to", "sym")
	upper.link("d/new/f", "zz")
	p, err := NewPlan(upper.open(), project.open(), fakeVirtual{"d/new/f": virtualBase + 1}, Options{Now: time.Unix(100, 0)})
	must(t, err)
	at := int64(100e9 - 1000)
	ops := slices.Clone(p.Ops)
	var existed []string
	for i := range ops {
		if ops[i].Was != nil {
			existed = append(existed, ops[i].Path)
			st := project.stat(ops[i].Path)
			equal(t, "stamp of "+ops[i].Path, *ops[i].Was, StampOf(&st))
		}
		ops[i].Was = nil
	}
	equal(t, "what is there", existed, []string{"type", "d/hidden", "d/deleted", "same", "d"})
	equal(t, "plan", ops, []Op{
		{Kind: OpCreate, Path: "d/new", Type: Dir},
		{Kind: OpCreate, Path: "d/new/f", Type: File, Size: 4, Mode: 0o644, Mtime: 100e9},
		{Kind: OpCreate, Path: "sym", Type: Symlink, Target: "to", Mode: 0o777, Mtime: at},
		{Kind: OpCreate, Path: "type", Type: Dir},
		{Kind: OpLink, Path: "zz", LinkTo: "d/new/f"},
		{Kind: OpRemove, Path: "d/hidden"},
		{Kind: OpRemove, Path: "d/deleted"},
		{Kind: OpAttr, Path: "same", Type: File, Mode: 0o644, Mtime: at},
		{Kind: OpAttr, Path: "type", Type: Dir, Mode: 0o755, Mtime: at},
		{Kind: OpAttr, Path: "d/new", Type: Dir, Mode: 0o755, Mtime: at},
		{Kind: OpAttr, Path: "d", Type: Dir, Mode: 0o755, Mtime: at},
	})
	must(t, apply(p, upper, project))
	equal(t, "names", project.names("."), []string{"d", "same", "sym", "type", "zz"})
	equal(t, "links", project.stat("zz").Ino, project.stat("d/new/f").Ino)
	equal(t, "number of links", project.stat("zz").Nlink, uint64(2))
}

// TestTransactionWays: the ways that the kernel or a file system may not offer lead
// to the same result.
func TestTransactionWays(t *testing.T) {
	for i, ways := range []Transaction{
		{},
		{noExchange: true},
		{noExchange: true, noReplace: true},
		{copies: copier{noClone: true}},
		{copies: copier{noClone: true, noCopy: true}},
	} {
		d := newDir(t)
		upper, project := d.sub("upper"), d.sub("project")
		upper.write("to-file", "f")
		upper.write("to-dir/f", "f")
		upper.symlink("x", "to-link")
		upper.write("large", strings.Repeat("0123456789", 40_000))
		upper.sparse("sparse", 1<<20, strings.Repeat("data", 50_000), 300_001, 700_000)
		project.write("to-file/a/b", "")
		project.write("to-dir", "")
		project.write("to-link/x", "")
		p, err := NewPlan(upper.open(), project.open(), nil, Options{})
		must(t, err)
		x, err := NewTransaction(p, project.open(), "test", nil)
		must(t, err)
		defer x.Close()
		x.noExchange, x.noReplace, x.copies = ways.noExchange, ways.noReplace, ways.copies
		must(t, x.Apply(upper.open(), nil))
		equal(t, fmt.Sprint("way ", i), snapshot(t, project.path, false), snapshot(t, upper.path, false))
	}
}
