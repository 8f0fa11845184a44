package rootfs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestParseOptions(t *testing.T) {
	const ro, nosuid, nodev = unix.MOUNT_ATTR_RDONLY, unix.MOUNT_ATTR_NOSUID, unix.MOUNT_ATTR_NODEV
	type want struct {
		attr            uint64
		data            []string
		recursive, late bool
		idmap, bind     bool
	}
	tests := []struct {
		name string
		m    specs.Mount
		want want
		err  string
	}{
		{"tmpfs", specs.Mount{Type: "tmpfs", Options: []string{"nosuid", "mode=755", "nodev", "size=1m"}}, want{attr: nosuid | nodev, data: []string{"mode=755", "size=1m"}}, ""},
		{"read-only tmpfs", specs.Mount{Type: "tmpfs", Options: []string{"ro"}}, want{late: true}, ""},
		{"read-only proc", specs.Mount{Type: "proc", Options: []string{"ro"}}, want{attr: ro}, ""},
		{"bind type", specs.Mount{Type: "bind", Options: []string{"ro", "rw"}}, want{attr: ro, bind: true}, ""},
		{"rbind type", specs.Mount{Type: "rbind"}, want{recursive: true, bind: true}, ""},
		{"rbind option", specs.Mount{Type: "bind", Options: []string{"rbind", "rro", "rnosuid", "rnodev"}}, want{attr: ro | nosuid | nodev, recursive: true, bind: true}, ""},
		{"bind option", specs.Mount{Type: "none", Options: []string{"bind"}}, want{bind: true}, ""},
		{"bind option of an rbind", specs.Mount{Type: "rbind", Options: []string{"bind"}}, want{recursive: true, bind: true}, ""},
		{"overlay", specs.Mount{Type: "overlay", Options: []string{"lowerdir=/a", "idmap", "userxattr", "ro"}}, want{data: []string{"lowerdir=/a", "userxattr"}, late: true, idmap: true}, ""},
		{"unknown type", specs.Mount{Type: "ext4"}, want{}, "unknown mount type"},
		{"unknown option of a bind", specs.Mount{Type: "bind", Options: []string{"mode=755"}}, want{}, `unknown option "mode=755"`},
		{"idmap of a bind", specs.Mount{Type: "bind", Options: []string{"idmap"}}, want{}, `unknown option "idmap"`},
		{"id maps", specs.Mount{Type: "bind", UIDMappings: make([]specs.LinuxIDMapping, 1)}, want{}, "not supported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, err := parseOptions(&test.m)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !errors.Is(err, unix.EINVAL) {
					t.Errorf("%v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := want{o.attr, o.data, o.recursive, o.late, o.idmap, o.kind.mount == nil}
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(want{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseLayers(t *testing.T) {
	tests := []struct {
		data []string
		want layers
		err  string
	}{
		{[]string{"lowerdir=/a:/b", "xino=on"}, layers{lower: []string{"/a", "/b"}, rest: []string{"xino=on"}}, ""},
		{[]string{`lowerdir=/a\:b\\c,d=e`, "upperdir=/u:,\\", "workdir=/w=1"}, layers{lower: []string{`/a:b\c,d=e`}, upper: "/u:,\\", work: "/w=1"}, ""},
		{[]string{`lowerdir+=/a:b\c`, "lowerdir+=/d", "lowerdir=/e"}, layers{lower: []string{`/a:b\c`, "/d", "/e"}}, ""},
		{[]string{`lowerdir=/a\`}, layers{lower: []string{`/a\`}}, ""},
		{[]string{"upperdir=/u", "workdir=/w"}, layers{}, "no lowerdir"},
		{[]string{"lowerdir=/a", "upperdir=/u"}, layers{}, "belong together"},
		{[]string{"lowerdir=/a", "workdir=/w"}, layers{}, "belong together"},
		{[]string{"lowerdir=a"}, layers{}, `"a" is not absolute`},
		{[]string{"lowerdir=/a:"}, layers{}, `"" is not absolute`},
		{[]string{"lowerdir=/a", "upperdir=u", "workdir=/w"}, layers{}, `"u" is not absolute`},
	}
	for _, test := range tests {
		got, err := parseLayers(test.data)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: %v, want %q", test.data, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.data, err)
		}
		if d := cmp.Diff(test.want, got, cmp.AllowUnexported(layers{})); d != "" {
			t.Errorf("%q: %s", test.data, d)
		}
	}
}

// TestSplitLower checks the list against its quoting.
func TestSplitLower(t *testing.T) {
	quote := strings.NewReplacer(`\`, `\\`, ":", `\:`)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.StringMatching(`/[a:\\,=\n]*`), 1, 5).Draw(t, "paths")
		var quoted []string
		for _, p := range list {
			quoted = append(quoted, quote.Replace(p))
		}
		if got := splitLower(strings.Join(quoted, ":")); !slices.Equal(got, list) {
			t.Fatalf("%q became %q", list, got)
		}
	})
}

func TestAddDev(t *testing.T) {
	dests := func(mounts []specs.Mount) (d []string) {
		for _, m := range mounts {
			d = append(d, m.Destination)
		}
		return d
	}
	all := []string{"/dev", "/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"}
	tests := []struct {
		name  string
		have  []specs.Mount
		want  []string
		links int
	}{
		{"none", []specs.Mount{{Destination: "/usr", Type: "bind"}}, []string{"/usr"}, 0},
		{"the host's", []specs.Mount{{Destination: "/dev", Type: "rbind"}}, []string{"/dev"}, 0},
		{"empty", []specs.Mount{{Destination: "/dev/", Type: "tmpfs"}}, append([]string{"/dev/"}, all[1:]...), 5},
		{"with its own", []specs.Mount{{Destination: "/dev", Type: "tmpfs"}, {Destination: "/dev/full", Type: "bind"}, {Destination: "/dev/ptmx", Type: "bind"}},
			[]string{"/dev", "/dev/full", "/dev/ptmx", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"}, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &composer{}
			before := slices.Clone(test.have[0].Options)
			got := c.addDev(slices.Clone(test.have))
			if d := cmp.Diff(test.want, dests(got)); d != "" {
				t.Error(d)
			}
			if len(c.Extra.Symlinks) != test.links {
				t.Errorf("links %v", c.Extra.Symlinks)
			}
			if (test.links > 0) != slices.Contains(got[0].Options, "ro") {
				t.Errorf("options %q", got[0].Options)
			}
			if !slices.Equal(before, test.have[0].Options) {
				t.Error("the caller's options changed")
			}
		})
	}
}
