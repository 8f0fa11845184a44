package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/runtime/rootfs"
)

// TestGuest checks who the guest is and what it begins with.
func TestGuest(t *testing.T) {
	umask := uint32(0o027)
	user0 := func(s *scenario) {
		s.Request.Spec.Process.User = specs.User{}
		for _, m := range s.Request.Spec.Mounts {
			for i, o := range m.Options {
				m.Options[i] = strings.Replace(o, "id=1000", "id=0", 1)
			}
		}
	}
	caps := func(c *specs.LinuxCapabilities) func(*scenario) {
		return func(s *scenario) { s.Request.Spec.Process.Capabilities = c }
	}
	few := []string{"CAP_CHOWN", "CAP_KILL"}
	tests := []struct {
		name   string
		script string
		change []func(*scenario)
		want   string
	}{
		{"user", `id -u; id -g; id -G`, nil, "1000\n1000\n1000\n"},
		{"groups", `grep Groups /proc/self/status | tr -d ' \t'`, []func(*scenario){inherit}, "Groups:\n"},
		{"signals", `cat /proc/self/status | grep -E '^Sig(Blk|Ign|Cgt)'`, []func(*scenario){inherit},
			"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"},
		{"descriptors", `cd /proc/self/fd; echo *`, []func(*scenario){inherit}, "0 1 2 3\n"}, // 3 is the shell's, to list them
		{"descriptors without close_range", `cd /proc/self/fd; echo *`, []func(*scenario){inherit, func(s *scenario) {
			s.Deny = []denial{{Nr: unix.SYS_CLOSE_RANGE, Errno: uint16(unix.EINVAL)}}
		}}, "0 1 2 3\n"},
		{"session", `awk '{print $1 == $6, $1 == $5}' /proc/$$/stat; ps -o tty= $$ 2>/dev/null || true`, nil, "1 1\n?\n"},
		{"hostname", `hostname; cat /proc/sys/kernel/domainname`, nil, "laplace\n(none)\n"},
		{"domainname", `cat /proc/sys/kernel/domainname`, []func(*scenario){func(s *scenario) { s.Request.Spec.Domainname = "demon" }}, "demon\n"},
		{"umask", `umask`, nil, "0022\n"},
		{"umask of the specification", `umask`, []func(*scenario){func(s *scenario) { s.Request.Spec.Process.User.Umask = &umask }}, "0027\n"},
		{"default limits", `ulimit -Sn; ulimit -Ss; ulimit -Sc`, nil, "1024\n8192\n0\n"},
		{"limits", `ulimit -Sn; ulimit -Hn; ulimit -Sf`, []func(*scenario){func(s *scenario) {
			s.Request.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_FSIZE", Soft: 1024, Hard: 2048}}
		}}, "100\n200\n2\n"},
		{"no ASLR", `cat /proc/self/personality`, nil, "00040000\n"},
		{"privileges", `grep -E '^(Cap|NoNewPrivs)' /proc/self/status`, nil, status(0, 0, 0)},
		{"privileges of root", `grep -E '^(Cap|NoNewPrivs)' /proc/self/status`, []func(*scenario){user0}, status(0, 0, 0)},
		{"some privileges of root", `grep -E '^(Cap|NoNewPrivs)' /proc/self/status; id -u`,
			[]func(*scenario){user0, caps(&specs.LinuxCapabilities{Bounding: few, Permitted: few, Effective: few})}, status(1<<0|1<<5, 1<<0|1<<5, 0) + "0\n"},
		{"ambient privileges", `grep -E '^(Cap|NoNewPrivs)' /proc/self/status`,
			[]func(*scenario){caps(&specs.LinuxCapabilities{Bounding: few, Permitted: few, Effective: few, Inheritable: few, Ambient: few})},
			strings.Replace(status(1<<0|1<<5, 1<<0|1<<5, 1<<0|1<<5), "CapInh:\t0000000000000000", "CapInh:\t0000000000000021", 1)},
		{"root's files", `cd /tmp; touch a; chown 0:0 a; chown 1 a 2>/dev/null || echo refused; stat -c %u:%g a`,
			[]func(*scenario){user0, caps(&specs.LinuxCapabilities{Bounding: few, Permitted: few, Effective: few})}, "refused\n0:0\n"},
		{"environment", `env | sort`, []func(*scenario){func(s *scenario) { s.Request.Spec.Process.Env = []string{"B=2", "A=1", "PATH=/usr/bin:/bin"} }},
			"A=1\nB=2\nPATH=/usr/bin:/bin\nPWD=/\n"},
		{"working directory", `pwd`, []func(*scenario){func(s *scenario) { s.Request.Spec.Process.Cwd = "/usr/bin" }}, "/usr/bin\n"},
		{"loopback", `grep -c 127.0.0.1 /proc/net/fib_trie | sed 's/[1-9]/up/'`, nil, "up\n"},
		{"only loopback", `grep -c : /proc/net/dev`, nil, "1\n"},
		{"cpu", `grep Cpus_allowed_list /proc/self/status`, []func(*scenario){func(s *scenario) { s.Request.CPU = 0 }}, "Cpus_allowed_list:\t0\n"},
		{"pid", `echo $$`, []func(*scenario){func(s *scenario) { s.Request.PID = 12345 }}, "12345\n"},
		{"first process", `tr '\0' ' ' </proc/1/cmdline; echo; ls /proc | grep -c '^[0-9]'`, nil, "laplace-init \n4\n"}, // it, the shell, ls and grep
		{"streams can be opened", `echo hello >/dev/stdout; echo hello >/dev/fd/1`, nil, "hello\nhello\n"},
		{"stdin", `cat`, []func(*scenario){func(s *scenario) { s.Stdin = "some text" }}, "some text"},
		{"executable in the working directory", "ok", []func(*scenario){func(s *scenario) {
			s.Request.Spec.Process.Cwd = "/usr/bin"
			s.Request.Spec.Process.Args = []string{"./echo", "ok"}
		}}, "ok\n"},
		{"PATH", "", []func(*scenario){func(s *scenario) {
			s.Request.Spec.Process.Env = []string{"PATH=/no/such/dir:/etc/passwd:/etc:/usr/bin"}
			s.Request.Spec.Process.Args = []string{"echo", "ok"}
		}}, "ok\n"},
	}
	eachCaller(t, func(t *testing.T, c caller) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if got := c.sh(t, test.script, test.change...); got != test.want {
					t.Errorf("%s: %s", test.script, cmp.Diff(test.want, got))
				}
			})
		}
	})
}

