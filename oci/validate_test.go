package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// set puts a value, as JSON, where a path leads to: names, and numbers of elements; a name
// that ends in "!" is taken away.
func set(t *testing.T, doc any, path []string, value string) {
	t.Helper()
	for i, step := range path {
		last := i == len(path)-1
		var v any
		if last && value != "" {
			if err := json.Unmarshal([]byte(value), &v); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
		}
		switch at := doc.(type) {
		case map[string]any:
			name, gone := strings.CutSuffix(step, "!")
			switch {
			case gone:
				delete(at, name)
			case last:
				at[step] = v
			}
			doc = at[name]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(at) {
				t.Fatalf("no element %s in %v", step, path)
			}
			if last {
				at[n] = v
			}
			doc = at[n]
		default:
			t.Fatalf("nothing at %s in %v", step, path)
		}
	}
}

// decode decodes an object so that its numbers stay what they are.
func decode(t *testing.T, text []byte) (doc map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// A rule is a change of the configuration that has everything, and what is wrong then.
type rule struct {
	path  string // to what is changed, with slashes
	value string // JSON
	want  string // where and what the error begins with; "" is none
}

var rules = []rule{
	{"ociVersion", `"1.0.0-rc5-dev"`, ``},
	{"ociVersion", `""`, `ociVersion: missing`},
	{"ociVersion!", ``, `ociVersion: missing`},
	{"ociVersion", `"1.0"`, `ociVersion: "1.0" is no version`},
	{"ociVersion", `"2.0.0"`, `ociVersion: "2.0.0": only versions 1.x`},
	{"ociVersion", `"0.9.0"`, `ociVersion: "0.9.0": only versions 1.x`},

	{"root!", ``, `root: missing`},
	{"root/path", `""`, `root.path: missing`},
	{"process!", ``, `process: missing`},
	{"process/args!", ``, `process.args: must not be empty`},
	{"process/args/0", `""`, `process.args[0]: must not be empty`},
	{"process/cwd", `"tmp"`, `process.cwd: "tmp" is not an absolute path`},
	{"process/cwd!", ``, `process.cwd: missing`},
	{"process/env/1", `"A"`, `process.env[1]: "A" is not of the form NAME=VALUE`},
	{"process/env/1", `"=A"`, `process.env[1]: "=A" is not`},
	{"process/env/1", `"A=\u0000"`, `process.env[1]: has a null byte`},
	{"process/user/umask", `512`, `process.user.umask: 512 is greater`},
	{"process/user/uid", `4294967295`, `process.user.uid: 4294967295 is not an ID`},
	{"process/user/gid", `4294967295`, `process.user.gid: 4294967295 is not an ID`},
	{"process/user/additionalGids/1", `4294967295`, `process.user.additionalGids[1]: `},
	{"process/user/uid", `65537`, `process.user.uid: 65537 is not in linux.uidMappings`},
	{"process/user/uid", `65536`, ``},
	{"linux/gidMappings", `[{"size": 2}]`, `process.user.gid: 2 is not in linux.gidMappings`},
	{"process/consoleSize/height", `65536`, `process.consoleSize.height: 65536 is greater`},
	{"process/consoleSize/width", `65536`, `process.consoleSize.width: 65536 is greater`},
	{"process/rlimits/0/type", `"RLIMIT_X"`, `process.rlimits[0].type: "RLIMIT_X" is none of RLIMIT_AS, `},
	{"process/rlimits", `[{"type": "RLIMIT_AS"}, {"type": "RLIMIT_AS"}]`, `process.rlimits[1].type: RLIMIT_AS is given twice`},
	{"process/rlimits/0/hard", `1`, `process.rlimits[0].soft: 1024 is greater than the hard limit, 1`},
	{"process/oomScoreAdj", `1001`, `process.oomScoreAdj: 1001 is not between`},
	{"process/oomScoreAdj", `-1001`, `process.oomScoreAdj: -1001 is not between`},
	{"process/scheduler", `{}`, `process.scheduler.policy: missing`},
	{"process/scheduler/policy", `"SCHED_X"`, `process.scheduler.policy: "SCHED_X" is none of`},
	{"process/scheduler/policy", `"SCHED_ISO"`, `process.scheduler.policy: SCHED_ISO is reserved`},
	{"process/scheduler/nice", `20`, `process.scheduler.nice: 20 is not between`},
	{"process/scheduler/priority", `1`, `process.scheduler.priority: only`},
	{"process/scheduler", `{"policy": "SCHED_FIFO", "priority": 1}`, ``},
	{"process/scheduler", `{"policy": "SCHED_FIFO", "priority": 100}`, `process.scheduler.priority: 100`},
	{"process/scheduler", `{"policy": "SCHED_RR"}`, `process.scheduler.priority: 0 is not between`},
	{"process/scheduler/policy", `"SCHED_OTHER"`, `process.scheduler.runtime: only`},
	{"process/scheduler", `{"policy": "SCHED_IDLE", "deadline": 1}`, `process.scheduler.deadline: only`},
	{"process/scheduler", `{"policy": "SCHED_BATCH", "period": 1}`, `process.scheduler.period: only`},
	{"process/scheduler/flags/0", `"X"`, `process.scheduler.flags[0]: "X" is none of`},
	{"process/ioPriority/class", `"X"`, `process.ioPriority.class: "X" is none of`},
	{"process/ioPriority/priority", `8`, `process.ioPriority.priority: 8`},
	{"process/ioPriority/priority", `-1`, `process.ioPriority.priority: -1`},
	{"process/execCPUAffinity/initial", `"3-0"`, `process.execCPUAffinity.initial: "3-0" is no list`},
	{"process/execCPUAffinity/final", `"0-99999999"`, `process.execCPUAffinity.final: `},

	{"hostname", `"` + strings.Repeat("x", 65) + `"`, `hostname: longer than 64 bytes`},
	{"linux/namespaces/4", `{"type": "time"}`, `linux.namespaces[7].type: "time" is given twice`},
	{"linux/namespaces", `[]`, `linux.uidMappings: there is no user namespace`},
	{"mounts/0/destination", `""`, `mounts[0].destination: missing`},
	{"mounts/0/type!", ``, `mounts[0].type: missing`},
	{"mounts/2/source!", ``, `mounts[2].source: missing`},
	{"mounts/2/options/1", `"size=1"`, `mounts[2].options: a bind has no options of a file system: "size=1"`},
	{"mounts/0/options", `["tmpcopyup"]`, `mounts[0].options: tmpcopyup is for tmpfs`},
	{"mounts/0/options", `["idmap"]`, `mounts[0].options: only owners of a bind`},
	{"mounts/2/uidMappings!", ``, `mounts[2].uidMappings: missing: there are gidMappings`},
	{"mounts/2/gidMappings!", ``, `mounts[2].gidMappings: missing: there are uidMappings`},
	{"mounts/2/gidMappings/0/size", `0`, `mounts[2].gidMappings[0].size: must not be 0`},
	{"mounts/0/source", `"\u0000"`, `mounts[0].source: has a null byte`},
	{"hooks/prestart/0/path", `"true"`, `hooks.prestart[0].path: "true" is not an absolute path`},
	{"hooks/createRuntime/0/path!", ``, `hooks.createRuntime[0].path: missing`},
	{"hooks/createContainer/0/env", `["x"]`, `hooks.createContainer[0].env[0]: "x" is not of the form`},
	{"hooks/startContainer/0/timeout", `0`, `hooks.startContainer[0].timeout: 0 is not greater than 0`},
	{"hooks/poststart/0/timeout", `-1`, `hooks.poststart[0].timeout: -1`},
	{"hooks/poststop/0/path", `""`, `hooks.poststop[0].path: missing`},

	{"linux/uidMappings", `[]`, `linux.uidMappings: missing, or empty`},
	{"linux/uidMappings/0/size", `65537`, `linux.uidMappings[1].containerID: overlaps number 0`},
	{"linux/uidMappings/1/hostID", `100000`, `linux.uidMappings[1].hostID: overlaps number 0`},
	{"linux/gidMappings/0/hostID", `1`, `linux.gidMappings[0].size: 4294967295 IDs from 1 on`},
	{"linux/gidMappings/0/containerID", `1`, `linux.gidMappings[0].size: 4294967295 IDs from 1 on`},
	{"linux/gidMappings", `[` + strings.Repeat(`{"size": 1},`, 340) + `{"size": 1}]`, `linux.gidMappings: more than 340`},
	{"linux/namespaces/5", `{"type": "user", "path": "/proc/1/ns/user"}`, ``}, // containerd and CRI-O do that
	{"linux/namespaces/0/type", `"PID"`, `linux.namespaces[0].type: "PID" is none of cgroup, ipc, `},
	{"linux/namespaces/1/path", `"ns/net"`, `linux.namespaces[1].path: "ns/net" is not an absolute path`},
	{"linux/namespaces/7/path", `"/proc/1/ns/time"`, `linux.timeOffsets: the time namespace is joined`},
	{"linux/timeOffsets/realtime", `{}`, `linux.timeOffsets.realtime: "realtime" is none of boottime, monotonic`},
	{"linux/timeOffsets/boottime/nanosecs", `1000000000`, `linux.timeOffsets.boottime.nanosecs: 1000000000 is not less`},
	{"linux/devices/0/type", `"x"`, `linux.devices[0].type: "x" is none of b, c, p, u`},
	{"linux/devices/0/path", `"fuse"`, `linux.devices[0].path: "fuse" is not an absolute path`},
	{"linux/devices/0/major", `4096`, `linux.devices[0].major: 4096`},
	{"linux/devices/0/minor", `-1`, `linux.devices[0].minor: -1`},
	{"linux/devices/1/major", `1`, `linux.devices[1].type: a FIFO has no major`},
	{"linux/devices/0/fileMode", `65536`, `linux.devices[0].fileMode: 65536 is not a mode`},
	{"linux/devices/0/uid", `4294967295`, `linux.devices[0].uid: `},
	{"linux/devices/0/gid", `4294967295`, `linux.devices[0].gid: `},
	{"linux/netDevices/eth 0", `{}`, `linux.netDevices["eth 0"]: "eth 0" is not a name`},
	{"linux/netDevices/eth0", `{"name": "name-that-is-too-long"}`, `linux.netDevices.eth0.name: "name-that-is-too-long" is not`},
	{"linux/netDevices/ens4", `{"name": "container_eth1"}`, `linux.netDevices.eth1.name: "ens4" and this one would both be called "container_eth1"`},
	{"linux/rootfsPropagation", `"rslave "`, `linux.rootfsPropagation: "rslave " is none of private, `},
	{"linux/maskedPaths/0", `"x"`, `linux.maskedPaths[0]: "x" is not an absolute path`},
	{"linux/readonlyPaths/0", `""`, `linux.readonlyPaths[0]: missing`},
	{"linux/personality/domain", `"BSD"`, `linux.personality.domain: "BSD" is none of LINUX, LINUX32`},
	{"linux/personality/flags", `["X"]`, `linux.personality.flags: the specification defines none`},
	{"linux/intelRdt/closID", `"a/b"`, `linux.intelRdt.closID: "a/b" is not the name`},
	{"linux/intelRdt/closID", `".."`, `linux.intelRdt.closID: ".." is not the name`},
	{"linux/intelRdt/closID", `"/"`, ``},
	{"linux/intelRdt/schemata/0", `"a\nb"`, `linux.intelRdt.schemata[0]: has a newline`},
	{"linux/intelRdt/l3CacheSchema", `"a\nb"`, `linux.intelRdt.l3CacheSchema: has a newline`},
	{"linux/intelRdt/memBwSchema", `"a\nb"`, `linux.intelRdt.memBwSchema: has a newline`},
	{"linux/memoryPolicy/mode", `"X"`, `linux.memoryPolicy.mode: "X" is none of`},
	{"linux/memoryPolicy/mode", `"MPOL_LOCAL"`, `linux.memoryPolicy.nodes: MPOL_LOCAL takes none`},
	{"linux/memoryPolicy/nodes", `""`, `linux.memoryPolicy.nodes: missing`},
	{"linux/memoryPolicy/nodes", `"x"`, `linux.memoryPolicy.nodes: "x" is no list`},
	{"linux/memoryPolicy/flags/0", `"X"`, `linux.memoryPolicy.flags[0]: "X" is none of`},
	{"linux/memoryPolicy/flags/0", `"MPOL_F_NUMA_BALANCING"`, `linux.memoryPolicy.flags: MPOL_F_NUMA_BALANCING is for`},
	{"linux/memoryPolicy/flags", `["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]`, `linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and`},

	{"linux/sysctl/kernel.pid_max", `"1"`, `linux.sysctl["kernel.pid_max"]: does not belong to a namespace`},
	{"linux/sysctl/kernel.hostname", `"x"`, `linux.sysctl["kernel.hostname"]: cannot be set: the field hostname`},
	{"linux/sysctl/net.core.x y", `"x"`, ``},
	{"linux/sysctl/net.../../kernel.x", `"1"`, `linux.sysctl["net.../../kernel.x"]: not the name`},
	{"linux/sysctl/net.//.kernel.x", `"1"`, `linux.sysctl["net.//.kernel.x"]: not the name`}, // net/../kernel/x
	{"linux/sysctl/", `"1"`, `linux.sysctl[""]: not the name`},

	{"linux/seccomp/defaultAction", `"SCMP_ACT_X"`, `linux.seccomp.defaultAction: "SCMP_ACT_X" is none of`},
	{"linux/seccomp/defaultAction", `"SCMP_ACT_NOTIFY"`, `linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not supported`},
	{"linux/seccomp/defaultAction", `"SCMP_ACT_KILL"`, `linux.seccomp.defaultErrnoRet: the action "SCMP_ACT_KILL" has none`},
	{"linux/seccomp/defaultErrnoRet", `4096`, `linux.seccomp.defaultErrnoRet: 4096 is greater`},
	{"linux/seccomp/architectures/0", `"x86"`, `linux.seccomp.architectures[0]: "x86" is not known`},
	{"linux/seccomp/flags/0", `"X"`, `linux.seccomp.flags[0]: "X" is none of`},
	{"linux/seccomp/listenerPath!", ``, `linux.seccomp.listenerMetadata: there is no listenerPath`},
	{"linux/seccomp/syscalls/0/names", `[]`, `linux.seccomp.syscalls[0].names: missing`},
	{"linux/seccomp/syscalls/0/names/1", `""`, `linux.seccomp.syscalls[0].names[1]: empty`},
	{"linux/seccomp/syscalls/0/action", `"SCMP_ACT_NOTIFY"`, `linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY`},
	{"linux/seccomp/syscalls/0/action", `"SCMP_ACT_ALLOW"`, `linux.seccomp.syscalls[0].errnoRet: the action "SCMP_ACT_ALLOW" has none`},
	{"linux/seccomp/syscalls/0/args/0/index", `6`, `linux.seccomp.syscalls[0].args[0].index: 6 is greater`},
	{"linux/seccomp/syscalls/0/args/0/op", `"="`, `linux.seccomp.syscalls[0].args[0].op: "=" is none of`},
	{"linux/seccomp", `{}`, ``},

	{"linux/resources/devices/0/access", `"rx"`, `linux.resources.devices[0].access: "rx" is not made of r, w and m`},
	{"linux/resources/devices/0/access!", ``, `linux.resources.devices[0].access: "" is not`},
	{"linux/resources/devices/1/type", `"p"`, `linux.resources.devices[1].type: "p" is none of`},
	{"linux/resources/devices/1/major", `-2`, `linux.resources.devices[1].major: -2`},
	{"linux/resources/devices/1/minor", `1048576`, `linux.resources.devices[1].minor: 1048576`},
	{"linux/resources/memory/limit", `-2`, `linux.resources.memory.limit: -2 is less`},
	{"linux/resources/memory/reservation", `-2`, `linux.resources.memory.reservation: -2`},
	{"linux/resources/memory/swap", `-2`, `linux.resources.memory.swap: -2`},
	{"linux/resources/memory/swap", `1`, `linux.resources.memory.swap: 1 is less than limit`},
	{"linux/resources/memory/swappiness", `101`, `linux.resources.memory.swappiness: 101`},
	{"linux/resources/cpu/quota", `-2`, `linux.resources.cpu.quota: -2`},
	{"linux/resources/cpu/realtimeRuntime", `-2`, `linux.resources.cpu.realtimeRuntime: -2`},
	{"linux/resources/cpu/idle", `2`, `linux.resources.cpu.idle: 2`},
	{"linux/resources/cpu/cpus", `"a"`, `linux.resources.cpu.cpus: "a" is no list`},
	{"linux/resources/cpu/mems", `"0-"`, `linux.resources.cpu.mems: "0-" is no list`},
	{"linux/resources/pids/limit", `-2`, `linux.resources.pids.limit: -2`},
	{"linux/resources/blockIO/weight", `9`, `linux.resources.blockIO.weight: 9`},
	{"linux/resources/blockIO/leafWeight", `1001`, `linux.resources.blockIO.leafWeight: 1001`},
	{"linux/resources/blockIO/weightDevice/0/weight", `9`, `linux.resources.blockIO.weightDevice[0].weight: 9`},
	{"linux/resources/blockIO/weightDevice/0/major", `-1`, `linux.resources.blockIO.weightDevice[0].major: -1`},
	{"linux/resources/blockIO/throttleReadBpsDevice/0/minor", `-1`, `linux.resources.blockIO.throttleReadBpsDevice[0].minor: -1`},
	{"linux/resources/blockIO/throttleWriteBpsDevice/0/major", `-1`, `linux.resources.blockIO.throttleWriteBpsDevice[0].major: -1`},
	{"linux/resources/blockIO/throttleReadIOPSDevice/0/major", `-1`, `linux.resources.blockIO.throttleReadIOPSDevice[0].major: -1`},
	{"linux/resources/blockIO/throttleWriteIOPSDevice/0/major", `-1`, `linux.resources.blockIO.throttleWriteIOPSDevice[0].major: -1`},
	{"linux/resources/hugepageLimits/0/pageSize", `"2M"`, `linux.resources.hugepageLimits[0].pageSize: "2M" is no size`},
	{"linux/resources/network/priorities/0/name", `""`, `linux.resources.network.priorities[0].name: "" is not a name`},
	{"linux/resources/rdma/a b", `{}`, `linux.resources.rdma["a b"]: not a name`},
	{"linux/resources/unified/..", `"1"`, `linux.resources.unified[".."]: not a name`},
	{"linux/resources/unified/cgroup.procs", `"1"`, `linux.resources.unified["cgroup.procs"]: cannot be set: it moves processes`},
}

// TestRules breaks each rule once.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		doc := decode(t, text)
		path := strings.Split(r.path, "/")
		if name, ok := strings.CutPrefix(r.path, "linux/sysctl/"); ok {
			path = []string{"linux", "sysctl", name}
		}
		set(t, doc, path, r.value)
		changed, err := json.MarshalIndent(doc, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseSpec("config.json", changed, quiet)
		checkRule(t, r, string(changed), err)
	}
}

