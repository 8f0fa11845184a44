package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cachedRun is what a container with a cache has come to.
type cachedRun struct {
	result
	Tree     string // of its root
	Verdict  string
	Execs    int
	Skipped  int
	Uncached string
	Taints   []struct{ Kind, Detail string }
	Cached   []struct {
		Argv           []string
		Skipped        int
		Missed, Unkept []string
	}
}

// ran is the command lines of those that ran.
func (r *cachedRun) ran() (lines []string) {
	for _, c := range r.Cached {
		if c.Skipped == 0 {
			lines = append(lines, strings.Join(c.Argv, " "))
		}
	}
	return lines
}

// cacheTest runs containers of new bundles that share a cache, as prepare has made them.
func cacheTest(t *testing.T, mode string) func(prepare func(b *bundle)) cachedRun {
	t.Helper()
	dir := t.TempDir()
	return func(prepare func(b *bundle)) (r cachedRun) {
		t.Helper()
		b := newBundle(t)
		defer b.clean()
		b.cache = dir
		b.spec.Root.Readonly = false
		b.spec.Annotations = map[string]string{"dev.laplace.cache": mode, "dev.laplace.report": "report.json"}
		if prepare(b); b.spec.Annotations["dev.laplace.cache"] == "" {
			delete(b.spec.Annotations, "dev.laplace.cache")
		}
		b.write()
		out := b.do("run", "box")
		text, err := os.ReadFile(filepath.Join(b.dir, "report.json"))
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatalf("%v: %s %s", err, text, out.Stderr)
		}
		r.result, r.Tree = out, listing(t, b.root)
		return r
	}
}

