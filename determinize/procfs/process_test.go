package procfs

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// testProcess is what most tests show.
var testProcess = Process{
	PID: 1421, PPID: 1, PGID: 1421, SID: 1421, TPGID: -1,
	Comm: "cat", UID: 1000, GID: 1000, State: 'R',
	OwnTime: 1250 * time.Millisecond, ChildTime: 20 * time.Millisecond, Start: 31 * time.Second,
	VDev: func(major, minor uint32, ino uint64, path string) (uint64, uint64) {
		return unix.Mkdev(0, 40), ino % 1000
	},
	FDInode: func(fd int) uint64 { return uint64(7000 + fd) },
}

func perProcess(t *testing.T, name, real string, p Process) string {
	t.Helper()
	got, d := PerProcess(name, []byte(real), testBox, p)
	if d != Virtual {
		t.Fatalf("%s is %v", name, d)
	}
	return string(got)
}

func expect(t *testing.T, name, real string, p Process, want string) {
	t.Helper()
	if got := perProcess(t, name, real, p); got != want {
		t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, got))
	}
}

const catMaps = `555555554000-555555556000 r--p 00000000 fe:00 247026                     /usr/bin/cat
555555556000-55555555b000 r-xp 00002000 fe:00 247026                     /usr/bin/cat
55555555b000-55555555e000 r--p 00007000 fe:00 247026                     /usr/bin/cat
55555555e000-555555580000 rw-p 00000000 00:00 0                          [heap]
7ffff7d00000-7ffff7d22000 rw-p 00000000 00:00 0 
7ffff7d22000-7ffff7d23000 rw-p 00000000 00:00 0                          [anon:glibc: malloc]
7ffff7d23000-7ffff7d24000 rw-s 00000000 00:01 5012                       /dev/zero (deleted)
7ffff7d24000-7ffff7d25000 ---p 00000000 00:00 0 
7ffff7fc0000-7ffff7fc4000 r--p 00000000 00:00 0                          [vvar]
7ffff7fc4000-7ffff7fc6000 r-xp 00000000 00:00 0                          [vdso]
7ffff7fc6000-7ffff7fc7000 r--p 00000000 fe:00 325835                     /usr/lib/a\012b
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestMaps(t *testing.T) {
	want := strings.NewReplacer("fe:00 247026", "00:28 26    ", "fe:00 325835", "00:28 835   ", "00:01 5012", "00:28 12  ").Replace(catMaps)
	// The vsyscall page is left out, and an area whose name depends on the kernel
	// joins the one before.
	want = strings.Replace(want, "7ffff7d00000-7ffff7d22000 rw-p 00000000 00:00 0 \n7ffff7d22000-7ffff7d23000 rw-p 00000000 00:00 0                          [anon:glibc: malloc]\n",
		"7ffff7d00000-7ffff7d23000 rw-p 00000000 00:00 0 \n", 1)
	want, _, _ = strings.Cut(want, "ffffffffff600000")
	expect(t, "maps", catMaps, testProcess, want)
	expect(t, "task/7/maps", catMaps, testProcess, want)
}

// TestMapsJoins: anonymous areas that continue each other are one, others are not.
func TestMapsJoins(t *testing.T) {
	const file = "00:28 26                         /f\n"
	for _, tt := range []struct{ name, real, want string }{
		{"anonymous", "1000-2000 rw-p 00000000 00:00 0 \n2000-3000 rw-p 00000000 00:00 0 \n3000-4000 rw-p 00000000 00:00 0 \n",
			"00001000-00004000 rw-p 00000000 00:00 0 \n"},
		{"other permissions", "1000-2000 rw-p 00000000 00:00 0 \n2000-3000 r--p 00000000 00:00 0 \n",
			"00001000-00002000 rw-p 00000000 00:00 0 \n00002000-00003000 r--p 00000000 00:00 0 \n"},
		{"a gap", "1000-2000 rw-p 00000000 00:00 0 \n3000-4000 rw-p 00000000 00:00 0 \n",
			"00001000-00002000 rw-p 00000000 00:00 0 \n00003000-00004000 rw-p 00000000 00:00 0 \n"},
		{"a file, going on", "1000-2000 r--p 00000000 fe:00 26 /f\n2000-3000 r--p 00001000 fe:00 26 /f\n",
			"00001000-00002000 r--p 00000000 " + file + "00002000-00003000 r--p 00001000 " + file},
		{"a file twice", "1000-2000 r--p 00000000 fe:00 26 /f\n2000-3000 r--p 00000000 fe:00 26 /f\n",
			"00001000-00002000 r--p 00000000 " + file + "00002000-00003000 r--p 00000000 " + file},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := perProcess(t, "maps", tt.real, testProcess)
			if fields := strings.Fields; !cmp.Equal(fields(got), fields(tt.want)) {
				t.Errorf("got:\n%swant:\n%s", got, tt.want)
			}
		})
	}
}

func TestMapsLeavesOutOtherForms(t *testing.T) {
	for _, line := range []string{
		"", "x", "1000-2000", "2000-1000 rw-p 00000000 00:00 0 ", "1000-1000 rw-p 00000000 00:00 0 ",
		"1001-2000 rw-p 00000000 00:00 0 ", "1000-2000 rwxx 00000000 00:00 0 ", "1000-2000 rw- 00000000 00:00 0 ",
		"1000-2000 rw-p 00000000 00:00 ", "1000-2000 rw-p 00000000 0000 0 ", "1000-11111111111111111 rw-p 0 0:0 0 ",
		"1000 -2000 rw-p 00000000 00:00 0 ", "-1000-2000 rw-p 0 0:0 0", "Rss:                   8 kB",
	} {
		if got := perProcess(t, "maps", line+"\n", testProcess); got != "" {
			t.Errorf("%q gives %q", line, got)
		}
	}
}

func TestMapsWithoutCallback(t *testing.T) {
	p := testProcess
	p.VDev = nil
	expect(t, "maps", "1000-2000 r--p 00000000 fe:00 26 /f\n", p,
		"00001000-00002000 r--p 00000000 00:00 0 "+strings.Repeat(" ", 33)+"/f\n")
}

func TestSmaps(t *testing.T) {
	real := "1000-5000 rw-p 00000000 00:00 0 \nSize: 16 kB\nRss: 4 kB\nVmFlags: rd wr\n" +
		"8000-a000 r-xp 00000000 fe:00 26 /f\nRss: 4 kB\n" +
		"b000-c000 ---p 00000000 00:00 0 \n" +
		"100000000-180000000 rw-s 00000000 00:01 7 /dev/zero (deleted)\n"
	got := perProcess(t, "smaps", real, testProcess)
	if got != perProcess(t, "smaps", perProcess(t, "maps", real, testProcess), Process{VDev: testProcess.VDev}) {
		t.Error("the same areas from maps and from smaps differ")
	}
	areas := strings.Split(got, "VmFlags: ")
	if len(areas) != 5 {
		t.Fatalf("%d areas:\n%s", len(areas)-1, got)
	}
	for i, want := range []string{
		"Size:                 16 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:                  16 kB\nPss:                  16 kB\nPss_Dirty:            16 kB\nShared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         0 kB\nPrivate_Dirty:        16 kB\nReferenced:           16 kB\nAnonymous:            16 kB\n",
		"Rss:                   8 kB\nPss:                   8 kB\nPss_Dirty:             0 kB\nShared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         8 kB\n",
		"Rss:                   0 kB\n",
		// No more than the limit counts as resident.
		"Size:            2097152 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:               65536 kB\n",
	} {
		if !strings.Contains(areas[i], want) {
			t.Errorf("area %d lacks\n%sit is\n%s", i, want, areas[i])
		}
	}
	for i, want := range []string{"rd wr mr mw me ac \n", "rd ex mr mw me \n", "mr mw me \n", "rd wr sh mr mw me ms \n"} {
		if !strings.HasPrefix(areas[i+1], want) {
			t.Errorf("flags of area %d: %q, want %q", i, areas[i+1][:20], want)
		}
	}
	rollup := perProcess(t, "smaps_rollup", real, testProcess)
	if want := "00001000-180000000 ---p 00000000 00:00 0 "; !strings.HasPrefix(rollup, want) || !strings.Contains(rollup, "[rollup]\nRss:               65560 kB\n") {
		t.Errorf("rollup:\n%s", rollup)
	}
	expect(t, "smaps_rollup", "", testProcess, "")
}

const catStat = "6916 (c) t 1 (x) t 6912 6912 3910 34816 6912 4194304 104 3 2 1 77 66 55 44 39 19 1 0 142288 3133440 414 18446744073709551615 94238912495616 94238912515497 140727071461456 140727071461 94238 8 65536 6 81920 1 0 0 17 1 5 2 9 8 7 94238912531504 94238912533120 94239470366720 140727071467936 140727071468051 140727071468051 140727071469547 256\n"

func TestStat(t *testing.T) {
	p := testProcess
	p.State, p.Threads, p.Nice, p.TTY, p.TPGID = 0, 3, 5, 34816, 1421
	expect(t, "stat", catStat, p,
		"1421 (cat) T 1 1421 1421 34816 1421 4194304 0 0 0 0 125 0 2 0 25 5 3 0 3100 3133440 765 18446744073709551615 "+
			"94238912495616 94238912515497 140727071461456 0 0 0 65536 6 81920 0 0 0 17 0 0 0 0 0 0 "+
			"94238912531504 94238912533120 94239470366720 140727071467936 140727071468051 140727071468051 140727071469547 256\n")
	for _, real := range []string{"", ")", "1 (x", "1 (x) RR 1", "1 (x) R x y z", "1 (x) R -9999999999999999999999"} {
		got := perProcess(t, "stat", real, testProcess)
		if n := len(strings.Fields(got)); n != statFields {
			t.Errorf("%q gives %d fields: %s", real, n, got)
		}
	}
}

func TestState(t *testing.T) {
	for _, tt := range []struct{ engine, kernel, want byte }{
		{0, 't', 'T'}, {0, 'T', 'T'}, {0, 'S', 'S'}, {0, 'D', 'S'}, {0, 'I', 'S'}, {0, 'Z', 'Z'}, {0, 'R', 'R'},
		{0, 0, 'S'}, {'R', 't', 'R'}, {'S', 't', 'S'}, {'t', 'R', 'T'},
	} {
		if got := (Process{State: tt.engine}).state(tt.kernel); got != tt.want {
			t.Errorf("state %q of the engine, %q of the kernel: %q, want %q", tt.engine, tt.kernel, got, tt.want)
		}
	}
}

func TestStatm(t *testing.T) {
	expect(t, "statm", "765 414 389 5 3 90 2\n", testProcess, "765 765 675 5 0 90 0\n")
	expect(t, "statm", "4294967296 414 389 5 0 90 0\n", testProcess, "4294967296 16384 16384 5 0 90 0\n")
	expect(t, "statm", "x", testProcess, "0 0 0 0 0 0 0\n")
}

const catStatus = "Name:\tc\\nVmSize:\t1 kB\nUmask:\t0027\nState:\tt (tracing stop)\nTgid:\t6916\nTracerPid:\t99\nUid:\t0\t0\t0\t0\n" +
	"FDSize:\t64\nGroups:\t4 27 \nVmPeak:\t   9999 kB\nVmSize:\t    3060 kB\nVmLck:\t       4 kB\nVmRSS:\t    1772 kB\n" +
	"VmData:\t     360 kB\nVmStk:\t     132 kB\nVmExe:\t      20 kB\nVmLib:\t    1528 kB\nVmSize:\t       7 kB\n" +
	"SigQ:\t3/96365\nSigPnd:\t0000000000000100\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000001006\nSigCgt:\t0000000180014a07\n" +
	"CapBnd:\t000001fffeffffff\nNoNewPrivs:\t1\nSeccomp:\t2\nvoluntary_ctxt_switches:\t12\n"

func TestStatus(t *testing.T) {
	p := testProcess
	p.State, p.TGID, p.Threads, p.Comm = 0, 1420, 2, "a\nb\\c"
	expect(t, "status", catStatus, p, `Name:	a\nb\\c