func inherit(s *scenario) { s.Inherit = true }

// status is the part of /proc/self/status about privileges.
func status(permitted, bounding, ambient uint64) string {
	return fmt.Sprintf("CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\nNoNewPrivs:\t1\n",
		0, permitted, permitted, bounding, ambient)
}

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
				owner := c.uid
				if c.uid == 0 {
					owner = 4711 // the project of somebody else, whom root is to serve
				}
				for _, f := range []string{"keep", "change", "delete", "dir/x"} {
					p := filepath.Join(lower, f)
					if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte("lower\n"), 0o640), os.Chown(filepath.Dir(p), owner, owner), os.Chown(p, owner, owner)); err != nil {
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
		s := scenario{Request: c.box("true")}
		s.Request.Spec.Mounts = slices.DeleteFunc(s.Request.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/proc" })
		s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
		s.Request.Extra.Symlinks = append(s.Request.Extra.Symlinks, rootfs.Symlink{Path: "/proc", Target: "tmp"})
		change, _ := c.overlay(t, lower, "/")
		first := s.Request.Spec.Mounts
		s.Request.Spec.Mounts = nil
		change(&s)
		s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, first...)
		if err := os.Symlink("tmp", filepath.Join(lower, "proc-link")); err != nil {
			t.Fatal(err)
		}
		s.Request.Extra.Symlinks = nil
		for i := range s.Request.Spec.Mounts {
			if m := &s.Request.Spec.Mounts[i]; m.Type == "proc" {
				m.Destination = "/proc-link"
			}
		}
		if r := c.run(t, s).Reply; r.OK || !strings.Contains(r.Error, unix.ELOOP.Error()) {
			t.Errorf("procfs on a symbolic link: %+v", r)
		}
		// Nor does one that is none.
		s = scenario{Request: c.box("true")}
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

// TestRefusals checks what is said about what can't be done.
func TestRefusals(t *testing.T) {
	args := func(a ...string) func(*scenario) { return func(s *scenario) { s.Request.Spec.Process.Args = a } }
	mount := func(m specs.Mount) func(*scenario) {
		return func(s *scenario) { s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, m) }
	}
	tests := []struct {
		name   string
		change func(*scenario)
		kind   InitErrorKind
		want   string // a regular expression
		hint   string
	}{
		{"not in PATH", args("no-such-program"), InitNotFound, `^"no-such-program" not found in PATH=/usr/bin:/bin:/usr/sbin: no such file`, ""},
		{"not at path", args("/usr/bin/no-such-program"), InitNotFound, `^"/usr/bin/no-such-program" not found: no such file`, ""},
		{"not executable", args("/etc/passwd"), InitNotExecutable, `^"/etc/passwd" can't be executed: permission denied`, ""},
		{"directory", args("/usr/bin"), InitNotExecutable, `permission denied`, ""},
		{"below a file", args("/etc/passwd/x"), InitNotExecutable, `not a directory`, ""},
		{"noexec", func(s *scenario) {
			s.Request.Spec.Mounts[0].Options = append(s.Request.Spec.Mounts[0].Options, "noexec")
		}, InitNotExecutable, `permission denied`, ""},
		{"no working directory", func(s *scenario) { s.Request.Spec.Process.Cwd = "/no/such" }, InitCwd, `^working directory "/no/such": no such file`, ""},
		{"closed working directory", func(s *scenario) {
			s.Request.Spec.Process.Cwd = "/closed"
			s.Request.Extra.Dirs = []rootfs.Dir{{Path: "/closed", Mode: 0}}
		}, InitCwd, `^working directory "/closed": permission denied`, ""},
		{"zero byte", args("/bin/sh", "a\x00b"), InitConfig, `zero byte`, ""},
		{"relative working directory", func(s *scenario) { s.Request.Spec.Process.Cwd = "x" }, InitConfig, `working directory "x" is not absolute`, ""},
		{"no command", args(), InitConfig, `without a command`, ""},
		{"no process", func(s *scenario) { s.Request.Spec.Process = nil }, InitConfig, `without a process`, ""},
		{"groups", func(s *scenario) { s.Request.Spec.Process.User.AdditionalGids = []uint32{4} }, InitConfig, `additional groups`, ""},
		{"capability", func(s *scenario) {
			s.Request.Spec.Process.Capabilities = &specs.LinuxCapabilities{Effective: []string{"CAP_FLY"}}
		}, InitConfig, `unknown capability "CAP_FLY"`, ""},
		{"limit", func(s *scenario) { s.Request.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} }, InitConfig, `unknown resource limit "RLIMIT_X"`, ""},
		{"limit twice", func(s *scenario) {
			s.Request.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_CPU"}}
		}, InitConfig, `RLIMIT_CPU is set twice`, ""},
		{"limit upside down", func(s *scenario) {
			s.Request.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: 2, Hard: 1}}
		}, InitConfig, `RLIMIT_CPU: soft 2 above hard 1`, ""},
		{"limit too high", func(s *scenario) {
			s.Deny = []denial{{Nr: unix.SYS_PRLIMIT64, Errno: uint16(unix.EPERM), Arg: 2, ArgBits: 0xfff}}
			s.Request.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 1 << 40}}
		}, InitHost, `^raise the hard limit RLIMIT_NOFILE from \d+ to 1099511627776: operation not permitted`, "limits.conf"},
		{"mount type", mount(specs.Mount{Destination: "/x", Type: "ext4", Source: "/dev/sda"}), InitInternal, `mount ext4 on "/x": .*unknown mount type`, ""},
		{"mount option", mount(specs.Mount{Destination: "/x", Type: "bind", Source: "/usr", Options: []string{"rbind", "shared"}}), InitInternal, `unknown option "shared"`, ""},
		{"file system option", mount(specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"flavour=sweet"}}), InitInternal, `mount tmpfs on "/x": option "flavour=sweet": invalid argument \(.*[Uu]nknown parameter 'flavour'`, ""},
		{"owner", mount(specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"uid=7"}}), InitInternal, `"uid=7": .*an id that the box does not have`, ""},
		{"mount source", mount(specs.Mount{Destination: "/x", Type: "bind", Source: "/no/such"}), InitInternal, `mount bind on "/x": source "/no/such": no such file`, ""},
		{"relative source", mount(specs.Mount{Destination: "/x", Type: "bind", Source: "usr"}), InitInternal, `source "usr" is not absolute`, ""},
		{"relative destination", mount(specs.Mount{Destination: "x", Type: "tmpfs"}), InitInternal, `destination is not absolute`, ""},
		{"two roots", mount(specs.Mount{Destination: "/", Type: "tmpfs"}), InitInternal, `only the first mount can be the root`, ""},
		{"mount point", mount(specs.Mount{Destination: "/usr/no/such", Type: "tmpfs"}), InitInternal, `mount tmpfs on "/usr/no/such": make directory "/usr/no": read-only file system`, ""},
		{"directory over file", mount(specs.Mount{Destination: "/etc/passwd", Type: "tmpfs"}), InitInternal, `not a directory`, ""},
		{"hostname", func(s *scenario) { s.Request.Spec.Hostname = strings.Repeat("x", 65) }, InitConfig, `set hostname`, ""},
		{"network", func(s *scenario) { s.Request.Network = "all" }, InitConfig, `network "all"`, ""},
		{"cpu", func(s *scenario) { s.Request.CPU = 1000 }, InitInternal, `run on CPU 1000`, ""},
		{"procfs refused", func(s *scenario) {
			s.Deny = []denial{{Nr: unix.SYS_FSMOUNT, Errno: uint16(unix.EPERM)}}
		}, InitHost, `mount procfs for the box: operation not permitted`, "unmask"},
		{"no fsopen", func(s *scenario) { s.Deny = []denial{{Nr: unix.SYS_FSOPEN, Errno: uint16(unix.ENOSYS)}} }, InitHost, `function not implemented`, "Linux 5.6"},
		{"no openat2", func(s *scenario) { s.Deny = []denial{{Nr: unix.SYS_OPENAT2, Errno: uint16(unix.ENOSYS)}} }, InitHost, `function not implemented`, "Linux 5.6"},
		{"initramfs", func(s *scenario) {
			s.Deny = []denial{{Nr: unix.SYS_PIVOT_ROOT, Errno: uint16(unix.EINVAL)}}
		}, InitHost, `pivot_root: invalid argument`, "initramfs"},
		{"no user namespace", func(s *scenario) {
			s.Deny = []denial{{Nr: unix.SYS_CLONE, Errno: uint16(unix.EPERM), Arg: 0, ArgBits: unix.CLONE_NEWUSER}}
		}, InitHost, `user namespace: .*operation not permitted`, "seccomp"},
	}
	eachCaller(t, func(t *testing.T, c caller) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := scenario{Request: c.box("true")}
				test.change(&s)
				r := c.run(t, s).Reply
				if r.OK || r.Kind != test.kind || !regexp.MustCompile(test.want).MatchString(r.Error) {
					t.Errorf("got kind %q, error %q; want %q, %q", r.Kind, r.Error, test.kind, test.want)
				}
				if test.hint == "" && r.Hint != "" || !strings.Contains(r.Hint, test.hint) {
					t.Errorf("hint %q, want %q", r.Hint, test.hint)
				}
			})
		}
	})
}

