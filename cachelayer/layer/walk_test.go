package layer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sample fills an upper directory with one of everything.
func sample(d dir) {
	d.mkdir("dir")
	d.write("dir/b", "bee\n")
	d.write("dir-x", "sorts after dir/b\n")
	d.link("dir/b", "dir/z")
	d.link("dir/b", "a-link")
	d.symlink("some where", "sym")
	must(d.t, unix.Mkfifo(d.p("fifo"), 0o640))
	must(d.t, unix.Mknod(d.p("sock"), unix.S_IFSOCK|0o755, 0))
	d.whiteout("gone")
	d.link("gone", "dir/gone")
	d.mkdir("opaque")
	d.xattr("opaque", "user.overlay.opaque", "y")
	d.mkdir("xdir")
	d.xattr("xdir", "user.overlay.opaque", "x")
	d.write("xdir/x", "")
	d.xattr("xdir/x", "user.overlay.whiteout", "")
	d.write("dir/x", "") // not in a directory that says so: no whiteout
	d.xattr("dir/x", "user.overlay.whiteout", "")
	d.xattr("dir/x", "user.overlay.origin", "host dependent")
	d.xattr("dir/x", "user.overlay.overlay.opaque", "y")
	d.xattr("dir/x", "user.b", "2")
	d.xattr("dir/x", "user.a", "\x00")
	d.sparse("sparse", 1<<20, "data", 0, 512<<10)
	d.write("\xff\n", "odd")
	d.chmod("dir", 0o2755)
	d.chmod("dir-x", 0o4711)
	d.chmod("fifo", 0o640)
	d.chmod("sock", 0o755)
}

func entries(t testing.TB, d dir, v Virtual) (list []Entry) {
	t.Helper()
	must(t, Walk(d.open(), v, func(e Entry) error { list = append(list, e); return nil }))
	return list
}

func TestWalk(t *testing.T) {
	d := newDir(t)
	sample(d)
	d.chmod(".", 0o700)
	v := fakeVirtual{"dir": 5, "sym": 6}
	at := int64(virtualBase)
	bee := Entry{Kind: File, Mode: 0o644, UID: 1000, GID: 1000, Size: 4, Mtime: at}
	first, second, third := bee, bee, bee
	first.Path = "a-link"
	second.Path, second.LinkTo = "dir/b", "a-link"
	third.Path, third.LinkTo = "dir/z", "a-link"
	want := []Entry{
		{Path: ".", Kind: Dir, Mode: 0o700, UID: 1000, GID: 1000, Mtime: at},
		first,
		{Path: "dir", Kind: Dir, Mode: 0o2755, UID: 1000, GID: 1000, Mtime: 5},
		second,
		{Path: "dir/gone", Kind: Whiteout},
		{Path: "dir/x", Kind: File, Mode: 0o644, UID: 1000, GID: 1000, Mtime: at, Xattrs: []Xattr{
			{"user.a", []byte{0}}, {"user.b", []byte("2")}, {"user.overlay.overlay.opaque", []byte("y")},
		}},
		third,
		{Path: "dir-x", Kind: File, Mode: 0o4711, UID: 1000, GID: 1000, Size: 18, Mtime: at},
		{Path: "fifo", Kind: Fifo, Mode: 0o640, UID: 1000, GID: 1000, Mtime: at},
		{Path: "gone", Kind: Whiteout},
		{Path: "opaque", Kind: Dir, Opaque: true, Mode: 0o755, UID: 1000, GID: 1000, Mtime: at},
		{Path: "sock", Kind: Socket, Mode: 0o755, UID: 1000, GID: 1000, Mtime: at},
		{Path: "sparse", Kind: File, Mode: 0o644, UID: 1000, GID: 1000, Size: 1 << 20, Mtime: at,
			Extents: []Extent{{0, 4096}, {512 << 10, 4096}}},
		{Path: "sym", Kind: Symlink, Mode: 0o777, UID: 1000, GID: 1000, Size: 10, Target: "some where", Mtime: 6},
		{Path: "xdir", Kind: Dir, Mode: 0o755, UID: 1000, GID: 1000, Mtime: at},
		{Path: "xdir/x", Kind: Whiteout},
		{Path: "\xff\n", Kind: File, Mode: 0o644, UID: 1000, GID: 1000, Size: 3, Mtime: at},
	}
	equal(t, "entries", entries(t, d, v), want)

	host := entries(t, d, nil)[0]
	if st := d.stat("."); host.Mtime != st.Mtim.Nano() || host.UID != os.Geteuid() {
		t.Errorf("without Virtual: mtime %d, uid %d", host.Mtime, host.UID)
	}
}

func TestWalkStops(t *testing.T) {
	d := newDir(t)
	sample(d)
	stop := errors.New("stop")
	n := 0
	err := Walk(d.open(), nil, func(Entry) error {
		n++
		if n == 3 {
			return stop
		}
		return nil
	})
	if err != stop || n != 3 {
		t.Errorf("got %v after %d entries", err, n)
	}
}

