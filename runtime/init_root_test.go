package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime/rootfs"
)

// TestRoot checks the composed root.
func TestRoot(t *testing.T) {
	tests := []struct {
		name   string
		script string
		change func(*scenario)
		want   string
	}{
		{name: "entries", script: `ls -A /`, want: "bin\ndev\netc\nhome\nlib\nlib64\nproc\nsbin\ntmp\nusr\n"},
		{name: "root is read-only", script: try("touch /x", "mkdir /home/y", "rmdir /home/user"),
			want: "touch /x: Read-only file system\nmkdir /home/y: Read-only file system\nrmdir /home/user: Read-only file system\n"},
		{name: "root is writable if asked", script: try("touch /home/user/x"),
			change: func(s *scenario) { s.Request.Spec.Root.Readonly = false }, want: "touch /home/user/x: ok\n"},
		{name: "host is read-only", script: try("touch /usr/x", "touch /etc/passwd", "rm /usr/bin/true"),
			want: "touch /usr/x: Read-only file system\ntouch /etc/passwd: Permission denied\nrm /usr/bin/true: Read-only file system\n"},
		{name: "own directories", script: try("touch /tmp/x", "touch /dev/shm/x", "touch /home/user/x") + `; stat -c '%a %n' /tmp /dev/shm /home/user; stat -c %u:%g /home/user`,
			want: "touch /tmp/x: ok\ntouch /dev/shm/x: ok\ntouch /home/user/x: ok\n1777 /tmp\n1777 /dev/shm\n755 /home/user\n1000:1000\n"},
		{name: "modes", script: `stat -c '%a %F %n' / /home /dev /dev/pts /dev/pts/ptmx`,
			want: "755 directory /\n755 directory /home\n755 directory /dev\n755 directory /dev/pts\n666 character special file /dev/pts/ptmx\n"},
		{name: "devices", script: `ls -A /dev; cd /dev; stat -c '%a %t:%T %n' full null random tty urandom zero; readlink fd stdin stdout stderr ptmx`,
			want: "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n" +
				"666 1:7 full\n666 1:3 null\n666 1:8 random\n666 5:0 tty\n666 1:9 urandom\n666 1:5 zero\n" +
				"/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"},
		{name: "devices work", script: `echo x >/dev/null; head -c3 /dev/zero | od -An -tx1; head -c8 /dev/urandom | wc -c; echo x 2>&1 >/dev/full | sed 's/.*: //'; : <>/dev/ptmx && echo ptmx`,
			want: " 00 00 00\n8\nI/O error\nptmx\n"},
		{name: "nothing is made in dev", script: try("touch /dev/x", "mkdir /dev/shm/y", "rm /dev/null"),
			want: "touch /dev/x: Read-only file system\nmkdir /dev/shm/y: ok\nrm /dev/null: Read-only file system\n"},
		{name: "proc", script: `stat -f -c %T /proc; grep -c . /proc/self/stat; echo $$ | grep -q '^[0-9]$' && echo own pids`, want: "proc\n1\nown pids\n"},
		{name: "protected paths", script: `cat /proc/interrupts; ls -A /proc/acpi; ` + try("touch /proc/acpi/x") + `; for p in /proc/sys /proc/acpi; do grep " $p ro," /proc/self/mountinfo >/dev/null && echo $p; done`,
			want: "touch /proc/acpi/x: Read-only file system\n/proc/sys\n/proc/acpi\n"},
		{name: "nothing else is mounted", script: `cut -d' ' -f5 /proc/self/mountinfo | grep -vE '^/(dev|proc|usr|etc|tmp|home|$)'; cut -d' ' -f7 /proc/self/mountinfo | sort -u`, want: "-\n"},
		{name: "extra entries", script: `cd /opt/extra; stat -c '%a %u:%g %F %n' guest root; readlink link; cat file own; stat -c '%a %n' file own; head -c6 /etc/passwd; stat -c %a /etc/passwd; cat /sys/devices/x`,
			change: func(s *scenario) {
				s.Request.Extra.Append(rootfs.Extra{
					Dirs:     []rootfs.Dir{{Path: "/opt/extra/guest", Mode: 0o1700, Guest: true}, {Path: "/opt/extra/root", Mode: 0o711}},
					Symlinks: []rootfs.Symlink{{Path: "/opt/extra/link", Target: "/no/such file"}},
					Files: []rootfs.File{
						{Path: "/opt/extra/file", Content: []byte("content\n"), Mode: 0o444},
						{Path: "/opt/extra/own", Content: []byte("own\n"), Mode: 0o600, Guest: true},
						{Path: "/etc/passwd", Content: []byte("other:x:1:1::/:/bin/sh\n"), Mode: 0o644},
						{Path: "/sys/devices/x", Content: []byte("sys\n"), Mode: 0o444},
					},
				})
			},
			want: "1700 1000:1000 directory guest\n711 ROOT directory root\n/no/such file\ncontent\nown\n444 file\n600 own\nother:644\nsys\n"},
	}
	eachCaller(t, func(t *testing.T, c caller) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				change := func(s *scenario) {}
				if test.change != nil {
					change = test.change
				}
				got := c.sh(t, test.script, change)
				// Root's files: rootless its user and the guest are one.
				root := "65534:65534"
				if c.uid != 0 {
					root = "1000:1000"
				}
				if want := strings.ReplaceAll(test.want, "ROOT", root); got != want {
					t.Errorf("%s: %s", test.script, cmp.Diff(want, got))
				}
			})
		}
	})
}

