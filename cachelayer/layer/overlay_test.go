package layer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// changes are what shell scripts do in a mount. Each must be committed so that
// the lower directory becomes what the mount showed.
var changes = []struct {
	name, lower, change string
}{
	{"nothing", `echo a >a`, `:`},
	{"files", `mkdir d; echo a >a; echo b >d/b; echo keep >keep`,
		`echo new >new; echo more >>a; rm d/b; echo c >d/c; : >empty; : >keep`},
	{"modes", `mkdir d; echo a >a; echo b >d/b; chmod 600 a`,
		`chmod 4755 a; chmod 2770 d; chmod 1777 .; echo x >x; chmod 0 x; mkdir e; chmod 500 e; mkdir -m 0 z`},
	{"read-only directory", `mkdir -p d/e; echo a >d/e/a; chmod 555 d/e d`,
		`chmod 755 d d/e; echo b >d/e/b; rm d/e/a; chmod 555 d/e d`},
	{"remove trees", `mkdir -p d/e/f e; echo a >d/e/a; echo b >d/e/f/b; ln -s x d/e/s; chmod 555 d/e/f`,
		`chmod 755 d/e/f; rm -r d; rmdir e`},
	{"opaque", `mkdir -p d/e/f; echo a >d/a; echo b >d/e/b; echo c >d/e/f/c`,
		`rm -r d; mkdir d; echo n >d/n; mkdir -p d/e/f; echo c2 >d/e/f/c`},
	{"opaque, same names", `mkdir -p d/e; echo a >d/a; echo b >d/e/b`,
		`cp -r d d2; rm -r d; mv d2 d; rm d/e/b`},
	{"opaque, then merged", `mkdir -p d e/f; echo a >d/a; echo b >e/b; echo c >e/f/c`,
		`rm -r d; mkdir d; echo n >e/n; echo n >e/f/n`},
	{"file to directory", `echo a >a; ln -s a s; mkfifo p`,
		`rm a s p; mkdir -p a/b s p; echo x >a/b/x; echo y >s/y`},
	{"directory to others", `mkdir -p a/b c/d e/f; echo 1 >a/b/1; echo 2 >c/d/2`,
		`rm -r a c e; echo file >a; ln -s a c; mkfifo e`},
	{"symlinks", `ln -s x a; ln -s y b; echo f >f; ln -s d dd; mkdir d`,
		`ln -sfn z a; rm b; echo b >b; ln -sf a f; rm dd; mkdir dd; echo q >dd/q; ln -s "$(printf 'odd\ntarget ')" odd`},
	{"symlinks of one length", `ln -s x a`, `ln -sf y a`},
	{"symlink unchanged", `ln -s x a; mkfifo p`, `mv a b; mv b a; mv p q; mv q p`},
	{"hard links", `mkdir d; echo a >a`,
		`ln a b; ln a d/c; echo n >d/n; ln d/n n; ln -s t s; ln s s2; mkfifo p; ln p p2`},
	{"hard links of the lower", `echo a >a; ln a b; ln a c; echo k >k; ln k l`,
		`echo x >>a; rm b; ln c d; chmod 600 k`},
	{"hard links regrouped", `echo 1 >a; ln a b; echo 2 >c`,
		`ln -f c a; rm b; echo 3 >b; ln b e`},
	{"renames", `mkdir -p d/e; echo a >a; echo b >d/b; echo c >d/e/c`,
		`mv a A; mv d/b b; mv d D; mkdir n; echo x >n/x; mv n m; mv m d`},
	{"names", `mkdir 'a b'; echo 1 >'a b/c d'; echo 2 >"$(printf 'new\nline')"; echo 3 >"$(printf 'x\377\376')"; echo 4 >-r; echo 5 >'*'`,
		`echo m >>'a b/c d'; rm "$(printf 'new\nline')"; echo m >>"$(printf 'x\377\376')"; rm ./-r '*'; echo q >"$(printf '\001\\"'"'")"; l=$(printf '%0255d' 7); echo l >$l; mkdir "$(printf '%0255d' 8)"; echo o >.laplace-commit-0`},
	{"sparse", `truncate -s 1M a; dd if=/dev/urandom of=b bs=64k count=4 2>/dev/null; sync b`,
		`truncate -s 4M c; printf x | dd of=c bs=1 seek=2M conv=notrunc 2>/dev/null; truncate -s 1M b; printf y | dd of=a bs=1 seek=512k conv=notrunc 2>/dev/null; truncate -s 3G huge`},
	{"copied up, unchanged", `echo a >a; mkdir d; echo b >d/b; ln d/b d/c`,
		`: >>a; touch d/b; chmod 755 d`},
	{"replaced by equals", `echo a >a; mkdir d; echo b >d/b`,
		`rm -r a d; echo a >a; mkdir d; echo b >d/b`},
}

