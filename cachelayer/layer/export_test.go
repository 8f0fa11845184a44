package layer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExport(t *testing.T) {
	d := newDir(t)
	upper := d.sub("upper")
	sample(upper)
	v := fakeVirtual{".": 7, "dir": 5_000_000_001, "sym": 6, "a-link": 9}
	out := dir{t, d.p("made/out")}
	must(t, Export(upper.open(), out.path, v, Options{}))

	for path, want := range map[string]int64{
		".": 7, "dir": 5_000_000_001, "dir/b": 9, "a-link": 9, "sym": 6, "fifo": virtualBase, "opaque": virtualBase, DeletedName: 7,
	} {
		st := out.stat(path)
		if st.Mtim.Nano() != want || st.Atim.Nano() != want {
			t.Errorf("%s: mtime %d, atime %d, want %d", path, st.Mtim.Nano(), st.Atim.Nano(), want)
		}
	}

	want := snapshot(t, upper.path, false)
	for _, gone := range []string{"gone", "dir/gone", "xdir/x"} {
		delete(want, gone)
	}
	for _, o := range want {
		for _, name := range []string{"opaque", "whiteout", "origin"} {
			delete(o.Xattrs, "user.overlay."+name)
		}
	}
	got := snapshot(t, out.path, false)
	delete(got, DeletedName)
	equal(t, "export", got, want)

	text, err := os.ReadFile(out.p(DeletedName))
	must(t, err)
	equal(t, "deletions", string(text), "\"dir/gone\"\n\"gone\"\n\"opaque/\"\n\"xdir/x\"\n")

}

func TestExportNoDeletions(t *testing.T) {
	d := newDir(t)
	upper, out := d.sub("upper"), d.sub("out")
	upper.write("f", "f")
	must(t, Export(upper.open(), out.path, nil, Options{}))
	equal(t, "names", out.names("."), []string{"f"})
}

// TestExportNew: of the directories that hide something, those that were there before
// are listed.
func TestExportNew(t *testing.T) {
	d := newDir(t)
	upper, out := d.sub("upper"), d.sub("out")
	for _, name := range []string{"new", "old"} {
		upper.mkdir(name)
		must(t, unix.Setxattr(upper.p(name), "user.overlay.opaque", []byte("y"), 0))
	}
	must(t, Export(upper.open(), out.path, nil, Options{Had: func(path string) bool { return path == "old" }}))
	text, err := os.ReadFile(out.p(DeletedName))
	must(t, err)
	equal(t, "deletions", string(text), "\"old/\"\n")
}

func TestExportQuotes(t *testing.T) {
	d := newDir(t)
	upper, out := d.sub("upper"), d.sub("out")
	upper.whiteout("new\nline")
	upper.whiteout("\xff\"")
	must(t, Export(upper.open(), out.path, nil, Options{}))
	text, err := os.ReadFile(out.p(DeletedName))
	must(t, err)
	equal(t, "deletions", string(text), `"new\nline"`+"\n"+`"\xff\""`+"\n")
}

func TestExportRefuses(t *testing.T) {
	d := newDir(t)
	upper := d.sub("upper")
	upper.write("f", "f")
	reserved := d.sub("reserved")
	reserved.write(DeletedName, "mine")
	reserved.write(".a", "before it")
	full := d.sub("full")
	full.write("keep", "k")
	d.write("file", "")
	must(t, unix.Mkfifo(d.p("fifo"), 0o600))
	empty := d.sub("empty")
	tests := []struct {
		name  string
		upper dir
		dst   string
		want  error
	}{
		{"not empty", upper, full.path, ErrNotEmpty},
		{"file", upper, d.p("file"), unix.ENOTDIR},
		{"fifo", upper, d.p("fifo"), unix.ENOTDIR},
		{"below a file", upper, d.p("file/x"), unix.ENOTDIR},
		{"reserved", reserved, empty.path, ErrReserved},
		{"reserved, made", reserved, d.p("new"), ErrReserved},
	}
	for _, c := range tests {
		if err := Export(c.upper.open(), c.dst, nil, Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	equal(t, "full", full.names("."), []string{"keep"})
	equal(t, "empty", empty.names("."), []string(nil))
	if _, err := os.Lstat(d.p("new")); !os.IsNotExist(err) {
		t.Errorf("the directory that was made is still there: %v", err)
	}
}

// TestExportAllOrNothing: a failure on the way leaves nothing.
func TestExportAllOrNothing(t *testing.T) {
	if !runAs(t, mounters()...) {
		return
	}
	d := mountable(t)
	upper, small := d.sub("upper"), d.sub("small")
	upper.write("a/b", "x")
	upper.write("z", string(make([]byte, 2<<20)))
	upper.whiteout("w")
	tmpfs(t, small.path, "size=1m")
	err := Export(upper.open(), small.path, nil, Options{})
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	equal(t, "names", small.names("."), []string(nil))
	err = Export(upper.open(), small.p("x/y"), nil, Options{})
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	equal(t, "names", small.names("x"), []string(nil))
}

func TestExportOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can give files away
	}
	d := newDir(t)
	upper := d.sub("upper")
	upper.write("d/f", "f")
	upper.whiteout("w")
	out := dir{t, d.p("out")}
	must(t, Export(upper.open(), out.path, nil, Options{Owner: &Owner{12, 34}}))
	for _, name := range []string{".", "d", "d/f", DeletedName} {
		st := out.stat(name)
		equal(t, "owner of "+name, []uint32{st.Uid, st.Gid}, []uint32{12, 34})
	}
}

func TestMirrorRoot(t *testing.T) {
	d := newDir(t)
	lower, upper := d.sub("lower"), d.sub("upper")
	lower.chmod(".", 0o3750)
	lower.xattr(".", "user.a", "1")
	lower.xattr(".", "user.overlay.opaque", "y")
	lower.utime(".", 42)
	must(t, MirrorRoot(upper.open(), lower.open()))
	st := upper.stat(".")
	equal(t, "mode", st.Mode&0o7777, uint32(0o3750))
	equal(t, "time", st.Mtim.Nano(), int64(42))
	equal(t, "attributes", testXattrs(t, upper.path, false), map[string]string{"user.a": "1"})
}

// tmpfs mounts one.
func tmpfs(t testing.TB, at, options string) {
	t.Helper()
	must(t, unix.Mount("tmpfs", filepath.Clean(at), "tmpfs", 0, options))
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
}
