package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/ns"
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
		{"default limits", `ulimit -Sn; ulimit -Ss; awk "/core/ {print \$5}" /proc/self/limits`, nil, "1024\n8192\n1\n"},
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
		{"first process", `tr '\0' ' ' </proc/1/cmdline; echo; set -- /proc/[0-9]*; echo $#`, nil, "laplace-init \n2\n"}, // it and the shell
		{"orphans are reaped", `(sleep 0.01 &); for i in $(seq 200); do set -- /proc/[0-9]*; [ $# = 2 ] && break; sleep 0.05; done; echo $#`, nil, "2\n"},
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

// ownPIDMax tells whether PID namespaces have a kernel.pid_max of their own: Linux 6.14.
// Elsewhere it is the host's, which a test must not touch.
func ownPIDMax(t *testing.T) bool {
	var name unix.Utsname
	var major, minor int
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 14
}

// lowerPIDMax lowers kernel.pid_max of the PID namespace of this init, if it is told to.
func lowerPIDMax() {
	limit := os.Getenv(pidMaxEnv)
	if limit == "" {
		return
	}
	proc, err := ns.OpenProc()
	fd := -1
	if err == nil {
		fd, err = unix.Openat(proc, "sys/kernel/pid_max", unix.O_WRONLY, 0)
	}
	if err == nil {
		_, err = unix.Write(fd, []byte(limit))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lower pid_max:", err)
		os.Exit(1)
	}
	unix.Close(fd)
	unix.Close(proc)
}

// TestPIDMax checks that init tells how many pids its namespace has, and that it has them.
func TestPIDMax(t *testing.T) {
	eachCaller(t, func(t *testing.T, c caller) {
		limits := []int{0, 2000}
		want := 1 << 22
		if !ownPIDMax(t) {
			limits = limits[:1]
			text, err := os.ReadFile("/proc/sys/kernel/pid_max")
			if err != nil {
				t.Fatal(err)
			}
			if want, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
				t.Fatal(err)
			}
		}
		for _, limit := range limits {
			if limit > 0 {
				want = limit
			}
			o := c.run(t, scenario{
				Request: c.box(`echo ready; while read x; do sh -c 'echo $$'; done`),
				PIDMax:  limit, Place: []uint32{uint32(want - 2), uint32(want - 1)},
			})
			if o.Reply.PIDMax != want {
				t.Errorf("PIDMax %d, want %d", o.Reply.PIDMax, want)
			}
			if d := cmp.Diff(fmt.Sprintf("ready\n%d\n300\n", want-1), o.Stdout); d != "" {
				t.Errorf("limit %d: %s %+v", limit, d, o)
			}
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