func TestCommitEqualsMount(t *testing.T) {
	if !runAs(t, mounters()...) {
		return
	}
	base := mountable(t)
	for i, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			d := dir{t, base.p(fmt.Sprint(i))}
			d.mkdir(".")
			o, project := newOverlay(d), d.sub("project")
			for _, at := range []dir{o.lower, project} {
				shell(t, at, c.lower)
			}
			commitEqualsMount(t, o, project, func() { shell(t, o.merged, c.change) })
		})
	}
	t.Run("attributes", func(t *testing.T) {
		d := dir{t, base.p("attributes")}
		d.mkdir(".")
		o, project := newOverlay(d), d.sub("project")
		for _, at := range []dir{o.lower, project} {
			for _, name := range []string{"set", "change", "drop", "ro"} {
				at.write(name, name)
			}
			at.mkdir("dir")
			at.xattr("change", "user.a", "1")
			at.xattr("drop", "user.a", "1")
			at.xattr("dir", "user.d", "1")
		}
		commitEqualsMount(t, o, project, func() {
			m := o.merged
			m.xattr("set", "user.a", "")
			m.xattr("set", "user.b", string(make([]byte, 3000)))
			m.xattr("change", "user.a", "\x00\xff")
			m.xattr("dir", "user.d", "2")
			m.xattr(".", "user.root", "r")
			m.xattr("ro", "user.r", "r")
			m.chmod("ro", 0o400)
			must(t, unix.Removexattr(m.p("drop"), "user.a"))
			m.write("new", "new")
			m.xattr("new", "user.n", "n")
			// An access control list: rw-, the user 0 r--, the mask, the others.
			acl := "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x00\x00\x00\x00" +
				"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
			m.xattr("new", "system.posix_acl_access", acl)
			m.xattr("dir", "system.posix_acl_default", acl)
			m.write("dir/inherits", "acl")
			must(t, unix.Mkfifo(m.p("dir/fifo"), 0o640))
			must(t, unix.Mknod(m.p("sock"), unix.S_IFSOCK|0o640, 0))
			// Since Linux 6.7 the mount takes such names, and stores them escaped.
			if err := unix.Setxattr(m.p("dir"), "user.overlay.opaque", []byte("y"), 0); err != nil && err != unix.EOPNOTSUPP {
				t.Fatal(err)
			}
		})
	})
}

// commitEqualsMount runs change in a mount of o and checks that a commit of the
// upper directory makes project, a copy of the lower one, equal to the mount.
// A second commit must change nothing.
func commitEqualsMount(t testing.TB, o overlay, project dir, change func()) {
	t.Helper()
	up, down := o.upper.open(), o.lower.open()
	must(t, MirrorRoot(up, down))
	must(t, o.mount())
	mounted := true
	defer func() {
		if mounted {
			unix.Unmount(o.merged.path, unix.MNT_DETACH)
		}
	}()
	change()
	// Without privilege an inode keeps, until the next mount, the number that
	// it had before it was copied up, and its new links have another one.
	must(t, o.unmount())
	mounted = false
	must(t, o.mount())
	mounted = true
	want := snapshot(t, o.merged.path, true)
	must(t, o.unmount())
	mounted = false
	options := Options{Root: true, Now: time.Unix(1700000000, 0)}
	for i := range 2 {
		if err := tryCommit(o.upper, project, nil, options); err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("project after commit %d", i+1), snapshot(t, project.path, false), want)
	}
}