// try is a script that says of each command whether it succeeds, or why not.
func try(commands ...string) string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "e=$(LC_ALL=C %s 2>&1) && echo '%s: ok' || echo \"%s: ${e##*: }\"\n", c, c, c)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestOldKernel checks the ways around mount_setattr(2).
func TestOldKernel(t *testing.T) {
	old := func(s *scenario) {
		s.Deny = []denial{{Nr: unix.SYS_MOUNT_SETATTR, Errno: uint16(unix.ENOSYS)}, {Nr: unix.SYS_CLOSE_RANGE, Errno: uint16(unix.ENOSYS)}}
	}
	eachCaller(t, func(t *testing.T, c caller) {
		lower := c.dir(t, "lower")
		if err := os.Mkdir(filepath.Join(lower, "a b"), 0o755); err != nil {
			t.Fatal(err)
		}
		got := c.sh(t, try("touch /x", "touch /usr/x", "touch /dev/x", "touch /tmp/x", "touch /mnt/x", "touch '/mnt/a b/x'")+
			`; grep ' /mnt' /proc/self/mountinfo | cut -d' ' -f 5,6`, old, func(s *scenario) {
			if os.Getuid() == 0 {
				s.Before = "mount -t tmpfs -o mode=777,noatime x '" + lower + "/a b'"
			}
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{
				Destination: "/mnt", Type: "bind", Source: lower, Options: []string{"rbind", "rro", "rnodev"},
			})
		})
		const ro = "Read-only file system"
		want := fmt.Sprintf("touch /x: %[1]s\ntouch /usr/x: %[1]s\ntouch /dev/x: %[1]s\ntouch /tmp/x: ok\ntouch /mnt/x: %[1]s\ntouch '/mnt/a b/x': %[1]s\n/mnt ro,nodev,relatime\n", ro)
		if os.Getuid() == 0 {
			want += "/mnt/a\\040b ro,nodev,noatime\n"
		}
		if d := cmp.Diff(want, strings.ReplaceAll(got, `"`, "'")); d != "" {
			t.Error(d)
		}
	})
}

// TestSubmounts checks that what is mounted below a read-only directory is
// there, and read-only too.
func TestSubmounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can mount on the host: nothing to see")
		return
	}
	eachCaller(t, func(t *testing.T, c caller) {
		lower := c.dir(t, "lower")
		before := func(s *scenario) {
			s.Before = fmt.Sprintf("mkdir -p %[1]s/sub/x; mount -t tmpfs -o mode=777 x %[1]s/sub; mkdir %[1]s/sub/deep; mount -t tmpfs -o mode=777 x %[1]s/sub/deep; echo hello >%[1]s/sub/deep/file", lower)
		}
		bind := func(kind string) func(s *scenario) {
			return func(s *scenario) {
				s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/mnt", Type: "bind", Source: lower, Options: []string{kind, "ro"}})
			}
		}
		got := c.sh(t, `cat /mnt/sub/deep/file; `+try("touch /mnt/x", "touch /mnt/sub/x", "touch /mnt/sub/deep/x"), before, bind("rbind"))
		const ro = ": Read-only file system\n"
		if d := cmp.Diff("hello\ntouch /mnt/x"+ro+"touch /mnt/sub/x"+ro+"touch /mnt/sub/deep/x"+ro, got); d != "" {
			t.Error(d)
		}

		over, _ := c.overlay(t, lower, "/mnt")
		s := scenario{Request: c.box("true")}
		before(&s)
		over(&s)
		if r := c.run(t, s).Reply; r.Kind != InitSubmount || !strings.Contains(r.Error, lower+"/sub") {
			t.Errorf("overlay over a submount: %+v", r)
		}
		if c.uid == 0 {
			return // may look under its own mounts
		}
		s = scenario{Request: c.box("true")}
		before(&s)
		bind("bind")(&s)
		if r := c.run(t, s).Reply; r.Kind != InitSubmount || !strings.Contains(r.Error, lower+"/sub") {
			t.Errorf("non-recursive bind over a submount: %+v", r)
		}
	})
}

