package cgroup

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// opens has a program of the group open /dev/null and /dev/kmsg, and tells which of reading, writing
// and both it may do with the latter.
func opens(t *testing.T, g *Group) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("sh", "-c", `read go; : <> /dev/null || exit
		(: < /dev/kmsg) 2> /dev/null && echo r
		(: >> /dev/kmsg) 2> /dev/null && echo w
		(: <> /dev/kmsg) 2> /dev/null && echo rw
		:`)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = g.Join(cmd.Process.Pid, 0)
	w.Write([]byte("\n"))
	w.Close()
	if werr := cmd.Wait(); err != nil || werr != nil {
		t.Errorf("%v, %v: %s", err, werr, out.Bytes())
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// TestDevices has a program of the group open a device, under one list after the other.
func TestDevices(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	hosts := map[string]*Group{}
	if g.V1["devices"] != "" {
		hosts["v1"] = &Group{V1: map[string]string{"devices": g.V1["devices"]}}
	}
	if g.V2 != "" {
		hosts["v2"] = &Group{V2: g.V2}
	}
	deny, all := specs.LinuxDeviceCgroup{Access: "rwm"}, specs.LinuxDeviceCgroup{Allow: true, Type: "a", Access: "rwm"}
	memory := func(allow bool, access string) specs.LinuxDeviceCgroup {
		d := device("c", 1, 11, access)
		d.Allow = allow
		return d
	}
	for version, g := range hosts {
		if version == "v2" {
			if err := g.Set(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{all}}); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
				t.Log("v2 is not tested: the kernel needs CONFIG_CGROUP_BPF:", err)
				continue
			}
		}
		for _, test := range []struct {
			list []specs.LinuxDeviceCgroup
			want string
		}{
			{[]specs.LinuxDeviceCgroup{deny}, ""},
			{[]specs.LinuxDeviceCgroup{deny, memory(true, "r")}, "r"},
			{[]specs.LinuxDeviceCgroup{deny, memory(true, "r"), memory(true, "w")}, "r w rw"},
			{[]specs.LinuxDeviceCgroup{deny, memory(true, "rw"), memory(false, "w")}, "r"},
			{[]specs.LinuxDeviceCgroup{deny, {Allow: true, Access: "r"}}, "r"},
			{[]specs.LinuxDeviceCgroup{deny, {Allow: true, Type: "b"}}, ""},
			{[]specs.LinuxDeviceCgroup{all}, "r w rw"},
			{[]specs.LinuxDeviceCgroup{all, memory(false, "")}, ""},
			{[]specs.LinuxDeviceCgroup{deny, all}, "r w rw"},
			{[]specs.LinuxDeviceCgroup{all, deny}, ""},
			{[]specs.LinuxDeviceCgroup{deny, all}, "r w rw"}, // each list replaces the one before
		} {
			if err := g.Set(&specs.LinuxResources{Devices: test.list}); err != nil {
				t.Errorf("%s: %v", version, err)
				continue
			}
			if got := opens(t, g); got != test.want {
				t.Errorf("%s: %+v: %q instead of %q", version, test.list, got, test.want)
			}
		}
	}
}

