package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cacheFiles are the files below one of the cache's directories.
func (c *cached) cacheFiles(dir string) (files []string) {
	_ = filepath.WalkDir(filepath.Join(c.state, "laplace", "v1", "cache", dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// laplace runs another verb and returns what it says.
func (c *cached) laplace(args ...string) (string, error) {
	cmd := exec.Command(laplace(c.t), args...)
	cmd.Dir, cmd.Env = c.project, append(os.Environ(), "XDG_STATE_HOME="+c.state)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// same compares a cached run of a script with one without a cache, both from the present state.
func (c *cached) same(script string, wantSkipped bool) {
	c.t.Helper()
	a := c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", script)
	explained := c.explain()
	b := c.do(nil, []string{"--no-commit"}, "sh", "-c", script)
	if a.same() != b.same() {
		c.t.Errorf("with the cache:\n%s\nwithout:\n%s", a.same(), b.same())
	}
	if skipped := a.Report.Execs.Run == 0; skipped != wantSkipped {
		c.t.Errorf("%d of %d programs were run:\n%s", a.Report.Execs.Run, a.Report.Execs.Total, explained)
	}
}

const cacheScript = "cat f > o; echo more >> o; mkdir n; cp o n/p; ln n/p n/q; sort f; cat n/q"

func TestCacheStore(t *testing.T) {
	t.Parallel()
	setup := "seq 3000 > f; echo g > g"

	t.Run("21 outputs are not the store's", func(t *testing.T) {
		c := newCached(t, setup)
		for range 3 {
			r := c.do(nil, []string{"--cache"}, "sh", "-c", cacheScript)
			if got, err := os.ReadFile(filepath.Join(c.project, "o")); err != nil || !bytes.HasSuffix(got, []byte("3000\nmore\n")) {
				t.Errorf("%v: %q", err, got[max(0, len(got)-20):])
			}
			_ = r
			c.native("echo spoilt >> o; echo spoilt >> n/p; rm -rf o n")
		}
		c.same(cacheScript, true)
	})
	t.Run("54 input changed meanwhile", func(t *testing.T) {
		c := newCached(t, setup)
		done := make(chan bool)
		go func() {
			defer close(done)
			// The box has looked at the file when it has made another one.
			begun := filepath.Join(c.state, "laplace", "v1", "boxes", "*", "overlay-0", "upper", "begun")
			for range 3000 {
				if found, _ := filepath.Glob(begun); len(found) > 0 {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			_ = os.WriteFile(filepath.Join(c.project, "g"), []byte("other"), 0o644)
		}()
		script := "cat g; touch begun; " + python(`[hash(str(i)) for i in range(8000000)]`)
		r := c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", script)
		<-done
		if r.Report.Verdict != "tainted" {
			t.Errorf("the verdict is %s", r.Report.Verdict)
		}
		if entries := c.cacheFiles("entries"); len(entries) > 0 {
			t.Errorf("results are kept: %q", entries)
		}
	})
	t.Run("55 damage", func(t *testing.T) {
		c := newCached(t, setup)
		c.same(cacheScript, false)
		for _, dir := range []string{"contents", "entries"} {
			for _, path := range c.cacheFiles(dir) {
				if err := os.WriteFile(path, []byte("damaged"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c.same(cacheScript, false)
			c.same(cacheScript, true)
		}
		if out, err := c.laplace("cache", "verify"); err != nil || !strings.Contains(out, " 0 damaged") {
			t.Errorf("cache verify: %v, %s", err, out)
		}
	})
	t.Run("56 killed", func(t *testing.T) {
		c := newCached(t, setup)
		r := rand.New(rand.NewSource(1))
		for range 15 {
			cmd := exec.Command(laplace(t), "do", "--at", "/p", "--cache", "--no-commit", "--", "sh", "-c", cacheScript)
			cmd.Dir, cmd.Env = c.project, append(os.Environ(), "XDG_STATE_HOME="+c.state)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.Intn(120)) * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		a := c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", cacheScript)
		b := c.do(nil, []string{"--no-commit"}, "sh", "-c", cacheScript)
		if a.same() != b.same() {
			t.Errorf("with the cache:\n%s\nwithout:\n%s", a.same(), b.same())
		}
		c.same(cacheScript, true)
		if out, err := c.laplace("cache", "verify"); err != nil || !strings.Contains(out, " 0 damaged") {
			t.Errorf("cache verify: %v, %s", err, out)
		}
	})
	t.Run("57 two at once, 58 gc", func(t *testing.T) {
		c := newCached(t, setup)
		other := newCached(t, setup)
		other.state, other.aside = c.state, c.aside
		want := c.do(nil, []string{"--no-commit"}, "sh", "-c", cacheScript)
		stop, collected := make(chan bool), make(chan bool)
		go func() {
			defer close(collected)
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = c.laplace("cache", "gc", "--max-size", "0")
				}
			}
		}()
		var all sync.WaitGroup
		for i, x := range []*cached{c, other} {
			all.Go(func() {
				for range 5 {
					report := filepath.Join(c.state, fmt.Sprint("report", i))
					cmd := exec.Command(laplace(t), "do", "--at", "/p", "--ro", c.aside, "--cache", "--no-commit", "--report", report, "--", "sh", "-c", cacheScript)
					cmd.Dir, cmd.Env = x.project, append(os.Environ(), "XDG_STATE_HOME="+c.state)
					out, err := cmd.Output()
					if err != nil || string(out) != want.Stdout {
						t.Errorf("%v: %d bytes of output, want %d", err, len(out), len(want.Stdout))
					}
				}
			})
		}
		all.Wait()
		close(stop)
		<-collected
		c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", cacheScript)
		// What lies elsewhere on the host and is the same in the box is the same.
		other.same(cacheScript, true)
	})
	t.Run("59 jobs", func(t *testing.T) {
		const jobs = 20
		c := newCached(t, fmt.Sprintf("mkdir in; for i in $(seq %d); do echo $i > in/$i; done; printf 'sort in/$1 > out/$1\\nwc out/$1\\n' > job", jobs))
		const script = "mkdir out; for i in in/*; do sh job ${i#in/}; done; cat out/*"
		c.same(script, false)
		c.same(script, true)
		c.native("echo changed > in/7")
		r := c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", script)
		// The root, the job with its two programs, and cat.
		if x := r.Report.Execs; x.Run != 5 || x.Total != 3*jobs+3 {
			t.Errorf("%d of %d programs were run, want 5:\n%s", x.Run, x.Total, c.explain())
		}
		c.same(script, true)
	})
	t.Run("verify", func(t *testing.T) {
		// A program that goes by the name of one to which times mean nothing.
		c := newCached(t, setup+`; printf '#include <stdio.h>\n#include <sys/stat.h>\nint main(void){struct stat s; stat("f",&s); printf("%%ld\\n",(long)s.st_mtime); return 0;}' | cc -o uniq -xc -`)
		c.do(nil, nil, "true")
		for want, flags := range map[int][]string{0: {"--cache", "--no-commit"}} {
			if r := c.do(nil, flags, "./uniq"); r.Report.Exit != want {
				t.Errorf("exit %d", r.Report.Exit)
			}
		}
		c.do(nil, nil, "touch", "f")
		r := c.do(nil, []string{"--cache=verify", "--no-commit"}, "./uniq")
		if r.Report.Exit != 125 || !strings.Contains(r.Stderr, "the cache was wrong about ./uniq: it writes something else to descriptor 1") {
			t.Errorf("exit %d, %s", r.Report.Exit, r.Stderr)
		}
		if r := c.do(nil, []string{"--cache=verify", "--no-commit"}, "./uniq"); r.Report.Exit != 0 {
			t.Errorf("once more: exit %d, %s", r.Report.Exit, r.Stderr)
		}
		c.same(cacheScript, false)
		if r := c.do(nil, []string{"--cache=verify", "--no-commit"}, "sh", "-c", cacheScript); r.Report.Exit != 0 || r.Report.Execs.Skipped != 0 {
			t.Errorf("of what is right: exit %d, %d skipped, %s", r.Report.Exit, r.Report.Execs.Skipped, r.Stderr)
		}
	})
	t.Run("modes", func(t *testing.T) {
		c := newCached(t, setup)
		for _, x := range []struct {
			flag    string
			skipped bool
			kept    bool
		}{{"--cache=read", false, false}, {"--cache=write", false, true}, {"--cache=write", false, true}, {"--cache=read", true, true}, {"--no-cache", false, true}} {
			r := c.do(nil, []string{x.flag, "--no-commit"}, "sh", "-c", cacheScript)
			if skipped := r.Report.Execs.Run == 0; skipped != x.skipped || (len(c.cacheFiles("entries")) > 0) != x.kept {
				t.Errorf("%s: %d run, %d results", x.flag, r.Report.Execs.Run, len(c.cacheFiles("entries")))
			}
		}
	})
	t.Run("full disk", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("mount(2) is root's")
		}
		c := newCached(t, "head -c 3000000 /dev/urandom > f")
		small := filepath.Join(c.state, "laplace", "v1", "cache")
		if err := os.MkdirAll(small, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", small, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		defer syscall.Unmount(small, syscall.MNT_DETACH)
		const script = "cp f big; echo small > small"
		a := c.do(nil, []string{"--cache", "--no-commit"}, "sh", "-c", script)
		b := c.do(nil, []string{"--no-commit"}, "sh", "-c", script)
		if a.Report.Tree != b.Report.Tree || a.Report.Exit != 0 {
			t.Errorf("exit %d, %s", a.Report.Exit, a.Stderr)
		}
		if !strings.Contains(c.explainOf(a), "no space left") {
			t.Errorf("it is not said why: %s%s", a.Stderr, c.explainOf(a))
		}
		if out, err := c.laplace("cache", "verify"); err != nil {
			t.Errorf("cache verify: %v, %s", err, out)
		}
	})
}

// explainOf is what laplace explain says of the run before the last.
func (c *cached) explainOf(ran) string {
	out, _ := c.laplace("runs")
	lines := strings.Split(out, "\n")
	for _, line := range lines[min(len(lines), 2):] {
		if id, _, ok := strings.Cut(line, " "); ok {
			text, _ := c.laplace("explain", "--all", id)
			return text
		}
	}
	return out
}