// TestOverlay checks that a project is the guest's to change, and stays what it
// was on the host.
func TestOverlay(t *testing.T) {
	names := []string{"plain", "with space", "with\nnewline", "with,comma", "with:colon", `back\slash`, "with=equals", "bad\xffutf8"}
	eachCaller(t, func(t *testing.T, c caller) {
		for _, name := range names {
			t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
				lower := c.dir(t, name)
				owner, group := c.uid, c.uid
				if c.uid == 0 {
					owner, group = 4711, 4712 // the project of somebody else, whom root is to serve
				}
				for _, f := range []string{"keep", "change", "delete", "dir/x"} {
					p := filepath.Join(lower, f)
					if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte("lower\n"), 0o640), os.Chown(filepath.Dir(p), owner, group), os.Chown(p, owner, group)); err != nil {
						t.Fatal(err)
					}
				}
				// A group of the owner's that is not the directory's, and a stranger's file.
				if c.uid == 0 {
					if err := errors.Join(os.Chown(filepath.Join(lower, "dir/x"), owner, 99), os.WriteFile(filepath.Join(lower, "strange"), nil, 0o644)); err != nil {
						t.Fatal(err)
					}
				}
				mtime := time.Unix(1e9, 0)
				if err := errors.Join(os.Chmod(lower, 0o751|os.ModeSetgid), os.Chtimes(lower, mtime, mtime)); err != nil {
					t.Fatal(err)
				}
				change, upper := c.overlay(t, lower, "/home/user/"+name)
				got := c.sh(t, `stat -c '%a %u %g %Y' .; for f in keep change delete; do stat -c '%a %u %g %n' $f; done; stat -c '%a %u' dir/x
					echo guest >>change; rm delete; echo new >new; rm -r dir; mkdir dir; chmod 600 keep; cat change; stat -c '%u:%g %n' *; `+
					try("rm strange"),
					change, func(s *scenario) { s.Request.Spec.Process.Cwd = "/home/user/" + name })
				want := "2751 1000 1000 1000000000\n640 1000 1000 keep\n640 1000 1000 change\n640 1000 1000 delete\n640 1000\n" +
					"lower\nguest\n1000:1000 change\n1000:1000 dir\n1000:1000 keep\n1000:1000 new\n"
				if c.uid == 0 {
					want += "65534:65534 strange\nrm strange: ok\n"
				} else {
					want += "rm strange: No such file or directory\n"
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				if b, err := os.ReadFile(filepath.Join(lower, "change")); err != nil || string(b) != "lower\n" {
					t.Errorf("the lower file is now %q, %v", b, err)
				}
				if st, err := os.Stat(filepath.Join(lower, "keep")); err != nil || st.Mode().Perm() != 0o640 {
					t.Errorf("the lower file is now %v, %v", st.Mode(), err)
				}
				checkUpper(t, upper, int(c.guestID())+c.uid)
			})
		}
	})
}

// checkUpper looks at the changes on the host.
func checkUpper(t *testing.T, upper string, owner int) {
	t.Helper()
	var got []string
	entries, err := os.ReadDir(upper)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(upper, e.Name()), &st); err != nil {
			t.Fatal(err)
		}
		kind := map[uint32]string{unix.S_IFREG: "file", unix.S_IFDIR: "dir", unix.S_IFCHR: "whiteout"}[st.Mode&unix.S_IFMT]
		if e.Name() == "strange" {
			continue
		}
		if int(st.Uid) != owner && kind != "whiteout" {
			t.Errorf("%s belongs to %d, want %d", e.Name(), st.Uid, owner)
		}
		got = append(got, e.Name()+" "+kind)
	}
	if d := cmp.Diff([]string{"change file", "delete whiteout", "dir dir", "keep file", "new file"}, got); d != "" {
		t.Error(d)
	}
}