// checkRule compares an error with what is wanted, and looks whether a value begins where
// it is said to be.
func checkRule(t *testing.T, r rule, text string, err error) {
	t.Helper()
	if r.want == "" || err == nil {
		if r.want != "" || err != nil {
			t.Errorf("%s = %s: %v, want %q", r.path, r.value, err, r.want)
		}
		return
	}
	var line, column int
	if _, scan := fmt.Sscanf(err.Error(), "config.json:%d:%d: ", &line, &column); scan != nil {
		t.Errorf("%s: %v", r.path, scan)
		return
	}
	if rest := strings.SplitN(err.Error(), ": ", 2)[1]; !strings.HasPrefix(rest, r.want) {
		t.Errorf("%s = %s: %v, want %q", r.path, r.value, err, r.want)
	}
	here := strings.Split(text, "\n")[line-1]
	if column > len(here) || !strings.ContainsAny(here[column-1:column], `{["-0123456789tfn`) || column > 1 && !strings.ContainsAny(here[column-2:column-1], " \t") {
		t.Errorf("%s: line %d is %q: no value begins at %d", r.path, line, here, column)
	}
}

// TestNamespacesNeeded takes each namespace away that something needs.
func TestNamespacesNeeded(t *testing.T) {
	text, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ namespace, also, want string }{
		{"uts", "", `linux.sysctl["kernel.domainname"]: belongs to the uts namespace`},
		{"uts", "linux/sysctl", "hostname: needs a uts namespace"},
		{"uts", "linux/sysctl hostname", "domainname: needs a uts namespace"},
		{"user", "", "linux.uidMappings: there is no user namespace"},
		{"user", "linux/uidMappings", "linux.gidMappings: there is no user namespace"},
		{"user", "linux/uidMappings linux/gidMappings linux/sysctl mounts/2/uidMappings mounts/2/gidMappings",
			"mounts[2].uidMappings: missing, and there is no user namespace"},
		{"time", "", "linux.timeOffsets: there is no time namespace"},
		{"network", "", "linux.netDevices: there is no network namespace"},
		{"network", "linux/netDevices", `linux.sysctl["net.ipv4.ip_forward"]: belongs to the network namespace`},
		{"ipc", "", `linux.sysctl["fs.mqueue.msg_max"]: belongs to the ipc namespace`},
		{"mount", "", "linux.maskedPaths: there is no mount namespace"},
		{"mount", "linux/maskedPaths", "linux.readonlyPaths: there is no mount namespace"},
	} {
		doc := decode(t, text)
		linux := doc["linux"].(map[string]any)
		var kept []any
		for _, ns := range linux["namespaces"].([]any) {
			if ns.(map[string]any)["type"] != test.namespace {
				kept = append(kept, ns)
			}
		}
		linux["namespaces"] = kept
		for path := range strings.FieldsSeq(test.also) {
			set(t, doc, strings.Split(path+"!", "/"), "")
		}
		changed, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSpec("config.json", changed, quiet); err == nil || !strings.Contains(err.Error(), ": "+test.want) {
			t.Errorf("without %s: %v, want %s", test.namespace, err, test.want)
		}
	}
}

func TestCapability(t *testing.T) {
	for name, want := range map[string]int{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "CAP_SETPCAP": unix.CAP_SETPCAP,
		"CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE, "chown": -1, "CAP_chown": -1, "CAP_": -1, "": -1,
	} {
		got, ok := Capability(name)
		if ok != (want >= 0) || ok && int(got) != want {
			t.Errorf("%q: %d, %v; want %d", name, got, ok, want)
		}
	}
}