func TestWalkRefuses(t *testing.T) {
	tests := []struct {
		name string
		make func(d dir)
		want error
		text string
	}{
		{"redirect", func(d dir) { d.mkdir("a/b"); d.xattr("a/b", "user.overlay.redirect", "/x") }, ErrForeign, `"a/b"`},
		{"metacopy", func(d dir) { d.write("m", ""); d.xattr("m", "user.overlay.metacopy", "") }, ErrForeign, `"m"`},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, []struct {
			name string
			make func(d dir)
			want error
			text string
		}{
			{"character device", func(d dir) { must(t, unix.Mknod(d.p("null"), unix.S_IFCHR, 0x103)) }, ErrDevice, `"null"`},
			{"block device", func(d dir) { must(t, unix.Mknod(d.p("b\n"), unix.S_IFBLK, 0x700)) }, ErrDevice, `"b\n"`},
			{"block device 0/0", func(d dir) { must(t, unix.Mknod(d.p("z"), unix.S_IFBLK, 0)) }, ErrDevice, `"z"`},
		}...)
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			d := newDir(t)
			c.make(d)
			err := Walk(d.open(), nil, func(Entry) error { return nil })
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v on %s", err, c.want, c.text)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	d := newDir(t)
	sample(d)
	f, err := Open(d.open(), "dir/b")
	must(t, err)
	defer f.Close()
	b := make([]byte, 10)
	n, _ := f.Read(b)
	equal(t, "content", string(b[:n]), "bee\n")
	for _, path := range []string{"", ".", "dir", "fifo", "sym", "../x", "dir/../dir/b", "/etc/passwd", "dir//b", "none"} {
		if f, err := Open(d.open(), path); err == nil {
			f.Close()
			t.Errorf("opened %q", path)
		}
	}
}

// deep makes a chain of n directories called name in d and a file x at its end,
// and returns the path of the innermost directory.
func deep(d dir, name string, n int) string {
	d.t.Helper()
	fd, err := unix.Open(d.path, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(d.t, err)
	for range n {
		if err := unix.Mkdirat(fd, name, 0o755); err != unix.EEXIST {
			must(d.t, err)
		}
		next, err := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY, 0)
		must(d.t, err)
		unix.Close(fd)
		fd = next
	}
	f, err := unix.Openat(fd, "x", unix.O_CREAT|unix.O_WRONLY, 0o644)
	must(d.t, err)
	_, err = unix.Write(f, []byte("deep"))
	must(d.t, err)
	unix.Close(f)
	unix.Close(fd)
	return strings.TrimSuffix(strings.Repeat(name+"/", n), "/")
}

// TestDeep uses trees far past PATH_MAX, and past the limit on descriptors.
func TestDeep(t *testing.T) {
	var limit, low unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low = limit
	low.Cur = 256
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	for _, c := range []struct {
		name  string
		depth int
	}{{"d", 2500}, {strings.Repeat("n", 255), 40}} {
		t.Run(fmt.Sprint(c.depth), func(t *testing.T) {
			d := newDir(t)
			// os.RemoveAll, which cleans up, keeps a descriptor per level.
			t.Cleanup(func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) })
			upper, project, out := d.sub("upper"), d.sub("project"), d.sub("out")
			dir := deep(upper, c.name, c.depth)
			upper.write(c.name+"/zz", "after the way back up")

			list := entries(t, upper, fakeVirtual{})
			equal(t, "entries", len(list), c.depth+3)
			e := list[c.depth+1]
			equal(t, "path", e.Path, dir+"/x")
			f, err := Open(upper.open(), e.Path)
			must(t, err)
			f.Close()

			want, err := Digest(upper.open(), fakeVirtual{})
			must(t, err)
			must(t, Export(upper.open(), out.path, fakeVirtual{}, Options{}))
			got, err := Digest(out.open(), fakeVirtual{})
			must(t, err)
			equal(t, "digest of the export", got, want)

			must(t, tryCommit(upper, project, nil, Options{}))
			got, err = Digest(project.open(), fakeVirtual{})
			must(t, err)
			equal(t, "digest of the commit", got, want)

			// Delete the chain again, and put a file in its place.
			second := d.sub("second")
			second.write(c.name, "file")
			must(t, tryCommit(second, project, nil, Options{}))
			equal(t, "project", project.names("."), []string{c.name})
			must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		})
	}
}

func TestTooDeep(t *testing.T) {
	d := newDir(t)
	deep(d, strings.Repeat("n", 255), MaxPath/256+1)
	err := Walk(d.open(), nil, func(Entry) error { return nil })
	if !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("got %v", err)
	}
}

// TestMoved: a directory that moves while the walk is below it is noticed, so
// that the way back up cannot lead elsewhere.
func TestMoved(t *testing.T) {
	d := newDir(t)
	tree, other := d.sub("tree"), d.sub("other")
	inner := deep(tree, "d", 3*openLevels)
	err := Walk(tree.open(), nil, func(e Entry) error {
		if e.Path != inner+"/x" {
			return nil
		}
		return os.Rename(tree.p("d/d/d"), other.p("d"))
	})
	if !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), `"d/d/d"`) {
		t.Errorf("got %v", err)
	}
}

// TestPathDescriptor: a root opened with O_PATH is enough.
func TestPathDescriptor(t *testing.T) {
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	sample(upper)
	open := func(d dir) *os.File {
		f, err := os.OpenFile(d.path, unix.O_PATH|unix.O_DIRECTORY, 0)
		must(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	must(t, MirrorRoot(open(project), open(upper)))
	p, err := NewPlan(open(upper), open(project), nil, Options{Root: true})
	must(t, err)
	tx, err := NewTransaction(p, open(project), "test", nil)
	must(t, err)
	defer tx.Close()
	must(t, tx.Apply(open(upper), nil))
	sum, err := Digest(open(upper), fakeVirtual{})
	must(t, err)
	again, err := Digest(upper.open(), fakeVirtual{})
	must(t, err)
	equal(t, "digest", sum, again)
	equal(t, "file", project.stat("dir/b").Size, int64(4))
}