// listing is all of a tree that a caller can see, with contents and dates.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `cd "$1" && find . -path ./bin -prune -o ! -type d -printf '%p %y %m %n %U:%G %s %T@ %l\n' -o -printf '%p %y %m %U:%G\n' | sort
		find . -path ./bin -prune -o -type f -exec sha256sum {} + | sort`, "sh", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// put puts a file into a bundle's root.
func (b *bundle) put(name, text string, perm os.FileMode) {
	b.t.Helper()
	file := filepath.Join(b.root, name)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), perm)
	}
	if err == nil {
		err = os.Chmod(file, perm)
	}
	if err == nil {
		err = os.Chtimes(file, time.Unix(1e9, 0), time.Unix(1e9, 0))
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestOCIDeterministicCache skips containers: what they leave in their roots, say, and end with is
// what it is without a cache; and what has changed runs.
func TestOCIDeterministicCache(t *testing.T) {
	const build = `cd /work; mkdir -p out; for i in 1 2 3; do cat src/$i > out/$i; done; cat out/1 out/2 out/3 > out/all; ln out/all out/same; ln -s all out/link
		mv out/1 out/first; chmod 640 out/2; rm src/gone; echo appended >> log; date > out/date; stat -c '%i %Y %n' out/*; echo complains >&2; exit 3`
	sources := func(b *bundle) {
		for i := range 3 {
			b.put(fmt.Sprintf("work/src/%d", i+1), fmt.Sprintf("b%d\na\n", i), 0o644)
		}
		b.put("work/src/gone", "", 0o644)
		b.put("work/log", "old\n", 0o600)
		b.script(build)
	}
	run := cacheTest(t, "on")
	fresh := run(func(b *bundle) { sources(b); b.spec.Annotations["dev.laplace.cache"] = "" })
	cold := run(sources)
	same := func(what string, r cachedRun) {
		t.Helper()
		if r.result != fresh.result || r.Tree != fresh.Tree || r.Verdict != "deterministic" || r.Execs != fresh.Execs {
			t.Errorf("%s: %+v, without a cache %+v", what, r, fresh)
		}
	}
	same("cold", cold)
	if fresh.Exit != 3 || cold.Skipped != 0 || fresh.Skipped != 0 || len(fresh.Cached) > 0 {
		t.Errorf("cold %+v, without a cache %+v", cold, fresh)
	}
	warm := run(sources)
	if same("warm", warm); warm.Skipped != warm.Execs {
		t.Errorf("warm: %+v", warm)
	}

	edited := func(b *bundle) { sources(b); b.put("work/src/2", "c\nb\n", 0o644) }
	r := run(edited)
	want := run(func(b *bundle) { edited(b); b.spec.Annotations["dev.laplace.cache"] = "off" })
	if r.result != want.result || r.Tree != want.Tree {
		t.Errorf("edited: %+v, without a cache %+v", r, want)
	}
	ran := r.ran()
	if len(ran) != 3 || !slices.Contains(ran, "cat src/2") || !strings.HasPrefix(ran[1]+ran[2], "cat src/2cat out/1") {
		t.Errorf("edited, ran: %q: %+v", ran, r.Cached)
	}

	for name, change := range map[string]func(b *bundle){
		"environment":  func(b *bundle) { b.spec.Process.Env = append(b.spec.Process.Env, "A=b") },
		"user":         func(b *bundle) { b.spec.Process.User.UID = 7; os.Chown(filepath.Join(b.root, "work"), 7, 7) },
		"capabilities": func(b *bundle) { b.spec.Process.Capabilities.Effective = nil },
		"seed":         func(b *bundle) { b.spec.Annotations["dev.laplace.seed"] = "other" },
		"hostname":     func(b *bundle) { b.spec.Hostname = "other" },
		"mode":         func(b *bundle) { b.spec.Annotations["dev.laplace.cache"] = "write" },
	} {
		if r := run(func(b *bundle) { sources(b); change(b) }); len(r.ran()) == 0 || r.ran()[0] != "sh -c "+build {
			t.Errorf("other %s: ran %q", name, r.ran())
		}
	}
	verified := run(func(b *bundle) { sources(b); b.spec.Annotations["dev.laplace.cache"] = "verify" })
	if same("verified", verified); verified.Skipped != 0 {
		t.Errorf("verified: %+v", verified)
	}
	run(func(b *bundle) {
		sources(b)
		b.script("cat /work/log")
		b.spec.Annotations["dev.laplace.cache"] = "read"
	})
	if r := run(func(b *bundle) { sources(b); b.script("cat /work/log") }); r.Skipped != 0 {
		t.Errorf("kept although it was only to be read: %+v", r)
	}
}

// TestOCIDeterministicCacheUser skips what ordinary users do, and nothing as somebody whom the process has not been from its start.
func TestOCIDeterministicCacheUser(t *testing.T) {
	run := cacheTest(t, "on")
	as := func(id uint32, script string) func(b *bundle) {
		return func(b *bundle) {
			b.spec.Process.User = specs.User{UID: id, GID: id}
			b.spec.Process.NoNewPrivileges = false
			b.spec.Process.Capabilities.Bounding = append(b.spec.Process.Capabilities.Bounding, "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE")
			b.compile("privileged", privileged)
			b.put("secret", "", 0o600)
			b.put("closed/a", "", 0o600)
			if err := os.Chmod(filepath.Join(b.root, "bin/privileged"), 0o755|os.ModeSetuid); err != nil {
				t.Fatal(err)
			}
			b.put("mine/old", "old", 0o600)
			b.put("other/old", "old", 0o666)
			for _, name := range []string{"mine", "mine/old"} {
				if err := os.Chown(filepath.Join(b.root, name), int(id), int(id)); err != nil {
					t.Fatal(err)
				}
			}
			b.script(script)
		}
	}
	const plain = "id; cd /mine; echo x > new; echo y >> old; echo z > ../other/old; chmod 400 new; echo w > ../no 2>/dev/null || echo refused"
	first, second := run(as(1000, plain)), run(as(1000, plain))
	if first.Skipped != 0 || second.Skipped != second.Execs || second.Execs == 0 || first.result != second.result || first.Tree != second.Tree {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if !strings.Contains(first.Stdout, "\nrefused\n") {
		t.Errorf("%+v", first)
	}
	if r := run(as(1001, plain)); r.Skipped != 0 {
		t.Errorf("as somebody else: %+v", r)
	}
	// A program with the setuid bit has its effect each time.
	for range 2 {
		r := run(as(1000, "cat /mine/old; privileged"))
		if r.Verdict != "deterministic" || r.Stdout != "old1000 0 1 open moved 0\n1000 closed\n" || r.ran()[0] != "sh -c cat /mine/old; privileged" {
			t.Errorf("setuid: %+v", r)
		}
	}
}

// TestOCIDeterministicCacheRefused has containers that can have no cache run without, and say why; and what nobody means refused.
func TestOCIDeterministicCacheRefused(t *testing.T) {
	run := cacheTest(t, "on")
	filter := func(names ...string) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActErrno}}}
	}
	for name, test := range map[string]struct {
		prepare func(b *bundle)
		why     string // it has none
	}{
		"filter of what it does not need":   {prepare: func(b *bundle) { b.spec.Linux.Seccomp = filter("mount", "ptrace") }},
		"filter of what replays need":       {func(b *bundle) { b.spec.Linux.Seccomp = filter("linkat") }, "linux.seccomp: it does not allow linkat"},
		"user namespace of somebody else's": {func(b *bundle) { b.mapped(1 << 20) }, "permission denied"},
	} {
		for i := range 2 {
			r := run(func(b *bundle) {
				b.script("echo x > /tmp/x; cat /tmp/x")
				if err := os.Mkdir(filepath.Join(b.root, "tmp"), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(b.root, "tmp"), 0o777); err != nil {
					t.Fatal(err)
				}
				test.prepare(b)
			})
			if r.Exit != 0 || r.Stdout != "x\n" || r.Verdict != "deterministic" || !strings.Contains(r.Uncached, test.why) || test.why == "" && r.Uncached != "" {
				t.Errorf("%s: %+v", name, r)
			}
			if want := i == 1 && test.why == ""; (r.Skipped > 0) != want {
				t.Errorf("%s, run %d: %+v", name, i, r)
			}
		}
	}
	b := newBundle(t)
	b.spec.Annotations = map[string]string{"dev.laplace.cache": "maybe"}
	b.write()
	b.refused(1, "annotation dev.laplace.cache: \"maybe\" is none of off, on, read, write, verify", "run", "box")
}

// TestOCIDeterministicOrder has mounts and the environment in any order, as podman has them: nobody inside can tell.
func TestOCIDeterministicOrder(t *testing.T) {
	run := cacheTest(t, "on")
	var first [2]cachedRun
	for i := range 4 {
		r := run(func(b *bundle) {
			mounts := []specs.Mount{
				{Destination: "/one", Type: "tmpfs", Source: "tmpfs"}, {Destination: "/two", Type: "bind", Source: b.cache, Options: []string{"rbind", "ro"}},
				{Destination: "/three", Type: "tmpfs", Source: "tmpfs"},
			}
			env := []string{"A=1", "AB=2", "B=3"}
			if i > 1 {
				slices.Reverse(mounts)
				slices.Reverse(env)
			}
			b.spec.Mounts = append(b.spec.Mounts, mounts...)
			b.spec.Process.Env = append(env, b.spec.Process.Env...)
			b.script([...]string{"env; cat /proc/self/mountinfo; ls /proc/1/fd; exec ls /proc/self/fd", "env; stat -c '%d %n' /one /two /three"}[i%2])
		})
		if r.Exit != 0 || !strings.Contains(r.Stdout, "A=1\n") || i%2 == 0 && !strings.HasSuffix(r.Stdout, "0\n1\n2\n0\n1\n2\n3\n") {
			t.Errorf("%+v", r)
		}
		if i < 2 {
			first[i] = r
		} else if r.result != first[i%2].result || i%2 == 1 && r.Skipped != r.Execs {
			t.Errorf("first %+v, in another order %+v", first[i%2], r)
		}
	}
}

// TestOCIDeterministicCacheBind leaves what is left in a directory of the host's in that.
func TestOCIDeterministicCacheBind(t *testing.T) {
	run := cacheTest(t, "on")
	for i := range 2 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "in"), []byte("in\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setxattr(filepath.Join(dir, "in"), "user.a", []byte("b"), 0); err != nil {
			t.Fatal(err)
		}
		r := run(func(b *bundle) {
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: dir, Options: []string{"rbind"}},
				specs.Mount{Destination: "/fresh", Type: "tmpfs", Source: "tmpfs"})
			b.script("cp -a /data/in /data/out; cp /data/in /fresh/in; cat /fresh/in")
		})
		if (r.Skipped > 0) != (i == 1) || r.Stdout != "in\n" || r.Verdict != "deterministic" {
			t.Errorf("run %d: %+v", i, r)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "out")); string(text) != "in\n" {
			t.Errorf("run %d: %q, %v", i, text, err)
		}
	}
}