Umask:	0027
State:	T (stopped)
Tgid:	1420
Ngid:	0
Pid:	1421
PPid:	1
TracerPid:	0
Uid:	1000	1000	1000	1000
Gid:	1000	1000	1000	1000
FDSize:	64
Groups:	 
NStgid:	1420
NSpid:	1421
NSpgid:	1421
NSsid:	1421
VmPeak:	    3060 kB
VmSize:	    3060 kB
VmLck:	       4 kB
VmPin:	       0 kB
VmHWM:	    3060 kB
VmRSS:	    3060 kB
RssAnon:	     360 kB
RssFile:	    2700 kB
RssShmem:	       0 kB
VmData:	     360 kB
VmStk:	     132 kB
VmExe:	      20 kB
VmLib:	    1528 kB
VmPTE:	      37 kB
VmSwap:	       0 kB
HugetlbPages:	       0 kB
CoreDumping:	0
THP_enabled:	0
Threads:	2
SigQ:	0/31000
SigPnd:	0000000000000000
ShdPnd:	0000000000000000
SigBlk:	0000000000010000
SigIgn:	0000000000001006
SigCgt:	0000000180014a07
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	000001ffffffffff
CapAmb:	0000000000000000
NoNewPrivs:	0
Seccomp:	0
Seccomp_filters:	0
Speculation_Store_Bypass:	not vulnerable
SpeculationIndirectBranch:	not affected
Cpus_allowed:	3
Cpus_allowed_list:	0-1
Mems_allowed:	00000001
Mems_allowed_list:	0
voluntary_ctxt_switches:	0
nonvoluntary_ctxt_switches:	0
`)
	p.Groups, p.NoNewPrivs, p.Caps = []int{4, 27}, true, 0x1ff
	got := perProcess(t, "status", "State:\tZ (zombie)\n", p)
	for _, want := range []string{"State:\tZ (zombie)\n", "Groups:\t4 27 \n", "NoNewPrivs:\t1\n", "CapEff:\t00000000000001ff\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Vm") || strings.Contains(got, "Umask") {
		t.Errorf("a zombie has memory:\n%s", got)
	}
}

func TestAuxv(t *testing.T) {
	vector := func(entries ...uint64) string {
		var b []byte
		for _, e := range entries {
			b = binary.LittleEndian.AppendUint64(b, e)
		}
		return string(b)
	}
	real := vector(33, 0x7ffff7fc4000, 51, 0xd30, 16, 0x178bfbff, 6, 4096, 26, 2, 25, 0x7ffffff0, 27, 28, 0, 0, 3, 4)
	expect(t, "auxv", real, Process{}, vector(33, 0x7ffff7fc4000, 6, 4096, 25, 0x7ffffff0, 0, 0))
	expect(t, "auxv", real[:40], Process{}, vector(33, 0x7ffff7fc4000, 0, 0))
	expect(t, "auxv", "", Process{}, vector(0, 0))
	expect(t, "auxv", real, Process{Auxv: []byte("as on the stack")}, "as on the stack")
}

func TestLimits(t *testing.T) {
	l := DefaultLimits()
	l[7] = Limit{10, 20}
	p := Process{Limits: &l}
	got := perProcess(t, "limits", "", p)
	for _, want := range []string{
		"Limit                     Soft Limit           Hard Limit           Units     \n",
		"Max cpu time              unlimited            unlimited            seconds   \n",
		"Max open files            10                   20                   files     \n",
		"Max nice priority         0                    0                    \n",
		"Max realtime timeout      unlimited            unlimited            us        \n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestSmallFiles(t *testing.T) {
	p := testProcess
	p.Personality = 0x8
	p.Children = []int{4711, 300}
	expect(t, "personality", "", p, "00000008\n")
	expect(t, "task/1421/children", "", p, "4711 300 ")
	expect(t, "cgroup", "", p, "0::/\n")
	expect(t, "uid_map", "", p, "         0          0 4294967295\n")
	expect(t, "loginuid", "", p, "4294967295")
}

const boxMountinfo = `520 400 0:55 / / rw,relatime master:7 - tmpfs laplace rw,mode=755,uid=12345
521 520 254:1 /usr /usr ro,nosuid,nodev shared:1 master:2 - ext4 /dev/secret rw,discard
522 520 0:60 / /home/user/my\040project rw,relatime - overlay overlay rw,lowerdir=/secret/lower,upperdir=/secret/upper
523 520 0:61 / /proc rw,nosuid,nodev,noexec,relatime - proc  rw
524 521 254:1 /secret/x /usr/local rw,relatime - btrfs /dev/secret ro,subvol=/secret
`

func TestMountinfo(t *testing.T) {
	expect(t, "mountinfo", boxMountinfo, testProcess, `21 20 0:21 / / rw,relatime - tmpfs tmpfs rw
