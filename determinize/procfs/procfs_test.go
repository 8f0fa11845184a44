package procfs

import (
	"bytes"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testBox = Box{
	CPUs: 2, Epoch: time.Unix(1577836800, 0), Hostname: "box",
	BootID: [16]byte{0, 1, 2, 3, 4, 5, 0xf6, 7, 0xf8, 9, 10, 11, 12, 13, 14, 15},
}

// TestRowsAreComplete: each row has a reason, content exactly if it is virtual,
// and a name that a clean path can have; what it reads is a row too.
func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	check := func(table string, rows []Row) {
		for _, r := range rows {
			id := table + " " + r.Name
			if seen[id] {
				t.Errorf("%s: two rows", id)
			}
			seen[id] = true
			if r.Why == "" || strings.ContainsAny(r.Why, "|\n") {
				t.Errorf("%s: no reason, or one that breaks a table", id)
			}
			if (r.make != nil) != (r.Disposition == Virtual) {
				t.Errorf("%s: %v, but content is %v", id, r.Disposition, r.make != nil)
			}
			if path.Clean(r.Name) != r.Name || path.IsAbs(r.Name) {
				t.Errorf("%s: not a clean relative path", id)
			}
			if r.Disposition != Virtual && r.Write != WriteDenied && r.Write != WriteReal {
				t.Errorf("%s: a write that changes nothing to a file that is not virtual", id)
			}
		}
	}
	check("/proc", GlobalRows())
	check("/proc/PID", ProcessRows())
	for _, r := range ProcessRows() {
		if r.Reads != "" && !seen["/proc/PID "+r.Reads] {
			t.Errorf("%s reads %s, which has no row", r.Name, r.Reads)
		}
	}
}

func TestFailsClosed(t *testing.T) {
	for _, rel := range []string{
		"", "nothing", "/meminfo", "meminfo/", "./meminfo", "sys//kernel/hostname", "self/maps", "1/maps",
		"sys/kernel/nothing", "sys/kernel/hostname/x", "net/nothing", "config.gz", "kcore", "kallsyms",
		"sys/kernel/ns_last_pid", "sys/vm/drop_caches", "sysrq-trigger", "sys/fs/binfmt_misc",
	} {
		if b, d := Global(rel, testBox, Clock{}); d != Absent || b != nil {
			t.Errorf("Global(%q) = %q, %v", rel, b, d)
		}
	}
	for _, name := range []string{
		"", "nothing", "fdinfo/x", "fdinfo/-1", "fdinfo/01", "fdinfo/1/2", "fdinfo/99999999999", "task/x/maps",
		"task/1/task", "task/1/task/1/maps", "task/1/timers", "children", "attr/current", "net/nothing",
		"task/1/net/nothing", "../meminfo", "maps/", "ns/nothing", "ns/time", "numa_maps", "*", "fd/*",
	} {
		if b, d := PerProcess(name, []byte("x"), testBox, Process{}); d != Absent || b != nil {
			t.Errorf("PerProcess(%q) = %q, %v", name, b, d)
		}
	}
	if _, d := PerProcess("maps", make([]byte, MaxReal+1), testBox, Process{}); d != Denied {
		t.Errorf("content beyond the bound is %v", d)
	}
}

func TestDispositions(t *testing.T) {
	for name, want := range map[string]Disposition{
		"sys": Real, "sys/kernel": Real, "sys/kernel/random": Real, "sysvipc": Real, "tty": Real,
		"self": Real, "net": Real, "meminfo": Virtual, "net/dev": Virtual,
	} {
		if _, d := Global(name, testBox, Clock{}); d != want {
			t.Errorf("Global(%q) is %v, want %v", name, d, want)
		}
	}
	for name, want := range map[string]Disposition{
		"cmdline": Real, "environ": Real, "fd": Real, "fd/3": Real, "exe": Real, "net": Real, "task": Real,
		"task/7": Real, "task/7/comm": Real, "task/7/fd/0": Real, "task/7/net": Real, "ns/mnt": Real,
		"maps": Virtual, "fdinfo/3": Virtual, "task/7/stat": Virtual, "task/7/fdinfo/12": Virtual,
		"task/7/children": Virtual, "net/dev": Virtual, "task/7/net/tcp": Virtual,
		"mem": Real, "pagemap": Denied, "clear_refs": Denied, "task/7/mem": Real,
	} {
		if _, d := PerProcess(name, nil, testBox, Process{}); d != want {
			t.Errorf("PerProcess(%q) is %v, want %v", name, d, want)
		}
	}
	joined := testBox
	joined.HostNetwork = true
	if _, d := PerProcess("net/dev", nil, joined, Process{}); d != Real {
		t.Errorf("net/dev of a box on the host's network is %v", d)
	}
	if _, d := Global("meminfo", joined, Clock{}); d != Virtual {
		t.Errorf("meminfo of a box on the host's network is %v", d)
	}
}