// shell runs a script in a directory.
func shell(t testing.TB, at dir, script string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-ec", "umask 022\n"+script)
	cmd.Dir = at.path
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// step is one random operation in a tree.
type step struct {
	Op   string
	A, B string
	N    int
}

var stepOps = []string{"write", "append", "sparse", "truncate", "remove", "mkdir", "rename", "symlink", "link", "chmod", "setxattr", "rmxattr", "fifo", "socket"}

func steps(rt *rapid.T, label string, max int) []step {
	name := rapid.SampledFrom([]string{"a", "b", "c d", "e\xff"})
	path := rapid.Custom(func(t *rapid.T) string {
		return filepath.Join(rapid.SliceOfN(name, 1, 3).Draw(t, "path")...)
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(stepOps).Draw(t, "op"), path.Draw(t, "a"), path.Draw(t, "b"), rapid.IntRange(0, 7).Draw(t, "n")}
	}), 0, max).Draw(rt, label)
}

// apply does a step in a directory. Whether it succeeds does not matter.
func (s step) apply(root string) {
	a, b := filepath.Join(root, s.A), filepath.Join(root, s.B)
	write := func(flags int, text string, off int64) {
		if st, err := os.Lstat(a); err == nil && !st.Mode().IsRegular() {
			return // a FIFO would block, a symbolic link might lead out
		}
		if f, err := os.OpenFile(a, os.O_WRONLY|os.O_CREATE|flags, 0o640); err == nil {
			f.Seek(off, 1)
			f.WriteString(text)
			f.Close()
		}
	}
	switch s.Op {
	case "write":
		write(os.O_TRUNC, fmt.Sprint("text ", s.N), 0)
	case "append":
		write(os.O_APPEND, fmt.Sprint("more ", s.N), 0)
	case "sparse":
		write(0, "data", int64(s.N)*100_000)
	case "truncate":
		if st, err := os.Lstat(a); err == nil && st.Mode().IsRegular() {
			os.Truncate(a, int64(s.N)*50_000)
		}
	case "remove":
		// os.RemoveAll opens the parent, and would wait for a FIFO's writer.
		if st, err := os.Stat(filepath.Dir(a)); err == nil && st.IsDir() {
			os.RemoveAll(a)
		}
	case "mkdir":
		os.Mkdir(a, 0o750)
	case "rename":
		unix.Rename(a, b)
	case "symlink":
		os.Symlink(s.B, a)
	case "link":
		os.Link(a, b)
	case "chmod":
		if st, err := os.Lstat(a); err == nil && st.Mode()&os.ModeSymlink == 0 {
			unix.Chmod(a, []uint32{0, 0o400, 0o644, 0o755, 0o4711, 0o2750, 0o1777, 0o555}[s.N])
		}
	case "setxattr":
		unix.Lsetxattr(a, fmt.Sprint("user.", s.N%3), []byte(s.B), 0)
	case "rmxattr":
		unix.Lremovexattr(a, fmt.Sprint("user.", s.N%3))
	case "fifo":
		unix.Mkfifo(a, 0o600)
	case "socket":
		unix.Mknod(a, unix.S_IFSOCK|0o600, 0)
	}
}

func TestCommitEqualsMountRandomly(t *testing.T) {
	if !runAs(t, mounters()...) {
		return
	}
	base := mountable(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		d := dir{t, base.p(fmt.Sprint("random", n))}
		n++
		d.mkdir(".")
		defer os.RemoveAll(d.path)
		o, project := newOverlay(d), d.sub("project")
		for _, s := range steps(rt, "lower", 20) {
			s.apply(o.lower.path)
			s.apply(project.path)
		}
		todo := steps(rt, "change", 20)
		inRapid := func(d dir) dir { return dir{rapidTB{t, rt}, d.path} }
		o = overlay{inRapid(o.lower), inRapid(o.upper), inRapid(o.work), inRapid(o.merged)}
		commitEqualsMount(rapidTB{t, rt}, o, inRapid(project), func() {
			for _, s := range todo {
				s.apply(o.merged.path)
			}
		})
	})
}

// rapidTB is the test's TB, but reports failures to rapid, so that it can find
// a smaller example.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (r rapidTB) Helper()                           { r.rt.Helper() }
func (r rapidTB) Error(args ...any)                 { r.rt.Error(args...) }
func (r rapidTB) Errorf(format string, args ...any) { r.rt.Errorf(format, args...) }
func (r rapidTB) Fatal(args ...any)                 { r.rt.Fatal(args...) }
func (r rapidTB) Fatalf(format string, args ...any) { r.rt.Fatalf(format, args...) }
