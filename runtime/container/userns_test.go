package container

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestCallerMappings checks that a caller gets what the host gives it, if there is the tool that maps it.
func TestCallerMappings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "subuid")
	text := fmt.Sprintf("nobody-of-that-name:1:5\n%d:200000:1000000\n%d:1:1\n", os.Geteuid(), os.Geteuid())
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	own := specs.LinuxIDMapping{HostID: 7, Size: 1}
	for _, test := range []struct {
		tool, file string
		want       []specs.LinuxIDMapping
	}{
		{"true", file, []specs.LinuxIDMapping{own, {ContainerID: 1, HostID: 200000, Size: mappedIDs - 1}}},
		{"no-such-tool", file, []specs.LinuxIDMapping{own}},
		{"true", file + "x", []specs.LinuxIDMapping{own}},
		{"true", os.DevNull, []specs.LinuxIDMapping{own}},
	} {
		if diff := cmp.Diff(test.want, callerMappings(7, test.tool, test.file)); diff != "" {
			t.Errorf("%s, %s: %s", test.tool, test.file, diff)
		}
	}
}

// TestUnmapped checks which options of mounts name owners that there are not.
func TestUnmapped(t *testing.T) {
	l := &specs.Linux{UIDMappings: []specs.LinuxIDMapping{{HostID: 5, Size: 10}}, GIDMappings: []specs.LinuxIDMapping{{HostID: 5, Size: 1}}}
	for option, want := range map[string]bool{"uid=9": false, "uid=10": true, "gid=0": false, "gid=5": true, "gid=x": false, "mode=7": false, "gid": false} {
		if got := unmapped(l, option); got != want {
			t.Errorf("%s: %v", option, got)
		}
	}
}
