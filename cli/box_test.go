package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime"
)

// TestFlags says what each flag does to the box.
func TestFlags(t *testing.T) {
	type fields struct {
		Args, Env                []string
		Cwd, Hostname            string
		User, HostUser           oci.User
		Settings                 oci.Settings
		Overlays                 []oci.Overlay
		ReadOnly                 []string // TOP/... bound at the same or another path
		Commit                   runtime.CommitMode
		Out, Project, State      string
		Terminal, Strict, Traced bool
		Stream                   bool
		Stdin                    runtime.StdinKind
		Timeout, SpinLimit       time.Duration
	}
	standard := func() fields {
		return fields{
			Args: []string{"make"},
			Env: []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/user",
				"LANG=C.UTF-8", "TZ=UTC", "USER=user", "SOURCE_DATE_EPOCH=1577836800",
			},
			Cwd: "TOP/home/project", Hostname: "laplace", User: oci.Guest, HostUser: oci.User{UID: 1234, GID: 1235},
			Settings: oci.DefaultSettings(),
			Overlays: []oci.Overlay{{Source: "TOP/home/project", Target: "TOP/home/project"}},
			Commit:   runtime.CommitProject, Project: "TOP/home/project", State: "TOP/state/laplace",
			Stdin: runtime.StdinFile, SpinLimit: 10 * time.Minute,
		}
	}
	for _, test := range []struct {
		args string // TOP stands for the fake host's root directory
		set  func(*session)
		want func(*fields)
	}{
		{args: "do make"},
		{args: "do -- make"},
		{args: "do -v -- make -C sub -v", want: func(f *fields) { f.Args = []string{"make", "-C", "sub", "-v"} }},
		{args: "do -C src/deep make", want: func(f *fields) { f.Cwd = "TOP/home/project/src/deep" }},
		{args: "do -C ../plain/sub make", want: func(f *fields) {
			f.Cwd, f.Project = "TOP/home/plain/sub", "TOP/home/plain/sub"
			f.Overlays = []oci.Overlay{{Source: "TOP/home/plain/sub", Target: "TOP/home/plain/sub"}}
		}},
		{args: "do -C ../link make"}, // physical paths
		{args: "do --at /build/x -C src make", want: func(f *fields) {
			f.Overlays[0].Target, f.Cwd = "/build/x", "/build/x/src"
		}},
		{args: "do --ro ../plain --ro TOP/home/link/src make", want: func(f *fields) {
			f.ReadOnly = []string{"TOP/home/link/src TOP/home/project/src", "TOP/home/plain TOP/home/plain"}
		}},
		{args: "do --rw ../plain make", want: func(f *fields) {
			f.Overlays = append([]oci.Overlay{{Source: "TOP/home/plain", Target: "TOP/home/plain"}}, f.Overlays...)
		}},
		{args: "do --home /h make", want: func(f *fields) { f.Env[1] = "HOME=/h" }},
		{args: "do --env A=1 --env TZ=CET --env A=2 make", want: func(f *fields) {
			f.Env[3] = "TZ=CET"
			f.Env = append(f.Env, "A=2")
		}},
		{args: "do --pass-env COLORS --pass-env UNSET --env COLORS2=x make",
			set:  func(s *session) { s.Env = append(s.Env, "COLORS=many", "SECRET=x") },
			want: func(f *fields) { f.Env = append(f.Env, "COLORS=many", "COLORS2=x") }},
		{args: "do --hostname h.example make", want: func(f *fields) { f.Hostname = "h.example" }},
		{args: "do --cpus 1 --seed s --network host make", want: func(f *fields) {
			f.Settings.CPUs, f.Settings.Seed, f.Settings.Network = 1, "s", "host"
		}},
		{args: "do --epoch 1 make", want: func(f *fields) { f.Settings.Epoch, f.Env[5] = 1, "SOURCE_DATE_EPOCH=1" }},
		{args: "do --epoch 1970-01-01T01:00:01+01:00 make", want: func(f *fields) {
			f.Settings.Epoch, f.Env[5] = 1, "SOURCE_DATE_EPOCH=1"
		}},
		{args: "do make", set: func(s *session) { s.Env = append(s.Env, "SOURCE_DATE_EPOCH=2") },
			want: func(f *fields) { f.Settings.Epoch, f.Env[5] = 2, "SOURCE_DATE_EPOCH=2" }},
		{args: "do --env SOURCE_DATE_EPOCH=3 make", set: func(s *session) { s.Env = append(s.Env, "SOURCE_DATE_EPOCH=2") },
			want: func(f *fields) { f.Settings.Epoch, f.Env[5] = 3, "SOURCE_DATE_EPOCH=3" }},
		{args: "do --epoch 4 --env SOURCE_DATE_EPOCH=3 make", want: func(f *fields) {
			f.Settings.Epoch, f.Env[5] = 4, "SOURCE_DATE_EPOCH=3"
		}},
		{args: "do --user root make", want: func(f *fields) {
			f.User, f.Env[1], f.Env[4] = oci.Root, "HOME=/root", "USER=root"
		}},
		{args: "do --user 7:8 make", want: func(f *fields) { f.User = oci.User{UID: 7, GID: 8} }},
		{args: "do make", set: func(s *session) { s.UID, s.GID = 0, 0 },
			want: func(f *fields) { f.HostUser = oci.User{UID: 0x70000000 + 1000, GID: 0x70000000 + 1000} }},
		{args: "do -t make", want: func(f *fields) { f.Terminal, f.Env = true, append(f.Env, "TERM=xterm") }},
		{args: "do -i make", want: func(f *fields) { f.Stdin = runtime.StdinLive }},
		{args: "do -ti make", want: func(f *fields) {
			f.Stdin, f.Terminal, f.Env = runtime.StdinLive, true, append(f.Env, "TERM=xterm")
		}},
		{args: "do --stream make", want: func(f *fields) { f.Stream = true }},
		{args: "do --timeout 90 make", want: func(f *fields) { f.Timeout = 90 * time.Second }},
		{args: "do --spin-limit 0 make", want: func(f *fields) { f.SpinLimit = 0 }},
		{args: "do --timeout 1m30s make", want: func(f *fields) { f.Timeout = 90 * time.Second }},
		{args: "do --out ../result make", want: func(f *fields) { f.Commit, f.Out = runtime.CommitOut, "TOP/home/result" }},
		{args: "do --no-commit --strict make", want: func(f *fields) { f.Commit, f.Strict = runtime.CommitNone, true }},
		{args: "trace --no-commit make", want: func(f *fields) { f.Commit, f.Traced = runtime.CommitNone, true }},
	} {
		t.Run(test.args, func(t *testing.T) {
			s := newSession(t)
			s.mkdir(filepath.Join(s.dir, "src/deep"))
			s.mkdir(filepath.Join(s.home, "plain/sub"))
			if err := os.Symlink("project", filepath.Join(s.home, "link")); err != nil {
				t.Fatal(err)
			}
			if test.set != nil {
				test.set(s)
			}
			if status, _, stderr := s.run(strings.Fields(strings.ReplaceAll(test.args, "TOP", s.Root))...); s.box == nil {
				t.Fatalf("no box, status %d: %s", status, stderr)
			}
			want := standard()
			if test.want != nil {
				test.want(&want)
			}
			spec := s.box.Spec
			settings, err := oci.ParseSettings(spec.Annotations)
			if err != nil {
				t.Fatal(err)
			}
			top := func(path string) string { return strings.ReplaceAll(path, s.Root, "TOP") }
			got := fields{
				Args: spec.Process.Args, Env: spec.Process.Env, Cwd: top(spec.Process.Cwd), Hostname: spec.Hostname,
				User:     oci.User{UID: spec.Process.User.UID, GID: spec.Process.User.GID},
				HostUser: oci.User{UID: spec.Linux.UIDMappings[0].HostID, GID: spec.Linux.GIDMappings[0].HostID},
				Settings: settings, Commit: s.box.Commit, Out: top(s.box.Out), Project: top(s.box.Project), State: top(s.box.State),
				Terminal: s.box.Terminal && spec.Process.Terminal, Strict: s.box.Strict, Traced: s.box.Trace != nil,
				Stream: s.box.Stream, Stdin: s.box.StdinKind, Timeout: s.box.Timeout, SpinLimit: s.box.SpinLimit,
			}
			for _, overlay := range s.box.Overlays {
				got.Overlays = append(got.Overlays, oci.Overlay{Source: top(overlay.Source), Target: top(overlay.Target)})
			}
			for _, m := range spec.Mounts {
				if strings.HasPrefix(m.Destination, s.Root+"/home/") && m.Type == "bind" {
					got.ReadOnly = append(got.ReadOnly, top(m.Destination+" "+m.Source))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRootfs(t *testing.T) {
	s := newSession(t)
	other := s.mkdir(filepath.Join(s.home, "debian"))
	s.mkdir(filepath.Join(other, "srv"))
	s.run("do", "--rootfs", other, "true")
	if s.box == nil || !slices.ContainsFunc(s.box.Spec.Mounts, func(m specs.Mount) bool { return m.Source == filepath.Join(other, "srv") }) {
		t.Error("the root is not that of --rootfs")
	}
}

func TestStdin(t *testing.T) {
	s := newSession(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, f := range []*os.File{reader, writer, null, ptmx} {
			_ = f.Close()
		}
	}()
	for f, want := range map[*os.File]runtime.StdinKind{
		s.Stdin: runtime.StdinFile, reader: runtime.StdinPipe, null: runtime.StdinNull, ptmx: runtime.StdinNull,
	} {
		if got, err := (&boxFlags{}).stdinKind(f); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", f.Name(), got, err, want)
		}
	}
}

func TestProject(t *testing.T) {
	s := newSession(t)
	home := s.home
	for _, dir := range []string{"repo/.git", "repo/a/b", "repo/inner", "plain/a", "dotfiles"} {
		s.mkdir(filepath.Join(home, dir))
	}
	s.write(filepath.Join(home, "repo/inner/.git"), "gitdir: ../.git/modules/inner\n", 0o644) // a submodule or worktree
	outside := s.mkdir(filepath.Join(s.Root, "srv/repo/sub"))
	s.mkdir(filepath.Join(s.Root, "srv/.git"))
	for _, test := range []struct {
		dir, want string
		dotfiles  bool // the home directory is a git repository
	}{
		{filepath.Join(home, "repo/a/b"), filepath.Join(home, "repo"), false},
		{filepath.Join(home, "repo"), filepath.Join(home, "repo"), false},
		{filepath.Join(home, "repo/inner"), filepath.Join(home, "repo/inner"), false},
		{filepath.Join(home, "plain/a"), filepath.Join(home, "plain/a"), false},
		{outside, filepath.Join(s.Root, "srv"), false},
		{filepath.Join(home, "plain/a"), filepath.Join(home, "plain/a"), true},
		{filepath.Join(home, "repo/a"), filepath.Join(home, "repo"), true},
	} {
		if test.dotfiles {
			s.mkdir(filepath.Join(home, ".git"))
		}
		if got, err := s.findProject(test.dir); got != test.want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", test.dir, got, err, test.want)
		}
	}
}

func TestStateDir(t *testing.T) {
	for _, test := range []struct {
		uid  int
		env  []string
		want string
	}{
		{1, []string{"HOME=/h"}, "/h/.local/state/laplace"},
		{1, []string{"HOME=/h", "XDG_STATE_HOME=/x"}, "/x/laplace"},
		{1, []string{"HOME=/h", "XDG_STATE_HOME=relative"}, "/h/.local/state/laplace"},
		{0, []string{"HOME=/h"}, "/var/lib/laplace"},
		{0, []string{"XDG_STATE_HOME=/x"}, "/x/laplace"},
	} {
		c := Caller{UID: test.uid, Env: test.env}
		if got, err := c.stateDir(); got != test.want || err != nil {
			t.Errorf("%v: got %s, %v; want %s", test.env, got, err, test.want)
		}
	}
}

// TestInterrupt checks that a signal ends the context of a run, and says which.
func TestInterrupt(t *testing.T) {
	ctx, stop := interruptible(context.Background())
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if got := context.Cause(ctx); got != (runtime.Interrupt{Signal: syscall.SIGTERM}) {
		t.Errorf("cause %v", got)
	}
	ctx, stop = interruptible(context.Background())
	stop()
	if ctx.Err() == nil {
		t.Error("a stopped context goes on")
	}
}
