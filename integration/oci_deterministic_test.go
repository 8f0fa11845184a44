package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// verdictOf is what the supervisor of a container that has ended has found.
func (b *bundle) verdictOf(id string) (v struct {
	Verdict string
	Taints  []struct{ Kind, Detail string }
	Execs   int
}) {
	b.t.Helper()
	var text string
	eventually(b.t, "the verdict", func() bool {
		text = b.stateOf(id).Annotations["dev.laplace.verdict"]
		return text != ""
	})
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// TestOCIDeterministic runs containers that are not plain, twice each from the same start: they
// come to the same, whatever the host's clock, pids and random numbers are.
func TestOCIDeterministic(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		exit   int
		user   specs.User
		want   string // a part of the output
	}{
		"clock, pids, random": {script: `date +%s; echo $$; sh -c 'echo $$'; head -c 8 /dev/urandom | od -An -tx1; ps`, want: "1577836801\n1\n"},
		"status":              {script: "exit 7", exit: 7},
		"signal":              {script: "sh -c 'kill -9 $$'; echo $?", want: "137\n"},
		"files":               {script: "mkdir d; for i in 1 2 3; do echo $i > d/$i; done; ls -li d; stat -c '%i %Y' d", want: "3\n"},
		"pipes":               {script: "for i in 1 2 3; do (echo $i | cat; head -c $i /dev/zero | wc -c) & done; wait", want: "3\n"},
		"user":                {script: "id; echo x > /tmp/x 2>/dev/null || echo refused; cat /secret 2>/dev/null || echo closed", user: specs.User{UID: 1000, GID: 1000}, want: "uid=1000 gid=1000\nrefused\nclosed\n"},
		"orphans":             {script: "sh -c 'sleep 0.2; echo orphan' & sh -c '(sleep 0.1; echo below) &'; sleep 0.5; ps", want: "below\norphan\n"},
		"pid 1 and signals":   {script: "kill -TERM $$; kill -KILL $$; trap 'echo caught' USR1; kill -USR1 $$; echo alive", want: "caught\nalive\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var first string
			for range 2 {
				b := newBundle(t)
				b.spec.Annotations = nil
				b.spec.Process.User = test.user
				b.script(test.script)
				if err := os.WriteFile(filepath.Join(b.root, "secret"), []byte("secret\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("busybox", filepath.Join(b.root, "bin/od")); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("busybox", filepath.Join(b.root, "bin/date")); err != nil {
					t.Fatal(err)
				}
				b.spec.Root.Readonly = false
				b.write()
				r := b.do("run", "--keep", "box")
				if r.Exit != test.exit || !strings.Contains(r.Stdout, test.want) {
					t.Errorf("status %d, %q, %s", r.Exit, r.Stdout, r.Stderr)
				}
				if v := b.verdictOf("box"); v.Verdict != "deterministic" || v.Execs == 0 {
					t.Errorf("verdict %+v", v)
				}
				if first == "" {
					first = r.Stdout
				} else if r.Stdout != first {
					t.Errorf("first %q, then %q", first, r.Stdout)
				}
				b.ok("delete", "box")
			}
		})
	}
}

// TestOCIDeterministicInput has a container with a pipe as input, which stays open: what comes is
// read when it comes, and the container is signalled and killed as others are.
func TestOCIDeterministicInput(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.spec.Root.Readonly = false
	for _, test := range []struct{ script, sig string }{
		{"trap 'exit 3' TERM; touch /ready; while :; do sleep 0.1; done", "TERM"},
		{"touch /ready; sleep 1000", "KILL"},
		{"touch /ready; read line; echo $line > /line; touch /ready2; cat", "KILL"},
	} {
		os.Remove(filepath.Join(b.root, "ready"))
		os.Remove(filepath.Join(b.root, "ready2"))
		b.script(test.script)
		b.write()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd, out, errs := b.command("create", "box")
		cmd.Stdin = r
		if err := cmd.Run(); err != nil {
			t.Fatalf("create: %v, %s%s", err, content(out), content(errs))
		}
		r.Close()
		b.ok("start", "box")
		there := func(name string) func() bool {
			return func() bool { _, err := os.Stat(filepath.Join(b.root, name)); return err == nil }
		}
		eventually(t, "the script", there("ready"))
		if strings.Contains(test.script, "read line") {
			time.Sleep(50 * time.Millisecond)
			w.WriteString("hello\n")
			eventually(t, "the input", there("ready2"))
		}
		b.ok("kill", "box", test.sig)
		b.stopped("box")
		b.ok("delete", "box")
		w.Close()
	}
	if text, err := os.ReadFile(filepath.Join(b.root, "line")); err != nil || string(text) != "hello\n" {
		t.Errorf("it has read %q, %v", text, err)
	}
}