// TestNoIDMap checks that the supervisor learns the owner when a file system has
// no id-mapped mounts, and that the second try with it works.
func TestNoIDMap(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root has somebody else's project: nothing to see")
		return
	}
	c := callers()[0]
	dir := c.dir(t, "lower")
	before := fmt.Sprintf("mount -t ramfs x %[1]s; mkdir %[1]s/p; echo hello >%[1]s/p/f; chown -R 4711:4711 %[1]s/p", dir)
	for _, test := range []struct {
		name   string
		change func(s *scenario)
	}{
		{"file system", func(s *scenario) { s.Before = before }},
		{"kernel before 5.12", func(s *scenario) {
			s.Before = strings.Replace(before, "ramfs", "tmpfs", 1)
			s.Deny = []denial{{Nr: unix.SYS_MOUNT_SETATTR, Errno: uint16(unix.ENOSYS)}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := scenario{Request: c.box("echo more >>/project/f; cat /project/f; stat -c %u:%g /project/f")}
			over, _ := c.overlay(t, dir+"/p", "/project")
			over(&s)
			test.change(&s)
			r := c.run(t, s).Reply
			if r.Kind != InitIDMap || r.Owner != 4711 {
				t.Fatalf("got %+v", r)
			}
			s.Request.GuestHostID = r.Owner
			o := c.run(t, s)
			if d := cmp.Diff("hello\nmore\n1000:1000\n", o.Stdout); d != "" {
				t.Errorf("%s %+v", d, o)
			}
		})
	}
}