22 21 0:22 / /home/user/my\040project rw,relatime - overlay overlay rw
23 21 0:23 / /proc rw,relatime - proc proc rw
24 21 0:24 / /usr ro,relatime - overlay overlay rw
25 24 0:24 / /usr/local ro,relatime - overlay overlay rw
`)
	expect(t, "mounts", boxMountinfo, testProcess, `tmpfs / tmpfs rw,relatime 0 0
overlay /home/user/my\040project overlay rw,relatime 0 0
proc /proc proc rw,relatime 0 0
overlay /usr overlay ro,relatime 0 0
overlay /usr/local overlay ro,relatime 0 0
`)
	expect(t, "mountstats", "1 1 0:5 / /a rw - tmpfs x rw\n", testProcess, "device tmpfs mounted on /a with fstype tmpfs\n")
	p := testProcess
	p.MountDev = func(point string) uint64 { return unix.Mkdev(7, uint32(len(point))) }
	expect(t, "mountinfo", "1 0 254:3 / /a\\040b rw - ext4 x rw\n", p, "21 20 7:4 / /a\\040b rw,relatime - overlay overlay rw\n")
	for _, line := range []string{
		"", "x", "1 2 0:1 / / rw", "1 2 0:1 / / rw - ", "1 2 0:1 / / rw shared:1", "0 2 0:1 / / rw - a b c",
		"1 2 0:1 / relative rw - a b c", "1 2 01 / / rw - a b c", "99999999999999999999 2 0:1 / / rw - a b c",
	} {
		if got := perProcess(t, "mountinfo", line+"\n", testProcess); got != "" {
			t.Errorf("%q gives %q", line, got)
		}
	}
}

func TestMountTable(t *testing.T) {
	table := Mounts([]byte(boxMountinfo))
	for real, want := range map[int]int{520: 21, 524: 25, 13: innerMountID, 0: innerMountID} {
		if got := table.ID(real); got != want {
			t.Errorf("mount %d is %d, want %d", real, got, want)
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(boxMountinfo, "\n")+"\n", "\n")
	slices.Reverse(lines)
	if backwards := perProcess(t, "mountinfo", strings.Join(lines, ""), testProcess); backwards != perProcess(t, "mountinfo", boxMountinfo, testProcess) {
		t.Errorf("in another order:\n%s", backwards)
	}
	if got := (MountTable{}).ID(520); got != innerMountID {
		t.Errorf("mount 520 of no table is %d", got)
	}
	list := table.List()
	if len(list) != 5 || list[3].Point != "/usr" || !list[3].ReadOnly || list[3].RealID != 521 {
		t.Errorf("%+v", list)
	}
}

func TestFDInfo(t *testing.T) {
	p := testProcess
	p.Mounts = Mounts([]byte(boxMountinfo))
	for _, tt := range []struct{ name, real, want string }{
		{"file", "pos:\t10\nflags:\t0100002\nmnt_id:\t522\nino:\t9978046\nlock:\t1: POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n",
			"pos:\t10\nflags:\t0100002\nmnt_id:\t22\nino:\t7012\n"},
		{"eventfd", "pos:\t0\nflags:\t02\nmnt_id:\t16\nino:\t2\neventfd-count:               2a\neventfd-id: 9\neventfd-semaphore: 0\n",
			"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7012\neventfd-count:               2a\n"},
		{"signalfd", "pos:\t0\nflags:\t02\nmnt_id:\t16\nsigmask:\t0000000000000006\n",
			"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7012\nsigmask:\t0000000000000006\n"},
		{"epoll, sorted", "pos:\t0\nflags:\t02\nmnt_id:\t16\ntfd:       10 events:       19 data:                a  pos:5 ino:61af sdev:5\ntfd:        9 events:       1d data: ffffffffffffffff  pos:0 ino:7 sdev:5\n",
			"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7012\ntfd:        9 events:       1d data: ffffffffffffffff  pos:0 ino:0 sdev:0\ntfd:       10 events:       19 data:                a  pos:0 ino:0 sdev:0\n"},
		{"inotify", "pos:\t0\nflags:\t00\nmnt_id:\t16\ninotify wd:2 ino:7ef82a sdev:800001 mask:800afff ignored_mask:0 fhandle-bytes:8 f_handle:x\ninotify wd:1 ino:1 sdev:1 mask:3c6 ignored_mask:0\n",
			"pos:\t0\nflags:\t00\nmnt_id:\t15\nino:\t7012\ninotify wd:1 ino:0 sdev:0 mask:3c6 ignored_mask:0\ninotify wd:2 ino:0 sdev:0 mask:800afff ignored_mask:0\n"},
		{"pidfd", "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nPid:\t-1\nNSpid:\t-1\n",
			"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t7012\nPid:\t-1\nNSpid:\t-1\n"},
		{"timer", "pos:\t0\nflags:\t02\nmnt_id:\t16\nclockid: 0\nticks: 5\nit_value: (3, 141592653)\n",
			"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7012\n"},
		{"nothing", "", "pos:\t0\nflags:\t00\nmnt_id:\t15\nino:\t7012\n"},
		{"other forms", "pos:\tx\nflags:\t9\nmnt_id:\t\ntfd: 1\ntfd: 1 events: z data: 0\ninotify wd:x mask:1\ninotify wd:1 mask:x\n:\n",
			"pos:\t0\nflags:\t00\nmnt_id:\t15\nino:\t7012\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, "fdinfo/12", tt.real, p, tt.want) })
	}
	crowd := strings.Repeat("eventfd-count: 1\n", 100) + strings.Repeat("tfd: 1 events: 1 data: 1\n", maxWatched+5)
	if n := strings.Count(perProcess(t, "fdinfo/12", crowd, p), "\n"); n != 4+8+maxWatched {
		t.Errorf("%d lines of a descriptor with too many", n)
	}
}

// TestHostsLookAlike is the promise: what two hosts' kernels say of the same
// process gives the same bytes.
func TestHostsLookAlike(t *testing.T) {
	other := strings.NewReplacer(
		// maps
		"fe:00 247026", "08:11 26", "fe:00 325835", "08:11 835", "00:01 5012", "00:01 12",
		// stat, status
		" 104 3 2 1 77 66 55 44 ", " 9 9 9 9 9 9 9 9 ", " 142288 ", " 5 ", " 414 ", " 415 ", " 17 1 5 2 9 8 7 ", " 17 0 0 0 0 0 0 ",
		"9999 kB", "8888 kB", "1772 kB", "1773 kB", "TracerPid:\t99", "TracerPid:\t98", "3/96365", "0/1", "000001fffeffffff", "000000ffffffffff", "Seccomp:\t2", "Seccomp:\t0",
		// mountinfo, fdinfo
		"520", "30", "521", "31", "522", "32", "523", "33", "524", "34", "254:1", "8:1", "0:55", "0:99", "ext4", "xfs", "secret", "other", "shared:1 ", "", "nosuid,nodev", "relatime",
	)
	for name, real := range map[string]string{
		"maps": catMaps, "smaps": catMaps, "smaps_rollup": catMaps, "stat": catStat, "status": catStatus,
		"mountinfo": boxMountinfo, "mounts": boxMountinfo, "mountstats": boxMountinfo, "fdinfo/3": "pos:\t0\nmnt_id:\t522\nino:\t254:1\n",
	} {
		changed := other.Replace(real)
		if changed == real {
			t.Fatalf("%s: the other host's is the same", name)
		}
		a, b := testProcess, testProcess
		a.Mounts, b.Mounts = Mounts([]byte(boxMountinfo)), Mounts([]byte(other.Replace(boxMountinfo)))
		one, two := perProcess(t, name, real, a), perProcess(t, name, changed, b)
		if one != two {
			t.Errorf("%s differs between hosts:\n%s", name, cmp.Diff(one, two))
		}
		if strings.Contains(one, "secret") {
			t.Errorf("%s shows the host's:\n%s", name, one)
		}
	}
}

func ExampleResident() {
	fmt.Println(Resident(4096), Resident(1<<40))
	// Output: 4096 67108864
}