func TestRules(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	deny, all := specs.LinuxDeviceCgroup{}, specs.LinuxDeviceCgroup{Allow: true, Type: "a", Major: n(-1), Minor: n(-1), Access: "mwr"}
	type list = []specs.LinuxDeviceCgroup
	for _, test := range []struct {
		list  list
		allow bool
		want  map[string]string // nil is an error
	}{
		{list{}, false, map[string]string{}},
		{list{deny, device("c", 1, 11, "wr")}, false, map[string]string{"c 1:11 rw": ""}},
		{list{deny, all}, true, map[string]string{}},
		{list{all, {Type: "b"}}, true, map[string]string{"b *:* rwm": ""}},
		{list{deny, {Allow: true, Access: "r"}}, false, map[string]string{"b *:* r": "", "c *:* r": ""}},
		{list{{Allow: true, Major: n(7)}}, false, map[string]string{"b 7:* rwm": "", "c 7:* rwm": ""}},
		{list{device("c", 1, 11, "r"), device("c", 1, 11, "w")}, false, map[string]string{"c 1:11 rw": ""}},
		{list{device("c", 1, 11, "rw"), {Type: "c", Major: n(1), Minor: n(11), Access: "w"}}, false, map[string]string{"c 1:11 r": ""}},
		{list{device("c", 1, 11, "r"), {Type: "c", Major: n(1), Minor: n(11)}}, false, map[string]string{}},
		{list{device("c", 1, -1, "r"), {Type: "c", Major: n(2), Minor: n(1)}}, false, map[string]string{"c 1:* r": ""}},
		{list{device("c", 1, -1, "r"), {Type: "c", Major: n(1), Minor: n(1), Access: "w"}}, false, map[string]string{"c 1:* r": ""}},
		{list{device("c", 1, -1, "r"), {Type: "c", Major: n(1), Minor: n(11)}}, false, nil},
		{list{device("c", 1, 11, "r"), {Major: n(1)}}, false, nil},
		{list{{Type: "u"}}, false, nil},
		{list{{Type: "p"}}, false, nil},
		{list{{Access: "rx"}}, false, nil},
		{list{{Type: "c", Major: n(-2)}}, false, nil},
		{list{{Type: "c", Minor: n(1 << 32)}}, false, nil},
	} {
		var rules []rule
		var err error
		for _, d := range test.list {
			r, rerr := parseRule(d)
			rules, err = append(rules, r), errors.Join(err, rerr)
		}
		var v v1Rules
		if err == nil {
			v, err = foldRules(rules)
		}
		if (err != nil) != (test.want == nil) {
			t.Errorf("%+v: %v", test.list, err)
		}
		if err != nil {
			continue
		}
		got, text := map[string]string{}, ""
		for set, access := range v.exceptions {
			got[set.line(access)] = ""
			text += set.line(access) + "\n"
		}
		if !maps.Equal(got, test.want) || v.allow != test.allow {
			t.Errorf("%+v: %v, %q", test.list, v.allow, got)
		}
		if again := parseV1Rules(text); !v.allow && !maps.Equal(again.exceptions, v.exceptions) {
			t.Errorf("%q is read as %v", text, again)
		}
	}
	// Without privileges nothing can be said of devices, and need not.
	only := &specs.LinuxResources{Devices: list{deny}}
	if err := (&Group{Rootless: true}).Set(only); err != nil {
		t.Error(err)
	}
	if err := (&Group{}).Set(only); !errors.Is(err, ErrNoGroup) {
		t.Errorf("without a group: %v", err)
	}
}

// TestDevicesUpdate sets lists in a v1 group that has one: only what is allowed no more is denied, and
// nothing for a moment.
func TestDevicesUpdate(t *testing.T) {
	dir := t.TempDir()
	deny := filepath.Join(dir, "devices.deny")
	for _, name := range []string{deny, filepath.Join(dir, "devices.allow"), filepath.Join(dir, "devices.list")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ now, want string }{
		{"c 1:11 rw\nb *:* m\n", ""},
		{"c 1:11 rwm\n", "c 1:11 m"},
		{"c 1:11 rw\nc 10:* rwm\n", "c 10:* rwm"},
		{"a *:* rwm\n", "a *:* rwm"},
	} {
		err := errors.Join(os.WriteFile(filepath.Join(dir, "devices.list"), []byte(test.now), 0o600), os.Truncate(deny, 0))
		if err != nil {
			t.Fatal(err)
		}
		g := &Group{V1: map[string]string{"devices": dir}}
		if err := g.Set(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{}, device("c", 1, 11, "rw")}}); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(deny); err != nil || string(b) != test.want {
			t.Errorf("%q: denied: %q, %v", test.now, b, err)
		}
	}
}