// TestFilter checks that a filter is in force, and that it came through whole.
func TestFilter(t *testing.T) {
	filter := Filter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_UNAME},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EDOM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	eachCaller(t, func(t *testing.T, c caller) {
		got := c.sh(t, try("uname")+"; grep Seccomp: /proc/self/status", func(s *scenario) { s.Request.Filter = filter })
		if d := cmp.Diff("uname: Numerical argument out of domain\nSeccomp:\t2\n", regexp.MustCompile(`uname: .*Numerical`).ReplaceAllString(got, "uname: Numerical")); d != "" {
			t.Error(d)
		}
	})
	b, err := filter.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var again Filter
	if err := again.UnmarshalText(b); err != nil || !cmp.Equal(filter, again) {
		t.Errorf("%v: %s", err, cmp.Diff(filter, again))
	}
	for _, bad := range []string{"!", "AAAA"} {
		if again.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

// TestTSC checks that the time stamp counter is closed: a Go program reads it at
// its start.
func TestTSC(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		b, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		dir := c.dir(t, "bin")
		if err := os.WriteFile(filepath.Join(dir, "guest"), b, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, tsc := range []bool{false, true} {
			s := scenario{Request: c.box("")}
			s.Request.TSC = tsc
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/opt", Type: "bind", Source: dir, Options: []string{"ro"}})
			s.Request.Spec.Process.Args = []string{"/opt/guest"}
			s.Request.Spec.Process.Args[0] = "/opt/guest"
			s.Request.Spec.Process.Env = []string{guestEnv + "=1"}
			o := c.run(t, s)
			if (o.Status == 0) == tsc {
				t.Errorf("TSC %v: status %d, %+v", tsc, o.Status, o)
			}
		}
	})
}