// TestOCIDeterministicIdle has a container wait: times pass as outside, and nothing is used up.
func TestOCIDeterministicIdle(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.script("sleep 1; echo slept; sleep 1000")
	b.write()
	begun := time.Now()
	b.ok("create", "box")
	b.ok("start", "box")
	time.Sleep(200 * time.Millisecond)
	if s := b.stateOf("box"); s.Status != "running" {
		t.Errorf("%s after %v", s.Status, time.Since(begun))
	}
	time.Sleep(2 * time.Second)
	if s := b.stateOf("box"); s.Status != "running" {
		t.Errorf("%s after %v: a thousand seconds have passed", s.Status, time.Since(begun))
	}
	b.ok("delete", "--force", "box")
}

// TestOCIDeterministicDates checks that files keep the dates that the container has seen.
func TestOCIDeterministicDates(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.spec.Root.Readonly = false
	b.script("mkdir /d; echo x > /d/f; ln -s f /d/l; touch -t 200102030405.06 /d/old; stat -c %Y /d /d/f /d/l /d/old")
	b.write()
	seen := strings.Fields(b.ok("run", "--keep", "box"))
	b.verdictOf("box")
	var have []string
	for _, name := range []string{"d", "d/f", "d/l", "d/old"} {
		fi, err := os.Lstat(filepath.Join(b.root, name))
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, strconv.FormatInt(fi.ModTime().Unix(), 10))
	}
	if !slices.Equal(seen, have) {
		t.Errorf("it has seen %v, and they have %v", seen, have)
	}
	b.ok("delete", "box")
}

// TestOCIDeterministicSettings runs a container with another seed, another start, another number of CPUs.
func TestOCIDeterministicSettings(t *testing.T) {
	run := func(annotations map[string]string) string {
		b := newBundle(t)
		b.spec.Annotations = annotations
		b.script("grep -c processor /proc/cpuinfo; head -c 4 /dev/urandom | tr -dc 0-9 | wc -c; head -c 20 /proc/sys/kernel/random/boot_id")
		b.write()
		return b.ok("run", "box")
	}
	plain := run(nil)
	if got := run(map[string]string{"dev.laplace.cpus": "3"}); !strings.HasPrefix(got, "3\n") || got == plain {
		t.Errorf("three CPUs: %q", got)
	}
	if got := run(map[string]string{"dev.laplace.seed": "another"}); got == plain {
		t.Errorf("another seed changes nothing: %q", got)
	}
	if got := run(nil); got != plain {
		t.Errorf("%q, then %q", plain, got)
	}
}

// TestOCIDeterministicLife creates, starts, looks at and ends a container that is traced.
func TestOCIDeterministicLife(t *testing.T) {
	b := newBundle(t)
	b.spec.Annotations = nil
	b.script("trap 'echo told; exit 4' TERM; touch /ready; while :; do sleep 0.1; done")
	b.spec.Root.Readonly = false
	b.write()
	b.ok("create", "box")
	b.ok("start", "box")
	if s := b.stateOf("box"); s.Status != "running" {
		t.Errorf("%s after start", s.Status)
	}
	// Before that pid 1 does not get the signal.
	eventually(t, "the trap", func() bool {
		_, err := os.Stat(filepath.Join(b.root, "ready"))
		return err == nil
	})
	if out := b.ok("exec", "box", "echo", "inside"); strings.TrimSpace(out) != "inside" {
		t.Errorf("exec: %q", out)
	}
	b.ok("kill", "box", "TERM")
	b.stopped("box")
	v := b.verdictOf("box")
	kinds := ""
	for _, taint := range v.Taints {
		kinds += taint.Kind + " "
	}
	if v.Verdict != "tainted" || !strings.Contains(kinds, "exec") || !strings.Contains(kinds, "signal") {
		t.Errorf("verdict %+v", v)
	}
	b.ok("delete", "box")

	// Killed from outside, it has not come to its end by itself.
	b.script("sleep 1000")
	b.write()
	b.ok("create", "box")
	b.ok("start", "box")
	b.ok("kill", "box", "KILL")
	b.stopped("box")
	if v := b.verdictOf("box"); v.Verdict != "tainted" {
		t.Errorf("killed: verdict %+v", v)
	}
	b.ok("delete", "box")

	// Deleted before it has begun, nothing is left.
	b.ok("create", "box")
	b.ok("delete", "--force", "box")
}
