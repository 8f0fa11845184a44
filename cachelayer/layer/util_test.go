package layer

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// object is what a snapshot says of one path.
type object struct {
	Type   uint32
	Mode   uint32
	Size   int64
	Data   []Extent // where a file has data
	Sum    string   // of that data
	Target string
	Xattrs map[string]string
	Links  []string // the snapshot's names of this inode
}

// snapshot reads a tree with plain calls of package os, independently of the
// code under test. Overlay attributes that the mount shows unescaped appear as
// they are stored.
func snapshot(t testing.TB, root string, merged bool) map[string]object {
	t.Helper()
	tree := make(map[string]object)
	names := make(map[inode][]string)
	var visit func(rel string)
	visit = func(rel string) {
		p := filepath.Join(root, rel)
		var st unix.Stat_t
		must(t, unix.Lstat(p, &st))
		o := object{Type: st.Mode & unix.S_IFMT, Mode: st.Mode & 0o7777, Xattrs: testXattrs(t, p, merged)}
		id := inode{st.Dev, st.Ino}
		switch o.Type {
		case unix.S_IFREG:
			o.Size = st.Size
			o.Data, o.Sum = testContent(t, p, st.Size)
		case unix.S_IFLNK:
			target, err := os.Readlink(p)
			must(t, err)
			o.Target = target
		}
		if o.Type != unix.S_IFDIR {
			names[id] = append(names[id], rel)
		}
		tree[rel] = o
		if o.Type == unix.S_IFDIR {
			entries, err := os.ReadDir(p)
			must(t, err)
			for _, e := range entries {
				visit(filepath.Join(rel, e.Name()))
			}
		}
	}
	visit(".")
	for _, list := range names {
		if len(list) > 1 {
			slices.Sort(list)
			for _, rel := range list {
				o := tree[rel]
				o.Links = list
				tree[rel] = o
			}
		}
	}
	return tree
}

func testXattrs(t testing.TB, p string, merged bool) map[string]string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(p, buf)
	must(t, err)
	m := make(map[string]string)
	for _, name := range strings.Split(string(buf[:n]), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.") && name != "security.capability" || strings.HasPrefix(name, "trusted.") {
			continue
		}
		value := make([]byte, 64<<10)
		k, err := unix.Lgetxattr(p, name, value)
		must(t, err)
		if merged && strings.HasPrefix(name, "user.overlay.") {
			name = "user.overlay.overlay." + strings.TrimPrefix(name, "user.overlay.")
		}
		m[name] = string(value[:k])
	}
	return m
}

func testContent(t testing.TB, p string, size int64) (list []Extent, sum string) {
	t.Helper()
	f, err := os.Open(p)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	for off := int64(0); off < size; {
		start, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break
		}
		must(t, err)
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		must(t, err)
		list = append(list, Extent{start, end - start})
		_, err = io.Copy(h, io.NewSectionReader(f, start, end-start))
		must(t, err)
		off = end
	}
	return list, fmt.Sprintf("%x", h.Sum(nil))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// dir is a directory to build trees in. Every method fails the test on error.
type dir struct {
	t    testing.TB
	path string
}

// newDir makes one that is removed after the test, whatever its modes.
func newDir(t testing.TB) dir {
	d := dir{t, t.TempDir()}
	t.Cleanup(func() {
		filepath.WalkDir(d.path, func(p string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				unix.Chmod(p, 0o700)
			}
			return nil
		})
	})
	return d
}

func (d dir) p(name string) string { return filepath.Join(d.path, name) }

// sub makes a directory below.
func (d dir) sub(name string) dir {
	d.mkdir(name)
	return dir{d.t, d.p(name)}
}

func (d dir) open() *os.File {
	d.t.Helper()
	f, err := os.Open(d.path)
	must(d.t, err)
	d.t.Cleanup(func() { f.Close() })
	return f
}

func (d dir) mkdir(name string) { d.t.Helper(); must(d.t, os.MkdirAll(d.p(name), 0o755)) }

func (d dir) write(name, text string) {
	d.t.Helper()
	d.mkdir(filepath.Dir(name))
	must(d.t, os.WriteFile(d.p(name), []byte(text), 0o644))
}

func (d dir) symlink(target, name string) { d.t.Helper(); must(d.t, os.Symlink(target, d.p(name))) }

func (d dir) link(old, name string) { d.t.Helper(); must(d.t, os.Link(d.p(old), d.p(name))) }

func (d dir) whiteout(name string) {
	d.t.Helper()
	d.mkdir(filepath.Dir(name))
	must(d.t, unix.Mknod(d.p(name), unix.S_IFCHR, 0))
}

func (d dir) xattr(name, key, value string) {
	d.t.Helper()
	must(d.t, unix.Lsetxattr(d.p(name), key, []byte(value), 0))
}