// TestTerminal checks that the command has a controlling terminal of its size.
func TestTerminal(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		got := c.sh(t, `tty; stty size; stat -c '%u %a' /dev/pts/0; echo x >/dev/tty; ls -1 /dev/pts; ls -l /proc/self/fd | grep -c 'pts/0'`, func(s *scenario) {
			s.Request.Spec.Process.Terminal = true
			s.Request.Spec.Process.ConsoleSize = &specs.Box{Height: 24, Width: 80}
		})
		if d := cmp.Diff("/dev/pts/0\n24 80\n1000 620\nx\n0\nptmx\n2\n", strings.ReplaceAll(got, "\r\n", "\n")); d != "" {
			t.Error(d)
		}
	})
}

// TestPlacePID checks that the pids of the box can be chosen.
func TestPlacePID(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		o := c.run(t, scenario{
			Request: c.box(`echo ready; while read x; do sh -c 'echo $$'; done`),
			Place:   []uint32{299, 31999, 5000, 5000, 1 << 31},
		})
		// The last one is out of range: nothing is placed.
		if d := cmp.Diff("ready\n300\n32000\n5001\n5001\n5002\n", o.Stdout); d != "" {
			t.Errorf("%s %+v", d, o)
		}
		if d := cmp.Diff([]unix.Errno{0, 0, 0, 0, unix.EINVAL}, o.Errnos); d != "" {
			t.Error(d)
		}
	})
}