func TestGlobalContent(t *testing.T) {
	clock := Clock{Now: 90 * time.Second, Uptime: 100*time.Second + 250*time.Millisecond}
	for rel, want := range map[string]string{
		"cmdline":                     "\n",
		"loadavg":                     "0.00 0.00 0.00 1/1 1\n",
		"stat":                        "cpu  0 0 0 20050 0 0 0 0 0 0\ncpu0 0 0 0 10025 0 0 0 0 0 0\ncpu1 0 0 0 10025 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime 1577836789\nprocesses 1\nprocs_running 1\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		"sys/kernel/domainname":       "(none)\n",
		"sys/kernel/hostname":         "box\n",
		"sys/kernel/osrelease":        "6.1.0-laplace\n",
		"sys/kernel/pid_max":          "4194304\n",
		"sys/kernel/random/boot_id":   "00010203-0405-4607-b809-0a0b0c0d0e0f\n",
		"sys/kernel/random/uuid":      "00000000-0000-4000-8000-000000000000\n",
		"sys/vm/overcommit_memory":    "0\n",
		"sys/net/core/somaxconn":      "4096\n",
		"uptime":                      "100.25 200.50\n",
		"version":                     "Linux version 6.1.0-laplace (laplace@laplace) (gcc) #1 SMP PREEMPT_DYNAMIC Laplace\n",
		"sys/kernel/sem":              "32000\t1024000000\t500\t32000\n",
		"sys/fs/pipe-user-pages-soft": "16384\n",
	} {
		got, d := Global(rel, testBox, clock)
		if d != Virtual || string(got) != want {
			t.Errorf("%s is %v:\n%s", rel, d, cmp.Diff(want, string(got)))
		}
	}
	clock.Random = func(b []byte) {
		for i := range b {
			b[i] = 0xff
		}
	}
	got, _ := Global("sys/kernel/random/uuid", testBox, clock)
	if want := "ffffffff-ffff-4fff-bfff-ffffffffffff\n"; string(got) != want {
		t.Errorf("uuid %s, want %s", got, want)
	}
	if got, _ := Global("uptime", testBox, Clock{Uptime: -time.Second}); string(got) != "0.00 0.00\n" {
		t.Errorf("uptime before boot: %s", got)
	}
}

// TestOnlyDeclaredInputsMatter: rows that do not say that they use the clock or
// randomness are the same with others.
func TestOnlyDeclaredInputsMatter(t *testing.T) {
	later := Clock{Now: 5 * time.Hour, Uptime: 7 * time.Hour, Random: func(b []byte) { b[0] = 1 }}
	for _, r := range GlobalRows() {
		a, _ := Global(r.Name, testBox, Clock{})
		b, _ := Global(r.Name, testBox, later)
		if same := bytes.Equal(a, b); same != (r.Uses == 0) {
			t.Errorf("%s: uses %b, but its content depends on clock or randomness: %v", r.Name, r.Uses, !same)
		}
	}
	for _, r := range ProcessRows() {
		name := strings.ReplaceAll(r.Name, "*", "3")
		if r.ThreadOnly {
			name = "task/7/" + name
		}
		a, d := PerProcess(name, nil, testBox, Process{})
		if d != r.Disposition {
			t.Errorf("%s is %v, its row says %v", name, d, r.Disposition)
		}
		b, _ := PerProcess(name, nil, testBox, Process{Start: time.Hour, OwnTime: time.Hour, ChildTime: time.Hour})
		if same := bytes.Equal(a, b); same != (r.Uses == 0) {
			t.Errorf("%s: uses %b, but its content depends on times: %v", r.Name, r.Uses, !same)
		}
		if r.Reads != "" || r.make == nil {
			continue
		}
		c, _ := PerProcess(name, []byte("pos:\t5\n"), testBox, Process{})
		if !bytes.Equal(a, c) {
			t.Errorf("%s: its content depends on the kernel's, but it reads nothing", r.Name)
		}
	}
}

