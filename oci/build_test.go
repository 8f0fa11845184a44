package oci

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fakeHost makes a root directory: a trailing slash makes a directory, "->" a link,
// everything else an empty file.
func fakeHost(t *testing.T, entries ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, entry := range entries {
		name, target, link := strings.Cut(entry, " -> ")
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, at)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		default:
			err = os.WriteFile(at, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// debian is the root directory of a small Debian.
var debian = []string{
	"bin -> usr/bin", "lib -> usr/lib", "lib64 -> usr/lib64", "usr/bin/", "usr/lib/", "usr/lib64/",
	"usr/local/bin/", "opt/", "boot/", "home/alice/src/", "root/", "srv/", "swapfile",
	"etc/alternatives/", "etc/passwd", "etc/shadow", "etc/ld.so.cache", "etc/hostname",
	"etc/localtime -> /usr/share/zoneinfo/Europe/Berlin", "etc/os-release -> ../usr/lib/os-release",
	"etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf",
	"var/lib/dpkg/", "var/lib/mysql/", "var/log/syslog", "run/systemd/", "proc/", "dev/", "tmp/",
}

func options(root string) Options {
	return Options{
		Args: []string{"make", "-j4"}, Cwd: "/home/alice/src", User: Guest, HostUser: User{1234, 1235},
		Settings: DefaultSettings(), Root: root, Direct: []byte("#!/bin/sh\n"),
		Project: Overlay{Source: filepath.Join(root, "home/alice/src"), Target: "/home/alice/src"},
	}
}

func build(t *testing.T, o Options) *Bundle {
	t.Helper()
	b, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// at says what a bundle has at a destination: "" where it has nothing.
func at(b *Bundle, path string) string {
	for _, m := range b.Spec.Mounts {
		if m.Destination == path {
			if slices.Contains(m.Options, OptionPatched) {
				return OptionPatched + " " + m.Source
			}
			return m.Type + " " + m.Source
		}
	}
	for _, o := range b.Overlays {
		if o.Target == path {
			return "overlay " + o.Source
		}
	}
	for _, f := range b.Files {
		if f.Path == path {
			return "file"
		}
	}
	for _, l := range b.Symlinks {
		if l.Path == path {
			return "link " + l.Target
		}
	}
	if slices.Contains(b.Omitted, path) {
		return "omitted"
	}
	return ""
}

func TestGolden(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
	}{
		{"default", func(*Options) {}},
		{"everything", func(o *Options) {
			o.User, o.Home, o.Hostname, o.Terminal = Root, "/tmp/home", "builder.example.org", true
			o.Settings = Settings{Epoch: 1, Seed: "s", CPUs: 1, Network: NetworkNone}
			o.Env = []string{"A=1", "PATH=/bin", "B=2", "A=3"}
			o.Whole = true
			o.Project.Target = "/srv/build/project"
			o.Cwd = "/srv/build/project"
			o.Writable = []Overlay{{filepath.Join(o.Root, "opt"), "/opt"}}
			o.ReadOnly = []Bind{{filepath.Join(o.Root, "swapfile"), "/lib/swapfile"}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(fakeHost(t, debian...))
			test.change(&o)
			text, err := json.MarshalIndent(build(t, o), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(text), o.Root, "ROOT") + "\n"
			golden := filepath.Join("testdata", test.name+".json")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("bundle differs from %s (go test ./oci -update):\n%s", golden, diff)
			}
		})
	}
}

// TestRoot says what is where in the box.
func TestRoot(t *testing.T) {
	for _, test := range []struct {
		name   string
		host   []string // over debian
		change func(*Options)
		want   map[string]string // ROOT stands for the root directory
	}{
		{name: "programs, nothing private", want: map[string]string{
			"/usr": "bind ROOT/usr", "/bin": "link usr/bin", "/opt": "bind ROOT/opt",
			"/home": "", "/root": "", "/srv": "", "/boot": "", "/swapfile": "", "/run": "",
			"/home/user": "tmpfs tmpfs", "/tmp": "tmpfs tmpfs", "/home/alice/src": "overlay ROOT/home/alice/src",
		}},
		{name: "identity is pinned, configuration is not", want: map[string]string{
			"/etc": "patched ROOT/etc", "/etc/passwd": "file", "/etc/shadow": "omitted", "/etc/hostname": "file",
			"/etc/machine-id": "file", "/etc/resolv.conf": "file", "/etc/localtime": "link /usr/share/zoneinfo/UTC",
			"/etc/os-release": "", "/etc/alternatives": "", "/etc/ld.so.cache": "",
		}},
		{name: "where there is no mount point entries are bound, around links too", change: func(o *Options) { o.Project.Target = "/etc/new/x" },
			want: map[string]string{
				"/etc": "", "/etc/passwd": "file", "/etc/alternatives": "bind ROOT/etc/alternatives",
				"/etc/os-release": "link ../usr/lib/os-release", "/etc/new/x": "overlay ROOT/home/alice/src",
			}},
		{name: "of /var what is installed", want: map[string]string{
			"/var": "", "/var/lib/dpkg": "bind ROOT/var/lib/dpkg", "/var/lib/mysql": "", "/var/log": "",
			"/var/tmp": "tmpfs tmpfs", "/var/run": "link /run",
		}},
		{name: "another root has everything but its own machinery", change: func(o *Options) { o.Whole = true }, want: map[string]string{
			"/swapfile": "bind ROOT/swapfile", "/srv": "bind ROOT/srv", "/proc": "proc proc", "/run/systemd": "",
			"/tmp": "tmpfs tmpfs", "/etc/passwd": "file", "/var/log": "bind ROOT/var/log",
		}},
		{name: "a project in /usr that exists there", change: func(o *Options) {
			o.Project = Overlay{filepath.Join(o.Root, "usr/local"), "/usr/local"}
		}, want: map[string]string{"/usr": "bind ROOT/usr", "/usr/local": "overlay ROOT/usr/local"}},
		{name: "a project in /usr that does not exist there", change: func(o *Options) { o.Project.Target = "/usr/local/src/x" },
			want: map[string]string{
				"/usr": "", "/usr/bin": "bind ROOT/usr/bin", "/usr/local": "", "/usr/local/bin": "bind ROOT/usr/local/bin",
				"/usr/local/src/x": "overlay ROOT/home/alice/src",
			}},
		{name: "a project that is a root entry", change: func(o *Options) {
			o.Project = Overlay{filepath.Join(o.Root, "opt"), "/opt"}
		}, want: map[string]string{"/opt": "overlay ROOT/opt"}},
		{name: "nothing of ours in what the caller gave", change: func(o *Options) {
			o.Project = Overlay{filepath.Join(o.Root, "etc"), "/etc"}
			o.Writable = []Overlay{{filepath.Join(o.Root, "var"), "/var"}}
		}, want: map[string]string{
			"/etc": "overlay ROOT/etc", "/etc/passwd": "", "/etc/alternatives": "", "/etc/localtime": "",
			"/var": "overlay ROOT/var", "/var/tmp": "", "/var/lib/dpkg": "", "/var/run": "",
		}},
		{name: "a project in /tmp", change: func(o *Options) { o.Project.Target = "/tmp/x" },
			want: map[string]string{"/tmp": "tmpfs tmpfs", "/tmp/x": "overlay ROOT/home/alice/src"}},
		{name: "through a link of the root", change: func(o *Options) {
			o.ReadOnly = []Bind{{filepath.Join(o.Root, "srv"), "/lib/firmware/srv"}}
		}, want: map[string]string{
			"/lib": "link usr/lib", "/lib/firmware/srv": "", "/usr/lib/firmware/srv": "bind ROOT/srv",
		}},
		{name: "a link of the root that is replaced", change: func(o *Options) {
			o.ReadOnly = []Bind{{filepath.Join(o.Root, "usr/lib"), "/lib"}}
		}, want: map[string]string{"/lib": "bind ROOT/usr/lib"}},
		{name: "one given directory in another", host: []string{"home/alice/src/vendor/"}, change: func(o *Options) {
			o.ReadOnly = []Bind{{filepath.Join(o.Root, "opt"), "/home/alice/src/vendor"}}
		}, want: map[string]string{"/home/alice/src": "overlay ROOT/home/alice/src", "/home/alice/src/vendor": "bind ROOT/opt"}},
		{name: "home in what the caller gave", change: func(o *Options) { o.Home = "/home/alice/src/home" },
			want: map[string]string{"/home/alice/src/home": ""}},
		{name: "host's network", host: nil, change: func(o *Options) { o.Settings.Network = NetworkHost },
			want: map[string]string{"/etc/hosts": "bind /etc/hosts"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(fakeHost(t, append(slices.Clone(debian), test.host...)...))
			if test.change != nil {
				test.change(&o)
			}
			b := build(t, o)
			for path, want := range test.want {
				if got := at(b, path); got != strings.ReplaceAll(want, "ROOT", o.Root) {
					t.Errorf("%s: got %q, want %q", path, got, want)
				}
			}
		})
	}
}

func TestBuildErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   string // part of the message
	}{
		{"no command", func(o *Options) { o.Args = nil }, "no command"},
		{"environment", func(o *Options) { o.Env = []string{"=x"} }, "NAME=VALUE"},
		{"hostname", func(o *Options) { o.Hostname = "a b" }, `hostname "a b"`},
		{"long hostname", func(o *Options) { o.Hostname = strings.Repeat("a", 65) }, "hostname"},
		{"relative target", func(o *Options) { o.Project.Target = "x" }, "absolute"},
		{"root as target", func(o *Options) { o.Project.Target = "/" }, "composed"},
		{"proc as target", func(o *Options) { o.Project.Target = "/proc/x" }, "its own"},
		{"twice", func(o *Options) { o.ReadOnly = []Bind{{"/srv", o.Project.Target}} }, "given twice"},
		{"twice through a link", func(o *Options) {
			o.ReadOnly = []Bind{{"/srv", "/usr/lib/x"}, {"/srv", "/lib/x"}}
		}, "given twice"},
		{"no mount point", func(o *Options) { o.ReadOnly = []Bind{{"/srv", o.Project.Target + "/new"}} }, "nothing to mount on"},
		{"home in the place of programs", func(o *Options) { o.Home = "/usr" }, "home: /usr: it would hide /usr/bin, which programs need"},
		{"home in the place of settings", func(o *Options) { o.Home = "/etc" }, "home: /etc: it would hide /etc, which programs need"},
		{"home that is not empty", func(o *Options) { o.Home = "/usr/local" }, "home: /usr/local: it would hide what the box has there"},
		{"home at the top", func(o *Options) { o.Home = "/opt" }, "home: /opt: it would hide what the box has there"},
		{"home in the place of /tmp", func(o *Options) { o.Home = "/tmp" }, "home: /tmp of a box is its own"},
		{"home in the place of /var", func(o *Options) { o.Home = "/var" }, "home: /var of a box is its own"},
		{"home around what is the box's", func(o *Options) { o.Home = "/run" }, "home: /run: /run/laplace of a box is its own"},
		{"project in the place of programs", func(o *Options) { o.Project.Target = "/usr" }, "/usr: it would hide /usr/bin, which programs need"},
		{"project in the place of settings", func(o *Options) { o.Project.Target = "/etc" }, "/etc: it would hide /etc, which programs need"},
		{"given in the place of libraries", func(o *Options) {
			o.ReadOnly = []Bind{{filepath.Join(o.Root, "opt"), "/lib"}}
		}, "/lib: it would hide /lib, which programs need"},
		{"used home", func(o *Options) {
			o.Project = Overlay{filepath.Join(o.Root, "home/alice"), "/home/user"}
		}, "home: /home/user is not empty"},
		{"network", func(o *Options) { o.Settings.Network = "bridge" }, `network "bridge"`},
		{"no root", func(o *Options) { o.Root = "/nonexistent" }, "root: "},
		{"a file as root", func(o *Options) { o.Root = filepath.Join(o.Root, "swapfile") }, "root: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(fakeHost(t, debian...))
			test.change(&o)
			if _, err := Build(o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestEqualHosts checks that a bundle does not depend on the order in which the host's
// directories were made.
func TestEqualHosts(t *testing.T) {
	backwards := slices.Clone(debian)
	slices.Reverse(backwards)
	a, b := options(fakeHost(t, debian...)), options(fakeHost(t, backwards...))
	encode := func(o Options) string {
		text, err := json.Marshal(build(t, o))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), o.Root, "ROOT")
	}
	if diff := cmp.Diff(encode(a), encode(b)); diff != "" {
		t.Error(diff)
	}
}

func TestUsers(t *testing.T) {
	for _, test := range []struct {
		user   User
		passwd string
		env    string
	}{
		{Guest, "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n", "USER=user"},
		{Root, "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n", "USER=root"},
		{User{7, 8}, "root:x:0:0:root:/root:/bin/sh\nuser:x:7:8:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n", "USER=user"},
	} {
		o := Options{User: test.user}
		if diff := cmp.Diff(test.passwd, string(o.passwd())); diff != "" {
			t.Errorf("%v: %s", test.user, diff)
		}
		if !slices.Contains(o.environ(), test.env) {
			t.Errorf("%v: %v has no %s", test.user, o.environ(), test.env)
		}
	}
}

func TestBefore(t *testing.T) {
	want := []string{"/", "/a", "/a/b", "/a/b/c", "/a-b", "/a.b", "/aa", "/b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	path := rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOf(rapid.StringMatching(`[-.ab]{1,3}`)).Draw(t, "path"), "/")
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := path.Draw(t, "a"), path.Draw(t, "b"), path.Draw(t, "c")
		if a != b && within(b, a) && !Before(a, b) {
			t.Fatalf("%s does not come before %s in it", a, b)
		}
		if Before(a, b) == Before(b, a) && a != b {
			t.Fatalf("%s and %s have no order", a, b)
		}
		if Before(a, b) && Before(b, c) && !Before(a, c) {
			t.Fatalf("%s, %s, %s: not transitive", a, b, c)
		}
	})
}

// TestReadOnlyBinds checks that nothing of the host can be written through a bind.
func TestReadOnlyBinds(t *testing.T) {
	o := options(fakeHost(t, debian...))
	o.ReadOnly = []Bind{{filepath.Join(o.Root, "srv"), "/srv"}}
	b := build(t, o)
	if !b.Spec.Root.Readonly {
		t.Error("the root is writable")
	}
	for _, m := range b.Spec.Mounts {
		if m.Type == "bind" && !slices.Contains(m.Options, "rro") {
			t.Errorf("%s is not read-only with all that is mounted in it: %v", m.Destination, m.Options)
		}
	}
	if !slices.ContainsFunc(b.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/srv" }) {
		t.Error("/srv is missing")
	}
}