func (d dir) chmod(name string, mode uint32) { d.t.Helper(); must(d.t, unix.Chmod(d.p(name), mode)) }

func (d dir) utime(name string, ns int64) {
	d.t.Helper()
	ts := unix.NsecToTimespec(ns)
	must(d.t, unix.UtimesNanoAt(unix.AT_FDCWD, d.p(name), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
}

func (d dir) stat(name string) unix.Stat_t {
	d.t.Helper()
	var st unix.Stat_t
	must(d.t, unix.Lstat(d.p(name), &st))
	return st
}

// sparse writes text at the given offsets of a file of the given size.
func (d dir) sparse(name string, size int64, text string, offsets ...int64) {
	d.t.Helper()
	f, err := os.Create(d.p(name))
	must(d.t, err)
	defer f.Close()
	for _, off := range offsets {
		_, err := f.WriteAt([]byte(text), off)
		must(d.t, err)
	}
	must(d.t, f.Truncate(size))
	must(d.t, f.Sync())
}

func (d dir) names(name string) (list []string) {
	d.t.Helper()
	entries, err := os.ReadDir(d.p(name))
	must(d.t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// fakeVirtual gives mtimes by path, and one owner.
type fakeVirtual map[string]int64

const virtualBase = 1577836800e9 // 2020-01-01

func (v fakeVirtual) Lookup(path string, _ *unix.Stat_t) (int64, int, int) {
	if t, ok := v[path]; ok {
		return t, 1000, 1000
	}
	return virtualBase, 1000, 1000
}

// caller is whom a test runs as, and where.
type caller struct {
	name     string
	nobody   bool    // as the user 65534 of the host
	flags    uintptr // new namespaces
	identity bool    // root of a user namespace that maps it to the caller
}

const childVar = "LAYER_TEST_CALLER"

// runAs reports whether it is the child, and its name, if it runs inside a child
// process that it started; else it runs the calling test again in one child for
// each caller and reports their results.
func runAs(t *testing.T, callers ...caller) (inside bool) {
	if os.Getenv(childVar) != "" {
		return true
	}
	for _, c := range callers {
		t.Run(c.name, func(t *testing.T) {
			uid, gid := os.Geteuid(), os.Getegid()
			tmp := t.TempDir()
			if c.nobody {
				uid, gid = 65534, 65534
				must(t, os.Chmod(filepath.Dir(tmp), 0o711))
				must(t, os.Chown(tmp, uid, gid))
			}
			top, _, _ := strings.Cut(t.Name(), "/")
			cmd := exec.Command("/proc/self/exe", "-test.run=^"+top+"$", "-test.v", "-rapid.nofailfile", "-rapid.checks=50")
			cmd.Env = append(os.Environ(), childVar+"="+c.name, "TMPDIR="+tmp)
			attr := &syscall.SysProcAttr{Cloneflags: c.flags, Pdeathsig: syscall.SIGKILL}
			if c.identity {
				attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
				attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
				attr.Credential = &syscall.Credential{NoSetGroups: true}
			} else if c.nobody {
				attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			}
			cmd.SysProcAttr = attr
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: "+top) {
				t.Errorf("as %s: %v\n%s", c.name, err, out)
			}
		})
	}
	return false
}

// mounters are the callers that can mount: the user, as root of a namespace,
// and, if the tests run as root, root and an ordinary user.
func mounters() []caller {
	self := caller{name: "self", flags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, identity: true}
	if os.Geteuid() != 0 {
		return []caller{self}
	}
	nobody := self
	nobody.name, nobody.nobody = "nobody", true
	return []caller{{name: "root", flags: unix.CLONE_NEWNS}, nobody}
}

// users are the callers without any mount: an unprivileged one.
func users() []caller { return []caller{{name: "user", nobody: os.Geteuid() == 0}} }

// overlay is one overlay mount and the directories it is made of.
type overlay struct {
	lower, upper, work, merged dir
}

// newOverlay makes the directories below d.
func newOverlay(d dir) overlay {
	return overlay{d.sub("lower"), d.sub("upper"), d.sub("work"), d.sub("merged")}
}

func (o overlay) mount() error {
	return unix.Mount("overlay", o.merged.path, "overlay", 0,
		fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", o.lower.path, o.upper.path, o.work.path))
}

func (o overlay) unmount() error { return unix.Unmount(o.merged.path, 0) }

// mountable returns a directory in which overlays can be mounted: a temporary
// one, with a tmpfs on it if its file system cannot hold an upper directory.
func mountable(t *testing.T) dir {
	t.Helper()
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	d := newDir(t)
	o := newOverlay(d.sub("probe"))
	if err := o.mount(); err == nil {
		must(t, o.unmount())
		return d
	}
	must(t, unix.Mount("tmpfs", d.path, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(d.path, unix.MNT_DETACH) })
	return d
}