func TestList(t *testing.T) {
	names := func(dir string) (all []string) {
		entries, ok := List(dir)
		if !ok {
			t.Fatalf("no directory %q", dir)
		}
		for _, e := range entries {
			all = append(all, e.Name)
		}
		return all
	}
	for dir, want := range map[string]string{
		"":                  "cmdline cpuinfo devices filesystems loadavg meminfo mounts net partitions self stat swaps sys sysvipc thread-self tty uptime version vmstat",
		"sysvipc":           "msg sem shm",
		"sys":               "crypto fs kernel net vm",
		"sys/kernel/random": "boot_id entropy_avail poolsize urandom_min_reseed_secs uuid write_wakeup_threshold",
		"net":               "arp dev if_inet6 netlink packet raw raw6 route sockstat sockstat6 tcp tcp6 udp udp6 unix",
		"12/net":            "arp dev if_inet6 netlink packet raw raw6 route sockstat sockstat6 tcp tcp6 udp udp6 unix",
		"12/task/13/net":    "arp dev if_inet6 netlink packet raw raw6 route sockstat sockstat6 tcp tcp6 udp udp6 unix",
		"12/ns":             "cgroup ipc mnt net pid pid_for_children user uts",
		"12/fd":             "",
		"12/fdinfo":         "",
		"12/task":           "",
		"12/task/13/fd":     "",
	} {
		if got := strings.Join(names(dir), " "); got != want {
			t.Errorf("%q lists %q, want %q", dir, got, want)
		}
	}
	process, thread := names("12"), names("12/task/13")
	has := func(list []string, name string) bool {
		return strings.Contains(" "+strings.Join(list, " ")+" ", " "+name+" ")
	}
	for name, want := range map[string][2]bool{
		"maps": {true, true}, "task": {true, false}, "children": {false, true}, "timers": {true, false},
		"fd": {true, true}, "attr": {false, false}, "sched": {false, false}, "mem": {true, true}, "*": {false, false},
	} {
		if got := [2]bool{has(process, name), has(thread, name)}; got != want {
			t.Errorf("%s is listed in [PID, TID]: %v, want %v", name, got, want)
		}
	}
	for _, dir := range []string{"nothing", "meminfo", "12/nothing", "12/maps", "12/task/x", "12/task/13/task", "sys/kernel/hostname", "12/attr"} {
		if entries, ok := List(dir); ok {
			t.Errorf("%q lists %v", dir, entries)
		}
	}
}

// TestListedNamesExist: everything that a listing shows can be looked up, with
// the kind that the listing says.
func TestListedNamesExist(t *testing.T) {
	var walk func(dir string)
	walk = func(dir string) {
		entries, ok := List(dir)
		if !ok {
			t.Errorf("%q cannot be listed", dir)
		}
		for i, e := range entries {
			name := strings.TrimPrefix(dir+"/"+e.Name, "/")
			var r Row
			if rest, isProcess := strings.CutPrefix(name, "12/"); isProcess {
				r, ok = ProcessRow(rest)
			} else {
				r, ok = GlobalRow(name)
			}
			if !ok || r.Kind != e.Kind || r.Disposition == Absent {
				t.Errorf("%s is listed as kind %v, but its row says %v, %v", name, e.Kind, r.Kind, r.Disposition)
			}
			if i > 0 && entries[i-1].Name >= e.Name {
				t.Errorf("%q is not sorted at %s", dir, e.Name)
			}
			if e.Kind == Dir && r.Disposition == Real {
				walk(name)
			}
		}
	}
	walk("")
	walk("12")
	walk("12/task/13")
}

func TestVisible(t *testing.T) {
	for _, tt := range []struct {
		dir, name string
		want      bool
	}{
		{"", "meminfo", true}, {"", "self", true}, {"", "123", true},
		{"", "config.gz", false}, {"", "kcore", false}, {"", "nothing", false}, {"", "*", false},
		{"sys/kernel", "hostname", true}, {"sys/kernel", "random", true}, {"sys/kernel", "ns_last_pid", false},
		{"sys/kernel", "5", false},
		{"12", "maps", true}, {"12", "sched", false}, {"12", "7", false},
		{"12/fd", "0", true}, {"12/fdinfo", "255", true}, {"12/task", "13", true},
		{"12/task/13", "stat", true}, {"12/task/13", "task", false}, {"12/task/13/fd", "2", true},
		{"12/ns", "time", false}, {"12/ns", "mnt", true}, {"nothing", "x", false},
	} {
		if got := Visible(tt.dir, tt.name); got != tt.want {
			t.Errorf("Visible(%q, %q) = %v", tt.dir, tt.name, got)
		}
	}
}

func TestLink(t *testing.T) {
	number := func(kind string, ino uint64) uint64 {
		if kind == "pipe" {
			return ino + 1
		}
		return ino + 2
	}
	for target, want := range map[string]string{
		"pipe:[41]":                   "pipe:[42]",
		"socket:[41]":                 "socket:[43]",
		"pidfd:[41]":                  "anon_inode:[pidfd]",
		"anon_inode:[eventfd]":        "anon_inode:[eventfd]",
		"anon_inode:inotify":          "anon_inode:inotify",
		"/memfd:x (deleted)":          "/memfd:x (deleted)",
		"/tmp/pipe:[41]":              "/tmp/pipe:[41]",
		"/dev/null":                   "/dev/null",
		"mnt:[123]":                   "mnt:[4026531832]",
		"user:[123]":                  "user:[4026531837]",
		"pipe:[]":                     "pipe:[]",
		"pipe:[1]x":                   "pipe:[1]x",
		"pipe:[18446744073709551616]": "pipe:[18446744073709551616]",
		"":                            "",
	} {
		if got := Link(target, number); got != want {
			t.Errorf("Link(%q) = %q, want %q", target, got, want)
		}
	}
	if got := Link("pipe:[41]", nil); got != "pipe:[0]" {
		t.Errorf("a pipe without a callback is %q", got)
	}
	if ino, ok := NamespaceInode("net"); !ok || ino != 4026531833 {
		t.Errorf("inode of net: %d, %v", ino, ok)
	}
}