// TestDeath checks that nothing survives init or its supervisor.
func TestDeath(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		t.Run("init killed", func(t *testing.T) {
			o := c.run(t, scenario{Request: c.box(`sleep 1000 & echo ready; sleep 1000`), KillInit: true})
			if o.Status != 1000+int(unix.SIGKILL) || o.Init != "signal: killed" {
				t.Errorf("%+v", o)
			}
		})
		t.Run("no go", func(t *testing.T) {
			o := c.run(t, scenario{Request: c.box(`echo I run`), NoGo: true})
			if o.Status != ns.ExitFailed || o.Stdout != "" || o.Failure == nil {
				t.Fatalf("%+v", o)
			}
			if o.Reply.Steps[o.Failure.Index] != "wait for go" || o.Failure.Errno != unix.EPIPE {
				t.Errorf("%s: %v", o.Reply.Steps[o.Failure.Index], o.Failure)
			}
		})
		t.Run("command ends", func(t *testing.T) {
			// Init outlives the command and ends with its socket, status 0.
			o := c.run(t, scenario{Request: c.box(`(sleep 1000; echo late) >/dev/null 2>&1 & exit 7`)})
			if o.Status != 7 || o.Init != "" {
				t.Errorf("%+v", o)
			}
		})
		t.Run("guest kills init", func(t *testing.T) {
			got := c.sh(t, `for s in HUP INT QUIT ILL ABRT FPE SEGV PIPE ALRM TERM USR1 USR2 URG PROF STOP KILL; do kill -$s 1 2>/dev/null; done; sleep 0.1; echo alive; ls -l /proc/1/exe /proc/1/fd >/dev/null 2>&1 || echo closed`)
			if d := cmp.Diff("alive\nclosed\n", got); d != "" {
				t.Error(d)
			}
		})
	})
}

// TestGoBeforeGuest checks the order on which the supervisor relies.
func TestGoBeforeGuest(t *testing.T) {
	c := callers()[0]
	steps := c.run(t, scenario{Request: c.box("true")}).Reply.Steps
	var at []int
	for _, name := range []string{"wait for go", "setresgid", "setresuid", "capabilities", "close_range", "signal mask", `execve "/bin/sh"`} {
		at = append(at, slices.Index(steps, name))
	}
	if at[0] != 1 || !slices.IsSorted(at) || at[len(at)-1] != len(steps)-1 {
		t.Errorf("%v in %q", at, steps)
	}
}

// TestExecFailure checks what the report pipe says about a failing execve.
func TestExecFailure(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		dir := c.dir(t, "bin")
		for name, content := range map[string]string{"interpreter": "#!/no/such\n", "empty": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			name   string
			errno  unix.Errno
			status int
		}{{"interpreter", unix.ENOENT, ns.ExitNotFound}, {"empty", unix.ENOEXEC, ns.ExitNotExecutable}} {
			s := scenario{Request: c.box("")}
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/opt", Type: "bind", Source: dir, Options: []string{"ro"}})
			s.Request.Spec.Process.Args = []string{"/opt/" + test.name}
			o := c.run(t, s)
			if o.Failure == nil || o.Failure.Errno != test.errno || o.Status != test.status || o.Failure.Index != len(o.Reply.Steps)-1 {
				t.Errorf("%s: %+v", test.name, o)
			}
		}
	})
}