// TestContainment checks that symbolic links which the box's own files contain
// lead nothing out of it.
func TestContainment(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		lower, secret := c.dir(t, "lower"), c.dir(t, "secret")
		links := map[string]string{"up": "../../../../../../.." + secret, "abs": secret, "dangling": "/no/such/place", "proc": "/proc/1/root" + secret}
		for name, target := range links {
			if err := os.Symlink(target, filepath.Join(lower, name)); err != nil {
				t.Fatal(err)
			}
		}
		for name := range links {
			for kind, add := range map[string]func(s *scenario){
				"mount": func(s *scenario) {
					s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/project/" + name + "/made", Type: "tmpfs", Source: "tmpfs"})
				},
				"file": func(s *scenario) {
					s.Request.Extra.Files = []rootfs.File{{Path: "/project/" + name + "/made", Mode: 0o644}}
				},
				"directory": func(s *scenario) {
					s.Request.Extra.Dirs = []rootfs.Dir{{Path: "/project/" + name + "/made", Mode: 0o777}}
				},
				"symlink": func(s *scenario) {
					s.Request.Extra.Symlinks = append(s.Request.Extra.Symlinks, rootfs.Symlink{Path: "/project/" + name + "/made", Target: "x"})
				},
			} {
				s := scenario{Request: c.box("true")}
				change, _ := c.overlay(t, lower, "/project")
				change(&s)
				add(&s)
				o := c.run(t, s)
				if entries, err := os.ReadDir(secret); err != nil || len(entries) > 0 {
					t.Fatalf("%s through %q: made %v on the host, %v", kind, name, entries, err)
				}
				// Either refused, or made inside.
				if o.Reply.OK == (name == "dangling") && o.Status != 0 {
					t.Errorf("%s through %q: %+v", kind, name, o.Reply)
				}
			}
		}
		// A procfs whose place a link chooses protects nothing.
		root := c.dir(t, "root")
		for _, d := range []string{"proc", "elsewhere"} {
			if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("elsewhere", filepath.Join(root, "link")); err != nil {
			t.Fatal(err)
		}
		for dest, ok := range map[string]bool{"/elsewhere": true, "/link": false} {
			s := scenario{Request: c.box("true")}
			rest := s.Request.Spec.Mounts
			s.Request.Spec.Mounts = nil
			change, _ := c.overlay(t, root, "/")
			change(&s)
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, rest...)
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: dest, Type: "proc", Source: "proc"})
			if r := c.run(t, s).Reply; r.OK != ok || !ok && !strings.Contains(r.Error, `"/link": `+unix.ELOOP.Error()) {
				t.Errorf("procfs on %s: %+v", dest, r)
			}
		}
		// Nor does one that is none.
		s := scenario{Request: c.box("true")}
		s.Request.Spec.Mounts = slices.DeleteFunc(s.Request.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/proc" })
		s.Request.Extra.Dirs = []rootfs.Dir{{Path: "/proc/sys", Mode: 0o755}}
		if r := c.run(t, s).Reply; r.OK || !strings.Contains(r.Error, "not a file of a procfs") {
			t.Errorf("read-only path that is not of procfs: %+v", r)
		}
	})
}

// TestRootfs checks a box whose root is a directory of the host.
func TestRootfs(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		lower := c.dir(t, "lower")
		for _, d := range []string{"usr", "proc", "dev", "tmp", "etc"} {
			d = filepath.Join(lower, d)
			if err := errors.Join(os.Mkdir(d, 0o755), os.Chown(d, c.uid, c.uid)); err != nil {
				t.Fatal(err)
			}
		}
		change, upper := c.overlay(t, lower, "/")
		got := c.sh(t, try("touch /x", "touch /etc/y")+"; ls -A /", func(s *scenario) {
			rest := s.Request.Spec.Mounts
			s.Request.Spec.Mounts = nil
			change(s)
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, rest...)
			s.Request.Spec.Root.Readonly = false
			s.Request.Spec.Mounts = slices.DeleteFunc(s.Request.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/etc" })
			if c.uid == 0 { // its owner is the guest
				if err := errors.Join(os.Chown(lower, 4711, 4711), os.Chown(filepath.Join(lower, "etc"), 4711, 4711)); err != nil {
					t.Fatal(err)
				}
			}
		})
		if d := cmp.Diff("touch /x: ok\ntouch /etc/y: ok\nbin\ndev\netc\nhome\nlib\nlib64\nproc\nsbin\ntmp\nusr\nx\n", got); d != "" {
			t.Error(d)
		}
		if _, err := os.Stat(filepath.Join(upper, "etc/y")); err != nil {
			t.Error(err)
		}
	})
}
