package layer

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCommitFailures: an error names its cause and its path, temporary files
// are removed, and the file that was to be replaced is as it was.
func TestCommitFailures(t *testing.T) {
	if !runAs(t, mounters()...) {
		return
	}
	base := mountable(t)
	tests := []struct {
		name    string
		prepare func(project dir)
		want    error
		path    string
	}{
		{"full", func(p dir) { tmpfs(t, p.path, "size=1m") }, unix.ENOSPC, `"d/big"`},
		{"read-only", func(p dir) {
			must(t, unix.Mount(p.path, p.path, "", unix.MS_BIND, ""))
			t.Cleanup(func() { unix.Unmount(p.path, unix.MNT_DETACH) })
		}, unix.EROFS, `"d/big"`},
		{"mount in the way", func(p dir) {
			p.mkdir("d")
			tmpfs(t, p.p("d"), "")
		}, unix.EXDEV, `"d/big"`},
		{"mount to remove", func(p dir) {
			p.mkdir("gone/a")
			tmpfs(t, p.p("gone/a"), "")
		}, unix.EXDEV, `"gone/a"`},
		{"mount to replace", func(p dir) {
			p.write("swap/x/y", "")
			tmpfs(t, p.p("swap/x"), "")
		}, unix.EXDEV, `"swap`},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			d := base.sub(strings.ReplaceAll(c.name, " ", "-"))
			upper, project := d.sub("upper"), d.sub("project")
			upper.write("d/big", string(make([]byte, 2<<20)))
			if c.name == "mount to replace" {
				upper.write("swap", "file")
			}
			upper.whiteout("gone")
			c.prepare(project)
			project.write("d/big", "as it was")
			project.write("gone/f", "removed only after everything else")
			if c.name == "read-only" {
				must(t, unix.Mount("", project.path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
			}
			err := tryCommit(upper, project, nil, Options{Now: commitTime})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %v, want %v on %s", err, c.want, c.path)
			}
			if c.name == "mount to replace" { // the user's mount is where it was
				equal(t, "names", project.names("."), []string{"d", "gone", "swap"})
				equal(t, "swap", project.names("swap"), []string{"x"})
			}
			if c.want == unix.ENOSPC || c.want == unix.EROFS {
				text, _ := os.ReadFile(project.p("d/big"))
				equal(t, "content", string(text), "as it was")
				equal(t, "names", project.names("d"), []string{"big"})
				equal(t, "names", project.names("gone"), []string{"f"})
			}
		})
	}
}

// TestCommitAcross goes from one file system to another.
func TestCommitAcross(t *testing.T) {
	if !runAs(t, mounters()...) {
		return
	}
	d := mountable(t)
	upper, project := d.sub("upper"), d.sub("project")
	tmpfs(t, project.path, "")
	upper.write("large", strings.Repeat("0123456789", 40_000))
	upper.sparse("sparse", 1<<20, strings.Repeat("d", 4096), 0, 512<<10)
	upper.link("sparse", "link")
	must(t, tryCommit(upper, project, nil, Options{Root: true}))
	equal(t, "project", snapshot(t, project.path, false), snapshot(t, upper.path, false))
}

// TestCommitDenied: an ordinary user's limits.
func TestCommitDenied(t *testing.T) {
	if !runAs(t, users()...) {
		return
	}
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	upper.write("d/f", "new")
	// Somebody else's directory.
	err := tryCommit(upper, dir{t, "/usr"}, nil, Options{Now: commitTime})
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), `create directory "d"`) {
		t.Errorf("got %v", err)
	}
	// One's own is opened, as the box did it.
	project.write("own/f", "as it was")
	project.chmod("own", 0o555)
	upper.write("own/f", "changed")
	upper.chmod("own", 0o555)
	commit(t, upper, project, nil, Options{})
	equal(t, "size", project.stat("own/f").Size, int64(len("changed")))
	equal(t, "mode", project.stat("own").Mode&0o7777, uint32(0o555))

	secret := d.sub("secret")
	secret.write("s", "s")
	secret.chmod("s", 0)
	if _, err := Digest(secret.open(), nil); !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), `"s"`) {
		t.Errorf("got %v", err)
	}
	upper.write("given", "away")
	err = tryCommit(upper, project, nil, Options{Owner: &Owner{0, 0}})
	if err == nil {
		t.Error("gave files away")
	}
}

// TestCommitUnprivileged: what an ordinary user can do without any namespace.
func TestCommitUnprivileged(t *testing.T) {
	if !runAs(t, users()...) {
		return
	}
	d := newDir(t)
	upper, project := d.sub("upper"), d.sub("project")
	sample(upper)
	upper.chmod("dir", 0o555)
	upper.chmod("opaque", 0)
	upper.chmod("opaque", 0o500)
	upper.chmod("dir/x", 0o400)
	upper.write("unreadable-later", "u")
	upper.xattr("unreadable-later", "user.u", "u")
	// Read-only directories to remove.
	project.write("gone/a/b", "b")
	project.chmod("gone/a", 0o555)
	project.chmod("gone", 0o500)
	project.write("opaque/old/f", "f")
	project.chmod("opaque/old", 0)
	commit(t, upper, project, fakeVirtual{}, Options{})

	want := snapshot(t, upper.path, false)
	for _, gone := range []string{"gone", "dir/gone", "xdir/x"} {
		delete(want, gone)
	}
	for _, o := range want {
		for _, name := range []string{"opaque", "whiteout", "origin"} {
			delete(o.Xattrs, "user.overlay."+name)
		}
	}
	equal(t, "project", snapshot(t, project.path, false), want)

	// A mode that denies its owner does not stop what gave the file the mode.
	hidden := d.sub("hidden")
	out := d.sub("out")
	hidden.write("f", "f")
	hidden.xattr("f", "user.u", "u")
	p, err := NewPlan(hidden.open(), out.open(), nil, Options{})
	must(t, err)
	p.Ops[0].Mode = 0
	must(t, apply(p, hidden, out))
	equal(t, "mode", out.stat("f").Mode&0o7777, uint32(0))
}
