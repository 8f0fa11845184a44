package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
	"laplace.dev/laplace/runtime/rootfs"
)

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

// TestRootsDirectories checks that what only root could enter is closed to a
// guest whom root runs, before the command starts as after.
func TestRootsDirectories(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root has something to close: nothing to see")
		return
	}
	c := callers()[0]
	closed := func(s *scenario) {
		s.Request.Extra.Dirs = []rootfs.Dir{{Path: "/closed", Mode: 0o700}}
		s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: "/closed/bin", Type: "bind", Source: "/usr/bin", Options: []string{"ro"}})
	}
	if got := c.sh(t, try("cd /closed"), closed); !strings.Contains(got, "ermission denied") && !strings.Contains(got, "can't cd") {
		t.Errorf("got %q", got)
	}
	for kind, change := range map[InitErrorKind]func(*specs.Process){
		InitCwd:           func(p *specs.Process) { p.Cwd = "/closed" },
		InitNotExecutable: func(p *specs.Process) { p.Args = []string{"/closed/bin/true"} },
	} {
		s := scenario{Request: c.box("true")}
		closed(&s)
		change(s.Request.Spec.Process)
		if r := c.run(t, s).Reply; r.Kind != kind {
			t.Errorf("got %+v, want kind %s", r, kind)
		}
	}
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
