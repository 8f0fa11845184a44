package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ground makes files that some may use, and some not, in a bundle's root, and returns their names as a container
// has them.
func (b *bundle) ground(host uint32) []string {
	b.t.Helper()
	const own = 1000
	type file struct {
		name string
		mode uint32
		user int
		link string // where a symbolic one leads, or of what it is a hard one
	}
	files := []file{
		{name: "tmp/", mode: 0o1777},
		{name: "closed/", mode: 0o700}, {name: "closed/file", mode: 0o666}, {name: "closed/dir/", mode: 0o777},
		{name: "open/", mode: 0o755}, {name: "open/file", mode: 0o600}, {name: "open/dir/", mode: 0o700}, {name: "open/read", mode: 0o644}, {name: "open/all", mode: 0o666},
		{name: "open/setuid", mode: 0o4755}, {name: "open/empty/", mode: 0o755}, {name: "open/wide/", mode: 0o777}, {name: "open/wide/file", mode: 0o600},
		{name: "sticky/", mode: 0o1777}, {name: "sticky/roots", mode: 0o666}, {name: "sticky/own", mode: 0o600, user: own}, {name: "sticky/dir/", mode: 0o777},
		{name: "sticky/link", link: "/open/all"}, {name: "sticky/else", link: "/closed/file"}, {name: "sticky/dangling", link: "nowhere"}, {name: "sticky/loop", link: "loop"},
		{name: "own/", mode: 0o755, user: own}, {name: "own/none", user: own}, {name: "own/write", mode: 0o200, user: own}, {name: "own/others", mode: 0o077, user: own},
		{name: "own/run", mode: 0o111, user: own}, {name: "own/through/", mode: 0o111, user: own}, {name: "own/through/file", mode: 0o644, user: own}, {name: "own/list/", mode: 0o444, user: own},
		{name: "own/list/file", mode: 0o644, user: own}, {name: "own/link", link: "../open/file"}, {name: "own/way", link: "/closed"}, {name: "own/fifo", mode: unix.S_IFIFO | 0o666},
		{name: "sticky/socket", mode: unix.S_IFSOCK | 0o600}, {name: "sticky/null", mode: unix.S_IFCHR | 0o600}, {name: "own/roots", mode: 0o600},
	}
	names := []string{"", ".", "..", "/", "nowhere", "nowhere/file", "own/none/below", "open/read/", "sticky/link/", "own/way/", "own/way/file", "own/dir", "open/new", "own/list/new",
		"closed/new", "own/" + strings.Repeat("n", 256), strings.Repeat("own/../", 600) + "open/read", "/dev/null", "/dev/tty", "/dev/../closed/../open/read", "own/./../own/through/../through/file"}
	for _, f := range files {
		path, dir := filepath.Join(b.root, f.name), strings.HasSuffix(f.name, "/")
		var err error
		switch {
		case dir:
			err = os.MkdirAll(path, 0o755)
		case f.link != "":
			err = os.Symlink(f.link, path)
		case f.mode&unix.S_IFMT != 0:
			err = unix.Mknod(path, f.mode, int(unix.Mkdev(1, 3)))
		default:
			err = os.WriteFile(path, []byte("secret"), 0o600)
		}
		if err == nil {
			err = os.Lchown(path, int(host)+f.user, int(host)+f.user)
		}
		if err == nil && f.link == "" {
			err = unix.Chmod(path, f.mode&0o7777)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		names = append(names, strings.TrimSuffix(f.name, "/"))
	}
	return names
}

// TestOCIHostileErrors makes every call that takes a path, on files that may be used and on such as may not, as several kinds
// of users: in a deterministic container each comes to what it comes to in a plain one, whose calls nobody makes for it.
func TestOCIHostileErrors(t *testing.T) {
	for name, test := range map[string]struct {
		user       string // as deputy.c takes it
		runs       uint32 // the container's
		caps, kept string
		host       uint32 // to which the container's root is mapped
	}{
		"user":                {user: "1000", caps: "CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER"},
		"effective user":      {user: "e1000", caps: "CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER"},
		"user of files":       {user: "f1000", caps: "CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER"},
		"root of nothing":     {user: "0"},
		"root who reads":      {user: "0", caps: "CAP_DAC_READ_SEARCH CAP_FOWNER"},
		"user who overrides":  {user: "1000", runs: 1000, caps: "CAP_DAC_OVERRIDE", kept: "CAP_DAC_OVERRIDE"},
		"user of a namespace": {user: "1000", caps: "CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER", host: 1 << 20},
		"root of a namespace": {user: "0", caps: "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER", host: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			calls := deputyCalls(t, false)
			var lines [2][]string
			for i, mode := range []string{"plain", "deterministic"} {
				b := deterministicBundle(t, "")
				b.hostile("deputy")
				b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
				caps, kept := strings.Fields(test.caps), strings.Fields(test.kept)
				b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps, Inheritable: kept, Ambient: kept}
				b.spec.Process.User = specs.User{UID: test.runs, GID: test.runs}
				if test.host != 0 {
					b.mapped(test.host)
				}
				names := b.ground(test.host)
				lines[i] = strings.Split(b.deputyRuns(test.user, calls, "/", names...), "\n")
			}
			for i, line := range lines[1] {
				if strings.HasPrefix(line, "execve") && strings.HasSuffix(line, "own/run: EACCES") {
					continue // programs that may not be read are not run
				}
				if i >= len(lines[0]) || line != lines[0][i] {
					t.Errorf("%q, not %q", line, lines[0][min(i, len(lines[0])-1)])
				}
			}
			if !slices.ContainsFunc(lines[0], func(s string) bool { return strings.HasPrefix(s, "DID") }) {
				t.Error("nothing succeeds")
			}
		})
	}
}
